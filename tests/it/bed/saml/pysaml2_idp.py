"""An identity provider made with pysaml2: `/sso` asks for a name and a password where a request that is signed brings somebody, and sends
them back with an assertion that is signed, and encrypted for whoever asked; `/metadata` says who it is.

Takes its port, and the directory where its key idp.key with idp.crt, those of its address, tls.key with tls.crt, and sp.xml lie, the
metadata of whoever asks. They are read anew each time. Says `ready`, then a line for every request that it does not take. What it was
asked, and how it answered, stands in `asked`, a line of JSON each.

pysaml2 encrypts by 3DES, has no setting for it, and reads nothing of what the metadata of the other side says of it
(EncryptionMethod). So the first of the ciphers there that authenticate is set for it here, unless there is a file `by-itself`.
"""

import base64
import html
import json
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import saml2.entity
from saml2 import BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server
from saml2.sigver import CryptoBackendXmlSec1, pre_encryption_part, verify_redirect_signature

PORT, AT = int(sys.argv[1]), Path(sys.argv[2])
SELF = f"https://127.0.0.1:{PORT}"
MFA = "https://refeds.org/profile/mfa"
PASSWORDS = {"zoe": "vq7-Torf-Lampe"}
CIPHERS = {
    "http://www.w3.org/2009/xmlenc11#aes128-gcm": "aes-128",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm": "aes-256",
}
ENCRYPT = CryptoBackendXmlSec1.encrypt_assertion


def server() -> Server:
    sp = AT / "sp.xml"
    made = Server(config=IdPConfig().load({
        "entityid": f"{SELF}/metadata",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": str(AT / "idp.key"),
        "cert_file": str(AT / "idp.crt"),
        "metadata": {"local": [str(sp)]} if sp.exists() else {},
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [(f"{SELF}/sso", BINDING_HTTP_REDIRECT)]},
            "want_authn_requests_signed": True,
            "sign_response": True,
            "sign_assertion": True,
            "encrypt_assertion": True,
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
        }},
    }))
    # Names that last are the same, whichever of them answers.
    made.ident = NAMES or made.ident
    return made


NAMES = None


def encrypts(made: Server, whom: str) -> None:
    """Has it encrypt for `whom` as their metadata asks."""
    saml2.entity.pre_encryption_part, CryptoBackendXmlSec1.encrypt_assertion = pre_encryption_part, ENCRYPT
    if (AT / "by-itself").exists():
        return
    keys = [key for role in made.metadata[whom]["spsso_descriptor"] for key in role.get("key_descriptor", [])]
    methods = [method["algorithm"] for key in keys for method in key.get("encryption_method", [])]
    cipher = next(method for method in methods if method in CIPHERS)

    def by(self, statement, enc_key, template, key_type=None, node_xpath=None, node_id=None):
        return ENCRYPT(self, statement, enc_key, template, CIPHERS[cipher], node_xpath, node_id)

    saml2.entity.pre_encryption_part = lambda **words: pre_encryption_part(msg_enc=cipher, **words)
    CryptoBackendXmlSec1.encrypt_assertion = by


def read(made: Server, query: str):
    """What a request says, and whether whoever says so signed it."""
    said = dict(parse_qsl(query))
    # It looks for signatures within requests, where one that stands in an address has none (SAML bindings, section 3.4.4.1).
    made.config.setattr("idp", "want_authn_requests_signed", False)
    asked = made.parse_authn_request(said["SAMLRequest"], BINDING_HTTP_REDIRECT).message
    certificates = made.metadata.certs(asked.issuer.text, "spsso", "signing")
    certificates = [one if isinstance(one, str) else one[1] for one in certificates]
    signed = "Signature" in said and any(
        verify_redirect_signature(dict(said), made.sec.sec_backend, one) for one in certificates
    )
    return asked, signed


class Provider(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/metadata":
            return self.say(str(entity_descriptor(server().config)), kind="application/samlmetadata+xml")
        if url.path != "/sso":
            return self.say("<h1>Nothing</h1>", 404)
        self.attempt(lambda: self.ask(url.query))

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        self.attempt(lambda: self.answer(form))

    def attempt(self, what):
        try:
            what()
        except Exception as error:  # Whatever the library says is what a test wants to read.
            self.refuse(f"{type(error).__name__}: {error}")

    def ask(self, query):
        _, signed = read(server(), query)
        if not signed:
            return self.refuse("a request that is not signed")
        self.say(f"""<h1>Kessel &amp; Lund, sign in</h1><form method="post" action="/sso">
            <input type="hidden" name="query" value="{html.escape(query)}"><input id="username" name="username">
            <input id="password" type="password" name="password"><button id="submit">Sign in</button></form>""")

    def answer(self, form):
        if PASSWORDS.get(form["username"]) != form["password"]:
            return self.refuse("another password")
        made = server()
        asked, signed = read(made, form["query"])
        if not signed:
            return self.refuse("a request that is not signed")
        where = made.response_args(asked)
        encrypts(made, where["sp_entity_id"])
        response = str(made.create_authn_response(
            identity={"mail": [f"{form['username']}@auditors.example"]},
            userid=form["username"],
            name_id_policy=asked.name_id_policy,
            authn={"class_ref": MFA, "authn_auth": f"{SELF}/metadata"},
            sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
            in_response_to=where["in_response_to"],
            destination=where["destination"],
            sp_entity_id=where["sp_entity_id"],
        ))
        sealed = re.search(r'EncryptedData.*?EncryptionMethod Algorithm="([^"]*)"', response, re.DOTALL)
        with (AT / "asked").open("a") as file:
            print(json.dumps({
                "signed": signed,
                "issuer": asked.issuer.text,
                "format": asked.issuer.format,
                "qualifier": asked.issuer.name_qualifier,
                "policy": asked.name_id_policy.format,
                "acs": asked.assertion_consumer_service_url,
                "destination": asked.destination,
                "cipher": sealed and sealed.group(1),
                "clear": ":NameID" in response,
            }), file=file)
        text = base64.b64encode(response.encode()).decode()
        self.say(f"""<body onload="document.forms[0].submit()"><form method="post" action="{html.escape(where['destination'])}">
            <input type="hidden" name="SAMLResponse" value="{text}"></form></body>""")

    def refuse(self, why):
        print(why, flush=True)
        self.say(f"<h1>Refused</h1><p>{html.escape(why)}</p>", 403)

    def say(self, text, status=200, kind="text/html"):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    global NAMES
    NAMES = server().ident
    listener = ThreadingHTTPServer(("127.0.0.1", PORT), Provider)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(AT / "tls.crt", AT / "tls.key")
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    print("ready", flush=True)
    listener.serve_forever()


if __name__ == "__main__":
    main()
