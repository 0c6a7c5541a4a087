// An application that registers itself, pushes its request and binds its tokens to a key, with openid-client: prints where it sends
// a browser, then what it learns, a line of JSON each.
"use strict";

const http = require("node:http");
const { generateKeyPairSync } = require("node:crypto");
const { custom, Issuer, generators } = require("openid-client");

// Three and a half seconds are what it waits for by itself, and the machine may be busy.
custom.setHttpOptionsDefaults({ timeout: 60_000 });

const { ISSUER, REGISTRATION_TOKEN, PORT } = process.env;
const say = (what) => console.log(JSON.stringify(what));
// A browser holds connections open that it asks nothing by, and `close` alone waits a minute for them.
const end = (server) => server.close().closeAllConnections();
const DPoP = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

const refused = (request) => request.then(() => "nothing", (error) => error.error ?? error.message);

async function learn(client, request, checks, back) {
  const tokens = await client.callback(back, client.callbackParams(request), checks, { DPoP });
  const learnt = { claims: tokens.claims(), type: tokens.token_type };
  learnt.userinfo = await client.userinfo(tokens, { DPoP });
  learnt.bearer = await refused(client.userinfo(tokens.access_token, { tokenType: "Bearer" }));
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  learnt.stolen = await refused(client.refresh(tokens.refresh_token, { DPoP: other }));
  const next = await client.refresh(tokens.refresh_token, { DPoP });
  learnt.refreshed = (await client.userinfo(next, { DPoP })).sub === learnt.claims.sub;
  return learnt;
}

async function main() {
  const issuer = await Issuer.discover(ISSUER);
  const back = `http://127.0.0.1:${PORT}/cb`;
  const about = {
    client_name: "A wary application",
    redirect_uris: [back],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    id_token_signed_response_alg: "ES256",
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
  };
  const client = await issuer.Client.register(about, { initialAccessToken: REGISTRATION_TOKEN });
  const checks = { code_verifier: generators.codeVerifier(), state: generators.state(), nonce: generators.nonce() };
  const server = http.createServer(async (request, answer) => {
    if (!request.url.startsWith("/cb")) return answer.end();
    const learnt = await learn(client, request, checks, back).catch((error) => ({ error: error.message }));
    answer.setHeader("content-type", "text/html");
    answer.end("<h1>Back at the application</h1>", () => end(server));
    say(learnt);
  });
  const { state, nonce, code_verifier } = checks;
  const { request_uri } = await client.pushedAuthorizationRequest({
    scope: "openid profile",
    claims: { id_token: { email: { essential: true } }, userinfo: { groups: null } },
    code_challenge: generators.codeChallenge(code_verifier),
    code_challenge_method: "S256",
    redirect_uri: back,
    response_type: "code",
    state,
    nonce,
  });
  server.listen(PORT, "127.0.0.1", () => {
    say({ url: `${issuer.authorization_endpoint}?${new URLSearchParams({ client_id: client.client_id, request_uri })}` });
  });
}

main().catch((error) => say({ error: error.message }));
