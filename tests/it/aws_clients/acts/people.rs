//! Users and groups.

use serde_json::{Value, json};

use super::super::client::{Caller, has, names, now};
use super::super::{ACCOUNT, READ_ONLY};
use super::holders;

/// What forms and signatures could spoil, within what a tag may be.
const AWKWARD: &str = "blau + grün = 50_x / a@b:c  -.";

pub(in super::super) fn users(admin: &Caller<'_>) {
    let tags = json!([{"Key": "colour", "Value": AWKWARD}, {"Key": "empty", "Value": ""}]);
    let boundary = json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": READ_ONLY});
    let made = admin.ok(
        "CreateUser",
        json!({"UserName": "u.one", "Path": "/team/x/", "PermissionsBoundary": READ_ONLY, "Tags": tags}),
    );
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/team/x/u.one");
    let expected =
        json!({"UserName": "u.one", "Path": "/team/x/", "Arn": arn, "Tags": tags, "PermissionsBoundary": boundary});
    has(&made["User"], &expected);
    assert!(made["User"]["UserId"].as_str().unwrap().starts_with("AIDA"), "{made}");
    now(&made["User"]["CreateDate"]);
    let found = admin.ok("GetUser", json!({"UserName": "u.one"}));
    has(&found["User"], &expected);
    assert_eq!(found["User"]["UserId"], made["User"]["UserId"]);
    now(&found["User"]["CreateDate"]);
    assert_eq!(found["User"]["PasswordLastUsed"], Value::Null);

    for name in ["u.five", "U.two", "u.four", "u.three"] {
        admin.ok("CreateUser", json!({"UserName": name, "Path": "/team/"}));
    }
    let team = json!({"PathPrefix": "/team/"});
    let pages = admin.pages("ListUsers", team.clone(), 2);
    assert_eq!(pages.iter().map(|page| page["Users"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!((&pages[0]["IsTruncated"], &pages[2]["IsTruncated"]), (&json!(true), &json!(false)));
    assert_eq!(pages[2]["Marker"], Value::Null);
    let listed = admin.all("ListUsers", team, ("Users", "UserName"));
    assert_eq!(listed, ["u.five", "u.four", "u.one", "u.three", "U.two"], "by name, whatever the case");
    let everybody = names(&admin.ok("ListUsers", json!({}))["Users"], "UserName");
    assert!(everybody.contains(&"carol".to_owned()) && everybody.contains(&"u.one".to_owned()), "{everybody:?}");
    let nobody = admin.ok("ListUsers", json!({"PathPrefix": "/nothing/"}));
    has(&nobody, &json!({"Users": [], "IsTruncated": false}));

    tags_of_a_user(admin);
    let (role, boundary_of) = (json!({"UserName": "u.one"}), "User");
    holders::boundary(admin, boundary_of, &role);
    holders::policies(admin, "User", "u.one");

    admin.ok("UpdateUser", json!({"UserName": "U.TWO", "NewUserName": "u.second", "NewPath": "/other/"}));
    let renamed = admin.ok("GetUser", json!({"UserName": "u.second"}));
    has(&renamed["User"], &json!({"Path": "/other/", "Arn": format!("arn:aws:iam::{ACCOUNT}:user/other/u.second")}));
    admin.no("GetUser", json!({"UserName": "u.two"})).is("NoSuchEntity", 404, "u.two");
    for name in ["u.one", "u.second", "u.three", "u.four", "u.five"] {
        assert_eq!(admin.ok("DeleteUser", json!({"UserName": name})), json!({}));
    }
    assert_eq!(admin.all("ListUsers", json!({"PathPrefix": "/team/"}), ("Users", "UserName")), [""; 0]);
}

fn tags_of_a_user(admin: &Caller<'_>) {
    let user = json!({"UserName": "u.one"});
    admin.ok(
        "TagUser",
        json!({"UserName": "u.one", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "colour", "Value": "rot"}]}),
    );
    let listed = admin.pages("ListUserTags", user.clone(), 2);
    assert_eq!(
        (names(&listed[0]["Tags"], "Key"), names(&listed[1]["Tags"], "Key")),
        (vec!["a".to_owned(), "colour".to_owned()], vec!["empty".to_owned()])
    );
    assert_eq!(listed[0]["Tags"][1]["Value"], "rot");
    admin.ok("UntagUser", json!({"UserName": "u.one", "TagKeys": ["a", "empty", "absent"]}));
    has(&admin.ok("ListUserTags", user), &json!({"Tags": [{"Key": "colour", "Value": "rot"}], "IsTruncated": false}));
}

pub(in super::super) fn groups(admin: &Caller<'_>) {
    let made = admin.ok("CreateGroup", json!({"GroupName": "g.one", "Path": "/crew/"}));
    let expected =
        json!({"GroupName": "g.one", "Path": "/crew/", "Arn": format!("arn:aws:iam::{ACCOUNT}:group/crew/g.one")});
    has(&made["Group"], &expected);
    assert!(made["Group"]["GroupId"].as_str().unwrap().starts_with("AGPA"), "{made}");
    now(&made["Group"]["CreateDate"]);
    for name in ["g.two", "g.three"] {
        admin.ok("CreateGroup", json!({"GroupName": name, "Path": "/crew/deck/"}));
    }
    let crew = json!({"PathPrefix": "/crew/"});
    assert_eq!(admin.all("ListGroups", crew, ("Groups", "GroupName")), ["g.one", "g.three", "g.two"]);
    let all = names(&admin.ok("ListGroups", json!({}))["Groups"], "GroupName");
    assert!(all.contains(&"staff".to_owned()), "{all:?}");

    // Of our own and of the directory.
    admin.ok("CreateUser", json!({"UserName": "member"}));
    for user in ["member", "carol", "bob"] {
        admin.ok("AddUserToGroup", json!({"GroupName": "g.one", "UserName": user}));
    }
    let found = admin.ok("GetGroup", json!({"GroupName": "g.one"}));
    has(&found["Group"], &expected);
    let mut members = admin.all("GetGroup", json!({"GroupName": "g.one"}), ("Users", "UserName"));
    members.sort();
    assert_eq!(members, ["bob", "carol", "member"]);
    admin.ok("AddUserToGroup", json!({"GroupName": "g.two", "UserName": "carol"}));
    let of_carol = json!({"UserName": "carol"});
    assert_eq!(admin.all("ListGroupsForUser", of_carol.clone(), ("Groups", "GroupName")), ["g.one", "g.two"]);
    let staff = admin.ok("GetGroup", json!({"GroupName": "staff"}));
    let mut staff = names(&staff["Users"], "UserName");
    staff.sort();
    assert_eq!(staff, ["alice", "bob"]);

    holders::policies(admin, "Group", "g.one");
    admin.ok("UpdateGroup", json!({"GroupName": "g.two", "NewGroupName": "g.second", "NewPath": "/"}));
    let renamed = admin.ok("GetGroup", json!({"GroupName": "g.second"}));
    has(&renamed["Group"], &json!({"Path": "/", "Arn": format!("arn:aws:iam::{ACCOUNT}:group/g.second")}));
    assert_eq!(names(&renamed["Users"], "UserName"), ["carol"], "who is in it stays");

    admin.no("DeleteGroup", json!({"GroupName": "g.one"})).is("DeleteConflict", 409, "members");
    for (group, user) in [("g.one", "member"), ("g.one", "carol"), ("g.one", "bob"), ("g.second", "carol")] {
        admin.ok("RemoveUserFromGroup", json!({"GroupName": group, "UserName": user}));
    }
    has(&admin.ok("ListGroupsForUser", of_carol), &json!({"Groups": [], "IsTruncated": false}));
    for name in ["g.one", "g.second", "g.three"] {
        admin.ok("DeleteGroup", json!({"GroupName": name}));
    }
    admin.ok("DeleteUser", json!({"UserName": "member"}));
}
