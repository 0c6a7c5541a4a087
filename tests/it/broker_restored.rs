//! The daemon is put back from a backup under a broker that runs: nothing that was begun before counts, the broker finds out
//! and does not go on giving it out, and the log of the restored store tells who restored it, and from what.

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::bed::wait_until;
use crate::broker_bed::{Desk, Served};

/// Puts the daemon's store back as it was when the backup was made, as an operator does; answers the records of it.
fn restore(desk: &mut Desk) -> Vec<Value> {
    let bailey = &mut desk.bailey;
    let backup = bailey.path("backup.jsonl");
    bailey.ok(&["store", "export", backup.to_str().unwrap()]);
    assert!(bailey.terminate().success());
    let (state, aside) = (bailey.path("state"), bailey.path("state.aside"));
    std::fs::rename(&state, &aside).unwrap();
    let said = bailey.ok(&["store", "import", backup.to_str().unwrap()]);
    assert!(said.contains("everything issued before is void"), "{said}");
    std::fs::copy(aside.join("master.key"), state.join("master.key")).unwrap();
    bailey.start();
    let log = bailey.ok(&["audit", "tail", "--count", "10000"]);
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["eventName"] == "RestoreStore").collect()
}

fn asked(served: &Served) -> (u16, Value) {
    let (status, body) = served.ask("GET", "/credentials", &[("Authorization", &served.token())]);
    (status, serde_json::from_str(&body).unwrap())
}

fn credentials(told: &Value) -> Credentials {
    let text = |member: &str| told[member].as_str().unwrap().to_owned();
    Credentials { id: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("Token")) }
}

/// Lets the time pass for which the daemon is believed.
fn long_ago(desk: &Desk) {
    desk.change("role-", |kept| kept["asked"] = json!(SystemClock.now() - jiff::SignedDuration::from_secs(61)));
}

#[test]
fn a_broker_gives_out_nothing_of_before_a_restore_once_it_can_know() {
    let mut desk = Desk::signed_in();
    let (container, imds) = (desk.serve(&[]), desk.serve(&["--imds"]));
    let ttl = ("X-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = imds.ask("PUT", "/latest/api/token", &[ttl]).1;
    let (status, told) = asked(&container);
    assert_eq!(status, 200);
    let stale = credentials(&told);
    assert_eq!(desk.caller().who_is(&stale).unwrap().status, 200);

    restore(&mut desk);
    desk.caller().who_is(&stale).unwrap().refuses("ExpiredToken", "the store was restored or imported");
    // Whom the daemon answers late is not told of it, and asks again.
    wait_until("it can know", || {
        long_ago(&desk);
        asked(&container).0 == 403
    });
    for _ in 0..2 {
        let (status, told) = asked(&container);
        assert_eq!((status, told["Code"].as_str()), (403, Some("Forbidden")), "{told}");
        assert!(told["Message"].as_str().unwrap().contains("ExpiredToken"), "{told}");
        let role = "/latest/meta-data/iam/security-credentials/Deploy";
        let (status, body) = imds.ask("GET", role, &[("X-aws-ec2-metadata-token", &token)]);
        assert!(status == 503 && !body.contains(&stale.secret), "{status} {body}");
        assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("ExpiredToken"));
    }
    // Whoever signs in anew is served again, by the same broker.
    desk.ok(&desk.login());
    let (status, told) = asked(&container);
    let fresh = credentials(&told);
    assert_eq!(status, 200, "{told}");
    assert_ne!(fresh.id, stale.id);
    assert_eq!(desk.caller().who_is(&fresh).unwrap().status, 200);
}

#[test]
fn a_session_that_was_ended_is_renewed_and_a_daemon_that_is_away_ends_none() {
    let mut desk = Desk::signed_in();
    let container = desk.serve(&[]);
    let first = credentials(&asked(&container).1);
    desk.bailey.ok(&["session", "end", &first.id]);
    assert_eq!(credentials(&asked(&container).1).id, first.id, "nobody has told it");
    let mut second = first.clone();
    wait_until("it is renewed", || {
        long_ago(&desk);
        let (status, told) = asked(&container);
        assert_eq!(status, 200, "{told}");
        second = credentials(&told);
        second.id != first.id
    });
    assert_eq!(desk.caller().who_is(&second).unwrap().status, 200);
    desk.bailey.kill();
    long_ago(&desk);
    let began = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(credentials(&asked(&container).1).id, second.id);
    }
    assert!(began.elapsed().as_secs() < 5, "it is not asked for each time");
}

#[test]
fn the_log_of_a_restored_store_tells_who_restored_it_and_from_what() {
    let mut desk = Desk::new();
    let epoch = |desk: &Desk| {
        let export = desk.bailey.ok(&["store", "export"]);
        let row = export.lines().find(|line| line.contains("\"meta/epoch\"")).unwrap().to_owned();
        serde_json::from_str::<Value>(&row).unwrap()["v"].as_str().unwrap().to_owned()
    };
    let before = epoch(&desk);
    let told = restore(&mut desk);
    let [record] = told.as_slice() else { panic!("{told:?}") };
    let uid = nix::unistd::geteuid();
    assert_eq!(record["userIdentity"]["principalId"], format!("uid:{uid}"));
    assert_eq!(record["userIdentity"]["type"], "LocalUser");
    let asked = &record["requestParameters"];
    assert_eq!(asked["from"], desk.bailey.path("backup.jsonl").to_str().unwrap());
    assert_eq!(asked["epochBefore"], before.as_str());
    assert_eq!(record["responseElements"]["epoch"], epoch(&desk).as_str());
    assert_ne!(before, epoch(&desk));
    assert_eq!(record["bailey"]["outcome"], "success");
    assert!(desk.bailey.ok(&["audit", "verify"]).contains("the chain holds"));

    // A second restart tells of nothing; and files put back by hand are a restore too, by nobody that is known.
    assert!(desk.bailey.terminate().success());
    std::fs::remove_file(desk.bailey.path("state/acknowledged")).unwrap();
    desk.bailey.start();
    let log = desk.bailey.ok(&["audit", "tail", "--count", "10000"]);
    let told: Vec<&str> = log.lines().filter(|line| line.contains("\"RestoreStore\"")).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("files put back by hand") && told[1].contains("\"store\""), "{}", told[1]);
    assert!(desk.bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    assert!(desk.bailey.terminate().success());
    assert!(desk.bailey.ok(&["store", "verify"]).contains("all sound"));
}
