//! Tokens of single sign-on become sessions of roles: for whom, by which client, and until when.

use bailey::model::Actor;
use bailey::sso::exchange::types;
use bailey::sso::{NewCode, Tokens, cli};
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::role_tokens::{Answer, shown};
use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, basic, challenge, claims, part, refuses};
use crate::sts_office::{ACCOUNT, allow};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const LOOPBACK: &str = "http://127.0.0.1:4711/callback";

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A desk with the client that `bailey login` is, at which ann may take the role Deploy.
pub(crate) async fn desk() -> Desk {
    let desk = Desk::new().await;
    let ours = cli::client(&ISSUER.parse().unwrap()).unwrap();
    desk.office.fixture.app.admin.declared_clients.write().unwrap().push(ours);
    desk.office.role("Deploy", json!([]), allow(&["s3:Get*"])).await;
    desk.office.put("/v1/roles/Deploy/assigned/user/ann", json!({})).await;
    desk
}

/// What `bailey login` gets for ann.
fn signed_in(desk: &Desk) -> Tokens {
    signed_in_with(desk, None)
}

/// The same, with a second factor that was shown then.
fn signed_in_with(desk: &Desk, mfa: Option<bailey::base::Timestamp>) -> Tokens {
    let mut consent = desk.consent(cli::ID, &cli::SCOPES.join(" "));
    consent.whence.mfa = mfa;
    let new =
        NewCode { consent, redirect_uri: LOOPBACK.to_owned(), challenge: challenge(VERIFIER), jkt: None, pushed: None };
    let by = Actor::Person { user: new.consent.user, name: "ann".to_owned() };
    let code = desk.sso().issue_code(new, &by, desk.office.fixture.app.admin.now()).unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", cli::ID),
        ("code", code.expose()),
        ("redirect_uri", LOOPBACK),
        ("code_verifier", VERIFIER),
    ];
    desk.ask(&form).unwrap_or_else(|error| panic!("{error}"))
}

async fn exchange(desk: &Desk, authorization: Option<&str>, token: &str, more: &[(&str, &str)]) -> Answer {
    let deploy = role("Deploy");
    let usual = [
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", types::ACCESS_TOKEN),
        ("scope", &deploy),
    ];
    let usual = usual.into_iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    let client = [("client_id", cli::ID)].into_iter().filter(|_| authorization.is_none());
    let own = more.iter().copied().filter(|(_, value)| !value.is_empty());
    let client = client.filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    let form: Vec<_> = usual.chain(client).chain(own).collect();
    desk.token(authorization, &form).await
}

fn keys(answer: &Answer) -> Credentials {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told: Value = serde_json::from_str(answer.json()["access_token"].as_str().unwrap()).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    Credentials { id: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("SessionToken")) }
}

