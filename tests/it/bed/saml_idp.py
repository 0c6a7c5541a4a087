"""pysaml2 as an identity provider: writes its metadata, and a response of each kind, into a directory.

Usage: saml_idp.py DIRECTORY, which holds idp.key, idp.crt, sp.key and sp.crt.
"""

import sys
from pathlib import Path

import saml2.entity
import saml2.sigver
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server

IDP = "https://idp.test/metadata"
SP = "https://bailey.test/saml"
ACS = "https://bailey.test/saml/acs"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
AES_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"

SP_METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{sp}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{cert}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:AssertionConsumerService Binding="{post}" Location="{acs}" index="0"/>
</md:SPSSODescriptor></md:EntityDescriptor>"""


def configured(at: Path) -> Server:
    lines = (at / "sp.crt").read_text().splitlines()
    certificate = "".join(line for line in lines if not line.startswith("---"))
    (at / "sp.xml").write_text(SP_METADATA.format(sp=SP, cert=certificate, post=BINDING_HTTP_POST, acs=ACS))
    return Server(config=IdPConfig().load({
        "entityid": IDP,
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": str(at / "idp.key"),
        "cert_file": str(at / "idp.crt"),
        "metadata": {"local": [str(at / "sp.xml")]},
        "service": {"idp": {
            "endpoints": {
                "single_sign_on_service": [("https://idp.test/sso", BINDING_HTTP_REDIRECT)],
                "single_logout_service": [("https://idp.test/slo", BINDING_HTTP_REDIRECT)],
            },
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
        }},
    }))


def with_gcm() -> None:
    """It encrypts by 3DES where nobody says otherwise, and has no setting to say it."""
    part = saml2.sigver.pre_encryption_part
    saml2.entity.pre_encryption_part = lambda **words: part(msg_enc=AES_GCM, **words)
    encrypt = saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion

    def by_aes(self, statement, enc_key, template, key_type=None, node_xpath=None, node_id=None):
        return encrypt(self, statement, enc_key, template, "aes-256", node_xpath, node_id)

    saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion = by_aes


def main() -> None:
    at = Path(sys.argv[1])
    server = configured(at)
    from saml2.metadata import entity_descriptor
    (at / "idp.xml").write_text(str(entity_descriptor(server.config)))

    def response(**words) -> str:
        return str(server.create_authn_response(
            identity={"mail": ["alice@example.com"], "givenName": ["Älice & Co"], "eduPersonEntitlement": ["urn:a", "urn:b"]},
            in_response_to="_request-1",
            destination=ACS,
            sp_entity_id=SP,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="alice@example.com", sp_name_qualifier=SP),
            authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "authn_auth": IDP},
            sign_alg=RSA_SHA256,
            digest_alg=SHA256,
            **words,
        ))

    (at / "cbc.xml").write_text(response(sign_assertion=True, encrypt_assertion=True, encrypt_assertion_self_contained=True))
    with_gcm()
    both = {"encrypt_assertion": True, "encrypt_assertion_self_contained": True}
    (at / "response.xml").write_text(response(sign_response=True))
    (at / "assertion.xml").write_text(response(sign_assertion=True))
    (at / "both.xml").write_text(response(sign_response=True, sign_assertion=True))
    (at / "neither.xml").write_text(response())
    (at / "encrypted.xml").write_text(response(sign_assertion=True, **both))
    (at / "encrypted-response.xml").write_text(response(sign_response=True, **both))
    (at / "encrypted-both.xml").write_text(response(sign_response=True, sign_assertion=True, **both))


if __name__ == "__main__":
    main()
