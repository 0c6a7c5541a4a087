//! Who may do something: the ways, what takes somebody out, and that it is what simulations of everybody would say.

use std::collections::{BTreeMap, BTreeSet};

use bailey::admin::iam::simulate::Simulation;
use bailey::admin::iam::who_can::{Able, Sort, WhoCan};
use bailey::authn::local::{Peer, Role as LocalRole, from_peer};
use bailey::base::{Guid, Sid};
use bailey::cli::client::ClientError;
use bailey::gate::{Authorized, Operation};
use bailey::model::{
    Account, AccountKind, Actor, DirectoryLabel, Entity, Group, GroupRule, Member, Presence, User, origin,
};
use bailey::store::{Commit, Intent, schema};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::bed::people;
use crate::fixture::{self, Fixture, Served};

const ACCOUNT: &str = "123456789012";
const OBJECT: &str = "arn:aws:s3:::reports/2026.pdf";
const DOMAIN: &str = "S-1-5-21-1-1-1";

/// People and groups as a sync would have written them, and a way to the operations.
struct Office {
    fixture: Fixture,
    served: Served,
    corp: DirectoryLabel,
}

impl Office {
    async fn new() -> Self {
        let fixture = Fixture::new(Some(LocalRole::Operator));
        let served = fixture.serve().await;
        Self { fixture, served, corp: "corp".parse().unwrap() }
    }

    fn put(&self, entity: &Entity, members: &[Member]) {
        let mut commit = Commit::new(Actor::task("test"), self.fixture.app.admin.now(), Intent::Widen);
        people::put(&mut commit, entity);
        if let Entity::Group(group) = entity {
            if let Some(sid) = &group.origin.sid {
                commit.put(schema::group_by_sid(&self.corp, sid, &group.id), Vec::new());
            }
            for one in members {
                commit.put(schema::edge(&group.id, one), vec![0; 16]);
                commit.put(schema::edge_back(one, &group.id), Vec::new());
            }
        }
        self.fixture.tiny.store().commit(commit).unwrap();
    }

    fn user_like(&self, name: &str, adjust: impl FnOnce(&mut User)) -> Member {
        let mut user = people::user(&self.corp, guid(name), name);
        adjust(&mut user);
        let member = Member::User(user.id);
        self.put(&Entity::User(user), &[]);
        member
    }

    fn user(&self, name: &str) -> Member {
        self.user_like(name, |_| {})
    }

    fn group_like(&self, name: &str, members: &[Member], adjust: impl FnOnce(&mut Group)) -> Member {
        let mut group = people::group(&self.corp, guid(name), name);
        adjust(&mut group);
        let member = Member::Group(group.id);
        self.put(&Entity::Group(group), members);
        member
    }

    fn group(&self, name: &str, members: &[Member]) -> Member {
        self.group_like(name, members, |_| {})
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.served.client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn set(&self, path: &str, body: Value) {
        let _: Value = self.served.client.put(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// A managed policy of one statement, attached to each of these (`groups/team`).
    async fn policy(&self, name: &str, statement: Value, on: &[&str]) {
        self.post("/v1/policies", json!({"name": name, "document": document(statement)})).await;
        for holder in on {
            self.set(&format!("/v1/{holder}/policies/{name}"), json!({})).await;
        }
    }

    /// A guardrail of this kind for all accounts, which is also its name.
    async fn guardrail(&self, kind: &str, statement: Value) {
        let new = json!({"name": kind, "kind": kind, "document": document(statement)});
        self.post("/v1/guardrails", new).await;
        self.set(&format!("/v1/guardrails/{kind}/on/organization"), json!({})).await;
    }

    async fn who_can(&self, more: Value) -> Able {
        let mut wanted = json!({"action": "s3:GetObject", "resource": OBJECT});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(self.post("/v1/who-can", wanted).await).unwrap()
    }

    fn asked(&self, operation: Operation) -> Authorized {
        let caller = from_peer(Peer::this_process(), &fixture::roles(Some(LocalRole::Operator))).unwrap();
        self.fixture.app.gate.authorize(caller, operation, "", self.fixture.app.admin.now()).unwrap()
    }

    /// What a simulation says of one.
    fn may(&self, principal: &str, action: &str, resource: &str) -> bool {
        let simulation = Simulation {
            principal: principal.to_owned(),
            actions: vec![action.to_owned()],
            resources: vec![resource.to_owned()],
            ..Simulation::default()
        };
        let asked = self.asked(Operation::SimulatePrincipalPolicy);
        self.fixture.app.admin.simulate(&asked, &simulation).unwrap()[0].decision == "Allowed"
    }

    fn ask(&self, wanted: &WhoCan) -> Able {
        self.fixture.app.admin.who_can(&self.asked(Operation::WhoCan), wanted).unwrap()
    }
}

fn guid(name: &str) -> Guid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    Guid::from_bytes(bytes)
}

fn document(statement: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statement})
}

