//! Containers and where they are. When one moves, all below it has another name, and nothing tells so.

use std::collections::HashMap;

use super::super::dn::normal_is_under;
use super::super::filter::{AttributeError, Filter};
use super::super::intake::under_any;
use super::super::ldap::{Answer, Connection, Question};
use super::super::source::LdapSource;
use super::super::{DirectoryError, Dn};
use crate::base::Guid;

/// Classes of objects that hold others.
pub(super) const CLASSES: [&str; 5] = ["organizationalUnit", "container", "builtinDomain", "domainDNS", "lostAndFound"];

/// Where every container of the partitions is, as far as is known.
#[derive(Debug)]
pub(super) struct Containers {
    /// Normal forms by id.
    names: HashMap<Guid, String>,
    /// What was read is what was so at the position. Before that, a name may already be the new one.
    settled: bool,
}

/// What a change of a container means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Nothing for us.
    Elsewhere,
    /// All below it is in scope now; it is to be read.
    Inside,
    /// Some of what was in scope may no longer be.
    Out,
}

impl Containers {
    /// Reads where they are. Must happen before the question whose answer is trusted to tell what moved since.
    pub(super) async fn read(
        source: &LdapSource,
        connection: &mut Connection,
        contexts: &[Dn],
    ) -> Result<Self, DirectoryError> {
        let mut names = HashMap::new();
        for context in contexts {
            let filter =
                Filter::any(filters().map_err(|error| DirectoryError::Setup {
                    what: "containers".to_owned(),
                    why: error.to_string(),
                })?);
            let question = Question::below(context, filter, vec!["objectGUID".to_owned()].into());
            let mut cookie = Vec::new();
            loop {
                let mut answers = connection.search_page(&question, source.settings.page_size, &cookie).await?;
                let outcome = loop {
                    match answers.next().await? {
                        Answer::Entry(raw, _) => {
                            if let (Ok(guid), Some(dn)) = (source.intake.id_of(&raw), name_of(&raw.dn)) {
                                names.insert(guid, dn.normalised());
                            }
                        }
                        Answer::Reference | Answer::Sync(_) => {}
                        Answer::Done(outcome) => break outcome,
                    }
                };
                match outcome.success(connection.server(), "the read of its containers")?.page {
                    Some(next) if !next.is_empty() => cookie = next,
                    _ => break,
                }
            }
        }
        Ok(Self { names, settled: false })
    }

    /// From now on what is known is what was so at the position.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// The container `guid`, told to have changed, is now at `dn`.
    pub(super) fn moved(&mut self, source: &LdapSource, guid: Guid, dn: &Dn) -> Move {
        let now = dn.normalised();
        let known = self.names.insert(guid, now.clone());
        if let Some(known) = known.as_ref().filter(|known| **known != now) {
            // What is below went with it. Under its old name, one that comes to that name later would seem to have stayed.
            for name in self.names.values_mut() {
                if let Some(rest) = name.strip_suffix(known.as_str()).filter(|rest| rest.ends_with(',')) {
                    *name = format!("{rest}{now}");
                }
            }
        }
        let is_new = known.is_none() && self.settled;
        let before = known.filter(|_| self.settled);
        if before.as_ref() == Some(&now) {
            return Move::Elsewhere;
        }
        let inside = under_any(dn, &source.bases).is_some_and(|normal| source.intake.covers(&normal));
        let concerned =
            |name: &str| holds_scope(source, name) || source.intake.covers(name) && under_base(source, name);
        if inside && before.as_deref().is_none_or(|before| !holds_scope(source, before)) {
            Move::Inside
        } else if is_new && !holds_scope(source, &now) {
            // It was nowhere before, so nothing of the scope was below it.
            Move::Elsewhere
        } else if before.as_deref().is_none_or(concerned) || holds_scope(source, &now) {
            Move::Out
        } else {
            Move::Elsewhere
        }
    }
}

/// The DN of an entry, where it is one.
pub(super) fn name_of(dn: &[u8]) -> Option<Dn> {
    std::str::from_utf8(dn).ok()?.parse().ok()
}

/// Each class of container.
pub(super) fn filters() -> Result<Vec<Filter>, AttributeError> {
    CLASSES.iter().map(|name| Ok(Filter::equal("objectClass".parse()?, name.as_bytes()))).collect()
}

fn under_base(source: &LdapSource, name: &str) -> bool {
    source.bases.iter().any(|(_, base)| normal_is_under(name, base))
}

/// True when a part of the scope begins at the container `name`, or below it.
fn holds_scope(source: &LdapSource, name: &str) -> bool {
    let parts = source.settings.only_under.iter().map(Dn::normalised);
    source
        .bases
        .iter()
        .map(|(_, base)| base.clone())
        .chain(parts)
        .any(|part| normal_is_under(&part, name) && part != name)
        || source.bases.iter().any(|(_, base)| base == name)
}