const AWS: (&str, &str) = ("requested_token_type", types::AWS_CREDENTIALS);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_from_the_command_line_becomes_a_role_and_ends_with_it() {
    let desk = desk().await;
    let tokens = signed_in(&desk);
    let id = claims(tokens.id_token.as_ref().unwrap());
    assert_eq!(id["arn"], format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    assert_eq!(
        claims(&tokens.access_token)["aud"],
        json!([format!("{ISSUER}/sts"), format!("{ISSUER}/v1/me"), ISSUER])
    );
    // A token of the role, which says who acts.
    let answer = exchange(&desk, None, &tokens.access_token, &[("audience", "https://api.example")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told = answer.json();
    assert_eq!((&told["issued_token_type"], &told["token_type"]), (&json!(types::ACCESS_TOKEN), &json!("Bearer")));
    assert_eq!(told["expires_in"], 600);
    let token = told["access_token"].as_str().unwrap().to_owned();
    let said = claims(&token);
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    assert_eq!((&said["act"], &said["aud"]), (&json!({ "sub": cli::ID }), &json!("https://api.example")));
    assert_eq!((&said["role"], &said["session_name"]), (&json!(role("Deploy")), &json!("ann")));
    assert_eq!(shown(&desk.office, &token).await.json()["active"], true);
    // Credentials of it, as any program of AWS takes them.
    let answer = exchange(&desk, None, &tokens.access_token, &[AWS, ("duration_seconds", "14400")]).await;
    let told = answer.json();
    assert_eq!((&told["token_type"], &told["expires_in"]), (&json!("N_A"), &json!(14_400)));
    let credentials = keys(&answer);
    let who = desk.office.who_is(&credentials).await;
    assert_eq!(who.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/ann"));
    // A role of a role lasts an hour at most, and no longer than what it rests on.
    desk.office
        .role(
            "Next",
            json!({
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": role("Deploy") }
            }),
            allow(&["s3:Get*"]),
        )
        .await;
    let chained = desk.office.assume(&credentials, "Next", &[("DurationSeconds", "3601")]).await;
    chained.refuses("ValidationError", "chained sessions allow 3600");
    // It is never for longer than the sign-in, whatever the role allows.
    desk.office.pass(43_200 - 4_000);
    let tokens = desk.refresh(cli::ID, tokens.refresh_token.as_ref().unwrap()).unwrap();
    let long = exchange(&desk, None, &tokens.access_token, &[AWS, ("duration_seconds", "14400")]).await;
    refuses(&long, 400, "invalid_request");
    assert!(long.text.contains("the sign-in that it is exchanged for lasts 4000"), "{}", long.text);
    let last = exchange(&desk, None, &tokens.access_token, &[AWS]).await;
    assert_eq!(last.json()["expires_in"], 3_600, "{}", last.text);
    let credentials = keys(&last);
    // The session is listed, and says what it was begun with; the record names the client.
    let all = desk.records().join("\n");
    assert!(
        all.contains("ExchangeToken") && all.contains("IssueRoleToken") && all.contains("\"client\":\"bailey-cli\"")
    );
    assert!(!all.contains(token.rsplit('.').next().unwrap()));
    // Revoked, all of it is over at once.
    let refresh = tokens.refresh_token.as_ref().unwrap();
    let gone = desk.form("/oauth2/revoke", None, &[("client_id", cli::ID), ("token", refresh)]).await;
    assert_eq!(gone.status, 200);
    desk.office.who_is(&credentials).await.refuses("ExpiredToken", "the tokens were revoked");
    assert_eq!(exchange(&desk, None, &tokens.access_token, &[AWS]).await.json()["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_exchanges_its_own_tokens_for_roles_it_is_registered_with() {
    let desk = desk().await;
    desk.office.role("Other", json!([]), allow(&["s3:Get*"])).await;
    desk.office.put("/v1/roles/Other/assigned/user/ann", json!({})).await;
    let settings = json!({
        "redirect_uris": [BACK],
        "grants": ["authorization_code", "refresh_token", GRANT],
        "may_exchange": [role("Deploy")],
    });
    let secret = desk.client("desk", settings.clone()).await;
    let shows = basic("desk", &secret);
    let sign_in = |client: &str, shows: String| {
        let code = desk.code(client, "openid");
        let desk = &desk;
        async move {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", BACK),
                ("code_verifier", VERIFIER),
            ];
            let told = desk.token(Some(&shows), &form).await;
            assert_eq!(told.status, 200, "{}", told.text);
            told.json()
        }
    };
    let tokens = sign_in("desk", shows.clone()).await;
    let (access, id) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    let given = exchange(&desk, Some(&shows), access, &[]).await;
    assert_eq!(given.status, 200, "{}", given.text);
    assert_eq!(claims(given.json()["access_token"].as_str().unwrap())["act"]["sub"], "desk");
    let by_id = [("subject_token_type", types::ID_TOKEN), AWS];
    let of_id = keys(&exchange(&desk, Some(&shows), id, &by_id).await);
    assert_eq!(desk.office.who_is(&of_id).await.status, 200);
    // Another role than it is registered with.
    let other = role("Other");
    let answer = exchange(&desk, Some(&shows), access, &[("scope", &other)]).await;
    refuses(&answer, 400, "invalid_scope");
    assert!(answer.text.contains("may_exchange"), "{}", answer.text);
    // Tokens of another client, of whatever sort, by whoever shows them.
    let second = desk.client("second", settings).await;
    let second_shows = basic("second", &second);
    for (token, kind) in [(access, types::ACCESS_TOKEN), (id, types::ID_TOKEN)] {
        let answer = exchange(&desk, Some(&second_shows), token, &[("subject_token_type", kind)]).await;
        refuses(&answer, 400, "invalid_request");
        assert!(answer.text.contains("another client"), "{}", answer.text);
        let answer = exchange(&desk, None, token, &[("subject_token_type", kind)]).await;
        refuses(&answer, 400, "invalid_request");
    }
    let cli_tokens = signed_in(&desk);
    let answer = exchange(&desk, Some(&shows), &cli_tokens.access_token, &[]).await;
    refuses(&answer, 400, "invalid_request");
    // One token is not the other, and the client's own has nobody behind it.
    refuses(&exchange(&desk, Some(&shows), id, &[]).await, 400, "invalid_request");
    let swapped = exchange(&desk, Some(&shows), access, &[("subject_token_type", types::ID_TOKEN)]).await;
    refuses(&swapped, 400, "invalid_request");
    // A client that keeps no secret is registered with roles in vain, unless the token is for us.
    let public = json!({
        "auth": "none", "redirect_uris": [BACK], "grants": ["authorization_code", GRANT], "may_exchange": [role("Deploy")],
    });
    desk.client("phone", public).await;
    let phone = desk.signed_in("phone", "openid");
    let answer = exchange(&desk, None, &phone.access_token, &[("client_id", "phone")]).await;
    refuses(&answer, 400, "invalid_scope");
    desk.app("wiki").await;
    let wiki = desk.signed_in("wiki", "openid");
    let answer = exchange(&desk, None, &wiki.access_token, &[("client_id", "wiki")]).await;
    refuses(&answer, 400, "unauthorized_client");
    // An ID token that has ended.
    desk.office.pass(301);
    refuses(&exchange(&desk, Some(&shows), id, &by_id).await, 400, "invalid_request");
    // The browser signs out: what was exchanged ends with it.
    let app = &desk.office.fixture.app;
    let session = desk.session.to_string();
    let _: Value = desk.office.post(&format!("/v1/sessions/{session}/end"), json!({ "reason": "x" })).await;
    desk.office.who_is(&of_id).await.refuses("ExpiredToken", "ended");
    assert!(app.admin.now() > jiff::Timestamp::UNIX_EPOCH);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_have_the_role_gets_it_by_no_token() {
    let desk = desk().await;
    let tokens = signed_in(&desk);
    let token = tokens.access_token.as_str();
    for (changed, code, why) in [
        (&[("scope", "")][..], "invalid_scope", "one role by its ARN"),
        (&[("scope", "openid")], "invalid_scope", "one role by its ARN"),
        (
            &[("scope", "arn:aws:iam::123456789012:role/A arn:aws:iam::123456789012:role/B")],
            "invalid_scope",
            "one role",
        ),
        (&[("scope", "arn:aws:iam::123456789012:role/None")], "invalid_scope", "not authorized"),
        (&[("scope", "arn:aws:iam::999999999999:role/Deploy")], "invalid_scope", "not authorized"),
        (&[("subject_token", "")], "invalid_request", "subject_token is missing"),
        (&[("subject_token", "x.y.z")], "invalid_request", "does not count"),
        (&[("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request", "subject_token_type"),
        (&[("subject_token_type", "")], "invalid_request", "subject_token_type is missing"),
        (&[("actor_token", "x")], "invalid_request", "actor_token"),
        (
            &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
            "invalid_request",
            "requested_token_type",
        ),
        (&[("audience", "a"), ("resource", "https://b.example")], "invalid_request", "not both"),
        (&[AWS, ("audience", "a")], "invalid_request", "no audience"),
        (&[AWS, ("duration_seconds", "899")], "invalid_request", "durationSeconds"),
        (&[AWS, ("duration_seconds", "soon")], "invalid_request", ""),
        (&[AWS, ("role_session_name", "a b")], "invalid_request", ""),
    ] {
        let answer = exchange(&desk, None, token, changed).await;
        refuses(&answer, 400, code);
        assert!(answer.text.contains(why), "{changed:?}: {}", answer.text);
    }
    // Of an outside issuer: there is an action for that.
    let foreign = token.split('.').collect::<Vec<_>>();
    let body = json!({ "iss": "https://issuer.example", "sub": "x", "aud": "y", "exp": 4_102_444_800_u64 });
    use base64::Engine as _;
    let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(body.to_string());
    let answer = exchange(&desk, None, &format!("{}.{body}.{}", foreign[0], foreign[2]), &[]).await;
    assert!(answer.text.contains("AssumeRoleWithWebIdentity"), "{}", answer.text);
    // A Deny, and a role that was taken away, as of every way to a role; also of what was begun.
    let credentials = keys(&exchange(&desk, None, token, &[AWS]).await);
    let no = json!({ "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" });
    desk.office.put("/v1/users/ann/inline/no", json!({ "document": { "Statement": no } })).await;
    let answer = exchange(&desk, None, token, &[AWS]).await;
    refuses(&answer, 400, "invalid_scope");
    assert!(answer.text.contains("explicit deny"), "{}", answer.text);
    desk.office.who_is(&credentials).await.refuses("ExpiredToken", "may not assume the role any more");
    let _: Value = desk.office.served.client.delete("/v1/users/ann/inline/no").await.unwrap();
    assert_eq!(exchange(&desk, None, token, &[AWS]).await.status, 200);
    // A token that was revoked for itself, and one of before a restart of the store's life.
    let gone = desk.form("/oauth2/revoke", None, &[("client_id", cli::ID), ("token", token)]).await;
    assert_eq!(gone.status, 200);
    refuses(&exchange(&desk, None, token, &[AWS]).await, 400, "invalid_request");
    // A new password ends what was begun without a browser.
    let again = desk.refresh(cli::ID, tokens.refresh_token.as_ref().unwrap()).unwrap();
    let credentials = keys(&exchange(&desk, None, &again.access_token, &[AWS]).await);
    desk.office.pass(1);
    let body = json!({ "password": format!("{}2", crate::sts_unsigned::PASSWORD), "must_change": false });
    desk.office.put("/v1/users/ann/password", body).await;
    desk.office.who_is(&credentials).await.refuses("ExpiredToken", "password");
    refuses(&exchange(&desk, None, &again.access_token, &[AWS]).await, 400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_part_of_the_question_and_what_denies_the_way_counts() {
    let desk = desk().await;
    let now = desk.office.fixture.app.admin.now();
    let (plain, with_factor) = (signed_in(&desk).access_token, signed_in_with(&desk, Some(now)).access_token);
    let given = async |token: &str, more: &[(&str, &str)]| exchange(&desk, None, token, more).await.status == 200;
    let ann = |document: Value| {
        let desk = &desk;
        async move { desk.office.put("/v1/users/ann/inline/rule", json!({ "document": document })).await }
    };
    let deny = |action: &str, condition: Value| json!({ "Statement": { "Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition } });
    // However a policy asks for it: not there is as good as false, and so it is said.
    for condition in [
        json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" } }),
        json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } }),
        json!({ "NumericGreaterThanIfExists": { "aws:MultiFactorAuthAge": "3600" }, "Bool": { "aws:MultiFactorAuthPresent": "false" } }),
    ] {
        ann(deny("sts:AssumeRole", condition.clone())).await;
        assert!(!given(&plain, &[AWS]).await && given(&with_factor, &[AWS]).await, "{condition}");
    }
    // To exchange can be denied by its own name, and so can the token of a role.
    ann(deny("sts:ExchangeToken", json!({}))).await;
    assert!(!given(&plain, &[AWS]).await && !given(&with_factor, &[]).await);
    ann(deny("bailey:CreateRoleToken", json!({}))).await;
    assert!(given(&plain, &[AWS]).await && given(&plain, &[]).await, "it is about what the role does");
    let denied = deny("bailey:CreateRoleToken", json!({}));
    desk.office.put("/v1/roles/Deploy/inline/none", json!({ "document": denied })).await;
    let live = async || {
        let live: Value = desk.office.served.client.get("/v1/sessions?person=ann").await.unwrap();
        live["items"].as_array().unwrap().len()
    };
    let before = live().await;
    assert!(!given(&plain, &[]).await);
    // Nobody was given anything of the session that had begun for it: it is over.
    assert_eq!(live().await, before);
    assert!(given(&plain, &[AWS]).await);
    assert_eq!(live().await, before + 1);
    // And by guardrails that list what there may be, and leave it out.
    let _: Value = desk.office.served.client.delete("/v1/roles/Deploy/inline/none").await.unwrap();
    assert!(given(&plain, &[]).await);
    for (name, action, without_token) in
        [("tokens", "bailey:CreateRoleToken", true), ("exchanges", "sts:ExchangeToken", false)]
    {
        let listed = json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" });
        let listed = json!({ "Version": "2012-10-17", "Statement": listed });
        desk.office.post("/v1/guardrails", json!({ "name": name, "kind": "service", "document": listed })).await;
        desk.office.put(&format!("/v1/guardrails/{name}/on/organization"), json!({})).await;
        assert_eq!((given(&plain, &[AWS]).await, given(&plain, &[]).await), (without_token, false), "{action}");
        // Of several at one place one has to allow it.
        let place = format!("/v1/guardrails/{name}/on/organization");
        let _: Value = desk.office.served.client.delete(&place).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_second_factors_ends_tokens_that_outlive_a_browser() {
    let desk = desk().await;
    let tokens = signed_in(&desk);
    let keys = keys(&exchange(&desk, None, &tokens.access_token, &[AWS]).await);
    assert_eq!(desk.office.who_is(&keys).await.status, 200);
    let _: Value = desk.office.served.client.delete("/v1/users/ann/second-factors").await.unwrap();
    assert!(desk.refresh(cli::ID, tokens.refresh_token.as_ref().unwrap()).is_err());
    assert_eq!(desk.office.who_is(&keys).await.status, 403);
}
