//! The directory source against servers that break, lie or attack.
//!
//! What must hold everywhere: no fault yields a complete read or a proven deletion, and none ends more than
//! its connection.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bailey::base::Secret;
use bailey::directory::settings::Bind;
use bailey::directory::{
    Arrival, Changes, Completeness, Cursor, DirectoryError, LdapSource, Reading, Settings, Source, Wanted,
};
use tokio::sync::mpsc;

use crate::bed::ber::{element, enumerated, integer, message, octets, result, sequence};
use crate::bed::scripted::{Asked, CSN, Request, SUFFIX, Served, Tls, guid, people, person, server_config};
use crate::bed::{Authority, Reply, Script, Scripted, names, next_change, read_all};

/// People a healthy run serves: three pages of four, the last short.
const COUNT: u8 = 10;

fn source(settings: Settings) -> Arc<LdapSource> {
    Arc::new(LdapSource::new(settings, [7; 32]).unwrap())
}

/// Reads everything from a server with this script.
async fn read(script: Script) -> Result<(Vec<Arrival>, Reading), DirectoryError> {
    let server = Scripted::start(script).await;
    read_all(&*source(server.settings())).await
}

/// A script that replaces the answer to page `page`.
fn on_page(page: usize, fault: impl Fn(&Request, Vec<Reply>) -> Vec<Reply> + Send + Sync + 'static) -> Script {
    Script::serving(people(COUNT)).faults(
        move |request, replies| {
            if request.page == Some(page) { fault(request, replies) } else { replies }
        },
    )
}

fn done(code: u32) -> Reply {
    Reply::Done { code, text: "scripted".to_owned(), page: None }
}

#[tokio::test]
async fn an_honest_script_is_read_completely() {
    let (arrivals, reading) = read(Script::serving(people(COUNT))).await.unwrap();
    assert_eq!(names(&arrivals).len(), usize::from(COUNT));
    assert_eq!(reading.completeness, Completeness::Complete);
    assert!(reading.position.is_some());
}

/// Something gone wrong, and the script that does it.
type Fault = (String, Script);

fn faults_of_reading() -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut fault = |what: String, script: Script| faults.push((what, script));
    for page in 0..3 {
        fault(
            format!("dies after page {page}"),
            on_page(page, |_, mut replies| {
                replies.pop();
                replies.push(Reply::Close);
                replies
            }),
        );
        fault(
            format!("dies within page {page}"),
            on_page(page, |_, mut replies| {
                replies.truncate(1);
                replies.push(Reply::Close);
                replies
            }),
        );
        fault(
            format!("never ends page {page}"),
            on_page(page, |_, mut replies| {
                replies.pop();
                replies.push(Reply::Hang);
                replies
            }),
        );
        fault(
            format!("a reference on page {page}"),
            on_page(page, |_, mut replies| {
                replies.insert(1, Reply::Reference("ldap://elsewhere/dc=x".to_owned()));
                replies
            }),
        );
        fault(
            format!("no paging control on page {page}"),
            on_page(page, |_, mut replies| {
                replies.pop();
                replies.push(done(0));
                replies
            }),
        );
        for code in [1, 3, 4, 10, 11, 32, 50, 51, 52, 53, 80, 12_345] {
            fault(
                format!("result {code} on page {page}"),
                on_page(page, move |_, mut replies| {
                    replies.pop();
                    replies.push(done(code));
                    replies
                }),
            );
        }
    }
    fault("success with nothing".to_owned(), Script::serving(Vec::new()));
    fault(
        "the same id twice".to_owned(),
        Script::serving(
            [people(3), vec![Served { dn: format!("uid=evil,{SUFFIX}").into_bytes(), ..person(2) }]].concat(),
        ),
    );
    fault(
        "an id that is none".to_owned(),
        Script::serving([people(3), vec![person(9).with("entryUUID", vec![b"not-an-id".to_vec()])]].concat()),
    );
    fault(
        "two ids".to_owned(),
        Script::serving([people(3), vec![person(9).with("entryUUID", vec![b"a".to_vec(), b"b".to_vec()])]].concat()),
    );
    fault("no id".to_owned(), Script::serving([people(3), vec![person(9).with("entryUUID", Vec::new())]].concat()));
    faults
}

