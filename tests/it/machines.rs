//! Machines that no directory knows, beside those that one does, and groups made here that hold them.

use std::time::Duration;

use bailey::admin::AdminError;
use bailey::admin::iam::assignments::Terms;
use bailey::admin::iam::local::groups::NewGroup;
use bailey::admin::iam::local::resources::{NewResource, ResourceUpdate};
use bailey::admin::iam::roles::NewRole;
use bailey::admin::people::People;
use bailey::authn::local::Role;
use bailey::base::Guid;
use bailey::gate::Operation;
use bailey::model::{Entity, GroupRule, Member, origin};
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::slapd::person;
use crate::bed::{Options, Slapd};
use crate::credentials::sound;
use crate::fixture::{Fixture, post, put, refusal};
use crate::simulated::Simulated;
use crate::sync_leavers::Office;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_our_own_is_made_changed_and_deleted() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    let new = json!({"name": "Scanner", "description": "second floor", "expires": "2026-12-31T00:00:00Z",
        "tags": {"zone": "dmz"}});
    let made = post(client, "/v1/resources", new.clone()).await;
    assert_eq!(made["arn"], "arn:aws:bailey::123456789012:resource/Scanner");
    assert!(made["unique_id"].as_str().unwrap().starts_with("ARES"));
    assert_eq!(
        (&made["directory"], &made["state"], &made["description"], &made["tags"]),
        (&json!("local"), &json!("active"), &json!("second floor"), &json!({"zone": "dmz"}))
    );
    // Names are one in any case; a person of that name is somebody else.
    let taken = client.post("/v1/resources", &json!({"name": "scanner"})).await;
    assert_eq!(refusal(taken).await.0, "EntityAlreadyExists");
    post(client, "/v1/users", json!({"name": "scanner"})).await;

    let changed = post(client, "/v1/resources/scanner", json!({"name": "scanner2", "disabled": true})).await;
    assert_eq!(
        (&changed["id"], &changed["name"], &changed["state"]),
        (&made["id"], &json!("scanner2"), &json!("disabled"))
    );
    assert_eq!((&changed["description"], &changed["expires"]), (&made["description"], &made["expires"]));
    assert_eq!(refusal(client.get("/v1/resources/scanner").await).await.0, "NotFound");
    let emptied = post(client, "/v1/resources/scanner2", json!({"description": ""})).await;
    assert!(emptied["description"].is_null(), "{emptied}");

    // The rules of tags are those of all tags said here.
    let tags = put(client, "/v1/resources/scanner2/tags", json!({"tags": {"Zone": "lan", "rack": "7"}})).await;
    assert_eq!(tags["tags"], json!({"Zone": "lan", "rack": "7"}));
    let tags = post(client, "/v1/resources/scanner2/untag", json!({"keys": ["zone", "absent"]})).await;
    assert_eq!(tags["tags"], json!({"rack": "7"}));
    let reserved = client.put("/v1/resources/scanner2/tags", &json!({"tags": {"aws:x": ""}})).await;
    assert_eq!(refusal(reserved).await.0, "InvalidInput");
    let many: serde_json::Map<String, Value> =
        (0..50).map(|n| (format!("{n:02}{}", "𝔞".repeat(126)), json!("𝔟".repeat(256)))).collect();
    let (code, message) = refusal(client.post("/v1/resources", &json!({"name": "big", "tags": many})).await).await;
    assert!(code == "LimitExceeded" && message.contains("65535 are kept"), "{code}: {message}");

    let () = client.delete("/v1/resources/scanner2").await.unwrap();
    assert_eq!(post(client, "/v1/resources", new).await["name"], "Scanner", "the name is free again");
    sound(&fixture);
}

