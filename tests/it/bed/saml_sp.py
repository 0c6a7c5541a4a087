"""pysaml2 as a service provider: asks, takes what it is answered, and signs out; a command in JSON on each line, an answer on each.

Usage: saml_sp.py DIRECTORY, which holds sp.key, sp.crt and idp.xml.
"""

import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import AuthnContextClassRef
from saml2.samlp import RequestedAuthnContext

SP = "https://sp.test/metadata"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
BINDINGS = {"redirect": BINDING_HTTP_REDIRECT, "post": BINDING_HTTP_POST}


def configured(at: Path, idp: bool) -> Saml2Client:
    key, certificate = str(at / "sp.key"), str(at / "sp.crt")
    config = {
        "entityid": SP,
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": key,
        "cert_file": certificate,
        "encryption_keypairs": [{"key_file": key, "cert_file": certificate}],
        "allow_unknown_attributes": True,
        "service": {"sp": {
            "endpoints": {
                "assertion_consumer_service": [("https://sp.test/acs", BINDING_HTTP_POST)],
                "single_logout_service": [
                    ("https://sp.test/slo", BINDING_HTTP_REDIRECT),
                    ("https://sp.test/slo/post", BINDING_HTTP_POST),
                ],
            },
            "authn_requests_signed": True,
            "want_response_signed": True,
            "want_assertions_signed": True,
            "logout_requests_signed": True,
            "name_id_policy_format": None,
        }},
    }
    if idp:
        config["metadata"] = {"local": [str(at / "idp.xml")]}
    return Saml2Client(config=SPConfig().load(config))


def first(query: str) -> dict:
    return {name: values[0] for name, values in parse_qs(urlsplit(query).query).items()}


class Provider:
    def __init__(self, at: Path) -> None:
        self.at, self.client, self.outstanding, self.last = at, configured(at, False), {}, None

    def metadata(self) -> dict:
        return {"xml": str(entity_descriptor(self.client.config))}

    def trust(self) -> dict:
        self.client = configured(self.at, True)
        self.idp = next(iter(self.client.metadata.with_descriptor("idpsso")))
        return {"idp": self.idp}

    def ask(self, binding: str, relay: str = "", context: str = "", **flags) -> dict:
        kind = BINDINGS[binding]
        to = self.client.sso_location(self.idp, kind)
        if context:
            reference = AuthnContextClassRef(text=context)
            flags["requested_authn_context"] = RequestedAuthnContext(authn_context_class_ref=[reference])
        sign = binding == "post"
        made, request = self.client.create_authn_request(to, sign=sign, sign_alg=RSA_SHA256, digest_alg=SHA256, **flags)
        sent = self.client.apply_binding(kind, str(request), to, relay, sign=True, sigalg=RSA_SHA256)
        self.outstanding[made] = "/"
        if binding == "redirect":
            return {"id": made, "to": dict(sent["headers"])["Location"]}
        import base64
        return {"id": made, "form": base64.b64encode(str(request).encode()).decode()}

    def take(self, response: str, unsolicited: bool = False) -> dict:
        self.client.allow_unsolicited = unsolicited
        taken = self.client.parse_authn_request_response(response, BINDING_HTTP_POST, self.outstanding)
        self.last = taken.name_id
        statement = taken.assertion.authn_statement[0]
        return {
            "name_id": taken.name_id.text,
            "format": taken.name_id.format,
            "attributes": taken.ava,
            "index": statement.session_index,
            "class": statement.authn_context.authn_context_class_ref.text,
            "id": taken.assertion.id,
        }

    def sign_out(self) -> dict:
        asked = self.client.do_logout(
            self.last, [self.idp], "urn:oasis:names:tc:SAML:2.0:logout:user", None,
            sign=True, sign_alg=RSA_SHA256, digest_alg=SHA256, expected_binding=BINDING_HTTP_REDIRECT)
        (_, sent), = asked.values()
        return {"to": dict(sent["headers"])["Location"]}

    def signed_out(self, address: str) -> dict:
        answer = first(address)
        taken = self.client.parse_logout_request_response(answer["SAMLResponse"], BINDING_HTTP_REDIRECT)
        return {"ok": bool(taken.status_ok()), "to": taken.in_response_to}

    def asked_out(self, address: str) -> dict:
        asked = first(address)
        sent = self.client.handle_logout_request(
            asked["SAMLRequest"], self.last, BINDING_HTTP_REDIRECT, sign=True, sign_alg=RSA_SHA256,
            digest_alg=SHA256, relay_state=asked.get("RelayState", ""))
        return {"to": dict(sent["headers"])["Location"]}


def main() -> None:
    provider = Provider(Path(sys.argv[1]))
    for line in sys.stdin:
        words = json.loads(line)
        try:
            answer = getattr(provider, words.pop("do"))(**words)
        except Exception as error:  # whatever it is, the test wants to see it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
