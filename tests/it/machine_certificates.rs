//! Machines that show the certificate of their TLS connection: which of them are known, which are not, and how long what they
//! get lasts.

use std::path::PathBuf;
use std::time::Duration;

use bailey::authn::federated::{IssuerSettings, KeysFrom};
use bailey::authn::machine::{MachineIssuerSettings, Shown, Vouches};
use bailey::base::{Guid, Sid, Timestamp};
use bailey::model::{Actor, Entity, IamName, Origin, Resource, Standing, origin, reference};
use bailey::store::{Commit, Intent, rows, schema};
use bailey::sync::state::SyncState;
use jiff::SignedDuration;
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose as Purpose, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::bed::Authority;
use crate::bed::authority::Leaf;
use crate::bed::issuer::{CLIENT, Signer, URL, claims, key_set, with};
use crate::fixture::{Fixture, Served};
use crate::sts_office::{ACCOUNT, Office, Told, allow};

pub(crate) const WEB1: &str = "S-1-5-21-1004336348-1177238915-682003330-1104";
const OID: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 25, 2];

/// As Active Directory Certificate Services write it (MS-WCCE 2.2.2.7.7.4).
pub(crate) fn sid_extension(sid: &str) -> CustomExtension {
    let tagged = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
    let object_sid = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01];
    let text = tagged(0xa0, &tagged(0x04, sid.as_bytes()));
    let value = tagged(0x30, &tagged(0xa0, &[&object_sid[..], &text].concat()));
    CustomExtension::from_oid_content(OID, value)
}

/// A certificate for clients, good from an hour before `now` for `hours`.
pub(crate) fn client(now: Timestamp, hours: u64) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let from = now.as_second().unsigned_abs() - 3_600;
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(from);
    params.not_after = params.not_before + Duration::from_secs(hours * 3_600);
    params.extended_key_usages = vec![Purpose::ClientAuth];
    params
}

fn der(leaf: &Leaf) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()
}

fn shown(leaf: &Leaf) -> Shown {
    Shown::in_handshake(&[der(leaf)]).unwrap()
}

/// The certificate of a machine that is declared and of an authority that is believed from now on, for nobody else's use.
pub(crate) async fn declared(fixture: &Fixture, served: &Served) -> Shown {
    let authority = Authority::new("Matrix CA");
    let now = fixture.app.admin.now();
    let body = json!({ "name": "machine", "identities": ["dns:machine.example.com"] });
    let _: Value = served.client.post("/v1/resources", &body).await.unwrap();
    // The file goes with the authority.
    let ca_file = fixture.state.path().join("matrix.pem");
    std::fs::copy(authority.ca_file(), &ca_file).unwrap();
    fixture.app.machines.replace(vec![MachineIssuerSettings {
        name: "matrix".to_owned(),
        ca_file,
        crl_file: None,
        max_lifetime: None,
        vouches: Vouches::Declared,
    }]);
    let mut params = client(now, 12);
    params.subject_alt_names = vec![dns("machine.example.com")];
    shown(&authority.sign("machine", &params))
}

/// An office with two authorities: of the computers of directory `corp`, and of machines that are declared.
struct Plant {
    office: Office,
    corp: Authority,
    pki: Authority,
}

impl Plant {
    async fn new() -> Self {
        let plant =
            Self { office: Office::new().await, corp: Authority::new("Corp CA"), pki: Authority::new("Plant CA") };
        plant.trusting(None, Some(24));
        plant.office.role("Upload", json!([]), allow(&["iam:ListRoles"])).await;
        plant.computer("web1", 1, Some(WEB1));
        plant.assign("resource/web1").await;
        plant
    }

    fn settings(&self, authority: &Authority, name: &str, vouches: Vouches) -> MachineIssuerSettings {
        let max_lifetime = Some(SignedDuration::from_hours(24));
        MachineIssuerSettings {
            name: name.to_owned(),
            ca_file: authority.ca_file(),
            crl_file: None,
            max_lifetime,
            vouches,
        }
    }

    /// Certificates of computers are looked for in this list, and may live so long.
    fn trusting(&self, crl_file: Option<PathBuf>, hours: Option<i64>) {
        let directory = "corp".parse().unwrap();
        let corp = MachineIssuerSettings {
            crl_file,
            max_lifetime: hours.map(SignedDuration::from_hours),
            ..self.settings(&self.corp, "ad", Vouches::Computers { directory })
        };
        let pki = self.settings(&self.pki, "pki", Vouches::Declared);
        self.office.fixture.app.machines.replace(vec![corp, pki]);
    }

