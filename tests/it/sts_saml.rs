//! Sessions by the assertion of a SAML provider: what comes of a good one, and of each that is wrong in one place.

use std::sync::Arc;

use bailey::authn::saml::{Also, ServiceProvider};
use bailey::base::{SamlProviderId, Timestamp};
use bailey::model::{Actor, SamlProvider, Tags};
use bailey::store::{Commit, Intent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::saml_bed::{ACS, RSA, SP, STRANGER, Sign, Signer, metadata, now, own};
use crate::sts_office::{ACCOUNT, Office, Told, allow};

pub(crate) const AWS: &str = "https://aws.amazon.com/SAML/Attributes/";
const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";
const AFFILIATION: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.1";

pub(crate) fn provider_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:saml-provider/Corp")
}

pub(crate) fn role_arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// An attribute as it stands in an assertion.
fn attribute(name: &str, values: &[&str]) -> String {
    let values: String =
        values.iter().map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>")).collect();
    format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
}

/// What a test wants of an assertion.
pub(crate) struct Wanted {
    pub(crate) signer: &'static Signer,
    pub(crate) what: Sign,
    /// Its ID.
    pub(crate) id: &'static str,
    /// When it is made.
    pub(crate) at: Timestamp,
    /// The request that it answers; without one it answers none.
    pub(crate) request: Option<String>,
    /// Attributes, names and values.
    pub(crate) said: Vec<(String, Vec<String>)>,
    /// What else is other.
    pub(crate) edits: Vec<(String, String)>,
}