#[tokio::test]
async fn no_fault_yields_a_complete_read() {
    let faults = faults_of_reading();
    assert!(faults.len() > 50);
    let mut running = tokio::task::JoinSet::new();
    for (what, script) in faults {
        running.spawn(async move { (what, read(script).await) });
    }
    while let Some(finished) = running.join_next().await {
        let (what, read) = finished.unwrap();
        match read {
            Err(error) => assert!(!error.to_string().is_empty(), "{what}"),
            Ok((_, reading)) => {
                assert!(matches!(reading.completeness, Completeness::Doubtful(_)), "{what}: {reading:?}")
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_skipped_and_named() {
    let odd = vec![
        person(1),
        person(2).with("cn", vec![vec![b'x'; 2_000]]),
        person(3).with("mail", vec![b"m".to_vec(); 300]),
        Served { dn: vec![b'u', b'i', b'd', b'=', 0xff, 0xfe], ..person(4) },
        Served { dn: b"no name at all".to_vec(), ..person(5) },
        person(6).with("cn", vec![vec![0xff, 0x00, 0x1b]]),
        person(7).with("member;range=0-1499", vec![b"cn=x".to_vec()]),
        person(8).with("objectClass", Vec::new()),
        person(9).with("cn;lang-fr", vec![b"Personne".to_vec()]),
    ];
    let server = Scripted::start(Script::serving(odd)).await;
    let mut settings = server.settings();
    (settings.max_values, settings.max_value_bytes) = (200, 1_000);
    let (arrivals, reading) = read_all(&*source(settings)).await.unwrap();
    let mut unusable: Vec<_> = arrivals
        .iter()
        .filter_map(|arrival| match arrival {
            Arrival::Unusable(unusable) => Some((unusable.guid, unusable.why.as_str())),
            Arrival::Entry(_) => None,
        })
        .collect();
    // What comes in slices is completed behind the rest of its page.
    unusable.sort_by_key(|(guid, _)| guid.map(|guid| *guid.as_bytes()));
    let expected = [
        (2, "`cn` has a value of 2000 bytes; `max_value_bytes` allows 1000"),
        (3, "`mail` has 300 values; `max_values` allows 200"),
        (4, "its DN is not UTF-8"),
        (5, "`no name at all` is not a DN"),
        (7, "the slice `member;range=0-*` has 1 values, not what it says"),
        (8, "its objectClass cannot be read"),
    ];
    assert_eq!(unusable.len(), expected.len(), "{unusable:?}");
    for ((guid_seen, why), (number, said)) in unusable.iter().zip(expected) {
        assert_eq!(*guid_seen, Some(guid(number)));
        assert!(why.starts_with(said), "{why}");
    }
    assert_eq!(names(&arrivals).len(), 3);
    assert_eq!(reading.completeness, Completeness::Complete, "every id is known, so absence still is");
    let shown = arrivals.iter().find_map(|arrival| match arrival {
        Arrival::Entry(entry) if entry.guid == guid(9) => Some(entry.attributes.text("cn")),
        _ => None,
    });
    assert_eq!(shown, Some(Some("Person 9")), "a translation never replaces the value");
}

/// A frame, as an answer to a request.
type Frame = fn(&Request) -> Vec<u8>;

/// Frames that are no LDAP, or not what was asked.
fn malformed() -> Vec<(&'static str, Frame)> {
    fn nested(depth: u32) -> Vec<u8> {
        let header = |inside: u32| [vec![0x30, 0x84], (inside * 6).to_be_bytes().to_vec()].concat();
        (0..depth).rev().flat_map(header).collect()
    }
    vec![
        ("a result code that is no enumeration", |request| message(request.id, element(0x65, &[octets("x")]), &[])),
        ("an operation nobody knows", |request| message(request.id, element(0x6f, &[]), &[])),
        ("an empty message", |_| sequence(&[])),
        ("an id alone", |request| sequence(&[integer(request.id)])),
        ("a negative id", |_| sequence(&[element(0x02, &[vec![0xff]]), result(0x65, 0, "")])),
        ("no LDAP at all", |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("a length of 4 GB", |_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01]),
        ("an indefinite length", |_| vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00]),
        ("a length of 127 bytes", |_| [vec![0x30, 0xff], vec![0xff; 127]].concat()),
        ("a hundred thousand levels", |request| {
            message(request.id, element(0x64, &[octets(""), nested(100_000)]), &[])
        }),
        ("an entry without attributes", |request| message(request.id, element(0x64, &[octets("cn=x")]), &[])),
        ("an entry that is a number", |request| message(request.id, element(0x64, &[integer(7), integer(8)]), &[])),
        ("a bind answer to a search", |request| message(request.id, result(0x61, 0, ""), &[])),
        ("a diagnostic that is not UTF-8", |request| {
            message(request.id, element(0x65, &[enumerated(0), octets(""), octets([0xff])]), &[])
        }),
        ("controls that are none", |request| {
            sequence(&[integer(request.id), result(0x65, 0, ""), element(0xa0, &[octets("x")])])
        }),
        ("a paging control without a cookie", |request| {
            let control = sequence(&[octets("1.2.840.113556.1.4.319"), octets("zz")]);
            message(request.id, result(0x65, 0, ""), &[control])
        }),
        ("a sync state that is none", |request| {
            let control = sequence(&[octets("1.3.6.1.4.1.4203.1.9.1.2"), octets([0xff; 3])]);
            message(request.id, element(0x64, &[octets("cn=x"), sequence(&[])]), &[control])
        }),
        ("a sync info message that is none", |request| {
            message(
                request.id,
                element(0x79, &[element(0x80, &[b"1.3.6.1.4.1.4203.1.9.1.4".to_vec()]), element(0x81, &[vec![9, 9]])]),
                &[],
            )
        }),
    ]
}

#[tokio::test]
async fn a_malformed_frame_ends_one_connection_and_nothing_else() {
    let panicked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&panicked);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        seen.store(true, Ordering::SeqCst);
        usual(panic);
    }));
    for (what, frame) in malformed() {
        // The first search is hit, whatever it is for; and once a search that brings entries.
        for late in [false, true] {
            let broken = Arc::new(AtomicBool::new(false));
            let once = Arc::clone(&broken);
            let script = Script::serving(people(COUNT)).faults(move |request, replies| {
                let due = if late { request.page == Some(1) } else { matches!(request.kind, Asked::Base { .. }) };
                if due && !once.swap(true, Ordering::SeqCst) {
                    vec![Reply::Raw(frame(request)), Reply::Hang]
                } else {
                    replies
                }
            });
            let server = Scripted::start(script).await;
            let source = source(server.settings());
            let error = read_all(&*source).await.expect_err(what);
            assert!(matches!(error, DirectoryError::Protocol { .. }), "{what}: {error}");
            let (arrivals, reading) = read_all(&*source).await.unwrap_or_else(|error| panic!("after {what}: {error}"));
            assert_eq!(
                (arrivals.len(), reading.completeness),
                (usize::from(COUNT), Completeness::Complete),
                "after {what}"
            );
        }
    }
    // The same while binding, where ldap3 decodes in the caller's own task.
    for (what, frame) in malformed() {
        let script = Script::serving(people(1)).faults(move |request, replies| match request.kind {
            Asked::Bind { .. } => vec![Reply::Raw(frame(request)), Reply::Hang],
            _ => replies,
        });
        if what != "a bind answer to a search" {
            assert!(read(script).await.is_err(), "{what}");
        }
    }
    let _ = std::panic::take_hook();
    assert!(!panicked.load(Ordering::SeqCst), "something panicked on the way");
}