/// What holds on a machine keeps it, as it keeps a person; a group that holds machines alone is a resource group.
#[tokio::test(flavor = "multi_thread")]
async fn groups_and_roles_of_a_machine_keep_it() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/resources", json!({"name": "scanner"})).await;
    post(client, "/v1/users", json!({"name": "ann"})).await;
    for group in ["scanners", "mixed", "people"] {
        post(client, "/v1/groups", json!({ "name": group })).await;
    }
    for (group, kind, who) in [
        ("scanners", "resources", "SCANNER"),
        ("scanners", "resources", "scanner"),
        ("mixed", "resources", "scanner"),
        ("mixed", "members", "ann"),
        ("people", "members", "ann"),
    ] {
        put(client, &format!("/v1/groups/{group}/{kind}/{who}"), json!({})).await;
    }
    for (holds, expected) in [("machines", "scanners"), ("both", "mixed"), ("people", "people")] {
        let page: Value = client.get(&format!("/v1/groups?holds={holds}")).await.unwrap();
        let names: Vec<_> = page["items"].as_array().unwrap().iter().map(|group| &group["name"]).collect();
        assert_eq!(names, [expected], "{holds}");
    }
    let shown: Value = client.get("/v1/groups/scanners").await.unwrap();
    assert_eq!(
        (&shown["members"], &shown["member_count"]),
        (
            &json!([{"kind": "resource", "name": "scanner", "state": "active", "directory": "local", "by": "listed"}]),
            &json!(1)
        )
    );
    let shown: Value = client.get("/v1/resources/scanner").await.unwrap();
    assert_eq!(shown["groups"].as_array().unwrap().len(), 2);

    post(client, "/v1/roles", json!({"name": "Upload"})).await;
    for to in ["resource/scanner", "group/scanners"] {
        put(client, &format!("/v1/roles/Upload/assigned/{to}"), json!({})).await;
    }
    let role: Value = client.get("/v1/roles/Upload").await.unwrap();
    let assigned: Vec<_> =
        role["assigned_to"].as_array().unwrap().iter().map(|one| (&one["kind"], &one["to"])).collect();
    assert_eq!(assigned, [(&json!("group"), &json!("scanners")), (&json!("resource"), &json!("scanner"))]);

    let (code, message) = refusal(client.delete("/v1/resources/scanner").await).await;
    assert!(code == "DeleteConflict" && message.contains("assignments: 1, groups it is in: 2"), "{code}: {message}");
    assert_eq!(refusal(client.delete("/v1/groups/scanners").await).await.0, "DeleteConflict");
    let unknown = client.put("/v1/groups/scanners/resources/ann", &json!({})).await;
    assert_eq!(refusal(unknown).await.0, "NotFound", "a person is no machine");
    for path in [
        "groups/scanners/resources/scanner",
        "groups/mixed/resources/scanner",
        "roles/Upload/assigned/resource/scanner",
        "roles/Upload/assigned/group/scanners",
    ] {
        let _: Value = client.delete(&format!("/v1/{path}")).await.unwrap();
    }
    let gone = client.delete("/v1/groups/scanners/resources/scanner").await;
    assert_eq!(refusal(gone).await.0, "NotFound");
    for path in ["resources/scanner", "groups/scanners"] {
        let () = client.delete(&format!("/v1/{path}")).await.unwrap();
    }
    sound(&fixture);
}

fn new(name: &str) -> NewResource {
    NewResource {
        name: name.parse().unwrap(),
        description: None,
        expires: None,
        tags: Default::default(),
        identities: Default::default(),
    }
}

impl Office {
    fn declare(&self, name: &str) {
        self.admin.create_resource(self.asked(Operation::CreateResource, name), &new(name)).unwrap();
    }

    fn group(&self, name: &str) {
        let new = NewGroup { name: name.parse().unwrap(), path: Default::default(), description: None };
        self.admin.create_group(self.asked(Operation::CreateGroup, name), &new).unwrap();
    }

    fn join(&self, group: &str, machine: &str) -> Result<(), AdminError> {
        self.admin.add_resource_to_group(self.asked(Operation::AddResourceToGroup, group), machine)
    }

    fn members(&self, group: &str) -> Vec<String> {
        let people = People::at(&self.admin.store, &self.admin.account, self.admin.now()).unwrap();
        people.show_group(group).unwrap().members.into_iter().map(|member| member.name).collect()
    }
}

fn synced(world: &World, guid: Guid) -> Option<Entity> {
    world.entity(Member::Resource(origin::resource_id(world.label(), &guid)))
}

