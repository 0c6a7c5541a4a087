// An application on a device without a browser, with openid-client, that is told of sign-outs: prints what the person has to type,
// what it learns, where a browser signs out, and what it hears of that; a line of JSON each.
"use strict";

const http = require("node:http");
const { custom, Issuer } = require("openid-client");
const { createRemoteJWKSet, jwtVerify } = require("jose");

// Three and a half seconds are what it waits for by itself, and the machine may be busy.
custom.setHttpOptionsDefaults({ timeout: 60_000 });

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const say = (what) => console.log(JSON.stringify(what));
// A browser holds connections open that it asks nothing by, and `close` alone waits a minute for them.
const end = (server) => server.close().closeAllConnections();

async function body(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return new URLSearchParams(text);
}

async function main() {
  const issuer = await Issuer.discover(ISSUER);
  const client = new issuer.Client({
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    id_token_signed_response_alg: "ES256",
  });
  const keys = createRemoteJWKSet(new URL(issuer.jwks_uri), { timeoutDuration: 60_000 });
  const server = http.createServer(async (request, answer) => {
    if (request.url === "/told") {
      const token = (await body(request)).get("logout_token");
      const expected = { issuer: issuer.issuer, audience: CLIENT_ID, typ: "logout+jwt" };
      const { payload } = await jwtVerify(token, keys, expected);
      answer.end(() => end(server));
      return say({ told: payload });
    }
    answer.setHeader("content-type", "text/html");
    answer.end(`<h1>Signed out</h1><p>${new URL(request.url, "http://x").searchParams.get("state")}</p>`);
  });
  await new Promise((resolve) => server.listen(PORT, "127.0.0.1", resolve));
  const handle = await client.deviceAuthorization({ scope: "openid profile" });
  say({ user_code: handle.user_code, verification_uri: handle.verification_uri });
  const tokens = await handle.poll();
  const post_logout_redirect_uri = `http://127.0.0.1:${PORT}/out`;
  const out = client.endSessionUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri, state: "s-1" });
  say({ claims: tokens.claims(), out });
}

main().catch((error) => say({ error: error.message }));
