"""A browser at SimpleSAMLphp: signs in with name and password, and prints the response that it would post, in base64.

Usage: simplesamlphp.py URL USER PASSWORD
"""

import html
import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request


def main() -> None:
    url, user, password = sys.argv[1:]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    asked = browser.open(url)
    page = asked.read().decode()
    state = re.search(r'name="AuthState" value="([^"]*)"', page)
    if state is None:
        sys.exit(f"it does not ask for a password:\n{page}")
    form = {"username": user, "password": password, "AuthState": html.unescape(state.group(1))}
    page = browser.open(asked.geturl(), urllib.parse.urlencode(form).encode()).read().decode()
    response = re.search(r'name="SAMLResponse" value="([^"]*)"', page)
    if response is None:
        sys.exit(f"it sends no response:\n{page}")
    print(html.unescape(response.group(1)))


if __name__ == "__main__":
    main()
