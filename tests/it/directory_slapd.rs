//! The directory source against a real OpenLDAP server.

use std::collections::HashSet;
use std::time::Duration;

use bailey::base::Guid;
use bailey::directory::settings::Bind;
use bailey::directory::{
    Arrival, Changes, Completeness, Cursor, DirectoryError, Entry, Kind, LdapSource, Method, Severity, Source, Wanted,
};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::bed::slapd::{SECOND, SUFFIX, group, person};
use crate::bed::{Options, Slapd, free_port, names, next_change, read_all};

fn source(settings: bailey::directory::Settings) -> std::sync::Arc<LdapSource> {
    std::sync::Arc::new(LdapSource::new(settings, [7; 32]).unwrap())
}

fn dn(rdn: &str) -> String {
    format!("{rdn},{SUFFIX}")
}

fn entry<'a>(arrivals: &'a [Arrival], name: &str) -> &'a Entry {
    let found = arrivals.iter().find_map(|arrival| match arrival {
        Arrival::Entry(entry) if entry.dn.as_str() == name => Some(entry),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{name} is not among {:?}", names(arrivals)))
}

/// Following, begun from where a full read said.
struct Following {
    source: std::sync::Arc<LdapSource>,
    changes: mpsc::Receiver<Changes>,
    cursor: Cursor,
    task: AbortOnDropHandle<Result<(), DirectoryError>>,
}

impl Following {
    async fn after_a_read(settings: bailey::directory::Settings) -> (Self, Vec<Arrival>) {
        let source = source(settings);
        let (arrivals, reading) = read_all(&*source).await.unwrap();
        assert_eq!(reading.completeness, Completeness::Complete);
        let cursor = reading.position.expect("slapd has a position");
        (Self::from(source, cursor), arrivals)
    }

    fn from(source: std::sync::Arc<LdapSource>, cursor: Cursor) -> Self {
        let (into, changes) = mpsc::channel(8);
        let (followed, begin) = (std::sync::Arc::clone(&source), cursor.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move { followed.follow(begin, into).await }));
        Self { source, changes, cursor, task }
    }

    /// Until what happens moves the position: what happens while following begins may be told before the position knows.
    async fn begun(&mut self, slapd: &Slapd) {
        let begun = self.cursor.clone();
        for number in 0.. {
            slapd.add_person(&format!("early{number}"));
            self.delta().await;
            if self.cursor != begun {
                return;
            }
        }
    }

    /// The next step that brings something; remembers the cursor.
    async fn delta(&mut self) -> (Vec<Arrival>, Vec<Guid>) {
        match next_change(&mut self.changes).await {
            Changes::Delta { arrivals, gone, cursor, .. } => {
                self.cursor = cursor;
                (arrivals, gone)
            }
            other => panic!("expected a delta, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_full_read_brings_everything_in_scope_and_says_so() {
    let machine = format!("dn: cn=printer,ou=machines,{SUFFIX}\nobjectClass: device\ncn: printer\n\n");
    let photo = format!(
        "dn: uid=carol,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: carol\ncn:: Wm/DqyBDYXJvbA==\nsn: C\njpegPhoto:: /9j/AAD/AA==\n\n"
    );
    let slapd = Slapd::start(Options { ldif: machine + &photo, ..Options::default() });
    let source = source(slapd.settings("corp"));
    assert_eq!(source.following().await.unwrap().method, Method::Syncrepl);
    assert_eq!(source.estimate().await, None);
    let (arrivals, reading) = read_all(&*source).await.unwrap();
    assert_eq!(
        names(&arrivals),
        [
            dn("cn=printer,ou=machines"),
            dn("cn=staff,ou=groups"),
            dn("uid=alice,ou=people"),
            dn("uid=bob,ou=people"),
            dn("uid=carol,ou=people"),
        ]
    );
    assert_eq!((reading.completeness, reading.count), (Completeness::Complete, 5));
    assert_eq!(source.estimate().await, Some(5));
    let carol = entry(&arrivals, &dn("uid=carol,ou=people"));
    assert_eq!((carol.kind, carol.attributes.text("cn")), (Kind::Person, Some("Zoë Carol")));
    assert_eq!(carol.attributes.values("JPEGPHOTO"), [vec![0xff, 0xd8, 0xff, 0, 0, 0xff, 0]]);
    assert!(carol.attributes.values("objectClass").is_empty(), "only what was asked for");
    assert_eq!(entry(&arrivals, &dn("cn=staff,ou=groups")).attributes.values("member").len(), 2);
    assert_eq!(entry(&arrivals, &dn("cn=printer,ou=machines")).kind, Kind::Machine);
}

#[tokio::test]
async fn many_pages_and_a_slow_receiver_lose_nothing() {
    let ldif: String = (0..1_203).map(|number| person(&format!("p{number}"))).collect();
    let slapd = Slapd::start(Options { ldif, ..Options::default() });
    let mut settings = slapd.settings("corp");
    settings.page_size = 100;
    let source = source(settings);
    let (into, mut pages) = mpsc::channel(1);
    let reading = tokio::spawn(async move { source.read(into).await });
    let mut seen = HashSet::new();
    while let Some(page) = pages.recv().await {
        assert!(page.len() <= 100);
        tokio::task::yield_now().await;
        seen.extend(names(&page));
    }
    let reading = reading.await.unwrap().unwrap();
    assert_eq!((seen.len(), reading.count), (1_206, 1_206));
    assert_eq!(reading.completeness, Completeness::Complete);
}

#[tokio::test]
async fn changes_are_followed_as_they_happen() {
    let slapd = Slapd::start(Options::default());
    let (mut following, arrivals) = Following::after_a_read(slapd.settings("corp")).await;
    let bob = entry(&arrivals, &dn("uid=bob,ou=people")).guid;

    slapd.add_person("carol");
    let (arrivals, gone) = following.delta().await;
    assert_eq!((names(&arrivals), gone), (vec![dn("uid=carol,ou=people")], vec![]));
    let carol = entry(&arrivals, &dn("uid=carol,ou=people")).guid;

    slapd.modify(&format!(
        "dn: uid=carol,ou=people,{SUFFIX}\nchangetype: modify\nreplace: mail\nmail: new@example.test\n"
    ));
    let (arrivals, _) = following.delta().await;
    assert_eq!(entry(&arrivals, &dn("uid=carol,ou=people")).attributes.text("mail"), Some("new@example.test"));

    slapd.rename(&dn("uid=carol,ou=people"), "uid=caroline", None);
    let (arrivals, _) = following.delta().await;
    assert_eq!(entry(&arrivals, &dn("uid=caroline,ou=people")).guid, carol);

    slapd.rename(&dn("uid=caroline,ou=people"), "uid=caroline", Some(&dn("ou=former")));
    let (arrivals, _) = following.delta().await;
    assert_eq!(entry(&arrivals, &dn("uid=caroline,ou=former")).guid, carol);

    slapd.delete(&dn("uid=bob,ou=people"));
    let (arrivals, gone) = following.delta().await;
    assert_eq!((names(&arrivals), gone), (vec![], vec![bob]));

    // Same name, new object: another id.
    slapd.add_person("bob");
    let (arrivals, _) = following.delta().await;
    assert_ne!(entry(&arrivals, &dn("uid=bob,ou=people")).guid, bob);
}

#[tokio::test]
async fn what_changes_between_position_and_follow_is_not_missed() {
    let slapd = Slapd::start(Options::default());
    let source = source(slapd.settings("corp"));
    let (arrivals, reading) = read_all(&*source).await.unwrap();
    let bob = entry(&arrivals, &dn("uid=bob,ou=people")).guid;
    slapd.add_person("carol");
    slapd.delete(&dn("uid=bob,ou=people"));
    let mut following = Following::from(source, reading.position.unwrap());
    let (mut came, mut left) = (Vec::new(), Vec::new());
    while came.is_empty() || left.is_empty() {
        let (arrivals, gone) = following.delta().await;
        came.extend(names(&arrivals));
        left.extend(gone);
    }
    assert_eq!((came, left), (vec![dn("uid=carol,ou=people")], vec![bob]));
    // And from the cursor of that step on, only what comes after it.
    let mut again = Following::from(following.source, following.cursor);
    slapd.add_person("dora");
    assert_eq!(names(&again.delta().await.0), [dn("uid=dora,ou=people")]);
}

#[tokio::test]
async fn a_person_who_leaves_the_scope_is_gone_and_returns() {
    let slapd = Slapd::start(Options::default());
    let mut settings = slapd.settings("corp");
    settings.only_under = vec![dn("ou=people").parse().unwrap(), dn("ou=groups").parse().unwrap()];
    let (mut following, arrivals) = Following::after_a_read(settings).await;
    let bob = entry(&arrivals, &dn("uid=bob,ou=people")).guid;
    slapd.rename(&dn("uid=bob,ou=people"), "uid=bob", Some(&dn("ou=former")));
    assert_eq!(following.delta().await.1, [bob]);
    let found =
        following.source.look_up(vec![Wanted::Guid(bob), Wanted::Dn(dn("uid=bob,ou=former").parse().unwrap())]).await;
    assert_eq!(found.unwrap(), [], "out of scope is not there");
    slapd.rename(&dn("uid=bob,ou=former"), "uid=bob", Some(&dn("ou=people")));
    assert_eq!(names(&following.delta().await.0), [dn("uid=bob,ou=people")]);
}

#[tokio::test]
async fn a_restarted_server_lists_what_is_left() {
    let mut slapd = Slapd::start(Options::default());
    let (mut following, arrivals) = Following::after_a_read(slapd.settings("corp")).await;
    let alice = entry(&arrivals, &dn("uid=alice,ou=people")).guid;
    let bob = entry(&arrivals, &dn("uid=bob,ou=people")).guid;
    following.begun(&slapd).await;
    slapd.add_person("carol");
    following.delta().await;
    slapd.delete(&dn("uid=bob,ou=people"));
    // The session log is gone with the process: the server cannot name bob any more.
    slapd.stop();
    let ended = tokio::time::timeout(Duration::from_secs(10), &mut following.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(DirectoryError::Connection { .. })), "{ended:?}");
    slapd.run();
    slapd.add_person("dora");
    let mut again = Following::from(following.source, following.cursor);
    assert_eq!(names(&again.delta().await.0), [dn("uid=dora,ou=people")]);
    let Changes::Present { present, cursor, .. } = next_change(&mut again.changes).await else {
        panic!("expected the list")
    };
    assert!(present.contains(&alice) && !present.contains(&bob));
    assert_eq!(again.source.look_up(vec![Wanted::Guid(bob)]).await.unwrap(), []);
    assert_ne!(cursor, again.cursor);
    slapd.add_person("erin");
    assert_eq!(names(&again.delta().await.0), [dn("uid=erin,ou=people")], "following goes on after the list");
}

#[tokio::test]
async fn a_position_that_is_not_this_servers_needs_a_full_read() {
    let slapd = Slapd::start(Options::default());
    let source = source(slapd.settings("corp"));
    let (_, reading) = read_all(&*source).await.unwrap();
    let good = reading.position.unwrap();
    let with = |change: &dyn Fn(&mut Cursor)| {
        let mut cursor = good.clone();
        change(&mut cursor);
        cursor
    };
    let future = hex::encode("rid=000,csn=20990101000000.000000Z#000000#000#000000");
    let cases: [(&str, Cursor); 6] = [
        ("garbage", with(&|cursor| cursor.state["cookies"] = serde_json::json!([hex::encode("garbage")]))),
        ("not hexadecimal", with(&|cursor| cursor.state["cookies"] = serde_json::json!(["zz"]))),
        ("empty", with(&|cursor| cursor.state = serde_json::json!({}))),
        ("newer than the server", with(&|cursor| cursor.state["cookies"] = serde_json::json!([future]))),
        ("another server", with(&|cursor| cursor.server = "ldaps://elsewhere.example.test".to_owned())),
        ("another question", with(&|cursor| cursor.state["question"] = serde_json::json!("00"))),
    ];
    for (what, cursor) in cases {
        let mut following = Following::from(std::sync::Arc::clone(&source), cursor);
        let changes = next_change(&mut following.changes).await;
        assert!(matches!(changes, Changes::FullReadNeeded { .. }), "{what}: {changes:?}");
        following.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn two_bases_are_read_and_followed_together() {
    let slapd = Slapd::start(Options { second_database: true, ..Options::default() });
    let mut settings = slapd.settings("corp");
    settings.bases.push(SECOND.parse().unwrap());
    let (mut following, _) = Following::after_a_read(settings).await;
    slapd.add(&person("zoe").replace(&format!("ou=people,{SUFFIX}"), SECOND));
    assert_eq!(names(&following.delta().await.0), [format!("uid=zoe,{SECOND}")]);
    slapd.add_person("carol");
    assert_eq!(names(&following.delta().await.0), [dn("uid=carol,ou=people")]);
}

#[tokio::test]
async fn objects_are_looked_up_by_id_name_and_login() {
    let slapd = Slapd::start(Options::default());
    let source = source(slapd.settings("corp"));
    let (arrivals, _) = read_all(&*source).await.unwrap();
    let alice = entry(&arrivals, &dn("uid=alice,ou=people"));
    let found = source.look_up(vec![Wanted::Guid(alice.guid), Wanted::Guid(Guid::from_bytes([9; 16]))]).await.unwrap();
    assert_eq!(found, [Arrival::Entry(alice.clone())]);
    let wanted = vec![
        Wanted::Dn("CN=Staff, OU=groups, DC=example,DC=TEST".parse().unwrap()),
        Wanted::Dn(dn("cn=nobody,ou=groups").parse().unwrap()),
        Wanted::Dn("dc=elsewhere".parse().unwrap()),
        Wanted::Login("ALICE".to_owned()),
        Wanted::Login("*)(uid=*".to_owned()),
    ];
    assert_eq!(names(&source.look_up(wanted).await.unwrap()), [dn("cn=staff,ou=groups"), dn("uid=alice,ou=people")]);
    let many: Vec<Wanted> =
        (0..350_u16).map(|number| Wanted::Guid(Guid::from_bytes([number.to_be_bytes()[1]; 16]))).collect();
    assert_eq!(source.look_up(many).await.unwrap(), []);
}

#[tokio::test]
async fn every_way_to_connect_and_bind_works() {
    let slapd = Slapd::start(Options::default());
    let mut start_tls = slapd.settings("start tls");
    start_tls.urls = vec![slapd.url()];
    start_tls.start_tls = true;
    let mut socket = slapd.settings("socket");
    socket.urls = vec![slapd.socket_url()];
    let mut peer = slapd.settings("socket peer");
    peer.urls = vec![slapd.socket_url()];
    peer.bind = Bind::External;
    let mut certificate = slapd.settings("certificate");
    certificate.client_certificate = Some(slapd.client_certificate());
    certificate.bind = Bind::External;
    for settings in [slapd.settings("ldaps"), start_tls, socket, peer, certificate] {
        let label = settings.label.clone();
        let (arrivals, reading) = read_all(&*source(settings)).await.unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!((arrivals.len(), reading.completeness), (3, Completeness::Complete), "{label}");
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_one() {
    let slapd = Slapd::start(Options { require_client_certificate: true, ..Options::default() });
    let mut with = slapd.settings("with");
    with.client_certificate = Some(slapd.client_certificate());
    assert_eq!(read_all(&*source(with)).await.unwrap().0.len(), 3);
    assert!(read_all(&*source(slapd.settings("without"))).await.is_err());
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let slapd = Slapd::start(Options::default());
    let mut settings = slapd.settings("corp");
    settings.bind = Bind::Simple {
        dn: "cn=sync,dc=example,dc=test".to_owned(),
        password: bailey::base::Secret::new("wrong".to_owned()),
    };
    let error = read_all(&*source(settings)).await.unwrap_err().to_string();
    assert!(error.contains("result 49 (invalidCredentials)"), "{error}");
    assert!(!error.contains("wrong"), "{error}");
}

#[tokio::test]
async fn the_next_server_takes_over_and_every_reason_is_told() {
    let mut slapd = Slapd::start(Options::default());
    let dead = format!("ldaps://localhost:{}", free_port());
    let mut settings = slapd.settings("corp");
    settings.urls.insert(0, dead.clone());
    let source = source(settings);
    let (_, reading) = read_all(&*source).await.unwrap();
    assert_eq!(reading.server, slapd.tls_url());
    let health = source.servers();
    assert_eq!((health[0].failures, health[1].url.as_str(), health[1].failures), (0, dead.as_str(), 1));
    assert!(health[1].last_error.as_ref().unwrap().contains("refused"), "{health:?}");
    slapd.stop();
    let error = read_all(&*source).await.unwrap_err();
    let DirectoryError::AllServersDown { reasons, .. } = &error else { panic!("{error}") };
    assert_eq!(reasons.len(), 2, "{error}");
    // A cursor of a server that is away, while another answers.
    slapd.run();
    let cursor = Cursor { server: dead, ..reading.position.unwrap() };
    let mut following = Following::from(source, cursor);
    assert!(matches!(next_change(&mut following.changes).await, Changes::FullReadNeeded { .. }));
}

#[tokio::test]
async fn a_size_limit_breaks_the_read_and_check_names_it() {
    let ldif: String = (0..700).map(|number| person(&format!("p{number}"))).collect();
    let slapd = Slapd::start(Options { size_limit: Some(600), ldif, ..Options::default() });
    let source = source(slapd.settings("corp"));
    let error = read_all(&*source).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Refused { code: 4, .. }), "{error}");
    let findings = source.check().await;
    let cut =
        findings.iter().find(|finding| finding.what.contains("size limit")).unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!((cut.severity, cut.remedy.is_empty()), (Severity::Fault, false));
}

#[tokio::test]
async fn check_finds_nothing_wrong_with_a_good_directory() {
    let machine = format!("dn: cn=printer,ou=machines,{SUFFIX}\nobjectClass: device\ncn: printer\n\n");
    let slapd = Slapd::start(Options { ldif: machine, ..Options::default() });
    let findings = source(slapd.settings("corp")).check().await;
    assert!(findings.iter().all(|finding| finding.severity == Severity::Fine), "{findings:#?}");
    assert!(findings.len() >= 7, "{findings:#?}");
}

#[tokio::test]
async fn check_names_every_fault_at_once() {
    let twin = format!("dn: cn=twin,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: alice\ncn: twin\nsn: T\n\n");
    let slapd = Slapd::start(Options { ldif: twin, syncprov: false, page_limit: Some(50), ..Options::default() });
    let mut settings = slapd.settings("corp");
    settings.urls.push(format!("ldaps://localhost:{}", free_port()));
    settings.bases.push("dc=wrong".parse().unwrap());
    settings.method = Some(Method::Syncrepl);
    settings.people.filter = Some("(cn=*)".parse().unwrap());
    settings.page_size = 40;
    let findings = source(settings).check().await;
    let bad = |subject: &str, severity| {
        findings.iter().any(|found| found.subject.contains(subject) && found.severity == severity)
    };
    for (subject, severity) in [
        ("connect", Severity::Fault),
        ("base `dc=wrong`", Severity::Fault),
        ("follow changes", Severity::Fault),
        ("machines", Severity::Warning),
        ("login", Severity::Fault),
        ("filter of people", Severity::Warning),
    ] {
        assert!(bad(subject, severity), "{subject}: {findings:#?}");
    }
    assert!(findings.iter().all(|found| found.severity == Severity::Fine || !found.remedy.is_empty()));
    let mut settings = slapd.settings("corp");
    settings.page_size = 60;
    let findings = source(settings).check().await;
    assert!(findings.iter().any(|found| found.remedy.contains("page_size")), "{findings:#?}");
}

#[tokio::test]
async fn without_syncprov_there_is_no_position_and_polling_it_is() {
    let slapd = Slapd::start(Options { syncprov: false, ..Options::default() });
    let source = source(slapd.settings("corp"));
    assert_eq!(source.following().await.unwrap().method, Method::Polling);
    let (_, reading) = read_all(&*source).await.unwrap();
    assert_eq!((reading.position, reading.completeness), (None, Completeness::Complete));
}

#[tokio::test]
async fn limits_make_an_entry_unusable_but_never_absent() {
    let members: Vec<String> = (0..50).map(|number| format!("m{number}")).collect();
    let large = group("large", &members.iter().map(String::as_str).collect::<Vec<_>>());
    let slapd = Slapd::start(Options { ldif: large, ..Options::default() });
    let mut settings = slapd.settings("corp");
    settings.max_values = 20;
    let (arrivals, reading) = read_all(&*source(settings)).await.unwrap();
    assert_eq!(reading.completeness, Completeness::Complete, "its id is known");
    let unusable: Vec<_> = arrivals.iter().filter(|arrival| matches!(arrival, Arrival::Unusable(unusable) if unusable.guid.is_some() && unusable.why.contains("max_values"))).collect();
    assert_eq!(unusable.len(), 1, "{arrivals:?}");
}

#[tokio::test]
async fn a_filter_narrows_a_kind() {
    let slapd = Slapd::start(Options::default());
    let mut settings = slapd.settings("corp");
    settings.people.filter = Some("(!(uid=bob))".parse().unwrap());
    let (mut following, arrivals) = Following::after_a_read(settings).await;
    assert_eq!(names(&arrivals), [dn("cn=staff,ou=groups"), dn("uid=alice,ou=people")]);
    let alice = entry(&arrivals, &dn("uid=alice,ou=people")).guid;
    // Still there, but no longer matching: gone for us.
    slapd.modify(&format!("dn: uid=alice,ou=people,{SUFFIX}\nchangetype: modify\nadd: uid\nuid: bob\n"));
    assert_eq!(following.delta().await.1, [alice]);
}
