//! `/v1/me`: which tokens are good for what takes a person, and what people do with them about roles for a while.

use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::model::grant::Rules;
use bailey::rights::GrantTerms;
use bailey::sso::{NewCode, Tokens, cli};
use bailey::store::sessions;
use hyper::Request;
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::grants::rule;
use crate::role_tokens::{Answer, send};
use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, challenge, claims};
use crate::sso_exchange;
use crate::sts_office::{ACCOUNT, allow};
use crate::sts_unsigned::PASSWORD;

const LOOPBACK: &str = "http://127.0.0.1:4711/callback";
const GRANTS: &str = "/v1/me/grants";

fn role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/prod-admin")
}

/// Bea asks, and ann decides.
struct Company {
    desk: Desk,
    bea: Credentials,
}

impl Company {
    async fn new() -> Self {
        let desk = sso_exchange::desk().await;
        desk.office.role("prod-admin", json!([]), allow(&["s3:Get*", "iam:CreateUser"])).await;
        for (group, person) in [("leads", "ann"), ("ops", "bea")] {
            if person == "bea" {
                desk.office.post("/v1/users", json!({ "name": "bea" })).await;
                desk.office.post("/v1/users/bea/password", json!({ "password": PASSWORD, "must_change": false })).await;
            }
            desk.office.post("/v1/groups", json!({ "name": group })).await;
            desk.office.put(&format!("/v1/groups/{group}/members/{person}"), json!({})).await;
        }
        let terms = GrantTerms { rules: Rules::new(vec![rule()]), ..GrantTerms::default() };
        *desk.office.fixture.app.admin.grants.write().unwrap() = terms;
        let bea = desk.office.post("/v1/users/bea/access-keys", json!({})).await;
        Self { bea: Credentials::told(&bea), desk }
    }

    fn now(&self) -> Timestamp {
        self.desk.office.fixture.app.admin.now()
    }

    /// Tokens of ann's for the command line, with these scopes, who showed a second factor then.
    fn ann(&self, scopes: &str, mfa: Option<Timestamp>, more: &[(&str, &str)]) -> Tokens {
        let mut consent = self.desk.consent(cli::ID, scopes);
        consent.whence.mfa = mfa;
        self.tokens(consent, more)
    }

