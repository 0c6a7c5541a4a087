//! What the guard lets happen, as a table that a person reviews; and what becomes of decisions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bailey::base::Guid;
use bailey::store::{Expect, Intent, schema};
use bailey::sync::change::{Act, Change, Rule};
use bailey::sync::held::Decision;
use bailey::sync::settings::{Guard, Limit};
use bailey::sync::{Report, SyncError};

use crate::golden::assert_golden;
use crate::simulated::{Object, Simulated};
use crate::world::{World, limit, open_guard};

/// Small enough that a table can be read: five of everything.
fn strict() -> Guard {
    Guard {
        deletions: limit(5),
        suspensions: limit(5),
        group_losses: limit(5),
        losses: limit(12),
        emptied_groups: limit(1),
        renames: limit(5),
        ..open_guard()
    }
}

/// A company of forty, in a group of all and four of ten; in step.
struct Company {
    world: World,
    people: Vec<Guid>,
    all: Guid,
    teams: Vec<Guid>,
}

impl Company {
    fn new(guard: Guard) -> Self {
        let directory = Simulated::new(true);
        let people = directory.people("p", 40);
        let all = directory.group("all", &people);
        let teams = people.chunks(10).enumerate().map(|(n, team)| directory.group(&format!("team{n}"), team)).collect();
        let world = World::with(&directory, |settings| settings.guard = guard);
        world.full();
        directory.take_events();
        Self { world, people, all, teams }
    }

    fn delete(&self, people: std::ops::Range<usize>) {
        self.people[people].iter().for_each(|guid| self.world.directory.delete(*guid));
    }

    /// Those who went come back, as the same objects and into their groups.
    fn back(&self, gone: Vec<(Guid, Object)>) {
        let mut tree = self.world.directory.tree();
        for (guid, object) in gone {
            let at = self.people.iter().position(|one| *one == guid).unwrap();
            tree.restore(guid, object);
            tree.join(self.all, guid);
            tree.join(self.teams[at / 10], guid);
        }
    }

    fn objects(&self, people: std::ops::Range<usize>) -> Vec<(Guid, Object)> {
        let tree = self.world.directory.tree();
        self.people[people].iter().map(|guid| (*guid, tree.objects[guid].clone())).collect()
    }

    /// The whole company but `people` is there.
    fn assert_left(&self, people: std::ops::Range<usize>) {
        for (n, guid) in self.people.iter().enumerate() {
            assert_eq!(self.world.is_active(*guid), !people.contains(&n), "p{n}");
        }
    }
}

fn word(change: &Change) -> &'static str {
    match (&change.act, change.rule) {
        (Act::Add { .. }, _) => "added",
        (Act::Update { .. }, Some(Rule::Deletion)) => "gone",
        (Act::Update { .. }, Some(Rule::Suspension)) => "switched off",
        (Act::Update { .. }, Some(Rule::Rename)) => "renamed",
        (Act::Update { .. }, _) => "updated",
        (Act::Delete, _) => "deleted",
        (Act::Join { .. }, _) => "joined",
        (Act::Leave { .. }, Some(Rule::Deletion)) => "left with their members",
        (Act::Leave { .. }, _) => "left",
        (Act::Respell { .. }, _) => "respelled",
        (Act::Await { .. } | Act::Settle { .. }, _) => "awaited",
    }
}

