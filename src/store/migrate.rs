//! Brings a store written by an older version into today's layout, one step after the other.
//!
//! A step may be cut short and is then run again from its beginning, so it must be one that can.
//! The layout's number moves only behind a whole step. History rows are of the layout of their
//! time unless the step rewrites them too.

use super::execute::{from_json, to_json};
use super::{Commit, Intent, KeyRange, Store, StoreError, grants, identity, rows, schema};
use crate::base::Timestamp;
use crate::model::client::RegistrationToken;
use crate::model::logout_notice::LogoutNotice;
use crate::model::{Actor, Entity, MemberKind, RecoveryCodes};

/// One step, from one layout to the next.
pub(super) struct Migration {
    /// The layout it starts from; it ends at the next number.
    pub(super) from: u32,
    /// What it does, for the log.
    pub(super) what: &'static str,
    /// Does it. May be run again after it was cut short.
    pub(super) run: fn(&Store, Timestamp) -> Result<(), StoreError>,
}

/// Every step there is, by [`Migration::from`]. Layout 1 is the first.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        from: 1,
        what: "groups are found by SID",
        // No group of layout 1 has one; each gets its row when a read brings the SID. The number keeps older versions,
        // which would leave such rows behind, out of the store.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 2,
        what: "roles, policies and assignments",
        // There are none in layout 2. Older versions would delete people and leave what hangs on them.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 3,
        what: "credentials",
        // There are none in layout 3. Older versions would delete people and leave their keys.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 4,
        what: "signing keys of several algorithms",
        // A row of layout 4 is read as what it is. Older versions would take keys of another algorithm for lost, and destroy them.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 5,
        what: "machines are found by what they are known by",
        // Older versions would leave such rows behind.
        run: find_machines,
    },
    Migration {
        from: 6,
        what: "clients and tokens of single sign-on",
        // There are none in layout 6. Older versions would keep codes and tokens for ever.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 7,
        what: "grants",
        // There are none in layout 7. Older versions would not know that sessions end with them.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 8,
        what: "sign-outs by their time, and what a restore ends",
        // Older versions would move notices and leave their turns, and would make recovery codes that count in no life of the store.
        run: |store, now| find_notices(store, now).and_then(|()| name_epochs(store, now)),
    },
    Migration {
        from: 9,
        what: "looks back at grants by their time, and notices",
        // There are no notices in layout 9. Older versions would leave a look back that was done among those that are overdue.
        run: find_reviews,
    },
    Migration {
        from: 10,
        what: "sessions by the word of SAML providers",
        // There are none in layout 10. Older versions would not know what they rest on.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 11,
        what: "service providers of SAML",
        // There are none in layout 11. Older versions would not know their rows.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 12,
        what: "sign-ins and keys of SAML as an identity provider",
        // There are none in layout 12. Older versions would leave rows of sessions behind, and sign tokens with keys of SAML.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 13,
        what: "encrypted assertions of SAML providers",
        // There are no keys for them in layout 13. Older versions would take plain assertions where encrypted ones are required, and
        // leave keys behind.
        run: |_, _| Ok(()),
    },
    Migration {
        from: 14,
        what: "metadata that is pinned for sections of the configuration",
        // There is none in layout 14. Older versions would not know its rows.
        run: |_, _| Ok(()),
    },
];

/// Rows looked at for one commit.
const BATCH: usize = 1_000;

/// Writes by what each machine is found.
fn find_machines(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let mut rest = KeyRange::prefix(&schema::all(MemberKind::Resource));
    loop {
        let page = store.read(|snapshot| snapshot.scan(&rest, BATCH))?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        rest = rest.after(last);
        let mut commit = Commit::new(Actor::task("store/migrate"), now, Intent::Widen);
        for (key, row) in page {
            let Entity::Resource(machine) = rows::decode(&key, row.value)? else { continue };
            for reference in machine.known_by() {
                commit.put(schema::machine_known_by(&machine.origin.directory, &reference, &machine.id), Vec::new());
            }
        }
        if !commit.is_empty() {
            store.commit(commit)?;
        }
    }
}

/// Gives each notice of a sign-out its turn: one commit per page.
fn find_notices(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let mut rest = KeyRange::prefix(&schema::sso::notices());
    loop {
        let page = store.read(|snapshot| snapshot.scan(&rest, BATCH))?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        rest = rest.after(last);
        let mut commit = Commit::new(Actor::task("store/migrate"), now, Intent::Widen);
        for (key, row) in page {
            let notice: LogoutNotice = from_json(&key, &row.value)?;
            commit.put(schema::sso::turn(notice.turn(), &key), Vec::new());
        }
        store.commit(commit)?;
    }
}

