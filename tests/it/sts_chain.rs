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
async fn an_end_of_the_first_is_no_end_of_others() {
    let chain = Chain::new().await;
    let office = &chain.office;
    office.role("Other", trusts("ann"), json!([])).await;
    let other = office.assume(&chain.ann, "Other", &[]).await.credentials();
    let _: Value = office.served.client.delete("/v1/groups/team/members/ann").await.unwrap();
    chain.ended("may not assume the role any more").await;
    assert_eq!(office.who_is(&other).await.status, 200);
    // What gave the role is back, and so are its sessions: nothing was written for their end.
    office.put("/v1/groups/team/members/ann", json!({})).await;
    assert_eq!(office.who_is(&chain.next).await.status, 200);
}
