//! `[[client]]`: clients of single sign-on that need no registration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::files::Files;
use super::raw::{Value, Written};
use super::section::Section;
use super::values::{Meant, Misfit, Word, from_text};
use crate::admin::clients::ClientSettings;
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::{
    AuthMethod, ClaimSource, ClientAuth, ClientError, ClientId, GrantType, IdTokenAlg, Lifetimes, RedirectError,
    RedirectUri, Scope, SecretHash, Subjects,
};

/// Fewest characters of a secret: what people make up is guessed, and the digest of it is all that is kept.
const LEAST_SECRET: usize = 32;

/// The clients, in the order of the file.
pub(super) fn all(sections: &[Section<'_>], files: &Files<'_>) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for section in sections {
        let Some(client) = one(section, files) else { continue };
        if clients.iter().any(|other| other.id == client.id) {
            section.fault("id", format!("`{}` is another's, too", client.id), "give each its own id");
        }
        clients.push(client);
    }
    clients
}

fn one(section: &Section<'_>, files: &Files<'_>) -> Option<Client> {
    let settings = settings(section);
    let method = section.read::<Method>("auth").0;
    let auth = auth(section, files, method);
    // As it stands in the example: of nobody anything is said.
    if !NAMED.iter().any(|key| section.has(key)) {
        return None;
    }
    let id: ClientId = section.required("id")?;
    let client = settings.begin(id, auth?, Timestamp::UNIX_EPOCH);
    client.map_err(|error| section.fault("id", format!("the client cannot be so: {error}"), "correct its section")).ok()
}

/// What says that a client is meant.
const NAMED: [&str; 6] = ["id", "name", "secret_file", "secret_credential", "jwks_file", "backchannel_logout_uri"];

fn settings(section: &Section<'_>) -> ClientSettings {
    let seconds = |name| u32::try_from(section.read::<Duration>(name).as_secs()).unwrap_or(u32::MAX);
    let texts = |name| section.read::<Vec<String>>(name).into_iter().collect::<BTreeSet<_>>();
    ClientSettings {
        name: section.optional("name"),
        auth: None,
        jwks: None,
        redirect_uris: Some(section.read("redirect_uris")),
        grants: Some(section.read::<Vec<GrantType>>("grants").into_iter().collect()),
        scopes: Some(section.read::<Vec<Scope>>("scopes").into_iter().collect()),
        audiences: Some(texts("audiences")),
        allowed_groups: Some(texts("allowed_groups")),
        claims: Some(section.read::<Claims>("claims").0),
        lifetimes: Some(Lifetimes {
            access: seconds("access_token"),
            id: seconds("id_token"),
            refresh_idle: seconds("refresh_token_idle"),
            refresh: seconds("refresh_token"),
        }),
        id_token_alg: Some(section.read("id_token_alg")),
        required_acr: section.optional("required_acr"),
        may_exchange: Some(texts("may_exchange")),
        subjects: Some(section.read("subjects")),
        post_logout_redirect_uris: Some(section.read("post_logout_redirect_uris")),
        backchannel_logout_uri: section.optional("backchannel_logout_uri"),
        no_backchannel_logout_uri: false,
        require_par: Some(section.read("require_par")),
        dpop_bound_access_tokens: Some(section.read("dpop_bound_access_tokens")),
    }
}

fn auth(section: &Section<'_>, files: &Files<'_>, method: AuthMethod) -> Option<ClientAuth> {
    let secret = match section.has("secret_credential") {
        true => files.secret_in_credential(section, "secret_credential"),
        false => files.secret_in_file(section, "secret_file"),
    };
    let name = if section.has("secret_credential") { "secret_credential" } else { "secret_file" };
    if section.has("secret_file") && section.has("secret_credential") {
        section.fault("secret_credential", "is set beside secret_file", "keep one of them");
    }
    if secret.as_ref().is_some_and(|secret| secret.expose().len() < LEAST_SECRET) {
        let remedy = "make one by `openssl rand -hex 32`";
        section.fault(name, format!("the secret is shorter than {LEAST_SECRET} characters"), remedy);
    }
    let jwks = files.readable(section, "jwks_file").and_then(|path| std::fs::read_to_string(path).ok());
    let needs = |name: &str, what: &str| {
        // Of nobody anything has to be said.
        if section.has("id") && !section.has(name) {
            section.fault(name, "missing", format!("`{}` needs {what}", method.name()));
        }
    };
    if method.is_by_secret() {
        needs(name, "a file with the secret");
    }
    if method == AuthMethod::PrivateKeyJwt {
        needs("jwks_file", "a file with the client's public keys");
    }
    if let Some(Err(why)) = jwks.as_deref().map(crate::authn::federated::assertion::check_keys) {
        section.fault("jwks_file", why, "put the client's public keys (RFC 7517) into it");
    }
    let told = secret.is_some() || jwks.is_some() || method == AuthMethod::None;
    let auth = ClientAuth::new(method, secret.as_ref().map(SecretHash::of), jwks);
    auth.map_err(|error| {
        if told {
            section.fault("auth", error.to_string(), "set what it needs, and nothing else");
        }
    })
    .ok()
}

/// How a client shows who it is.
struct Method(AuthMethod);

/// Claims and their sources.
#[derive(Default)]
struct Claims(BTreeMap<String, ClaimSource>);

impl Default for Method {
    fn default() -> Self {
        Self(AuthMethod::ClientSecretBasic)
    }
}

impl Word for Method {
    fn word(text: &str) -> Option<Self> {
        AuthMethod::named(text).map(Self)
    }
}

impl Word for GrantType {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Word for IdTokenAlg {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Word for Subjects {
    fn word(text: &str) -> Option<Self> {
        match text {
            "public" => Some(Self::Public),
            "pairwise" => Some(Self::Pairwise),
            _ => None,
        }
    }
}

impl Meant for ClientId {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(because))
    }
}

impl Meant for Scope {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(because))
    }
}

impl Meant for ClaimSource {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(because))
    }
}

impl Meant for RedirectUri {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: RedirectError| Some(error.to_string())))
    }
}

impl Meant for Claims {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let Value::Table(entries) = &written.value else {
            misfits.push(Misfit::of(written, None));
            return None;
        };
        let source = |entry: &super::raw::Entry<'_>, misfits: &mut Vec<Misfit>| {
            ClaimSource::meant(&entry.written, misfits).map(|source| (entry.key.to_string(), source))
        };
        Some(Self(entries.iter().filter_map(|entry| source(entry, misfits)).collect()))
    }
}

fn because(error: ClientError) -> Option<String> {
    Some(error.to_string())
}
