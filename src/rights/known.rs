//! What the rights of principals rest on, as it was read for an earlier question about the same state.
//!
//! Most questions are about the same few people, and most commits change nothing of what these may do: sessions begin, records
//! are written. So what was read of a principal is kept for as long as it must be the same: for one edition of the model, on
//! the same terms, of the same row of the principal, and until the next moment at which the clock alone changes it. Nothing
//! has to be forgotten in time for that; what does not fit is read anew.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::effective::Effective;
use super::{Guardrails, Terms};
use crate::base::Timestamp;
use crate::model::{Accounts, DirectoryLabel, Domains, GroupRules, Resource, Role, User};
use crate::store::{Edition, Snapshot, StoreError};

/// Principals that are kept. What a person of a thousand groups rests on is some hundred KiB; of most it is a few.
const MOST: usize = 1_000;

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    of: Option<(Edition, Ground)>,
    principals: HashMap<(u8, [u8; 16]), Entry>,
    /// Nothing of these is a matter of terms.
    guardrails: Option<(Edition, Arc<Guardrails>)>,
}

#[derive(Debug)]
struct Entry {
    row: Row,
    read: Timestamp,
    effective: Arc<Effective>,
}

/// A principal, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    User(&'a User),
    Machine(&'a Resource),
    Role(&'a Role),
}

/// The same, to keep.
#[derive(Debug)]
enum Row {
    User(Box<User>),
    Machine(Box<Resource>),
    Role(Box<Role>),
}

impl Whose<'_> {
    /// A kind and an id: no two principals have one.
    fn key(self) -> (u8, [u8; 16]) {
        match self {
            Self::User(user) => (b'U', *user.id.as_bytes()),
            Self::Machine(machine) => (b'R', *machine.id.as_bytes()),
            Self::Role(role) => (b'L', *role.id.as_bytes()),
        }
    }

    fn is(self, row: &Row) -> bool {
        match (self, row) {
            (Self::User(user), Row::User(kept)) => *user == **kept,
            (Self::Machine(machine), Row::Machine(kept)) => *machine == **kept,
            (Self::Role(role), Row::Role(kept)) => *role == **kept,
            _ => false,
        }
    }

    fn kept(self) -> Row {
        match self {
            Self::User(user) => Row::User(Box::new(user.clone())),
            Self::Machine(machine) => Row::Machine(Box::new(machine.clone())),
            Self::Role(role) => Row::Role(Box::new(role.clone())),
        }
    }
}

/// The terms on which something was read, without their moment.
#[derive(Debug, Clone)]
struct Ground {
    frozen: HashSet<DirectoryLabel>,
    domains: Domains,
    rules: GroupRules,
    accounts: Option<Accounts>,
}

impl Ground {
    fn of(terms: &Terms) -> Self {
        // Grants are no part of what is kept: they are asked for when a role is, and read then.
        let Terms { frozen, domains, rules, accounts, grants: _, heard: _, now: _ } = terms.clone();
        Self { frozen, domains, rules, accounts }
    }

    fn is(&self, terms: &Terms) -> bool {
        self.rules.are(&terms.rules)
            && self.frozen == terms.frozen
            && self.domains == terms.domains
            && self.accounts == terms.accounts
    }
}