#[tokio::test]
async fn a_notice_of_disconnection_is_passed_on() {
    let script = on_page(1, |_, _| {
        let notice = element(
            0x78,
            &[enumerated(52), octets(""), octets("going down"), element(0x8a, &[b"1.3.6.1.4.1.1466.20036".to_vec()])],
        );
        vec![Reply::Raw(message(0, notice, &[]))]
    });
    let error = read(script).await.unwrap_err().to_string();
    assert!(error.contains("result 52 (unavailable): going down"), "{error}");
}

#[tokio::test]
async fn a_flood_waits_until_it_is_consumed() {
    // One page of 200 MB that the receiver does not take.
    let sent = Arc::new(AtomicUsize::new(0));
    let script = Script::serving(people(1)).faults(move |request, replies| {
        if request.page == Some(0) {
            let large = person(1).with("cn", vec![vec![b'x'; 1 << 20]]);
            let flood = (0..200).map(|_| Reply::Entry(large.clone()));
            sent.fetch_add(1, Ordering::SeqCst);
            return flood.chain(replies.into_iter().skip(1)).collect();
        }
        replies
    });
    let server = Scripted::start(script).await;
    let mut settings = server.settings();
    settings.max_value_bytes = 1_000;
    // Every entry is too large; the read goes on and doubts, in bounded memory (asserted in the guard's own tests).
    let (arrivals, reading) = read_all(&*source(settings)).await.unwrap();
    assert_eq!(arrivals.len(), 200);
    assert!(matches!(reading.completeness, Completeness::Doubtful(_)));
}

