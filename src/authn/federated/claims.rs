//! What a token says: whether it counts (RFC 7519, section 4.1; OpenID Connect Core 1.0, section 3.1.3.7), and what conditions and
//! sessions make of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value;

use super::json::Object;
use super::{SessionTags, WebIdentityError};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::base::text::{hidden, printable};
use crate::model::oidc_provider::ClientId;
use crate::model::{Issuer, IssuerPreset};

/// How far an issuer's clock may be ahead of ours: FAPI 2.0 asks to take 10 s and to refuse more than 60. The end is the end.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Longest subject, in characters (STS API reference, `SubjectFromWebIdentityToken`).
const LONGEST_SUBJECT: usize = 255;

/// Longest name of a claim that becomes a condition key.
const LONGEST_NAME: usize = 128;

/// Where AWS' sign-in looks for tags and for the source identity (IAM User Guide, "Passing session tags using
/// AssumeRoleWithWebIdentity").
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// By whom a token has to be, and for whom.
#[derive(Debug, Clone, Copy)]
pub(in crate::authn) struct Expected<'a> {
    pub(in crate::authn) issuer: &'a Issuer,
    /// Of these one, and nobody besides.
    pub(in crate::authn) clients: &'a BTreeSet<ClientId>,
}

/// What a token says that would count, if it is signed.
pub(in crate::authn) struct Claims {
    pub(in crate::authn) subject: String,
    pub(in crate::authn) audience: String,
    pub(in crate::authn) amr: Vec<String>,
    pub(in crate::authn) issued: Option<Timestamp>,
    pub(in crate::authn) authenticated: Option<Timestamp>,
    pub(in crate::authn) expires: Timestamp,
    pub(in crate::authn) token_id: Option<String>,
    pub(in crate::authn) tags: SessionTags,
    pub(in crate::authn) source_identity: Option<String>,
    pub(in crate::authn) context: BTreeMap<String, Vec<String>>,
}

impl Claims {
    /// Reads what is said at `now`, if it is what is expected.
    pub(super) fn read(
        said: &Object,
        expected: Expected<'_>,
        preset: Option<IssuerPreset>,
        now: Timestamp,
    ) -> Result<Self, WebIdentityError> {
        // Letter by letter (OpenID Connect Core 1.0, section 3.1.3.7, step 2).
        if said.get("iss").and_then(Value::as_str) != Some(expected.issuer.url().as_str()) {
            let why = format!("its `iss` is not `{}`, letter by letter", expected.issuer.url());
            return Err(WebIdentityError::invalid(why));
        }
        let (issued, expires) = times(said, now)?;
        let Audience { audience, aud, azp } = Audience::of(said, expected.clients)?;
        let subject = subject(said, preset)?;
        let amr = texts(said.get("amr")).unwrap_or_default();
        let context = context(said, expected.issuer.as_str(), &subject, &aud, azp.as_deref(), &amr)?;
        let token_id = said.get("jti").and_then(Value::as_str).map(str::to_owned);
        let (tags, source_identity) = (tags(said)?, source_identity(said)?);
        // What nobody can read as a moment is none: whoever needs to know when finds that it was not said.
        let authenticated = said.get("auth_time").and_then(Value::as_i64);
        let authenticated = authenticated.and_then(|at| Timestamp::from_second(at).ok());
        Ok(Self { subject, audience, amr, issued, authenticated, expires, token_id, tags, source_identity, context })
    }
}

/// When it was made and when it is over; whether that is good now.
fn times(said: &Object, now: Timestamp) -> Result<(Option<Timestamp>, Timestamp), WebIdentityError> {
    // RFC 7519, section 2, would allow fractions; AWS does not, and nobody needs them.
    let time = |name: &str| match said.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().and_then(|at| Timestamp::from_second(at).ok()).map(Some).ok_or_else(|| {
            WebIdentityError::invalid(format!("its `{name}` must be a whole number of seconds since 1970"))
        }),
    };
    let expires =
        time("exp")?.ok_or_else(|| WebIdentityError::invalid("it has no `exp`: it would be good for ever"))?;
    if expired(expires, now) {
        return Err(WebIdentityError::Expired { at: expires });
    }
    let issued = time("iat")?;
    let latest = later(now, AHEAD);
    for (name, at) in [("iat", issued), ("nbf", time("nbf")?)] {
        if let Some(at) = at.filter(|at| *at > latest) {
            let why = format!("it is not good yet: its `{name}` is {at}, and it is {now}; are both clocks right?");
            return Err(WebIdentityError::invalid(why));
        }
    }
    Ok((issued, expires))
}

/// For whom it was made.
struct Audience {
    /// The one of them that is told.
    audience: String,
    /// Everybody in `aud`.
    aud: Vec<String>,
    azp: Option<String>,
}

impl Audience {
    /// Every audience must be a client of ours: to any other the token was given, too, and any of them could show it to us (OpenID
    /// Connect Core 1.0, section 3.1.3.7, step 3). Where the issuer says to whom it was issued, `azp`, that one must be a client,
    /// and one audience.
    fn of(said: &Object, clients: &BTreeSet<ClientId>) -> Result<Self, WebIdentityError> {
        let aud = match said.get("aud") {
            Some(Value::Array(list)) if list.is_empty() => None,
            aud => texts(aud),
        };
        let aud = aud.ok_or_else(|| WebIdentityError::invalid("its `aud` must be a text or a list of texts"))?;
        let azp = match said.get("azp") {
            None => None,
            Some(Value::String(azp)) => Some(azp.clone()),
            Some(_) => return Err(WebIdentityError::invalid("its `azp` must be a text")),
        };
        let is_client = |name: &str| clients.iter().any(|client| client.as_str() == name);
        let not = |what: &str, name: &str| {
            let why = format!("its `{what}` has `{}`, which is no client id of the provider", printable(name));
            WebIdentityError::invalid(why)
        };
        let stranger = aud.iter().find(|name| !is_client(name));
        if let Some(azp) = azp.as_deref().filter(|azp| !is_client(azp)) {
            return Err(not("azp", azp));
        }
        let known = aud.iter().find(|name| is_client(name)).cloned();
        let audience = match (azp.clone(), known, stranger) {
            (Some(azp), Some(_), _) => azp,
            (None, Some(known), None) => known,
            (_, _, stranger) => return Err(not("aud", stranger.map_or("", String::as_str))),
        };
        Ok(Self { audience, aud, azp })
    }
}

