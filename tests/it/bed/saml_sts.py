"""pysaml2 as an identity provider whose people assume roles, and boto3 as the client that they do it with.

Usage: saml_sts.py metadata DIRECTORY ENTITY_ID   writes idp.xml; DIRECTORY holds idp.key and idp.crt
       saml_sts.py provider DIRECTORY ENTITY_ID ENDPOINT NAME
           gives IAM idp.xml, and the private key first.pem, and prints as JSON what it knows of the provider then
       saml_sts.py assume DIRECTORY ENTITY_ID ENDPOINT ROLE_ARN PROVIDER_ARN
           assumes the role twice by one response, prints as JSON what came of both and who the session is,
           and leaves another response in base64 in `assertion`; where DIRECTORY holds sp.crt, assertions are encrypted for it
"""

import base64
import json
import sys
from pathlib import Path

import boto3
import saml2.entity
import saml2.sigver
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server

IDP = "https://idp.test/metadata"
AWS = "https://aws.amazon.com/SAML/Attributes/"

SP_METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{sp}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{key}
<md:AssertionConsumerService Binding="{post}" Location="{sp}" index="0"/>
</md:SPSSODescriptor></md:EntityDescriptor>"""

KEY = """<md:KeyDescriptor use="encryption"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
<ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"""


def with_gcm() -> None:
    """It encrypts by 3DES where nobody says otherwise, and has no setting to say it."""
    part = saml2.sigver.pre_encryption_part
    aes = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
    saml2.entity.pre_encryption_part = lambda **words: part(msg_enc=aes, **words)
    encrypt = saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion

    def by_aes(self, statement, enc_key, template, key_type=None, node_xpath=None, node_id=None):
        return encrypt(self, statement, enc_key, template, "aes-256", node_xpath, node_id)

    saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion = by_aes


def key_of(at: Path) -> str:
    if not (at / "sp.crt").exists():
        return ""
    lines = (at / "sp.crt").read_text().splitlines()
    return KEY.format("".join(line for line in lines if not line.startswith("---")))


def configured(at: Path, sp: str) -> Server:
    (at / "sp.xml").write_text(SP_METADATA.format(sp=sp, post=BINDING_HTTP_POST, key=key_of(at)))
    return Server(config=IdPConfig().load({
        "entityid": IDP,
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": str(at / "idp.key"),
        "cert_file": str(at / "idp.crt"),
        "metadata": {"local": [str(at / "sp.xml")]},
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [("https://idp.test/sso", BINDING_HTTP_REDIRECT)]},
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
        }},
    }))


def response(server: Server, sp: str, role: str, provider: str, encrypted: bool) -> str:
    made = str(server.create_authn_response(
        identity={
            AWS + "Role": [f"{role},{provider}"],
            AWS + "RoleSessionName": ["alice"],
            AWS + "PrincipalTag:Team": ["shop"],
            "mail": ["alice@example.com"],
            "eduPersonAffiliation": ["staff", "member"],
        },
        in_response_to=None,
        destination=sp,
        sp_entity_id=sp,
        name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="p-4711", sp_name_qualifier=sp),
        authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "authn_auth": IDP},
        sign_assertion=True,
        encrypt_assertion=encrypted,
        encrypt_assertion_self_contained=encrypted,
        sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
    ))
    return base64.b64encode(made.encode()).decode()


def assume(client, role: str, provider: str, assertion: str) -> dict:
    try:
        return client.assume_role_with_saml(RoleArn=role, PrincipalArn=provider, SAMLAssertion=assertion)
    except ClientError as error:
        said = error.response["Error"]
        return {"class": type(error).__name__, "code": said["Code"], "message": said["Message"]}


def main() -> None:
    stage, at, sp = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    server = configured(at, sp)
    if stage == "metadata":
        (at / "idp.xml").write_text(str(entity_descriptor(server.config)))
        return
    if stage == "provider":
        endpoint, name = sys.argv[4:]
        iam = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1")
        made = iam.create_saml_provider(
            Name=name, SAMLMetadataDocument=(at / "idp.xml").read_text(), AssertionEncryptionMode="Required",
            AddPrivateKey=(at / "first.pem").read_text(),
        )
        print(json.dumps(iam.get_saml_provider(SAMLProviderArn=made["SAMLProviderArn"]), default=str))
        return
    endpoint, role, provider = sys.argv[4:]
    encrypted = (at / "sp.crt").exists()
    with_gcm()
    client = boto3.client("sts", endpoint_url=endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    assertion = response(server, sp, role, provider, encrypted)
    told = [assume(client, role, provider, assertion) for _ in range(2)]
    if "Credentials" not in told[0]:
        sys.exit(f"the role was not assumed: {told}")
    keys = told[0]["Credentials"]
    own = boto3.client(
        "sts", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )
    (at / "assertion").write_text(response(server, sp, role, provider, encrypted))
    print(json.dumps({"told": told, "is": own.get_caller_identity()["Arn"]}, default=str))


if __name__ == "__main__":
    main()
