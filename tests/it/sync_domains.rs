//! Active Directory domains: primary groups, members of other domains, and who may claim to be one.

use std::collections::HashSet;

use bailey::admin::people::{Holding, People, Query};
use bailey::admin::views::By;
use bailey::base::{Guid, Sid};
use bailey::directory::Kind;
use bailey::gate::Operation;
use bailey::model::{Domain, Domains, Member, MemberKind, origin};
use bailey::rights::effects::PersonChange;
use bailey::rights::{self, Terms};
use bailey::store::{Commit, Intent, schema};
use bailey::sync::state;

use crate::simulated::Simulated;
use crate::sync_leavers::Office;
use crate::sync_rights::{a_role, assignment};
use crate::world::{World, limit, settings};

const GLOBAL_SECURITY: &str = "-2147483646";

/// A directory of its own domain: its naming context, and SID.
struct Forest {
    world: World,
    base: &'static str,
    sid: &'static str,
}

impl Forest {
    fn new(base: &'static str, sid: &'static str) -> Self {
        Self { world: World::new(&Simulated::new(true)), base, sid }
    }

    /// Another directory over the same store.
    fn beside(&self, label: &str, base: &'static str, sid: &'static str) -> Self {
        let mut rules = settings(label);
        rules.primary = false;
        Self { world: self.world.beside(&Simulated::new(true), rules), base, sid }
    }

    fn add(&self, kind: Kind, name: &str, rid: &str, attributes: &[(&str, &str)]) -> Guid {
        let attributes = [&[("uid", name), ("cn", name)], attributes].concat();
        let mut tree = self.world.directory.tree();
        let guid = tree.add(kind, format!("cn={name},{}", self.base), &attributes);
        let sid: Sid = format!("{}-{rid}", self.sid).parse().unwrap();
        tree.set(guid, "objectSid", &[&sid.to_bytes()]);
        guid
    }

    fn person(&self, name: &str, rid: &str) -> Guid {
        self.add(Kind::Person, name, rid, &[("userAccountControl", "512"), ("primaryGroupID", "513")])
    }

    fn machine(&self, name: &str, rid: &str) -> Guid {
        self.add(Kind::Machine, name, rid, &[("userAccountControl", "4096"), ("primaryGroupID", "515")])
    }

    fn group(&self, name: &str, rid: &str) -> Guid {
        self.add(Kind::Group, name, rid, &[("groupType", GLOBAL_SECURITY)])
    }

    /// `group` lists the object called `name` in the other directory, by DN.
    fn lists(&self, group: Guid, dn: &str) {
        self.world.directory.tree().list(group, "member", dn);
    }

    /// `group` lists somebody of another domain by a foreign security principal.
    fn lists_foreign(&self, group: Guid, sid: &str) {
        self.lists(group, &format!("CN={sid},CN=ForeignSecurityPrincipals,{}", self.base));
    }

    /// Reads everything, finds nothing on a second look, and nothing that does not fit.
    fn full(&self) {
        self.world.full();
        assert_eq!(self.world.full().applied, 0, "a full read that finds nothing new changes nothing");
        self.world.assert_sound();
    }

    fn user(&self, guid: Guid) -> Member {
        Member::User(origin::user_id(self.world.label(), &guid))
    }

    fn domain(&self) -> Domain {
        Domain { sid: self.sid.parse().unwrap(), base: self.base.to_owned() }
    }

    /// Notes in the directory's state that it is a domain.
    fn noted(&self) {
        let mut state = self.world.state();
        state.domain = Some(self.domain());
        let mut commit = Commit::new(bailey::model::Actor::task("test"), self.world.now(), Intent::Widen);
        commit.put(schema::sync_state(self.world.label(), "state"), serde_json::to_vec(&state).unwrap());
        self.world.store().commit(commit).unwrap();
    }
}

/// Gives members of `group` a role.
fn assign(forest: &Forest, role: &str, group: Guid) {
    let to = Member::Group(origin::group_id(forest.world.label(), &group));
    let mut commit = Commit::new(bailey::model::Actor::task("test"), forest.world.now(), Intent::Widen);
    commit.add_object(&a_role(role)).unwrap();
    forest.world.store().commit(commit).unwrap();
    let mut commit = Commit::new(bailey::model::Actor::task("test"), forest.world.now(), Intent::Widen);
    commit.put_assignment(&assignment(role, to), 0).unwrap();
    forest.world.store().commit(commit).unwrap();
}

