// The peer of benches/sso.sh: npm's oidc-provider, which keeps all in memory; one client, whose grants nobody is asked about.
//
//     node oidc_provider.mjs PORT SECRET                plain HTTP, and access tokens that are names of rows, as it comes
//     node oidc_provider.mjs PORT SECRET CERT KEY       HTTPS, such tokens
//     node oidc_provider.mjs PORT SECRET CERT KEY jwt   HTTPS, and access tokens of RFC 9068, which it signs and cannot introspect
import Provider from "oidc-provider";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [port, secret, cert, certKey, tokens] = process.argv.slice(2);
const issuer = `http${cert ? "s" : ""}://127.0.0.1:${port}`;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

// The adapter that comes with it forgets all but a thousand rows.
const rows = new Map();
class Keeping {
  constructor(name) {
    this.key = (id) => `${name}:${id}`;
  }
  async upsert(id, payload) {
    rows.set(this.key(id), payload);
    if (payload.uid) rows.set(this.key(`uid:${payload.uid}`), id);
  }
  async find(id) {
    return rows.get(this.key(id));
  }
  async findByUid(uid) {
    return this.find(rows.get(this.key(`uid:${uid}`)));
  }
  async consume(id) {
    rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    rows.delete(this.key(id));
  }
  async revokeByGrantId() {}
}

const provider = new Provider(issuer, {
  adapter: Keeping,
  clients: [
    {
      client_id: "bench",
      client_secret: secret,
      redirect_uris: ["http://127.0.0.1/cb"],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      id_token_signed_response_alg: "ES256",
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  jwks: { keys: [{ ...key, kid: "bench", use: "sig", alg: "ES256" }] },
  cookies: { keys: ["bench"] },
  claims: { openid: ["sub"], profile: ["name"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: "Ann Lee" }) }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    // A token for nobody in particular is never a JWT there.
    resourceIndicators: {
      enabled: tokens === "jwt",
      defaultResource: () => "https://api.test",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "openid profile",
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
  pkce: { required: () => true, methods: ["S256"] },
  issueRefreshToken: () => true,
  async loadExistingGrant(ctx) {
    const before = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (before) return ctx.oidc.provider.Grant.find(before);
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile");
    grant.addResourceScope("https://api.test", "openid profile");
    await grant.save();
    return grant;
  },
});
const server = cert
  ? createServer({ cert: readFileSync(cert), key: readFileSync(certKey) }, provider.callback())
  : provider;
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