#[tokio::test]
async fn no_password_goes_where_it_could_be_read() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("somebody else's"));
    let good = ours.issue("server", &["localhost"]);
    let wrong_name = ours.issue("other", &["other.example.test"]);
    let untrusted = theirs.issue("server", &["localhost"]);
    let bind = message(1, result(0x61, 0, ""), &[]);
    let started = |leaf, inject: Vec<u8>| Tls::Started { config: server_config(leaf), inject };
    let refuses = |script: Script| {
        script.faults(|request, replies| match request.kind {
            Asked::StartTls => vec![Reply::Result { code: 52, text: "no TLS today".to_owned() }],
            _ => replies,
        })
    };
    let cases: Vec<(&str, &str, Script, bool)> = vec![
        ("ldaps, good", "ldaps", Script::serving(people(1)).tls(Tls::Direct(server_config(&good))), true),
        ("ldaps, wrong name", "ldaps", Script::serving(people(1)).tls(Tls::Direct(server_config(&wrong_name))), false),
        ("ldaps, untrusted", "ldaps", Script::serving(people(1)).tls(Tls::Direct(server_config(&untrusted))), false),
        ("ldaps, no TLS there", "ldaps", Script::serving(people(1)), false),
        ("StartTLS, good", "ldap", Script::serving(people(1)).tls(started(&good, Vec::new())), true),
        ("StartTLS, wrong name", "ldap", Script::serving(people(1)).tls(started(&wrong_name, Vec::new())), false),
        ("StartTLS, untrusted", "ldap", Script::serving(people(1)).tls(started(&untrusted, Vec::new())), false),
        ("StartTLS, a bind answer injected", "ldap", Script::serving(people(1)).tls(started(&good, bind)), false),
        ("StartTLS, one byte injected", "ldap", Script::serving(people(1)).tls(started(&good, vec![0x30])), false),
        ("StartTLS refused", "ldap", refuses(Script::serving(people(1)).tls(started(&good, Vec::new()))), false),
    ];
    for (what, scheme, script, good) in cases {
        let server = Scripted::start(script).await;
        let mut settings = server.settings();
        settings.urls = vec![server.url(scheme)];
        settings.start_tls = scheme == "ldap";
        settings.ca_file = Some(ours.ca_file());
        let read = read_all(&*source(settings)).await;
        assert_eq!((read.is_ok(), server.saw_a_bind()), (good, good), "{what}: {:?}", read.err());
    }
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_to_another_machine() {
    let server = Scripted::start(Script::serving(people(1))).await;
    let mut settings = server.settings();
    settings.urls = vec!["ldap://192.0.2.1".to_owned()];
    let error = read_all(&*source(settings)).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Setup { .. }) && error.to_string().contains("insecure"), "{error}");
}