/// Writes by what each grant is found that somebody has to look back at: it waits for somebody, so it is among few.
fn find_reviews(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.read(|snapshot| grants::waiting(snapshot, after.as_ref(), BATCH))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.value.id);
        let mut commit = Commit::new(Actor::task("store/migrate"), now, Intent::Widen);
        for way in page.iter().flat_map(|held| grants::ways(&held.value)) {
            if schema::grants::parse_review(&way).is_some() {
                commit.put(way, Vec::new());
            }
        }
        if !commit.is_empty() {
            store.commit(commit)?;
        }
    }
}

/// Gives recovery codes, and tokens by which clients register, the life of the store that they are of. They count on: whoever keeps
/// codes in a drawer would be shut out by an upgrade, on the day on which they need one. Where the store came back from a backup and
/// nobody has opened it since, that is the life that ended with it.
fn name_epochs(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let (epoch, codes, tokens) = store.read(|snapshot| {
        let epoch = match identity::restored(snapshot)? {
            Some(restored) => restored.before,
            None => identity::epoch(snapshot)?,
        };
        let codes = snapshot.scan(&KeyRange::prefix(&schema::factors::all_recovery_codes()), usize::MAX)?;
        let tokens = snapshot.scan(&KeyRange::prefix(&schema::sso::registration_tokens()), usize::MAX)?;
        Ok::<_, StoreError>((epoch.to_string(), codes, tokens))
    })?;
    let mut named = Vec::new();
    for (key, row) in codes {
        let mut held: RecoveryCodes = from_json(&key, &row.value)?;
        if held.epoch.is_empty() {
            held.epoch.clone_from(&epoch);
            named.push((to_json(&held)?, key));
        }
    }
    for (key, row) in tokens {
        let mut held: RegistrationToken = from_json(&key, &row.value)?;
        if held.epoch.is_empty() {
            held.epoch.clone_from(&epoch);
            named.push((to_json(&held)?, key));
        }
    }
    for chunk in named.chunks(BATCH) {
        let mut commit = Commit::new(Actor::task("store/migrate"), now, Intent::Widen);
        chunk.iter().for_each(|(value, key)| commit.put(key.clone(), value.clone()));
        store.commit(commit)?;
    }
    Ok(())
}

