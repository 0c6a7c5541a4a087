//! Reports, providers and tags through the IAM Query API: signed as clients sign, read by the parser of botocore.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bailey::admin::iam::reports::PEOPLE_A_CALL;
use bailey::authn::local::Role;
use bailey::base::Timestamp;
use bailey::base::network::Networks;
use bailey::cli::client::ClientError;
use bailey::http::hosts::Hosts;
use bailey::http::public::{self, Public, Settings};
use bailey::http::serve::Ending;
use bailey::iam::actions;
use bailey::model::MemberKind;
use bailey::store::{Row, rows, schema};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bed::signer::Credentials;
use crate::credentials::sound;
use crate::fixture::{Fixture, Served};

const NAME: &str = "bailey.test";
const ACCOUNT: &str = "123456789012";

/// Debian's own, which has the botocore that `.ci/tools` installs.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/botocore_parse.py");

/// botocore, reading answers.
struct Parser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Parser {
    fn new() -> Self {
        let mut command = Command::new(PYTHON);
        command.arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("/usr/bin/python3 is there: apt-get install python3 python3-botocore");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.to, "{question}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line} for {question}"))
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Office {
    fixture: Fixture,
    served: Served,
    address: std::net::SocketAddr,
    parser: Parser,
    root: Credentials,
}

