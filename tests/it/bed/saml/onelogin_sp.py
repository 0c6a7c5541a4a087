"""A service provider made with python3-saml: `/private` and `/strong` show who signed in, `/logout` signs out everywhere.

Takes its port, and the directory where idp.xml, its key sp.key with sp.crt, and those of its address, tls.key with tls.crt, lie. Says
`ready`, then a line for every message that it does not take.
"""

import html
import secrets
import ssl
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.settings import OneLogin_Saml2_Settings

PORT, AT = int(sys.argv[1]), Path(sys.argv[2])
SELF = f"https://127.0.0.1:{PORT}"
ELSEWHERE = f"https://localhost:{PORT}"
MFA = "https://refeds.org/profile/mfa"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
SESSIONS = {}


def settings(asked):
    own = {
        "strict": True,
        "sp": {
            "entityId": f"{SELF}/metadata",
            "assertionConsumerService": {"url": f"{SELF}/acs"},
            "singleLogoutService": {"url": f"{SELF}/slo"},
            "NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
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
            "signatureAlgorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "digestAlgorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": asked,
            "failOnAuthnContextMismatch": asked is not False,
        },
    }
    told = OneLogin_Saml2_IdPMetadataParser.parse((AT / "idp.xml").read_text(), REDIRECT, REDIRECT)
    return OneLogin_Saml2_IdPMetadataParser.merge_settings(own, told)


class Application(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        length = int(self.headers["content-length"])
        self.answer(dict(parse_qsl(self.rfile.read(length).decode())))

    def answer(self, form):
        url = urlsplit(self.path)
        cookie = SimpleCookie(self.headers.get("cookie", "")).get("onelogin")
        # A session is there before its person is, and holds what was asked for.
        self.key = cookie.value if cookie and cookie.value in SESSIONS else secrets.token_hex(16)
        session = SESSIONS.setdefault(self.key, {})
        request = {
            "https": "on",
            "http_host": f"127.0.0.1:{PORT}",
            "script_name": url.path,
            "get_data": dict(parse_qsl(url.query)),
            "post_data": form,
            "query_string": url.query,
        }
        try:
            self.route(url.path, session, request)
        except Exception as error:  # Whatever the library says is what a test wants to read.
            self.refuse(f"{type(error).__name__}: {error}")

    def route(self, path, session, request):
        asked = session.get("asked", [PASSWORD, MFA])
        if path == "/metadata":
            metadata = OneLogin_Saml2_Settings(settings(False), sp_validation_only=True).get_sp_metadata()
            return self.say(metadata.decode() if isinstance(metadata, bytes) else metadata, kind="text/xml")
        if path in ("/private", "/strong", "/elsewhere"):
            if "name" in session and path != "/elsewhere":
                return self.show(session)
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

    def show(self, session):
        told = {
            "name": session["name"],
            "mail": ";".join(session["attributes"].get("mail", [])),
            "display": ";".join(session["attributes"].get("displayName", [])),
            "groups": ";".join(session["attributes"].get("groups", [])),
            "class": ";".join(session["classes"]),
        }
        lines = "".join(f'<p id="{key}">{html.escape(value)}</p>' for key, value in told.items())
        self.say(f"<h1>Signed in</h1>{lines}")

    def refuse(self, why):
        print(why, flush=True)
        self.say(f"<h1>Refused</h1><p>{html.escape(why)}</p>", 403)

    def lead(self, address):
        self.say("", 302, [("location", address)])

    def say(self, text, status=200, headers=(), kind="text/html"):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", f"onelogin={self.key}; Path=/; Secure; HttpOnly; SameSite=None")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Application)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(AT / "tls.crt", AT / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
