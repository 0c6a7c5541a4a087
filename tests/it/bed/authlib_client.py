"""An application that signs people in, with Authlib: prints where it sends a browser, then what it learns, a line of JSON each.

With `key FILE` it makes itself a key, and prints the public half.
"""

import json
import os
import secrets
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken

ISSUER, ID, SECRET = (os.environ.get(name) for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))
BACK = f"http://127.0.0.1:{os.environ.get('PORT')}/cb"


def say(what):
    print(json.dumps(what), flush=True)


def session(endpoints, scope):
    return OAuth2Session(
        ID,
        SECRET,
        scope=scope,
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint=endpoints["token_endpoint"],
        # Libraries whose versions differ here: the server says which it takes.
        token_endpoint_auth_method=endpoints["token_endpoint_auth_methods_supported"][0],
    )


def claims_of(endpoints, token, nonce):
    keys = JsonWebKey.import_key_set(requests.get(endpoints["jwks_uri"], timeout=30).json())
    wanted = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": ID}}
    claims = jwt.decode(
        token["id_token"],
        keys,
        claims_cls=CodeIDToken,
        claims_options=wanted,
        claims_params={"nonce": nonce, "client_id": ID, "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    return dict(claims)


def learn(endpoints, client, address, state, nonce, verifier):
    token = client.fetch_token(authorization_response=address, state=state, code_verifier=verifier)
    learnt = {"claims": claims_of(endpoints, token, nonce), "userinfo": client.get(endpoints["userinfo_endpoint"]).json()}
    introspect = endpoints["introspection_endpoint"]
    learnt["active"] = client.introspect_token(introspect, token=token["access_token"]).json()["active"]
    following = client.refresh_token(endpoints["token_endpoint"], refresh_token=token["refresh_token"])
    learnt["refreshed"] = following["access_token"] != token["access_token"]
    client.revoke_token(endpoints["revocation_endpoint"], token=following["access_token"])
    learnt["revoked"] = not client.introspect_token(introspect, token=following["access_token"]).json()["active"]
    return learnt


def for_itself(endpoints):
    """A token of a client that shows itself by its key."""
    with open(os.environ["KEY_FILE"], encoding="ascii") as file:
        key = file.read()
    client = OAuth2Session("robot", key, token_endpoint_auth_method=PrivateKeyJWT(endpoints["issuer"], alg="ES256"))
    return client.fetch_token(endpoints["token_endpoint"], grant_type="client_credentials")["token_type"]


def main():
    endpoints = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json()
    client = session(endpoints, "openid profile email groups offline_access")
    nonce, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    url, state = client.create_authorization_url(
        endpoints["authorization_endpoint"], nonce=nonce, code_verifier=verifier
    )

    class Back(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/cb")
            self.send_response(200 if found else 404)
            self.send_header("content-type", "text/html")
            self.end_headers()
            if not found:
                return
            try:
                learnt = learn(endpoints, client, f"http://127.0.0.1{self.path}", state, nonce, verifier)
                learnt["itself"] = for_itself(endpoints)
            except Exception as error:  # what is wrong is for the test to tell
                learnt = {"error": repr(error)}
            self.wfile.write(b"<h1>Back at the application</h1>")
            say(learnt)
            self.server.done = True

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Back)
    server.done = False
    say({"url": url})
    while not server.done:
        server.handle_request()


def make_key(path):
    key = JsonWebKey.generate_key("EC", "P-256", {"kid": "robot", "use": "sig", "alg": "ES256"}, is_private=True)
    with open(path, "wb") as file:
        file.write(key.as_pem(is_private=True))
    say({"keys": [key.as_dict(is_private=False)]})


if sys.argv[1:2] == ["key"]:
    make_key(sys.argv[2])
else:
    main()
