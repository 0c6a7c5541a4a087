//! The list of ended sessions: what stands in it, for how long, and that it can be kept.

use bailey::base::SessionId;
use hyper::Request;
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::role_tokens::{Answer, desk, jwks, mint, pyjwt, send, shown};
use crate::sts_office::{Office, trusts};

async fn feed(office: &Office) -> Answer {
    let answer = send(office, Request::get("/oauth2/revocations"), String::new()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

async fn claims(office: &Office) -> Value {
    let (jwks, answer) = (jwks(office).await, feed(office).await);
    let read = tokio::task::block_in_place(|| pyjwt(&jwks, &answer.text, None));
    assert_eq!(read["header"]["typ"], "revocations+jwt");
    read["claims"].clone()
}

fn sids(claims: &Value) -> Vec<&str> {
    claims["sids"].as_array().unwrap().iter().map(|sid| sid.as_str().unwrap()).collect()
}

async fn sid(office: &Office, session: &Credentials) -> String {
    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", session.id)).await.unwrap();
    shown["id"].as_str().unwrap().to_owned()
}

async fn end(office: &Office, sid: &str) {
    office.post(&format!("/v1/sessions/{sid}/end"), json!({ "reason": "test" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_stands_in_it_as_long_as_a_token_could_be_good() {
    let (office, session) = desk(&["bailey:CreateRoleToken"]).await;
    let made = mint(&office, &session, json!({ "audience": "app", "seconds": 3_600 })).await.json();
    let token = made["access_token"].as_str().unwrap();
    let first = claims(&office).await;
    assert_eq!(sids(&first), [""; 0]);
    let ours = shown(&office, token).await.json();
    assert_eq!(first["epoch"], ours["epoch"], "a token names the epoch that the list is of");

    end(&office, &sid(&office, &session).await).await;
    assert_eq!(sids(&claims(&office).await), [""; 0], "it is looked for every five seconds");
    office.pass(5);
    let listed = claims(&office).await;
    assert_eq!(sids(&listed), [ours["sid"].as_str().unwrap()]);
    assert!(listed["seq"].as_u64() > first["seq"].as_u64(), "{listed} {first}");
    let (iat, exp) = (listed["iat"].as_i64().unwrap(), listed["exp"].as_i64().unwrap());
    assert_eq!((iat, exp - iat), (office.fixture.app.admin.now().as_second(), 300));

    // What began with it ended with it: the round that writes ends down finds it.
    office.pass(3_600 - 5 - 1);
    assert_eq!(sids(&claims(&office).await).len(), 1);
    office.pass(5);
    let over = claims(&office).await;
    assert_eq!(sids(&over), [""; 0]);
    assert!(over["seq"].as_u64() > listed["seq"].as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_chain_stand_in_it_once_their_ends_are_written_down() {
    let (office, session) = desk(&["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]).await;
    let actions = ["sts:AssumeRole", "sts:SetSourceIdentity"];
    let role = json!({ "AWS": "arn:aws:iam::123456789012:role/Deployer" });
    office.role("Next", json!([{ "Effect": "Allow", "Action": actions, "Principal": role }]), json!([])).await;
    let next = office.assume(&session, "Next", &[]).await.credentials();
    let bystander = office.user("bob", json!([])).await;
    office.role("Other", trusts("bob"), json!([])).await;
    let other = office.assume(&bystander, "Other", &[]).await.credentials();
    let (one, two, three) = (sid(&office, &session).await, sid(&office, &next).await, sid(&office, &other).await);
    end(&office, &one).await;
    office.sweep();
    let listed = claims(&office).await;
    let mut expected = [one.as_str(), two.as_str()];
    expected.sort_unstable();
    assert_eq!(sids(&listed), expected);
    assert!(!sids(&listed).contains(&three.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_kept_and_is_signed_anew_before_it_is_old() {
    let (office, _) = desk(&[]).await;
    let first = feed(&office).await;
    assert_eq!(first.headers["cache-control"], "public, max-age=30");
    assert_eq!(first.headers["content-type"], "application/jwt");
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let again =
        |etag: String| send(&office, Request::get("/oauth2/revocations").header("if-none-match", etag), String::new());
    for same in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let kept = again(same).await;
        assert_eq!((kept.status, kept.text.as_str()), (304, ""));
        assert_eq!(kept.headers["etag"], etag.as_str());
    }
    assert_eq!(again("\"x\"".to_owned()).await.status, 200);
    office.pass(59);
    assert_eq!(feed(&office).await.text, first.text);
    let seq = claims(&office).await["seq"].clone();
    office.pass(5);
    let anew = again(etag).await;
    assert_eq!(anew.status, 200);
    assert_eq!(claims(&office).await["seq"], seq, "nothing has changed but when it was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_number_grows_over_a_restart() {
    let (office, session) = desk(&[]).await;
    end(&office, &sid(&office, &session).await).await;
    let before = claims(&office).await;
    office.pass(1);
    let Office { fixture, served } = office;
    let _: () = served.ending.soft.cancel();
    served.serving.await.unwrap();
    let now = fixture.app.admin.now();
    let fixture = fixture.restarted();
    fixture.clock.set(now);
    let served = fixture.serve().await;
    let office = Office { fixture, served };
    let after = claims(&office).await;
    assert_eq!((&after["sids"], &after["epoch"]), (&before["sids"], &before["epoch"]));
    assert!(after["seq"].as_u64() > before["seq"].as_u64(), "{after} {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_those_that_ended_first_are_told_by_a_moment() {
    let (office, session) = desk(&[]).await;
    let id = sid(&office, &session).await;
    end(&office, &id).await;
    let store = office.fixture.tiny.store();
    let row = bailey::store::schema::sessions::session(&id.parse().unwrap());
    let text = store.read(|snapshot| snapshot.get(&row)).unwrap().unwrap();
    let template: Value = serde_json::from_slice(&text.value).unwrap();
    let now = office.fixture.app.admin.now();
    // 20,000 more, each ended a little later than the one before, all before now.
    office.fixture.tiny.tamper(|rows| {
        for n in 0..20_000_u64 {
            let mut bytes = *id.parse::<SessionId>().unwrap().as_bytes();
            bytes[8..].copy_from_slice(&n.to_be_bytes());
            let key = SessionId::from_bytes(bytes);
            let at = now - jiff::SignedDuration::from_millis(40_000 - i64::try_from(n).unwrap());
            let mut session = template.clone();
            session["id"] = json!(key.to_string());
            session["ended"]["at"] = json!(at.to_string());
            let value = serde_json::to_vec(&session).unwrap();
            rows.insert(bailey::store::schema::sessions::session(&key), bailey::store::Row { revision: 1, value });
        }
    });
    let listed = claims(&office).await;
    assert_eq!(sids(&listed).len(), 20_000);
    assert_eq!(listed["not_before"].as_i64().unwrap(), now.as_second() - 39, "the one that is left out ended 40 s ago");
}
