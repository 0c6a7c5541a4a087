//! What of a no goes into its audit record, so that it can be explained later: what was asked, the statements that had a say, their
//! conditions with the values that they saw, and what the request brought.
//!
//! Owns its form, its bounds and that no secret is in it. Who is shown how much of it is `admin`'s business. It is written by what
//! decided and while that was so: policies change, and an explanation out of those of today would explain another refusal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::refusal::{Grounds, Refusal, WITHHELD};
use crate::base::text::printable_within;
use crate::policy::{Cause, Lacking, Layer, Tested};

/// Bytes of JSON at most: behind a hundred records a minute of one actor, refusals are counted (see `denials`), so this is what a loop
/// of them costs.
const LARGEST: usize = 8 * 1024;
/// Characters of a value, and of a statement as it is printed.
const LONGEST: usize = 256;
const LONGEST_STATEMENT: usize = 1_200;
/// Most values of a key, and most keys of a context.
const MOST_VALUES: usize = 16;
const MOST_KEYS: usize = 48;

/// What a refusal rested on, as its record has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Matter {
    /// The action that was not allowed.
    pub action: String,
    /// To what.
    pub resource: String,
    /// The ARN of who asked.
    pub arn: String,
    /// Whether a statement denies it; otherwise nothing allows it.
    pub explicit: bool,
    /// Why, in the words that who asked was told.
    pub because: String,
    /// The layers in which nothing allows it, though something has to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<Gap>,
    /// The statements that deny; where none does, those that would allow if their conditions held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Said>,
    /// What the request brought for conditions, by key in lower case. What is known of who asked besides is not in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Vec<String>>,
    /// Something had to be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A layer in which nothing allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// A word for it ([`word`]).
    pub layer: String,
    /// The guardrails that it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
}

/// A statement that had a say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// A word for where it counts ([`word`]).
    pub layer: String,
    /// What its document is called.
    pub policy: String,
    /// The statement, from 0.
    pub index: usize,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// As it was understood, where that can be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// From who asked to what the document hangs on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A condition, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// The operator.
    pub operator: String,
    /// The key, in lower case.
    pub key: String,
    /// What its values are held against.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    /// What they were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// Whether it held.
    pub met: bool,
    /// What is compared is shown to nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

impl Gap {
    /// What is missing, in words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self.layer.as_str() {
            "identity" => "no policy of whoever asked allows it",
            "boundary" => "their permissions boundary does not allow it",
            "session" => "the policy that their session was begun with does not allow it",
            "grant" => "what they were granted for a while does not reach so far",
            "service_control" => "a guardrail of the account allows other things alone",
            "resource_control" => "a guardrail over what is there allows other things alone",
            "trust" => "the role does not trust them",
            _ => "nothing allows it",
        }
    }
}

impl Said {
    /// Which statement of which policy it is, in words.
    #[must_use]
    pub fn title(&self) -> String {
        let place = match self.layer.as_str() {
            "identity" => "a policy of whoever asked",
            "boundary" => "their permissions boundary",
            "session" => "the policy of their session",
            "grant" => "what was granted for a while",
            "service_control" | "resource_control" => "a guardrail",
            "trust" => "the trust of the role",
            _ => "a policy",
        };
        if self.policy.is_empty() {
            return format!("{} in {place}", self.effect);
        }
        let sid = self.sid.as_ref().map(|sid| format!(" `{sid}`")).unwrap_or_default();
        format!("{} in {place}: statement {}{sid} of {}", self.effect, self.index, self.policy)
    }
}

impl Condition {
    /// What its values are held against, in words.
    #[must_use]
    pub fn wanted_words(&self) -> String {
        if self.withheld { "is told to nobody".to_owned() } else { self.wanted.join(", ") }
    }

    /// What they were, in words.
    #[must_use]
    pub fn seen_words(&self) -> String {
        match (self.withheld, self.seen.is_empty()) {
            (true, _) => "is told to nobody".to_owned(),
            (false, true) => "not there".to_owned(),
            (false, false) => self.seen.join(", "),
        }
    }
}

/// A word for a layer.
#[must_use]
pub const fn word(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
        Layer::Grant(_) => "grant",
        Layer::ServiceControl(_) => "service_control",
        Layer::ResourceControl(_) => "resource_control",
        Layer::Resource => "trust",
    }
}