/// What a dry run of `forest` says about roles, and what a real one then holds.
fn foreseen_and_held(forest: &Forest) -> (Vec<String>, u64) {
    let effects = forest.world.dry().0.effects.unwrap();
    let of = |change: &PersonChange| {
        let loses = change.loses.iter().map(|right| format!("{} {}", change.name, right.words(false, false)));
        let gains = change.gains.iter().map(|right| format!("{} {}", change.name, right.words(true, false)));
        loses.chain(gains).collect::<Vec<_>>()
    };
    (effects.people.iter().flat_map(of).collect(), forest.world.full().held)
}

fn terms(domains: &[&Forest]) -> Terms {
    let all = domains.iter().map(|one| (one.world.label().clone(), one.domain()));
    Terms { domains: Domains::new(all), ..Terms::at("2026-03-12T12:00:00Z".parse().unwrap()) }
}

/// The names of the groups `member` is effectively in, sorted.
fn groups(world: &World, member: &Member, terms: &Terms) -> Vec<String> {
    let closure = world.store().read(|snapshot| rights::effective_groups(snapshot, member, terms)).unwrap();
    let mut names: Vec<String> = closure.groups.iter().map(|reached| reached.group.original_name.clone()).collect();
    names.sort();
    names
}

fn corp() -> Forest {
    Forest::new("dc=example,dc=test", "S-1-5-21-1-1-1")
}

#[test]
fn roles_that_come_without_an_edge_are_foreseen_and_held_like_others() {
    let corp = corp();
    let labs = corp.beside("labs", "dc=labs,dc=test", "S-1-5-21-2-2-2");
    let (ann, everybody) = (corp.person("ann", "1104"), corp.group("Domain Users", "513"));
    corp.person("bea", "1105");
    let (staff, guests) = (corp.group("staff", "1200"), labs.group("guests", "1300"));
    corp.world.directory.tree().join(staff, everybody);
    labs.lists_foreign(guests, "S-1-5-21-1-1-1-1104");
    let (mut corp, mut labs) = (corp, labs);
    for forest in [&mut corp, &mut labs] {
        forest.full();
        forest.noted();
        forest.world.adjust(|settings| settings.guard.rights_lost = Some(limit(0)));
    }
    assign(&corp, "Deploy", staff);
    assign(&labs, "Audit", guests);

    // Two people are in a group by naming it, and it leaves another.
    corp.world.directory.leave(staff, everybody);
    let both = ["ann", "bea"].map(|who| format!("{who} loses role Deploy (through group Domain_Users -> staff)"));
    assert_eq!(foreseen_and_held(&corp), (both.to_vec(), 1));
    corp.world.directory.join(staff, everybody);
    assert_eq!(foreseen_and_held(&corp), (Vec::new(), 0));
    // One of them names another group.
    corp.world.directory.tree().set(ann, "primaryGroupID", &[b"515"]);
    assert_eq!(foreseen_and_held(&corp), (both[..1].to_vec(), 1));
    corp.world.directory.tree().set(ann, "primaryGroupID", &[b"513"]);
    assert_eq!(foreseen_and_held(&corp), (Vec::new(), 0));
    // A group of another domain no longer lists somebody.
    labs.world.directory.tree().unlist(guests, "member", |_| true);
    labs.world.directory.tree().touch(guests);
    assert_eq!(foreseen_and_held(&labs), (vec!["ann loses role Audit (through group guests@labs)".to_owned()], 1));
    labs.lists_foreign(guests, "S-1-5-21-1-1-1-1104");
    labs.lists_foreign(guests, "S-1-5-21-1-1-1-1105");
    assert_eq!(foreseen_and_held(&labs), (vec!["bea gains role Audit (through group guests@labs)".to_owned()], 0));
    corp.world.assert_sound();
}

