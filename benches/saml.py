"""python3-saml beside Bailey: how long it takes to validate the same response, and to sign one of its size, in one thread.

Usage: saml.py DIRECTORY, with what bailey-saml-bench left there; it takes Debian's python3-onelogin-saml2.
"""

import base64
import statistics
import sys
import time
from pathlib import Path

from onelogin.saml2.constants import OneLogin_Saml2_Constants as Constants
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils

SP = "https://sp.test/metadata"
ACS = "https://sp.test/acs"
IDP = "https://idp.test/metadata"


def median(rounds: int, work) -> float:
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e6


def main() -> None:
    at = Path(sys.argv[1])
    text = (at / "response.xml").read_text()
    key, certificate = (at / "key.pem").read_text(), (at / "certificate.pem").read_text()
    settings = OneLogin_Saml2_Settings({
        "strict": True,
        "sp": {"entityId": SP, "assertionConsumerService": {"url": ACS}},
        "idp": {"entityId": IDP, "singleSignOnService": {"url": "https://idp.test/sso"}, "x509cert": certificate},
        "security": {"wantAssertionsSigned": True, "wantMessagesSigned": True},
    })
    request = {"https": "on", "http_host": "sp.test", "script_name": "/acs", "get_data": {}, "post_data": {}}
    encoded = base64.b64encode(text.encode()).decode()

    def validate() -> None:
        response = OneLogin_Saml2_Response(settings, encoded)
        if not response.is_valid(request, "_request"):
            raise SystemExit(f"python3-saml refuses the response: {response.get_error()}")

    unsigned = text[: text.index("<ds:Signature")] + text[text.index("</ds:Signature>") + len("</ds:Signature>"):]

    def sign() -> None:
        Utils.add_sign(unsigned, key, certificate, False, Constants.RSA_SHA256, Constants.SHA256)

    print(f"python3-saml, response validated: {median(200, validate):.1f} us")
    print(f"python3-saml, one signature added: {median(200, sign):.1f} us")


main()