fn allow(action: &str) -> Value {
    json!({"Sid": "S", "Effect": "Allow", "Action": action, "Resource": "*"})
}

fn deny(action: &str) -> Value {
    json!({"Effect": "Deny", "Action": action, "Resource": "*"})
}

fn trust(principal: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}})
}

fn names(able: &Able) -> Vec<String> {
    let word = |kind| if kind == Sort::User { "user" } else { "role" };
    able.items.iter().map(|item| format!("{}/{}", word(item.kind), item.name)).collect()
}

/// The ways of the one called `name`, as text.
fn ways(able: &Able, name: &str) -> BTreeSet<String> {
    let item = able.items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("{name}: {able:?}"));
    let told = |way: &bailey::admin::iam::who_can::Way| {
        let policy = way.because.policy.as_deref().unwrap_or_default();
        let policy = policy.rsplit_once("policy/").map_or(policy, |(_, name)| name);
        format!("{}: {} {policy}", way.because.through.join(" "), way.because.statement.unwrap())
    };
    item.ways.iter().map(told).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn ways_go_through_nested_groups_and_there_may_be_two() {
    let office = Office::new().await;
    let (ann, bob) = (office.user("ann"), office.user("bob"));
    office.user("eve");
    let team = office.group("team", &[ann]);
    let ops = office.group("ops", &[team, bob]);
    // A cycle, and a group that gives something else.
    office.group("team", &[ann, ops]);
    office.group("other", &[ann]);
    office.policy("read", allow("s3:Get*"), &["groups/ops", "groups/other"]).await;
    office.policy("write", allow("s3:Put*"), &["groups/team"]).await;
    office
        .set(
            "/v1/users/bob/inline/own",
            json!({"document": document(json!([allow("s3:Put*"), allow("s3:GetObject")]))}),
        )
        .await;
    let able = office.who_can(json!({})).await;
    assert_eq!(names(&able), ["user/ann", "user/bob"]);
    assert_eq!(ways(&able, "ann"), set(&["user/ann group/team group/ops: 0 read", "user/ann group/other: 0 read"]));
    assert_eq!(ways(&able, "bob"), set(&["user/bob group/ops: 0 read", "user/bob: 1 own"]));
    assert_eq!((able.next, able.inactive, able.undecided), (None, 0, 0));
    assert_eq!(able.root, Some(format!("arn:aws:iam::{ACCOUNT}:root")));
    assert_eq!(names(&office.who_can(json!({"action": "s3:PutObject"})).await), ["user/ann", "user/bob"]);
    assert_eq!(names(&office.who_can(json!({"action": "s3:DeleteObject"})).await), [""; 0]);
}

#[tokio::test]
async fn a_deny_in_a_far_group_and_a_boundary_take_somebody_out() {
    let office = Office::new().await;
    let people = ["ann", "bob", "eve"].map(|name| office.user(name));
    let inner = office.group("inner", &people[..1]);
    let middle = office.group("middle", &[inner]);
    office.group("outer", &[middle]);
    office.group("readers", &people);
    office.policy("read", allow("s3:Get*"), &["groups/readers"]).await;
    assert_eq!(names(&office.who_can(json!({})).await).len(), 3);
    office.policy("never", deny("s3:*"), &["groups/outer"]).await;
    office.set("/v1/users/bob/boundary/BillingViewer", json!({})).await;
    let able = office.who_can(json!({})).await;
    assert_eq!(names(&able), ["user/eve"]);
    // A group that is gone leads nowhere, not even to a Deny.
    office.group_like("middle", &[inner], |group| {
        group.standing.presence = Presence::Gone { since: "2026-01-01T00:00:00Z".parse().unwrap() };
    });
    assert_eq!(names(&office.who_can(json!({})).await), ["user/ann", "user/eve"]);
}

