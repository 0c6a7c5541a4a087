// The peer of benches/sso.sh: npm's oidc-provider, which keeps all in memory; one client, whose grants nobody is asked about.
import Provider from "oidc-provider";
import { generateKeyPairSync } from "node:crypto";

const [port, secret] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "bench",
      client_secret: secret,
      redirect_uris: ["http://127.0.0.1/cb"],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      id_token_signed_response_alg: "ES256",
      application_type: "native",
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
  },
  pkce: { required: () => true, methods: ["S256"] },
  issueRefreshToken: () => true,
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
