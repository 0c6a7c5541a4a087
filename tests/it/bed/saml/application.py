"""What applications of the tests have in common: sessions that a cookie names, pages that show who signed in, and an address with TLS.

Each takes its port, and the directory where idp.xml, its key sp.key with sp.crt, and those of its address, tls.key with tls.crt, lie. It
says `ready`, then a line for every message that it does not take.
"""

import html
import secrets
import ssl
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

PORT, AT = int(sys.argv[1]), Path(sys.argv[2])
SELF = f"https://127.0.0.1:{PORT}"
MFA = "https://refeds.org/profile/mfa"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


class Application(BaseHTTPRequestHandler):
    """Sends each request to `route`, with the session of whoever asks: a dictionary that is there before its person is."""

    # One that no other application of this host has: a port keeps cookies from nobody.
    cookie = ""
    sessions = {}

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        length = int(self.headers["content-length"])
        self.answer(dict(parse_qsl(self.rfile.read(length).decode())))

    def answer(self, form):
        url = urlsplit(self.path)
        cookie = SimpleCookie(self.headers.get("cookie", "")).get(self.cookie)
        self.key = cookie.value if cookie and cookie.value in self.sessions else secrets.token_hex(16)
        session = self.sessions.setdefault(self.key, {})
        try:
            self.route(url, session, form)
        except Exception as error:  # Whatever the library says is what a test wants to read.
            self.refuse(f"{type(error).__name__}: {error}")

    def show(self, told):
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
        self.send_header("set-cookie", f"{self.cookie}={self.key}; Path=/; Secure; HttpOnly; SameSite=None")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @classmethod
    def serve(cls):
        server = ThreadingHTTPServer(("127.0.0.1", PORT), cls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(AT / "tls.crt", AT / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("ready", flush=True)
        server.serve_forever()
