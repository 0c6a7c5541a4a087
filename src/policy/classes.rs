//! What a document allows and denies, said in a few words: `s3: everything`, `s3: reads (Get*, List*)`, `ec2: StopInstances`.
//!
//! For people who have to judge a change of many rights at once, and who will not read documents. A class is a service and
//! an access: *everything*, *reads* (names that begin with a verb of reading), or the names as they are written. There is
//! no table of services behind it: it would be out of date, and a word such as "writes" that is wrong once is worse than the
//! name itself. Verbs of reading are the exception because reads are most of what is granted and least of what matters.
//!
//! What differs between two sets of documents is told piece by piece, a piece being one pattern of one statement on its
//! resources: one that another piece covers is neither lost nor gained. Whether a piece covers another is answered
//! carefully: in doubt it does not, and then something is shown that changes nothing, never the opposite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Effect;

/// Verbs with which the names of actions that only read begin.
const READING: [&str; 14] = [
    "Get", "List", "Describe", "Head", "BatchGet", "Query", "Scan", "Search", "Read", "View", "Lookup", "Select",
    "Check", "Preview",
];

/// Names told of a class, the rest being counted.
const NAMES_TOLD: usize = 4;

/// Bytes of a resource's pattern that are told.
const LONGEST_RESOURCE: usize = 80;

/// One pattern of actions of one statement, and on what it bears.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// False where it denies.
    allows: bool,
    /// As it is written; of a statement with `NotAction` all its patterns, each behind a `!`.
    action: String,
    bearing: Bearing,
}

/// On what a statement bears, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Bearing {
    /// `Resource`, in order; `None` is every one.
    resources: Option<Vec<String>>,
    /// `NotResource`.
    except: Vec<String>,
    /// `Condition`, as JSON.
    condition: Option<String>,
}

impl Piece {
    /// Whether it allows or denies.
    #[must_use]
    pub fn effect(&self) -> Effect {
        if self.allows { Effect::Allow } else { Effect::Deny }
    }

    /// Whether everything this is about is what `other` is about, too.
    fn is_covered_by(&self, other: &Self) -> bool {
        self == other
            || self.allows == other.allows
                && !other.action.starts_with('!')
                && match self.action.strip_prefix('!') {
                    Some(_) => is_everything(&other.action),
                    None => covers(&other.action.to_ascii_lowercase(), &self.action.to_ascii_lowercase()),
                }
                && self.bearing.is_covered_by(&other.bearing)
    }
}

impl Bearing {
    fn is_covered_by(&self, other: &Self) -> bool {
        if other.condition.is_some() && other.condition != self.condition {
            return false;
        }
        let same = self.except == other.except;
        match (&self.resources, &other.resources) {
            (_, None) if other.except.is_empty() => true,
            (Some(ours), Some(theirs)) => same && ours.iter().all(|one| theirs.iter().any(|more| covers(more, one))),
            (ours, theirs) => same && ours == theirs,
        }
    }

    /// ` on arn:aws:s3:::reports/*`, ` under conditions`; empty where nothing is said.
    fn words(&self) -> String {
        let mut words = String::new();
        let named = |resources: &[String]| match resources {
            [one] if one.len() <= LONGEST_RESOURCE => one.clone(),
            [_] => "1 resource".to_owned(),
            many => format!("{} resources", many.len()),
        };
        if let Some(resources) = &self.resources {
            words.push_str(&format!(" on {}", named(resources)));
        } else if !self.except.is_empty() {
            words.push_str(&format!(" except on {}", named(&self.except)));
        }
        if self.condition.is_some() {
            words.push_str(" under conditions");
        }
        words
    }
}

/// The pieces of the document `text`, which was parsed before.
///
/// # Errors
/// When it is no JSON after all.
pub fn pieces(text: &str) -> Result<BTreeSet<Piece>, serde_json::Error> {
    let document: Value = serde_json::from_str(text)?;
    let mut pieces = BTreeSet::new();
    let statements = document.get("Statement").map(listed).unwrap_or_default();
    for statement in statements {
        let of = |name: &str| statement.get(name).map(texts).unwrap_or_default();
        let resources = of("Resource");
        let everywhere = resources.is_empty() || resources.iter().any(|resource| is_everything(resource));
        let bearing = Bearing {
            resources: (!everywhere).then_some(resources),
            except: of("NotResource"),
            condition: statement.get("Condition").map(Value::to_string),
        };
        let allows = statement.get("Effect").is_some_and(|effect| effect == "Allow");
        let mut actions = of("Action");
        let except = of("NotAction");
        if !except.is_empty() {
            actions.push(except.iter().map(|action| format!("!{action}")).collect());
        }
        pieces.extend(actions.into_iter().map(|action| Piece { allows, action, bearing: bearing.clone() }));
    }
    Ok(pieces)
}