#[tokio::test]
async fn guardrails_take_out_whom_they_bind_even_among_people_of_the_same_groups() {
    let office = Office::new().await;
    let colours = [("ann", "red"), ("ben", "blue"), ("eve", "red"), ("joe", "blue")];
    let people = colours.map(|(name, team)| {
        office.user_like(name, |user| {
            user.tags.insert("team".to_owned(), team.to_owned());
        })
    });
    office.group("team", &people);
    office.policy("read", allow("s3:Get*"), &["groups/team"]).await;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let all = office.who_can(json!({})).await;
    assert_eq!(names(&all), ["user/ann", "user/ben", "user/eve", "user/joe"]);
    assert_eq!(all.root.as_ref(), Some(&root));
    let mut red = deny("s3:Get*");
    red["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": "red"}});
    office.guardrail("service", json!([allow("*"), red])).await;
    let blue = office.who_can(json!({})).await;
    assert_eq!(names(&blue), ["user/ben", "user/joe"]);
    assert_eq!((ways(&blue, "ben"), &blue.root), (ways(&all, "ben"), &all.root));
    let mut nobody = deny("s3:Get*");
    nobody["Principal"] = json!("*");
    office.guardrail("resource", nobody).await;
    let none = office.who_can(json!({})).await;
    assert_eq!((names(&none), none.root), (Vec::new(), None));
    // What is asked of documents that are given is answered by them alone.
    let given = json!({"policies": [document(allow("s3:Get*"))], "actions": ["s3:GetObject"], "resources": [OBJECT]});
    assert_eq!(office.post("/v1/simulate/custom", given).await[0]["decision"], "Allowed");
}

#[tokio::test]
async fn whoever_may_assume_a_role_that_may_is_told_with_the_role_on_the_way() {
    let office = Office::new().await;
    let people = ["ann", "bob", "eve", "kim"].map(|name| office.user(name));
    let team = office.group("team", &people[..1]);
    office.group("ops", &[team]);
    office.group("aws-Deploy", &people[2..3]);
    office
        .post("/v1/roles", json!({"name": "Deploy", "trust": trust(&format!("arn:aws:iam::{ACCOUNT}:user/bob"))}))
        .await;
    office.policy("read", allow("s3:Get*"), &["roles/Deploy"]).await;
    office.set("/v1/roles/Deploy/assigned/group/ops", json!({"reason": "release"})).await;
    let rule = GroupRule::new(office.corp.clone(), "aws-(?<role>.+)", None, None).unwrap();
    *office.fixture.app.admin.rules.write().unwrap() = [rule].into_iter().collect();

    let able = office.who_can(json!({})).await;
    assert_eq!(names(&able), ["user/ann", "user/bob", "user/eve", "role/Deploy"]);
    assert_eq!(ways(&able, "ann"), set(&["user/ann group/team group/ops role/Deploy: 0 read"]));
    let by = |name: &str| {
        let item = able.items.iter().find(|item| item.name == name).unwrap();
        item.ways[0].assuming.as_ref().unwrap().what.clone()
    };
    assert_eq!(by("ann"), "statement 0 (Assignment) of assignment of role/Deploy to group/ops allows it");
    assert_eq!(by("bob"), "statement 0 of trust of role/Deploy allows it");
    assert_eq!(by("eve"), "statement 0 (Assignment) of group_role[0] of role/Deploy to group/aws-Deploy allows it");
    assert_eq!(ways(&able, "Deploy"), set(&["role/Deploy: 0 read"]));
    assert_eq!(names(&office.who_can(json!({"kind": "role"})).await), ["role/Deploy"]);
    assert_eq!(names(&office.who_can(json!({"kind": "user"})).await).len(), 3);
    // A role that trusts the account leaves it to policies, and one that trusts everybody to nobody.
    office.set("/v1/roles/Deploy/trust", json!({"document": trust(ACCOUNT)})).await;
    office.policy("assume", allow("sts:AssumeRole"), &["users/kim"]).await;
    assert_eq!(names(&office.who_can(json!({"kind": "user"})).await), ["user/ann", "user/eve", "user/kim"]);
    office.set("/v1/roles/Deploy/trust", json!({"document": trust("*")})).await;
    assert_eq!(names(&office.who_can(json!({"kind": "user"})).await).len(), 4);
    // The same asked about the role itself; and what root may not do, for the role does not trust it.
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Deploy");
    office.set("/v1/roles/Deploy/trust", json!({"document": trust(&format!("arn:aws:iam::{ACCOUNT}:user/bob"))})).await;
    let able = office.who_can(json!({"action": "sts:AssumeRole", "resource": role})).await;
    assert_eq!(names(&able), ["user/ann", "user/bob", "user/eve"]);
    assert_eq!(able.root, None);
}