fn words(changes: &[(Change, bool)], held: bool) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (change, _) in changes.iter().filter(|(_, is_held)| *is_held == held) {
        *counts.entry(word(change)).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn why(report: &Report) -> String {
    let one = |t: &bailey::sync::guard::Tripped| format!("{}: {} + {} > {}", t.limit, t.planned, t.lately, t.allowed);
    report.tripped.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A full read: what a dry run says will happen, and that the real one does just that.
fn full(world: &World) -> String {
    let before = world.model();
    let (dry, listed) = world.dry();
    assert_eq!(world.model(), before, "a dry run writes nothing");
    let real = world.full();
    assert_eq!((&real.tally, real.applied, real.held), (&dry.tally, dry.applied, dry.held));
    assert_eq!(real.held_digest, dry.held_digest);
    world.assert_counted();
    let again = world.full();
    assert_eq!((again.applied, again.held), (0, real.held), "what is left to do is what is held");
    assert_eq!(again.held_digest, real.held_digest);
    let because = why(&real);
    let because = if because.is_empty() { because } else { format!("  because  {because}\n") };
    format!("  happens  {}\n  held     {}\n{because}", words(&listed, false), words(&listed, true))
}

fn event(world: &World, what: &str) -> String {
    let report = world.delta();
    world.assert_counted();
    format!("  {what:<24}{} happen, {} held  {}\n", report.applied, report.held, why(&report))
        .replace("held  \n", "held\n")
}

#[test]
fn what_happens_and_what_is_held() {
    let mut table = String::new();
    let mut scene = |name: &str, play: &dyn Fn(&Company) -> String| {
        let _ = write!(table, "{name}\n{}", play(&Company::new(strict())));
    };
    scene("five people go", &|company| {
        company.delete(0..5);
        full(&company.world)
    });
    scene("six people go, two come, one moves to another team", &|company| {
        let directory = &company.world.directory;
        company.delete(0..6);
        directory.people("new", 2);
        directory.leave(company.teams[1], company.people[15]);
        directory.join(company.teams[2], company.people[15]);
        let said = full(&company.world);
        company.assert_left(0..0);
        said
    });
    scene("six people are switched off", &|company| {
        company.people[..6].iter().for_each(|guid| company.world.directory.disable(*guid));
        full(&company.world)
    });
    scene("six accounts are set to end in 1970", &|company| {
        for guid in &company.people[..6] {
            company.world.directory.tree().set(*guid, "shadowExpire", &[b"1"]);
        }
        full(&company.world)
    });
    scene("six people go, another is switched off", &|company| {
        company.delete(0..6);
        company.world.directory.disable(company.people[20]);
        let said = full(&company.world);
        company.assert_left(20..21);
        said
    });
    scene("a team loses six of ten members", &|company| {
        company.people[..6].iter().for_each(|guid| company.world.directory.leave(company.teams[0], *guid));
        company.world.directory.leave(company.teams[1], company.people[12]);
        full(&company.world)
    });
    scene("three teams lose five members each", &|company| {
        for (team, people) in company.teams.iter().zip(company.people.chunks(10)).take(3) {
            people[..5].iter().for_each(|guid| company.world.directory.leave(*team, *guid));
        }
        full(&company.world)
    });
    scene("two groups of two are emptied", &|company| {
        let directory = &company.world.directory;
        let pairs = [directory.group("a", &company.people[..2]), directory.group("b", &company.people[2..4])];
        company.world.full();
        pairs.iter().for_each(|pair| directory.tree().set(*pair, "member", &[]));
        full(&company.world)
    });
    scene("six people are renamed", &|company| {
        for (n, guid) in company.people[..6].iter().enumerate() {
            company.world.directory.rename(*guid, &format!("renamed{n}"));
        }
        full(&company.world)
    });
    scene("six people go, and somebody new has the login of one", &|company| {
        let directory = &company.world.directory;
        company.delete(0..6);
        let new = directory.person("p3");
        let said = full(&company.world);
        assert_eq!(company.world.name(company.people[3]), "p3");
        assert!(company.world.name(new).starts_with("p3+"));
        said
    });
    scene("seven people go one by one within an hour, and one after it", &|company| {
        let mut said = String::new();
        for n in 0..7 {
            company.delete(n..n + 1);
            company.world.pass(Duration::from_secs(60));
            said += &event(&company.world, &format!("p{n} goes"));
        }
        company.assert_left(0..5);
        said += &full(&company.world);
        company.world.pass(Duration::from_secs(3_600));
        company.delete(7..8);
        said + &event(&company.world, "p7 goes an hour later")
    });
    scene("two groups of one are emptied one by one", &|company| {
        let directory = &company.world.directory;
        let (a, b) = (directory.group("a", &company.people[..1]), directory.group("b", &company.people[1..2]));
        company.world.delta();
        directory.leave(a, company.people[0]);
        let first = event(&company.world, "a loses its last");
        directory.leave(b, company.people[1]);
        first + &event(&company.world, "b loses its last")
    });
    assert_golden("guard.txt", &table);
}

#[test]
fn an_approval_covers_exactly_its_changes_and_is_used_up() {
    let company = Company::new(strict());
    let world = &company.world;
    company.delete(0..6);
    let digest = world.full().held_digest.unwrap();
    world.decide(digest.split_at(12).0, true);
    // Six more go before it is carried out: nobody agreed to those.
    company.delete(6..12);
    let report = world.full();
    assert_eq!(report.held, 6 + 12);
    company.assert_left(0..6);
    let [held] = world.held().try_into().unwrap();
    assert_ne!(held.digest, digest);
    assert_eq!(held.decision, Decision::Open);
    world.decide(&held.digest, true);
    assert_eq!(world.full().held, 0);
    company.assert_left(0..12);
    assert_eq!(world.held(), []);
    world.assert_counted();
}

#[test]
fn what_is_new_and_few_happens_beside_an_approval() {
    let company = Company::new(strict());
    company.delete(0..6);
    company.world.decide(&company.world.full().held_digest.unwrap(), true);
    company.delete(6..8);
    assert_eq!(company.world.full().held, 0);
    company.assert_left(0..8);
}

#[test]
fn a_refusal_stands_however_few_of_its_changes_are_left_and_holds_up_nobody_else() {
    let company = Company::new(strict());
    let world = &company.world;
    company.delete(0..4);
    let kept = company.objects(4..7);
    company.delete(4..7);
    let digest = world.full().held_digest.unwrap();
    world.decide(&digest, false);
    let report = world.full();
    assert_eq!((report.held, report.applied), (0, 0));
    assert_eq!(report.refused, 7 + 14);
    // Three come back: the four left are few enough for the limit, and still refused.
    company.back(kept);
    world.full();
    company.assert_left(0..0);
    // Others go: they are few, and nobody refused that.
    company.delete(10..14);
    let report = world.full();
    assert_eq!((report.held, report.refused), (0, 4 + 8));
    company.assert_left(10..14);
    let [held] = world.held().try_into().unwrap();
    assert_eq!(held.digest, digest);
    assert!(matches!(held.decision, Decision::Refused { .. }));
    // Somebody changes their mind.
    world.decide(&digest, true);
    world.full();
    for (n, guid) in company.people.iter().enumerate() {
        assert_eq!(world.is_active(*guid), !(0..4).contains(&n) && !(10..14).contains(&n), "p{n}");
    }
    assert_eq!(world.held(), []);
    world.assert_counted();
}

#[test]
fn a_set_keeps_its_digest_and_its_age_from_run_to_run_and_through_doubt() {
    let company = Company::new(strict());
    let world = &company.world;
    company.delete(0..6);
    let first = world.full();
    let since = world.held()[0].since;
    world.pass(Duration::from_secs(7_200));
    assert_eq!(world.full().held_digest, first.held_digest);
    let [held] = world.held().try_into().unwrap();
    assert_eq!((held.since, held.seen), (since, world.now()));
    world.decide(&held.digest, true);
    world.directory.tree().faults.doubt = Some("a referral".to_owned());
    assert_eq!(world.full().applied, 0);
    assert!(
        matches!(world.held()[0].decision, Decision::Approved { .. }),
        "nothing was carried out, so nothing is used up"
    );
    world.directory.tree().faults.doubt = None;
    world.full();
    company.assert_left(0..6);
    assert_eq!(world.held(), []);
}

#[test]
fn a_set_whose_changes_are_found_no_longer_goes() {
    let company = Company::new(strict());
    let world = &company.world;
    let objects = company.objects(0..6);
    company.delete(0..6);
    world.full();
    assert_eq!(world.held().len(), 1);
    assert!(world.rows(b"P").len() > 1);
    company.back(objects);
    world.full();
    assert_eq!(world.rows(b"P").len(), 0);
}

#[test]
fn a_decision_made_while_a_run_ends_is_not_lost() {
    let company = Company::new(strict());
    let world = &company.world;
    company.delete(0..6);
    let digest = world.full().held_digest.unwrap();
    // What a run does at its end, with what it knew before the decision.
    let mut commit = bailey::store::Commit::new(bailey::model::Actor::task("test"), world.now(), Intent::Narrow);
    let mut raw = [0; 32];
    hex::decode_to_slice(&digest, &mut raw).unwrap();
    let key = schema::held(&raw);
    let known = world.store().read(|snapshot| snapshot.get(&key)).unwrap().unwrap();
    world.decide(&digest, true);
    commit.expect(key.clone(), Expect::At(known.revision));
    commit.put(key, known.value);
    world.store().commit(commit).unwrap_err();
    world.full();
    company.assert_left(0..6);
}

#[test]
fn what_follows_from_a_set_is_long_and_still_fits_into_rows() {
    let directory = Simulated::new(true);
    let people = directory.people("p", 30);
    let world = World::with(&directory, |settings| {
        settings.guard = Guard { renames: Limit { count: 0, share: 0.0 }, ..open_guard() };
        settings.mapping.tags = (0..5).map(|n| (format!("t{n}"), format!("tag{n}"))).collect();
    });
    world.full();
    for (n, guid) in people.iter().enumerate() {
        for tag in 0..5 {
            directory.tree().set(*guid, &format!("tag{tag}"), &["\"".repeat(4_000).as_bytes()]);
        }
        directory.rename(*guid, &format!("q{n}"));
    }
    let report = world.full();
    assert_eq!(report.held, 30);
    let held = world.held();
    let changes = world.store().read(|snapshot| bailey::sync::held::changes(snapshot, &held[0])).unwrap();
    assert_eq!(changes.len(), 30);
    world.decide(&held[0].digest, true);
    assert_eq!(world.full().applied, 30);
    world.assert_counted();
}

#[test]
fn an_unknown_digest_is_an_error_that_says_where_to_look() {
    let company = Company::new(strict());
    let missing = company.world.store().read(|snapshot| bailey::sync::held::find(snapshot, "0123456789").map(drop));
    let Err(error @ SyncError::NoSuchHeld { .. }) = missing else { panic!("{missing:?}") };
    assert!(error.to_string().contains("bailey sync held"));
}
