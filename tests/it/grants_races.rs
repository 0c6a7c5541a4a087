//! Sixty-four at once on one grant, by real threads that send forms to the real program: one person agrees once, two people twice,
//! one claim counts, and what takes away does so whatever others are doing. What won stays over a restart, and nothing else wins then.

use std::sync::Barrier;

use serde_json::Value;

use crate::bed::counter::Counter;
use crate::bed::visitor::Page;
use crate::grants_bed::{Company, Person};

/// As many as one address may have connections, but for the one that somebody's own browser has kept.
const RACERS: usize = 60;

/// Has windows of these people send the same form at the same time: the nth is of the nth person, over and over.
fn at_once(counter: &Counter, people: &[(&Person, &str)], id: &str, digest: &str) -> Vec<(usize, Page)> {
    let start = &Barrier::new(RACERS);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..RACERS)
            .map(|n| {
                let (person, step) = people[n % people.len()];
                let mut window = person.window(counter);
                scope.spawn(move || {
                    window.visitor.connect();
                    start.wait();
                    (n % people.len(), window.step(id, step, &[("digest", digest), ("comment", "race")]))
                })
            })
            .collect();
        running.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// How many of these were told that it is done, by whose they were; everybody else is told why not, in words.
fn won(told: &[(usize, Page)], people: usize) -> Vec<usize> {
    let mut counts = vec![0; people];
    for (whose, page) in told {
        match page.status {
            303 => counts[*whose] += 1,
            409 => assert!(!page.html.contains("hanged meanwhile"), "{page:?}"),
            _ => panic!("{page:?}"),
        }
    }
    counts
}

/// Records of this event behind `seq` that say it was done.
fn done(counter: &Counter, seq: u64, event: &str) -> usize {
    let records = counter.records_behind(seq);
    let done = |record: &&Value| record["eventName"] == event && record["bailey"]["outcome"] == "success";
    records.iter().filter(done).count()
}

/// By kill and by order.
fn restart(counter: &mut Counter, orderly: bool) {
    if orderly {
        assert!(counter.bailey.terminate().success());
    } else {
        counter.bailey.kill();
    }
    counter.start();
}

#[test]
fn one_person_agrees_once_and_two_people_twice_however_many_windows_they_have() {
    let mut company = Company::new();
    let (mut ann, mut bob, mut cam) = (company.person("ann"), company.person("bob"), company.person("cam"));
    let [alone, both, one] = ["vault-keeper", "vault-keeper", "prod-admin"].map(|role| ann.asks(role));
    let digests = [&alone, &both, &one].map(|id| bob.looks_at(id).field("digest"));
    let others = [&mut ann, &mut bob, &mut cam];
    others.into_iter().for_each(|person| person.visitor.hang_up());
    for orderly in [None, Some(false), Some(true)] {
        if let Some(orderly) = orderly {
            restart(&mut company.counter, orderly);
        }
        let first = orderly.is_none();
        let counter = &company.counter;
        let before = counter.sound_records();
        let told = at_once(counter, &[(&bob, "approve")], &alone, &digests[0]);
        assert_eq!(won(&told, 1), [usize::from(first)], "{told:?}");
        assert!(told.iter().any(|(_, page)| page.html.contains("You have agreed to it already")));
        assert_eq!(
            (company.stage(&alone).as_str(), done(counter, before, "ApproveGrant")),
            ("requested", first.into())
        );

        let told = at_once(counter, &[(&bob, "approve"), (&cam, "approve")], &both, &digests[1]);
        assert_eq!(won(&told, 2), [usize::from(first); 2], "each of them has a word: {told:?}");
        let told = at_once(counter, &[(&bob, "approve"), (&cam, "approve")], &one, &digests[2]);
        assert_eq!(won(&told, 2).iter().sum::<usize>(), usize::from(first), "{told:?}");
        let agreed = [&alone, &both, &one].map(|id| company.grant(id)["approvals"].as_array().unwrap().len());
        assert_eq!(agreed, [1, 2, 1]);
        assert_eq!([&both, &one].map(|id| company.stage(id)), ["claimable", "claimable"]);
        assert_eq!(done(counter, before, "ApproveGrant"), if first { 4 } else { 0 });
    }
}

#[test]
fn of_sixty_four_claims_one_begins_and_those_who_end_it_are_not_sent_away() {
    let mut company = Company::new();
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let ids: Vec<String> = (0..5)
        .map(|_| {
            let id = ann.asks("prod-admin");
            bob.approves(&id).leads_to(&format!("/me/grants/{id}"));
            id
        })
        .collect();
    [&mut ann, &mut bob].into_iter().for_each(|person| person.visitor.hang_up());
    let (claimed, contested) = ids.split_first().unwrap();
    let counter = &company.counter;
    let before = counter.sound_records();
    let told = at_once(counter, &[(&ann, "claim")], claimed, "");
    assert_eq!(won(&told, 1), [1], "{told:?}");
    assert!(told.iter().any(|(_, page)| page.html.contains("The grant is active")));
    assert_eq!((company.stage(claimed).as_str(), done(counter, before, "ClaimGrant")), ("active", 1));

    // Begun, given back and taken back at once: it ends once, and nothing of it is left.
    let mut begun = 0;
    for id in contested {
        let before = counter.sound_records();
        let told = at_once(counter, &[(&ann, "claim"), (&ann, "complete"), (&bob, "revoke")], id, "");
        let [claims, completions, revocations] = won(&told, 3)[..] else { panic!() };
        assert_eq!(completions + revocations, 1, "{told:?}");
        assert!(claims <= 1, "{told:?}");
        begun += claims;
        let view = company.grant(id);
        let how = if revocations == 1 { "revoked" } else { "completed" };
        assert_eq!((&view["stage"], &view["how"]), (&"ended".into(), &how.into()));
        assert_eq!(view["from"].is_null(), claims == 0, "{view}");
        let events = ["ClaimGrant", "CompleteGrant", "RevokeGrant"].map(|event| done(counter, before, event));
        assert_eq!(events, [claims, completions, revocations]);
    }
    let before: Vec<Value> = ids.iter().map(|id| company.grant(id)).collect();
    for orderly in [false, true] {
        restart(&mut company.counter, orderly);
        assert_eq!(ids.iter().map(|id| company.grant(id)).collect::<Vec<_>>(), before, "{begun} were begun");
        for id in contested {
            let told = at_once(&company.counter, &[(&ann, "claim"), (&ann, "complete"), (&bob, "revoke")], id, "");
            assert_eq!(won(&told, 3), [0, 0, 0], "{told:?}");
        }
        assert_eq!(won(&at_once(&company.counter, &[(&ann, "claim")], claimed, ""), 1), [0]);
    }
    let told = at_once(&company.counter, &[(&bob, "revoke")], claimed, "");
    assert_eq!(won(&told, 1), [1], "{told:?}");
    ann.takes("prod-admin").says(403, "not authorized");
    company.counter.sound_records();
}