/// Those of `pieces` that none of `others` covers.
#[must_use]
pub fn uncovered<'a>(pieces: &'a BTreeSet<Piece>, others: &BTreeSet<Piece>) -> Vec<&'a Piece> {
    let covered = |piece: &Piece| others.contains(piece) || others.iter().any(|other| piece.is_covered_by(other));
    pieces.iter().filter(|piece| !covered(piece)).collect()
}

/// The classes that `pieces` come to, in words, in order; each with what it does.
#[must_use]
pub fn classes<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> Vec<(Effect, String)> {
    let mut classes: BTreeMap<(bool, String, Access, &Bearing), Vec<&str>> = BTreeMap::new();
    for piece in pieces {
        let (service, access, name) = class_of(&piece.action);
        classes.entry((!piece.allows, service, access, &piece.bearing)).or_default().push(name);
    }
    let words = |((denies, service, access, bearing), names): ((bool, String, Access, &Bearing), Vec<&str>)| {
        let effect = if denies { Effect::Deny } else { Effect::Allow };
        let about = if service.is_empty() { String::new() } else { format!("{service}: ") };
        let access = match access {
            Access::Everything => "everything".to_owned(),
            Access::AllBut => {
                format!("everything but {}", names.join(", ").replace('!', ", ").trim_start_matches(", "))
            }
            Access::Reads => format!("reads ({})", told(&names)),
            Access::Named => told(&names),
        };
        (effect, format!("{about}{access}{}", bearing.words()))
    };
    classes.into_iter().map(words).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Everything,
    AllBut,
    Named,
    Reads,
}

/// Service, access and name of a pattern; the service is empty where all are meant.
fn class_of(action: &str) -> (String, Access, &str) {
    if action.starts_with('!') {
        return (String::new(), Access::AllBut, action);
    }
    let Some((service, name)) = action.split_once(':') else { return (String::new(), Access::Everything, action) };
    let service = match is_everything(service) {
        true if is_everything(name) => return (String::new(), Access::Everything, name),
        true => "every service".to_owned(),
        false => service.to_ascii_lowercase(),
    };
    let access = match name {
        name if is_everything(name) => Access::Everything,
        name if READING.iter().any(|verb| begins_with(name, verb)) => Access::Reads,
        _ => Access::Named,
    };
    (service, access, name)
}

/// Whether the name begins with this verb, without regard to case: `GetObject` does, `Getaway` does not.
fn begins_with(name: &str, verb: &str) -> bool {
    let Some((head, tail)) = name.split_at_checked(verb.len()) else { return false };
    let ends = |next: char| !next.is_ascii_lowercase() || name == name.to_ascii_lowercase();
    head.eq_ignore_ascii_case(verb) && tail.chars().next().is_none_or(ends)
}

fn told(names: &[&str]) -> String {
    let first = names.iter().take(NAMES_TOLD).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_TOLD) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// Whether all that `narrow` matches is matched by `wide`: surely so where the answer is yes.