impl Matter {
    /// Of a no.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        let mut cut = Cut(false);
        let mut matter = Self {
            action: cut.text(&refusal.action, LONGEST),
            resource: cut.text(&refusal.resource, LONGEST),
            arn: cut.text(&refusal.arn, LONGEST),
            explicit: refusal.explicit,
            because: cut.text(&refusal.because, 2 * LONGEST),
            lacking: refusal.lacking.iter().map(|gap| cut.gap(gap)).collect(),
            statements: refusal.causes.iter().map(|cause| cut.said(cause, refusal)).collect(),
            context: cut.context(&refusal.context),
            truncated: false,
        };
        matter.shorten(&mut cut);
        matter.truncated = cut.0;
        matter
    }

    /// Of a question that was put once more: `arn` asked for `action` to `resource`.
    #[must_use]
    pub fn of_question((arn, action, resource): (&str, &str, &str), because: String, grounds: Grounds) -> Self {
        Self::of(&Refusal::of_question((arn, action, resource), because, grounds))
    }

    /// As its record has it.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }

    /// Leaves out until it fits. What had a say is worth more than what was known, and its name more than its words.
    fn shorten(&mut self, cut: &mut Cut) {
        while self.json().is_none_or(|json| json.to_string().len() > LARGEST) {
            cut.0 = true;
            let left_out = self.context.pop_last().is_some()
                || self.statements.iter_mut().rev().any(|said| said.text.take().is_some())
                || self.statements.pop().is_some()
                || self.lacking.pop().is_some();
            if !left_out {
                return;
            }
        }
    }
}

/// Whether something had to be left out.
struct Cut(bool);

impl Cut {
    fn text(&mut self, text: &str, longest: usize) -> String {
        self.0 |= text.chars().count() > longest;
        printable_within(text, longest).into_owned()
    }

    fn texts(&mut self, texts: &[String]) -> Vec<String> {
        self.0 |= texts.len() > MOST_VALUES;
        texts.iter().take(MOST_VALUES).map(|text| self.text(text, LONGEST)).collect()
    }

    fn gap(&mut self, gap: &Lacking) -> Gap {
        Gap { layer: word(gap.layer).to_owned(), of: self.texts(&gap.of) }
    }

    fn said(&mut self, cause: &Cause, refusal: &Refusal) -> Said {
        let secret = cause.text.to_ascii_lowercase().contains(WITHHELD);
        let through = refusal.through.get(&cause.policy).map(Vec::as_slice).unwrap_or_default();
        // A document is written in lines, which are no text that hides anything.
        let lines: Vec<&str> = cause.text.lines().collect();
        let whole = lines.iter().map(|line| line.chars().count() + 1).sum::<usize>() <= LONGEST_STATEMENT;
        self.0 |= !whole;
        let shown = (whole && !secret).then(|| lines.iter().map(|line| printable_within(line, LONGEST_STATEMENT)));
        Said {
            layer: word(cause.layer).to_owned(),
            policy: self.text(&cause.policy, LONGEST),
            index: cause.index,
            sid: cause.sid.as_deref().map(|sid| self.text(sid, LONGEST)),
            effect: cause.effect.as_str().to_owned(),
            text: shown.map(|lines| lines.collect::<Vec<_>>().join("\n")),
            through: self.texts(through),
            conditions: cause.conditions.iter().take(MOST_VALUES).map(|tested| self.condition(tested)).collect(),
        }
    }

    fn condition(&mut self, tested: &Tested) -> Condition {
        let (operator, key) = (self.text(&tested.operator, LONGEST), self.text(&tested.key, LONGEST));
        let bare = Condition { operator, key, met: tested.met, ..Condition::default() };
        // A variable in what is wanted may stand for it as well as the key itself.
        let names_it = |text: &String| text.to_ascii_lowercase().contains(WITHHELD);
        if names_it(&tested.key) || tested.wanted.iter().any(names_it) {
            return Condition { withheld: true, ..bare };
        }
        Condition { wanted: self.texts(&tested.wanted), seen: self.texts(&tested.seen), ..bare }
    }