#[tokio::test]
async fn what_was_assumed_of_conditions_is_told_and_who_might_otherwise_is_counted() {
    let office = Office::new().await;
    let people = ["ann", "bob"].map(|name| office.user(name));
    office.group("staff", &people);
    let mut inside = allow("s3:Get*");
    inside["Condition"] = json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}});
    let mut outside = allow("s3:Get*");
    outside["Condition"] = json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}});
    let mut own = allow("s3:Get*");
    own["Resource"] = json!("arn:aws:s3:::${aws:username}/*");
    office.policy("inside", inside, &["groups/staff"]).await;
    office.policy("outside", outside, &["users/bob"]).await;
    office.policy("own", own, &["groups/staff"]).await;
    let able = office.who_can(json!({})).await;
    assert_eq!(names(&able), ["user/bob"]);
    assert_eq!(able.items[0].ways[0].missing, ["aws:sourceip"]);
    assert_eq!((able.undecided, able.missing), (1, set(&["aws:sourceip"])));
    let able = office.who_can(json!({"context": {"aws:SourceIp": ["10.1.2.3"]}})).await;
    assert_eq!((names(&able), able.undecided), (vec!["user/ann".to_owned(), "user/bob".to_owned()], 0));
    let able =
        office.who_can(json!({"resource": "arn:aws:s3:::ann/x", "context": {"aws:SourceIp": ["11.0.0.1"]}})).await;
    assert_eq!(names(&able), ["user/ann", "user/bob"]);
    assert_eq!(ways(&able, "ann"), set(&["user/ann group/staff: 0 own"]));
}

#[tokio::test]
async fn people_who_may_not_act_are_left_out_and_counted() {
    let office = Office::new().await;
    let gone = Presence::Gone { since: "2026-01-01T00:00:00Z".parse().unwrap() };
    let people = [
        office.user("ann"),
        office.user_like("bob", |user| user.standing.disabled = true),
        office.user_like("eve", |user| user.standing.presence = gone),
    ];
    office.user_like("kim", |user| user.standing.disabled = true);
    office.group("staff", &people);
    office.policy("read", allow("s3:Get*"), &["groups/staff"]).await;
    let able = office.who_can(json!({})).await;
    assert_eq!((names(&able), able.inactive), (vec!["user/ann".to_owned()], 2));
}

#[tokio::test]
async fn members_by_primary_group_are_found() {
    let office = Office::new().await;
    let sid = |rid: u32| format!("{DOMAIN}-{rid}").parse::<Sid>().unwrap();
    office.user_like("ann", |user| user.primary_group = Some(sid(513)));
    office.user_like("bob", |user| user.primary_group = Some(sid(514)));
    let domain_users = office.group_like("domain-users", &[], |group| group.origin.sid = Some(sid(513)));
    office.group("all", &[domain_users]);
    office.policy("read", allow("s3:Get*"), &["groups/all"]).await;
    let able = office.who_can(json!({})).await;
    assert_eq!(ways(&able, "ann"), set(&["user/ann group/domain-users group/all: 0 read"]));
    assert_eq!(names(&able), ["user/ann"]);
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let office = Office::new().await;
    let people: Vec<Member> = (0..7).map(|n| office.user(&format!("User{n}"))).collect();
    office.group("staff", &people);
    office.policy("read", allow("s3:Get*"), &["groups/staff"]).await;
    *office.fixture.app.admin.others.write().unwrap() =
        vec![Account { id: "999999999999".parse().unwrap(), name: "other".to_owned(), kind: AccountKind::Local }];
    for (name, account) in [("b", ACCOUNT), ("A", ACCOUNT), ("a", "999999999999")] {
        office.post("/v1/roles", json!({"name": name, "account": account})).await;
        office.set(&format!("/v1/roles/{account}%2F{name}/policies/read"), json!({})).await;
    }
    let all = office.who_can(json!({})).await;
    assert_eq!(names(&all)[6..], ["user/User6", "role/A", "role/b", "role/999999999999/a"]);
    for limit in 1..=11 {
        let (mut found, mut after) = (Vec::new(), Value::Null);
        for page in 0.. {
            assert!(page < 12, "{found:?}");
            let able = office.who_can(json!({"limit": limit, "after": after})).await;
            assert!(able.items.len() <= limit);
            found.extend(names(&able));
            match able.next {
                Some(next) => after = json!(next),
                None => break,
            }
        }
        // Users of one page are in the order of their names, pages in the order of ids.
        assert_eq!(found[7..], names(&all)[7..], "limit {limit}");
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all
        };
        assert_eq!(sorted(found), sorted(names(&all)), "limit {limit}");
    }
    for bad in [
        json!({"after": "ann"}),
        json!({"after": "role/x"}),
        json!({"limit": 0}),
        json!({"limit": 1001}),
        json!({"action": "s3"}),
        json!({"resource": "b"}),
    ] {
        let mut wanted = json!({"action": "s3:GetObject"});
        wanted.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        match office.served.client.post::<Value>("/v1/who-can", &wanted).await {
            Err(ClientError::Refused(error)) => assert!(error.code.starts_with("Invalid"), "{bad}: {}", error.code),
            other => panic!("{bad}: {other:?}"),
        }
    }
}