///
/// `narrow` is walked as if it were text, in which a `*` is matched by a `*` alone, and a `?` by either wildcard.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (wide.as_bytes(), narrow.as_bytes());
    let (mut at, mut upto) = (0, 0);
    let mut back = None;
    while let Some(letter) = narrow.get(upto) {
        match wide.get(at) {
            Some(b'*') => {
                back = Some((at + 1, upto));
                at += 1;
            }
            Some(b'?') if *letter != b'*' => (at, upto) = (at + 1, upto + 1),
            Some(same) if same == letter => (at, upto) = (at + 1, upto + 1),
            _ => match back {
                Some((behind, from)) => {
                    back = Some((behind, from + 1));
                    (at, upto) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    wide.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

pub(super) fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

fn texts(value: &Value) -> Vec<String> {
    let mut texts: Vec<String> = listed(value).into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(statements: Value) -> BTreeSet<Piece> {
        pieces(&json!({ "Statement": statements }).to_string()).unwrap()
    }

    fn allow(action: Value) -> BTreeSet<Piece> {
        of(json!({"Effect": "Allow", "Action": action, "Resource": "*"}))
    }

    fn words(pieces: &BTreeSet<Piece>) -> Vec<String> {
        let word = |effect| if effect == Effect::Deny { "deny " } else { "" };
        classes(pieces).into_iter().map(|(effect, class)| format!("{}{class}", word(effect))).collect()
    }

    #[test]
    fn a_document_comes_to_a_few_words() {
        let on = |resource: Value| of(json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource}));
        for (pieces, expected) in [
            (allow(json!("*")), vec!["everything"]),
            (allow(json!("*:*")), vec!["everything"]),
            (allow(json!("S3:*")), vec!["s3: everything"]),
            (allow(json!(["s3:Get*", "s3:List*", "s3:HeadObject"])), vec!["s3: reads (Get*, HeadObject, List*)"]),
            (
                allow(json!(["ec2:StopInstances", "ec2:Describe*"])),
                vec!["ec2: StopInstances", "ec2: reads (Describe*)"],
            ),
            (allow(json!(["x:Getaway", "x:getaway"])), vec!["x: Getaway", "x: reads (getaway)"]),
            (allow(json!(["x:a", "x:b", "x:c", "x:d", "x:e", "x:f"])), vec!["x: a, b, c, d and 2 more"]),
            (allow(json!("*:Delete*")), vec!["every service: Delete*"]),
            (on(json!("arn:aws:s3:::a/*")), vec!["s3: PutObject on arn:aws:s3:::a/*"]),
            (on(json!(["arn:aws:s3:::a", "arn:aws:s3:::b"])), vec!["s3: PutObject on 2 resources"]),
            (
                of(json!([{"Effect": "Deny", "Action": "s3:Delete*", "NotResource": "arn:aws:s3:::a"},
                    {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
                     "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}])),
                vec!["everything but iam:*, sts:* under conditions", "deny s3: Delete* except on arn:aws:s3:::a"],
            ),
        ] {
            assert_eq!(words(&pieces), expected);
        }
    }

    #[test]
    fn what_a_wider_piece_covers_is_not_lost() {
        let lost = |before: &BTreeSet<Piece>, after: &BTreeSet<Piece>| uncovered(before, after).len();
        assert_eq!(lost(&allow(json!("s3:Get*")), &allow(json!("s3:*"))), 0);
        assert_eq!(lost(&allow(json!("s3:GetObject")), &allow(json!("S3:get*"))), 0);
        assert_eq!(lost(&allow(json!("s3:*")), &allow(json!("s3:Get*"))), 1);
        assert_eq!(lost(&allow(json!(["s3:Get*", "s3:Put*"])), &allow(json!("s3:Put*"))), 1);
        let some = of(json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/b*"}));
        let more = of(json!({"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::c"]}));
        assert_eq!((lost(&some, &more), lost(&more, &some)), (0, 1));
        assert_eq!(lost(&some, &allow(json!("*"))), 0);
        let when =
            of(json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Condition": {"Bool": {"a": "true"}}}));
        assert_eq!((lost(&when, &allow(json!("s3:*"))), lost(&allow(json!("s3:Get*")), &when)), (0, 1));
        let deny = of(json!({"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"}));
        assert_eq!(lost(&deny, &allow(json!("*"))), 1, "an allow takes the place of no deny");
        let all_but = of(json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}));
        assert_eq!((lost(&all_but, &allow(json!("*"))), lost(&allow(json!("s3:Get*")), &all_but)), (0, 1));
    }

    #[test]
    fn a_pattern_covers_another_only_when_it_surely_does() {
        for (wide, narrow, expected) in [
            ("*", "a?b*", true),
            ("a*", "a*b", true),
            ("a*c", "ab*c", true),
            ("a?c", "abc", true),
            ("a?c", "a?c", true),
            ("a?c", "a*c", false),
            ("a*", "*", false),
            ("a*b", "a*", false),
            ("abc", "ab?", false),
            ("a**", "a*", true),
            ("", "", true),
            ("a*b*c", "axbxbxc", true),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }
}