#[test]
fn a_primary_group_is_a_membership_without_an_edge() {
    let corp = corp();
    let (ann, everybody) = (corp.person("ann", "1104"), corp.group("Domain Users", "513"));
    let staff = corp.group("staff", "1200");
    corp.world.directory.tree().join(staff, everybody);
    corp.full();
    assert_eq!(groups(&corp.world, &corp.user(ann), &terms(&[])), ["Domain Users", "staff"]);
    assert!(!corp.world.is_member(everybody, ann), "nothing is written for it");

    corp.world.directory.tree().set(ann, "primaryGroupID", &[b"1200"]);
    corp.world.delta();
    assert_eq!(groups(&corp.world, &corp.user(ann), &terms(&[])), ["staff"]);
    corp.world.directory.tree().set(ann, "primaryGroupID", &[b"513"]);
    corp.world.delta();
    corp.world.directory.delete(everybody);
    corp.full();
    assert_eq!(
        groups(&corp.world, &corp.user(ann), &terms(&[])),
        Vec::<String>::new(),
        "a group that is gone gives nothing"
    );
    corp.world.pass(std::time::Duration::from_secs(40 * 86_400));
    corp.full();
    assert!(corp.world.rows(b"I").len() == 1, "{:?}", corp.world.rows(b"I"));
}

#[test]
fn a_group_is_found_by_the_sid_it_has_now() {
    let corp = corp();
    let (ann, group) = (corp.person("ann", "1104"), corp.group("users", "513"));
    corp.full();
    let other: Sid = "S-1-5-21-1-1-1-1300".parse().unwrap();
    corp.world.directory.tree().set(group, "objectSid", &[&other.to_bytes()]);
    corp.world.delta();
    corp.full();
    assert_eq!(groups(&corp.world, &corp.user(ann), &terms(&[])), Vec::<String>::new());
    corp.world.directory.tree().set(ann, "primaryGroupID", &[b"1300"]);
    corp.world.delta();
    assert_eq!(groups(&corp.world, &corp.user(ann), &terms(&[])), ["users"]);
    // Two groups of one SID are none.
    corp.group("twin", "1300");
    corp.full();
    assert_eq!(groups(&corp.world, &corp.user(ann), &terms(&[])), Vec::<String>::new());
}

#[test]
fn somebody_of_another_domain_is_a_member_by_sid_and_by_dn() {
    let corp = corp();
    let labs = corp.beside("labs", "dc=labs,dc=test", "S-1-5-21-2-2-2");
    let (eve, bob) = (labs.person("eve", "1104"), labs.person("bob", "1105"));
    let team = labs.group("team", "1200");
    labs.world.directory.tree().join(team, bob);
    let (by_sid, by_dn, by_group) =
        (corp.group("by-sid", "1300"), corp.group("by-dn", "1301"), corp.group("by-group", "1302"));
    let (around, own) = (corp.group("around", "1303"), corp.group("own", "1304"));
    let ann = corp.person("ann", "1106");
    corp.lists_foreign(by_sid, "S-1-5-21-2-2-2-1104");
    corp.lists(by_dn, "CN=Eve,DC=labs,DC=test");
    corp.lists_foreign(by_group, "S-1-5-21-2-2-2-1200");
    corp.world.directory.tree().join(around, by_sid);
    corp.lists_foreign(own, "S-1-5-21-1-1-1-1106");
    // One directory waits for nobody: the group's is read before there is anything in the other.
    corp.full();
    labs.full();
    let both = terms(&[&corp, &labs]);
    assert_eq!(groups(&corp.world, &labs.user(eve), &both), ["around", "by-dn", "by-sid"]);
    assert_eq!(groups(&corp.world, &labs.user(bob), &both), ["by-group", "team"]);
    assert_eq!(groups(&corp.world, &corp.user(ann), &both), ["own"], "by a stand-in in the own domain");

    for alone in [terms(&[&labs]), terms(&[&corp]), terms(&[])] {
        assert_eq!(groups(&corp.world, &labs.user(eve), &alone), Vec::<String>::new(), "only domains count");
    }
    let away = Terms { frozen: HashSet::from([corp.world.label().clone()]), ..both.clone() };
    assert_eq!(groups(&corp.world, &labs.user(eve), &away), Vec::<String>::new());
    let frozen = Terms { frozen: HashSet::from([labs.world.label().clone()]), ..both.clone() };
    assert_eq!(groups(&corp.world, &labs.user(eve), &frozen), Vec::<String>::new());
    // The same from events, which bring references that nothing can be looked up for.
    corp.lists_foreign(around, "S-1-5-21-2-2-2-1105");
    corp.lists(own, "cn=bob,dc=labs,dc=test");
    corp.world.delta();
    corp.full();
    assert_eq!(groups(&corp.world, &labs.user(bob), &both), ["around", "by-group", "own", "team"]);
    // What is gone answers to nothing: its DN may be another's by now.
    labs.world.directory.delete(eve);
    labs.full();
    assert_eq!(groups(&corp.world, &labs.user(eve), &both), Vec::<String>::new());
}