    fn now(&self) -> Timestamp {
        self.office.fixture.app.admin.now()
    }

    /// A computer that directory `corp`, which has just answered, brought.
    fn computer(&self, name: &str, number: u8, sid: Option<&str>) {
        let (label, guid) = ("corp".parse().unwrap(), Guid::from_bytes([number; 16]));
        let id = origin::resource_id(&label, &guid);
        let sid = sid.map(|sid| sid.parse::<Sid>().unwrap());
        let resource = Resource {
            id,
            name: IamName::mapped(name, None, id.as_bytes()),
            original_name: name.to_owned(),
            origin: Origin { sid: sid.clone(), ..Origin::new(label.clone(), guid, format!("CN={name},DC=ad,DC=test")) },
            standing: Standing::default(),
            description: None,
            account_name: None,
            primary_group: None,
            tags: Default::default(),
            identities: Default::default(),
        };
        let mut commit = Commit::new(Actor::task("sync/corp"), self.now(), Intent::Widen);
        if let Some(sid) = sid {
            commit.put(schema::machine_known_by(&label, &reference::by_sid(&sid), &id), Vec::new());
        }
        commit.put(schema::name(bailey::model::MemberKind::Resource, &resource.name.folded()), id.as_bytes().to_vec());
        let json = serde_json::to_vec(&Entity::Resource(resource.clone())).unwrap();
        commit.put(schema::resource(&id), rows::encode(&rows::NO_DIGEST, &json));
        self.office.fixture.app.store.commit(commit).unwrap();
        self.hear();
    }

    /// Directory `corp` answers.
    fn hear(&self) {
        let mut commit = Commit::new(Actor::task("sync/corp"), self.now(), Intent::Widen);
        let state = SyncState { last_contact: Some(self.now()), ..SyncState::default() };
        let key = schema::sync_state(&"corp".parse().unwrap(), "state");
        commit.put(key, serde_json::to_vec(&state).unwrap());
        self.office.fixture.app.store.commit(commit).unwrap();
    }

    async fn assign(&self, to: &str) {
        self.office.put(&format!("/v1/roles/Upload/assigned/{to}"), json!({})).await;
    }

    /// A declared machine with the role.
    async fn declared(&self, name: &str, identities: &[&str]) {
        self.office.post("/v1/resources", json!({ "name": name, "identities": identities })).await;
        self.assign(&format!("resource/{name}")).await;
    }

    async fn assume(&self, shown: Option<Shown>, more: &[(&str, &str)]) -> Told {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/Upload");
        let base = [("Action", "AssumeRoleWithCertificate"), ("RoleArn", &role)];
        let params: Vec<(&str, &str)> = base.into_iter().chain(more.iter().copied()).collect();
        self.office.showing(shown, &[], &params).await
    }

    async fn with(&self, authority: &Authority, params: &CertificateParams) -> Told {
        self.assume(Some(shown(&authority.sign("leaf", params))), &[]).await
    }

    /// Each of these is refused in such words, with a record of it.
    async fn refuses(&self, table: Vec<(&str, &Authority, CertificateParams, &str)>) {
        for (what, authority, params, said) in table {
            let told = self.with(authority, &params).await;
            let message = told.found("Message").unwrap_or_default().replace("&apos;", "'");
            assert_eq!((told.status, told.found("Code")), (403, Some("AccessDenied")), "{what}: {}", told.xml);
            assert!(message.contains(said), "{what}: {message}");
            let record = self.office.last_record();
            assert!(record.contains("VerifyCertificate"), "{what}: {record}");
            // A minute has room for so many records of one address.
            self.office.pass(2);
        }
    }

    /// A certificate of the first computer.
    fn of_web1(&self) -> CertificateParams {
        let mut params = client(self.now(), 12);
        params.custom_extensions = vec![sid_extension(WEB1)];
        params
    }