    fn context(&mut self, all: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
        let brought = all.iter().filter(|(key, _)| is_brought(key));
        let kept: Vec<_> = brought.collect();
        self.0 |= kept.len() > MOST_KEYS;
        kept.into_iter().take(MOST_KEYS).map(|(key, values)| (self.text(key, LONGEST), self.texts(values))).collect()
    }
}

/// Whether a key is of the request; what is of who asks, or of the moment, is asked of them and of the clock anew.
fn is_brought(key: &str) -> bool {
    let of_who = key.starts_with("aws:principal") || ["aws:userid", "aws:username"].contains(&key);
    let of_when = ["aws:currenttime", "aws:epochtime", "bailey:weekday", "bailey:timeofday"].contains(&key);
    !of_who && !of_when
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Effect;

    fn tested(key: &str, wanted: &str) -> Tested {
        let (operator, wanted) = ("StringEquals".to_owned(), vec![wanted.to_owned()]);
        Tested { operator, key: key.to_owned(), wanted, seen: vec!["guess-of-mine".to_owned()], met: false }
    }

    fn refusal(causes: Vec<Cause>, context: &[(&str, &str)]) -> Refusal {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
        Refusal {
            signed: true,
            id: "AIDA1".to_owned(),
            arn: "arn:aws:iam::123456789012:user/ann".to_owned(),
            action: "sts:AssumeRole".to_owned(),
            resource: "arn:aws:iam::123456789012:role/x".to_owned(),
            explicit: false,
            because: "because".to_owned(),
            matched: Vec::new(),
            causes,
            lacking: vec![Lacking {
                layer: Layer::ServiceControl(1),
                of: vec!["arn:aws:bailey::1:guardrail/a".to_owned()],
            }],
            through: BTreeMap::from([("own".to_owned(), vec!["user/ann".to_owned()])]),
            context,
        }
    }

    fn cause(text: String, conditions: Vec<Tested>) -> Cause {
        let (layer, policy, effect) = (Layer::Resource, "own".to_owned(), Effect::Allow);
        Cause { layer, policy, index: 3, sid: None, effect, text, conditions }
    }

    #[test]
    fn an_external_id_is_neither_in_conditions_nor_in_the_statement() {
        let text = "{\n  \"sts:ExternalId\": [\"7f3c\"]\n}".to_owned();
        let conditions =
            vec![tested("sts:externalid", "7f3c"), tested("app:x", "${sts:ExternalId}"), tested("app:y", "z")];
        let matter = Matter::of(&refusal(vec![cause(text, conditions)], &[("aws:sourceip", "10.0.0.1")]));
        let json = matter.json().unwrap().to_string();
        assert!(!json.contains("7f3c"), "{json}");
        let said = &matter.statements[0];
        assert_eq!((said.text.as_deref(), said.layer.as_str(), said.index), (None, "trust", 3));
        assert_eq!(said.through, ["user/ann"]);
        let withheld: Vec<bool> = said.conditions.iter().map(|condition| condition.withheld).collect();
        assert_eq!(withheld, [true, true, false]);
        assert!(said.conditions[0].seen.is_empty() && said.conditions[2].seen == ["guess-of-mine"]);
        assert_eq!(matter.lacking[0].layer, "service_control");
    }

    #[test]
    fn what_is_of_who_asks_or_of_the_moment_is_not_kept() {
        let matter = Matter::of(&refusal(
            Vec::new(),
            &[("aws:principaltag/team", "x"), ("aws:currenttime", "x"), ("bailey:weekday", "x"), ("aws:sourceip", "x")],
        ));
        assert_eq!(matter.context.into_keys().collect::<Vec<_>>(), ["aws:sourceip"]);
    }

    #[test]
    fn however_much_there_is_it_fits_and_says_so() {
        let wide = "\u{1F600}".repeat(400);
        let causes = (0..8).map(|_| cause(wide.clone(), vec![tested("app:x", &wide); 20])).collect();
        let keys: Vec<String> = (0..200).map(|key| format!("app:{key}")).collect();
        let context: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), wide.as_str())).collect();
        let matter = Matter::of(&refusal(causes, &context));
        let json = matter.json().unwrap();
        assert!(json.to_string().len() <= LARGEST, "{}", json.to_string().len());
        assert!(matter.truncated && !matter.action.is_empty());
        assert_eq!(serde_json::from_value::<Matter>(json).unwrap(), matter);
    }
}