impl Known {
    /// The guardrails of the model that `snapshot` sees: kept, or what `read` answers.
    pub(super) fn guardrails(
        &self,
        snapshot: &dyn Snapshot,
        read: impl FnOnce() -> Result<Guardrails, StoreError>,
    ) -> Result<Arc<Guardrails>, StoreError> {
        let edition = snapshot.edition();
        if let Some((of, found)) = &self.lock().guardrails
            && Some(*of) == edition
        {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(read()?);
        if let Some(edition) = edition {
            self.lock().guardrails = Some((edition, Arc::clone(&found)));
        }
        Ok(found)
    }

    /// What was kept of `whose`, if it is the same now.
    pub(super) fn get(&self, (snapshot, terms): (&dyn Snapshot, &Terms), whose: Whose<'_>) -> Option<Arc<Effective>> {
        let edition = snapshot.edition()?;
        let kept = self.lock();
        kept.of.as_ref().filter(|(of, ground)| *of == edition && ground.is(terms))?;
        let entry = kept.principals.get(&whose.key())?;
        let same = entry.read <= terms.now && terms.now < entry.effective.until && whose.is(&entry.row);
        same.then(|| Arc::clone(&entry.effective))
    }

    /// Keeps what was read of `whose`.
    pub(super) fn put(&self, (snapshot, terms): (&dyn Snapshot, &Terms), whose: Whose<'_>, effective: &Arc<Effective>) {
        let Some(edition) = snapshot.edition().filter(|_| effective.until > terms.now) else { return };
        let mut kept = self.lock();
        let same = kept.of.as_ref().is_some_and(|(of, ground)| *of == edition && ground.is(terms));
        if !same {
            kept.of = Some((edition, Ground::of(terms)));
            kept.principals.clear();
        }
        if kept.principals.len() >= MOST {
            kept.principals.clear();
        }
        let entry = Entry { row: whose.kept(), read: terms.now, effective: Arc::clone(effective) };
        kept.principals.insert(whose.key(), entry);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Library, Shelf};
    use super::*;
    use crate::base::RoleId;
    use crate::model::{AccountId, Actor, Assignment, IamName, IamPath, Member, role};
    use crate::store::{Commit, Intent, Store, memory, rows, schema};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn commit(store: &Store, fill: impl FnOnce(&mut Commit)) {
        let mut commit = Commit::new(Actor::task("test"), at(0), Intent::Widen);
        fill(&mut commit);
        store.commit(commit).unwrap();
    }

    fn ann() -> User {
        User::made_up(7, "ann")
    }

    /// Ann may assume a role from the tenth second to the twentieth.
    fn store(account: &AccountId) -> Store {
        let store = Store::new(memory::Memory::new());
        let deploy = Role {
            id: RoleId::from_bytes([3; 16]),
            account: account.clone(),
            path: IamPath::default(),
            name: IamName::mapped("Deploy", None, &[0; 16]),
            description: String::new(),
            trust: None,
            max_session: role::USUAL_SESSION,
            privileged: false,
            created: at(0),
        };
        let assignment = Assignment {
            to: Member::User(ann().id),
            role: deploy.id,
            condition: None,
            not_before: Some(at(10)),
            not_after: Some(at(20)),
            reason: String::new(),
            by: Actor::task("test"),
            created: at(0),
        };
        let row = rows::encode(&rows::NO_DIGEST, &serde_json::to_vec(&ann()).unwrap());
        commit(&store, |commit| commit.put(schema::entity(&Member::User(ann().id)), row));
        commit(&store, |commit| commit.add_object(&deploy).unwrap());
        commit(&store, |commit| commit.put_assignment(&assignment, 0).unwrap());
        store
    }

    #[test]
    fn what_the_clock_changes_is_kept_until_then_alone() {
        let account: AccountId = "123456789012".parse().unwrap();
        let (store, shelf) = (store(&account), Shelf::default());
        let roles = |second: i64| {
            let terms = Terms::at(at(second));
            let mut library = Library::with(shelf.clone(), &account, &terms);
            store.read(|snapshot| library.at(snapshot).user(&ann())).unwrap().assigned.len()
        };
        // The last time is before the one it was read at: what a clock that steps back would ask.
        for (second, expected) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 0), (1_000, 0), (15, 1), (5, 0)] {
            assert_eq!(roles(second), expected, "at {second}");
            assert_eq!(roles(second), expected, "again at {second}");
        }
    }

    #[test]
    fn it_is_read_anew_when_the_model_is_another_and_not_when_something_happens_beside_it() {
        let account: AccountId = "123456789012".parse().unwrap();
        let (store, shelf) = (store(&account), Shelf::default());
        let terms = Terms::at(at(15));
        let kept = |user: &User, terms: &Terms| {
            store.read(|snapshot| {
                Ok::<_, crate::store::StoreError>(shelf.known.get((snapshot, terms), Whose::User(user)).is_some())
            })
        };
        let read = || {
            let mut library = Library::with(shelf.clone(), &account, &terms);
            store.read(|snapshot| library.at(snapshot).user(&ann())).unwrap()
        };
        read();
        assert!(kept(&ann(), &terms).unwrap());
        commit(&store, |commit| commit.put(schema::meta("beside"), Vec::new()));
        assert!(kept(&ann(), &terms).unwrap());
        let renamed = User { login: "anna".to_owned(), ..ann() };
        assert!(!kept(&renamed, &terms).unwrap(), "another row of hers");
        let frozen = Terms { frozen: HashSet::from(["corp".parse().unwrap()]), ..terms.clone() };
        assert!(!kept(&ann(), &frozen).unwrap(), "other terms");
        commit(&store, |commit| {
            commit
                .put(schema::edge_back(&Member::User(ann().id), &crate::base::GroupId::from_bytes([1; 16])), Vec::new())
        });
        assert!(!kept(&ann(), &terms).unwrap(), "another model");
        read();
        let overlaid = store.read(|snapshot| {
            let laid = crate::store::Laid::default();
            Ok::<_, crate::store::StoreError>(
                shelf.known.get((&laid.over(snapshot), &terms), Whose::User(&ann())).is_some(),
            )
        });
        assert!(!overlaid.unwrap(), "a state that is only planned");
    }
}