/// Whoever holds a name keeps it, and nothing that was said of the one comes to mean the other.
#[test]
fn a_machine_that_a_directory_brings_gets_a_name_of_its_own() {
    for events in [false, true] {
        let directory = Simulated::new(false);
        directory.person("ann");
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        let office = Office::of(&world);
        office.declare("web1");
        office.group("web");
        office.join("web", "web1").unwrap();
        let guid = directory.machine("WEB1");
        if events {
            drop(world.delta())
        } else {
            drop(world.full())
        }
        let name = synced(&world, guid).unwrap().name().to_string();
        assert!(name.starts_with("WEB1+"), "{name}");
        assert_eq!(office.members("web"), ["web1"]);
        // Nor does a full read miss what it never brought.
        assert_eq!(world.full().applied, 0);
        assert_eq!(world.held(), []);
        world.assert_sound();
        // The other way round the name is taken.
        let taken = office.admin.create_resource(office.asked(Operation::CreateResource, &name), &new(&name));
        assert!(matches!(taken, Err(AdminError::Exists { kind: "resource", .. })), "{taken:?}");
    }
}

#[test]
fn what_the_directory_owns_is_changed_there() {
    let directory = Simulated::new(false);
    let guid = directory.machine("db1");
    directory.group("servers", &[guid]);
    let world = World::new(&directory);
    world.full();
    let office = Office::of(&world);
    office.declare("own");
    let tags = [("a".to_owned(), "b".to_owned())].into();
    let update = ResourceUpdate { disabled: Some(true), ..ResourceUpdate::default() };
    let asked = |operation| office.asked(operation, "db1");
    let refused = [
        office.admin.update_resource(asked(Operation::UpdateResource), &update).map(drop),
        office.admin.tag_resource(asked(Operation::TagResource), &tags).map(drop),
        office.admin.untag_resource(asked(Operation::UntagResource), &["a".to_owned()]).map(drop),
        office.admin.delete_resource(asked(Operation::DeleteResource)),
        office.join("servers", "own"),
        office.admin.remove_resource_from_group(office.asked(Operation::RemoveResourceFromGroup, "servers"), "db1"),
    ];
    for answer in refused {
        let said = answer.unwrap_err().to_string();
        assert!(said.contains("belongs to directory `corp`") && said.contains("change it there: cn="), "{said}");
    }
    assert_eq!(world.full().applied, 0);
}

