//! Who somebody is: keys that count and keys that do not, clocks, requests that come twice, presigned addresses.

use serde_json::json;

use super::client::{Caller, Client, has};
use super::{ACCOUNT, Company, Key};
use crate::bed::slapd::SUFFIX;
use crate::bed::wait_until;

const VERSION: &str = "Version=2010-05-08";

fn identity(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{name}")
}

fn who_is(caller: &Caller<'_>) -> String {
    caller.ok("GetCallerIdentity", json!({}))["Arn"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_counts_as_long_as_it_is_on_and_its_owner_may_act() {
    let company = Company::new();
    let root = company.initialized();
    let (alice, bob) = (company.key_of("alice"), company.key_of("bob"));
    let client = Client::boto(&company);
    let of = |key: &Key| client.with(key);
    assert_eq!(who_is(&of(&alice)), identity("user/alice"));

    // Of root, whose every use is loud.
    assert_eq!(who_is(&of(&root)), identity("root"));
    let shown = of(&root).ok("GetUser", json!({}));
    has(&shown["User"], &json!({"UserId": ACCOUNT, "Arn": identity("root"), "UserName": null}));
    of(&root).ok("CreateUser", json!({"UserName": "by-root"}));
    let keys = of(&root).ok("ListAccessKeys", json!({}));
    has(&keys["AccessKeyMetadata"][0], &json!({"AccessKeyId": root.id, "Status": "Active", "UserName": null}));
    // Whoever administers is not root, and cannot become root.
    for name in ["<root_account>".to_owned(), identity("root")] {
        for (action, params) in [
            ("CreateAccessKey", json!({"UserName": name})),
            ("ListAccessKeys", json!({"UserName": name})),
            ("UpdateAccessKey", json!({"UserName": name, "AccessKeyId": root.id, "Status": "Inactive"})),
            ("DeleteAccessKey", json!({"UserName": name, "AccessKeyId": root.id})),
            ("ListMFADevices", json!({"UserName": name})),
            ("CreateLoginProfile", json!({"UserName": name, "Password": "whatever it is 77"})),
        ] {
            of(&alice).no(action, params).is("AccessDenied", 403, "only root itself may act on root");
        }
    }
    assert!(company.bailey.log().contains("root is in use"));
    company.bailey.ok(&["root", "lock"]);
    of(&root).no("GetCallerIdentity", json!({})).is("AccessDenied", 403, "locked away");
    company.bailey.ok(&["root", "unlock"]);
    assert_eq!(who_is(&of(&root)), identity("root"));

    // Of somebody whom the directory locks, and lets in again.
    let dn = format!("dn: uid=bob,ou=people,{SUFFIX}\nchangetype: modify\n");
    assert_eq!(who_is(&of(&bob)), identity("user/bob"));
    company.slapd.modify(&format!("{dn}add: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"));
    wait_until("the lock", || of(&bob).tries("GetCallerIdentity", json!({})).is_err());
    of(&bob).no("ListUsers", json!({})).is("AccessDenied", 403, "user `bob` may not act");
    company.slapd.modify(&format!("{dn}delete: pwdAccountLockedTime\n"));
    wait_until("the end of the lock", || of(&bob).tries("ListUsers", json!({})).is_ok());
    // And of whoever leaves.
    company.slapd.delete(&format!("uid=bob,ou=people,{SUFFIX}"));
    wait_until("the departure", || of(&bob).tries("GetCallerIdentity", json!({})).is_err());

    let unknown = Key { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: alice.secret.clone() };
    of(&unknown).no("ListUsers", json!({})).is("InvalidClientTokenId", 403, "");
    let wrong = Key { secret: "x".repeat(40), ..alice.clone() };
    let refused = of(&wrong).no("ListUsers", json!({}));
    refused.is("SignatureDoesNotMatch", 403, "The canonical request, as computed here");
    of(&alice).but("token", json!("of-a-session")).no("ListUsers", json!({})).is("InvalidClientTokenId", 403, "");
    client.unsigned().no("ListUsers", json!({})).is("MissingAuthenticationToken", 403, "");
    client.unsigned().no("GetCallerIdentity", json!({})).is("MissingAuthenticationToken", 403, "");
    drop(client);
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn a_clock_may_be_minutes_off_and_not_hours() {
    let company = Company::new();
    company.initialized();
    let alice = company.key_of("alice");
    let boto = Client::boto(&company);
    for (ahead, words) in [(-3_600, "has expired"), (3_600, "not yet current"), (-86_400 * 2, "")] {
        let caller = boto.with(&alice).but("clock", json!(ahead));
        caller.no("ListUsers", json!({})).is("SignatureDoesNotMatch", 403, words);
    }
    for ahead in [-200, 200] {
        boto.with(&alice).but("clock", json!(ahead)).ok("ListUsers", json!({}));
    }
    // This SDK sees from the answer how far its clock is off, and tries again.
    let javascript = Client::javascript(&company);
    javascript.with(&alice).but("clock", json!(7_200)).ok("ListUsers", json!({}));
    drop((boto, javascript));
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn a_request_that_changes_something_is_taken_once_and_says_all_in_its_body() {
    let company = Company::new();
    company.initialized();
    let key = company.key_of("alice");
    let client = Client::boto(&company);
    let alice = client.with(&key);

    let create = alice.signed("iam", &format!("Action=CreateUser&UserName=once&{VERSION}"), "");
    let first = client.send(&create);
    assert_eq!((first.status, first.content_type.as_str()), (200, "text/xml"), "{first:?}");
    alice.ok("DeleteUser", json!({"UserName": "once"}));
    let second = client.send(&create);
    assert!(second.status == 400 && second.body.contains("<Code>Throttling</Code>"), "{second:?}");
    assert!(second.body.contains("sent before"), "{second:?}");
    alice.no("GetUser", json!({"UserName": "once"})).is("NoSuchEntity", 404, "");
    // Whoever says the same twice in a second signs the same: the client signs anew, and both are carried out.
    for _ in 0..3 {
        alice.ok("TagUser", json!({"UserName": "carol", "Tags": [{"Key": "k", "Value": "v"}]}));
    }
    let list = alice.signed("iam", &format!("Action=ListUsers&{VERSION}"), "");
    assert_eq!((client.send(&list).status, client.send(&list).status), (200, 200), "looking twice does no harm");

    for (body, query, status, code) in [
        (format!("Action=DropUser&{VERSION}"), "", 400, "InvalidAction"),
        ("Action=ListUsers&Version=2011-06-15".to_owned(), "", 400, "InvalidAction"),
        ("Action=ListUsers".to_owned(), "", 400, "InvalidAction"),
        (VERSION.to_owned(), "", 400, "MissingAction"),
        (format!("Action=GetUser&UserName=bob&UserName=carol&{VERSION}"), "", 400, "MalformedInput"),
        (format!("Action=ListUsers&{VERSION}"), "?Marker=b", 400, "MalformedQueryString"),
        (String::new(), "?Action=DeleteUser&UserName=carol&Version=2010-05-08", 400, "MalformedQueryString"),
    ] {
        let answer = client.send(&alice.signed("iam", &body, query));
        let found = (answer.status, answer.body.contains(&format!("<Code>{code}</Code>")));
        assert_eq!(found, (status, true), "{body} {query}: {answer:?}");
    }
    // A signature for one service is none for another, and a body that was changed on the way none at all.
    let sts = client.send(&alice.signed("sts", &format!("Action=ListUsers&{VERSION}"), ""));
    assert!(sts.status == 400 && sts.body.contains("<Code>InvalidAction</Code>"), "{sts:?}");
    let ec2 = client.send(&alice.signed("ec2", &format!("Action=ListUsers&{VERSION}"), ""));
    assert!(ec2.status == 403 && ec2.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{ec2:?}");
    let mut changed = alice.signed("iam", &format!("Action=GetUser&UserName=carol&{VERSION}"), "");
    changed["body"] = json!(format!("Action=GetUser&UserName=alice&{VERSION}"));
    let changed = client.send(&changed);
    assert!(changed.status == 403 && changed.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{changed:?}");
    drop(client);
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn a_presigned_address_says_who_one_is_and_does_nothing_else() {
    let company = Company::new();
    company.initialized();
    let key = company.key_of("carol");
    let client = Client::boto(&company);
    let carol = client.with(&key);
    let address = carol.presigned("GetCallerIdentity");
    for _ in 0..2 {
        let answer = client.fetch(&address);
        let said = format!("<Arn>{}</Arn>", identity("user/carol"));
        assert!(answer.status == 200 && answer.body.contains(&said), "{answer:?}");
    }
    for address in [
        carol.presigned("ListUsers"),
        carol.presigned("CreateAccessKey"),
        address.replace("GetCallerIdentity", "GetSessionToken"),
    ] {
        let answer = client.fetch(&address);
        assert!([400, 403].contains(&answer.status) && answer.body.contains("<ErrorResponse"), "{address}: {answer:?}");
    }
    let changed = client.fetch(&address.replace("X-Amz-Expires=60", "X-Amz-Expires=59"));
    assert!(changed.status == 403 && changed.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{changed:?}");
    let old = carol.but("clock", json!(-240)).presigned("GetCallerIdentity");
    let old = client.fetch(&old);
    assert!(old.status == 400 && old.body.contains("<Code>RequestExpired</Code>"), "{old:?}");
    drop(client);
    company.ends_without_a_trace_of_secrets();
}
