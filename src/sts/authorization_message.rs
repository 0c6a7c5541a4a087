//! Encoded authorization messages: what a refusal rested on, sealed, so that who was refused can hand it to somebody who may read
//! it, and learns nothing by it (AWS STS API reference, `DecodeAuthorizationMessage`).
//!
//! Owns the document, its limits, and its seal. Nothing is stored: the message is the document itself under a sealing key, bound
//! to this purpose and to the account, so that nothing else that is sealed opens as a message, nor does a message of another
//! account. A sealing key that is gone takes its messages with it.
//!
//! ```text
//!  refusal of the gate --document, cut to size--> time of it, JSON --sealed--> message --opened, young enough--> JSON
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Sts;
use crate::base::clock::{expired, later};
use crate::base::text::printable_within;
use crate::base::{Fault, Faulty, Secret, Timestamp};
use crate::gate::{GateError, Refusal};
use crate::keys::KeysError;
use crate::model::{AccountId, KeyNumber, Sealed};
use crate::policy::Matched;
use crate::query::QueryError;

/// Characters of a message that is taken (STS API reference, `EncodedMessage`). Ours stay well below.
pub(super) const LENGTH: std::ops::RangeInclusive<usize> = 1..=10_240;

/// How long a message is good. Long enough for somebody who is awake when who was refused is not; and no longer, since what it
/// says of addresses and policies of then helps nobody later but those who went through old logs.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What stands before an encoded message in the words of a refusal, as AWS has it.
pub const ENCODED: &str = ". Encoded authorization failure message: ";

/// The form of messages.
const VERSION: u8 = 1;
/// Bytes of a document: so that a message has some 4,200 characters, and fits into the lines that logs keep.
const LARGEST: usize = 3_072;
/// Characters of a value, most values of a key, most statements.
const LONGEST: usize = 256;
const MOST_VALUES: usize = 16;
const MOST_STATEMENTS: usize = 8;

/// Why a message is not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// It is not one of ours, damaged, of another account, or of a key that is gone.
    #[error("the message is not one of this account, is damaged, or its key is gone: ask for what was refused again")]
    Foreign,
    /// Its time is over.
    #[error("the message is of {at:.0}, and messages are good for 24 hours: ask for what was refused again")]
    Expired {
        /// When the refusal was.
        at: Timestamp,
    },
    /// There is no key at all.
    #[error(transparent)]
    Keys(KeysError),
}

impl Faulty for MessageError {
    fn fault(&self) -> Fault {
        match self {
            Self::Foreign | Self::Expired { .. } => Fault::Caller,
            Self::Keys(error) => error.fault(),
        }
    }
}

impl From<MessageError> for QueryError {
    fn from(error: MessageError) -> Self {
        match &error {
            MessageError::Foreign | MessageError::Expired { .. } => {
                Self::of(&error, 400, "InvalidAuthorizationMessageException")
            }
            MessageError::Keys(_) => Self::of(&error, 503, "ServiceUnavailable"),
        }
    }
}

impl Sts {
    /// A refusal as whoever signed is told it: with what it rested on behind it, sealed. Where nothing can be sealed, without.
    #[must_use]
    pub fn refused(&self, error: GateError, now: Timestamp) -> QueryError {
        let message = error.refusal().filter(|refusal| refusal.signed).and_then(|refusal| self.sealed(refusal, now));
        let mut told = QueryError::from(error);
        if let Some(message) = message {
            told.message.push_str(ENCODED);
            told.message.push_str(&message);
        }
        told
    }

    fn sealed(&self, refusal: &Refusal, now: Timestamp) -> Option<String> {
        let mut plain = now.as_second().to_be_bytes().to_vec();
        plain.extend(document(refusal).to_string().into_bytes());
        let Sealed { key, bytes } = self.admin.keys.seal(&owner(&self.admin.account), &Secret::new(plain)).ok()?;
        let mut message = vec![VERSION];
        message.extend(key.to_be_bytes());
        message.extend(bytes);
        Some(URL_SAFE_NO_PAD.encode(message))
    }

    /// The document in a message.
    pub(super) fn opened(&self, message: &str, now: Timestamp) -> Result<String, MessageError> {
        self.admin.keys.standing().map_err(MessageError::Keys)?;
        let bytes = URL_SAFE_NO_PAD.decode(message).map_err(|_| MessageError::Foreign)?;
        let (version, rest) = bytes.split_first().ok_or(MessageError::Foreign)?;
        let (key, bytes) = rest.split_first_chunk::<4>().ok_or(MessageError::Foreign)?;
        if *version != VERSION {
            return Err(MessageError::Foreign);
        }
        let sealed = Sealed { key: KeyNumber::from_be_bytes(*key), bytes: bytes.to_vec() };
        let plain = self.admin.keys.unseal(&owner(&self.admin.account), &sealed).map_err(|_| MessageError::Foreign)?;
        let (at, document) = plain.expose().split_first_chunk::<8>().ok_or(MessageError::Foreign)?;
        let at = Timestamp::from_second(i64::from_be_bytes(*at)).map_err(|_| MessageError::Foreign)?;
        if expired(later(at, GOOD_FOR), now) {
            return Err(MessageError::Expired { at });
        }
        String::from_utf8(document.to_vec()).map_err(|_| MessageError::Foreign)
    }
}

