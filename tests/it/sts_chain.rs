//! Sessions end with their reason: with the person, the key, the assignment, the trust, the session before.

use serde_json::{Value, json};

use crate::sts_office::{ACCOUNT, Office, allow, trusts};

/// Ann, who is given `Deployer` by assignment to a group, goes on to `Next`; in sessions of both.
struct Chain {
    office: Office,
    ann: crate::bed::signer::Credentials,
    first: crate::bed::signer::Credentials,
    next: crate::bed::signer::Credentials,
}

impl Chain {
    async fn new() -> Self {
        let office = Office::new().await;
        let ann = office.user("ann", json!([])).await;
        office.post("/v1/groups", json!({ "name": "team" })).await;
        office.put("/v1/groups/team/members/ann", json!({})).await;
        office.role("Deployer", json!([]), allow(&["sts:AssumeRole"])).await;
        let next = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:role/Deployer") } }]);
        office.role("Next", next, json!([])).await;
        office.put("/v1/roles/Deployer/assigned/group/team", json!({})).await;
        let first = office.assume(&ann, "Deployer", &[]).await.credentials();
        let next = office.assume(&first, "Next", &[]).await.credentials();
        Self { office, ann, first, next }
    }

    /// Both sessions have ended, for this reason.
    async fn ended(&self, why: &str) {
        for session in [&self.first, &self.next] {
            self.office.who_is(session).await.refuses("ExpiredToken", why);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_all_behind_it_end_with_their_reason() {
    type Deed = fn(&Office) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>>;
    let deeds: [(&str, Deed); 6] = [
        ("may not act: the account has expired", |office| {
            Box::pin(async {
                let ends = office.fixture.app.admin.now().to_string();
                office.post("/v1/users/ann", json!({ "expires": ends })).await;
            })
        }),
        ("access key", |office| {
            Box::pin(async {
                let keys: Value = office.served.client.get("/v1/users/ann/access-keys").await.unwrap();
                let id = keys[0]["id"].as_str().unwrap();
                office.post(&format!("/v1/users/ann/access-keys/{id}"), json!({ "active": false })).await;
            })
        }),
        ("may not assume the role any more", |office| {
            Box::pin(async {
                let _: Value = office.served.client.delete("/v1/groups/team/members/ann").await.unwrap();
            })
        }),
        ("may not assume the role any more", |office| {
            Box::pin(async {
                let _: Value = office.served.client.delete("/v1/roles/Deployer/assigned/group/team").await.unwrap();
            })
        }),
        ("with an explicit deny", |office| {
            Box::pin(async {
                let no = json!({ "document": { "Statement": { "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" } } });
                office.put("/v1/users/ann/inline/no", no).await;
            })
        }),
        ("may not assume the role any more", |office| {
            Box::pin(async {
                let no = json!({ "document": { "Statement": { "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole" } } });
                office.put("/v1/roles/Deployer/trust", no).await;
            })
        }),
    ];
    for (why, deed) in deeds {
        let chain = Chain::new().await;
        assert_eq!(chain.office.who_is(&chain.next).await.status, 200);
        deed(&chain.office).await;
        chain.ended(why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_the_first_is_no_end_of_others_and_what_is_written_down_stays_so() {
    let chain = Chain::new().await;
    let office = &chain.office;
    office.role("Other", trusts("ann"), json!([])).await;
    let other = office.assume(&chain.ann, "Other", &[]).await.credentials();
    let _: Value = office.served.client.delete("/v1/groups/team/members/ann").await.unwrap();
    chain.ended("may not assume the role any more").await;
    assert_eq!(office.who_is(&other).await.status, 200);
    let swept = office.sweep();
    assert_eq!((swept.live, swept.ended), (1, 2));
    let told: Vec<String> =
        bailey::audit::tail::last(&office.fixture.app.store, 4).unwrap().into_iter().map(|line| line.json).collect();
    assert!(told.iter().any(|line| line.contains("EndSession") && line.contains("role_lost")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("EndSession") && line.contains("origin_ended")), "{told:?}");
    // What gave the role is back; its sessions are not.
    office.put("/v1/groups/team/members/ann", json!({})).await;
    chain.ended("the session was ended at").await;
    assert_eq!(office.assume(&chain.ann, "Deployer", &[]).await.status, 200, "another can be begun");
    assert_eq!(office.sweep().ended, 0, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_shown_and_ended() {
    let chain = Chain::new().await;
    let office = &chain.office;
    let bob = office.user("bob", json!([])).await;
    office.role("Other", trusts("bob"), json!([])).await;
    let of_bob = office.assume(&bob, "Other", &[("SourceIdentity", "bob@corp")]).await.credentials();
    let list = async |query: &str| -> Vec<Value> {
        let page: Value = office.served.client.get(&format!("/v1/sessions{query}")).await.unwrap();
        page["items"].as_array().unwrap().clone()
    };
    assert_eq!(list("").await.len(), 3);
    assert_eq!(list("?person=ann").await.len(), 2);
    assert_eq!(list("?role=Next").await.len(), 1);
    assert_eq!(list("?person=bob&role=Next").await.len(), 0);
    assert_eq!(list("?source_identity=bob%40corp").await.len(), 1);
    let first: Value = office.served.client.get("/v1/sessions?limit=1").await.unwrap();
    let rest = list(&format!("?after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(rest.len(), 2);

    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", chain.first.id)).await.unwrap();
    assert_eq!((&shown["person"], &shown["state"]), (&json!("ann"), &json!("live")));
    assert_eq!(shown["through"], json!(["user/ann", "group/team", "assignment of role/Deployer to group/team"]));
    assert_eq!(shown["source_ip"], "203.0.113.9");
    let ended = office
        .post(&format!("/v1/sessions/{}/end", shown["id"].as_str().unwrap()), json!({ "reason": "lost laptop" }))
        .await;
    assert_eq!(ended["ended"], 1);
    chain.ended("lost laptop").await;
    assert_eq!(office.who_is(&of_bob).await.status, 200);
    let nobody = office.served.client.post::<Value>("/v1/end-sessions", &json!({ "which": {} })).await.unwrap_err();
    assert!(nobody.to_string().contains("narrowed down"), "{nobody}");
    let ended = office.post("/v1/end-sessions", json!({ "which": { "person": "bob" }, "reason": "left" })).await;
    assert_eq!(ended["ended"], 1);
    office.who_is(&of_bob).await.refuses("ExpiredToken", "left");
    assert_eq!(list("").await.len(), 1, "the one that went with its parent is not written down yet");
    assert_eq!(list("?all=true").await.len(), 3);
    office.pass(8 * 24 * 3_600 + 4 * 3_600);
    assert_eq!(office.sweep().forgotten, 3);
    assert_eq!(list("?all=true").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_asked_about_a_person_a_role_a_session_and_a_time() {
    let chain = Chain::new().await;
    let office = &chain.office;
    let bob = office.user("bob", json!([])).await;
    office.role("Other", trusts("bob"), json!([])).await;
    office.pass(60);
    let of_bob = office.assume(&bob, "Other", &[]).await.credentials();
    assert_eq!(office.assume(&of_bob, "Deployer", &[]).await.status, 403);
    let query = async |asked: &str| -> Vec<String> {
        let mut lines = office.served.client.get_lines(&format!("/v1/audit/query{asked}")).await.unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next_text().await.unwrap() {
            found.push(line);
        }
        found
    };
    let named = |lines: &[String], name: &str| {
        lines.iter().filter(|line| line.contains(&format!(r#""eventName":"{name}""#))).count()
    };
    let of_ann = query("?person=ann").await;
    assert_eq!(named(&of_ann, "AssumeRole"), 2, "each is one commit, and so one record: {of_ann:?}");
    assert!(!of_ann.iter().any(|line| line.contains("assumed-role/Other")));
    let session: Value = office.served.client.get(&format!("/v1/sessions/{}", of_bob.id)).await.unwrap();
    let in_session = query(&format!("?session={}", session["id"].as_str().unwrap())).await;
    assert_eq!(named(&in_session, "AssumeRole"), 2, "its beginning, and what it was refused: {in_session:?}");
    assert!(in_session.iter().any(|line| line.contains("AccessDenied")));
    let late = query("?role=Deployer&since=2026-03-12T12:00:30Z").await;
    assert_eq!((late.len(), named(&late, "AssumeRole")), (1, 1), "{late:?}");
    assert_eq!(
        query("?role=Deployer&until=2026-03-12T12:00:30Z")
            .await
            .iter()
            .filter(|line| line.contains("AccessDenied"))
            .count(),
        0
    );
    assert!(query("").await.len() > of_ann.len());
}
