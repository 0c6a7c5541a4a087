//! One line of a plan.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::reference::first16;
use crate::base::GroupId;
use crate::model::{Entity, IamName, Member, RefHash};

/// What is to happen to one subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    /// The user, group or resource it happens to. For edges: the group.
    pub subject: Member,
    /// What happens.
    pub act: Act,
    /// The guard's rule it counts under, if it takes something away or renames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

/// What can happen.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A row appears.
    Add {
        /// Digest of `entity`.
        digest: RefHash,
        /// The name in `entity`.
        name: IamName,
        /// The row's JSON; kept as text, so that a first load does not parse what it has just written.
        entity: RowJson,
    },
    /// A row changes.
    Update {
        /// Digest of `entity`.
        digest: RefHash,
        /// The row's JSON afterwards.
        entity: RowJson,
        /// What differs, for people to read.
        fields: Vec<Field>,
    },
    /// A row disappears with its name and edges.
    Delete,
    /// A member joins the group.
    Join {
        /// Who.
        member: Member,
        /// How the directory refers to it.
        reference: RefHash,
    },
    /// A member leaves the group.
    Leave {
        /// Who.
        member: Member,
    },
    /// The group refers to a member in another spelling than before. Changes no one's access.
    Respell {
        /// Who.
        member: Member,
        /// The new spelling.
        reference: RefHash,
    },
    /// The group refers to somebody who is not there (yet).
    Await {
        /// The reference.
        reference: RefHash,
    },
    /// The group no longer refers to somebody who was not there.
    Settle {
        /// The reference.
        reference: RefHash,
    },
}

/// A row's JSON as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowJson(String);

impl RowJson {
    /// Takes `text`, which nobody looks at before it is read as a row.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for RowJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RowJson {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.get().to_owned()))
    }
}

/// A field before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Dotted path, such as `tags.Department`.
    pub path: String,
    /// `null` when it was not there.
    pub before: serde_json::Value,
    /// `null` when it is there no longer.
    pub after: serde_json::Value,
}

/// What the guard counts a change under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Somebody disappears; the edges that go with that count here too.
    Deletion,
    /// The directory switches somebody off.
    Suspension,
    /// The IAM name changes.
    Rename,
    /// A member leaves a group and stays in the directory.
    Loss(GroupId),
    /// A group loses its last member. No single change is that; it is counted once they have happened.
    Emptied,
    /// Somebody loses a role. No single change is that, either.
    Rights,
}

impl Change {
    /// What makes this change the same as one planned on another day: who and what, not when.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update([self.subject.kind().byte()]);
        hash.update(self.subject.id_bytes());
        match &self.act {
            Act::Add { .. } => hash.update(b"add"),
            Act::Update { fields, .. } => {
                hash.update(b"update");
                for field in fields.iter().filter(|f| !is_time(&f.path)) {
                    hash.update(field.path.as_bytes());
                    hash.update(field.after.to_string());
                }
            }
            Act::Delete => hash.update(b"delete"),
            Act::Join { member, .. } | Act::Leave { member } | Act::Respell { member, .. } => {
                hash.update(match &self.act {
                    Act::Join { .. } => b"join".as_slice(),
                    Act::Leave { .. } => b"leave",
                    _ => b"respell",
                });
                hash.update([member.kind().byte()]);
                hash.update(member.id_bytes());
            }
            Act::Await { reference } => hash.update([b"await".as_slice(), &reference.0].concat()),
            Act::Settle { reference } => hash.update([b"settle".as_slice(), &reference.0].concat()),
        }
        first16(&hash.finalize())
    }

    /// True when it can take a role from somebody and is no evidence about one person alone: what the directory says of a
    /// person who is gone or switched off is never held for what it does to rights, however many there are.
    #[must_use]
    pub fn may_revoke(&self) -> bool {
        let of_one = |member: &Member| !matches!(member, Member::Group(_));
        match (&self.act, self.rule) {
            (Act::Leave { member }, Some(Rule::Deletion)) => !of_one(member),
            (Act::Update { .. }, Some(Rule::Deletion | Rule::Suspension)) => !of_one(&self.subject),
            (Act::Update { fields, .. }, _) => bear_on_rights(fields),
            (Act::Leave { .. } | Act::Settle { .. }, _) => true,
            // A group is deleted long after it was gone.
            (Act::Add { .. } | Act::Delete | Act::Join { .. } | Act::Respell { .. } | Act::Await { .. }, _) => false,
        }
    }

    /// True when it only takes away.
    #[must_use]
    pub fn narrows(&self) -> bool {
        match self.act {
            Act::Leave { .. } | Act::Delete => true,
            Act::Update { .. } => matches!(self.rule, Some(Rule::Deletion | Rule::Suspension)),
            _ => false,
        }
    }
}

fn is_time(path: &str) -> bool {
    path == "standing.presence.since"
}

/// Fields of rows on which nobody's rights hang, by path or by its beginning.
const HARMLESS: [&str; 12] = [
    "name",
    "login",
    "display_name",
    "mail",
    "employee_id",
    "manager_reference",
    "manager",
    "description",
    "tags.",
    "password_changed",
    "must_change_password",
    "standing.locked_since",
];

