// An application that signs people in, with openid-client: prints where it sends a browser, then what it learns, a line of JSON each.
"use strict";

const http = require("node:http");
const { custom, Issuer, generators } = require("openid-client");

// Three and a half seconds are what it waits for by itself, and the machine may be busy.
custom.setHttpOptionsDefaults({ timeout: 60_000 });

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const say = (what) => console.log(JSON.stringify(what));
// A browser holds connections open that it asks nothing by, and `close` alone waits a minute for them.
const end = (server) => server.close().closeAllConnections();

async function learn(client, request, checks, back) {
  const tokens = await client.callback(back, client.callbackParams(request), checks);
  const learnt = { claims: tokens.claims(), userinfo: await client.userinfo(tokens) };
  learnt.active = (await client.introspect(tokens.access_token)).active;
  const next = await client.refresh(tokens.refresh_token);
  learnt.refreshed = next.claims().sub === learnt.claims.sub && next.access_token !== tokens.access_token;
  await client.revoke(next.access_token);
  learnt.revoked = !(await client.introspect(next.access_token)).active;
  return learnt;
}

async function main() {
  const issuer = await Issuer.discover(ISSUER);
  const back = `http://127.0.0.1:${PORT}/cb`;
  const client = new issuer.Client({
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: [back],
    response_types: ["code"],
    id_token_signed_response_alg: "ES256",
  });
  const checks = { code_verifier: generators.codeVerifier(), state: generators.state(), nonce: generators.nonce() };
  const server = http.createServer(async (request, answer) => {
    if (!request.url.startsWith("/cb")) return answer.end();
    const learnt = await learn(client, request, checks, back).catch((error) => ({ error: error.message }));
    answer.setHeader("content-type", "text/html");
    answer.end("<h1>Back at the application</h1>", () => end(server));
    say(learnt);
  });
  server.listen(PORT, "127.0.0.1", () => {
    const asked = { scope: "openid profile email groups", code_challenge_method: "S256" };
    const { state, nonce, code_verifier } = checks;
    const code_challenge = generators.codeChallenge(code_verifier);
    say({ url: client.authorizationUrl({ ...asked, state, nonce, code_challenge }) });
  });
}

main().catch((error) => say({ error: error.message }));