/// Brings `store` from layout `found` to `wanted`.
///
/// # Errors
/// When no step leads on from a layout, or a step fails; says which.
pub(super) fn migrate(
    store: &Store,
    found: u32,
    wanted: u32,
    steps: &[Migration],
    now: Timestamp,
) -> Result<(), StoreError> {
    for from in found..wanted {
        let step = steps
            .iter()
            .find(|step| step.from == from)
            .ok_or_else(|| StoreError::Broken { why: format!("no step leads on from layout {from}") })?;
        tracing::info!(from, to = from + 1, what = step.what, "migrating the store");
        (step.run)(store, now)?;
        let mut commit = Commit::new(Actor::task("store/migrate"), now, Intent::Widen);
        commit.put(schema::meta(identity::SCHEMA), to_json(&(from + 1))?);
        store.commit(commit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Guid;
    use crate::model::{IamName, Origin, Resource, Standing, origin, reference};
    use crate::store::memory::Memory;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn add(store: &Store, key: &[u8]) -> Result<(), StoreError> {
        let mut commit = Commit::new(Actor::task("test"), NOW, Intent::Widen);
        commit.put(key.to_vec(), Vec::new());
        store.commit(commit).map(drop)
    }

    const STEPS: &[Migration] = &[
        Migration { from: 2, what: "adds b", run: |store, _| add(store, b"Sb") },
        Migration { from: 1, what: "adds a", run: |store, _| add(store, b"Sa") },
        Migration { from: 3, what: "fails", run: |_, _| Err(StoreError::Broken { why: "step three".to_owned() }) },
    ];

    fn version(store: &Store) -> Option<u32> {
        store.read(identity::schema_version).unwrap()
    }

    #[test]
    fn steps_run_in_order_and_the_number_stops_at_the_last_whole_one() {
        let store = Store::new(Memory::new());
        migrate(&store, 1, 3, STEPS, NOW).unwrap();
        assert_eq!(version(&store), Some(3));
        let at = |key: &[u8]| store.read(|snapshot| snapshot.get(key)).unwrap().unwrap().revision;
        assert!(at(b"Sa") < at(b"Sb"));
        assert!(migrate(&store, 3, 4, STEPS, NOW).is_err());
        assert_eq!(version(&store), Some(3));
    }

    #[test]
    fn machines_that_were_there_are_found() {
        let (store, label) = (Store::new(Memory::new()), "corp".parse().unwrap());
        let known = |n: u32| reference::by_sid(&format!("S-1-5-21-1-2-3-{n}").parse().unwrap());
        // More than fit into one commit, one of them without a SID.
        let machines = u32::try_from(BATCH).unwrap() + 2;
        let mut commit = Commit::new(Actor::task("test"), NOW, Intent::Widen);
        for n in 0..machines {
            let guid = Guid::from_bytes(u128::from(n).to_be_bytes());
            let sid = (n > 0).then(|| format!("S-1-5-21-1-2-3-{n}").parse().unwrap());
            let id = origin::resource_id(&label, &guid);
            let resource = Resource {
                id,
                name: IamName::mapped(&format!("m{n}"), None, id.as_bytes()),
                original_name: String::new(),
                origin: Origin { sid, ..Origin::new(label.clone(), guid, "") },
                standing: Standing::default(),
                description: None,
                account_name: None,
                primary_group: None,
                tags: Default::default(),
                identities: Default::default(),
            };
            let json = serde_json::to_vec(&resource).unwrap();
            commit.put(schema::resource(&id), rows::encode(&rows::NO_DIGEST, &json));
        }
        store.commit(commit).unwrap();
        for _ in 0..2 {
            find_machines(&store, NOW).unwrap();
            for n in 1..machines {
                let found = store.read(|snapshot| rows::machines_known_by(snapshot, &label, &known(n))).unwrap();
                assert_eq!(found.len(), 1, "{n}");
            }
        }
    }

    /// Sign-outs, codes and tokens of layout 8, and what the step makes of them.
    fn stepped(restored: Option<&identity::Restored>) -> (Vec<String>, usize) {
        use crate::base::{Secret, SessionId, UserId};
        use crate::model::client::SecretHash;
        use crate::model::logout_notice::NoticeState;
        use rand::SeedableRng as _;
        let store = Store::new(Memory::new());
        let (owner, name) = (UserId::from_bytes([1; 16]), "ci".parse().unwrap());
        let mut rng = rand::rngs::StdRng::from_seed([7; 32]);
        let codes = RecoveryCodes::make(owner, String::new(), NOW, &mut rng).0;
        let secret = SecretHash::of(&Secret::new("x".to_owned()));
        let token =
            RegistrationToken { name, secret, created: NOW, expires: Timestamp::MAX, left: 1, epoch: String::new() };
        let of_before = |text: Vec<u8>| {
            let mut row: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(row.as_object_mut().unwrap().remove("epoch").unwrap(), "");
            row.to_string().into_bytes()
        };
        let (session, client) = (SessionId::from_bytes([3; 16]), "app".parse().unwrap());
        let state = NoticeState::Watching { look: NOW };
        let notice = LogoutNotice { client, session, user: owner, address: None, client_gone: false, state };
        let mut commit = Commit::new(Actor::task("test"), NOW, Intent::Widen);
        commit.put(schema::factors::recovery_codes(&owner), of_before(to_json(&codes).unwrap()));
        commit.put(schema::sso::registration_token(&token.name), of_before(to_json(&token).unwrap()));
        commit.put(schema::sso::notice(&session, &notice.client), to_json(&notice).unwrap());
        if let Some(restored) = restored {
            commit.put(identity::restored_key(), to_json(restored).unwrap());
        }
        store.commit(commit).unwrap();
        for _ in 0..2 {
            migrate(&store, 8, 9, MIGRATIONS, NOW).unwrap();
        }
        let held = store.read(|snapshot| {
            let codes = super::super::factors::recovery_codes(snapshot, &owner)?.unwrap().value;
            let token = super::super::sso::registration_token(snapshot, &token.name)?.unwrap().value;
            let turns = super::super::logouts::turns(snapshot, NOW, 10)?;
            let notices = turns.iter().map(|turn| turn.notices.len()).sum();
            Ok::<_, StoreError>((vec![codes.epoch, token.epoch], notices))
        });
        held.unwrap()
    }

    #[test]
    fn codes_of_before_count_on_until_a_restore_and_sign_outs_are_found() {
        let now = identity::Epoch::default().to_string();
        assert_eq!(stepped(None), (vec![now.clone(); 2], 1));
        // The store came back from a backup, and is opened for the first time since.
        let before: identity::Epoch = "00000000000000aa".to_owned().try_into().unwrap();
        let restored = identity::Restored {
            by: Actor::task("test"),
            from: "a file".to_owned(),
            at: NOW,
            before,
            after: identity::Epoch::default(),
        };
        assert_eq!(stepped(Some(&restored)), (vec![before.to_string(); 2], 1));
        assert_ne!(before.to_string(), now);
    }

    #[test]
    fn a_layout_nothing_leads_on_from_is_refused() {
        let store = Store::new(Memory::new());
        let refused = migrate(&store, 0, 1, STEPS, NOW).unwrap_err();
        assert!(refused.to_string().contains("layout 0"), "{refused}");
    }
}
