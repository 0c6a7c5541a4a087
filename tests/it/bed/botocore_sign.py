"""botocore_sign.py sign|clients: signs with botocore's own signers, in Python and in C, for the test bed.

sign: reads requests, one JSON object a line, and writes each as it would be sent, in the same order.
clients: writes what unmodified clients send for a few calls, and one presigned address; nothing is sent anywhere.
"""
import datetime
import json
import sys
import types

import botocore.auth
import botocore.crt.auth
import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

HOST = "127.0.0.1:8480"
ENDPOINT = "http://" + HOST
CALLS = ("GetCallerIdentity", "AssumeRole", "ListUsers", "CreateUser")
# Has what the answer to each of them has to have.
ANSWER = "<Answer>%s<ResponseMetadata/></Answer>" % "".join("<%sResult/>" % call for call in CALLS)


# The signers written in Python; where the C runtime is installed, botocore prefers that.
PLAIN = {"v4": botocore.auth.SigV4Auth, "v4-query": botocore.auth.SigV4QueryAuth}


class Clock(datetime.datetime):
    """Stands where it is put, so that a seed says all."""

    at = None

    @classmethod
    def utcnow(cls):
        return cls.at


def main():
    if sys.argv[1] == "sign":
        for module in (botocore.auth, botocore.crt.auth):
            module.datetime = types.SimpleNamespace(datetime=Clock, timezone=datetime.timezone)
        for line in sys.stdin:
            print(json.dumps(signed(json.loads(line))))
    else:
        for signers in (botocore.crt.auth.CRT_AUTH_TYPE_MAPS, PLAIN):
            botocore.auth.AUTH_TYPE_MAPS.update(signers)
            for request in clients():
                print(json.dumps(request))


def signed(asked):
    Clock.at = datetime.datetime.strptime(asked["stamp"], "%Y%m%dT%H%M%SZ")
    credentials = Credentials(asked["key"], asked["secret"], asked["token"])
    request = AWSRequest(method=asked["method"], url=asked["url"], data=bytes.fromhex(asked["body"]))
    for name, value in asked["headers"]:
        request.headers[name] = value
    signers = botocore.crt.auth.CRT_AUTH_TYPE_MAPS if asked["crt"] else PLAIN
    place = (credentials, asked["service"], asked["region"])
    if asked["expires"]:
        signer = signers["v4-query"](*place, expires=asked["expires"])
    else:
        signer = signers["v4"](*place)
    signer.add_auth(request)
    return {"url": request.url, "headers": request.headers.items()}


def clients():
    for token in (None, "dG9rZW4+/w=="):
        session = botocore.session.Session()
        session.set_credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
        sent = []
        sts = client(session, "sts", sent)
        iam = client(session, "iam", sent)
        sts.get_caller_identity()
        sts.assume_role(
            RoleArn="arn:aws:iam::123456789012:role/audit",
            RoleSessionName="ann@example.com",
            Policy='{"Version": "2012-10-17", "Statement": []}',
            Tags=[{"Key": "Stra\u00dfe", "Value": "a+b c%2F&=\u20ac"}],
        )
        iam.list_users(PathPrefix="/some/way/")
        iam.create_user(UserName="ann", Tags=[])
        yield from sent
        url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        yield {"method": "GET", "url": url, "headers": [["Host", HOST]], "body": ""}


def client(session, service, sent):
    made = session.create_client(service, region_name="eu-west-1", endpoint_url=ENDPOINT)

    def keep(request, **_):
        text = lambda value: value.decode() if isinstance(value, bytes) else value
        headers = [[name, text(value)] for name, value in request.headers.items()]
        if "host" not in request.headers:  # the HTTP client adds it
            headers.append(["Host", HOST])
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        sent.append({"method": request.method, "url": request.url, "headers": headers, "body": body.hex()})
        raw = types.SimpleNamespace(stream=lambda: [ANSWER.encode()])
        return AWSResponse(request.url, 200, {"content-type": "text/xml"}, raw)

    made.meta.events.register("before-send", keep)
    return made


main()
