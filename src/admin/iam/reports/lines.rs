//! The lines of a credential report: what AWS calls its columns, and what it writes where there is nothing to say.

use super::super::super::{Admin, AdminError};
use super::super::access_keys::{AccessKeyView, ROOT};
use super::super::listing::Listed;
use super::super::root::RootView;
use crate::base::Timestamp;
use crate::model::{CredentialOwner, Entity, LoginProfile, Member, MemberKind, PasswordPolicy, User};
use crate::store::{KeyRange, Snapshot, credentials, rows, schema};

/// The columns, in their order (IAM User Guide, "Getting credential reports for your AWS account").
pub(super) const COLUMNS: [&str; 22] = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
];

/// There is none, or it never happened.
const NONE: &str = "N/A";

/// It is not ours to know.
const NOT_SUPPORTED: &str = "not_supported";

/// Lines that were read under one snapshot.
pub(super) struct Lines {
    pub(super) text: String,
    pub(super) looked_at: usize,
    /// The folded name to go on behind.
    pub(super) next: Option<String>,
}

/// What a line says of a password.
struct Password {
    enabled: &'static str,
    last_used: String,
    changed: String,
    next: String,
}

impl Password {
    /// One that is kept elsewhere, or cannot be: what AWS writes for root.
    fn elsewhere() -> Self {
        let (changed, next) = (NOT_SUPPORTED.to_owned(), NOT_SUPPORTED.to_owned());
        Self { enabled: NOT_SUPPORTED, last_used: NONE.to_owned(), changed, next }
    }

    /// Of a user that no directory knows.
    fn of(profile: Option<&LoginProfile>, rules: &PasswordPolicy) -> Self {
        let Some(profile) = profile else {
            let none = || NONE.to_owned();
            return Self { enabled: "false", last_used: none(), changed: none(), next: none() };
        };
        Self {
            enabled: "true",
            last_used: profile.last_used.map_or_else(|| "no_information".to_owned(), moment),
            changed: moment(profile.changed),
            next: rules.ends(profile.changed).map_or_else(|| NONE.to_owned(), moment),
        }
    }
}

/// The line of root, which has no password here.
pub(super) fn root(view: &RootView) -> String {
    let created = view.created.map_or_else(|| NONE.to_owned(), moment);
    let mfa = !view.mfa_devices.is_empty();
    line([ROOT, &view.arn, &created], &Password::elsewhere(), mfa, view.access_keys.clone())
}

impl Admin {
    /// The next people's lines.
    pub(super) fn credential_lines(&self, after: Option<&str>, rules: &PasswordPolicy) -> Result<Lines, AdminError> {
        let names = schema::names(MemberKind::User);
        let mut range = KeyRange::prefix(&names);
        if let Some(after) = after {
            range = range.after(&schema::name(MemberKind::User, after));
        }
        self.store.read(|snapshot| {
            let found = snapshot.scan(&range, A_SNAPSHOT)?;
            let mut text = String::new();
            for (_, row) in &found {
                let Ok(id) = row.value.as_slice().try_into() else { continue };
                let entity = rows::entity(snapshot, &Member::from_parts(MemberKind::User, id))?;
                if let Some((_, entity @ Entity::User(_))) = entity {
                    let listed = self.listed_entity(snapshot, &entity)?;
                    if let Entity::User(user) = &entity {
                        text.push_str(&self.credential_line(snapshot, user, &listed, rules)?);
                        text.push('\n');
                    }
                }
            }
            let last = found.last().filter(|_| found.len() == A_SNAPSHOT);
            let folded = |key: &[u8]| key.get(names.len()..).map(|name| String::from_utf8_lossy(name).into_owned());
            Ok(Lines { text, looked_at: found.len(), next: last.and_then(|(key, _)| folded(key)) })
        })
    }

    fn credential_line(
        &self,
        snapshot: &dyn Snapshot,
        user: &User,
        listed: &Listed,
        rules: &PasswordPolicy,
    ) -> Result<String, AdminError> {
        let owner = CredentialOwner::User(user.id);
        let mut keys = Vec::new();
        for held in credentials::access_keys_of(snapshot, &owner)? {
            let used = self.used(snapshot, &held.value.id)?;
            keys.push(AccessKeyView::of(&held.value, listed.name.clone(), used));
        }
        // People of a directory have their passwords there. That they had none would be as wrong as that we knew of one.
        let password = if user.origin.directory.is_local() {
            let profile = credentials::login_profile(snapshot, &owner)?.map(|read| read.value);
            Password::of(profile.as_ref(), rules)
        } else {
            Password::elsewhere()
        };
        let mfa = !credentials::mfa_devices_of(snapshot, &owner)?.is_empty();
        Ok(line([&listed.name, &listed.arn, &moment(listed.created)], &password, mfa, keys))
    }
}

fn line(who: [&str; 3], password: &Password, mfa: bool, mut keys: Vec<AccessKeyView>) -> String {
    keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let mut fields: Vec<String> = who.map(quoted).into();
    let Password { enabled, last_used, changed, next } = password;
    fields.extend([enabled, last_used.as_str(), changed, next].map(str::to_owned));
    fields.push(mfa.to_string());
    for slot in 0..2 {
        fields.extend(key(keys.get(slot)));
    }
    // There are no signing certificates here.
    fields.extend(["false", NONE, "false", NONE].map(str::to_owned));
    fields.join(",")
}

/// The five columns of an access key. It is never rotated but replaced, so it is as old as it was made.
fn key(key: Option<&AccessKeyView>) -> [String; 5] {
    let none = || NONE.to_owned();
    let Some(key) = key else { return ["false".to_owned(), none(), none(), none(), none()] };
    let (date, region, service) = match &key.last_used {
        Some(used) => (moment(used.at), quoted(&used.region), quoted(&used.service)),
        None => (none(), none(), none()),
    };
    [key.active.to_string(), moment(key.created), date, region, service]
}

/// As AWS writes moments here: `2026-03-12T12:00:00+00:00`.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// A field (RFC 4180, section 2). Names may hold commas; parentheses, which formulas of spreadsheets need, they may not.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Names read under one snapshot: commits wait for it.
const A_SNAPSHOT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_is_quoted() {
        assert_eq!(quoted("a=b"), "a=b");
        assert_eq!(quoted("doe,\"john\""), "\"doe,\"\"john\"\"\"");
    }

    #[test]
    fn a_line_has_as_many_fields_as_there_are_columns() {
        let none = line(["a", "b", "c"], &Password::elsewhere(), false, Vec::new());
        assert_eq!(none.split(',').count(), COLUMNS.len());
        assert!(none.ends_with(",false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"), "{none}");
    }
}
