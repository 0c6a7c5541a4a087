//! Active Directory as Windows plays it, where Samba differs: slices, pages, a DirSync told in parts, and what befalls a
//! database that is put back from a backup.

use std::sync::Arc;

use bailey::base::Guid;
use bailey::directory::{Arrival, Changes, Completeness, Cursor, LdapSource, Method, Settings, Severity, Source};
use tokio::sync::mpsc;

use crate::bed::controller::{Controller, DIRSYNC, DOMAIN, Domain, guid};
use crate::bed::{names, next_change, read_all};

fn source(settings: Settings) -> Arc<LdapSource> {
    Arc::new(LdapSource::new(settings, [7; 32]).unwrap())
}

/// A domain of `people`, and a group of them all.
fn company(people: u32) -> (Domain, Guid) {
    let mut domain = Domain::new();
    for n in 1..=people {
        domain.person(n);
    }
    let group = domain.group(900_000, 1..=people);
    (domain, group)
}

/// How many members `group` came with, or why it cannot be used.
fn members(arrivals: &[Arrival], group: Guid) -> Result<usize, String> {
    let found = arrivals.iter().find_map(|arrival| match arrival {
        Arrival::Entry(entry) if entry.guid == group => Some(Ok(entry.attributes.values("member").len())),
        Arrival::Unusable(unusable) if unusable.guid == Some(group) => Some(Err(unusable.why.clone())),
        _ => None,
    });
    found.unwrap_or_else(|| Err("it did not come".to_owned()))
}

#[tokio::test]
async fn a_group_that_comes_in_slices_comes_whole() {
    for count in [0, 1, 1_499, 1_500, 1_501, 3_000, 3_001, 15_001] {
        let (domain, group) = company(count);
        let controller = Controller::start(domain).await;
        let (arrivals, reading) = read_all(&*source(controller.settings())).await.unwrap();
        assert_eq!(members(&arrivals, group), Ok(count as usize));
        assert_eq!(reading.completeness, Completeness::Complete);
        assert_eq!(names(&arrivals).len(), count as usize + 1);
    }
}

#[tokio::test]
async fn a_group_of_which_a_slice_is_missing_cannot_be_used() {
    let (mut domain, group) = company(1_501);
    domain.drops_a_slice = true;
    let controller = Controller::start(domain).await;
    let (arrivals, _) = read_all(&*source(controller.settings())).await.unwrap();
    let why = members(&arrivals, group).unwrap_err();
    assert!(why.contains("did not send `member;range=1500-*`"), "{why}");
}

/// A member that leaves between two slices moves the others forward; one of them would be missed.
#[tokio::test]
async fn a_group_that_changes_between_slices_is_read_again() {
    for (changes, whole) in [(1, true), (3, true), (1_000, false)] {
        let (mut domain, group) = company(3_001);
        domain.changes_between_slices = changes;
        let controller = Controller::start(domain).await;
        let (arrivals, _) = read_all(&*source(controller.settings())).await.unwrap();
        match members(&arrivals, group) {
            Ok(count) => assert_eq!((count, whole), (3_001, true), "{changes}"),
            Err(why) => assert!(!whole && why.contains("changed each of the"), "{changes}: {why}"),
        }
    }
}

/// Samba has no limit for what is asked without pages, and never says that there is no such account.
#[tokio::test]
async fn a_refused_bind_says_why_and_what_to_do() {
    for (code, words, todo) in [("525", "there is no such account", "bind_dn"), ("533", "is disabled", "enable")] {
        let mut domain = Domain::new();
        domain.refuses_bind = Some(code);
        let controller = Controller::start(domain).await;
        let findings = source(controller.settings()).check().await;
        let fault = findings.iter().find(|finding| finding.severity == Severity::Fault).expect("a fault");
        assert!(fault.what.contains(words) && fault.what.contains(code), "{}", fault.what);
        assert!(fault.remedy.contains(todo), "{}", fault.remedy);
    }
}

/// A full read, and where following begins behind it.
async fn begin(settings: Settings) -> (Arc<LdapSource>, Cursor) {
    let source = source(settings);
    let (_, reading) = read_all(&*source).await.unwrap();
    assert_eq!(reading.completeness, Completeness::Complete);
    (source, reading.position.unwrap())
}

