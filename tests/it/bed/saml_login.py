"""pysaml2 as an identity provider at which people sign in.

Usage: saml_login.py metadata DIRECTORY              writes idp.xml; DIRECTORY holds idp.key and idp.crt
       saml_login.py answer DIRECTORY URL SUBJECT    reads the request in URL as sp.xml in DIRECTORY has it, verifies its signature, and
                                                     prints as JSON what it says, and a response to it in base64
"""

import base64
import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlparse

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import verify_redirect_signature

IDP = "https://idp.test/metadata"
MFA = "https://refeds.org/profile/mfa"


def configured(at: Path) -> Server:
    sp = at / "sp.xml"
    return Server(config=IdPConfig().load({
        "entityid": IDP,
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": str(at / "idp.key"),
        "cert_file": str(at / "idp.crt"),
        "metadata": {"local": [str(sp)]} if sp.exists() else {},
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [("https://idp.test/sso", BINDING_HTTP_REDIRECT)]},
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
        }},
    }))


def main() -> None:
    stage, at = sys.argv[1], Path(sys.argv[2])
    server = configured(at)
    if stage == "metadata":
        (at / "idp.xml").write_text(str(entity_descriptor(server.config)))
        return
    url, subject = sys.argv[3:]
    query = {name: values[0] for name, values in parse_qs(urlparse(url).query).items()}
    asked = server.parse_authn_request(query["SAMLRequest"], BINDING_HTTP_REDIRECT).message
    ours = server.metadata.certs(asked.issuer.text, "spsso", "signing")[0]
    certificate = ours if isinstance(ours, str) else ours[1]
    if not verify_redirect_signature(dict(query), server.sec.sec_backend, certificate):
        sys.exit("the request is not signed by the key of our metadata")
    where = server.response_args(asked)
    made = str(server.create_authn_response(
        identity={"mail": ["dee@example.test"]},
        name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=subject, sp_name_qualifier=where["sp_entity_id"]),
        authn={"class_ref": MFA, "authn_auth": IDP},
        sign_response=True,
        sign_assertion=True,
        sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
        in_response_to=where["in_response_to"],
        destination=where["destination"],
        sp_entity_id=where["sp_entity_id"],
    ))
    print(json.dumps({
        "id": asked.id,
        "issuer": asked.issuer.text,
        "format": asked.issuer.format,
        "qualifier": asked.issuer.name_qualifier,
        "policy": asked.name_id_policy.format,
        "acs": asked.assertion_consumer_service_url,
        "destination": asked.destination,
        "response": base64.b64encode(made.encode()).decode(),
    }))


if __name__ == "__main__":
    main()
