//! Export, import, typed rows and verify.

use std::io::BufReader;

use bailey::audit::{Audit, Event, Identity, Outcome};
use bailey::base::{Guid, UserId};
use bailey::model::{
    Actor, Entity, Group, IamName, Member, MemberKind, Passkey, PasskeyId, RecoveryCodes, RefHash, User,
};
use bailey::store::identity::{self, Restorer};
use bailey::store::import::{ImportError, import};
use bailey::store::rows::{self, EntityRow, NO_DIGEST};
use bailey::store::{
    self, Commit, Expect, KeyRange, Row, Settings, Store, StoreError, export, factors, history, schema, verify,
};

use rand::SeedableRng as _;

use crate::bed::people;
use crate::store_conformance::{append, chain, commit, memory, now, sled};

fn guid(n: u8) -> Guid {
    Guid::from_bytes([n; 16])
}

fn user(n: u8, name: &str) -> User {
    User {
        display_name: Some("Ann \"A\" Lee\u{202e}\n".to_owned()),
        tags: [("team".to_owned(), "blue".to_owned())].into(),
        ..people::user(&"corp".parse().unwrap(), guid(n), name)
    }
}

fn group(n: u8, name: &str) -> Group {
    people::group(&"corp".parse().unwrap(), guid(n), name)
}

fn put(commit: &mut Commit, entity: &Entity) {
    let member = entity.member();
    commit.put(schema::entity(&member), row(entity));
    commit.put(schema::name(member.kind(), &entity.name().folded()), member.id_bytes().to_vec());
}

fn row(entity: &Entity) -> Vec<u8> {
    rows::encode(&DIGEST, &serde_json::to_vec(entity).unwrap())
}

/// What a directory said, as far as these rows know.
const DIGEST: rows::Digest = [7; 16];

fn link(commit: &mut Commit, group: &Group, member: &Member) {
    commit.put(schema::edge(&group.id, member), vec![5; 16]);
    commit.put(schema::edge_back(member, &group.id), Vec::new());
}

