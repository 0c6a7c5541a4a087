//! Sessions for those who sign nothing: by a password, by the word of an outside issuer. And codes that come with a call.

use bailey::authn::federated::{IssuerSettings, KeysFrom};
use bailey::model::IssuerPreset;
use serde_json::{Value, json};

use crate::bed::issuer::{CLIENT, Signer, URL, claims, key_set, with};
use crate::credentials::app_code;
use crate::sts_office::{ACCOUNT, Office, Told, allow, trusts};

pub(crate) const PASSWORD: &str = "vq7-Torf-Lampe-Zaun-xk";

/// A local user with this password, and no key.
pub(crate) async fn person(office: &Office, name: &str) {
    office.post("/v1/users", json!({ "name": name })).await;
    office.post(&format!("/v1/users/{name}/password"), json!({ "password": PASSWORD, "must_change": false })).await;
}

/// A device of somebody's; answers its serial number and its seed.
pub(crate) async fn device(office: &Office, name: &str) -> (String, String) {
    let made = office.post("/v1/mfa-devices", json!({ "name": format!("{name}-phone") })).await;
    let (serial, seed) = (made["serial"].as_str().unwrap().to_owned(), made["seed"].as_str().unwrap().to_owned());
    let now = office.fixture.app.admin.now();
    let before = now.checked_sub(jiff::SignedDuration::from_secs(30)).unwrap();
    let body = json!({ "first": app_code(&seed, before), "second": app_code(&seed, now) });
    let path = format!("/v1/users/{name}/mfa-devices/{}", serial.replace(':', "%3A").replace('/', "%2F"));
    let _: Value = office.served.client.put(&path, &body).await.unwrap();
    office.pass(30);
    (serial, seed)
}