/// Follows from `cursor` on; the task ends with the receiver.
fn follow(source: &Arc<LdapSource>, cursor: Cursor) -> mpsc::Receiver<Changes> {
    let (into, changes) = mpsc::channel(4);
    let source = Arc::clone(source);
    tokio::spawn(async move { source.follow(cursor, into).await });
    changes
}

/// Everything told until a step moves the position: who came, who is gone, and the cursor.
async fn next_step(changes: &mut mpsc::Receiver<Changes>, from: &Cursor) -> (Vec<Guid>, Vec<Guid>, Cursor) {
    let (mut came, mut left) = (Vec::new(), Vec::new());
    loop {
        match next_change(changes).await {
            Changes::Delta { arrivals, gone, cursor, .. } => {
                came.extend(arrivals.iter().filter_map(|arrival| match arrival {
                    Arrival::Entry(entry) => Some(entry.guid),
                    Arrival::Unusable(unusable) => unusable.guid,
                }));
                left.extend(gone);
                if cursor != *from {
                    came.sort();
                    left.sort();
                    return (came, left, cursor);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn full_read_needed(changes: &mut mpsc::Receiver<Changes>) -> String {
    match next_change(changes).await {
        Changes::FullReadNeeded { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn changes_and_deletions_are_told_by_either_way() {
    for method in [Method::Dirsync, Method::Usn] {
        let (domain, group) = company(5);
        let controller = Controller::start(domain).await;
        let settings = Settings { method: Some(method), ..controller.settings() };
        let (source, cursor) = begin(settings).await;
        let following = source.following().await.unwrap();
        assert_eq!((following.method, following.sees_deletions), (method, true));
        let mut changes = follow(&source, cursor.clone());
        {
            let mut domain = controller.domain();
            domain.set(guid(1), "displayName", vec![b"Renamed".to_vec()]);
            domain.delete(guid(2));
            domain.person(6);
            domain.set(group, "member", Vec::new());
        }
        let (came, left, _) = next_step(&mut changes, &cursor).await;
        assert_eq!(came, [guid(1), guid(6), group], "{method:?}");
        assert_eq!(left, [guid(2)], "{method:?}");
    }
}

/// The answer to one question comes in parts; the position moves with the last.
#[tokio::test]
async fn a_long_answer_is_told_in_parts_and_moves_the_position_at_its_end() {
    let (mut domain, _) = company(50);
    domain.page = 7;
    let controller = Controller::start(domain).await;
    let (source, cursor) = begin(Settings { page_size: 7, ..controller.settings() }).await;
    let mut changes = follow(&source, cursor.clone());
    for n in 1..=1_200 {
        controller.domain().person(1_000 + n);
    }
    let (mut came, _, mut at) = next_step(&mut changes, &cursor).await;
    while came.len() < 1_200 {
        let (more, _, next) = next_step(&mut changes, &at).await;
        came.extend(more);
        at = next;
    }
    assert!(controller.asked().iter().filter(|asked| asked.ends_with(DIRSYNC)).count() > 1_200 / 7);
}

#[tokio::test]
async fn an_account_without_the_right_to_everything_follows_what_it_may_read() {
    let (mut domain, _) = company(3);
    domain.may_follow_everything = false;
    let controller = Controller::start(domain).await;
    let (source, cursor) = begin(controller.settings()).await;
    assert_eq!(cursor.method, "dirsync");
    let mut changes = follow(&source, cursor.clone());
    controller.domain().person(4);
    assert_eq!(next_step(&mut changes, &cursor).await.0, [guid(4)]);
}

#[tokio::test]
async fn an_account_that_does_not_see_deletions_is_known_as_such() {
    let (mut domain, _) = company(3);
    domain.sees_deletions = false;
    let controller = Controller::start(domain).await;
    let source = source(controller.settings());
    assert!(!source.following().await.unwrap().sees_deletions);
    let deletions = source.check().await.into_iter().find(|finding| finding.subject == "deletions").unwrap();
    assert!(deletions.commands.iter().any(|line| line.starts_with("dsacls \"CN=Deleted Objects,")), "{deletions:?}");
}

/// Whatever befalls the database or the cookie, nothing is taken for followed that was not.
#[tokio::test]
async fn a_position_that_is_worth_nothing_any_more_leads_to_a_full_read() {
    type Fate = (&'static str, fn(&mut Domain), &'static str);
    let fates: [Fate; 7] = [
        ("restored by the book", |domain| domain.invocation = [0x22; 16], "invocationId changed"),
        ("restored as an image", |domain| domain.usn -= 2, "went back in time"),
        ("asleep for 100 of 180 days", |domain| domain.time = "20260620120000.0Z".to_owned(), "100 days old"),
        ("cookie not understood", |domain| domain.refuses_dirsync = Some(12), "unavailableCriticalExtension"),
        ("right taken away", |domain| domain.refuses_dirsync = Some(50), "insufficientAccessRights"),
        ("cookie of another version", |domain| domain.refuses_dirsync = Some(53), "unwillingToPerform"),
        (
            "shorter tombstones",
            |domain| {
                domain.tombstone_days = 2;
                domain.time = "20260314120000.0Z".to_owned();
            },
            "deletions are told for 2 days only",
        ),
    ];
    for (what, fate, why) in fates {
        let (domain, _) = company(3);
        let controller = Controller::start(domain).await;
        let (source, cursor) = begin(controller.settings()).await;
        {
            let mut domain = controller.domain();
            domain.set(guid(1), "displayName", vec![b"new".to_vec()]);
            fate(&mut domain);
        }
        let said = full_read_needed(&mut follow(&source, cursor)).await;
        assert!(said.contains(why), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_position_of_another_method_than_the_one_now_wanted_leads_to_a_full_read() {
    let (domain, _) = company(3);
    let controller = Controller::start(domain).await;
    let (_, cursor) = begin(controller.settings()).await;
    let usn = source(Settings { method: Some(Method::Usn), ..controller.settings() });
    let said = full_read_needed(&mut follow(&usn, cursor)).await;
    assert!(said.contains("taken by `dirsync`, changes are followed by `usn`"), "{said}");
}

/// The controller's clock strikes between its time and its numbers.
#[tokio::test]
async fn a_change_of_the_next_second_is_no_sign_of_counting_twice() {
    let (domain, _) = company(5);
    let controller = Controller::start(domain).await;
    let (source, cursor) = begin(controller.settings()).await;
    let mut changes = follow(&source, cursor.clone());
    controller.domain().set(guid(1), "displayName", vec![b"changed".to_vec()]);
    let (_, _, cursor) = next_step(&mut changes, &cursor).await;
    drop(changes);
    let mut changes = {
        let mut now = controller.domain();
        // What it shows of every object, those of the last update included.
        now.time = now.time.replace("00.0Z", "01.0Z");
        now.set(guid(2), "displayName", vec![b"changed".to_vec()]);
        follow(&source, cursor.clone())
    };
    // The first is told again: what was just counted may have been shown since.
    assert_eq!(next_step(&mut changes, &cursor).await.0, [guid(1), guid(2)]);
}

/// An update is counted a moment before it is shown, and a cookie or number taken in that moment is past it.
#[tokio::test]
async fn an_update_that_is_counted_before_it_is_shown_is_told_when_it_is_shown() {
    tokio::join!(
        shown_after_a_full_read(Method::Dirsync),
        shown_after_a_full_read(Method::Usn),
        shown_after_a_step(Method::Dirsync),
        shown_after_a_step(Method::Usn),
    );
}

async fn shown_after_a_full_read(method: Method) {
    let (domain, _) = company(3);
    let controller = Controller::start(domain).await;
    let counted = controller.domain().count();
    let (source, cursor) = begin(Settings { method: Some(method), ..controller.settings() }).await;
    let mut changes = follow(&source, cursor.clone());
    controller.domain().show(counted, guid(2), "displayName", vec![b"shown late".to_vec()]);
    assert_eq!(next_step(&mut changes, &cursor).await.0, [guid(2)], "{method:?}");
}

async fn shown_after_a_step(method: Method) {
    let (domain, _) = company(3);
    let controller = Controller::start(domain).await;
    let (source, cursor) = begin(Settings { method: Some(method), ..controller.settings() }).await;
    let mut changes = follow(&source, cursor.clone());
    let counted = {
        let mut domain = controller.domain();
        domain.set(guid(1), "displayName", vec![b"shown at once".to_vec()]);
        domain.count()
    };
    let (came, _, cursor) = next_step(&mut changes, &cursor).await;
    assert_eq!(came, [guid(1)], "{method:?}");
    controller.domain().show(counted, guid(2), "displayName", vec![b"shown late".to_vec()]);
    assert_eq!(next_step(&mut changes, &cursor).await.0, [guid(1), guid(2)], "{method:?}");
}

/// A unit that somebody makes elsewhere was nowhere before, so nothing of ours was in it.
#[tokio::test]
async fn a_new_unit_outside_of_what_is_read_is_no_reason_to_read_everything() {
    let mut domain = Domain::new();
    domain.add(50, "OU=Staff", &["top", "organizationalUnit"], &[]);
    let person = domain.add(
        1,
        "CN=u1,OU=Staff",
        &["top", "person", "organizationalPerson", "user"],
        &[("sAMAccountName", "u1"), ("sAMAccountType", "805306368"), ("userAccountControl", "512")],
    );
    for method in [Method::Dirsync, Method::Usn] {
        let controller = Controller::start(domain.clone()).await;
        let only_under = vec![format!("OU=Staff,{DOMAIN}").parse().unwrap()];
        let (source, cursor) = begin(Settings { method: Some(method), only_under, ..controller.settings() }).await;
        let mut changes = follow(&source, cursor.clone());
        controller.domain().set(person, "displayName", vec![b"first".to_vec()]);
        let (_, _, cursor) = next_step(&mut changes, &cursor).await;
        {
            let mut domain = controller.domain();
            domain.add(60, "OU=Elsewhere", &["top", "organizationalUnit"], &[]);
            domain.set(person, "displayName", vec![b"second".to_vec()]);
        }
        let (came, _, _) = next_step(&mut changes, &cursor).await;
        assert!(came.contains(&person), "{method:?}: {came:?}");
    }
}

/// Restored, and busy since: its numbers have passed ours, but ours were given out twice.
#[tokio::test]
async fn a_controller_that_counts_twice_is_found_out() {
    let (domain, _) = company(5);
    let controller = Controller::start(domain).await;
    let image = controller.domain().clone();
    let (source, cursor) = begin(controller.settings()).await;
    let mut changes = follow(&source, cursor.clone());
    controller.domain().set(guid(1), "displayName", vec![b"lost with the image".to_vec()]);
    let (_, _, cursor) = next_step(&mut changes, &cursor).await;
    drop(changes);
    {
        let mut now = controller.domain();
        *now = image;
        now.time = "20260312121000.0Z".to_owned();
        now.set(guid(2), "displayName", vec![b"under a number we know".to_vec()]);
        now.set(guid(3), "displayName", vec![b"under a new one".to_vec()]);
    }
    let said = full_read_needed(&mut follow(&source, cursor)).await;
    assert!(said.contains("counted past"), "{said}");
}

#[tokio::test]
async fn a_controller_that_is_catching_up_proves_nobody_absent() {
    let (mut domain, _) = company(3);
    domain.catching_up = true;
    let controller = Controller::start(domain).await;
    let (_, reading) = read_all(&*source(controller.settings())).await.unwrap();
    let Completeness::Doubtful(why) = reading.completeness else { panic!("{reading:?}") };
    assert!(why[0].contains("not yet received everything"), "{why:?}");
}

/// What nobody asked for is not told, and what is told without a change in scope moves nothing.
#[tokio::test]
async fn nothing_new_is_asked_for_when_nothing_was_committed() {
    let (domain, _) = company(3);
    let controller = Controller::start(domain).await;
    let (source, cursor) = begin(controller.settings()).await;
    let before = controller.asked().iter().filter(|asked| asked.ends_with(DIRSYNC)).count();
    let _changes = follow(&source, cursor);
    let looks = || controller.asked().iter().filter(|asked| asked.starts_with(" 0")).count();
    let (since, patience) = (looks(), std::time::Instant::now());
    while looks() < since + 10 {
        assert!(patience.elapsed() < crate::bed::PATIENCE);
        tokio::task::yield_now().await;
    }
    assert_eq!(controller.asked().iter().filter(|asked| asked.ends_with(DIRSYNC)).count(), before);
}