/// A small company with a past: ann joined, was renamed, bob came and went.
fn company(store: &Store) -> (User, Group) {
    let (mut ann, bob, staff) = (user(1, "ann"), user(2, "bob"), group(3, "Staff"));
    let reference = RefHash([8; 16]);
    let mut first = commit();
    put(&mut first, &Entity::User(ann.clone()));
    put(&mut first, &Entity::User(bob.clone()));
    put(&mut first, &Entity::Group(staff.clone()));
    link(&mut first, &staff, &Member::User(ann.id));
    link(&mut first, &staff, &Member::User(bob.id));
    first.put(schema::dangling(&staff.id, &reference), Vec::new());
    first.put(schema::dangling_back(&staff.origin.directory, &reference, &staff.id), Vec::new());
    first.put(schema::sync_state(&staff.origin.directory, "cursor"), br#"{"cookie": 1.50 }"#.to_vec());
    append(&mut first, "first".to_owned());
    store.commit(first).unwrap();
    let mut second = commit();
    let gone = Member::User(bob.id);
    second.delete(schema::user(&bob.id));
    second.delete(schema::name(MemberKind::User, "bob"));
    second.delete(schema::edge(&staff.id, &gone));
    second.delete(schema::edge_back(&gone, &staff.id));
    second.delete(schema::name(MemberKind::User, "ann"));
    ann.name = "ann.lee".parse().unwrap();
    put(&mut second, &Entity::User(ann.clone()));
    append(&mut second, "second".to_owned());
    store.commit(second).unwrap();
    (ann, staff)
}

fn everything(store: &Store) -> Vec<(Vec<u8>, Row)> {
    let mut rows = Vec::new();
    store
        .for_each::<StoreError>(&KeyRange::prefix(b""), |key, row| {
            rows.push((key.to_vec(), row));
            Ok(())
        })
        .unwrap();
    rows
}

fn exported(store: &Store) -> String {
    let mut text = Vec::new();
    export::export(store, &mut text, now()).unwrap();
    String::from_utf8(text).unwrap()
}

fn findings(store: &Store) -> Vec<String> {
    verify::verify(store).unwrap().findings.into_iter().map(|f| format!("{}: {}", f.key, f.problem)).collect()
}

/// A passkey and recovery codes of somebody.
fn factors_of(owner: UserId) -> (Passkey, RecoveryCodes) {
    let (name, created) = ("Ann's \"key\"".to_owned(), now());
    let id = PasskeyId::of(b"credential");
    let credential = serde_json::json!({ "counter": 7, "cred_id": "AAAA" });
    let (verifies, can_sync, synced, last_used) = (true, true, false, None);
    let passkey = Passkey { id, owner, name, credential, verifies, can_sync, synced, created, last_used };
    let mut rng = rand::rngs::StdRng::from_seed([7; 32]);
    (passkey, RecoveryCodes::make(owner, "0000000000000001".to_owned(), now(), &mut rng).0)
}

#[test]
fn passkeys_and_recovery_codes_are_carried_over_checked_and_go_with_their_owner() {
    let (from, to) = (sled(), tempfile::tempdir().unwrap());
    let (ann, _) = company(&from.store);
    let (passkey, codes) = factors_of(ann.id);
    let mut commit = commit();
    commit.add_passkey(&passkey).unwrap();
    commit.put_recovery_codes(&codes, 0).unwrap();
    from.store.commit(commit).unwrap();
    assert_eq!(findings(&from.store), Vec::<String>::new());
    let text = exported(&from.store);
    let settings = Settings { reserve_bytes: 0, ..Settings::new(to.path().join("other")) };
    import(&settings, &mut BufReader::new(text.as_bytes()), &restorer()).unwrap();
    let other = store::open(&settings, now()).unwrap();
    let held = other.store.read(|s| {
        let owner = factors::passkey_owner(s, &passkey.id)?;
        let passkeys = factors::passkeys_of(s, &ann.id)?.into_iter().map(|held| held.value).collect::<Vec<_>>();
        let codes = factors::recovery_codes(s, &ann.id)?.map(|held| held.value);
        Ok::<_, StoreError>((owner, passkeys, codes))
    });
    assert_eq!(held.unwrap(), (Some(ann.id), vec![passkey.clone()], Some(codes)));
    // Nobody else gets the same one.
    let mut twice = self::commit();
    twice.add_passkey(&passkey).unwrap();
    assert!(matches!(from.store.commit(twice), Err(StoreError::Conflict { .. })));
    // What does not fit together is found.
    let mut torn = self::commit();
    torn.delete(schema::factors::passkey_owner(&passkey.id));
    from.store.commit(torn).unwrap();
    assert!(findings(&from.store).iter().any(|found| found.contains("does not lead to its owner")));
    // All of it goes when its owner does.
    let owner = bailey::model::CredentialOwner::User(ann.id);
    let rows = from.store.read(|s| bailey::store::credentials::rows_of(s, &owner)).unwrap();
    for key in [schema::factors::passkey(&ann.id, &passkey.id), schema::factors::recovery_codes(&ann.id)] {
        assert!(rows.contains(&key));
    }
}

#[test]
fn typed_rows_read_back_by_id_by_name_and_by_edge() {
    let fixture = memory();
    let (ann, staff) = company(&fixture.store);
    fixture
        .store
        .read(|s| {
            let member = Member::User(ann.id);
            assert_eq!(rows::entity(s, &member)?, Some((DIGEST, Entity::User(ann.clone()))));
            assert_eq!(rows::group(s, &staff.id)?, Some(staff.clone()));
            assert_eq!(rows::entity(s, &Member::User(UserId::from_bytes([0; 16])))?, None);
            let shouted: IamName = "ANN.LEE".parse().unwrap();
            assert_eq!(rows::holder(s, MemberKind::User, &shouted)?, Some(member));
            assert_eq!(rows::holder(s, MemberKind::Group, &shouted)?, None);
            let edges = rows::edges_of(s, &staff.id, None, 10)?;
            assert_eq!(edges, [rows::Edge { member, reference: RefHash([5; 16]), revision: 1 }]);
            assert_eq!(rows::edges_of(s, &staff.id, Some(&member), 10)?, []);
            assert_eq!(rows::groups_of(s, &member)?, [staff.id]);
            let was = history::as_of(s, &schema::user(&ann.id), 1)?.unwrap();
            assert_eq!(rows::decode(&schema::user(&ann.id), was.value)?.name().as_str(), "ann");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let key = schema::user(&ann.id);
    let value = row(&Entity::User(ann.clone()));
    let parsed = EntityRow::parse(&key, value.clone()).unwrap();
    assert_eq!((parsed.member, parsed.digest), (Member::User(ann.id), DIGEST));
    assert_eq!(parsed.entity().unwrap(), Entity::User(ann));
    for damaged in [&value[..10], &value[..40], b"", &[b"0123456789abcdef".as_slice(), b"[]"].concat()] {
        assert!(matches!(rows::decode(&key, damaged.to_vec()), Err(StoreError::Corrupt { .. })));
    }
    let elsewhere = rows::decode(&schema::user(&UserId::from_bytes([0; 16])), value.clone());
    assert!(elsewhere.unwrap_err().to_string().contains("another key"));
    assert!(rows::decode(&schema::names(MemberKind::User), value).unwrap_err().to_string().contains("no entity row"));
}

fn restorer() -> Restorer {
    Restorer { by: Actor::Local { uid: 7 }, from: "/backup".to_owned(), at: now() }
}

#[test]
fn an_import_is_the_store_again_to_the_byte() {
    let original = sled();
    company(&original.store);
    let text = exported(&original.store);
    assert!(text.contains("\"k\":\"name/user/ann.lee\""), "{text}");
    assert!(text.contains("\"v\":{\"cookie\": 1.50 }}"), "{text}");

    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { reserve_bytes: 0, ..Settings::new(dir.path().join("state")) };
    let (header, trailer) = import(&settings, &mut BufReader::new(text.as_bytes()), &restorer()).unwrap();
    assert_eq!((header.revision, trailer.rows), (2, u64::try_from(text.lines().count()).unwrap() - 2));
    let opened = store::open(&settings, now()).unwrap();
    assert!(!opened.created);
    assert_eq!(opened.identity.store, header.store);
    // But for its epoch, which is another, and for what its log is to say of that.
    let life = ["epoch", "restored"].map(schema::meta);
    let rows = |store: &Store| everything(store).into_iter().filter(|(key, _)| !life.contains(key)).collect::<Vec<_>>();
    assert_eq!(rows(&opened.store), rows(&original.store));
    let note = opened.store.read(|snapshot| identity::restored(snapshot)).unwrap().unwrap();
    assert_eq!((note.by, note.from.as_str()), (Actor::Local { uid: 7 }, "/backup"));
    assert_eq!([note.before, note.after], [original.store.epoch().unwrap(), opened.store.epoch().unwrap()]);
    let differing = |(a, b): (&str, &str)| (a != b).then(|| a.to_owned());
    let again = exported(&opened.store);
    let again: Vec<&str> = again.lines().filter(|line| !line.contains("\"meta/restored\"")).collect();
    let differing: Vec<String> = again.into_iter().zip(text.lines()).filter_map(differing).collect();
    assert_eq!(differing.len(), 2, "{differing:#?}");
    assert!(differing[0].contains("meta/epoch") && differing[1].contains("sha256"), "{differing:#?}");
    assert_eq!(findings(&opened.store), Vec::<String>::new());
    let mut third = commit();
    append(&mut third, "third".to_owned());
    assert_eq!(opened.store.commit(third).unwrap().revision, 3);
    assert_eq!(chain(&opened.store), ["first", "second", "third"]);
    drop(opened);
    let again = import(&settings, &mut BufReader::new(text.as_bytes()), &restorer());
    assert!(matches!(again, Err(ImportError::Occupied(_))));
}

/// What was ended since a backup lives in it again; so nothing counts that was issued before.
#[test]
fn each_restore_begins_an_epoch_and_a_restart_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let settings = |name: &str| Settings { reserve_bytes: 0, ..Settings::new(dir.path().join(name)) };
    let epoch = |settings: &Settings| store::open(settings, now()).unwrap().store.epoch().unwrap();
    let first = settings("first");
    let original = epoch(&first);
    assert_eq!(epoch(&first), original, "a restart");
    assert_ne!(epoch(&settings("another")), original);
    let text = exported(&store::open(&first, now()).unwrap().store);
    let restored = ["one", "two"].map(|name| {
        let settings = settings(name);
        import(&settings, &mut BufReader::new(text.as_bytes()), &restorer()).unwrap();
        let restored = epoch(&settings);
        assert_eq!(epoch(&settings), restored, "a restart");
        restored
    });
    assert_ne!(restored[0], restored[1], "the same backup twice");
    assert!(!restored.contains(&original));

    // A backup of before there were epochs, and the store it was made of.
    let old: Vec<&str> = text.lines().filter(|line| !line.contains("\"meta/epoch\"")).collect();
    let (rows, last) = old.split_at(old.len() - 1);
    assert!(last[0].contains("sha256"));
    let rows: String = rows.iter().map(|line| format!("{line}\n")).collect();
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&rows));
    let count = rows.lines().count() - 1;
    let old = format!("{rows}{{\"rows\":{count},\"sha256\":\"{sha256}\"}}\n");
    import(&settings("old"), &mut BufReader::new(old.as_bytes()), &restorer()).unwrap();
    assert_ne!(epoch(&settings("old")), store::Epoch::default());
    let memory = Store::new(store::memory::Memory::new());
    assert_eq!(memory.epoch().unwrap(), store::Epoch::default());
}

