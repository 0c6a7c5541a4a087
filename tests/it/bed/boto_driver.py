"""boto_driver.py: does with boto3 what it is told, for the test bed.

Reads one JSON object a line and answers each with one: {"ok": ..} or {"error": ..}. Where the answer of a client has a
moment or bytes, which JSON has not, it says {"time": seconds} and {"bytes": base64}; all else is as boto3 returns it.

  {"do": "call",    "service", "action", "params", "as"}           one call
  {"do": "pages",   "service", "action", "params", "as", "size"}   the pages that the client's paginator makes of it
  {"do": "presign", "service", "action", "as"}                     the address of a presigned call
  {"do": "sign",    "service", "body", "as", "query"}              a request of POST, signed and not sent
  {"do": "send",    "method", "url", "headers", "body"}            sends one as it stands

`as` says who calls: an access key ("id" and "secret"; without them the request is not signed), and, where that is
wanted, "headers" that a proxy on the way adds, "clock", the seconds by which the caller's clock is ahead, "token", and
"numbered", with which each request has a number of its own under its signature.
"""
import base64
import contextlib
import datetime
import http.client
import itertools
import json
import os
import ssl
import sys
import types
import urllib.parse

import boto3
import botocore
import botocore.auth
import botocore.crt.auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = "us-east-1"
SIGNERS = (botocore.auth, botocore.crt.auth)
CLIENTS = {}
NUMBERS = itertools.count()


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        if "as" in asked:
            asked["who"] = asked.pop("as")
        with clock(asked.get("who", {}).get("clock", 0)):
            try:
                answer = {"ok": plain(DOES[asked.pop("do")](**asked))}
            except ClientError as error:
                answer = {"error": refused(error)}
        print(json.dumps(answer), flush=True)


def call(service, action, params, who):
    answer = method(client(service, who), action)(**params)
    meta = answer.pop("ResponseMetadata")
    return {"answer": answer, "request_id": meta["RequestId"], "retries": meta["RetryAttempts"]}


def pages(service, action, params, who, size):
    made = client(service, who)
    name = method(made, action).__name__
    if made.can_paginate(name):
        found = list(made.get_paginator(name).paginate(**params, PaginationConfig={"PageSize": size}))
    else:
        found = list(by_hand(getattr(made, name), {**params, "MaxItems": size}))
    for page in found:
        del page["ResponseMetadata"]
    return found


def by_hand(listing, params):
    """As people go on who have an older boto3, which has no paginator for every listing."""
    more = True
    while more:
        page = listing(**params)
        params["Marker"] = page.get("Marker")
        more = page.get("IsTruncated", False)
        yield page


def presign(service, action, who):
    made = client(service, who)
    return made.generate_presigned_url(method(made, action).__name__, ExpiresIn=60, HttpMethod="GET")


def sign(service, body, who, query=""):
    url = ENDPOINT + "/" + query
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest(method="POST", url=url, data=body.encode(), headers=form)
    botocore.auth.AUTH_TYPE_MAPS["v4"](Credentials(who["id"], who["secret"]), service, REGION).add_auth(request)
    return {"method": "POST", "url": url, "headers": dict(request.headers.items()), "body": body}


def send(method, url, headers, body):
    at = urllib.parse.urlsplit(url)
    trusted = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection(at.hostname, at.port, context=trusted)
    path = urllib.parse.urlunsplit(("", "", at.path or "/", at.query, ""))
    connection.request(method, path, body.encode() or None, headers)
    answer = connection.getresponse()
    return {"status": answer.status, "body": answer.read().decode(), "type": answer.headers["Content-Type"]}


DOES = {"call": call, "pages": pages, "presign": presign, "sign": sign, "send": send}


def client(service, who):
    key = json.dumps([service, who], sort_keys=True)
    if key not in CLIENTS:
        made = boto3.client(
            service,
            region_name=REGION,
            endpoint_url=ENDPOINT,
            aws_access_key_id=who.get("id"),
            aws_secret_access_key=who.get("secret"),
            aws_session_token=who.get("token"),
            config=Config(signature_version="v4" if "id" in who else botocore.UNSIGNED),
        )

        def pass_on(request, **_):
            for name, value in who.get("headers", {}).items():
                request.headers[name] = value

        def number(request, **_):
            del request.headers["X-Number"]
            request.headers["X-Number"] = str(next(NUMBERS))

        made.meta.events.register("before-send", pass_on)
        if who.get("numbered"):
            made.meta.events.register("before-sign", number)
        CLIENTS[key] = made
    return CLIENTS[key]


def method(made, action):
    """The method of an action, which boto3 calls by another name."""
    names = [name for name, of in made.meta.method_to_api_mapping.items() if of == action]
    return getattr(made, names[0])


@contextlib.contextmanager
def clock(ahead):
    """The caller's clock is this many seconds ahead."""

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return datetime.datetime.utcnow() + datetime.timedelta(seconds=ahead)

    if ahead:
        for module in SIGNERS:
            module.datetime = types.SimpleNamespace(datetime=Clock, timezone=datetime.timezone)
    yield
    for module in SIGNERS:
        module.datetime = datetime


def refused(error):
    meta = error.response["ResponseMetadata"]
    told = error.response["Error"]
    return {
        "class": type(error).__name__,
        "code": told["Code"],
        "message": told["Message"],
        "status": meta["HTTPStatusCode"],
        "request_id": meta["RequestId"],
    }


def plain(value):
    if isinstance(value, datetime.datetime):
        return {"time": int(value.timestamp())}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


main()