#[test]
fn nobody_gets_in_by_claiming_to_be_of_another_domain() {
    let corp = corp();
    let labs = corp.beside("labs", "dc=labs,dc=test", "S-1-5-21-2-2-2");
    let admins = corp.group("admins", "1300");
    let real = corp.person("real", "500");
    labs.full();
    // A reference that nobody of its own domain answers to, and two that somebody else's entry claims.
    corp.lists_foreign(admins, "S-1-5-21-1-1-1-501");
    corp.lists(admins, "cn=admin,dc=example,dc=test");
    corp.lists(admins, "cn=ghost,dc=third,dc=test");
    let thief = labs.person("thief", "1104");
    let liar = {
        let mut tree = labs.world.directory.tree();
        let claimed: Sid = "S-1-5-21-1-1-1-501".parse().unwrap();
        tree.set(thief, "objectSid", &[&claimed.to_bytes()]);
        let name = "cn=admin,dc=example,dc=test".to_owned();
        tree.add(Kind::Person, name, &[("uid", "liar"), ("cn", "liar")])
    };
    let ghost = labs.world.directory.tree().add(
        Kind::Person,
        "cn=ghost,dc=third,dc=test".to_owned(),
        &[("uid", "ghost"), ("cn", "ghost")],
    );
    corp.full();
    labs.full();
    let both = terms(&[&corp, &labs]);
    for claimant in [thief, liar, ghost] {
        assert_eq!(groups(&corp.world, &labs.user(claimant), &both), Vec::<String>::new());
    }
    // Two directories that stand for one domain: nobody is meant, not even the real one.
    corp.lists_foreign(admins, "S-1-5-21-1-1-1-500");
    corp.full();
    assert_eq!(groups(&corp.world, &corp.user(real), &both), ["admins"]);
    let impostor = Domain { sid: corp.sid.parse().unwrap(), base: "dc=labs,dc=test".to_owned() };
    let claimed = [(corp.world.label().clone(), corp.domain()), (labs.world.label().clone(), impostor)];
    let two = Terms { domains: Domains::new(claimed), ..both };
    assert_eq!(groups(&corp.world, &corp.user(real), &two), Vec::<String>::new());
    assert_eq!(groups(&corp.world, &labs.user(thief), &two), Vec::<String>::new());
}

#[test]
fn a_computer_without_its_dollar_shadows_no_person() {
    let corp = corp();
    let ann = corp.person("ann", "1104");
    let spoof = corp.add(Kind::Person, "spoof", "1105", &[("userAccountControl", "4096"), ("sAMAccountName", "ann")]);
    let team = corp.group("team", "1200");
    {
        let mut tree = corp.world.directory.tree();
        tree.set(spoof, "uid", &[b"ann"]);
        tree.list(team, "memberUid", "ann");
    }
    corp.full();
    assert!(corp.world.user(spoof).is_none());
    assert_eq!(corp.world.name(ann), "ann");
    assert!(corp.world.is_member(team, ann), "and claims no person's login");
    // Somebody who turns into a machine is a person no longer.
    corp.world.directory.tree().set(ann, "userAccountControl", &[b"4096"]);
    corp.world.delta();
    assert!(!corp.world.is_active(ann));
}

