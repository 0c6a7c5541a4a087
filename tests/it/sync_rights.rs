//! What changes of a directory do to rights: that a dry run says it exactly, and that a limit of it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bailey::base::{Guid, RoleId, UserId};
use bailey::model::{
    Actor, Assignment, Entitlements, Entity, GroupRule, Holder, Member, MemberKind, Role, origin, role,
};
use bailey::rights::effects::Right;
use bailey::rights::{Effective, Effects, Library, Shelf};
use bailey::store::{Commit, Intent, iam, schema};
use bailey::sync::settings::Limit;
use bailey::sync::stored::Walk;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::simulated::Simulated;
use crate::sync_random::edit;
use crate::world::{World, limit};

/// Who has which rights: IAM name, by user, to what is said of a right.
type Rights = BTreeMap<UserId, (String, BTreeSet<String>)>;

/// A world in which groups give something.
struct Company {
    world: World,
    /// What was read for one question after the other, as a daemon keeps it.
    shelf: Shelf,
}

impl Company {
    fn new(directory: &Simulated, rights_lost: Option<Limit>) -> Self {
        let mut world = World::with(directory, |settings| settings.guard.rights_lost = rights_lost);
        let pattern = "(?i)(?<role>ops|dev|admins)";
        let rule = GroupRule::new("corp".parse().unwrap(), pattern, None, None).unwrap();
        world.runner.grounds.rules = Arc::new(RwLock::new([rule].into_iter().collect()));
        let company = Self { world, shelf: Shelf::default() };
        company.commit(|commit| {
            for name in ["ops", "dev", "admins", "Deploy", "Audit"] {
                commit.add_object(&a_role(name)).unwrap();
            }
        });
        company
    }

    fn commit(&self, fill: impl FnOnce(&mut Commit)) {
        let mut commit = Commit::new(Actor::task("test"), self.world.now(), Intent::Widen);
        fill(&mut commit);
        self.world.store().commit(commit).unwrap();
    }

    fn group(&self, guid: Guid) -> Member {
        Member::Group(origin::group_id(self.world.label(), &guid))
    }

    /// Members of `to` may assume the role.
    fn assign(&self, role: &str, to: Member) {
        self.commit(|commit| commit.put_assignment(&assignment(role, to), 0).unwrap());
    }

    /// Members of `to` may, or may not, do what this document says.
    fn attach(&self, to: Member, name: &str, effect: &str, action: &str) {
        let Member::Group(group) = to else { panic!("{to:?}") };
        let holder = Holder::Group(group);
        let before = self.world.store().read(|snapshot| iam::entitlements(snapshot, &holder)).unwrap();
        let document = format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#);
        let mut after: Entitlements = before.value.clone();
        after.inline.insert(name.parse().unwrap(), document);
        self.commit(|commit| {
            commit.claim(&schema::entity(&to));
            commit.put_entitlements(&holder, &before, &after).unwrap();
        });
    }

    /// Everybody's rights, worked out one by one from what is stored.
    fn rights(&self) -> Rights {
        let store = self.world.store();
        let terms = store.read(|snapshot| self.world.runner.grounds.terms(snapshot, self.world.now())).unwrap();
        let account = &self.world.runner.grounds.account;
        let mut rights = Rights::new();
        for row in Walk::new(store, MemberKind::User, self.world.label()) {
            let Entity::User(user) = row.unwrap().entity().unwrap() else { panic!("a user") };
            let mut said = BTreeSet::new();
            if user.standing.enabled(self.world.now()).is_ok() {
                let effective = store.read(|snapshot| Effective::of_user(snapshot, account, &user, &terms)).unwrap();
                let mut library = Library::with(self.shelf.clone(), account, &terms);
                for _ in 0..2 {
                    let kept = store.read(|snapshot| library.at(snapshot).user(&user)).unwrap();
                    assert_eq!(format!("{kept:?}"), format!("{effective:?}"), "what is kept is what would be read");
                }
                let assigned: BTreeSet<String> = effective.assigned.iter().map(|one| one.name()).collect();
                said.extend(effective.assigned.iter().map(|one| format!("role {}", one.role.name)));
                let documents = effective.identity.iter().filter(|held| !assigned.contains(&*held.name));
                said.extend(documents.map(|held| action_of(&held.text)));
            }
            rights.insert(user.id, (user.name.to_string(), said));
        }
        rights
    }
}

/// The one action of a document, such as `Allow s3:Get*`.
fn action_of(text: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let statement = &document["Statement"];
    format!("{} {}", statement["Effect"].as_str().unwrap(), statement["Action"].as_str().unwrap())
}