    fn named(&self, names: &[SanType]) -> CertificateParams {
        let mut params = client(self.now(), 12);
        params.subject_alt_names = names.to_vec();
        params
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computer_is_known_by_its_sid_and_acts_for_a_role_that_is_given_to_it() {
    let plant = Plant::new().await;
    let leaf = plant.corp.sign("web1", &plant.of_web1());
    let told = plant.assume(Some(shown(&leaf)), &[]).await;
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Upload/web1");
    assert_eq!(told.text("Arn"), arn, "named after the machine");
    assert_eq!(told.text("Expiration"), "2026-03-12T13:00:00Z");
    let record = plant.office.last_record();
    for said in ["AssumeRoleWithCertificate", "\"Machine\"", "machine_issuer", "\"ad\"", "203.0.113.9", "web1"] {
        assert!(record.contains(said), "{said}: {record}");
    }
    let session = told.credentials();
    assert_eq!(plant.office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    assert_eq!(plant.office.who_is(&session).await.text("Arn"), arn);
    let seen: Value = plant.office.served.client.get(&format!("/v1/sessions/{}", session.id)).await.unwrap();
    assert_eq!(
        (&seen["begun_with"], &seen["state"], &seen["person"], &seen["through"]),
        (
            &json!("resource/web1"),
            &json!("live"),
            &Value::Null,
            &json!(["resource/web1", "assignment of role/Upload to resource/web1"])
        )
    );
    let named = plant.assume(Some(shown(&leaf)), &[("RoleSessionName", "nightly"), ("DurationSeconds", "900")]).await;
    assert!(named.text("Arn").ends_with("/Upload/nightly") && named.text("Expiration") == "2026-03-12T12:15:00Z");

    // All that a machine began is found by it, and ended.
    let client = &plant.office.served.client;
    let of_machine: Value = client.get("/v1/sessions?machine=web1").await.unwrap();
    let ids: Vec<&Value> = of_machine["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert!(ids.len() == 2 && ids.contains(&&seen["id"]), "{of_machine}");
    let ended =
        plant.office.post("/v1/end-sessions", json!({ "which": { "machine": "web1" }, "reason": "stolen" })).await;
    assert_eq!(ended["ended"], 2);
    plant.office.who_is(&session).await.refuses("ExpiredToken", "stolen");

    // What it says of its name is nobody's business, and it may be no name at all.
    let mut renamed = plant.of_web1();
    renamed.subject_alt_names = vec![dns("dc1.ad.test"), dns("web2.ad.test")];
    renamed.distinguished_name.push(DnType::CommonName, "dc1");
    assert_eq!(plant.with(&plant.corp, &renamed).await.text("Arn"), arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_count_makes_nobody_a_computer() {
    let plant = Plant::new().await;
    let now = plant.now().as_second();
    let changed = |work: &dyn Fn(&mut CertificateParams)| {
        let mut params = plant.of_web1();
        work(&mut params);
        params
    };
    let at = |hours: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs((now + hours * 3_600).unsigned_abs());
    let (corp, others) = (&plant.corp, Authority::new("Corp CA"));
    assert_eq!(plant.with(corp, &plant.of_web1()).await.status, 200);
    let table: Vec<(&str, &Authority, CertificateParams, &str)> = vec![
        (
            "an authority of the same name",
            &others,
            changed(&|_| {}),
            "no authority of a `[[machine_issuer]]` signed it",
        ),
        ("expired", corp, changed(&|of| of.not_after = at(-1) + Duration::from_secs(1_800)), "expired or not good yet"),
        ("to come", corp, changed(&|of| of.not_before = at(1)), "expired or not good yet"),
        ("no purpose", corp, changed(&|of| of.extended_key_usages.clear()), "does not name clientAuth"),
        ("of a server", corp, changed(&|of| of.extended_key_usages = vec![Purpose::ServerAuth]), "clientAuth"),
        ("for everything", corp, changed(&|of| of.extended_key_usages = vec![Purpose::Any]), "clientAuth"),
        ("no SID", corp, changed(&|of| of.custom_extensions.clear()), "it has no SID extension"),
        (
            "no SID, and the name of a computer",
            corp,
            plant.named(&[dns("web1.ad.test")]),
            "it has no SID extension (1.3.6.1.4.1.311.25.2), so it names no computer",
        ),
        (
            "a SID that is none",
            corp,
            changed(&|of| of.custom_extensions = vec![CustomExtension::from_oid_content(OID, vec![0x30, 0])]),
            "cannot be read",
        ),
        (
            "two SIDs",
            corp,
            changed(&|of| of.custom_extensions.push(sid_extension("S-1-5-21-1-2-3-4"))),
            "cannot be read",
        ),
        (
            "nobody's SID",
            corp,
            changed(&|of| of.custom_extensions = vec![sid_extension("S-1-5-21-1-2-3-500")]),
            "no machine is known by S-1-5-21-1-2-3-500 in directory `corp`",
        ),
        ("a day and more", corp, changed(&|of| of.not_after = at(24)), "a limit of 24h"),
    ];
    plant.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_count_makes_nobody_a_declared_machine() {
    let plant = Plant::new().await;
    plant.declared("scanner", &["dns:scanner.example.com", "uri:spiffe://example.com/scanner"]).await;
    let name = |names: &[SanType]| plant.named(names);
    let (corp, pki) = (&plant.corp, &plant.pki);
    // The name is that of a host, in whatever case.
    for good in [dns("scanner.example.com"), dns("SCANNER.example.com"), uri("spiffe://example.com/scanner")] {
        assert_eq!(plant.with(pki, &name(&[good])).await.status, 200);
    }
    let (mut computer, mut common) = (plant.of_web1(), name(&[]));
    computer.subject_alt_names = vec![dns("scanner.example.com")];
    common.distinguished_name.push(DnType::CommonName, "scanner.example.com");
    let table: Vec<(&str, &Authority, CertificateParams, &str)> = vec![
        // What another authority vouches for.
        ("a computer, by the other authority", pki, plant.of_web1(), "that of a directory's computer"),
        ("a declared machine, by the other authority", corp, name(&[dns("scanner.example.com")]), "no SID extension"),
        ("a computer that calls itself so", pki, computer, "that of a directory's computer"),
        ("no name", pki, name(&[]), "no subject alternative name"),
        ("a common name alone", pki, common, "no subject alternative name"),
        (
            "two names",
            pki,
            name(&[dns("scanner.example.com"), dns("other.example.com")]),
            "several subject alternative names",
        ),
        (
            "two names of one machine",
            pki,
            name(&[dns("scanner.example.com"), uri("spiffe://example.com/scanner")]),
            "several subject alternative names",
        ),
        ("a mail address", pki, name(&[SanType::Rfc822Name("scanner.example.com".try_into().unwrap())]), "neither"),
        ("an address", pki, name(&[SanType::IpAddress([192, 0, 2, 1].into())]), "neither one DNS name nor a URI"),
        ("a wildcard", pki, name(&[dns("*.example.com")]), "neither one DNS name nor a URI"),
        ("another name", pki, name(&[dns("a.scanner.example.com")]), "known by dns:a.scanner.example.com"),
        (
            "another case",
            pki,
            name(&[uri("spiffe://example.com/Scanner")]),
            "known by uri:spiffe://example.com/Scanner",
        ),
    ];
    plant.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_says_of_a_certificate_is_nothing() {
    let plant = Plant::new().await;
    let leaf = plant.corp.sign("web1", &plant.of_web1());
    let pem = leaf.certificate.replace('\n', "%0A");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Upload");
    let params = [("Action", "AssumeRoleWithCertificate"), ("RoleArn", role.as_str())];
    for name in
        ["X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "Client-Cert", "X-Client-Certificate", "X-Bailey-Machine"]
    {
        let told = plant.office.showing(None, &[(name, &pem)], &params).await;
        told.refuses("AccessDenied", "no client certificate came with the connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_is_refused_and_a_list_that_is_out_of_date_lets_nobody_in() {
    let plant = Plant::new().await;
    let until = |hours: i64| plant.now() + SignedDuration::from_hours(hours);
    let long = |serial: u64| {
        let mut params = plant.of_web1();
        params.not_after = params.not_before + Duration::from_secs(365 * 86_400);
        params.serial_number = Some(SerialNumber::from(serial));
        params
    };
    let list = plant.corp.revoke(&[SerialNumber::from(7_u64)], until(48));
    plant.trusting(Some(list.clone()), None);
    assert_eq!(plant.with(&plant.corp, &long(8)).await.status, 200, "a year, since it can be revoked");
    plant.with(&plant.corp, &long(7)).await.refuses("AccessDenied", "it was revoked");
    // The next list is taken up as it is written.
    plant.corp.revoke(&[SerialNumber::from(7_u64), SerialNumber::from(8_u64)], until(48));
    plant.with(&plant.corp, &long(8)).await.refuses("AccessDenied", "it was revoked");
    assert_eq!(plant.with(&plant.corp, &long(9)).await.status, 200);
    // What is no list changes nothing, and neither does one of somebody else.
    std::fs::write(&list, "nothing\n").unwrap();
    assert_eq!(plant.with(&plant.corp, &long(9)).await.status, 200);
    plant.with(&plant.corp, &long(8)).await.refuses("AccessDenied", "it was revoked");
    std::fs::copy(plant.pki.revoke(&[], until(48)), &list).unwrap();
    plant.with(&plant.corp, &long(9)).await.refuses("ServiceUnavailable", "the operator has to act");
    assert!(plant.office.last_record().contains("no list of revoked certificates"), "{}", plant.office.last_record());

    plant.corp.revoke(&[], until(1));
    assert_eq!(plant.with(&plant.corp, &long(8)).await.status, 200);
    plant.office.pass(3_601);
    plant.with(&plant.corp, &long(8)).await.refuses("ServiceUnavailable", "the operator has to act");
    assert!(plant.office.last_record().contains("out of date"), "{}", plant.office.last_record());
    // A limit that is set holds besides.
    plant.corp.revoke(&[], until(48));
    plant.trusting(Some(list), Some(24));
    plant.with(&plant.corp, &long(8)).await.refuses("AccessDenied", "a limit of 24h");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_between_is_verified_with_what_the_client_showed() {
    let plant = Plant::new().await;
    let (issuing, stranger) = (plant.corp.below("Issuing CA"), Authority::new("Corp CA").below("Issuing CA"));
    let chain = |issuing: &Authority, with: &Authority| {
        let leaf = der(&issuing.sign("web1", &plant.of_web1()));
        Shown::in_handshake(&[leaf, CertificateDer::from_pem_file(with.ca_file()).unwrap()])
    };
    assert_eq!(plant.assume(chain(&issuing, &issuing), &[]).await.status, 200);
    let alone = Shown::in_handshake(&[der(&issuing.sign("web1", &plant.of_web1()))]);
    for shown in [alone, chain(&stranger, &stranger), chain(&stranger, &issuing)] {
        plant.assume(shown, &[]).await.refuses("AccessDenied", "not accepted");
    }
    // Each authority on the way has to say what it took back.
    let until = plant.now() + SignedDuration::from_hours(48);
    let (above, below) = (plant.corp.revoke(&[], until), issuing.revoke(&[], until));
    plant.trusting(Some(above.clone()), None);
    plant.assume(chain(&issuing, &issuing), &[]).await.refuses("ServiceUnavailable", "");
    let both = [above, below].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    let list = plant.office.fixture.state.path().join("both.pem");
    std::fs::write(&list, both).unwrap();
    plant.trusting(Some(list), None);
    assert_eq!(plant.assume(chain(&issuing, &issuing), &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_sid_are_nobody_and_one_that_is_switched_off_may_nothing() {
    let plant = Plant::new().await;
    let params = plant.of_web1();
    plant.computer("twin", 2, Some(WEB1));
    plant.with(&plant.corp, &params).await.refuses("AccessDenied", "several machines are known by");
    plant.declared("scanner", &["dns:scanner.example.com"]).await;
    let scanner = plant.named(&[dns("scanner.example.com")]);
    assert_eq!(plant.with(&plant.pki, &scanner).await.status, 200);
    plant.office.post("/v1/resources/scanner", json!({ "disabled": true })).await;
    plant.with(&plant.pki, &scanner).await.refuses("AccessDenied", "machine `scanner` may not act: disabled");
    plant.office.post("/v1/resources/scanner", json!({ "disabled": false, "identities": [] })).await;
    plant.with(&plant.pki, &scanner).await.refuses("AccessDenied", "no machine is known by dns:scanner.example.com");
    // No two machines are declared with one name.
    plant.office.post("/v1/resources/scanner", json!({ "identities": ["dns:scanner.example.com"] })).await;
    let again = json!({ "name": "x", "identities": ["dns:SCANNER.example.com"] });
    let taken = plant.office.served.client.post::<Value>("/v1/resources", &again).await;
    assert!(taken.unwrap_err().to_string().contains("scanner (dns:scanner.example.com)"));
    crate::credentials::sound(&plant.office.fixture);
}

/// At each use it is asked whether the machine would get the session now.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_machine_and_with_the_reason_for_it() {
    let plant = Plant::new().await;
    let office = &plant.office;
    office.post("/v1/resources", json!({ "name": "scanner", "identities": ["dns:scanner.example.com"] })).await;
    let scanner = plant.named(&[dns("scanner.example.com")]);
    plant
        .with(&plant.pki, &scanner)
        .await
        .refuses("AccessDenied", "not authorized to perform: sts:AssumeRoleWithCertificate");
    office.post("/v1/groups", json!({ "name": "scanners" })).await;
    office.put("/v1/groups/scanners/resources/scanner", json!({})).await;
    plant.assign("group/scanners").await;
    let begin = async || plant.with(&plant.pki, &scanner).await.credentials();
    let ended = async |session: &crate::bed::signer::Credentials, why: &str| {
        let told = office.who_is(session).await;
        told.refuses("ExpiredToken", why);
        let swept = office.sweep();
        assert!(swept.ended >= 1, "{why}: {swept:?}");
    };
    let session = begin().await;
    assert_eq!(office.who_is(&session).await.status, 200);
    office.post("/v1/resources/scanner", json!({ "disabled": true })).await;
    ended(&session, "machine `scanner` may not act: disabled").await;
    office.post("/v1/resources/scanner", json!({ "disabled": false })).await;

    let session = begin().await;
    let _: Value = office.served.client.delete("/v1/groups/scanners/resources/scanner").await.unwrap();
    ended(&session, "may not assume the role any more").await;
    office.put("/v1/groups/scanners/resources/scanner", json!({})).await;

    let session = begin().await;
    let _: Value = office.served.client.delete("/v1/roles/Upload/assigned/group/scanners").await.unwrap();
    ended(&session, "may not assume the role any more").await;
    plant.assign("resource/scanner").await;

    // A Deny of its group wins, as everywhere.
    let deny =
        json!({ "document": { "Statement": [{ "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" }] } });
    let session = begin().await;
    office.put("/v1/groups/scanners/inline/none", deny).await;
    ended(&session, "may not assume the role any more").await;
    let _: Value = office.served.client.delete("/v1/groups/scanners/inline/none").await.unwrap();

    // A session that a session of the machine began ends with it, too.
    office
        .role(
            "Next",
            json!([{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:role/Upload") } }]),
            json!([]),
        )
        .await;
    office
        .put("/v1/roles/Upload/inline/next", json!({ "document": { "Statement": allow(&["sts:AssumeRole"]) } }))
        .await;
    let session = begin().await;
    let next = office.assume(&session, "Next", &[]).await.credentials();
    assert_eq!(office.who_is(&next).await.status, 200);
    office.post("/v1/resources/scanner", json!({ "disabled": true })).await;
    ended(&next, "machine `scanner` may not act: disabled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_no_longer_than_the_certificate_or_what_is_known_of_the_directory() {
    let plant = Plant::new().await;
    let office = &plant.office;
    // Half an hour is left.
    let mut params = plant.of_web1();
    params.not_after = params.not_before + Duration::from_secs(5_400);
    let told = plant.with(&plant.corp, &params).await;
    assert_eq!(told.text("Expiration"), "2026-03-12T12:30:00Z");
    let leaf = shown(&plant.corp.sign("web1", &params));
    let told = plant.assume(Some(leaf), &[("DurationSeconds", "3600")]).await;
    told.refuses("ValidationError", "the certificate lasts 1800");

    let session = plant.with(&plant.corp, &plant.of_web1()).await.credentials();
    assert_eq!(office.who_is(&session).await.status, 200);
    office.post("/v1/roles/Upload", json!({ "privileged": true })).await;
    assert_eq!(office.who_is(&session).await.status, 200);
    office.pass(16 * 60);
    office.who_is(&session).await.refuses("ExpiredToken", "directory corp has not answered");
    let told = plant.with(&plant.corp, &plant.of_web1()).await;
    told.refuses("ServiceUnavailable", "directory corp has not answered");
    plant.hear();
    assert_eq!(office.who_is(&session).await.status, 200, "it counts again once the directory answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_says_nothing_of_itself_and_policies_can_name_it() {
    let plant = Plant::new().await;
    let office = &plant.office;
    let leaf = shown(&plant.corp.sign("web1", &plant.of_web1()));
    for (name, value) in [("SourceIdentity", "ann"), ("TokenCode", "123456"), ("ExternalId", "x1")] {
        plant
            .assume(Some(leaf.clone()), &[(name, value)])
            .await
            .refuses("ValidationError", "cannot say that of itself");
    }
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "x")];
    plant.assume(Some(leaf.clone()), &tags).await.refuses("ValidationError", "cannot say that of itself");
    plant.assume(Some(leaf.clone()), &[("RoleSessionName", "a b")]).await.refuses("ValidationError", "roleSessionName");

    let narrowed =
        json!({ "Statement": [{ "Effect": "Deny", "Action": "iam:ListRoles", "Resource": "*" }] }).to_string();
    let session = plant.assume(Some(leaf.clone()), &[("Policy", &narrowed)]).await.credentials();
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 403);

    // By its ARN, in a role's trust.
    let trust = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:bailey::{ACCOUNT}:resource/web1") } }]);
    office.role("Backup", trust, json!([])).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Backup");
    let params = [("Action", "AssumeRoleWithCertificate"), ("RoleArn", role.as_str())];
    assert_eq!(office.showing(Some(leaf), &[], &params).await.status, 200);
    plant.declared("scanner", &["dns:scanner.example.com"]).await;
    let scanner = shown(&plant.pki.sign("scanner", &plant.named(&[dns("scanner.example.com")])));
    let told = office.showing(Some(scanner), &[], &params).await;
    told.refuses("AccessDenied", "arn:aws:bailey::123456789012:resource/scanner is not authorized");
}

/// Of the two ways to a role by a token, a subject that a machine is declared with has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_a_token_that_a_machine_is_declared_with_is_that_machine() {
    let plant = Plant::new().await;
    let office = &plant.office;
    let (signer, now) = (Signer::new("k1"), plant.now());
    let keys = office.fixture.state.path().join("keys.json");
    std::fs::write(&keys, key_set(&[&signer]).to_string()).unwrap();
    let settings = IssuerSettings { keys: KeysFrom::File(keys), ..IssuerSettings::unsaid(URL.parse().unwrap()) };
    office.fixture.app.admin.issuers.replace(vec![settings]);
    let provider = office.post("/v1/oidc-providers", json!({ "url": URL, "clients": [CLIENT] })).await;
    let trust = json!([{ "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": { "Federated": provider["arn"] },
        "Condition": { "StringEquals": { "oidc.example.com/prod:aud": CLIENT } } }]);
    office.role("Anybody", trust, json!([])).await;
    let token = |subject: &str| signer.sign(&signer.header(), &with(claims(now), json!({ "sub": subject })));
    let (front, other) = (token("system:serviceaccount:web:front"), token("system:serviceaccount:web:other"));
    let ask = async |role: &str, token: &bailey::base::Secret<String>, more: &[(&str, &str)]| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let base = [("Action", "AssumeRoleWithWebIdentity"), ("RoleArn", &*role), ("WebIdentityToken", token.expose())];
        let name = [("RoleSessionName", "pod-7")];
        office.unsigned(&base.into_iter().chain(name).chain(more.iter().copied()).collect::<Vec<_>>()).await
    };
    assert_eq!(ask("Anybody", &front, &[]).await.status, 200, "somebody of elsewhere");
    ask("Upload", &front, &[]).await.refuses("AccessDenied", "nothing allows");

    plant.declared("front", &[&format!("token:{URL}#system:serviceaccount:web:front")]).await;
    let told = ask("Upload", &front, &[]).await;
    assert_eq!(told.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Upload/pod-7"));
    let record = office.last_record();
    assert!(record.contains("system:serviceaccount:web:front") && record.contains("\"Machine\""), "{record}");
    let session = told.credentials();
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    ask("Anybody", &front, &[]).await.refuses("AccessDenied", "resource/front is not authorized");
    assert_eq!(ask("Anybody", &other, &[]).await.status, 200, "all others are of elsewhere as before");
    ask("Upload", &other, &[]).await.refuses("AccessDenied", "");
    ask("Upload", &front, &[("SourceIdentity", "ann")]).await.refuses("ValidationError", "cannot say that of itself");
    // What certificates and what tokens call it are names of their own.
    let scanner = plant.named(&[dns("front")]);
    plant.with(&plant.pki, &scanner).await.refuses("AccessDenied", "no machine is known by dns:front");

    office.post("/v1/resources/front", json!({ "disabled": true })).await;
    office.who_is(&session).await.refuses("ExpiredToken", "machine `front` may not act: disabled");
    for role in ["Upload", "Anybody"] {
        ask(role, &front, &[]).await.refuses("AccessDenied", "machine `front` may not act: disabled");
    }
}
