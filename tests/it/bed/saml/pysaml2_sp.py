"""A service provider made with pysaml2: `/private`, `/strong` and `/by-address` show who signed in, `/logout` signs out everywhere."""

from threading import Lock
from urllib.parse import parse_qsl

from application import AT, MFA, RSA_SHA256, SELF, SHA256, Application
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, AuthnContextClassRef
from saml2.samlp import RequestedAuthnContext
from saml2.sigver import verify_redirect_signature

REASON = "urn:oasis:names:tc:SAML:2.0:logout:user"
SIGNED = {"sign_alg": RSA_SHA256, "digest_alg": SHA256}


def made():
    key, certificate = str(AT / "sp.key"), str(AT / "sp.crt")
    return Saml2Client(config=SPConfig().load({
        "entityid": f"{SELF}/metadata",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": key,
        "cert_file": certificate,
        "encryption_keypairs": [{"key_file": key, "cert_file": certificate}],
        "allow_unknown_attributes": True,
        "metadata": {"local": [str(AT / "idp.xml")]},
        "service": {"sp": {
            "endpoints": {
                "assertion_consumer_service": [(f"{SELF}/acs", BINDING_HTTP_POST)],
                "single_logout_service": [(f"{SELF}/slo", BINDING_HTTP_REDIRECT), (f"{SELF}/slo", BINDING_HTTP_POST)],
            },
            "authn_requests_signed": True,
            "want_response_signed": True,
            "want_assertions_signed": True,
            "logout_requests_signed": True,
            "name_id_policy_format": None,
            "allow_unsolicited": True,
        }},
    }))


CLIENT = made()
PROVIDER = next(iter(CLIENT.metadata.with_descriptor("idpsso")))
# One client knows everybody, and is made for one thread.
LOCK = Lock()


class Pysaml2(Application):
    cookie = "pysaml2"

    def route(self, url, session, form):
        with LOCK:
            return self.routed(url, session, form)

    def routed(self, url, session, form):
        path = url.path
        if path == "/metadata":
            return self.say(str(entity_descriptor(CLIENT.config)), kind="text/xml")
        if path in ("/private", "/strong", "/by-address"):
            return self.show(shown(session)) if "name" in session else self.ask(path, session)
        if path == "/acs":
            return self.consume(session, form)
        if path == "/logout":
            asked = CLIENT.do_logout(
                session["name"], [PROVIDER], REASON, None, sign=True, expected_binding=BINDING_HTTP_REDIRECT, **SIGNED
            )
            session["left"] = list(CLIENT.state)[-1]
            ((_, sent),) = asked.values()
            return self.sends(sent)
        if path == "/slo":
            return self.sign_out(url, session, form)
        if path == "/out":
            return self.say("<h1>Signed out</h1>")
        return self.say("<h1>Nothing</h1>", 404)

    def ask(self, path, session):
        """Two factors are asked for by a form, which is signed in itself; the rest by an address, which is signed beside."""
        binding = BINDING_HTTP_POST if path == "/strong" else BINDING_HTTP_REDIRECT
        more = {"nameid_format": NAMEID_FORMAT_EMAILADDRESS} if path == "/by-address" else {}
        session["class"] = MFA if path == "/strong" else None
        if path == "/strong":
            reference = AuthnContextClassRef(text=MFA)
            more["requested_authn_context"] = RequestedAuthnContext(authn_context_class_ref=[reference])
        to, by_form = CLIENT.sso_location(PROVIDER, binding), binding == BINDING_HTTP_POST
        made, request = CLIENT.create_authn_request(to, sign=by_form, **SIGNED, **more)
        session.setdefault("asked", {})[made] = path
        return self.sends(CLIENT.apply_binding(binding, str(request), to, f"{SELF}{path}", sign=True, sigalg=RSA_SHA256))

    def consume(self, session, form):
        asked = session.get("asked", {})
        taken = CLIENT.parse_authn_request_response(form["SAMLResponse"], BINDING_HTTP_POST, asked)
        # It takes what nobody asked for, and then whatever answers somebody else, too.
        if taken.in_response_to and asked.pop(taken.in_response_to, None) is None:
            return self.refuse(f"nobody asked for {taken.in_response_to}")
        context = taken.assertion.authn_statement[0].authn_context.authn_context_class_ref.text
        if session.get("class") not in (None, context):
            return self.refuse(f"{context} is not {session['class']}")
        session.update(name=taken.name_id, attributes=taken.ava, context=context)
        return self.lead(form["RelayState"])

    def sign_out(self, url, session, form):
        message, binding = (form, BINDING_HTTP_POST) if form else (dict(parse_qsl(url.query)), BINDING_HTTP_REDIRECT)
        if binding == BINDING_HTTP_REDIRECT and not signed(message):
            return self.refuse("the message is not signed, or by somebody else")
        if "SAMLResponse" in message:
            answer = CLIENT.parse_logout_request_response(message["SAMLResponse"], binding)
            if answer.in_response_to != session.pop("left", None) or not answer.status_ok():
                return self.refuse("that is no answer to what was asked")
            CLIENT.handle_logout_response(answer)
            session.clear()
            return self.lead(f"{SELF}/out")
        sent = CLIENT.handle_logout_request(
            message["SAMLRequest"], session.get("name"), binding, sign=True, relay_state=message.get("RelayState", ""), **SIGNED
        )
        session.clear()
        return self.sends(sent)

    def sends(self, sent):
        headers = dict(sent["headers"])
        return self.lead(headers["Location"]) if "Location" in headers else self.say(sent["data"])


def signed(message):
    """Whether what is signed beside a message is so by the provider: the library leaves that to whoever calls it."""
    known = CLIENT.metadata.certs(PROVIDER, "idpsso", "signing")
    by = (verify_redirect_signature(message, CLIENT.sec.sec_backend, certificate) for certificate in known)
    return "Signature" in message and any(by)


def shown(session):
    attributes = {key: ";".join(session["attributes"].get(key, [])) for key in ("mail", "displayName", "groups")}
    return {
        "name": session["name"].text,
        "format": session["name"].format or "",
        "mail": attributes["mail"],
        "display": attributes["displayName"],
        "groups": attributes["groups"],
        "class": session["context"],
    }


if __name__ == "__main__":
    Pysaml2.serve()