/// Makes a small company with everything that can let somebody do something, or keep them from it.
async fn random_company(office: &Office, rng: &mut StdRng) -> Vec<String> {
    let sid = |rid: u32| format!("{DOMAIN}-{rid}").parse::<Sid>().unwrap();
    let names: Vec<String> = (0..7).map(|n| format!("u{n}")).collect();
    let mut members: Vec<Member> = Vec::new();
    for name in &names {
        let (primary, disabled) = (rng.random_range(0..8), rng.random_bool(0.1));
        members.push(office.user_like(name, |user| {
            user.primary_group = (primary < 6).then(|| sid(1_000 + primary));
            user.standing.disabled = disabled;
            user.tags.insert("team".to_owned(), if primary % 2 == 0 { "red" } else { "blue" }.to_owned());
        }));
    }
    let groups: Vec<String> = (0..6).map(|n| if n == 5 { "aws-r1".to_owned() } else { format!("g{n}") }).collect();
    members.extend(groups.iter().map(|name| Member::Group(origin::group_id(&office.corp, &guid(name)))));
    for (n, name) in groups.iter().enumerate() {
        let held: Vec<Member> = members.iter().filter(|_| rng.random_bool(0.15)).copied().collect();
        let with_sid = n < 4 && rng.random_bool(0.5);
        office.group_like(name, &held, |group| {
            group.origin.sid = with_sid.then(|| sid(1_000 + u32::try_from(n).unwrap()));
        });
    }
    let own = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/*"});
    let mut blue = allow("s3:Get*");
    blue["Condition"] = json!({"StringNotEquals": {"aws:PrincipalTag/team": "blue"}});
    let mut office_only = deny("s3:Get*");
    office_only["Condition"] = json!({"NotIpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}});
    let mut first = allow("*");
    first["Condition"] =
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/u[0-3]"}, "Bool": {"aws:x": "true"}});
    let statements = [
        allow("s3:Get*"),
        allow("sts:*"),
        own,
        blue,
        office_only,
        first,
        deny("s3:*"),
        deny("sts:AssumeRole"),
        allow("*"),
    ];
    for (n, statement) in statements.iter().enumerate() {
        office.policy(&format!("p{n}"), statement.clone(), &[]).await;
    }
    let policy = |rng: &mut StdRng| format!("p{}", [0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8].choose(rng).unwrap());
    let principals = [
        ACCOUNT.to_owned(),
        "*".to_owned(),
        format!("arn:aws:iam::{ACCOUNT}:user/u2"),
        format!("arn:aws:iam::{ACCOUNT}:role/r0"),
    ];
    for role in ["r0", "r1", "r2"] {
        office.post("/v1/roles", json!({"name": role})).await;
        if rng.random_bool(0.7) {
            let document = trust(principals.choose(rng).unwrap());
            office.set(&format!("/v1/roles/{role}/trust"), json!({"document": document})).await;
        }
    }
    let roles = (0..3).map(|n| format!("roles/r{n}"));
    let holders: Vec<String> = names
        .iter()
        .map(|name| format!("users/{name}"))
        .chain(groups.iter().map(|name| format!("groups/{name}")))
        .chain(roles)
        .collect();
    for holder in &holders {
        for _ in 0..rng.random_range(0..3) {
            if rng.random_bool(0.5) {
                office.set(&format!("/v1/{holder}/policies/{}", policy(rng)), json!({})).await;
            }
        }
        if rng.random_bool(0.15) {
            let statement = statements.choose(rng).unwrap();
            office.set(&format!("/v1/{holder}/inline/own"), json!({"document": document(statement.clone())})).await;
        }
        if rng.random_bool(0.15) && !holder.starts_with("groups") {
            office.set(&format!("/v1/{holder}/boundary/{}", policy(rng)), json!({})).await;
        }
        if rng.random_bool(0.2) && !holder.starts_with("roles") {
            let role = ["r0", "r1", "r2"].choose(rng).unwrap();
            let to = holder.replacen("s/", "/", 1);
            office.set(&format!("/v1/roles/{role}/assigned/{to}"), json!({})).await;
        }
    }
    if rng.random_bool(0.5) {
        let rule = GroupRule::new(office.corp.clone(), "aws-(?<role>.+)", None, None).unwrap();
        *office.fixture.app.admin.rules.write().unwrap() = [rule].into_iter().collect();
    }
    random_guardrails(office, rng).await;
    names
}

/// Of each kind one or none: some ask who somebody is, some let a little through, some end it for everybody.
async fn random_guardrails(office: &Office, rng: &mut StdRng) {
    let mut red = deny("s3:*");
    red["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": "red"}});
    let mut first = deny("s3:Get*");
    first["Condition"] =
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/u[0-3]"}, "Null": {"x:y": "true"}});
    let service = [json!([allow("*"), red]), json!([allow("s3:Get*"), allow("sts:AssumeRole")]), json!([allow("*")])];
    let mut resource = [red, first, deny("s3:Put*"), deny("sts:TagSession")];
    resource.iter_mut().for_each(|statement| statement["Principal"] = json!("*"));
    if rng.random_bool(0.4) {
        office.guardrail("service", service.choose(rng).unwrap().clone()).await;
    }
    if rng.random_bool(0.4) {
        office.guardrail("resource", resource.choose(rng).unwrap().clone()).await;
    }
}

/// The answer is the set of those of whom a simulation says yes, one by one: of users with what a role adds.
#[tokio::test]
async fn who_may_is_whoever_a_simulation_allows() {
    let (mut yes, mut by_role) = (0, 0);
    for seed in 0..40 {
        let office = Office::new().await;
        let mut rng = StdRng::seed_from_u64(seed);
        let people = random_company(&office, &mut rng).await;
        let role_arn = |role: &str| format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        for (action, resource) in [
            ("s3:GetObject", "arn:aws:s3:::red/x".to_owned()),
            ("s3:PutObject", "arn:aws:s3:::green/x".to_owned()),
            ("s3:GetObject", "*".to_owned()),
            ("sts:AssumeRole", role_arn("r0")),
            ("sts:TagSession", role_arn("r1")),
        ] {
            let roles: Vec<&str> =
                ["r0", "r1", "r2"].into_iter().filter(|role| office.may(&role_arn(role), action, &resource)).collect();
            let mut expected = BTreeSet::new();
            for name in &people {
                let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
                let direct = office.may(&arn, action, &resource);
                let through = roles.iter().any(|role| office.may(&arn, "sts:AssumeRole", &role_arn(role)));
                by_role += usize::from(through && !direct);
                if direct || through {
                    expected.insert(format!("user/{name}"));
                }
            }
            expected.extend(roles.iter().map(|role| format!("role/{role}")));
            let wanted = |limit, after| WhoCan {
                action: action.to_owned(),
                resource: resource.clone(),
                context: BTreeMap::new(),
                kind: None,
                limit,
                after,
            };
            let able = office.ask(&wanted(None, None));
            let found: BTreeSet<String> = names(&able).into_iter().collect();
            assert_eq!(found, expected, "seed {seed}: {action} {resource}");
            assert!(able.items.iter().all(|item| !item.ways.is_empty()), "seed {seed}: {able:?}");
            let mut paged = Vec::new();
            let mut next = None;
            loop {
                let page = office.ask(&wanted(Some(2), next));
                paged.extend(names(&page));
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            paged.sort();
            assert_eq!(paged, found.iter().cloned().collect::<Vec<_>>(), "seed {seed}");
            yes += expected.len();
        }
    }
    assert!(yes > 300 && by_role > 50, "{yes} {by_role}: the companies are too dull");
}
