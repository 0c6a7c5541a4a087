"""Signs one request for `benches/sts.sh`: ACTION WHOM FILE, with the credentials of the environment.

ACTION is one of STS, or `authorize` for a question to `/v1/authorize`. WHOM is `bailey` or `moto` for the access key there,
`session` for a session that is begun with it first. Writes FILE.body, FILE.headers, FILE.path and FILE.type.
"""

import json

import os
import ssl
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def form(action):
    fields = {"Action": action, "Version": "2011-06-15"}
    if action == "AssumeRole":
        fields |= {"RoleArn": os.environ["DEMO_ROLE_ARN"], "RoleSessionName": "bench"}
    return urllib.parse.urlencode(fields)


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def signed(body, host, credentials, path="", kind=FORM, service="sts"):
    headers = {"Host": host, "Content-Type": kind}
    request = botocore.awsrequest.AWSRequest("POST", f"https://{host}/{path}", headers, body)
    botocore.auth.SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name != "Content-Type"}


def begin(host, key):
    body = form("AssumeRole")
    headers = signed(body, host, key) | {"Content-Type": FORM}
    trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    asked = urllib.request.Request(os.environ["BAILEY_URL"] + "/", body.encode(), headers)
    with urllib.request.urlopen(asked, context=trust) as answer:
        tree = xml.fromstring(answer.read())
    text = lambda name: tree.find(f".//{{*}}{name}").text
    return botocore.credentials.Credentials(text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"))


def main():
    action, whom, file = sys.argv[1:]
    key = botocore.credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    host = urllib.parse.urlsplit(os.environ["BAILEY_URL"]).netloc
    credentials = begin(host, key) if whom == "session" else key
    body, path, kind, service = form(action), "", FORM, "sts"
    if action == "authorize":
        question = {"action": "s3:GetObject", "resource": "arn:aws:s3:::reports/2026.pdf"}
        body, path, kind, service = json.dumps({"questions": [question]}), "v1/authorize", "application/json", "bailey"
    for name, text in (("body", body), ("path", path), ("type", kind)):
        with open(f"{file}.{name}", "w") as out:
            out.write(text)
    with open(file + ".headers", "w") as out:
        for name, value in signed(body, host, credentials, path, kind, service).items():
            print(f"{name}: {value}", file=out)


main()