pub(crate) fn a_role(name: &str) -> Role {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    Role {
        id: RoleId::from_bytes(id),
        account: "123456789012".parse().unwrap(),
        path: "/".parse().unwrap(),
        name: name.parse().unwrap(),
        description: String::new(),
        trust: None,
        max_session: role::USUAL_SESSION,
        privileged: false,
        created: "2026-03-12T12:00:00Z".parse().unwrap(),
    }
}

pub(crate) fn assignment(role: &str, to: Member) -> Assignment {
    Assignment {
        to,
        role: a_role(role).id,
        condition: None,
        not_before: None,
        not_after: None,
        reason: String::new(),
        by: Actor::task("test"),
        created: "2026-03-12T12:00:00Z".parse().unwrap(),
    }
}

/// A right in the words of [`Company::rights`].
fn said(right: &Right) -> String {
    let action = |actions: &str| actions.replace(": everything", ":*").replace(": ", ":");
    match right {
        Right::Role { role, .. } => format!("role {role}"),
        Right::Allow { actions, .. } => format!("Allow {}", action(actions)),
        Right::Deny { actions, .. } => format!("Deny {}", action(actions)),
    }
}

/// Gains and losses, as `name +role Deploy`, in order; and how many people that befalls.
fn differences(before: &Rights, after: &Rights) -> (Vec<String>, u64) {
    let none = (String::new(), BTreeSet::new());
    let (mut found, mut count) = (Vec::new(), 0);
    let people: BTreeSet<&UserId> = before.keys().chain(after.keys()).collect();
    for person in people {
        let (was, is) = (before.get(person).unwrap_or(&none), after.get(person).unwrap_or(&none));
        let name = if was.0.is_empty() { &is.0 } else { &was.0 };
        found.extend(is.1.difference(&was.1).map(|right| format!("{name} +{right}")));
        found.extend(was.1.difference(&is.1).map(|right| format!("{name} -{right}")));
        count += u64::from(was.1 != is.1);
    }
    found.sort();
    (found, count)
}

/// The same, as effects tell it of what is held, or of the rest.
fn told(effects: &Effects, held: bool) -> Vec<String> {
    let mut found = Vec::new();
    for change in effects.people.iter().filter(|change| change.held == held) {
        // Two policies may say the same, and each is named.
        let gains = change.gains.iter().map(|right| format!("{} +{}", change.name, said(right)));
        let loses = change.loses.iter().map(|right| format!("{} -{}", change.name, said(right)));
        found.extend(gains.chain(loses).collect::<BTreeSet<_>>());
    }
    found.sort();
    found
}

/// Gives some group something.
fn entitle(rng: &mut StdRng, company: &Company) {
    let groups: Vec<Member> = Walk::new(company.world.store(), MemberKind::Group, company.world.label())
        .map(|row| row.unwrap().member)
        .collect();
    let Some(group) = groups.choose(rng) else { return };
    match rng.random_range(0..4) {
        0 => {
            let role = *["Deploy", "Audit"].choose(rng).unwrap();
            let key = schema::iam::assignment(group, &a_role(role).id);
            if company.world.store().read(|snapshot| snapshot.get(&key)).unwrap().is_none() {
                company.assign(role, *group);
            }
        }
        n => {
            let services = ["a", "b", "c", "d"];
            let service = services.choose(rng).unwrap();
            company.attach(*group, service, if n == 1 { "Deny" } else { "Allow" }, &format!("{service}:*"));
        }
    }
}

/// `BAILEY_SEEDS=1000 cargo nextest run ...` looks for trouble.
fn seeds() -> u64 {
    std::env::var_os("BAILEY_SEEDS").map_or(16, |count| count.to_str().unwrap().parse().unwrap())
}

/// The same edits in any case: with a limit, or to see what a dry run says.
fn play(seed: u64, rights_lost: Option<Limit>, mut step: impl FnMut(&Company, &[String], &mut StdRng)) {
    let mut rng = StdRng::seed_from_u64(seed);
    let directory = Simulated::new(seed.is_multiple_of(2));
    directory.people("p", 6);
    directory.group("base", &[]);
    let company = Company::new(&directory, rights_lost);
    company.world.full();
    directory.take_events();
    let mut log = vec![format!("seed {seed}")];
    for _ in 0..25 {
        entitle(&mut rng, &company);
        for _ in 0..rng.random_range(1..14) {
            log.extend(edit(&mut rng, &mut directory.tree()));
        }
        if rng.random_ratio(1, 8) {
            company.world.pass(Duration::from_secs(31 * 86_400));
        }
        step(&company, &log, &mut rng);
    }
}

