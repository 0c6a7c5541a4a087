"""A service provider made with python3-saml: `/private` and `/strong` show who signed in, `/logout` signs out everywhere."""

from urllib.parse import parse_qsl

from application import AT, MFA, PERSISTENT, PORT, REDIRECT, RSA_SHA256, SELF, SHA256, Application
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.settings import OneLogin_Saml2_Settings

ELSEWHERE = f"https://localhost:{PORT}"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def settings(asked):
    own = {
        "strict": True,
        "sp": {
            "entityId": f"{SELF}/metadata",
            "assertionConsumerService": {"url": f"{SELF}/acs"},
            "singleLogoutService": {"url": f"{SELF}/slo"},
            "NameIDFormat": PERSISTENT,
            "x509cert": (AT / "sp.crt").read_text(),
            "privateKey": (AT / "sp.key").read_text(),
        },
        "security": {
            "authnRequestsSigned": True,
            "logoutRequestSigned": True,
            "logoutResponseSigned": True,
            "wantMessagesSigned": True,
            "wantAssertionsSigned": True,
            "wantAssertionsEncrypted": True,
            "signMetadata": True,
            "signatureAlgorithm": RSA_SHA256,
            "digestAlgorithm": SHA256,
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": asked,
            "failOnAuthnContextMismatch": asked is not False,
        },
    }
    told = OneLogin_Saml2_IdPMetadataParser.parse((AT / "idp.xml").read_text(), REDIRECT, REDIRECT)
    return OneLogin_Saml2_IdPMetadataParser.merge_settings(own, told)


class OneLogin(Application):
    cookie = "onelogin"

    def route(self, url, session, form):
        path = url.path
        request = {
            "https": "on",
            "http_host": f"127.0.0.1:{PORT}",
            "script_name": path,
            "get_data": dict(parse_qsl(url.query)),
            "post_data": form,
            "query_string": url.query,
        }
        asked = session.get("asked", [PASSWORD, MFA])
        if path == "/metadata":
            metadata = OneLogin_Saml2_Settings(settings(False), sp_validation_only=True).get_sp_metadata()
            return self.say(metadata.decode() if isinstance(metadata, bytes) else metadata, kind="text/xml")
        if path in ("/private", "/strong", "/elsewhere"):
            if "name" in session and path != "/elsewhere":
                return self.show(told(session))
            session["asked"] = [MFA] if path == "/strong" else False
            auth = OneLogin_Saml2_Auth(request, settings(session["asked"]))
            # An application whose sign-ins arrive at another host than it is used at.
            address = auth.login(return_to=f"{ELSEWHERE}/welcome" if path == "/elsewhere" else f"{SELF}{path}")
            session["request"] = auth.get_last_request_id()
            return self.lead(address)
        auth = OneLogin_Saml2_Auth(request, settings(asked))
        if path == "/acs":
            return self.consume(auth, session, request)
        if path == "/logout":
            address = auth.logout(
                return_to=f"{SELF}/out",
                name_id=session["name"],
                session_index=session["index"],
                name_id_format=session["format"],
            )
            session["request"] = auth.get_last_request_id()
            return self.lead(address)
        if path == "/slo":
            return self.sign_out(auth, session)
        if path == "/welcome":
            return self.say("<h1>Welcome</h1>")
        if path == "/out":
            return self.say("<h1>Signed out</h1>")
        return self.say("<h1>Nothing</h1>", 404)

    def consume(self, auth, session, request):
        auth.process_response(request_id=session.pop("request", None))
        if auth.get_errors() or not auth.is_authenticated():
            return self.refuse(f"{auth.get_errors()}: {auth.get_last_error_reason()}")
        attributes = auth.get_attributes()
        session.update(
            name=auth.get_nameid(),
            format=auth.get_nameid_format(),
            index=auth.get_session_index(),
            attributes=attributes,
            classes=auth.get_last_authn_contexts(),
        )
        return self.lead(auth.redirect_to(request["post_data"]["RelayState"]))

    def sign_out(self, auth, session):
        address = auth.process_slo(request_id=session.get("request"), delete_session_cb=session.clear)
        if auth.get_errors():
            return self.refuse(f"{auth.get_errors()}: {auth.get_last_error_reason()}")
        return self.lead(address or f"{SELF}/out")


def told(session):
    return {
        "name": session["name"],
        "mail": ";".join(session["attributes"].get("mail", [])),
        "display": ";".join(session["attributes"].get("displayName", [])),
        "groups": ";".join(session["attributes"].get("groups", [])),
        "class": ";".join(session["classes"]),
    }


if __name__ == "__main__":
    OneLogin.serve()
