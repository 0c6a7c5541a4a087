//! What was decided when somebody signed in to a client is decided again with each refresh, by what is true then.

use std::net::IpAddr;

use bailey::model::token_family::Whence;
use bailey::sso::NewCode;
use bailey::sso::error::Code;
use serde_json::{Value, json};

use crate::sso_desk::{BACK, Desk, VERIFIER, challenge};

/// A desk with a client whose tokens go on without a browser, and its first refresh token.
async fn desk(whence: Whence) -> (Desk, String) {
    let desk = Desk::new().await;
    desk.app("app").await;
    let consent =
        bailey::model::token_family::Consent { whence, ..desk.consent("app", "openid groups offline_access") };
    let new =
        NewCode { consent, redirect_uri: BACK.to_owned(), challenge: challenge(VERIFIER), jkt: None, pushed: None };
    let by = bailey::model::Actor::task("test");
    let code = desk.sso().issue_code(new, &by, desk.office.fixture.app.admin.now()).unwrap().expose().clone();
    let told = desk.redeem("app", &code).unwrap_or_else(|error| panic!("{error}"));
    (desk, told.refresh_token.unwrap())
}

/// Refreshes; the next token, or the code of the refusal.
fn turned(desk: &Desk, token: &mut String) -> Result<(), Code> {
    let told = desk.refresh("app", token).map_err(|error| error.code)?;
    *token = told.refresh_token.unwrap();
    Ok(())
}

async fn say(desk: &Desk, statement: Value) {
    let document = json!({ "document": { "Statement": statement } });
    desk.office.put("/v1/users/ann/inline/apps", document).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deny_reaches_the_application_with_the_next_refresh() {
    let (desk, mut token) = desk(Whence::default()).await;
    turned(&desk, &mut token).unwrap();
    let client = format!("arn:aws:sso::{}:client/app", crate::sts_office::ACCOUNT);
    say(&desk, json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": client })).await;
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
    assert!(desk.records().iter().any(|record| record.contains("IssueToken") && record.contains("explicit deny")));
    // Taken back it goes on, and a Deny about another client is none.
    say(&desk, json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": format!("{client}2") })).await;
    turned(&desk, &mut token).unwrap();
    // By way of a group as well, and nothing that was given counts while it is there.
    let access = desk.refresh("app", &token).unwrap();
    assert_eq!(desk.userinfo(&access.access_token).await.status, 200);
    token = access.refresh_token.unwrap();
    let document = json!({ "Statement": { "Effect": "Deny", "Action": "sso:*", "Resource": "*" } });
    desk.office.put("/v1/groups/Staff/inline/no", json!({ "document": document })).await;
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
    assert_eq!(desk.userinfo(&access.access_token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_taken_away_reaches_the_application_with_the_next_refresh() {
    let (desk, mut token) = desk(Whence::default()).await;
    let () = desk.office.served.client.delete("/v1/groups/Staff/members/ann").await.unwrap();
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
    desk.office.put("/v1/groups/Staff/members/ann", json!({})).await;
    turned(&desk, &mut token).unwrap();
}

/// The client's address is not the person's: what was true when the person asked is what conditions are told.
#[tokio::test(flavor = "multi_thread")]
async fn only_from_the_office_neither_ends_every_refresh_nor_is_passed_by() {
    let at = |ip: &str| Whence {
        ip: Some(ip.parse::<IpAddr>().unwrap()),
        secure: Some(true),
        user_agent: Some("Firefox".to_owned()),
        mfa: None,
    };
    let from = |range: &str| {
        json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "*",
            "Condition": { "NotIpAddress": { "aws:SourceIp": range } } })
    };
    let (desk, mut token) = desk(at("192.0.2.7")).await;
    say(&desk, from("192.0.2.0/24")).await;
    // Requests of tests come from no address at all, and of others from the client's.
    turned(&desk, &mut token).unwrap();
    // The office moves: who signed in at the old one is outside of it now.
    say(&desk, from("198.51.100.0/24")).await;
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
    // A second factor that was not shown then was not shown; the moment is the one now.
    let factor = json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "*",
        "Condition": { "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } } });
    say(&desk, factor).await;
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
    let until = desk.office.fixture.app.admin.now().saturating_add(jiff::SignedDuration::from_secs(60)).unwrap();
    let late = json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "*",
        "Condition": { "DateGreaterThan": { "aws:CurrentTime": format!("{until:.0}") } } });
    say(&desk, late).await;
    turned(&desk, &mut token).unwrap();
    desk.office.pass(61);
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_known_of_a_person_is_absent_and_a_deny_matches() {
    let (desk, mut token) = desk(Whence::default()).await;
    say(
        &desk,
        json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "*",
            "Condition": { "NotIpAddress": { "aws:SourceIp": "192.0.2.0/24" } } }),
    )
    .await;
    assert_eq!(turned(&desk, &mut token), Err(Code::InvalidGrant));
}