    fn tokens(&self, consent: bailey::model::token_family::Consent, more: &[(&str, &str)]) -> Tokens {
        let by = Actor::Person { user: consent.user, name: "somebody".to_owned() };
        let (redirect_uri, challenge) = (LOOPBACK.to_owned(), challenge(VERIFIER));
        let new = NewCode { consent, redirect_uri, challenge, jkt: None, pushed: None };
        let code = self.desk.sso().issue_code(new, &by, self.now()).unwrap();
        let own = [
            ("grant_type", "authorization_code"),
            ("client_id", cli::ID),
            ("code", code.expose()),
            ("redirect_uri", LOOPBACK),
            ("code_verifier", VERIFIER),
        ];
        self.desk.ask(&[&own, more].concat()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What ann's command line shows.
    fn lead(&self, mfa: Option<Timestamp>) -> String {
        self.ann(&cli::SCOPES.join(" "), mfa, &[]).access_token
    }

    /// What bea's does.
    async fn asker(&self) -> String {
        let session = self.desk.office.sts(&self.bea, &[("Action", "GetSessionToken")]).await.credentials();
        let key = session.id.parse().unwrap();
        let store = &self.desk.office.fixture.app.store;
        let held = store.read(|snapshot| sessions::by_key(snapshot, &key)).unwrap().unwrap().value;
        let mut consent = self.desk.consent(cli::ID, &cli::SCOPES.join(" "));
        (consent.user, consent.session, consent.auth_time) = (held.person.unwrap(), held.id, held.created);
        self.tokens(consent, &[]).access_token
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        send(&self.desk.office, request, String::new()).await
    }

    async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        send(&self.desk.office, request.header("content-type", "application/json"), body.to_string()).await
    }

    /// What a step comes to that has to be done.
    async fn step(&self, token: &str, id: &str, step: &str, body: Value) -> Value {
        let answer = self.post(token, &format!("{GRANTS}/{id}/{step}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn asked(&self, token: &str) -> String {
        let terms = json!({ "seconds": 1_800, "reason": "the queue is stuck" });
        let answer = self.post(token, GRANTS, json!({ "role": role(), "terms": terms })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn agree_to(&self, token: &str, id: &str) -> Value {
        self.get(token, &format!("{GRANTS}/{id}")).await.json()["agree_to"].clone()
    }
}

fn refuses(answer: &Answer, status: u16, code: &str, words: &str) {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{}", answer.text);
    assert!(error["message"].as_str().unwrap().contains(words), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_person_is_for_tokens_of_the_command_line_alone() {
    let company = Company::new().await;
    let desk = &company.desk;
    let ours = company.ann(&cli::SCOPES.join(" "), None, &[]);
    assert_eq!(company.get(&ours.access_token, GRANTS).await.json(), json!({ "items": [], "more": false }));

    // Whatever an application is registered with, what it was given for somebody acts for nobody here.
    let audiences = [format!("{ISSUER}/v1/me"), ISSUER.to_owned()];
    let like_ours = json!({ "auth": "none", "redirect_uris": [BACK], "audiences": audiences,
                            "scopes": ["openid", "offline_access", "grants"] });
    desk.client("helpful", like_ours).await;
    let theirs = desk.signed_in("helpful", "openid grants");
    let said = claims(&theirs.access_token);
    assert!(
        said["aud"].as_array().unwrap().contains(&json!(audiences[0])) && said["scope"] == "openid grants",
        "{said}"
    );
    // Nor does the token of a role, for whomever it is.
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", cli::ID),
        ("subject_token", ours.access_token.as_str()),
        ("subject_token_type", bailey::sso::exchange::types::ACCESS_TOKEN),
        ("scope", &format!("arn:aws:iam::{ACCOUNT}:role/Deploy")),
        ("audience", &audiences[0]),
    ];
    let of_role = desk.token(None, &form).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&of_role)["aud"], json!(audiences[0]));
    let for_sts = company.ann(&cli::SCOPES.join(" "), None, &[("resource", &format!("{ISSUER}/sts"))]);
    assert_eq!(claims(&for_sts.access_token)["aud"], json!(format!("{ISSUER}/sts")));
    let bad = ["", "x", ours.id_token.as_deref().unwrap(), ours.refresh_token.as_deref().unwrap()];
    let forged = format!("{}x", ours.access_token);
    for token in
        [&theirs.access_token, &of_role, &for_sts.access_token, &forged].map(String::as_str).into_iter().chain(bad)
    {
        for answer in [company.get(token, GRANTS).await, company.post(token, GRANTS, json!({})).await] {
            refuses(&answer, 401, "InvalidToken", "expired, revoked, or none of ours");
            assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
        }
    }
    // A sign-in whose person was not told that it is for this, either.
    let before = company.ann("openid offline_access", None, &[]);
    let refused = company.get(&before.access_token, GRANTS).await;
    refuses(&refused, 403, "AccessDenied", &format!("sign in anew, bailey login --url {ISSUER}"));
    // Nobody is there whom a cookie or a signature names.
    for (name, value) in [("cookie", "__Host-bailey=x"), ("authorization", "AWS4-HMAC-SHA256 Credential=x")] {
        let request = Request::get(GRANTS).header(name, value);
        let answer = send(&desk.office, request, String::new()).await;
        refuses(&answer, 401, "NotSignedIn", "bailey login --url");
    }
    // The socket knows nobody of `/v1/me`: operators are no persons.
    let local: Result<Value, _> = desk.office.served.client.get(GRANTS).await;
    assert!(local.unwrap_err().to_string().contains("no such path"));

    // Given back, it is over at once; so it is where its person may not act.
    let token = company.lead(None);
    desk.office.post("/v1/users/ann", json!({ "disabled": true })).await;
    refuses(&company.get(&token, GRANTS).await, 401, "InvalidToken", "revoked");
    desk.office.post("/v1/users/ann", json!({ "disabled": false })).await;
    assert_eq!(company.get(&token, GRANTS).await.status, 200);
    let form = [("client_id", cli::ID), ("token", ours.refresh_token.as_deref().unwrap())];
    assert_eq!(desk.form("/oauth2/revoke", None, &form).await.status, 200);
    refuses(&company.get(&ours.access_token, GRANTS).await, 401, "InvalidToken", "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_ask_decide_and_end_at_their_terminals_as_they_do_at_the_portal() {
    let company = Company::new().await;
    let bea = company.asker().await;
    let refused =
        company.post(&bea, GRANTS, json!({ "role": role(), "terms": { "seconds": 1_800, "reason": " " } })).await;
    refuses(&refused, 400, "InvalidRequest", "`reason` must be printable text");
    refuses(&company.post(&bea, GRANTS, json!({ "role": role() })).await, 400, "InvalidRequest", "terms");
    let id = company.asked(&bea).await;
    let waiting = format!("{GRANTS}?waiting=true");
    assert_eq!(company.get(&bea, &waiting).await.json()["items"], json!([]));
    let own = company.get(&bea, GRANTS).await.json();
    assert_eq!((&own["items"][0]["id"], &own["items"][0]["stage"]), (&json!(id), &json!("requested")));
    let shown = company.get(&bea, &format!("{GRANTS}/{id}")).await.json();
    assert_eq!(
        (&shown["holds"], &shown["may_decide"], &shown["agree_to"]),
        (&json!(true), &json!(false), &Value::Null)
    );

    // Whoever decides shows a second factor, of the last five minutes.
    let old = company.now() - jiff::SignedDuration::from_secs(301);
    let never = company.lead(None);
    let shown = company.get(&never, &format!("{GRANTS}/{id}")).await.json();
    assert_eq!((&shown["may_decide"], &shown["needed"]), (&json!(true), &json!(1)));
    assert!(shown["allows"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().contains("s3")), "{shown}");
    let yes = json!({ "agree_to": shown["agree_to"], "comment": "go on" });
    for token in [&never, &company.lead(Some(old))] {
        for (step, body) in
            [("approve", &yes), ("refuse", &json!({ "reason": "no" })), ("narrow", &json!({ "seconds": 900 }))]
        {
            let refused = company.post(token, &format!("{GRANTS}/{id}/{step}"), body.clone()).await;
            refuses(&refused, 403, "SecondFactorRequired", &format!("`bailey login --url {ISSUER} --step-up`"));
        }
    }
    let lead = company.lead(Some(company.now()));
    assert_eq!(company.get(&lead, &waiting).await.json()["items"][0]["id"], json!(id));
    // Nobody agrees to what they have not seen: another word of the request, or another of what the role allows.
    for agree_to in [json!(""), json!("0".repeat(64)), shown["digest"].clone()] {
        let refused = company.post(&lead, &format!("{GRANTS}/{id}/approve"), json!({ "agree_to": agree_to })).await;
        refuses(&refused, 409, "Changed", "look at it again");
    }
    refuses(
        &company.post(&lead, &format!("{GRANTS}/{id}/approve"), json!({})).await,
        400,
        "InvalidRequest",
        "agree_to",
    );
    company.step(&bea, &id, "narrow", json!({ "seconds": 1_200 })).await;
    let refused = company.post(&lead, &format!("{GRANTS}/{id}/approve"), yes.clone()).await;
    refuses(&refused, 409, "Changed", "look at it again");
    let before = company.agree_to(&lead, &id).await;
    let document = json!({ "document": { "Statement": allow(&["*"]) } });
    company.desk.office.put("/v1/roles/prod-admin/inline/more", document).await;
    let refused = company.post(&lead, &format!("{GRANTS}/{id}/approve"), json!({ "agree_to": before })).await;
    refuses(&refused, 409, "Changed", "look at it again");
    let agree_to = company.agree_to(&lead, &id).await;
    let own = company.post(&bea, &format!("{GRANTS}/{id}/approve"), json!({ "agree_to": agree_to })).await;
    refuses(&own, 409, "NotNow", "nobody decides about what they asked for");
    let done = company.step(&lead, &id, "approve", json!({ "agree_to": agree_to, "comment": "go on" })).await;
    assert_eq!((&done["stage"], &done["approvals"][0]["comment"]), (&json!("claimable"), &json!("go on")));
    let record = company.desk.records().into_iter().rfind(|line| line.contains("\"ApproveGrant\"")).unwrap();
    assert!(record.contains("\"caller\":\"terminal\"") && record.contains("\"client\":\"bailey-cli\""), "{record}");

    // What is for its holder is for nobody else.
    let other = company.post(&lead, &format!("{GRANTS}/{id}/claim"), json!({})).await;
    refuses(&other, 404, "NotFound", "of yours");
    assert_eq!(company.step(&bea, &id, "claim", json!({})).await["stage"], "active");
    assert_eq!(company.step(&bea, &id, "complete", json!({})).await["how"], "completed");
    let id = company.asked(&bea).await;
    let done = company.step(&lead, &id, "refuse", json!({ "reason": "not today" })).await;
    assert_eq!(
        (&done["how"], &done["ended_by"], &done["end_reason"]),
        (&json!("refused"), &json!("ann"), &json!("not today"))
    );
    let id = company.asked(&bea).await;
    assert_eq!(company.step(&bea, &id, "revoke", json!({ "reason": "not needed" })).await["how"], "revoked");
    refuses(&company.post(&bea, &format!("{GRANTS}/{id}/leap"), json!({})).await, 404, "NotFound", "no such step");
    // Others' grants are nobody's to know of.
    company.desk.office.put("/v1/groups/ops/members/ann", json!({})).await;
    let anns = company.asked(&lead).await;
    refuses(&company.get(&bea, &format!("{GRANTS}/{anns}")).await, 404, "NotFound", "grant");
    let refused = company.post(&bea, &format!("{GRANTS}/{anns}/revoke"), json!({ "reason": "x" })).await;
    refuses(&refused, 404, "NotFound", "grant");

    // A Deny counts as it does there.
    let deny =
        json!({ "document": { "Statement": { "Effect": "Deny", "Action": "bailey:RequestGrant", "Resource": "*" } } });
    company.desk.office.put("/v1/users/bea/inline/deny", deny).await;
    let wish = json!({ "role": role(), "terms": { "seconds": 1_800, "reason": "x" } });
    refuses(&company.post(&bea, GRANTS, wish).await, 403, "AccessDenied", "explicit deny");
}