/// True when somebody's groups, roles or policies can hang on one of `fields`. Tags are not among them: what conditions make
/// of them is decided request by request.
#[must_use]
pub fn bear_on_rights(fields: &[Field]) -> bool {
    let harmless =
        |path: &str| HARMLESS.iter().any(|field| path == *field || field.ends_with('.') && path.starts_with(field));
    fields.iter().any(|field| !harmless(&field.path))
}

/// What differs between two rows, by dotted path.
///
/// # Errors
/// When a row cannot be written as JSON, which would be a bug.
pub fn diff(before: &Entity, after: &Entity) -> Result<Vec<Field>, serde_json::Error> {
    let mut fields = Vec::new();
    walk("", &serde_json::to_value(before)?, &serde_json::to_value(after)?, &mut fields);
    Ok(fields)
}

fn walk(path: &str, before: &serde_json::Value, after: &serde_json::Value, fields: &mut Vec<Field>) {
    use serde_json::Value;
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            fields.push(Field { path: path.to_owned(), before: before.clone(), after: after.clone() });
        }
        return;
    };
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let empty = Value::Null;
        let (old, new) = (old.get(key).unwrap_or(&empty), new.get(key).unwrap_or(&empty));
        match (old, new) {
            (Value::Null, Value::Object(_)) => walk(&path, &Value::Object(serde_json::Map::new()), new, fields),
            (Value::Object(_), Value::Null) => walk(&path, old, &Value::Object(serde_json::Map::new()), fields),
            _ => walk(&path, old, new, fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::UserId;
    use crate::model::{Presence, User};

    fn ann() -> User {
        User {
            mail: Some("ann@example.com".to_owned()),
            tags: BTreeMap::from([("Department".to_owned(), "ops".to_owned())]),
            ..User::made_up(1, "ann")
        }
    }

    fn differences(change: impl FnOnce(&mut User)) -> Vec<String> {
        let mut after = ann();
        change(&mut after);
        let fields = diff(&Entity::User(ann()), &Entity::User(after)).unwrap();
        fields.iter().map(|field| format!("{}: {} -> {}", field.path, field.before, field.after)).collect()
    }

    #[test]
    fn what_differs_is_said_by_path_with_both_values() {
        assert_eq!(differences(|_| {}), Vec::<String>::new());
        assert_eq!(differences(|user| user.mail = None), [r#"mail: "ann@example.com" -> null"#]);
        assert_eq!(differences(|user| user.display_name = Some("Ann".into())), [r#"display_name: null -> "Ann""#]);
        assert_eq!(differences(|user| user.standing.disabled = true), ["standing.disabled: null -> true"]);
        let moved = differences(|user| {
            user.tags.clear();
            user.tags.insert("Office".to_owned(), "7".to_owned());
        });
        assert_eq!(moved, [r#"tags.Department: "ops" -> null"#, r#"tags.Office: null -> "7""#]);
        let since = "2026-03-12T12:00:00Z".parse().unwrap();
        let gone = differences(|user| user.standing.presence = Presence::Gone { since });
        assert_eq!(
            gone,
            [
                r#"standing.presence.since: null -> "2026-03-12T12:00:00Z""#,
                r#"standing.presence.state: "present" -> "gone""#
            ]
        );
    }

    fn update(fields: Vec<(&str, serde_json::Value)>) -> Change {
        let field = |(path, after): (&str, serde_json::Value)| Field {
            path: path.to_owned(),
            before: serde_json::Value::Null,
            after,
        };
        Change {
            subject: Member::User(UserId::from_bytes([1; 16])),
            act: Act::Update {
                digest: RefHash([0; 16]),
                entity: RowJson::new("{}".to_owned()),
                fields: fields.into_iter().map(field).collect(),
            },
            rule: None,
        }
    }

    #[test]
    fn a_fingerprint_is_of_who_and_what_and_not_of_when() {
        let gone = |since: &str| {
            update(vec![("standing.presence.since", since.into()), ("standing.presence.state", "gone".into())])
        };
        assert_eq!(gone("2026-03-12T12:00:00Z").fingerprint(), gone("2027-01-01T00:00:00Z").fingerprint());
        let other = Change { subject: Member::User(UserId::from_bytes([9; 16])), ..gone("x") };
        assert_ne!(gone("x").fingerprint(), other.fingerprint());
        assert_ne!(update(vec![("name", "a".into())]).fingerprint(), update(vec![("name", "b".into())]).fingerprint());
        assert_ne!(update(vec![("mail", "a".into())]).fingerprint(), update(vec![("name", "a".into())]).fingerprint());
        let group = Member::Group(GroupId::from_bytes([3; 16]));
        let member = Member::User(UserId::from_bytes([1; 16]));
        let leave = |rule| Change { subject: group, act: Act::Leave { member }, rule };
        // A membership that goes with its member on one day is the same as one lost on another.
        assert_eq!(leave(Some(Rule::Deletion)).fingerprint(), leave(None).fingerprint());
        let join = Change { subject: group, act: Act::Join { member, reference: RefHash([0; 16]) }, rule: None };
        assert_ne!(join.fingerprint(), leave(None).fingerprint());
    }
}
