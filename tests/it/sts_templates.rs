//! What the directory says of a person names and tags their sessions, and nobody says otherwise.

use bailey::issue::Templates;
use bailey::model::{Actor, Entity, Member, MemberKind, User};
use bailey::rights::find;
use bailey::store::{Commit, Intent, rows, schema};
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::sts_office::{ACCOUNT, Office, Told, allow, trusts};

/// Ann, of whom the directory says something, and two roles: `Deployer` trusts her, `Next` trusts `Deployer`.
struct Desk {
    office: Office,
    ann: Credentials,
}

impl Desk {
    async fn new(say: impl FnOnce(&mut User)) -> Self {
        let office = Office::new().await;
        let ann = office.user("ann", json!([])).await;
        office
            .role("Deployer", trusts("ann"), allow(&["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]))
            .await;
        let role = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:role/Deployer") });
        let actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
        let trust = json!([{ "Effect": "Allow", "Action": actions, "Principal": role }]);
        office.role("Next", trust, json!([])).await;
        let desk = Self { office, ann };
        desk.say(say);
        desk
    }

    /// What the directory says of Ann, as a sync would write it.
    fn say(&self, say: impl FnOnce(&mut User)) {
        let (store, account) = (&self.office.fixture.app.store, &self.office.fixture.app.admin.account);
        let found = store.read(|snapshot| find::entity(snapshot, account, MemberKind::User, "ann")).unwrap();
        let Entity::User(mut ann) = found else { panic!("{found:?}") };
        say(&mut ann);
        let mut commit = Commit::new(Actor::task("test"), self.office.fixture.app.admin.now(), Intent::Widen);
        let row = rows::encode(&rows::NO_DIGEST, &serde_json::to_vec(&ann).unwrap());
        commit.put(schema::entity(&Member::User(ann.id)), row);
        store.commit(commit).unwrap();
    }

    fn templates(&self, name: Option<&str>, source: Option<&str>, tags: &[(&str, &str)]) {
        let template = |text: &str| text.parse().unwrap();
        *self.office.fixture.app.mint.templates.write().unwrap() = Templates {
            role_session_name: name.map(template),
            source_identity: source.map(template),
            tags: tags.iter().map(|(key, text)| ((*key).to_owned(), template(text))).collect(),
        };
    }

    async fn assume(&self, who: &Credentials, role: &str, more: &[(&str, &str)]) -> Told {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        self.office.sts(who, &[&[("Action", "AssumeRole"), ("RoleArn", &*arn)], more].concat()).await
    }

    /// The last record, which has to be of a session of a role that Ann failed to begin.
    fn last_failure(&self) -> Value {
        let record: Value = serde_json::from_str(&self.office.last_record()).unwrap();
        let expected = (&json!("AssumeRole"), &json!("failed"), &json!("AccessDenied"), &json!("ann"));
        let (outcome, who) = (&record["bailey"]["outcome"], &record["userIdentity"]["userName"]);
        assert_eq!((&record["eventName"], outcome, &record["errorCode"], who), expected, "{record}");
        assert!(record["requestParameters"]["access_key"].as_str().unwrap().starts_with("AKIA"), "{record}");
        record
    }

    async fn shown(&self, session: &Credentials) -> Value {
        self.office.served.client.get(&format!("/v1/sessions/{}", session.id)).await.unwrap()
    }
}

const NAME: &str = "${directory:name}";

#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_named_and_the_cost_centre_travels_whatever_a_client_leaves_out() {
    let desk = Desk::new(|ann| {
        ann.mail = Some("Ann O'Hara@example.test".to_owned());
        ann.tags.insert("CostCenter".to_owned(), "R&D 7".to_owned());
    })
    .await;
    desk.templates(
        Some("${directory:mail}"),
        Some(NAME),
        &[("CostCenter", "cc-${directory:tag/costcenter}"), ("Team", "${directory:tag/Team}")],
    );
    let told = desk.assume(&desk.ann, "Deployer", &[]).await;
    assert!(told.text("Arn").ends_with(":assumed-role/Deployer/Ann-O-Hara@example.test"), "{}", told.xml);
    assert_eq!(told.text("SourceIdentity"), "ann");
    let first = told.credentials();
    let shown = desk.shown(&first).await;
    assert_eq!(shown["tags"], json!({ "CostCenter": "cc-R-D 7" }), "{shown}");

    // To ask for the same is as good, and it is so for every session of a chain that she began.
    let same = [
        ("RoleSessionName", "Ann-O-Hara@example.test"),
        ("SourceIdentity", "ann"),
        ("Tags.member.1.Key", "COSTCENTER"),
        ("Tags.member.1.Value", "cc-R-D 7"),
    ];
    let again = desk.assume(&desk.ann, "Deployer", &same).await.credentials();
    let next = desk.assume(&again, "Next", &[]).await;
    assert!(next.text("Arn").ends_with("/Next/Ann-O-Hara@example.test"), "{}", next.xml);
    assert_eq!(desk.shown(&next.credentials()).await["tags"], json!({ "CostCenter": "cc-R-D 7" }));
    let record = desk.office.last_record();
    assert!(record.contains(r#""source_identity":"ann""#), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_something_else_is_told_what_it_may_be() {
    let desk = Desk::new(|ann| drop(ann.tags.insert("CostCenter".to_owned(), "7".to_owned()))).await;
    desk.templates(
        Some(NAME),
        Some(NAME),
        &[("CostCenter", "${directory:tag/CostCenter}"), ("Team", "${directory:tag/Team}")],
    );
    let tag = |key: &'static str, value: &'static str| vec![("Tags.member.3.Key", key), ("Tags.member.3.Value", value)];
    for (asked, said) in [
        (
            vec![("RoleSessionName", "bob")],
            "RoleSessionName is `bob`, and comes from the directory here; of ann it may be `ann` alone",
        ),
        (vec![("SourceIdentity", "bob")], "SourceIdentity is `bob`"),
        (tag("CostCenter", "8"), "the tag CostCenter is `8`"),
        (tag("costcenter", "8"), "the tag CostCenter is `8`"),
        (tag("CostCenter", ""), "may be `7` alone"),
        (tag("Team", "red"), "of ann it may not be given: the directory has none"),
    ] {
        let told = desk.assume(&desk.ann, "Deployer", &asked).await;
        told.refuses("AccessDenied", said);
        assert_eq!(told.status, 403);
        let (parameter, reason) = match asked[0].0 {
            name @ ("RoleSessionName" | "SourceIdentity") => (name, "name_locked"),
            _ => ("Tags", "tag_locked"),
        };
        let record = desk.last_failure();
        let message = told.text("Message").replace("&apos;", "'");
        let (message, request) = message.rsplit_once(" (request ").unwrap();
        assert_eq!(
            (&record["errorMessage"], &record["requestID"]),
            (&json!(message), &json!(request.trim_end_matches(')')))
        );
        let parameters = &record["requestParameters"];
        assert_eq!((&parameters["reason_code"], &parameters["parameter"]), (&json!(reason), &json!(parameter)));
    }
    // Tags of other keys are the client's, as ever.
    let mine = desk.assume(&desk.ann, "Deployer", &tag("Ticket", "4711")).await.credentials();
    assert_eq!(desk.shown(&mine).await["tags"], json!({ "CostCenter": "7", "Ticket": "4711" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_is_named_in_does_not_begin() {
    let desk = Desk::new(|ann| ann.display_name = Some("x".to_owned())).await;
    let named = [("RoleSessionName", "ann-cli")];
    for (name, source, said) in [
        (Some("${directory:mail}"), None, "the directory has no mail for ann"),
        (None, Some("${directory:employee_id}"), "the directory has no employee_id for ann"),
        (None, Some("u-${directory:tag/No Such}"), "the directory has no tag/No Such for ann"),
        (Some("${directory:display_name}"), None, "no display_name of at least 2 characters for ann"),
    ] {
        desk.templates(name, source, &[]);
        desk.assume(&desk.ann, "Deployer", &named).await.refuses("AccessDenied", said);
        let reason = if said.contains("at least 2") { "attribute_unusable" } else { "attribute_missing" };
        assert_eq!(desk.last_failure()["requestParameters"]["reason_code"], reason, "{said}");
    }
    desk.templates(None, None, &[("Mail", "${directory:mail}")]);
    let session = desk.assume(&desk.ann, "Deployer", &named).await.credentials();
    assert_eq!(desk.shown(&session).await["tags"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_see_what_is_stated_and_a_role_has_to_allow_tags() {
    let desk = Desk::new(|ann| drop(ann.tags.insert("CostCenter".to_owned(), "7".to_owned()))).await;
    desk.templates(Some(NAME), None, &[("CostCenter", "${directory:tag/CostCenter}")]);
    let ann = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:user/ann") });
    let trust = |actions: &[&str], center: &str| {
        let condition =
            json!({ "StringEquals": { "aws:RequestTag/CostCenter": center, "sts:RoleSessionName": "ann" } });
        json!([{ "Effect": "Allow", "Action": actions, "Principal": ann, "Condition": condition }])
    };
    let tagging = ["sts:AssumeRole", "sts:TagSession"];
    desk.office.role("Seven", trust(&tagging, "7"), json!([])).await;
    desk.office.role("Eight", trust(&tagging, "8"), json!([])).await;
    desk.office.role("Untagged", trust(&tagging[..1], "7"), json!([])).await;
    desk.office.role("Assigned", json!([]), json!([])).await;
    desk.office.put("/v1/roles/Assigned/assigned/user/ann", json!({})).await;
    for (role, said) in [("Eight", "sts:AssumeRole"), ("Untagged", "does not allow the sts:TagSession action")] {
        desk.assume(&desk.ann, role, &[]).await.refuses("AccessDenied", said);
    }
    for role in ["Seven", "Assigned"] {
        let session = desk.assume(&desk.ann, role, &[]).await.credentials();
        assert_eq!(desk.office.who_is(&session).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_goes_on_is_no_way_around() {
    let desk = Desk::new(|ann| drop(ann.tags.insert("CostCenter".to_owned(), "7".to_owned()))).await;
    let before = [
        ("RoleSessionName", "ann-cli"),
        ("Tags.member.1.Key", "costCenter"),
        ("Tags.member.1.Value", "8"),
        ("TransitiveTagKeys.member.1", "costCenter"),
    ];
    let old = desk.assume(&desk.ann, "Deployer", &before).await.credentials();
    desk.templates(None, None, &[("CostCenter", "${directory:tag/CostCenter}")]);
    let named = [("RoleSessionName", "ann-cli")];
    desk.assume(&old, "Next", &named).await.refuses("AccessDenied", "the tag CostCenter is `8`");
    let marked = [
        ("RoleSessionName", "ann-cli"),
        ("Tags.member.1.Key", "CostCenter"),
        ("Tags.member.1.Value", "7"),
        ("TransitiveTagKeys.member.1", "CostCenter"),
    ];
    let first = desk.assume(&desk.ann, "Deployer", &marked).await.credentials();
    let next = desk.assume(&first, "Next", &named).await.credentials();
    assert_eq!(desk.shown(&next).await["tags"], json!({ "CostCenter": "7" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_a_loop_do_not_fill_the_log() {
    let desk = Desk::new(|_| {}).await;
    desk.templates(Some(NAME), None, &[]);
    let mut written = std::collections::BTreeSet::new();
    for _ in 0..130 {
        let told = desk.assume(&desk.ann, "Deployer", &[("RoleSessionName", "bob")]).await;
        assert_eq!(told.status / 100, 4, "{}", told.xml);
        written.insert(desk.office.last_record());
    }
    assert_eq!(written.len(), 100);
}