#[test]
fn a_dry_run_says_exactly_what_rights_differ_afterwards() {
    let mut seen = BTreeSet::new();
    for seed in 0..seeds() {
        play(seed, None, |company, log, _| {
            let before = company.rights();
            let (report, _) = company.world.dry();
            company.world.full();
            let ((differ, people), effects) = (differences(&before, &company.rights()), report.effects.unwrap());
            assert_eq!(told(&effects, false), differ, "{log:#?}");
            assert_eq!((effects.affected, effects.not_looked_at), (people, 0));
            seen.extend(differ.iter().map(|line| line.split_once(' ').unwrap().1.to_owned()));
        });
    }
    // It was about something.
    for right in ["+role Deploy", "-role Deploy", "+role dev", "-role dev", "+Deny a:*", "-Allow a:*", "-Deny a:*"] {
        assert!(seen.contains(right), "{right}: {seen:?}");
    }
}

#[test]
fn with_no_loss_allowed_nobody_loses_a_role_but_those_who_may_no_longer_act() {
    let mut held = 0;
    for seed in 1_000..1_000 + seeds() {
        play(seed, Some(limit(0)), |company, log, rng| {
            let before = company.rights();
            if rng.random() {
                company.world.full();
            } else {
                company.world.delta();
            }
            let after = company.rights();
            held += company.world.held().len();
            for (person, (name, rights)) in &after {
                let user = company.world.entity(Member::User(*person)).unwrap();
                let Some((_, had)) =
                    before.get(person).filter(|_| user.standing().enabled(company.world.now()).is_ok())
                else {
                    continue;
                };
                let lost: Vec<_> = had.difference(rights).filter(|right| right.starts_with("role")).collect();
                assert!(lost.is_empty(), "{name} lost {lost:?} {log:#?}");
            }
            company.world.assert_sound();
        });
    }
    assert!(held > 20, "something was held: {held}");
}

/// Ten people in a team, five of them in a second one; the teams are in `outer`, to which a role is assigned.
fn nested(rights_lost: Option<Limit>) -> (Company, Simulated, Vec<Guid>, [Guid; 3]) {
    let directory = Simulated::new(true);
    let people = directory.people("p", 10);
    let (team, other) = (directory.group("team", &people), directory.group("other", &people[..5]));
    let outer = directory.group("outer", &[team, other]);
    let company = Company::new(&directory, rights_lost);
    company.world.full();
    directory.take_events();
    company.assign("Deploy", company.group(outer));
    (company, directory, people, [team, other, outer])
}

#[test]
fn one_membership_that_takes_a_role_from_too_many_is_held_and_the_rest_happens() {
    let (company, directory, people, [team, _, outer]) = nested(Some(limit(4)));
    let world = &company.world;
    directory.leave(outer, team);
    // Positive evidence about people, and what takes no role, goes on.
    people[..3].iter().for_each(|guid| directory.disable(*guid));
    directory.delete(people[3]);
    directory.person("new");
    let (dry, _) = world.dry();
    let report = world.full();
    assert_eq!((dry.applied, dry.held, &dry.tripped), (report.applied, report.held, &report.tripped));
    assert_eq!(report.held, 1);
    let [tripped] = report.tripped.as_slice() else { panic!("{report:?}") };
    assert_eq!((tripped.limit.as_str(), tripped.planned, tripped.allowed), ("rights_lost", 5, 4));
    let effects = dry.effects.unwrap();
    let lost = |who: &[usize]| who.iter().map(|n| format!("p{n} -role Deploy")).collect::<Vec<_>>();
    assert_eq!(told(&effects, false), lost(&[0, 1, 2, 3]));
    assert_eq!(told(&effects, true), lost(&[5, 6, 7, 8, 9]));
    assert_eq!((effects.sums.len(), effects.sums[0].held, effects.sums[0].count), (2, true, 5));
    let words = effects.sums[0].right.words(false, true);
    assert_eq!(words, "lose role Deploy (through group team -> outer)");
    assert!(!world.is_active(people[0]) && !world.is_active(people[3]));
    assert_eq!(world.user(people[4]).unwrap().name().as_str(), "p4");
    // The set is found again, and goes once somebody agrees; that uses nothing up.
    assert_eq!(world.full().held_digest, report.held_digest);
    let [set] = world.held().try_into().unwrap();
    assert_eq!(set.tripped, report.tripped);
    world.decide(&set.digest, true);
    assert_eq!(world.full().held, 0);
    assert_eq!(company.rights().values().filter(|(_, rights)| rights.contains("role Deploy")).count(), 1);
    assert_eq!(world.held(), []);
    world.assert_counted();
}