/// A machine of a directory in a group made here follows its object: through a rename, and out of it when it is deleted.
#[test]
fn a_synced_machine_in_a_group_made_here_follows_its_object() {
    let directory = Simulated::new(false);
    let (guid, _) = (directory.machine("db1"), directory.machine("db2"));
    let world = World::new(&directory);
    world.full();
    directory.take_events();
    let office = Office::of(&world);
    office.group("databases");
    office.declare("own");
    office.join("databases", "db1").unwrap();
    office.join("databases", "own").unwrap();
    let role: NewRole = serde_json::from_str(r#"{"name": "Dump"}"#).unwrap();
    office.admin.create_role(office.asked(Operation::CreateRole, "Dump"), &role).unwrap();
    let assigned =
        office.admin.assign_role(office.asked(Operation::AssignRole, "Dump"), "resource", "db1", &Terms::default());
    assert_eq!(assigned.unwrap().to, "db1");
    directory.tree().set(guid, "cn", &[b"db9"]);
    world.full();
    assert_eq!(office.members("databases"), ["db9", "own"]);
    assert_eq!(world.full().applied, 0, "edges of ours are none of the directory's");
    directory.delete(guid);
    world.delta();
    assert_eq!(office.members("databases"), ["db9", "own"], "it may come back");
    world.pass(Duration::from_secs(31 * 86_400));
    world.full();
    assert_eq!(synced(&world, guid), None);
    assert_eq!(office.members("databases"), ["own"]);
    let assignments = office.admin.assignments(None, 10).unwrap().items;
    assert!(assignments.is_empty(), "{assignments:?}");
    world.assert_sound();
}

/// A group of machines whose name says a role gives it to somebody: the report says to how many.
#[test]
fn a_rule_of_group_names_counts_machines_too() {
    let directory = Simulated::new(false);
    let machines = [directory.machine("scan1"), directory.machine("scan2")];
    directory.group("scanners", &machines);
    directory.group("mixed", &[machines[0], directory.person("ann")]);
    let world = World::new(&directory);
    world.full();
    let office = Office::of(&world);
    let rule = GroupRule::new(world.label().clone(), "scanners|mixed", None, Some("Upload")).unwrap();
    *office.admin.rules.write().unwrap() = [rule].into_iter().collect();
    let coverage = office.admin.role_coverage(&office.asked(Operation::GetRoleCoverage, "")).unwrap();
    let counted: Vec<_> =
        coverage.rules[0].groups.iter().map(|one| (one.group.as_str(), one.people, one.machines)).collect();
    assert_eq!(counted, [("mixed", 1, 1), ("scanners", 0, 2)]);
}

/// As an operator types it; and what is told of the past, and what an export carries.
#[test]
fn a_machine_of_our_own_through_the_command_line() {
    let slapd = Slapd::start(Options { ldif: person("ann"), ..Options::default() });
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let made = bailey.json(&["resource", "create", "scanner", "--description", "floor 2", "--tag", "zone=dmz"]);
    assert_eq!((&made["tags"]["zone"], &made["directory"]), (&json!("dmz"), &json!("local")));
    bailey.ok(&["group", "create", "scanners"]);
    assert!(bailey.ok(&["group", "add-resource", "scanners", "scanner"]).contains("added"));
    bailey.ok(&["role", "create", "Upload"]);
    bailey.ok(&["role", "assign", "Upload", "--to", "group/scanners"]);
    bailey.ok(&["role", "assign", "Upload", "--to", "resource/scanner"]);
    let assignments = bailey.ok(&["role", "assignments"]);
    assert!(assignments.contains("group/scanners") && assignments.contains("resource/scanner"), "{assignments}");
    bailey.ok(&["resource", "update", "scanner", "--rename", "scanner2", "--disable"]);
    bailey.ok(&["resource", "tag", "scanner2", "rack=7"]);
    assert!(bailey.ok(&["resource", "untag", "scanner2", "zone"]).contains("rack=7"));
    assert!(bailey.ok(&["resource", "list", "--directory", "local", "--state", "disabled"]).contains("scanner2"));
    assert!(bailey.ok(&["group", "list", "--holds", "machines"]).contains("scanners"));
    let group = bailey.ok(&["group", "show", "scanners"]);
    assert!(group.contains("machines") && group.contains("scanner2"), "{group}");
    let kept = bailey.run(&["resource", "delete", "scanner2"]);
    let said = String::from_utf8_lossy(&kept.stderr);
    assert!(said.contains("assignments: 1, groups it is in: 1"), "{said}");
    let nothing = bailey.run(&["resource", "update", "scanner2"]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");

    let past = bailey.json(&["history", "show", "scanner2"]);
    let what: Vec<_> = past.as_array().unwrap().iter().map(|version| &version["what"]).collect();
    assert_eq!((what.len(), what.iter().filter(|what| **what == "appeared").count()), (4, 1), "{past}");
    let now = bailey.json(&["history", "show", "scanner2", "--at", "2999-01-01"]);
    assert_eq!((&now["entity"]["name"], &now["groups"]), (&json!("scanner2"), &json!(["scanners"])));
    bailey.ok(&["sync", "--dry-run"]);

    let shown = bailey.json(&["resource", "show", "scanner2"]);
    let export = bailey.path("export.jsonl");
    bailey.ok(&["store", "export", export.to_str().unwrap()]);
    let second = Bailey::reading(&slapd, "");
    second.ok(&["store", "import", export.to_str().unwrap()]);
    assert_eq!(second.json(&["resource", "show", "scanner2"]), shown);
    assert!(second.ok(&["store", "verify"]).contains("all sound"));

    bailey.ok(&["role", "unassign", "Upload", "--to", "resource/scanner2"]);
    assert!(bailey.ok(&["group", "remove-resource", "scanners", "scanner2"]).contains("removed"));
    assert!(bailey.ok(&["resource", "delete", "scanner2"]).contains("deleted"));
    let gone = bailey.json(&["history", "show", made["id"].as_str().unwrap()]);
    assert!(gone.to_string().contains("deleted"), "{gone}");
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
}