#[test]
fn an_export_that_is_not_whole_leaves_no_store() {
    let original = sled();
    company(&original.store);
    let text = exported(&original.store);
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    let mut less = lines.clone();
    less.remove(3);
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let mut twice = lines.clone();
    twice.insert(3, lines[3]);
    let layout = |number: u32| format!("\"schema\":{number}");
    let newer = text.replacen(&layout(schema::SCHEMA_VERSION), &layout(99), 1);
    for (damaged, words) in [
        (String::new(), "empty"),
        ("hello\n".to_owned(), "line 1"),
        (newer, "its layout is 99"),
        (cut.clone(), "last line is missing"),
        (String::from_utf8_lossy(&cut.as_bytes()[..cut.len() - 9]).into_owned(), "line "),
        (less.join("\n"), "rows, where"),
        (swapped.join("\n"), "hashes"),
        (twice.join("\n"), "rows, where"),
        (text.replacen("ann.lee", "eve.lee", 1), "hashes"),
        (format!("{}\n{}", lines[0], "x".repeat(300_000)), "line 2"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { reserve_bytes: 0, ..Settings::new(dir.path().join("state")) };
        let refused = import(&settings, &mut BufReader::new(damaged.as_bytes()), &restorer()).unwrap_err().to_string();
        assert!(refused.contains(words), "`{words}` is not in: {refused}");
        let (header, _) =
            import(&settings, &mut BufReader::new(text.as_bytes()), &restorer()).expect("the place is as it was");
        assert_eq!(header.revision, 2);
    }
}

#[test]
fn a_sound_store_has_no_findings() {
    let fixture = memory();
    company(&fixture.store);
    assert_eq!(findings(&fixture.store), Vec::<String>::new());
    let rows = verify::verify(&fixture.store).unwrap().rows;
    assert_eq!(rows, everything(&fixture.store).len() as u64);
}

/// Rows that look odd and are not: an event that was begun, and an entity unlike what its directory said.
#[test]
fn what_is_under_way_is_no_finding() {
    let fixture = memory();
    let (mut ann, _) = company(&fixture.store);
    let state = tempfile::tempdir().unwrap();
    let identity = Identity { account: "123456789012".parse().unwrap(), build: "test".into(), node: "test".into() };
    let audit = Audit::open(fixture.store.clone(), identity, state.path()).unwrap();
    let begun = audit.begin(&Actor::task("test"), &Event::reading("Test"), now()).unwrap();
    ann.mail = Some("ann@example.com".to_owned());
    let mut suspended = commit();
    suspended.put(schema::user(&ann.id), rows::encode(&NO_DIGEST, &serde_json::to_vec(&ann).unwrap()));
    fixture.store.commit(suspended).unwrap();
    assert_eq!(findings(&fixture.store), Vec::<String>::new());
    begun.complete(&Outcome::success(), now());
    assert_eq!(findings(&fixture.store), Vec::<String>::new());
}

/// Each kind of damage is found, and named by its row.
#[test]
fn verify_finds_what_does_not_fit() {
    type Damage = fn(&mut Commit, &User, &Group);
    let damages: [(&str, Damage); 16] = [
        ("edge-back/", |c, ann, staff| c.delete(schema::edge(&staff.id, &Member::User(ann.id)))),
        ("edge/", |c, ann, staff| c.delete(schema::edge_back(&Member::User(ann.id), &staff.id))),
        ("counterpart dangling-back/", |c, _, staff| {
            c.delete(schema::dangling_back(&staff.origin.directory, &RefHash([8; 16]), &staff.id));
        }),
        ("counterpart dangling/", |c, _, staff| c.delete(schema::dangling(&staff.id, &RefHash([8; 16])))),
        ("its name leads to", |c, _, _| c.delete(schema::name(MemberKind::User, "ann.lee"))),
        ("nobody it leads to", |c, ann, _| c.put(schema::name(MemberKind::User, "eve"), ann.id.as_bytes().to_vec())),
        ("nobody it leads to", |c, ann, _| c.delete(schema::user(&ann.id))),
        ("its member is not there", |c, ann, _| c.delete(schema::user(&ann.id))),
        ("its group is not there", |c, _, staff| c.delete(schema::group(&staff.id))),
        ("entity of another key", |c, ann, _| {
            c.put(schema::user(&UserId::from_bytes([9; 16])), row(&Entity::User(ann.clone())));
        }),
        ("journal/1", |c, _, _| c.put(schema::journal(1), b"{}".to_vec())),
        ("superseded before", |c, ann, _| {
            let value = [&9_u64.to_be_bytes(), row(&Entity::User(ann.clone())).as_slice()].concat();
            c.put(schema::history(&schema::user(&ann.id), 2), value);
        }),
        ("log/2: the records before it", |c, _, _| {
            c.delete(schema::log(1));
            c.put(schema::log(0), Vec::new());
        }),
        ("open-log/77: it has no number", |c, _, _| c.put(schema::open_log(77), Vec::new())),
        ("open-log/77: it names no event", |c, _, _| c.put(schema::open_log(77), 1_u64.to_be_bytes().to_vec())),
        ("yet to come", |c, _, _| {
            c.put(schema::open_log(77), [[1; 16].as_slice(), &3_u64.to_be_bytes()].concat());
        }),
    ];
    for (words, damage) in damages {
        let fixture = memory();
        let (ann, staff) = company(&fixture.store);
        let mut harm = commit();
        harm.expect(schema::user(&ann.id), Expect::Present);
        damage(&mut harm, &ann, &staff);
        fixture.store.commit(harm).unwrap();
        let found = findings(&fixture.store);
        assert!(found.iter().any(|finding| finding.contains(words)), "`{words}` is not in: {found:#?}");
    }
}