#[test]
fn a_group_that_no_rule_fits_any_more_takes_its_role_from_all_of_it() {
    let directory = Simulated::new(true);
    let people = directory.people("p", 6);
    let ops = directory.group("ops", &people);
    let company = Company::new(&directory, Some(limit(5)));
    company.world.full();
    directory.take_events();
    let rename = |name: &str| {
        directory.tree().renamed(ops, format!("cn={name},ou=groups,dc=example,dc=test"), &[("cn", name)]);
    };
    rename("operators");
    // Somebody else moves at the same time.
    directory.person("new");
    let step = company.world.delta();
    assert_eq!((step.held, step.tripped[0].planned), (1, 6));
    let report = company.world.full();
    assert_eq!((report.held, company.rights().values().filter(|(_, r)| r.contains("role ops")).count()), (1, 6));
    // Another name that a rule fits takes one role and gives another: still six are lost.
    rename("dev");
    assert_eq!(company.world.full().tripped[0].planned, 6);
    rename("ops");
    assert_eq!(company.world.full().held, 0);
    assert_eq!(company.world.held(), []);
}

#[test]
fn a_role_that_comes_by_another_way_is_not_lost_and_one_taken_for_another_reason_is_not_counted() {
    let (company, directory, people, [team, other, _]) = nested(Some(limit(0)));
    // p0 to p4 are in both teams.
    directory.leave(team, people[0]);
    directory.join(other, people[9]);
    directory.leave(team, people[9]);
    let report = company.world.full();
    assert_eq!((report.held, company.rights().values().filter(|(_, r)| r.contains("role Deploy")).count()), (0, 10));
    directory.leave(team, people[8]);
    assert_eq!(company.world.full().tripped[0].planned, 1);
    // What another limit holds takes nothing.
    let mut company = company;
    company.world.adjust(|settings| settings.guard.group_losses = limit(0));
    directory.leave(team, people[7]);
    let tripped = company.world.full().tripped;
    assert!(tripped.iter().all(|tripped| tripped.limit == "group_losses"), "{tripped:?}");
}

#[test]
fn many_small_losses_trip_like_one_large_one_and_a_share_is_of_all_roles_of_people() {
    let (mut company, directory, people, [team, _, _]) = nested(Some(limit(2)));
    for (n, held) in [(5, 0), (6, 0), (7, 1)] {
        directory.leave(team, people[n]);
        company.world.pass(Duration::from_secs(60));
        assert_eq!(company.world.delta().held, held, "p{n}");
    }
    // Of eight pairs there are, a half is four, two of which went lately.
    company.world.adjust(|settings| settings.guard.rights_lost = Some(Limit { count: 0, share: 0.5 }));
    assert_eq!(company.world.full().held, 0);
    directory.leave(team, people[8]);
    let report = company.world.full();
    assert_eq!((report.held, report.tripped[0].lately, report.tripped[0].allowed), (1, 3, 3));
}

#[test]
fn without_a_role_the_limit_holds_nothing_and_rights_say_nothing() {
    let directory = Simulated::new(true);
    let people = directory.people("p", 6);
    let group = directory.group("staff", &people);
    let world = World::with(&directory, |settings| settings.guard.rights_lost = Some(limit(0)));
    world.full();
    people.iter().for_each(|guid| directory.leave(group, *guid));
    let (dry, _) = world.dry();
    assert_eq!(dry.effects, Some(Effects::default()));
    assert_eq!((world.full().held, dry.held), (0, 0));
}

#[test]
fn more_people_than_are_looked_at_are_counted_and_said_to_be_so() {
    let (mut company, directory, _, [team, _, outer]) = nested(Some(limit(9)));
    company.world.runner.grounds.most_people = 7;
    directory.leave(outer, team);
    let (dry, _) = company.world.dry();
    let effects = dry.effects.unwrap();
    assert_eq!((effects.looked_at, effects.not_looked_at, dry.held), (7, 3, 0));
    assert!(!effects.is_empty() && effects.affected < 7, "of the first seven some are in another team");
    // What was not looked at counts as lost.
    company.world.adjust(|settings| settings.guard.rights_lost = Some(limit(3)));
    let report = company.world.full();
    assert_eq!((report.held, report.tripped[0].planned), (1, effects.affected + 3));
}

proptest! {
    #[test]
    fn words_of_a_right_name_the_way_and_nothing_foreign_breaks_them(groups in prop::collection::vec("[a-z]{1,9}", 0..4)) {
        let through = std::iter::once("user/ann".to_owned()).chain(groups.iter().map(|group| format!("group/{group}")));
        let right = Right::Deny {
            actions: "s3: Delete*".to_owned(),
            policy: "arn:aws:iam::123456789012:policy/app/never".to_owned(),
            through: through.collect(),
        };
        let way = if groups.is_empty() { String::new() } else { format!(", through group {}", groups.join(" -> ")) };
        prop_assert_eq!(right.words(true, false), format!("is denied s3: Delete* (app/never{way})"));
        prop_assert_eq!(right.words(false, true), format!("are no longer denied s3: Delete* (app/never{way})"));
    }
}