impl Office {
    async fn new() -> Self {
        let fixture = Fixture::new(Some(Role::Operator));
        let served = fixture.serve().await;
        let listen = "127.0.0.1:0".parse().unwrap();
        let hosts = Hosts::new([NAME.parse().unwrap()], listen);
        let settings = Settings {
            listen,
            tls: None,
            trusted_proxies: Networks::new(Vec::new()),
            hosts: Some(hosts),
            section: "https",
        };
        let listener = Public::bind(&settings).await.unwrap();
        let address = listener.front().address();
        let router = public::router(std::sync::Arc::clone(&fixture.app));
        tokio::spawn(listener.serve(router, Ending::default()));
        let made: Value = served.client.post("/v1/init", &json!({})).await.unwrap();
        let root = credentials(&made);
        Self { fixture, served, address, parser: Parser::new(), root }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.served.client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        self.served.client.put(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A local user with an access key and these policies.
    async fn user(&self, name: &str, policies: &[&str]) -> Credentials {
        self.post("/v1/users", json!({ "name": name })).await;
        for policy in policies {
            self.put(&format!("/v1/users/{name}/policies/{policy}"), json!({})).await;
        }
        credentials(&self.post(&format!("/v1/users/{name}/access-keys"), json!({})).await)
    }

    fn pass(&self, seconds: i64) {
        let now = self.fixture.app.clock.now();
        self.fixture.clock.set(Timestamp::from_second(now.as_second() + seconds).unwrap());
    }

    /// Signs, sends, and answers status and body.
    async fn send(&self, who: &Credentials, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        // The same request does not change something twice.
        self.pass(1);
        let form = [("Action", action), ("Version", "2010-05-08")];
        let body: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form.iter().chain(parameters)).finish();
        let headers = who.sign(NAME, "iam", &body, self.fixture.app.clock.now());
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text =
            format!("POST / HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What an SDK makes of the answer.
    async fn asks(&mut self, who: &Credentials, action: &str, parameters: &[(&str, &str)]) -> Value {
        let (status, body) = self.send(who, action, parameters).await;
        self.parser.ask(&json!({"operation": action, "status": status, "body": body}))
    }

    /// As root, and it is done.
    async fn done(&mut self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.asks(&self.root.clone(), action, parameters).await;
        assert!(answer.get("Error").is_none(), "{action} {parameters:?}: {answer}");
        answer
    }

    /// As root, and it is refused: status and code.
    async fn refused(&mut self, action: &str, parameters: &[(&str, &str)]) -> (u64, String) {
        let answer = self.asks(&self.root.clone(), action, parameters).await;
        let status = answer["ResponseMetadata"]["HTTPStatusCode"].as_u64();
        let code = answer["Error"]["Code"].as_str().unwrap_or_else(|| panic!("{action} {parameters:?}: {answer}"));
        (status.unwrap_or_default(), code.to_owned())
    }

    /// What a verb prints, over the socket: that it ended well, standard output, standard error.
    fn verb(&self, words: &[&str]) -> (bool, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        let output = command.arg("--socket").arg(self.fixture.path()).args(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// What a verb prints that ends well.
    fn prints(&self, words: &[&str]) -> String {
        let (well, printed, said) = self.verb(words);
        assert!(well, "{words:?}: {said}");
        printed
    }

    /// The lines of the credential report.
    async fn report(&mut self) -> Vec<String> {
        let answer = self.done("GetCredentialReport", &[]).await;
        assert_eq!(answer["ReportFormat"], "text/csv");
        answer["Content"].as_str().unwrap().lines().map(str::to_owned).collect()
    }
}

fn credentials(made: &Value) -> Credentials {
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    Credentials { id: text("id"), secret: text("secret"), token: None }
}

fn refusal(status: u64, code: &str) -> (u64, String) {
    (status, code.to_owned())
}

/// The values of one member of each structure.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[member].as_str().unwrap()).collect()
}

fn document(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

/// A document as answers encode it.
fn decoded(text: &Value) -> Value {
    let text = percent_encoding::percent_decode_str(text.as_str().unwrap()).decode_utf8().unwrap();
    serde_json::from_str(&text).unwrap()
}

/// IAM User Guide, "Getting credential reports for your AWS account".
const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_report_has_the_columns_of_aws_and_lasts_four_hours() {
    let mut office = Office::new().await;
    assert_eq!(office.refused("GetCredentialReport", &[]).await, refusal(410, "ReportNotPresent"));
    let ann = office.user("ann", &["ReadOnlyAccess"]).await;
    let second: Value = office.post("/v1/users/ann/access-keys", json!({})).await;
    let path = format!("/v1/users/ann/access-keys/{}", second["id"].as_str().unwrap());
    office.post(&path, json!({"active": false})).await;
    office.put("/v1/password-policy", json!({"minimum_length": 12, "max_age_days": 30})).await;
    office.post("/v1/users/ann/password", json!({"password": "correct horse battery staple"})).await;
    office.post("/v1/users", json!({"name": "doe,john", "path": "/firm/"})).await;
    office.post("/v1/users", json!({"name": "zoe"})).await;
    // As if a directory knew her.
    office.fixture.tiny.tamper(|rows| {
        for (_, row) in rows.iter_mut().filter(|(key, _)| key.first() == Some(&b'U')) {
            let text = String::from_utf8_lossy(&row.value[16..]).into_owned();
            if text.contains("\"zoe\"") {
                let text = text.replace("\"directory\":\"local\"", "\"directory\":\"corp\"");
                row.value = [row.value[..16].to_vec(), text.into_bytes()].concat();
            }
        }
    });
    assert!(office.asks(&ann, "ListUsers", &[]).await["Users"].is_array());

    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "COMPLETE");
    let lines = office.report().await;
    assert_eq!(lines[0], COLUMNS);
    // The store of this fixture keeps no journal, so it does not know since when somebody bears a name.
    let (born, root_made, made) =
        ("1970-01-01T00:00:00+00:00", "2026-03-12T12:00:00+00:00", "2026-03-12T12:00:01+00:00");
    let nothing = "false,N/A,N/A,N/A,N/A";
    let certificates = "false,N/A,false,N/A";
    assert!(
        lines[1].starts_with(&format!(
            "<root_account>,arn:aws:iam::{ACCOUNT}:root,{root_made},not_supported,N/A,not_supported,not_supported,false,true,{root_made},"
        )),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with(&format!("us-east-1,iam,{nothing},{certificates}")), "{}", lines[1]);
    let (day, used) = ("2026-04-11T12:00:01+00:00", "2026-03-12T12:00:00+00:00,us-east-1,iam");
    let keys = format!("true,{made},{used},false,{made},N/A,N/A,N/A");
    let keys_the_other_way = format!("false,{made},N/A,N/A,N/A,true,{made},{used}");
    let ann_has = |keys: &str| {
        format!(
            "ann,arn:aws:iam::{ACCOUNT}:user/ann,{born},true,no_information,{made},{day},false,{keys},{certificates}"
        )
    };
    assert!([ann_has(&keys), ann_has(&keys_the_other_way)].contains(&lines[2]), "{}", lines[2]);
    assert_eq!(
        lines[3],
        format!(
            "\"doe,john\",\"arn:aws:iam::{ACCOUNT}:user/firm/doe,john\",{born},false,N/A,N/A,N/A,false,{nothing},{nothing},{certificates}"
        )
    );
    assert_eq!(
        lines[4],
        format!(
            "zoe,arn:aws:iam::{ACCOUNT}:user/zoe,{born},not_supported,N/A,not_supported,not_supported,false,{nothing},{nothing},{certificates}"
        )
    );
    assert_eq!(lines.len(), 5);

    // It stays as it is for four hours, whatever happens, and is gone then.
    office.post("/v1/users", json!({"name": "bob"})).await;
    office.pass(4 * 3600 - 60);
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "COMPLETE");
    assert_eq!(office.report().await, lines);
    office.pass(60);
    office.fixture.app.admin.settle_reports(office.fixture.app.clock.now());
    assert_eq!(office.refused("GetCredentialReport", &[]).await, refusal(410, "ReportExpired"));
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "COMPLETE");
    assert_eq!(office.report().await.len(), 6);
    let shown: Value = office.served.client.get("/v1/credential-report").await.unwrap();
    assert!(shown["content"].as_str().unwrap().contains("\nbob,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_many_people_is_put_together_call_by_call() {
    let mut office = Office::new().await;
    office.post("/v1/users", json!({"name": "template"})).await;
    let people = PEOPLE_A_CALL + 600;
    office.fixture.tiny.tamper(|rows| {
        let (_, model) = rows.iter().find(|(key, _)| key.first() == Some(&b'U')).unwrap();
        let (revision, text) = (model.revision, String::from_utf8_lossy(&model.value[16..]).into_owned());
        let id: Value = serde_json::from_str::<Value>(&text).unwrap()["id"].clone();
        for number in 1..people {
            let mut bytes = [7_u8; 16];
            bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let name = format!("p{number:06}");
            let text = text.replace(id.as_str().unwrap(), &hex::encode(bytes)).replace("template", &name);
            let key = schema::entity(&bailey::model::Member::from_parts(MemberKind::User, bytes));
            rows.insert(key, Row { revision, value: rows::encode(&rows::NO_DIGEST, text.as_bytes()) });
            rows.insert(schema::name(MemberKind::User, &name), Row { revision, value: bytes.to_vec() });
        }
    });
    let begun = office.done("GenerateCredentialReport", &[]).await;
    assert_eq!(begun["State"], "STARTED");
    assert!(begun["Description"].as_str().unwrap().contains("COMPLETE"));
    assert_eq!(office.refused("GetCredentialReport", &[]).await, refusal(404, "ReportInProgress"));
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "COMPLETE");
    let lines = office.report().await;
    assert_eq!(lines.len(), people + 2);
    let names: BTreeSet<&str> = lines.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(names.len(), lines.len(), "nobody is there twice");

    // What was begun and left lying is begun anew.
    office.pass(4 * 3600);
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "STARTED");
    office.pass(4 * 3600);
    assert_eq!(office.refused("GetCredentialReport", &[]).await, refusal(410, "ReportExpired"));
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "STARTED");
    assert_eq!(office.done("GenerateCredentialReport", &[]).await["State"], "COMPLETE");
}

/// Users, groups, roles and policies with something of everything.
async fn company(office: &Office) {
    office.post("/v1/policies", json!({"name": "own", "path": "/app/", "document": document("s3:Get*")})).await;
    let second = json!({"document": document("ec2:*"), "set_as_default": true});
    office.post("/v1/policies/own/versions", second).await;
    office.post("/v1/groups", json!({"name": "team"})).await;
    office.put("/v1/groups/team/policies/own", json!({})).await;
    office.put("/v1/groups/team/inline/more", json!({"document": document("sqs:Send*")})).await;
    let new = json!({"name": "ann", "path": "/firm/", "tags": {"k": "v"}, "boundary": "ReadOnlyAccess"});
    office.post("/v1/users", new).await;
    office.post("/v1/users", json!({"name": "bob"})).await;
    office.put("/v1/groups/team/members/ann", json!({})).await;
    office.put("/v1/users/ann/inline/mine", json!({"document": document("sns:*")})).await;
    office.post("/v1/roles", json!({"name": "deploy", "tags": {"stage": "test"}, "boundary": "own"})).await;
    office.put("/v1/roles/deploy/inline/do", json!({"document": document("iam:*")})).await;
    office.post("/v1/instance-profiles", json!({"name": "web"})).await;
    office.put("/v1/instance-profiles/web/role/deploy", json!({})).await;
}

const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

#[tokio::test(flavor = "multi_thread")]
async fn the_details_of_an_account_are_whole_on_pages_of_any_size() {
    let mut office = Office::new().await;
    company(&office).await;
    let all = office.done("GetAccountAuthorizationDetails", &[]).await;
    assert_eq!(all["IsTruncated"], false);
    let ann = &all["UserDetailList"][0];
    assert_eq!(
        (&ann["UserName"], &ann["Path"], &ann["GroupList"]),
        (&json!("ann"), &json!("/firm/"), &json!(["team"]))
    );
    assert_eq!(ann["PermissionsBoundary"]["PermissionsBoundaryArn"], "arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert_eq!(ann["Tags"], json!([{"Key": "k", "Value": "v"}]));
    assert_eq!(ann["UserPolicyList"][0]["PolicyName"], "mine");
    assert_eq!(decoded(&ann["UserPolicyList"][0]["PolicyDocument"]), document("sns:*"));
    let team = &all["GroupDetailList"][0];
    assert_eq!(each(&team["AttachedManagedPolicies"], "PolicyArn"), [format!("arn:aws:iam::{ACCOUNT}:policy/app/own")]);
    assert_eq!(decoded(&team["GroupPolicyList"][0]["PolicyDocument"]), document("sqs:Send*"));
    let role = &all["RoleDetailList"][0];
    assert_eq!(each(&role["InstanceProfileList"], "InstanceProfileName"), ["web"]);
    assert_eq!(each(&role["InstanceProfileList"][0]["Roles"], "RoleName"), ["deploy"]);
    assert_eq!(decoded(&role["RolePolicyList"][0]["PolicyDocument"]), document("iam:*"));
    assert!(decoded(&role["AssumeRolePolicyDocument"])["Statement"].is_array());
    assert_eq!(role["Tags"], json!([{"Key": "stage", "Value": "test"}]));
    let own = &all["Policies"][0];
    assert_eq!((&own["PolicyName"], &own["DefaultVersionId"]), (&json!("own"), &json!("v2")));
    assert_eq!(each(&own["PolicyVersionList"], "VersionId"), ["v2", "v1"]);
    assert_eq!(decoded(&own["PolicyVersionList"][0]["Document"]), document("ec2:*"));

    for size in 1..=9_usize {
        let (mut marker, mut found, size) = (None::<String>, BTreeMap::<&str, Vec<Value>>::new(), size.to_string());
        loop {
            let mut parameters = vec![("MaxItems", size.as_str())];
            parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let page = office.done("GetAccountAuthorizationDetails", &parameters).await;
            let count: usize = LISTS.iter().map(|list| page[*list].as_array().unwrap().len()).sum();
            assert!(count <= size.parse().unwrap() && count > 0, "{count}");
            for list in LISTS {
                found.entry(list).or_default().extend(page[list].as_array().unwrap().iter().cloned());
            }
            marker = page["Marker"].as_str().map(str::to_owned);
            assert_eq!(page["IsTruncated"], marker.is_some());
            if marker.is_none() {
                break;
            }
        }
        for list in LISTS {
            assert_eq!(json!(found[list]), all[list], "{list} in pages of {size}");
        }
    }

    let filtered = [("Filter.member.1", "LocalManagedPolicy"), ("Filter.member.2", "Group")];
    let some = office.done("GetAccountAuthorizationDetails", &filtered).await;
    assert_eq!(each(&some["Policies"], "PolicyName"), ["own"]);
    assert_eq!(some["GroupDetailList"], all["GroupDetailList"]);
    assert!(some["UserDetailList"].as_array().unwrap().is_empty());
    for wrong in [("Filter.member.1", "Everything"), ("Marker", "x"), ("MaxItems", "1001")] {
        let refused = office.refused("GetAccountAuthorizationDetails", &[wrong]).await;
        assert_eq!(refused, refusal(400, "ValidationError"), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_details_of_an_account_are_printed_whole_a_line_each() {
    let mut office = Office::new().await;
    company(&office).await;
    let whole: Value = office.served.client.get("/v1/account/details").await.unwrap();
    assert_eq!(whole["next"], Value::Null);
    let items = whole["items"].as_array().unwrap();
    let named = |kind: &str| -> Vec<&str> {
        items.iter().filter(|item| item["kind"] == kind).map(|item| item["name"].as_str().unwrap()).collect()
    };
    let api = office.done("GetAccountAuthorizationDetails", &[]).await;
    assert_eq!(named("user"), each(&api["UserDetailList"], "UserName"));
    assert_eq!(named("group"), each(&api["GroupDetailList"], "GroupName"));
    assert_eq!(named("role"), each(&api["RoleDetailList"], "RoleName"));
    assert_eq!([named("policy"), named("template")].concat(), each(&api["Policies"], "PolicyName"));
    let one = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let ann = one("user");
    assert_eq!((&ann["arn"], &ann["groups"]), (&json!(arn("user/firm/ann")), &json!(["team"])));
    assert_eq!(ann["entitlements"]["boundary"], "arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert_eq!(ann["entitlements"]["inline"]["mine"], document("sns:*"));
    assert_eq!(one("group")["entitlements"]["attached"], json!([arn("policy/app/own")]));
    assert_eq!(one("role")["instance_profiles"][0]["name"], "web");
    assert_eq!(one("role")["entitlements"]["inline"]["do"], document("iam:*"));
    let own = one("policy");
    assert_eq!((&own["attached"], &own["boundaries"], &own["default_version"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(own["documents"], json!({"1": document("s3:Get*"), "2": document("ec2:*")}));

    for size in 1..=9 {
        let (mut after, mut found) = (String::new(), Vec::<Value>::new());
        loop {
            let path = format!("/v1/account/details?limit={size}{after}");
            let page: Value = office.served.client.get(&path).await.unwrap();
            let items = page["items"].as_array().unwrap();
            assert!((1..=size).contains(&items.len()), "{path}");
            found.extend(items.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={}", bailey::cli::session::encoded(next));
        }
        assert_eq!(&found, items, "in pages of {size}");
    }
    let kinds: Value = office.served.client.get("/v1/account/details?kinds=policy,group").await.unwrap();
    assert_eq!(each(&kinds["items"], "name"), ["team", "own"]);
    for wrong in ["kinds=resource", "kinds=", "after=x", "after=resource/x", "limit=0", "limit=1001", "kind=user"] {
        let path = format!("/v1/account/details?{wrong}");
        let refused = office.served.client.get::<Value>(&path).await.unwrap_err();
        assert!(
            matches!(&refused, ClientError::Refused(error) if error.code == "InvalidRequest"),
            "{wrong}: {refused}"
        );
    }

    let profiles = office.prints(&["instance-profile", "list", "--role", "deploy"]);
    assert!(profiles.lines().count() == 2 && profiles.contains("\nweb "), "{profiles}");
    let (well, _, said) = office.verb(&["instance-profile", "list", "--role", "nothing"]);
    assert!(!well && said.contains("there is no role `nothing`"), "{said}");

    let lines = |text: String| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    assert_eq!(&lines(office.prints(&["account", "details"])), items);
    let some = lines(office.prints(&["account", "details", "--kind", "group", "--kind", "policy", "--output", "json"]));
    assert_eq!(json!(some), kinds["items"]);

    // Documents of many lines, more of them than a page holds.
    let spread = serde_json::to_string_pretty(&document("s3:Get*")).unwrap().replace('\n', &"\n".repeat(2_000));
    let spread = serde_json::value::RawValue::from_string(spread).unwrap();
    let names: Vec<String> = (0..17).map(|number| format!("wide{number:02}")).collect();
    for name in &names {
        office.post("/v1/policies", json!({"name": name, "document": document("s3:*")})).await;
        for _ in 0..4 {
            let path = format!("/v1/policies/{name}/versions");
            let new = BTreeMap::from([("document", &spread)]);
            let _: Value = office.served.client.post(&path, &new).await.unwrap();
        }
    }
    let first: Value = office.served.client.get("/v1/account/details?kinds=policy&limit=1000").await.unwrap();
    assert!(first["next"].is_string(), "a page ends early where its documents get large");
    let policies = lines(office.prints(&["account", "details", "--kind", "policy"]));
    let printed: Vec<&str> = policies.iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    assert_eq!(printed, std::iter::once("own").chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
    assert_eq!(policies[17]["documents"]["5"], document("s3:Get*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_told_at_the_terminal_as_by_the_api() {
    let mut office = Office::new().await;
    company(&office).await;
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let own = arn("policy/app/own");
    let key = credentials(&office.post("/v1/users/ann/access-keys", json!({})).await);
    office.put("/v1/users/ann/inline/mine", json!({"document": document("iam:Get*")})).await;
    office.send(&key, "GetAccountSummary", &[]).await;

    let granting = ["policy", "granting", "user/ann", "ec2", "sqs", "rds"];
    let lines = [
        format!("SERVICE  POLICY{}INLINE ON", " ".repeat(own.len() - "POLICY".len() + 2)),
        format!("ec2      {own}"),
        format!("sqs      more{}group/team", " ".repeat(own.len() - "more".len() + 2)),
        "rds      none".to_owned(),
    ];
    assert_eq!(office.prints(&granting).lines().collect::<Vec<_>>(), lines);
    let shown: Value = serde_json::from_str(&office.prints(&[&granting[..], &["--output", "json"]].concat())).unwrap();
    let expected = json!([
        {"service": "ec2", "policies": [{"type": "managed", "arn": own}]},
        {"service": "sqs", "policies": [{"type": "inline", "name": "more", "kind": "group", "on": "team"}]},
        {"service": "rds", "policies": []},
    ]);
    assert_eq!(shown, expected);

    let used = "2026-03-12T12:00";
    let by_name = office.prints(&["policy", "last-accessed", "user/ann"]);
    let lines: Vec<Vec<&str>> = by_name.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["SERVICE", "LAST", "USED", "BY", "REGION", "USERS"]);
    assert_eq!((&lines[1][..], &lines[3][..], lines.len()), (&["ec2", "0"][..], &["sqs", "0"][..], 4), "{by_name}");
    assert!(lines[2][1].starts_with(used), "{by_name}");
    assert_eq!((lines[2][0], &lines[2][2..]), ("iam", &["ann", "us-east-1", "1"][..]));
    assert_eq!(office.prints(&["policy", "last-accessed", &arn("user/firm/ann")]), by_name);
    let json = office.prints(&["policy", "last-accessed", "user/ann", "--output", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["name"], "AWS Identity and Access Management");
    assert_eq!((&json[1]["last"]["arn"], &json[1]["users"]), (&json!(arn("user/firm/ann")), &json!(1)));
    assert_eq!(each(&json, "service"), ["ec2", "iam", "sqs"]);

    // Of a group, a role and a policy as well.
    office.put("/v1/groups/team/inline/more", json!({"document": document("iam:*")})).await;
    let users = office.prints(&["policy", "last-accessed", "group/team", "--users", "IAM"]);
    assert_eq!(users.lines().count(), 2, "{users}");
    assert!(users.lines().nth(1).is_some_and(|line| line.starts_with("ann ") && line.ends_with("user/firm/ann")));
    assert!(office.prints(&["policy", "last-accessed", "role/deploy"]).contains("\niam "));
    assert!(office.prints(&["policy", "last-accessed", "policy/own"]).contains("\nec2 "));

    for (words, expected) in [
        (&["policy", "last-accessed", "user/nobody"][..], "there is no user `nobody`"),
        (&["policy", "last-accessed", "user/ann", "--users", "rds"], "there is no service `rds` in that job"),
        (&["policy", "last-accessed", "arn:aws:iam::123456789012:root"], "give the ARN of one in this account"),
        (&["policy", "granting", "policy/own", "s3"], "give the ARN of one in this account"),
        (&["policy", "granting", "user/ann", "s3:GetObject"], "`s3:GetObject` is none"),
    ] {
        let (well, printed, said) = office.verb(words);
        assert!(!well && printed.is_empty() && said.contains(expected), "{words:?}: {printed}{said}");
    }
    let many = json!({"arn": own, "services": vec!["s3"; 201]});
    let refused = office.served.client.post::<Value>("/v1/policies-granting", &many).await.unwrap_err();
    assert!(refused.to_string().contains("1 to 200 services"), "{refused}");

    // A job is for whoever asked for it, on whichever way, and for a day.
    let job: Value = office.post("/v1/last-accessed", json!({"arn": own})).await;
    let job = job["job"].as_str().unwrap();
    let path = format!("/v1/last-accessed/{job}");
    assert!(office.served.client.get::<Value>(&path).await.is_ok());
    assert_eq!(office.refused("GetServiceLastAccessedDetails", &[("JobId", job)]).await, refusal(404, "NoSuchEntity"));
    office.pass(24 * 3600);
    let refused = office.served.client.get::<Value>(&path).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(error) if error.code == "NotFound"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_told_by_the_policies_that_grant_them_and_by_their_last_use() {
    let mut office = Office::new().await;
    company(&office).await;
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let (ann, team, own) = (arn("user/firm/ann"), arn("group/team"), arn("policy/app/own"));
    let services = [
        ("ServiceNamespaces.member.1", "ec2"),
        ("ServiceNamespaces.member.2", "sqs"),
        ("ServiceNamespaces.member.3", "rds"),
    ];
    for who in [&ann, &team] {
        let asked: Vec<(&str, &str)> = [("Arn", who.as_str())].into_iter().chain(services).collect();
        let granting = office.done("ListPoliciesGrantingServiceAccess", &asked).await;
        assert_eq!(
            granting["PoliciesGrantingServiceAccess"],
            json!([
                {"ServiceNamespace": "ec2", "Policies": [{"PolicyName": "own", "PolicyType": "MANAGED", "PolicyArn": own}]},
                {"ServiceNamespace": "sqs", "Policies":
                    [{"PolicyName": "more", "PolicyType": "INLINE", "EntityType": "GROUP", "EntityName": "team"}]},
                {"ServiceNamespace": "rds", "Policies": []},
            ]),
            "{who}"
        );
    }
    for (wrong, expected) in [
        (vec![("Arn", "arn:aws:iam::123456789012:user/nobody"), services[0]], refusal(404, "NoSuchEntity")),
        (vec![("Arn", own.as_str()), services[0]], refusal(404, "NoSuchEntity")),
        (vec![("Arn", ann.as_str())], refusal(400, "ValidationError")),
        (vec![("Arn", ann.as_str()), ("ServiceNamespaces.member.1", "a b")], refusal(400, "ValidationError")),
    ] {
        assert_eq!(office.refused("ListPoliciesGrantingServiceAccess", &wrong).await, expected, "{wrong:?}");
    }

    let key = credentials(&office.post("/v1/users/ann/access-keys", json!({})).await);
    office.put("/v1/users/ann/inline/mine", json!({"document": document("iam:Get*")})).await;
    office.send(&key, "GetAccountSummary", &[]).await;
    let used = format!("{:.0}", office.fixture.app.clock.now());
    for (subject, names) in [(&ann, vec!["ec2", "iam", "sqs"]), (&team, vec!["ec2", "sqs"]), (&own, vec!["ec2"])] {
        let job = office.done("GenerateServiceLastAccessedDetails", &[("Arn", subject)]).await["JobId"].clone();
        let job = job.as_str().unwrap();
        assert_eq!(job.len(), 36);
        let details = office.done("GetServiceLastAccessedDetails", &[("JobId", job)]).await;
        assert_eq!((&details["JobStatus"], &details["JobType"]), (&json!("COMPLETED"), &json!("SERVICE_LEVEL")));
        assert_eq!(each(&details["ServicesLastAccessed"], "ServiceNamespace"), names, "{subject}");
        for service in details["ServicesLastAccessed"].as_array().unwrap() {
            if service["ServiceNamespace"] == "iam" {
                assert_eq!(service["ServiceName"], "AWS Identity and Access Management");
                assert_eq!(service["LastAuthenticatedEntity"], json!(ann));
                assert_eq!(service["TotalAuthenticatedEntities"], 1);
                let at = service["LastAuthenticated"].as_str().unwrap();
                assert_eq!(&at[..16], &used[..16]);
            } else {
                assert_eq!(service["LastAuthenticated"], Value::Null, "nobody told us of {service}");
            }
        }
        let asked = [("JobId", job), ("MaxItems", "1")];
        let first = office.done("GetServiceLastAccessedDetails", &asked).await;
        assert_eq!(first["IsTruncated"], names.len() > 1);
    }

    // Of a group and of a policy, those who are meant are found by the keys that were used.
    office.put("/v1/groups/team/inline/more", json!({"document": document("iam:*")})).await;
    let action = [("Arn", team.as_str()), ("Granularity", "ACTION_LEVEL")];
    let job = office.done("GenerateServiceLastAccessedDetails", &action).await["JobId"].clone();
    let asked = [("JobId", job.as_str().unwrap()), ("ServiceNamespace", "iam")];
    let entities = office.done("GetServiceLastAccessedDetailsWithEntities", &asked).await;
    assert_eq!(entities["EntityDetailsList"][0]["EntityInfo"]["Arn"], json!(ann));
    assert_eq!(entities["EntityDetailsList"].as_array().unwrap().len(), 1);
    let other = [("JobId", job.as_str().unwrap()), ("ServiceNamespace", "rds")];
    assert_eq!(office.refused("GetServiceLastAccessedDetailsWithEntities", &other).await, refusal(404, "NoSuchEntity"));

    // A job is for whoever asked for it, and for a day.
    let reader = office.user("reader", &["ReadOnlyAccess"]).await;
    let theirs = office.asks(&reader, "GetServiceLastAccessedDetails", &asked[..1]).await;
    assert_eq!(theirs["Error"]["Code"], "NoSuchEntity", "{theirs}");
    office.pass(24 * 3600);
    assert_eq!(office.refused("GetServiceLastAccessedDetails", &asked[..1]).await, refusal(404, "NoSuchEntity"));
    let wrong = [("Arn", "arn:aws:iam::123456789012:root")];
    assert_eq!(office.refused("GenerateServiceLastAccessedDetails", &wrong).await, refusal(404, "NoSuchEntity"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_connect_provider_is_described_changed_and_deleted() {
    let mut office = Office::new().await;
    let print = "AB".repeat(20);
    let new = [
        ("Url", "https://Login.Example/realm/A"),
        ("ClientIDList.member.1", "app"),
        ("ThumbprintList.member.1", print.as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
    ];
    let made = office.done("CreateOpenIDConnectProvider", &new).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example/realm/A");
    assert_eq!((&made["OpenIDConnectProviderArn"], &made["Tags"][0]["Key"]), (&json!(arn), &json!("team")));
    assert_eq!(office.refused("CreateOpenIDConnectProvider", &new).await, refusal(409, "EntityAlreadyExists"));
    let it = ("OpenIDConnectProviderArn", arn.as_str());
    for client in ["web", "web", "app"] {
        office.done("AddClientIDToOpenIDConnectProvider", &[it, ("ClientID", client)]).await;
    }
    let other = "cd".repeat(20);
    office.done("UpdateOpenIDConnectProviderThumbprint", &[it, ("ThumbprintList.member.1", &other)]).await;
    for _ in 0..2 {
        office.done("RemoveClientIDFromOpenIDConnectProvider", &[it, ("ClientID", "app")]).await;
    }
    let more = [it, ("Tags.member.1.Key", "stage"), ("Tags.member.1.Value", "test")];
    office.done("TagOpenIDConnectProvider", &more).await;
    office.done("UntagOpenIDConnectProvider", &[it, ("TagKeys.member.1", "team")]).await;
    let shown = office.done("GetOpenIDConnectProvider", &[it]).await;
    assert_eq!(
        (&shown["Url"], &shown["ClientIDList"], &shown["ThumbprintList"]),
        (&json!("login.example/realm/A"), &json!(["web"]), &json!([other]))
    );
    let tags = json!([{"Key": "stage", "Value": "test"}]);
    assert_eq!(office.done("ListOpenIDConnectProviderTags", &[it]).await["Tags"], tags);
    assert_eq!(shown["Tags"], tags);
    assert_eq!(each(&office.done("ListOpenIDConnectProviders", &[]).await["OpenIDConnectProviderList"], "Arn"), [&arn]);
    for number in 0..99 {
        office.done("AddClientIDToOpenIDConnectProvider", &[it, ("ClientID", &format!("c{number}"))]).await;
    }
    let (long, missing) = ("x".repeat(256), format!("{arn}x"));
    for (action, parameters, expected) in [
        ("AddClientIDToOpenIDConnectProvider", vec![it, ("ClientID", "one more")], refusal(409, "LimitExceeded")),
        ("AddClientIDToOpenIDConnectProvider", vec![it, ("ClientID", &long)], refusal(400, "ValidationError")),
        ("CreateOpenIDConnectProvider", vec![("Url", "http://login.example")], refusal(400, "ValidationError")),
        ("CreateOpenIDConnectProvider", vec![("Url", "https://login.example:8443")], refusal(400, "ValidationError")),
        (
            "UpdateOpenIDConnectProviderThumbprint",
            vec![it, ("ThumbprintList.member.1", "ab")],
            refusal(400, "ValidationError"),
        ),
        ("GetOpenIDConnectProvider", vec![("OpenIDConnectProviderArn", &missing)], refusal(404, "NoSuchEntity")),
        ("TagOpenIDConnectProvider", vec![it, ("Tags.member.1.Key", "aws:x")], refusal(400, "InvalidInput")),
    ] {
        assert_eq!(office.refused(action, &parameters).await, expected, "{action} {parameters:?}");
    }
    sound(&office.fixture);

    // No spelling slips past a Deny, and who may read may not write.
    let deny = json!({"Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example/*")}]});
    let kept_out = office.user("kept-out", &[]).await;
    office.put("/v1/users/kept-out/inline/p", json!({ "document": deny })).await;
    for (action, parameters) in [
        ("CreateOpenIDConnectProvider", [("Url", "https://LOGIN.example/realm/b")]),
        ("DeleteOpenIDConnectProvider", [("OpenIDConnectProviderArn", "https://login.EXAMPLE/realm/a")]),
        ("GetOpenIDConnectProvider", [it]),
    ] {
        assert_eq!(office.asks(&kept_out, action, &parameters).await["Error"]["Code"], "AccessDenied", "{action}");
    }
    let elsewhere = [("Url", "https://other.example")];
    assert!(office.asks(&kept_out, "CreateOpenIDConnectProvider", &elsewhere).await.get("Error").is_none());

    for _ in 0..2 {
        office.done("DeleteOpenIDConnectProvider", &[it]).await;
    }
    sound(&office.fixture);
    for number in 0..99 {
        office.post("/v1/oidc-providers", json!({"url": format!("https://p{number}.example")})).await;
    }
    let one_more = [("Url", "https://more.example")];
    assert_eq!(office.refused("CreateOpenIDConnectProvider", &one_more).await, refusal(409, "LimitExceeded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saml_provider_keeps_its_metadata_as_text() {
    let mut office = Office::new().await;
    let metadata = crate::saml_bed::metadata(&[&crate::saml_bed::RSA]).replace("Of a provider.", "\u{e9}");
    let named = ("Name", "adfs");
    let new = [named, ("SAMLMetadataDocument", metadata.as_str()), ("Tags.member.1.Key", "k")];
    let made = office.done("CreateSAMLProvider", &new).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:saml-provider/adfs");
    assert_eq!((&made["SAMLProviderArn"], &made["Tags"][0]["Key"]), (&json!(arn), &json!("k")));
    let it = ("SAMLProviderArn", arn.as_str());
    let shown = office.done("GetSAMLProvider", &[it]).await;
    assert_eq!((&shown["SAMLMetadataDocument"], &shown["ValidUntil"]), (&json!(metadata), &Value::Null));
    let other =
        metadata.replace("idp", "other").replace(" entityID=", " validUntil=\"2027-01-01T00:00:00Z\" entityID=");
    let updated = office.done("UpdateSAMLProvider", &[it, ("SAMLMetadataDocument", &other)]).await;
    assert_eq!(updated["SAMLProviderArn"], json!(arn));
    let shown = office.done("GetSAMLProvider", &[it]).await;
    assert_eq!(
        (&shown["SAMLMetadataDocument"], &shown["ValidUntil"]),
        (&json!(other), &json!("2027-01-01T00:00:00+00:00"))
    );
    assert_eq!(each(&office.done("ListSAMLProviders", &[]).await["SAMLProviderList"], "Arn"), [&arn]);
    office.done("TagSAMLProvider", &[it, ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")]).await;
    office.done("UntagSAMLProvider", &[it, ("TagKeys.member.1", "K")]).await;
    assert_eq!(office.done("ListSAMLProviderTags", &[it]).await["Tags"], json!([{"Key": "a", "Value": "b"}]));
    // Too much of what counts: what does not is left out.
    let endpoint = "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"https://idp.test/sso/";
    let endpoints: String = (0..600).map(|n| format!("{endpoint}{n}\"/>")).collect();
    let long = metadata.replace("</md:IDPSSODescriptor>", &format!("{endpoints}</md:IDPSSODescriptor>"));
    let (nobody, empty) = (metadata.replace("X509Certificate", "X509SerialNumber"), " ".repeat(1_000));
    let certificates = [(); 11].map(|()| crate::saml_bed::Signer::p256());
    let many = crate::saml_bed::metadata(&certificates.each_ref());
    let ten = crate::saml_bed::metadata(&certificates[1..].iter().collect::<Vec<_>>());
    for (action, parameters, expected) in [
        ("CreateSAMLProvider", vec![("Name", "ADFS"), new[1]], refusal(409, "EntityAlreadyExists")),
        ("CreateSAMLProvider", vec![("Name", "a b"), new[1]], refusal(400, "ValidationError")),
        ("CreateSAMLProvider", vec![("Name", "b"), ("SAMLMetadataDocument", "<x/>")], refusal(400, "ValidationError")),
        ("UpdateSAMLProvider", vec![it, ("SAMLMetadataDocument", &long)], refusal(409, "LimitExceeded")),
        ("UpdateSAMLProvider", vec![it, ("SAMLMetadataDocument", &nobody)], refusal(400, "InvalidInput")),
        ("CreateSAMLProvider", vec![("Name", "b"), ("SAMLMetadataDocument", &empty)], refusal(400, "InvalidInput")),
        ("CreateSAMLProvider", vec![("Name", "b"), ("SAMLMetadataDocument", &many)], refusal(409, "LimitExceeded")),
        ("GetSAMLProvider", vec![("SAMLProviderArn", "none")], refusal(404, "NoSuchEntity")),
    ] {
        assert_eq!(office.refused(action, &parameters).await, expected, "{action}");
    }
    office.done("UpdateSAMLProvider", &[it, ("SAMLMetadataDocument", &ten)]).await;
    sound(&office.fixture);
    let listed: Value = office.served.client.get("/v1/saml-providers").await.unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["metadata"]), (&json!("adfs"), &Value::Null));
    office.done("DeleteSAMLProvider", &[it]).await;
    assert_eq!(office.refused("DeleteSAMLProvider", &[it]).await, refusal(404, "NoSuchEntity"));
    sound(&office.fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_profiles_and_devices_have_tags() {
    let mut office = Office::new().await;
    office.done("CreateInstanceProfile", &[("InstanceProfileName", "web")]).await;
    office.done("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "phone")]).await;
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/phone");
    for (kind, it) in
        [("InstanceProfile", ("InstanceProfileName", "web")), ("MFADevice", ("SerialNumber", serial.as_str()))]
    {
        let two = [it, ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "1"), ("Tags.member.2.Key", "b")];
        office.done(&format!("Tag{kind}"), &two).await;
        let listed = format!("List{kind}Tags");
        let page = office.done(&listed, &[it, ("MaxItems", "1")]).await;
        assert_eq!((&page["Tags"], &page["IsTruncated"]), (&json!([{"Key": "a", "Value": "1"}]), &json!(true)));
        office.done(&format!("Untag{kind}"), &[it, ("TagKeys.member.1", "a"), ("TagKeys.member.2", "none")]).await;
        assert_eq!(office.done(&listed, &[it]).await["Tags"], json!([{"Key": "b", "Value": ""}]));
        assert_eq!(office.refused(&listed, &[(it.0, "none")]).await, refusal(404, "NoSuchEntity"));
    }
    let profile = office.done("GetInstanceProfile", &[("InstanceProfileName", "web")]).await;
    assert_eq!(profile["InstanceProfile"]["Tags"][0]["Key"], "b");
    let devices = office.done("ListVirtualMFADevices", &[]).await;
    assert_eq!(devices["VirtualMFADevices"][0]["Tags"][0]["Key"], "b");
    // Newer than some models of clients, so its answer is read as it is.
    let (status, body) = office.send(&office.root.clone(), "GetMFADevice", &[("SerialNumber", &serial)]).await;
    assert!(status == 200 && body.contains(&format!("<SerialNumber>{serial}</SerialNumber>")), "{body}");
    let of_nobody = [("SerialNumber", serial.as_str()), ("UserName", "ann")];
    assert_eq!(office.send(&office.root.clone(), "GetMFADevice", &of_nobody).await.0, 404);
    sound(&office.fixture);
}

/// `PolicyExclusionList` is newer than some models of clients.
#[tokio::test(flavor = "multi_thread")]
async fn simulations_leave_out_policies_that_are_stored_or_given() {
    let mut office = Office::new().await;
    office.user("ann", &["ReadOnlyAccess"]).await;
    let ann = format!("arn:aws:iam::{ACCOUNT}:user/ann");
    let given = document("iam:ListUsers").to_string();
    let source = ("PolicySourceArn", ann.as_str());
    let (first, second) = ("PolicyExclusionList.member.1", "PolicyExclusionList.member.2");
    let (stored, list) = ("arn:aws:iam::aws:policy/ReadOnlyAccess", ("PolicyInputList.member.1", given.as_str()));
    for (action, parameters, decision) in [
        ("SimulatePrincipalPolicy", vec![source], "allowed"),
        ("SimulatePrincipalPolicy", vec![source, (first, stored)], "implicitDeny"),
        ("SimulatePrincipalPolicy", vec![source, (first, stored), list], "allowed"),
        ("SimulatePrincipalPolicy", vec![source, (first, stored), list, (second, "PolicyInputList.1")], "implicitDeny"),
        ("SimulateCustomPolicy", vec![list], "allowed"),
        ("SimulateCustomPolicy", vec![list, (first, "PolicyInputList.1")], "implicitDeny"),
    ] {
        let asked = [&parameters[..], &[("ActionNames.member.1", "iam:ListUsers")]].concat();
        let results = office.done(action, &asked).await["EvaluationResults"].take();
        assert_eq!(results[0]["EvalDecision"], decision, "{action} {parameters:?}: {results}");
    }
    for (action, by) in [("SimulatePrincipalPolicy", source), ("SimulateCustomPolicy", list)] {
        let asked = [by, (first, "PolicyInputList.7"), ("ActionNames.member.1", "iam:ListUsers")];
        assert_eq!(office.refused(action, &asked).await, refusal(404, "NoSuchEntity"), "{action}");
    }
}

/// What of AWS' actions is not here; the documentation of `bailey::iam` says why not.
const NOT_HERE: [&str; 17] = [
    "CreateServiceLinkedRole",
    "DelegationRequest",
    "DelegationToken",
    "DeleteServiceLinkedRole",
    "GenerateOrganizationsAccessReport",
    "GetHumanReadableSummary",
    "GetOrganizationsAccessReport",
    "GetServiceLinkedRoleDeletionStatus",
    "OrganizationsFeatures",
    "OrganizationsRoot",
    "OutboundWebIdentityFederation",
    "RoleTemplate",
    "SSHPublicKey",
    "SecurityTokenServicePreferences",
    "ServerCertificate",
    "ServiceSpecificCredential",
    "SigningCertificate",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_action_of_aws_is_served_or_is_not_on_purpose() {
    let mut office = Office::new().await;
    let served: BTreeSet<&str> = actions().map(|action| action.name).collect();
    let all = office.parser.ask(&json!({}));
    let missing: Vec<&str> = all.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let missing = missing.into_iter().filter(|name| !served.contains(name));
    for name in missing {
        assert!(NOT_HERE.iter().any(|part| name.contains(part)), "{name} is neither served nor known not to be");
        assert_eq!(office.refused(name, &[]).await, refusal(400, "InvalidAction"), "{name}");
    }
}