async fn sign_in(office: &Office, more: &[(&str, &str)]) -> Told {
    let base = [("Action", "AssumeRoleWithLDAPIdentity"), ("LDAPUsername", "ann"), ("LDAPPassword", PASSWORD)];
    let kept = base.into_iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    office.unsigned(&kept.chain(more.iter().copied()).collect::<Vec<_>>()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_begins_a_session_of_ones_own_or_of_a_role() {
    let office = Office::new().await;
    person(&office, "ann").await;
    office.role("Deployer", json!([]), allow(&["iam:ListRoles"])).await;
    office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Deployer");
    let own = sign_in(&office, &[]).await;
    assert_eq!(own.text("Expiration"), "2026-03-13T00:00:00Z");
    let own = own.credentials();
    assert_eq!(office.who_is(&own).await.text("Arn"), format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    assert_eq!(office.assume(&own, "Deployer", &[]).await.status, 200);
    let told = sign_in(&office, &[("RoleArn", &role)]).await;
    assert_eq!(told.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/ann"), "named after the person");
    let session = told.credentials();
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", session.id)).await.unwrap();
    assert_eq!((&shown["begun_with"], &shown["person"]), (&json!("login"), &json!("ann")));

    sign_in(&office, &[("LDAPPassword", "wrong")]).await.refuses("AccessDenied", "");
    sign_in(&office, &[("LDAPPassword", "wrong"), ("DurationSeconds", "1")])
        .await
        .refuses("ValidationError", "durationSeconds");
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    sign_in(&office, &[("Policy", &everything)]).await.refuses("ValidationError", "is not narrowed");
    // Before the password is shown to anybody: a wrong one makes no difference.
    let wrong = [("LDAPPassword", "wrong"), ("RoleArn", role.as_str()), ("RoleSessionName", "a b")];
    sign_in(&office, &wrong).await.refuses("ValidationError", "roleSessionName");
    sign_in(&office, &[("LDAPUsername", "nobody")]).await.refuses("AccessDenied", "");
    let other = format!("arn:aws:iam::{ACCOUNT}:role/None");
    sign_in(&office, &[("RoleArn", &other)]).await.refuses("AccessDenied", "no such role trusts who asks");
    let _: Value = office.served.client.delete("/v1/roles/Deployer/assigned/user/ann").await.unwrap();
    office.who_is(&session).await.refuses("ExpiredToken", "may not assume the role any more");
    assert_eq!(office.who_is(&own).await.status, 200);
    office.put("/v1/users/ann/password", json!({ "password": format!("{PASSWORD}2"), "must_change": false })).await;
    *office.fixture.app.sts_settings.write().unwrap() = bailey::sts::unsigned::Settings::default();
    sign_in(&office, &[]).await.refuses("AccessDenied", "sts.assume_role_with_ldap_identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_names_whoever_signs_in_too() {
    let office = Office::new().await;
    person(&office, "ann").await;
    office.role("Deployer", json!([]), json!([])).await;
    office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    let named = "person-${directory:name}".parse().unwrap();
    office.fixture.app.mint.templates.write().unwrap().role_session_name = Some(named);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Deployer");
    for told in [
        sign_in(&office, &[("RoleArn", &role)]).await,
        sign_in(&office, &[("RoleArn", &role), ("RoleSessionName", "person-ann")]).await,
    ] {
        assert_eq!(told.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/person-ann"));
    }
    sign_in(&office, &[("RoleArn", &role), ("RoleSessionName", "bob")])
        .await
        .refuses("AccessDenied", "of ann it may be `person-ann` alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_of_whoever_has_a_device_and_counts_for_conditions() {
    let office = Office::new().await;
    person(&office, "ann").await;
    let made = office.post("/v1/users/ann/access-keys", json!({})).await;
    let ann = crate::bed::signer::Credentials::told(&made);
    let mut trust = trusts("ann");
    trust[0]["Condition"] = json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" }, "NumericLessThan": { "aws:MultiFactorAuthAge": "600" } });
    office.role("Careful", trust, json!([])).await;
    let (serial, seed) = device(&office, "ann").await;
    let code = |office: &Office| app_code(&seed, office.fixture.app.admin.now());
    sign_in(&office, &[]).await.refuses("AccessDenied", "code");
    sign_in(&office, &[("TokenCode", "000000")]).await.refuses("AccessDenied", "");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Careful");
    let told = sign_in(&office, &[("TokenCode", &code(&office)), ("RoleArn", &role)]).await;
    assert_eq!(told.status, 200, "{}", told.xml);
    sign_in(&office, &[("TokenCode", &code(&office))]).await.refuses("AccessDenied", "");

    // With a long-lived key: without a code, with one, and with one that was taken.
    office.assume(&ann, "Careful", &[]).await.refuses("AccessDenied", "trust policy does not allow");
    office.pass(30);
    let now = code(&office);
    let with = [("SerialNumber", serial.as_str()), ("TokenCode", now.as_str())];
    office.assume(&ann, "Careful", &with[1..]).await.refuses("AccessDenied", "SerialNumber and TokenCode go together");
    let session = office.assume(&ann, "Careful", &with).await.credentials();
    assert_eq!(office.who_is(&session).await.status, 200);
    office.assume(&ann, "Careful", &with).await.refuses("AccessDenied", "MultiFactorAuthentication failed");
    // A session of one's own keeps it, until it is too old.
    office.pass(30);
    let now = code(&office);
    let own = office
        .sts(&ann, &[("Action", "GetSessionToken"), ("SerialNumber", &serial), ("TokenCode", &now)])
        .await
        .credentials();
    assert_eq!(office.assume(&own, "Careful", &[]).await.status, 200);
    office.pass(600);
    office.assume(&own, "Careful", &[]).await.refuses("AccessDenied", "trust policy does not allow");
    assert_eq!(office.who_is(&session).await.status, 200, "what was true when it began stays true of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_vouches_for_whoever_a_role_trusts_by_name() {
    let office = Office::new().await;
    let signer = Signer::new("k1");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set(&[&signer]).to_string()).unwrap();
    let settings =
        IssuerSettings { keys: KeysFrom::File(file.path().to_owned()), ..IssuerSettings::unsaid(URL.parse().unwrap()) };
    let issuers = |preset: Option<IssuerPreset>| {
        office.fixture.app.admin.issuers.replace(vec![IssuerSettings { preset, ..settings.clone() }])
    };
    issuers(None);
    let provider = office.post("/v1/oidc-providers", json!({ "url": URL, "clients": [CLIENT] })).await;
    let arn = provider["arn"].as_str().unwrap();
    let trust = |condition: Value| json!([{ "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": { "Federated": arn }, "Condition": condition }]);
    let subject = json!({ "StringEquals": { "oidc.example.com/prod:sub": "system:serviceaccount:shop:web", "oidc.example.com/prod:aud": CLIENT } });
    office.role("Shop", trust(subject), allow(&["iam:ListRoles"])).await;
    office.role("Anybody", trust(json!({ "StringEquals": { "oidc.example.com/prod:aud": CLIENT } })), json!([])).await;
    let ann = office.user("ann", allow(&["sts:*"])).await;
    let now = office.fixture.app.admin.now();
    let ask = async |role: &str, token: &str| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        office
            .unsigned(&[
                ("Action", "AssumeRoleWithWebIdentity"),
                ("RoleArn", &role),
                ("RoleSessionName", "pod-7"),
                ("WebIdentityToken", token),
            ])
            .await
    };
    let token = signer.token(now);
    let told = ask("Shop", token.expose()).await;
    assert_eq!(told.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Shop/pod-7"));
    assert_eq!(
        (told.text("SubjectFromWebIdentityToken"), told.text("Audience")),
        ("system:serviceaccount:shop:web".to_owned(), CLIENT.to_owned())
    );
    let session = told.credentials();
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    let other = signer.sign(&signer.header(), &with(claims(now), json!({ "sub": "system:serviceaccount:shop:other" })));
    ask("Shop", other.expose())
        .await
        .refuses("AccessDenied", "trust policy does not allow the sts:AssumeRoleWithWebIdentity");
    assert_eq!(ask("Anybody", other.expose()).await.status, 200);
    // Nobody of ours gets in by that, and nobody of elsewhere by a trust in everybody or in the account.
    office.assume(&ann, "Shop", &[]).await.refuses("AccessDenied", "trust policy does not allow");
    for principal in [json!("*"), json!({ "AWS": ACCOUNT })] {
        let name = if principal.is_string() { "Everybody" } else { "Account" };
        office.role(name, json!([{ "Effect": "Allow", "Action": "sts:*", "Principal": principal }]), json!([])).await;
        ask(name, token.expose()).await.refuses("AccessDenied", "trust policy does not allow");
    }
    for (token, code) in [
        ("x", "InvalidIdentityToken"),
        (
            &*signer.sign(&signer.header(), &with(claims(now), json!({ "exp": 1 }))).expose().clone(),
            "ExpiredTokenException",
        ),
    ] {
        ask("Shop", token).await.refuses(code, "");
    }
    // Where strangers share the issuer, a trust that does not say whose subject is meant counts for nothing.
    issuers(Some(IssuerPreset::GitHub));
    ask("Anybody", other.expose()).await.refuses("AccessDenied", "");
    assert_eq!(ask("Shop", token.expose()).await.status, 200);
    let record = office.last_record();
    assert!(record.contains("system:serviceaccount:shop:web of oidc.example.com/prod"), "{record}");
    assert!(!record.contains(token.expose()));
    let which = provider["arn"].as_str().unwrap().replace(':', "%3A").replace('/', "%2F");
    let _: Value = office.served.client.delete(&format!("/v1/oidc-providers/{which}")).await.unwrap();
    office.who_is(&session).await.refuses("ExpiredToken", "provider is gone");
}
