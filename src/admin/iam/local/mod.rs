//! Users, groups and machines that no directory knows: break-glass accounts, contractors, auditors, what stands in another
//! network. They are made and changed here; what comes from a directory is changed there.
//!
//! Owns what the kinds share: names that must be free, rows, and the refusal of what a directory owns.

pub mod groups;
mod members;
pub mod resources;
pub mod users;

use std::collections::BTreeSet;

use super::super::views::EntityView;
use super::super::{Admin, AdminError};
use super::Change;
use crate::gate::Authorized;
use crate::model::{Arn, Entitlements, Entity, MemberKind};
use crate::rights::find;
use crate::store::{Expect, iam, rows, schema};

/// Longest text about somebody, in characters.
const LONGEST_TEXT: usize = 256;

impl Admin {
    /// Changes a user, group or machine that was made here, its name included.
    fn change_entity(
        &self,
        asked: Authorized,
        kind: MemberKind,
        work: impl FnOnce(&mut Change<'_>, &mut Entity) -> Result<(), AdminError>,
    ) -> Result<EntityView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let before = own(change, kind, &which)?;
            let mut after = before.clone();
            work(change, &mut after)?;
            let row = schema::entity(&before.member());
            if before.name().folded() != after.name().folded() {
                let (old, new) = (name_of(&before), name_of(&after));
                must_be_free(change, &after)?;
                change.commit.expect(new.clone(), Expect::Absent);
                change.commit.delete(old);
                change.commit.put(new, after.member().id_bytes().to_vec());
            }
            if before != after {
                let revision = change.snapshot.get(&row)?.map_or(0, |row| row.revision);
                change.commit.expect(row.clone(), Expect::At(revision));
                change.commit.put(row, encoded(&after)?);
                found_by(change, Some(&before), Some(&after));
            }
            change.note(find::kind_word(kind), Arn::entity(change.account, &after).to_string());
            Ok(EntityView::of(&after, change.account, None, change.now))
        })
    }
}

fn add(change: &mut Change<'_>, entity: Entity) -> Result<EntityView, AdminError> {
    must_be_free(change, &entity)?;
    let (row, name) = (schema::entity(&entity.member()), name_of(&entity));
    change.commit.expect(name.clone(), Expect::Absent);
    change.commit.expect(row.clone(), Expect::Absent);
    change.commit.put(name, entity.member().id_bytes().to_vec());
    change.commit.put(row, encoded(&entity)?);
    found_by(change, None, Some(&entity));
    let arn = Arn::entity(change.account, &entity).to_string();
    change.note(find::kind_word(entity.member().kind()), arn);
    Ok(EntityView::of(&entity, change.account, None, change.now))
}

fn remove(change: &mut Change<'_>, entity: &Entity) -> Result<(), AdminError> {
    let row = schema::entity(&entity.member());
    let revision = change.snapshot.get(&row)?.map_or(0, |row| row.revision);
    let claimed = iam::claimed(change.snapshot, &row)?;
    change.commit.expect(row.clone(), Expect::At(revision));
    change.commit.unclaimed_since(&row, claimed);
    change.commit.delete(schema::iam::claims(&row));
    if let Some(holder) = schema::iam::holder_of(&entity.member()) {
        let held = iam::entitlements(change.snapshot, &holder)?;
        change.commit.put_entitlements(&holder, &held, &Entitlements::default())?;
    }
    change.commit.delete(name_of(entity));
    found_by(change, Some(entity), None);
    change.commit.delete(row);
    change.note(find::kind_word(entity.member().kind()), Arn::entity(change.account, entity).to_string());
    Ok(())
}

/// A machine is found by what it is known by, and no longer by what it was.
fn found_by(change: &mut Change<'_>, before: Option<&Entity>, after: Option<&Entity>) {
    let ways = |entity: Option<&Entity>| -> BTreeSet<Vec<u8>> {
        let Some(Entity::Resource(machine)) = entity else { return BTreeSet::new() };
        let way = |known| schema::machine_known_by(&machine.origin.directory, &known, &machine.id);
        machine.known_by().map(way).collect()
    };
    let (before, after) = (ways(before), ways(after));
    for gone in before.difference(&after) {
        change.commit.delete(gone.clone());
    }
    for new in after.difference(&before) {
        change.commit.put(new.clone(), Vec::new());
    }
}

/// The user, group or machine that `which` means, if it was made here.
fn own(change: &Change<'_>, kind: MemberKind, which: &str) -> Result<Entity, AdminError> {
    let entity = find::entity(change.snapshot, change.account, kind, which)?;
    if entity.origin().directory.is_local() { Ok(entity) } else { Err(not_local(&entity)) }
}

fn not_local(entity: &Entity) -> AdminError {
    let (kind, label) = (find::kind_word(entity.member().kind()), &entity.origin().directory);
    AdminError::Unmodifiable {
        what: format!("{kind} `{}` belongs to directory `{label}`", entity.name()),
        remedy: format!("change it there: {}", entity.origin().dn),
    }
}

fn in_the_way(entity: &Entity, what: &[(usize, &str)]) -> Result<(), AdminError> {
    let found = what.iter().filter(|(count, _)| *count > 0);
    let found: Vec<String> = found.map(|(count, what)| format!("{what}: {count}")).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(AdminError::DeleteConflict {
        what: format!("`{}` still has {}", entity.name(), found.join(", ")),
        remedy: "take these away first".to_owned(),
    })
}

fn must_be_free(change: &Change<'_>, entity: &Entity) -> Result<(), AdminError> {
    let kind = entity.member().kind();
    match rows::holder(change.snapshot, kind, entity.name())? {
        Some(held) if held != entity.member() => {
            Err(AdminError::Exists { kind: find::kind_word(kind), name: entity.name().folded() })
        }
        _ => Ok(()),
    }
}

fn name_of(entity: &Entity) -> Vec<u8> {
    schema::name(entity.member().kind(), &entity.name().folded())
}

fn encoded(entity: &Entity) -> Result<Vec<u8>, AdminError> {
    let json = serde_json::to_vec(entity).map_err(|error| AdminError::MalformedPolicy { what: error.to_string() })?;
    let row = rows::encode(&rows::NO_DIGEST, &json);
    super::fits_into_a_row(row.len(), "tags and texts")?;
    Ok(row)
}

fn text(text: Option<&str>, what: &str) -> Result<Option<String>, AdminError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > LONGEST_TEXT || text.chars().any(crate::base::text::hidden) {
        return Err(AdminError::OutOfBounds {
            what: what.to_owned(),
            limit: format!("at most {LONGEST_TEXT} characters, none of them invisible"),
        });
    }
    Ok(Some(text.to_owned()))
}