#[tokio::test]
async fn an_empty_password_is_never_sent() {
    let server = Scripted::start(Script::serving(people(1))).await;
    for (dn, password) in [("cn=sync", ""), ("", "secret")] {
        let mut settings = server.settings();
        settings.bind = Bind::Simple { dn: dn.to_owned(), password: Secret::new(password.to_owned()) };
        let error = read_all(&*source(settings)).await.unwrap_err();
        assert!(error.to_string().contains("anonymous"), "{error}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    for silent in ["bind", "search"] {
        let script = Script::serving(people(1)).faults(move |request, replies| match request.kind {
            Asked::Bind { .. } if silent == "bind" => vec![Reply::Hang],
            Asked::Base { .. } if silent == "search" => vec![Reply::Hang],
            _ => replies,
        });
        let server = Scripted::start(script).await;
        let mut settings = server.settings();
        settings.connect_timeout = Duration::from_millis(200);
        settings.answer_timeout = Duration::from_millis(200);
        let since = Instant::now();
        let error = read_all(&*source(settings)).await.unwrap_err();
        assert!(error.to_string().contains("no answer to"), "{silent}: {error}");
        assert!(since.elapsed() < Duration::from_secs(2), "{silent}");
    }
}

/// A server whose synchronizing search answers as scripted, and what its follower hands over.
struct Followed {
    changes: mpsc::Receiver<Changes>,
    task: tokio::task::JoinHandle<Result<(), DirectoryError>>,
    _server: Scripted,
}

impl Followed {
    async fn begin(entries: Vec<Served>, replies: Vec<Reply>) -> Self {
        let script = Script::serving(entries).faults(move |request, honest| match request.kind {
            Asked::Sync { .. } => replies.clone(),
            _ => honest,
        });
        let server = Scripted::start(script).await;
        let source = source(server.settings());
        let (_, reading) = read_all(&*source).await.unwrap();
        let (into, changes) = mpsc::channel(8);
        let task = tokio::spawn(async move { source.follow(reading.position.unwrap(), into).await });
        Self { changes, task, _server: server }
    }

    /// Everything handed over until the follower ends, and how it ends.
    async fn into_all(mut self) -> (Vec<Changes>, Result<(), DirectoryError>) {
        let mut all = Vec::new();
        while let Some(change) = self.changes.recv().await {
            all.push(change);
        }
        (all, self.task.await.unwrap())
    }
}

/// Follows to the end.
async fn follow(entries: Vec<Served>, replies: Vec<Reply>) -> (Vec<Changes>, Result<(), DirectoryError>) {
    Followed::begin(entries, replies).await.into_all().await
}

fn gone(changes: &[Changes]) -> HashSet<bailey::base::Guid> {
    let gone = changes.iter().filter_map(|change| match change {
        Changes::Delta { gone, .. } => Some(gone.clone()),
        _ => None,
    });
    gone.flatten().collect()
}

fn refreshed() -> Reply {
    Reply::RefreshEnd { choice: 1, cookie: Some(format!("rid=000,csn={CSN}").into_bytes()) }
}

#[tokio::test]
async fn a_deletion_that_is_a_lie_is_found_out() {
    let lie = Reply::Ids { deletes: true, ids: vec![guid(1), guid(2), guid(99)] };
    let single = Reply::Synced(Served { dn: Vec::new(), attributes: Vec::new() }, 3, guid(3), None);
    let mut following = Followed::begin(people(3), vec![lie, refreshed(), single, Reply::Hang]).await;
    let (mut left, mut arrived) = (HashSet::new(), HashSet::new());
    while arrived.len() < 3 || left.is_empty() {
        let Changes::Delta { arrivals, gone, .. } = next_change(&mut following.changes).await else {
            panic!("expected a delta")
        };
        left.extend(gone);
        arrived.extend(names(&arrivals));
    }
    assert_eq!(left, HashSet::from([guid(99)]), "only what is not there is gone; what is there arrives");
}

#[tokio::test]
async fn an_unconfirmed_deletion_is_no_deletion() {
    // The server reports a deletion and then will not say whether it is so.
    for code in [51, 50, 4, 10] {
        let asked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&asked);
        let server = Scripted::start(Script::serving(people(2)).faults(move |request, honest| match &request.kind {
            Asked::Sync { .. } => vec![Reply::Ids { deletes: true, ids: vec![guid(99)] }, refreshed()],
            Asked::Subtree { ids, .. } if !ids.is_empty() => {
                seen.store(true, Ordering::SeqCst);
                vec![done(code)]
            }
            _ => honest,
        }))
        .await;
        let source = source(server.settings());
        let (_, reading) = read_all(&*source).await.unwrap();
        let (into, mut changes) = mpsc::channel(8);
        let ended = source.follow(reading.position.unwrap(), into).await;
        assert!(ended.is_err(), "{code}");
        assert!(asked.load(Ordering::SeqCst) && changes.recv().await.is_none(), "{code}: nothing was handed over");
    }
}

