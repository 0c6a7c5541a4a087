//! Who is meant by a name: one search, with our own account.

use super::super::filter::{Attribute, Filter};
use super::super::intake::Taken;
use super::super::ldap::{Answer, Connection, Outcome, Question, RawEntry, Scope};
use super::super::settings::Family;
use super::super::source::{LdapSource, is_trouble};
use super::super::{Arrival, DirectoryError, Entry, Kind};
use super::{FindError, Login, Person, lockout};

/// What Active Directory says of itself where a person is: neither a computer nor a managed service account has it
/// (MS-ADTS 2.2.13, SAM_USER_OBJECT).
const PERSON: (&str, &str) = ("sAMAccountType", "805306368");

/// Names of an account of Active Directory, each unique by itself and not among each other: somebody's
/// `userPrincipalName` may be another's `sAMAccountName` with the domain behind it.
const NAMES: [&str; 2] = ["sAMAccountName", "userPrincipalName"];

/// A search that was ended by the server's or the question's limit (RFC 4511 4.1.9).
const SIZE_LIMIT: u32 = 4;

/// Finds who `login` means. A connection that was idle may have died: then once more, over a new one.
pub(super) async fn find(source: &LdapSource, login: &Login) -> Result<Person, FindError> {
    match find_once(source, login, false).await {
        Err(FindError::Directory(error)) if is_trouble(&error) => find_once(source, login, true).await,
        found => found,
    }
}

async fn find_once(source: &LdapSource, login: &Login, fresh: bool) -> Result<Person, FindError> {
    let mut connection = source.borrow(fresh).await?;
    let found = find_over(source, &mut connection, login).await;
    match &found {
        Err(FindError::Directory(error)) => source.note_failure(connection.server(), error),
        // A search that was given up half-way would be answered into the next one's time.
        Err(FindError::Ambiguous { .. }) => {}
        _ => source.give_back(connection),
    }
    found
}

async fn find_over(source: &LdapSource, connection: &mut Connection, login: &Login) -> Result<Person, FindError> {
    let filter = filter(source, login)?;
    let mut found: Option<RawEntry> = None;
    for (base, _) in &source.bases {
        let attributes = attributes(source);
        let question = Question {
            base: base.to_string(),
            scope: Scope::Subtree,
            filter: filter.clone(),
            attributes: attributes.into(),
            controls: Vec::new(),
        };
        let mut answers = connection.search(&question).await?;
        let outcome: Outcome = loop {
            match answers.next().await? {
                Answer::Entry(raw, _) => {
                    if let Some(first) = found.replace(raw) {
                        return Err(ambiguous(&first, found.as_ref()));
                    }
                }
                // What is on other servers is not synced either; nobody there can sign in.
                Answer::Reference | Answer::Sync(_) => {}
                Answer::Done(outcome) => break outcome,
            }
        };
        if outcome.code == SIZE_LIMIT {
            return Err(ambiguous(found.as_ref().unwrap_or(&RawEntry::default()), None));
        }
        outcome.success(connection.server(), "the search for who signs in")?;
    }
    let raw = found.ok_or(FindError::Unknown)?;
    let entry = person(source, raw.clone())?;
    let lockout = lockout::of(source, connection, &raw, &entry.dn).await?;
    Ok(Person { guid: entry.guid, dn: entry.dn, lockout })
}

/// People with that name in one of their names.
fn filter(source: &LdapSource, login: &Login) -> Result<Filter, FindError> {
    let settings = &source.settings;
    let mut names = vec![settings.login_attribute.as_str()];
    let mut conditions = vec![source.intake.of_kind(Kind::Person)];
    if settings.family == Family::ActiveDirectory {
        names.extend(NAMES.into_iter().filter(|name| !name.eq_ignore_ascii_case(&settings.login_attribute)));
        conditions.push(Filter::equal(attribute(PERSON.0)?, PERSON.1));
    }
    let mut alternatives = Vec::new();
    for name in names {
        let name = attribute(name)?;
        alternatives.push(Filter::equal(name.clone(), login.name.as_bytes()));
        alternatives.extend(login.typed.iter().map(|typed| Filter::equal(name.clone(), typed.as_bytes())));
    }
    conditions.push(Filter::any(alternatives));
    Ok(Filter::And(conditions))
}

