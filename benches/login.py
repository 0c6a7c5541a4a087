"""What a sign-in takes besides the bind it contains: ROUNDS of each by turns, in the demo of the environment.

A sign-in is AssumeRoleWithLDAPIdentity over a kept connection; the bind beside it is the person's own, on a fresh connection
with its handshake, since that is how a password is checked. Fails when the medians differ by more than LIMIT.
"""

import http.client
import os
import socket
import ssl
import statistics
import sys
import time
import urllib.parse

ROUNDS = int(os.environ.get("ROUNDS", "200"))
LIMIT = 0.005


def ber(tag, *parts):
    body = b"".join(parts)
    assert len(body) < 128
    return bytes([tag, len(body)]) + body


def bind(context, address, dn, password):
    """A simple bind (RFC 4511, section 4.2); one that is refused ends the measurement."""
    request = ber(0x30, b"\x02\x01\x01", ber(0x60, b"\x02\x01\x03", ber(0x04, dn.encode()), ber(0x80, password.encode())))
    plain = socket.create_connection(address)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(plain, server_hostname=address[0]) as server:
        server.sendall(request)
        answer = server.recv(1024)
    assert b"\x0a\x01\x00" in answer, answer


def main():
    env = os.environ
    context = ssl.create_default_context(cafile=env["SSL_CERT_FILE"])
    url = urllib.parse.urlsplit(env["BAILEY_URL"])
    ldap = urllib.parse.urlsplit(env["LDAP_URL"])
    dn = f"uid={env['DEMO_USER']},{env['LDAP_PEOPLE_BASE']}"
    daemon = http.client.HTTPSConnection(url.hostname, url.port, context=context)
    form = urllib.parse.urlencode({
        "Action": "AssumeRoleWithLDAPIdentity", "Version": "2011-06-15", "RoleArn": env["DEMO_ROLE_ARN"],
        "LDAPUsername": env["DEMO_USER"], "LDAPPassword": env["DEMO_PASSWORD"],
    })

    def sign_in():
        daemon.request("POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = daemon.getresponse()
        body = answer.read()
        assert answer.status == 200, body

    took = {"a sign-in": [], "its bind": []}
    for _ in range(ROUNDS):
        # A hundred sign-ins a second are let in, of everybody.
        time.sleep(0.012)
        for what, job in (("a sign-in", sign_in), ("its bind", lambda: bind(context, (ldap.hostname, ldap.port), dn, env["DEMO_PASSWORD"]))):
            began = time.perf_counter()
            job()
            took[what].append(time.perf_counter() - began)
    medians = {what: statistics.median(times) for what, times in took.items()}
    for what, median in medians.items():
        print(f"{what}: p50 {1000 * median:.1f} ms, p99 {1000 * sorted(took[what])[int(0.99 * ROUNDS)]:.1f} ms")
    over = medians["a sign-in"] - medians["its bind"]
    print(f"a sign-in over its bind: {1000 * over:.1f} ms (at most {1000 * LIMIT:.0f})")
    sys.exit(over > LIMIT)


main()
