# Signs the claims on its standard input by every algorithm, and forges tokens by the public halves of its keys.
import base64, hashlib, hmac, json, sys
import jwt
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

claims = json.load(sys.stdin)
pairs = {
    "rsa": (rsa.generate_private_key(65537, 2048), ["RS256", "RS384", "RS512", "PS256"]),
    "p256": (ec.generate_private_key(ec.SECP256R1()), ["ES256"]),
    "p384": (ec.generate_private_key(ec.SECP384R1()), ["ES384"]),
    "p521": (ec.generate_private_key(ec.SECP521R1()), ["ES512"]),
    "ed": (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
}
keys, tokens, forged = [], {}, {}
b64 = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(kid, alg, secret):
    head = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": kid}).encode())
    signed = head + "." + b64(json.dumps(claims).encode())
    mac = hmac.new(secret, signed.encode(), getattr(hashlib, "sha" + alg[2:])).digest()
    return signed + "." + b64(mac)


for kid, (private, algs) in pairs.items():
    public = private.public_key()
    jwk = json.loads(jwt.algorithms.get_default_algorithms()[algs[0]].to_jwk(public))
    jwk["kid"] = kid
    # RFC 7518, section 6.2.1.2: as long as the field, which PyJWT before 2.8 did not know of.
    for name in set("xy") & set(jwk if "EC" in jwk["kty"] else ""):
        number = base64.urlsafe_b64decode(jwk[name] + "==")
        jwk[name] = b64(number.rjust((public.curve.key_size + 7) // 8, b"\0"))
    keys.append(jwk)
    for alg in algs:
        tokens[alg] = jwt.encode(claims, private, algorithm=alg, headers={"kid": kid})
    pem = public.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    text = json.dumps(jwk).encode()
    for what, secret in {"pem": pem, "der": der, "jwk": text, "jwk and blanks": b"\n " + text + b"\n", "nothing": b""}.items():
        for alg in ["HS256", "HS384", "HS512"]:
            forged[f"{alg} by the {what} of {kid}"] = forge(kid, alg, secret)
head = lambda alg: b64(json.dumps({"alg": alg, "kid": "rsa"}).encode())
for alg in ["none", "None", "nOnE", "NONE", ""]:
    forged[f"{alg} without signature"] = head(alg) + "." + b64(json.dumps(claims).encode()) + "."
    forged[f"{alg} with one"] = head(alg) + "." + b64(json.dumps(claims).encode()) + "." + b64(b"x" * 256)
json.dump({"keys": keys, "tokens": tokens, "forged": forged}, sys.stdout)
