// A service provider made with node-saml: `/private` and `/strong` show who signed in, `/logout` signs out everywhere.
//
// Takes its port, and the directory where idp.xml, its key sp.key with sp.crt, and those of its address, tls.key with tls.crt, lie. Says
// `ready`, then a line for every message that it does not take.

const crypto = require("node:crypto");
const fs = require("node:fs");
const https = require("node:https");
const path = require("node:path");
const { DOMParser } = require("@xmldom/xmldom");
const { SAML } = require("@node-saml/node-saml");

const [port, at] = [Number(process.argv[2]), process.argv[3]];
const self = `https://127.0.0.1:${port}`;
const mfa = "https://refeds.org/profile/mfa";
const read = (name) => fs.readFileSync(path.join(at, name), "utf8");
const sessions = new Map();
// What was asked for is remembered by one cache, whichever of the two asks.
const asked = new Map();
const cache = {
  saveAsync: async (key, value) => (asked.set(key, value), { value, createdAt: Date.now() }),
  getAsync: async (key) => asked.get(key) ?? null,
  removeAsync: async (key) => (asked.delete(key) ? key : null),
};

/** The library has no reader of metadata; people copy these three things by hand. */
function provider() {
  const all = (root, name) => Array.from(root.getElementsByTagNameNS("*", name));
  const root = new DOMParser().parseFromString(read("idp.xml"), "text/xml");
  const address = (name) =>
    all(root, name).find((one) => one.getAttribute("Binding").endsWith(":HTTP-Redirect"))?.getAttribute("Location");
  const signing = all(root, "KeyDescriptor").filter((one) => one.getAttribute("use") !== "encryption");
  return {
    idpIssuer: root.documentElement.getAttribute("entityID"),
    entryPoint: address("SingleSignOnService"),
    logoutUrl: address("SingleLogoutService"),
    idpCert: signing.map((one) => all(one, "X509Certificate")[0].textContent.replace(/\s/g, "")),
  };
}

function saml(classes, more = {}) {
  return new SAML({
    ...provider(),
    issuer: `${self}/metadata`,
    callbackUrl: `${self}/acs`,
    logoutCallbackUrl: `${self}/slo`,
    audience: `${self}/metadata`,
    identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    privateKey: read("sp.key"),
    publicCert: read("sp.crt"),
    decryptionPvk: read("sp.key"),
    signatureAlgorithm: "sha256",
    digestAlgorithm: "sha256",
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: true,
    validateInResponseTo: "always",
    cacheProvider: cache,
    acceptedClockSkewMs: 0,
    disableRequestedAuthnContext: classes === undefined,
    authnContext: classes,
    ...more,
  });
}

const escaped = (text) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
const joined = (values) => [values ?? []].flat().join(";");

function page(profile) {
  const told = {
    name: profile.nameID,
    mail: joined(profile.mail),
    display: joined(profile.displayName),
    groups: joined(profile.groups),
    class: profile.class,
  };
  const lines = Object.entries(told).map(([id, text]) => `<p id="${id}">${escaped(text)}</p>`);
  return { text: `<h1>Signed in</h1>${lines.join("")}` };
}

/** A request to sign out, or the answer to one, in an address or in a form. */
async function signedOut(url, session, form) {
  const posted = "SAMLRequest" in form || "SAMLResponse" in form;
  const container = posted ? form : Object.fromEntries(url.searchParams);
  let judged;
  if (!posted) judged = await saml().validateRedirectAsync(container, url.search.slice(1));
  else if ("SAMLRequest" in form) judged = await saml().validatePostRequestAsync(form);
  // In a posted answer to a sign-out it looks for `InResponseTo` where answers to sign-ins have it, and finds none.
  else judged = await saml(undefined, { validateInResponseTo: "ifPresent" }).validatePostResponseAsync(form);
  const asked = "SAMLRequest" in container;
  delete session.profile;
  if (!asked) return { to: `${self}/out` };
  return { to: await saml().getLogoutResponseUrlAsync(judged.profile, container.RelayState ?? "", {}, true) };
}

async function answered(url, session, form) {
  switch (url.pathname) {
    case "/metadata":
      return { kind: "text/xml", text: saml().generateServiceProviderMetadata(read("sp.crt"), read("sp.crt")) };
    case "/private":
    case "/strong": {
      if (session.profile) return page(session.profile);
      session.classes = url.pathname === "/strong" ? [mfa] : undefined;
      const back = `${self}${url.pathname}`;
      if (!session.classes) return { to: await saml().getAuthorizeUrlAsync(back, undefined, {}) };
      // By a form, which is signed in itself; without this setting it would compress what is not to be compressed there.
      const form = saml(session.classes, { authnRequestBinding: "HTTP-POST", skipRequestCompression: true });
      return { text: await form.getAuthorizeFormAsync(back) };
    }
    case "/acs": {
      const { profile } = await saml(session.classes).validatePostResponseAsync(form);
      // It hands the assertion on as text for all that it has no name for.
      const found = new DOMParser().parseFromString(profile.getAssertionXml(), "text/xml");
      profile.class = found.getElementsByTagNameNS("*", "AuthnContextClassRef")[0].textContent;
      session.profile = profile;
      return { to: form.RelayState };
    }
    case "/logout":
      return { to: await saml().getLogoutUrlAsync(session.profile, "", {}) };
    case "/slo":
      return signedOut(url, session, form);
    case "/out":
      return { text: "<h1>Signed out</h1>" };
    default:
      return { status: 404, text: "<h1>Nothing</h1>" };
  }
}

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(pieces).toString()));
}

const server = https.createServer({ key: read("tls.key"), cert: read("tls.crt") }, async (request, response) => {
  const cookie = /(?:^|; )nodesaml=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  const key = sessions.has(cookie) ? cookie : crypto.randomBytes(16).toString("hex");
  if (!sessions.has(key)) sessions.set(key, {});
  let answer;
  try {
    answer = await answered(new URL(request.url, self), sessions.get(key), await body(request));
  } catch (error) {
    console.log(String(error));
    answer = { status: 403, text: `<h1>Refused</h1><p>${escaped(String(error))}</p>` };
  }
  const headers = {
    "content-type": `${answer.kind ?? "text/html"}; charset=utf-8`,
    "set-cookie": `nodesaml=${key}; Path=/; Secure; HttpOnly; SameSite=None`,
  };
  if (answer.to) headers.location = answer.to;
  response.writeHead(answer.to ? 302 : (answer.status ?? 200), headers).end(answer.text ?? "");
});
server.listen(port, "127.0.0.1", () => console.log("ready"));