fn subject(said: &Object, preset: Option<IssuerPreset>) -> Result<String, WebIdentityError> {
    let rejected = |why: String| WebIdentityError::rejected("sub", why);
    let subject = said.get("sub").and_then(Value::as_str).unwrap_or_default();
    if !(1..=LONGEST_SUBJECT).contains(&subject.chars().count()) || subject.chars().any(hidden) {
        return Err(rejected(format!("it must be a text of 1 to {LONGEST_SUBJECT} characters that can be seen")));
    }
    match preset.and_then(IssuerPreset::subjects_begin) {
        Some(begin) if !subject.starts_with(begin) => {
            Err(rejected(format!("of such an issuer it begins with `{begin}`")))
        }
        _ => Ok(subject.to_owned()),
    }
}

/// What conditions can ask for. As at AWS, `aud` is the party that the token was issued to where the issuer says which, and `oaud` is
/// what stood in `aud` then.
fn context(
    said: &Object,
    issuer: &str,
    subject: &str,
    aud: &[String],
    azp: Option<&str>,
    amr: &[String],
) -> Result<BTreeMap<String, Vec<String>>, WebIdentityError> {
    let mut context = BTreeMap::new();
    let mut folded = BTreeSet::new();
    for (name, value) in said {
        let nameable = name.len() <= LONGEST_NAME && name.bytes().all(|b| b.is_ascii_graphic());
        // Condition keys have no case: of two claims that differ by case alone, one of which a person may have chosen, either could
        // be taken for the other.
        if !folded.insert(name.to_ascii_lowercase()) {
            return Err(WebIdentityError::rejected(&printable(name), "another claim differs from it by case alone"));
        }
        if let Some(values) = texts(Some(value)).filter(|_| nameable && !name.eq_ignore_ascii_case("oaud")) {
            context.insert(format!("{issuer}:{name}"), values);
        }
    }
    for name in ["sub", "aud", "azp", "amr"] {
        if !said.contains_key(name) && folded.contains(name) {
            return Err(WebIdentityError::rejected(name, "it is spelt with capital letters"));
        }
    }
    let mut set = |name: &str, values: Vec<String>| context.insert(format!("{issuer}:{name}"), values);
    set("sub", vec![subject.to_owned()]);
    set("amr", amr.to_vec());
    match azp {
        None => set("aud", aud.to_vec()),
        Some(azp) => {
            set("oaud", aud.to_vec());
            set("aud", vec![azp.to_owned()])
        }
    };
    Ok(context)
}

/// `{"principal_tags": {KEY: [VALUE]}, "transitive_tag_keys": [KEY]}`
fn tags(said: &Object) -> Result<SessionTags, WebIdentityError> {
    let rejected = |why: String| WebIdentityError::rejected(TAGS, why);
    let mut tags = SessionTags::default();
    let Some(claim) = said.get(TAGS) else { return Ok(tags) };
    let principal = match claim.get("principal_tags") {
        Some(Value::Object(principal)) => principal,
        None if claim.is_object() => return Ok(tags),
        _ => return Err(rejected("`principal_tags` must be an object".to_owned())),
    };
    let mut folded = BTreeSet::new();
    for (key, value) in principal {
        // A tag has one value (IAM User Guide, "Things to know about session tags").
        let values = texts(Some(value)).unwrap_or_default();
        let [value] = values.as_slice() else {
            return Err(rejected(format!("tag `{}` must have one value", printable(key))));
        };
        if !folded.insert(key.to_lowercase()) {
            return Err(rejected(format!("tag `{}` stands twice, in different case", printable(key))));
        }
        tags.principal.set(key, value).map_err(|error| rejected(error.to_string()))?;
    }
    let transitive = match claim.get("transitive_tag_keys") {
        None => Vec::new(),
        list => texts(list).ok_or_else(|| rejected("`transitive_tag_keys` must be a list of texts".to_owned()))?,
    };
    for key in transitive {
        let Some(held) = tags.principal.key(&key) else {
            return Err(rejected(format!("`{}` is to be transitive, and is no tag", printable(&key))));
        };
        if !tags.transitive.iter().any(|other| other == held) {
            tags.transitive.push(held.to_owned());
        }
    }
    Ok(tags)
}

/// 2 to 64 of `[\w+=,.@-]`, not beginning with `aws:`, which has no colon in it anyway (STS API reference, `SourceIdentity`).
fn source_identity(said: &Object) -> Result<Option<String>, WebIdentityError> {
    let Some(claim) = said.get(SOURCE_IDENTITY) else { return Ok(None) };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    match claim.as_str() {
        Some(text) if (2..=64).contains(&text.len()) && text.bytes().all(allowed) => Ok(Some(text.to_owned())),
        _ => Err(WebIdentityError::rejected(SOURCE_IDENTITY, "it must be 2 to 64 letters, digits and _+=,.@-")),
    }
}

/// A text, or a list of them.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