fn attribute(name: &str) -> Result<Attribute, DirectoryError> {
    name.parse().map_err(|error: super::super::filter::AttributeError| DirectoryError::Setup {
        what: "setting `login_attribute`".to_owned(),
        why: error.to_string(),
    })
}

fn attributes(source: &LdapSource) -> Vec<String> {
    let ours = [source.settings.id_attribute.as_str(), "objectClass"];
    ours.into_iter().chain(lockout::attributes(source.settings.family)).map(str::to_owned).collect()
}

/// The entry, if it is a person in scope.
fn person(source: &LdapSource, raw: RawEntry) -> Result<Entry, FindError> {
    match source.intake.take(raw) {
        Taken::In(Arrival::Entry(entry)) if entry.kind == Kind::Person => Ok(entry),
        Taken::In(Arrival::Entry(_)) | Taken::Outside => Err(FindError::Unknown),
        Taken::In(Arrival::Unusable(unusable)) => Err(FindError::Unusable { dn: unusable.dn, why: unusable.why }),
    }
}

fn ambiguous(first: &RawEntry, second: Option<&RawEntry>) -> FindError {
    let shown = |raw: Option<&RawEntry>| match raw {
        Some(raw) if !raw.dn.is_empty() => crate::base::text::printable(&String::from_utf8_lossy(&raw.dn)).into_owned(),
        _ => "others".to_owned(),
    };
    FindError::Ambiguous { one: shown(Some(first)), other: shown(second) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::super::settings::{Bind, Scope as KindScope};
    use super::super::super::{Dn, Settings};
    use super::*;

    fn source(family: Family, login_attribute: &str) -> LdapSource {
        let class = |name: &str| KindScope { object_classes: vec![name.to_owned()], filter: None };
        let settings = Settings {
            label: "corp".to_owned(),
            family,
            urls: vec!["ldaps://ldap.example.com".to_owned()],
            domain: None,
            start_tls: false,
            insecure: false,
            ca_file: None,
            client_certificate: None,
            bind: Bind::Anonymous,
            bases: vec!["dc=example".parse::<Dn>().unwrap()],
            only_under: Vec::new(),
            people: class("person"),
            groups: class("group"),
            machines: class("computer"),
            id_attribute: "entryUUID".to_owned(),
            attributes: Vec::new(),
            login_attribute: login_attribute.to_owned(),
            method: None,
            follow_every: Duration::from_secs(30),
            notified: false,
            page_size: 500,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            max_values: 100,
            max_value_bytes: 1_000,
        };
        LdapSource::new(settings, [7; 32]).unwrap()
    }

    /// What is asked of the names, behind what is asked of the kind.
    fn names(family: Family, login: &Login) -> Vec<(String, Vec<u8>)> {
        let login_attribute = if family == Family::ActiveDirectory { "samaccountname" } else { "uid" };
        let written = filter(&source(family, login_attribute), login).unwrap().to_string();
        let Filter::And(mut parts) = written.parse().unwrap() else { panic!("{written}") };
        let alternatives = match parts.pop().unwrap() {
            Filter::Or(alternatives) => alternatives,
            only => vec![only],
        };
        let named = |filter: Filter| match filter {
            Filter::Equal(attribute, value) => (attribute.as_str().to_owned(), value),
            other => panic!("{other}"),
        };
        alternatives.into_iter().map(named).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_was_typed_is_a_value_and_never_syntax(name in ".{0,40}", typed in proptest::option::of(r"[*()\\\x00a=&|!]{0,12}")) {
            let login = Login { name: name.clone(), typed: typed.clone() };
            let values: Vec<Vec<u8>> = [Some(name), typed].into_iter().flatten().map(String::into_bytes).collect();
            let expected = |attributes: &[&str]| -> Vec<(String, Vec<u8>)> {
                attributes.iter().flat_map(|name| values.iter().map(|value| ((*name).to_owned(), value.clone()))).collect()
            };
            prop_assert_eq!(names(Family::Ldap, &login), expected(&["uid"]));
            prop_assert_eq!(names(Family::ActiveDirectory, &login), expected(&["samaccountname", "userPrincipalName"]));
        }
    }
}