#[test]
fn a_group_shows_all_its_members_and_what_it_holds() {
    let corp = corp();
    let labs = corp.beside("labs", "dc=labs,dc=test", "S-1-5-21-2-2-2");
    labs.person("eve", "1104");
    corp.person("ann", "1104");
    corp.machine("ws1", "1105");
    let (users, computers) = (corp.group("users", "513"), corp.group("computers", "515"));
    let (servers, mixed) = (corp.group("servers", "1200"), corp.group("mixed", "1201"));
    corp.group("empty", "1202");
    {
        let mut tree = corp.world.directory.tree();
        tree.join(servers, computers);
        tree.join(mixed, computers);
        tree.join(mixed, users);
    }
    corp.lists_foreign(mixed, "S-1-5-21-2-2-2-1104");
    corp.lists_foreign(mixed, "S-1-5-11");
    corp.full();
    labs.full();
    corp.noted();
    labs.noted();
    let account = "123456789012".parse().unwrap();
    let people = People::at(corp.world.store(), &account, corp.world.now()).unwrap();
    let members = |name: &str| {
        let shown = people.show_group(name).unwrap();
        let members = shown.members.iter().map(|one| (one.name.clone(), one.by)).collect::<Vec<_>>();
        (members, shown.member_count, shown.unresolved)
    };
    assert_eq!(members("users"), (vec![("ann".to_owned(), By::PrimaryGroup)], 1, 0));
    assert_eq!(members("computers"), (vec![("ws1".to_owned(), By::PrimaryGroup)], 1, 0));
    let (listed, count, unresolved) = members("mixed");
    assert!(listed.contains(&("eve@labs".to_owned(), By::OtherDirectory)), "{listed:?}");
    assert_eq!((count, unresolved), (3, 1));
    assert!(people.show_group("servers").unwrap().entity.holds.is_some_and(|holds| holds.machines && !holds.people));

    let listed = |holds| {
        let page = people.list(MemberKind::Group, &Query { holds, ..Query::default() }).unwrap();
        page.items.into_iter().map(|group| group.name).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(Holding::Machines)), ["computers", "servers"]);
    assert_eq!(listed(Some(Holding::People)), ["users"]);
    assert_eq!(listed(Some(Holding::Both)), ["mixed"]);
    assert_eq!(listed(None).len(), 5);

    let shown = people.show(MemberKind::Resource, "ws1").unwrap();
    let ways: Vec<_> = shown.groups.iter().map(|group| (group.group.as_str(), group.edge.by)).collect();
    assert_eq!(ways[0], ("computers", By::PrimaryGroup));
    assert_eq!(ways.len(), 3, "{ways:?}");
    let eve = people.show(MemberKind::User, "eve@labs").unwrap();
    assert_eq!(eve.groups[0].edge.by, By::OtherDirectory);
    assert!(eve.groups[0].edge.since.is_some());
}

#[test]
fn our_groups_are_held_against_the_directorys_own_reckoning() {
    let corp = corp();
    let (ann, users) = (corp.person("ann", "1104"), corp.group("users", "513"));
    let (staff, other) = (corp.group("staff", "1200"), corp.group("other", "1201"));
    {
        let mut tree = corp.world.directory.tree();
        tree.join(staff, ann);
        tree.join(other, users);
    }
    let office = Office::of(&corp.world);
    corp.full();
    let verify = || {
        let asked = office.asked(Operation::VerifyUser, "ann");
        corp.world.runtime.block_on(office.admin.verify_user(&asked))
    };
    assert!(verify().unwrap_err().to_string().contains("only Active Directory does"));
    let token = |sids: &[&str]| {
        let sids = sids.iter().map(|sid| sid.parse::<Sid>().unwrap().to_bytes()).collect();
        corp.world.directory.tree().tokens = Some([(ann, sids)].into());
    };
    token(&["S-1-5-21-1-1-1-513", "S-1-5-21-1-1-1-1200", "S-1-5-21-1-1-1-1201", "S-1-5-32-545"]);
    let same = verify().unwrap();
    assert!(same.agrees && same.both == 3 && same.not_synced.len() == 1, "{same:?}");
    token(&["S-1-5-21-1-1-1-513", "S-1-5-21-1-1-1-1201"]);
    let differs = verify().unwrap();
    assert!(!differs.agrees && differs.only_here[0].group == "staff", "{differs:?}");
    corp.world.directory.tree().tokens = Some([(ann, vec![vec![1, 2, 3]])].into());
    assert!(verify().unwrap_err().to_string().contains("no SID"));
}

#[test]
fn what_domain_a_directory_is_survives_its_reads() {
    let corp = corp();
    corp.person("ann", "1104");
    corp.full();
    corp.noted();
    corp.person("bob", "1105");
    corp.world.delta();
    corp.full();
    let state = corp.world.store().read(|snapshot| state::load(snapshot, corp.world.label())).unwrap().unwrap().1;
    assert_eq!(state.domain, Some(corp.domain()));
}