/// For whom a message is sealed. No other secret has such an owner.
fn owner(account: &AccountId) -> String {
    format!("authorization-message/{account}")
}

/// What a refusal rested on, in the form that AWS gives it; `policy` and `truncated` are ours. Values are cut, and keys left out
/// from the end, until it fits: then it says so.
fn document(refusal: &Refusal) -> Value {
    let mut cut = Cut(false);
    let matched = cut.first(&refusal.matched, MOST_STATEMENTS);
    let mut statements: Vec<Value> = matched.iter().map(|matched| statement(matched, refusal, &mut cut)).collect();
    let mut conditions: Vec<Value> =
        refusal.context.iter().map(|(key, values)| condition(key, values, &mut cut)).collect();
    loop {
        let document = json!({
            "allowed": false,
            "explicitDeny": refusal.explicit,
            "matchedStatements": items(&statements),
            "failures": items(&[]),
            "context": {
                "principal": { "id": cut.text(&refusal.id), "arn": cut.text(&refusal.arn) },
                "action": cut.text(&refusal.action),
                "resource": cut.text(&refusal.resource),
                "conditions": items(&conditions),
            },
            "truncated": cut.0,
        });
        // What denies it says more than what was known.
        let fits = document.to_string().len() <= LARGEST;
        if fits || conditions.pop().or_else(|| statements.pop()).is_none() {
            return document;
        }
        cut.0 = true;
    }
}

fn statement(matched: &Matched, refusal: &Refusal, cut: &mut Cut) -> Value {
    let conditions = cut.first(&matched.conditions, MOST_VALUES);
    let conditions: Vec<Value> = conditions.iter().map(|(key, values)| condition(key, values, cut)).collect();
    json!({
        "statementId": cut.text(&matched.id),
        "policy": cut.text(&matched.policy),
        "effect": matched.effect.as_str().to_uppercase(),
        "principals": values(std::slice::from_ref(&refusal.id), cut),
        "principalGroups": items(&[]),
        "actions": values(&matched.actions, cut),
        "resources": values(&matched.resources, cut),
        "conditions": items(&conditions),
    })
}

fn condition(key: &str, of: &[String], cut: &mut Cut) -> Value {
    json!({ "key": cut.text(key), "values": values(of, cut) })
}

fn values(of: &[String], cut: &mut Cut) -> Value {
    let kept = cut.first(of, MOST_VALUES);
    let kept: Vec<Value> = kept.iter().map(|value| json!({ "value": cut.text(value) })).collect();
    items(&kept)
}

fn items(items: &[Value]) -> Value {
    json!({ "items": items })
}

/// Whether something had to be left out.
struct Cut(bool);

impl Cut {
    fn text(&mut self, text: &str) -> String {
        self.0 |= text.chars().count() > LONGEST;
        printable_within(text, LONGEST).into_owned()
    }

    fn first<'a, T>(&mut self, all: &'a [T], most: usize) -> &'a [T] {
        self.0 |= all.len() > most;
        all.get(..most).unwrap_or(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Effect;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However much there is of what: it fits, and says whether something is missing.
        #[test]
        fn a_document_has_a_bound_and_tells_what_it_left_out(
            length in 0_usize..3_000, keys in 0_usize..60, statements in 0_usize..20, wide in any::<bool>(),
        ) {
            let text = if wide { "\u{1F600}\"" } else { "x" }.repeat(length);
            let matched = Matched {
                policy: text.clone(),
                id: "0".to_owned(),
                effect: Effect::Deny,
                actions: vec![text.clone(); keys],
                resources: vec!["*".to_owned()],
                conditions: vec![(text.clone(), vec![text.clone()]); keys],
            };
            let refusal = Refusal {
                signed: true,
                id: text.clone(),
                arn: text.clone(),
                action: text.clone(),
                resource: text.clone(),
                explicit: true,
                because: String::new(),
                matched: vec![matched; statements],
                causes: Vec::new(),
                lacking: Vec::new(),
                through: std::collections::BTreeMap::new(),
                context: (0..keys).map(|key| (format!("aws:RequestTag/{key}"), vec![text.clone()])).collect(),
            };
            let document = document(&refusal);
            // Four short texts are left at the least, of up to six bytes a character.
            prop_assert!(document.to_string().len() <= LARGEST.max(6 * 4 * (LONGEST + 1)));
            let kept = |place: &Value| place["items"].as_array().map_or(0, Vec::len);
            let kept = (kept(&document["context"]["conditions"]), kept(&document["matchedStatements"]));
            if document["truncated"] == json!(false) {
                prop_assert_eq!(kept, (keys, statements));
                prop_assert_eq!(document["context"]["principal"]["arn"].as_str(), Some(&*refusal.arn));
            } else {
                prop_assert!(length * keys.max(1) * statements.max(1) > 100 || keys > 8 || statements > 2);
            }
        }
    }
}