#[tokio::test]
async fn what_the_server_no_longer_knows_needs_a_full_read() {
    let garbage = |bytes: &[u8]| Reply::RefreshEnd { choice: 1, cookie: Some(bytes.to_vec()) };
    let cases: Vec<(&str, Vec<Reply>)> = vec![
        ("e-syncRefreshRequired", vec![Reply::SyncDone { code: 4096, cookie: None }]),
        ("consumer state is newer", vec![Reply::SyncDone { code: 53, cookie: None }]),
        ("an empty cookie after the refresh", vec![garbage(b"")]),
        ("a garbage cookie after the refresh", vec![garbage(&[0xff; 30])]),
        ("a huge cookie", vec![garbage(&[b'a'; 100_000])]),
        ("a garbage cookie later", vec![refreshed(), Reply::NewCookie(b"rid=000".to_vec())]),
        ("another id than the entry's", vec![Reply::Synced(person(1), 1, guid(2), None), refreshed()]),
    ];
    for (what, replies) in cases {
        let (changes, ended) = follow(people(2), replies).await;
        assert!(matches!(changes.last(), Some(Changes::FullReadNeeded { .. })), "{what}: {:?}", changes);
        assert!(gone(&changes).is_empty() && ended.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn a_broken_synchronization_is_an_error_and_deletes_nothing() {
    let cases: Vec<(&str, Vec<Reply>)> = vec![
        ("the connection ends at once", vec![Reply::Close]),
        ("the connection ends in the refresh", vec![Reply::Synced(person(1), 1, guid(1), None), Reply::Close]),
        ("an entry without a state", vec![Reply::Entry(person(1))]),
        (
            "a list of what is present outside a refresh",
            vec![refreshed(), Reply::Ids { deletes: false, ids: vec![guid(1)] }],
        ),
        ("the list breaks off", vec![Reply::Ids { deletes: false, ids: vec![guid(1)] }, Reply::Close]),
        ("busy", vec![Reply::SyncDone { code: 51, cookie: None }]),
        ("success, though it should go on", vec![refreshed(), Reply::SyncDone { code: 0, cookie: None }]),
        ("no such control", vec![Reply::SyncDone { code: 12, cookie: None }]),
        ("a state of 9", vec![Reply::Synced(person(1), 9, guid(1), None)]),
    ];
    for (what, replies) in cases {
        let (changes, ended) = follow(people(2), replies).await;
        assert!(ended.is_err(), "{what}");
        assert!(gone(&changes).is_empty(), "{what}");
        let proven =
            changes.iter().any(|change| matches!(change, Changes::Present { .. } | Changes::FullReadNeeded { .. }));
        assert!(!proven, "{what}: {:?}", changes);
    }
}

#[tokio::test]
async fn the_list_of_what_is_present_names_what_changed_too() {
    let end = Reply::RefreshEnd { choice: 2, cookie: Some(format!("rid=000,csn={CSN}").into_bytes()) };
    let replies = vec![
        Reply::Synced(person(1), 1, guid(1), None),
        Reply::Ids { deletes: false, ids: vec![guid(2)] },
        end,
        Reply::Close,
    ];
    let (changes, _) = follow(people(2), replies).await;
    let present = changes.iter().find_map(|change| match change {
        Changes::Present { present, .. } => Some(present.clone()),
        _ => None,
    });
    assert_eq!(present, Some(HashSet::from([guid(1), guid(2)])));
}

#[tokio::test]
async fn an_account_that_sees_nothing_proves_nothing_gone() {
    let blind = Arc::new(AtomicBool::new(false));
    let now_blind = Arc::clone(&blind);
    let server = Scripted::start(Script::serving(people(2)).faults(move |request, honest| match &request.kind {
        Asked::Base { dn, .. } if dn == SUFFIX && now_blind.load(Ordering::SeqCst) => vec![done(32)],
        Asked::Subtree { .. } if now_blind.load(Ordering::SeqCst) => {
            vec![Reply::Done { code: 0, text: String::new(), page: Some(Vec::new()) }]
        }
        _ => honest,
    }))
    .await;
    let source = source(server.settings());
    assert_eq!(source.look_up(vec![Wanted::Guid(guid(1))]).await.unwrap().len(), 1);
    blind.store(true, Ordering::SeqCst);
    assert!(source.look_up(vec![Wanted::Guid(guid(1))]).await.is_err());
}

#[tokio::test]
async fn a_follower_stops_when_nobody_listens() {
    let server = Scripted::start(Script::serving(people(2))).await;
    let source = source(server.settings());
    let (_, reading) = read_all(&*source).await.unwrap();
    let (into, changes) = mpsc::channel(8);
    let following = tokio::spawn(async move { source.follow(reading.position.unwrap(), into).await });
    drop(changes);
    tokio::time::timeout(Duration::from_secs(5), following).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_cursor_of_another_method_needs_a_full_read() {
    let server = Scripted::start(Script::serving(people(2))).await;
    let source = source(server.settings());
    let cursor = Cursor { server: server.url("ldap"), method: "dirsync".to_owned(), state: serde_json::json!({}) };
    let (into, mut changes) = mpsc::channel(8);
    source.follow(cursor, into).await.unwrap();
    assert!(matches!(next_change(&mut changes).await, Changes::FullReadNeeded { .. }));
}

#[tokio::test]
async fn a_bind_refused_by_active_directory_is_told_in_words() {
    let text = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1";
    let refusing = Script::serving(people(1)).faults(move |request, replies| match request.kind {
        Asked::Bind { .. } => vec![Reply::Result { code: 49, text: text.to_owned() }],
        _ => replies,
    });
    let server = Scripted::start(refusing).await;
    let findings = LdapSource::new(server.settings(), [0; 32]).unwrap().check().await;
    let [said] = findings.as_slice() else { panic!("one finding: {findings:?}") };
    assert!(said.what.contains("the account is disabled (80090308"), "{said:?}");
    assert_eq!(said.remedy, "enable the account");
}