impl Wanted {
    /// For these roles.
    pub(crate) fn of(roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| format!("{},{}", role_arn(role), provider_arn())).collect();
        let said = vec![(format!("{AWS}Role"), roles), (format!("{AWS}RoleSessionName"), vec!["alice".to_owned()])];
        Self {
            signer: &RSA,
            what: Sign::Assertion,
            id: "_assertion-1",
            at: now(),
            request: None,
            said,
            edits: Vec::new(),
        }
    }

    pub(crate) fn id(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    /// With these values of an attribute of AWS, or of another one.
    pub(crate) fn says(mut self, name: &str, values: &[&str]) -> Self {
        let name = if name.contains(':') && !name.starts_with("PrincipalTag") {
            name.to_owned()
        } else {
            format!("{AWS}{name}")
        };
        self.said.retain(|(held, _)| *held != name);
        self.said.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.said.retain(|(held, _)| *held != format!("{AWS}{name}"));
        self
    }

    pub(crate) fn but(mut self, from: &str, to: &str) -> Self {
        self.edits.push((from.to_owned(), to.to_owned()));
        self
    }

    pub(crate) fn xml(&self) -> String {
        let said: String = self
            .said
            .iter()
            .map(|(name, values)| attribute(name, &values.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        let after =
            |seconds: i64| format!("{:.0}", self.at.saturating_add(SignedDuration::from_secs(seconds)).unwrap());
        let statement = format!("<saml:AttributeStatement>{said}");
        let times = [
            ("2026-11-30T08:59:58Z", after(-2)),
            ("2026-11-30T08:59:59Z", after(-1)),
            ("2026-11-30T08:50:00Z", after(-600)),
            ("2026-11-30T09:03:00Z", after(180)),
            ("2026-11-30T09:04:00Z", after(240)),
            ("2026-11-30T17:00:00Z", after(28_800)),
        ];
        let mut edits = vec![("<saml:AttributeStatement>", statement.as_str()), ("_assertion-1", self.id)];
        edits.push(match &self.request {
            Some(request) => ("_request-1", request),
            None => (" InResponseTo=\"_request-1\"", ""),
        });
        edits.extend(times.iter().map(|(from, to)| (*from, to.as_str())));
        edits.extend(self.edits.iter().map(|(from, to)| (from.as_str(), to.as_str())));
        self.signer.response(self.what, &edits)
    }

    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(self.xml())
    }
}

/// Whom a role trusts: the provider, under this condition.
pub(crate) fn trust(condition: Value) -> Value {
    json!([{
        "Effect": "Allow", "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
        "Principal": { "Federated": provider_arn() }, "Condition": condition,
    }])
}

struct Scene {
    office: Office,
}

impl Scene {
    async fn new() -> Self {
        let office = Office::new().await;
        office.fixture.clock.set(now());
        office.post("/v1/saml-providers", json!({ "name": "Corp", "metadata": metadata(&[&RSA]) })).await;
        let trust = trust(json!({ "StringEquals": { "saml:aud": ACS } }));
        office.role("Reader", trust.clone(), allow(&["iam:ListRoles"])).await;
        office.role("Other", trust, json!([])).await;
        Self { office }
    }

    async fn ask_with(&self, role: &str, assertion: &str, more: &[(&str, &str)]) -> Told {
        let (role, provider) = (role_arn(role), provider_arn());
        let base = [
            ("Action", "AssumeRoleWithSAML"),
            ("RoleArn", role.as_str()),
            ("PrincipalArn", provider.as_str()),
            ("SAMLAssertion", assertion),
        ];
        let kept = base.into_iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
        let params: Vec<(&str, &str)> = kept.chain(more.iter().copied()).filter(|(_, value)| *value != "-").collect();
        self.office.unsigned(&params).await
    }

    async fn ask(&self, role: &str, wanted: &Wanted) -> Told {
        self.ask_with(role, &wanted.base64(), &[]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_begins_the_session_that_the_provider_says() {
    let scene = Scene::new().await;
    let office = &scene.office;
    let wanted = Wanted::of(&["Other", "Reader"])
        .says("RoleSessionName", &["alice@example.com"])
        .says("PrincipalTag:Team", &["shop"])
        .says("PrincipalTag:Stage", &["prod"])
        .says("TransitiveTagKeys", &["team"])
        .says("SourceIdentity", &["alice"])
        .says(MAIL, &["alice@example.com"])
        .says(AFFILIATION, &["staff", "member"]);
    let told = scene.ask("Reader", &wanted).await;
    let session = told.credentials();
    assert_eq!(told.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/alice@example.com"));
    assert!(
        told.text("AssumedRoleId").starts_with("AROA") && told.text("AssumedRoleId").ends_with(":alice@example.com")
    );
    for (name, value) in [
        ("Subject", "alice@example.com"),
        ("SubjectType", "persistent"),
        ("Issuer", "https://idp.test/metadata"),
        ("Audience", ACS),
        // Base64(SHA1("https://idp.test/metadata" + "123456789012" + "/Corp")), by openssl.
        ("NameQualifier", "O9Kl8Yq8bF1J1FFAPrDyHqowT7E="),
        ("SourceIdentity", "alice"),
        ("PackedPolicySize", "1"),
        ("Expiration", "2026-11-30T10:00:00Z"),
    ] {
        assert_eq!(told.text(name), value, "{name}");
    }
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    assert_eq!(office.iam(&session, &[("Action", "ListUsers")]).await.status, 403);
    let record = office.last_record();
    assert!(!record.contains(&wanted.base64()), "{record}");
    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", session.id)).await.unwrap();
    assert_eq!(shown["begun_with"], "alice@example.com of https://idp.test/metadata");
    assert_eq!(shown["tags"], json!({ "Team": "shop", "Stage": "prod" }));
    // The role next to it, by the same assertion: the provider gives both.
    let other = scene.ask("Other", &wanted).await;
    assert_eq!(other.status, 200, "{}", other.xml);
    for role in ["Reader", "Other"] {
        scene.ask(role, &wanted).await.refuses("InvalidIdentityToken", "was shown before");
    }
    assert_eq!(office.who_is(&session).await.status, 200);
    let audited = bailey::audit::tail::last(&office.fixture.app.store, 8).unwrap();
    let audited: Vec<&str> = audited.iter().map(|record| record.json.as_str()).collect();
    assert!(
        audited.iter().any(|record| record.contains("alice@example.com of https://idp.test/metadata")),
        "{audited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_policies_ask_what_the_assertion_says() {
    let scene = Scene::new().await;
    let wanted =
        |id| Wanted::of(&["Asked"]).id(id).says(MAIL, &["a@example.com"]).says(AFFILIATION, &["staff", "member"]);
    let equals = |key: &str, value: &str| json!({ "StringEquals": { key: value } });
    let mut asked = 0;
    let qualifier = "O9Kl8Yq8bF1J1FFAPrDyHqowT7E=";
    for (condition, allowed) in [
        (equals("saml:aud", ACS), true),
        (equals("saml:aud", SP), false),
        (equals("saml:iss", "https://idp.test/metadata"), true),
        (equals("saml:iss", "https://other.test"), false),
        (equals("saml:sub", "alice@example.com"), true),
        (equals("SAML:Sub", "bob@example.com"), false),
        (equals("saml:sub_type", "persistent"), true),
        (equals("saml:sub_type", "transient"), false),
        (equals("saml:namequalifier", qualifier), true),
        (equals("saml:namequalifier", "x"), false),
        (equals("saml:doc", &format!("{ACCOUNT}/Corp")), true),
        (equals("saml:doc", "Corp"), false),
        (equals("saml:mail", "a@example.com"), true),
        (json!({ "ForAnyValue:StringEquals": { "saml:eduPersonAffiliation": "member" } }), true),
        (json!({ "ForAllValues:StringEquals": { "saml:edupersonaffiliation": "member" } }), false),
        (json!({ "Null": { "saml:uid": "false" } }), false),
        (equals("sts:RoleSessionName", "alice"), true),
    ] {
        let document = json!({ "Version": "2012-10-17", "Statement": trust(condition.clone()) });
        let _: Value = match scene.office.served.client.get::<Value>("/v1/roles/Asked").await {
            Ok(_) => scene.office.put("/v1/roles/Asked/trust", json!({ "document": document })).await,
            Err(_) => scene.office.post("/v1/roles", json!({ "name": "Asked", "trust": document })).await,
        };
        asked += 1;
        let told = scene.ask("Asked", &wanted(format!("_asked-{asked}").leak())).await;
        if allowed {
            assert_eq!(told.status, 200, "{condition}: {}", told.xml);
        } else {
            told.refuses("AccessDenied", "trust policy does not allow the sts:AssumeRoleWithSAML");
        }
    }
    // Tags, and who is behind it, are permissions of their own.
    for (name, action) in [("PrincipalTag:Team", "sts:TagSession"), ("SourceIdentity", "sts:SetSourceIdentity")] {
        let mut statements = trust(json!({}));
        statements[0]["Action"] = json!(["sts:AssumeRoleWithSAML"]);
        let document = json!({ "document": { "Version": "2012-10-17", "Statement": statements } });
        scene.office.put("/v1/roles/Asked/trust", document).await;
        let told = scene.ask("Asked", &wanted("_tagged").says(name, &["shop"])).await;
        told.refuses("AccessDenied", &format!("trust policy does not allow the {action}"));
    }
    // Nobody of ours gets in by that, and nobody of elsewhere by a trust in everybody, or in another kind of provider.
    let ann = scene.office.user("ann", allow(&["sts:*"])).await;
    scene.office.assume(&ann, "Asked", &[]).await.refuses("AccessDenied", "trust policy does not allow");
    for (name, principal) in [("Everybody", json!("*")), ("Account", json!({ "AWS": ACCOUNT }))] {
        let statement = json!([{ "Effect": "Allow", "Action": "sts:*", "Principal": principal }]);
        scene.office.role(name, statement, json!([])).await;
        let told = scene.ask(name, &Wanted::of(&[name]).id("_everybody")).await;
        told.refuses("AccessDenied", "trust policy does not allow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_one_place_is_refused_for_that() {
    let scene = Scene::new().await;
    let good = || Wanted::of(&["Reader"]);
    let (invalid, expired, rejected, denied) =
        ("InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim", "AccessDenied");
    let success = "urn:oasis:names:tc:SAML:2.0:status:Success";
    let bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
    let recipient = format!("Recipient=\"{ACS}\"");
    let audience = format!("<saml:Audience>{SP}</saml:Audience>");
    for (wanted, code, said) in [
        (good().but(success, "urn:oasis:names:tc:SAML:2.0:status:Responder"), rejected, "nobody was signed in"),
        (good().but("https://idp.test/metadata", "https://other.test"), invalid, "issuer"),
        (
            good().but(&format!("Destination=\"{ACS}\""), "Destination=\"https://other.test/acs\""),
            invalid,
            "destination",
        ),
        (good().but(&recipient, "Recipient=\"https://signin.aws.amazon.com/saml\""), invalid, "recipient"),
        (good().but(&recipient, ""), invalid, "recipient"),
        (good().but(&audience, "<saml:Audience>urn:amazon:webservices</saml:Audience>"), invalid, "audience"),
        (good().but(bearer, "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), invalid, "confirmation"),
        (good().but(" Recipient", " InResponseTo=\"_request-1\" Recipient"), invalid, "in-response-to"),
        (good().but(" Destination", " InResponseTo=\"_request-1\" Destination"), invalid, "in-response-to"),
        (good().but("2026-11-30T09:04:00Z", "2026-11-30T08:59:00Z"), expired, "NotOnOrAfter"),
        (
            good().but("NotBefore=\"2026-11-30T08:59:58Z\" ", "").but("2026-11-30T09:03:00Z", "2026-11-30T08:59:00Z"),
            expired,
            "NotOnOrAfter",
        ),
        (good().but("2026-11-30T08:59:58Z", "2026-11-30T08:54:00Z"), expired, "is taken for 300 s"),
        (good().but("NotBefore=\"2026-11-30T08:59:58Z\"", "NotBefore=\"2026-11-30T09:01:01Z\""), invalid, "NotBefore"),
        (good().but("2026-11-30T17:00:00Z", "2026-11-30T08:00:00Z"), expired, "SessionNotOnOrAfter"),
        (Wanted { signer: &STRANGER, ..good() }, invalid, "signature"),
        (Wanted { what: Sign::Neither, ..good() }, invalid, "signature"),
        (good().without("Role"), rejected, "Role` is not accepted: it is missing"),
        (good().says("Role", &[&role_arn("Reader")]), rejected, "ROLE_ARN,PROVIDER_ARN"),
        (Wanted::of(&["Other"]), denied, "does not name this role together with this provider"),
        (
            good().says("Role", &[&format!("{},arn:aws:iam::{ACCOUNT}:saml-provider/Other", role_arn("Reader"))]),
            denied,
            "does not name this role",
        ),
        (good().without("RoleSessionName"), rejected, "RoleSessionName` is not accepted: it is missing"),
        (good().says("RoleSessionName", &["a b"]), rejected, "RoleSessionName"),
        (good().says("RoleSessionName", &["ann", "bob"]), rejected, "one value"),
        (good().says("SessionDuration", &["899"]), rejected, "900 to 43200"),
        (good().says("SessionDuration", &["1h"]), rejected, "900 to 43200"),
        (good().says("SourceIdentity", &["aws:x"]), rejected, "SourceIdentity"),
        (good().says("PrincipalTag:aws:x", &["x"]), rejected, "PrincipalTag:aws:x"),
        (good().says("PrincipalTag:Team", &["a", "b"]), rejected, "one value"),
        (good().says("PrincipalTag:Team", &["a"]).says("PrincipalTag:team", &["b"]), rejected, "stands twice"),
        (good().says("TransitiveTagKeys", &["Team"]), rejected, "`Team` is no tag"),
        (
            good()
                .says(MAIL, &["a"])
                .says("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", &["b"]),
            rejected,
            "saml:mail",
        ),
    ] {
        scene.ask("Reader", &wanted).await.refuses(code, said);
    }
    let assertion = good().base64();
    let provider = provider_arn();
    for (more, code, said) in [
        (vec![("SAMLAssertion", "abc")], "ValidationError", "4 to 100000"),
        (vec![("SAMLAssertion", &*"A".repeat(100_001))], "ValidationError", "4 to 100000"),
        (vec![("SAMLAssertion", "****")], invalid, "base64"),
        (vec![("SAMLAssertion", "/////w==")], invalid, "base64"),
        (vec![("SAMLAssertion", "PHgvPg==")], invalid, "form"),
        (vec![("SAMLAssertion", "-")], "ValidationError", "sAMLAssertion"),
        (vec![("PrincipalArn", "-")], "ValidationError", "principalArn"),
        (vec![("PrincipalArn", "Corp")], "ValidationError", "principalArn"),
        (vec![("PrincipalArn", &*provider.to_uppercase())], "ValidationError", "principalArn"),
        (vec![("PrincipalArn", &*provider.replace("Corp", "corp"))], invalid, "there is no SAML provider"),
        (vec![("PrincipalArn", &*provider.replace("Corp", "None"))], invalid, "there is no SAML provider"),
        (vec![("PrincipalArn", &*provider.replace("12345", "99999"))], invalid, "there is no SAML provider"),
        (vec![("RoleArn", "-")], "ValidationError", "roleArn"),
        (vec![("DurationSeconds", "899")], "ValidationError", "durationSeconds"),
        (vec![("DurationSeconds", "14401")], "ValidationError", "role allows 14400"),
        (vec![("Policy", "{}")], "MalformedPolicyDocument", ""),
        (
            vec![("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/None")],
            "MalformedPolicyDocument",
            "does not exist",
        ),
    ] {
        scene.ask_with("Reader", &assertion, &more).await.refuses(code, said);
    }
    // None of all that spent it.
    assert_eq!(scene.ask_with("Reader", &assertion, &[]).await.status, 200);
    *scene.office.fixture.app.sts_settings.write().unwrap() = bailey::sts::unsigned::Settings::default();
    scene.ask("Reader", &good()).await.refuses("AccessDenied", "sts.saml_urls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_as_long_as_the_shortest_of_all_that_limits_it() {
    let scene = Scene::new().await;
    let lasts = async |wanted: Wanted, seconds: Option<&str>| {
        let more: Vec<(&str, &str)> = seconds.map(|seconds| ("DurationSeconds", seconds)).into_iter().collect();
        let told = scene.ask_with("Reader", &wanted.base64(), &more).await;
        assert_eq!(told.status, 200, "{}", told.xml);
        let end: Timestamp = told.text("Expiration").parse().unwrap();
        end.duration_since(now()).as_secs()
    };
    let good = |id| Wanted::of(&["Reader"]).id(id);
    let ends = |id, at: &str| good(id).but("2026-11-30T17:00:00Z", at);
    assert_eq!(lasts(good("_1"), None).await, 3_600);
    assert_eq!(lasts(good("_2"), Some("14400")).await, 14_400);
    assert_eq!(lasts(ends("_3", "2026-11-30T11:00:00Z"), Some("14400")).await, 7_200);
    assert_eq!(lasts(ends("_4", "2026-11-30T09:10:00Z"), None).await, 600);
    assert_eq!(lasts(good("_5").says("SessionDuration", &["1800"]), Some("14400")).await, 1_800);
    assert_eq!(lasts(good("_6").says("SessionDuration", &["43200"]), Some("900")).await, 900);
    assert_eq!(lasts(ends("_7", "2026-11-30T09:20:00Z").says("SessionDuration", &["1800"]), None).await, 1_200);
    // Within what clocks may be apart the assertion counts, and its session has no time left.
    let told = scene.ask("Reader", &ends("_8", "2026-11-30T08:59:30Z")).await;
    told.refuses("AccessDenied", "no time is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stands_on_the_provider_on_its_key_and_on_the_trust() {
    let scene = Scene::new().await;
    let office = &scene.office;
    let begin = async |id| scene.ask("Reader", &Wanted::of(&["Reader"]).id(id)).await.credentials();
    let write = async |text: String| office.put("/v1/saml-providers/Corp/metadata", json!({ "metadata": text })).await;
    let session = begin("_1").await;
    // A key that comes beside changes nothing, one that goes takes with it what was signed by it.
    write(metadata(&[&RSA, &STRANGER])).await;
    assert_eq!(office.who_is(&session).await.status, 200);
    write(metadata(&[&STRANGER])).await;
    office.who_is(&session).await.refuses("ExpiredToken", "not the key that it signed by");
    scene.ask("Reader", &Wanted::of(&["Reader"]).id("_2")).await.refuses("InvalidIdentityToken", "signature");
    write(metadata(&[&RSA]).replace("https://idp.test/metadata", "https://idp.test/other")).await;
    office.who_is(&session).await.refuses("ExpiredToken", "names it no more");
    write(metadata(&[&RSA])).await;
    assert_eq!(office.who_is(&session).await.status, 200);
    // The role's trust is asked anew at each use, with what the assertion said.
    let asked = trust(json!({ "StringEquals": { "saml:sub": "bob@example.com" } }));
    office.put("/v1/roles/Reader/trust", json!({ "document": { "Version": "2012-10-17", "Statement": asked } })).await;
    office.who_is(&session).await.refuses("ExpiredToken", "may not assume the role any more");
    let asked = trust(json!({ "StringEquals": { "saml:sub": "alice@example.com" } }));
    office.put("/v1/roles/Reader/trust", json!({ "document": { "Version": "2012-10-17", "Statement": asked } })).await;
    assert_eq!(office.who_is(&session).await.status, 200);
    let _: Value = office.served.client.delete("/v1/saml-providers/Corp").await.unwrap();
    office.who_is(&session).await.refuses("ExpiredToken", "SAML provider is gone");
    // Another one of that name is another one.
    office.post("/v1/saml-providers", json!({ "name": "Corp", "metadata": metadata(&[&RSA]) })).await;
    office.who_is(&session).await.refuses("ExpiredToken", "SAML provider is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_metadata_nobody_read_is_believed_if_it_can_be_read() {
    let scene = Scene::new().await;
    let office = &scene.office;
    let _: Value = office.served.client.delete("/v1/saml-providers/Corp").await.unwrap();
    // As versions before this one wrote them.
    let write = |name: &str, byte: u8, text: String| {
        let mut commit = Commit::new(Actor::task("test"), now(), Intent::Widen);
        let provider = SamlProvider {
            id: SamlProviderId::from_bytes([byte; 16]),
            account: ACCOUNT.parse().unwrap(),
            name: name.parse().unwrap(),
            metadata: text.parse().unwrap(),
            described: None,
            source: None,
            waiting: None,
            encryption: None,
            created: now(),
            updated: now(),
            tags: Tags::default(),
        };
        commit.add_object(&provider).unwrap();
        office.fixture.app.store.commit(commit).unwrap();
    };
    write("Corp", 1, metadata(&[&RSA]));
    write("Text", 2, "x".repeat(1_000));
    let session = scene.ask("Reader", &Wanted::of(&["Reader"])).await.credentials();
    assert_eq!(office.who_is(&session).await.status, 200);
    let text = format!("arn:aws:iam::{ACCOUNT}:saml-provider/Text");
    let told = scene.ask_with("Reader", &Wanted::of(&["Reader"]).id("_2").base64(), &[("PrincipalArn", &text)]).await;
    told.refuses("InvalidIdentityToken", "metadata of the SAML provider `Text` cannot be used");
    office.put("/v1/saml-providers/Corp/metadata", json!({ "metadata": metadata(&[&STRANGER]) })).await;
    office.who_is(&session).await.refuses("ExpiredToken", "not the key that it signed by");
    // Metadata that says until when it counts does not count longer.
    let until = metadata(&[&RSA]).replace(" entityID=", " validUntil=\"2026-11-30T09:00:00Z\" entityID=");
    office.put("/v1/saml-providers/Corp/metadata", json!({ "metadata": until })).await;
    let told = scene.ask("Reader", &Wanted::of(&["Reader"]).id("_3")).await;
    told.refuses("InvalidIdentityToken", "it was valid until 2026-11-30T09:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn further_names_and_addresses_count_where_they_are_configured() {
    let scene = Scene::new().await;
    let aws = "https://signin.aws.amazon.com/saml";
    let wanted = |id| {
        let elsewhere = Wanted::of(&["Reader"]).id(id).but(ACS, aws);
        elsewhere.but(&format!("<saml:Audience>{SP}"), "<saml:Audience>urn:amazon:webservices")
    };
    scene.ask("Reader", &wanted("_1")).await.refuses("InvalidIdentityToken", "destination");
    let also = Also { entity_ids: vec!["urn:amazon:webservices".into()], acs: vec![aws.into()] };
    let settings = || scene.office.fixture.app.sts_settings.write().unwrap();
    settings().saml = Some(Arc::new(ServiceProvider { also, ..own() }));
    let document = json!({ "document": { "Version": "2012-10-17", "Statement": trust(json!({ "StringEquals": { "saml:aud": aws } })) } });
    scene.office.put("/v1/roles/Reader/trust", document).await;
    let told = scene.ask("Reader", &wanted("_1")).await;
    assert_eq!(told.text("Audience"), aws);
    // Each counts by itself.
    let told = scene.ask("Reader", &Wanted::of(&["Reader"]).id("_2")).await;
    told.refuses("AccessDenied", "trust policy does not allow");
}
