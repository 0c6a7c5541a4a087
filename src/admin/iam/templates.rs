//! Ready-made policies as managed policies that belong to every account.
//!
//! They stand in the store like any other, so that attachments, history and evaluation know one sort of policy. A program
//! that brings a newer one adds it as a version, and the version that counts stays: nobody's rights change because a program
//! was replaced.

use sha2::{Digest, Sha256};

use super::super::AdminError;
use super::policies::first_version;
use crate::base::{PolicyId, Timestamp};
use crate::model::managed_policy::MOST_VERSIONS;
use crate::model::{Actor, IamPath, ManagedPolicy};
use crate::policy::{TEMPLATES, Template};
use crate::store::iam::{self, Read};
use crate::store::schema::iam as keys;
use crate::store::{Commit, Intent, Snapshot, Store};

/// Writes the templates of this program that the store does not have yet. Blocks.
///
/// # Errors
/// When the store cannot be read or written.
pub fn settle(store: &Store, now: Timestamp) -> Result<(), AdminError> {
    let commit = store.read(|snapshot| {
        let mut commit = Commit::new(Actor::task("templates"), now, Intent::Widen);
        for template in TEMPLATES {
            settle_one(snapshot, template, now, &mut commit)?;
        }
        Ok::<_, AdminError>(commit)
    })?;
    if !commit.is_empty() {
        store.commit(commit)?;
    }
    Ok(())
}

fn settle_one(
    snapshot: &dyn Snapshot,
    template: &Template,
    now: Timestamp,
    commit: &mut Commit,
) -> Result<(), AdminError> {
    let Some(Read { value: mut policy, revision }) = iam::named::<ManagedPolicy>(snapshot, None, template.name)? else {
        let name = template.name.parse().map_err(|error| AdminError::MalformedPolicy { what: format!("{error}") })?;
        let mut policy = first_version(id_of(template), now, name, IamPath::default());
        template.purpose.clone_into(&mut policy.description);
        commit.add_object(&policy)?;
        commit.put(keys::policy_version(&policy.id, 1), template.text.into());
        return Ok(());
    };
    for number in policy.versions.keys() {
        if iam::policy_version(snapshot, &policy.id, *number)?.as_deref() == Some(template.text) {
            return Ok(());
        }
    }
    if policy.versions.len() >= MOST_VERSIONS {
        let unused = policy.versions.keys().copied().find(|number| *number != policy.default_version);
        if let Some(oldest) = unused {
            policy.versions.remove(&oldest);
            commit.delete(keys::policy_version(&policy.id, oldest));
        }
    }
    let number = policy.next_version;
    policy.next_version = number.saturating_add(1);
    policy.versions.insert(number, now);
    policy.updated = now;
    // What nobody holds means nothing to anybody yet.
    if iam::holders_of(snapshot, &policy.id, None, 1)?.is_empty() {
        policy.default_version = number;
    }
    commit.put(keys::policy_version(&policy.id, number), template.text.into());
    commit.put_object(&policy, revision)?;
    Ok(())
}

/// The same on every machine.
fn id_of(template: &Template) -> PolicyId {
    let digest = Sha256::new().chain_update(b"bailey template\0").chain_update(template.name).finalize();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    PolicyId::from_bytes(id)
}
