//! Passwords against servers that lie, point elsewhere, or die.
//!
//! What must hold everywhere: nobody is taken for somebody else, and a password goes to one server, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey::base::Secret;
use bailey::directory::settings::Bind;
use bailey::directory::{
    DirectoryError, FindError, LdapSource, Login, Person, RefusalKind, Settings, SignedIn, Verifier, VerifyError,
};

use crate::bed::ber::{control, element, enumerated, message, octets, sequence};
use crate::bed::scripted::{Asked, Request, SUFFIX, Served, Tls, guid, people, person, server_config};
use crate::bed::{Authority, Reply, Script, Scripted};

const PASSWORD: &str = "correct horse";

fn source(settings: Settings) -> LdapSource {
    LdapSource::new(settings, [7; 32]).unwrap()
}

fn login(name: &str) -> Login {
    Login { name: name.to_owned(), typed: None }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// DN of `u1`.
fn first() -> String {
    format!("uid=u1,ou=people,{SUFFIX}")
}

/// Whether this is a bind of a person, not of our own account.
fn is_persons(asked: &Asked) -> bool {
    matches!(asked, Asked::Bind { dn, .. } if !dn.starts_with("cn=sync"))
}

fn binds_of_people(server: &Scripted) -> Vec<Asked> {
    server.seen().into_iter().filter(is_persons).collect()
}

/// A script that answers what people's connections ask with `fault`.
fn at_bind(fault: impl Fn(&Request, Vec<Reply>) -> Vec<Reply> + Send + Sync + 'static) -> Script {
    Script::serving(people(3)).faults(
        move |request, replies| {
            if is_persons(&request.kind) { fault(request, replies) } else { replies }
        },
    )
}

fn result(code: u32) -> Vec<Reply> {
    vec![Reply::Result { code, text: String::new() }]
}

/// Signs `u1` in at a server with this script.
async fn sign_in(script: Script) -> (Scripted, Result<SignedIn, VerifyError>) {
    let server = Scripted::start(script).await;
    let source = source(server.settings());
    let found = source.find(&login("u1")).await.unwrap();
    let tried = source.verify(&found, &secret(PASSWORD)).await;
    (server, tried)
}

async fn refusal(script: Script) -> RefusalKind {
    match sign_in(script).await.1 {
        Err(VerifyError::Refused(refusal)) => refusal.kind,
        other => panic!("{other:?}"),
    }
}

async fn not_confirmed(script: Script) -> String {
    match sign_in(script).await.1 {
        Err(VerifyError::NotConfirmed { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_honest_server_signs_in_whom_it_found() {
    let (server, tried) = sign_in(Script::serving(people(3))).await;
    let signed_in = tried.unwrap();
    assert_eq!((signed_in.guid, signed_in.dn.as_str()), (guid(1), first().as_str()));
    assert_eq!(
        binds_of_people(&server),
        [Asked::Bind { dn: first(), password: PASSWORD.as_bytes().to_vec() }],
        "once, with the DN that came back"
    );
}

#[tokio::test]
async fn the_name_that_is_bound_with_is_the_one_that_came_back_byte_for_byte() {
    for odd in [
        r"cn=Lee\, Ann\+Bob\=C\#\<D\>\;\\E\22,ou=people,dc=example,dc=test",
        r"cn=\20leading and trailing\20,ou=People , dc=Example, DC=test",
        r"CN=M\C3\BCller,ou=people,dc=example,dc=test",
        "cn=Ünïcödé 日本,ou=people,dc=example,dc=test",
    ] {
        let entry = Served { dn: odd.as_bytes().to_vec(), ..person(1) };
        let (server, tried) = sign_in(Script::serving(vec![entry, person(2)])).await;
        assert!(tried.is_ok(), "{odd}: {tried:?}");
        assert_eq!(binds_of_people(&server), [Asked::Bind { dn: odd.to_owned(), password: PASSWORD.into() }]);
    }
}

#[tokio::test]
async fn no_server_hears_of_an_empty_password() {
    let server = Scripted::start(Script::serving(people(3))).await;
    let source = source(server.settings());
    let found = source.find(&login("u1")).await.unwrap();
    let (heard, connections) = (server.seen().len(), server.connections());
    for empty in ["", " ", "\t \n", "\u{a0}", "\0", "a\0", "\0a"] {
        let tried = source.verify(&found, &secret(empty)).await;
        assert!(matches!(tried, Err(VerifyError::Refused(_))), "{empty:?}: {tried:?}");
    }
    assert_eq!((server.seen().len(), server.connections()), (heard, connections));
}

#[tokio::test]
async fn a_server_that_says_yes_to_everything_has_to_say_who_it_is() {
    let nobody = |value: &'static [u8]| {
        Script::serving(people(3)).faults(move |request, replies| match &request.kind {
            Asked::WhoAmI => {
                let mut parts = vec![enumerated(0), octets(""), octets("")];
                parts.push(element(0x8b, &[value.to_vec()]));
                vec![Reply::Operation(element(0x78, &parts))]
            }
            _ => replies,
        })
    };
    for name in [&b""[..], b"dn:", b"u:NT AUTHORITY\\ANONYMOUS LOGON"] {
        assert!(not_confirmed(nobody(name)).await.contains("nobody's"));
    }
    let without_name = Script::serving(people(3))
        .faults(|request, replies| if request.kind == Asked::WhoAmI { result(0) } else { replies });
    assert!(not_confirmed(without_name).await.contains("nobody's"));
    let refusing = Script::serving(people(3))
        .faults(|request, replies| if request.kind == Asked::WhoAmI { result(50) } else { replies });
    assert!(not_confirmed(refusing).await.contains("nobody's"));
}

#[tokio::test]
async fn who_offers_to_say_whose_a_connection_is_has_to_say_it() {
    let script = |extensions: Vec<String>| {
        let answers = |request: &Request, replies| if request.kind == Asked::WhoAmI { result(2) } else { replies };
        let mut script = Script::serving(people(3)).faults(answers);
        script.extensions = extensions;
        script
    };
    let offered = Script::serving(Vec::new()).extensions;
    assert!(not_confirmed(script(offered)).await.contains("does not"));
    assert!(sign_in(script(Vec::new())).await.1.is_ok(), "Samba does not know the question");
}

#[tokio::test]
async fn whoever_is_there_behind_the_bind_is_whom_was_found() {
    let after = |change: fn(Vec<Reply>) -> Vec<Reply>| {
        Script::serving(people(3)).faults(move |request, replies| match &request.kind {
            Asked::Base { dn, .. } if *dn == first() => change(replies),
            _ => replies,
        })
    };
    let other = after(|_| vec![Reply::Entry(Served { dn: first().into_bytes(), ..person(2) }), done(0)]);
    assert!(not_confirmed(other).await.contains(&guid(2).to_string()), "the name has another owner by then");
    for hidden in [
        after(|_| vec![done(32)]),
        after(|_| vec![done(0)]),
        after(|_| vec![done(50)]),
        after(|_| vec![Reply::Entry(person(1).with("entryUUID", Vec::new())), done(0)]),
        after(|_| vec![Reply::Entry(person(1)), done(50)]),
        after(|_| vec![Reply::Entry(person(1)), Reply::Entry(person(1)), done(0)]),
        after(|_| vec![Reply::Reference("ldap://elsewhere/".to_owned()), done(10)]),
    ] {
        assert!(not_confirmed(hidden).await.contains("cannot be read"));
    }
}

fn done(code: u32) -> Reply {
    Reply::Done { code, text: String::new(), page: None }
}

#[tokio::test]
async fn a_referral_leads_the_password_nowhere() {
    let elsewhere = Scripted::start(Script::serving(people(3))).await;
    let url = elsewhere.url("ldap");
    let script = at_bind(move |_, _| {
        let referral = element(0xa3, &[octets(&url)]);
        vec![Reply::Operation(element(0x61, &[enumerated(10), octets(""), octets("go there"), referral]))]
    });
    assert_eq!(refusal(script).await, RefusalKind::Referral);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_name_means_one_person_or_nobody() {
    let twin = Served { dn: format!("uid=twin,{SUFFIX}").into_bytes(), ..person(3) }
        .with("uid", vec![b"u2".to_vec(), b"twin".to_vec()]);
    let server = Scripted::start(Script::serving(vec![person(1), person(2), twin])).await;
    let source = source(server.settings());
    assert!(matches!(source.find(&login("u2")).await, Err(FindError::Ambiguous { .. })));
    assert!(matches!(source.find(&login("u9")).await, Err(FindError::Unknown)));
    assert_eq!(source.find(&login("twin")).await.unwrap().guid, guid(3));
    // What was typed with the directory's label is somebody's name as well: then it has to be the same person's.
    let both = Login { name: "u1".to_owned(), typed: Some("twin".to_owned()) };
    assert!(matches!(source.find(&both).await, Err(FindError::Ambiguous { .. })));
    let same = Login { name: "u1".to_owned(), typed: Some("u1@corp".to_owned()) };
    assert_eq!(source.find(&same).await.unwrap().guid, guid(1));
    assert!(binds_of_people(&server).is_empty());
}

#[tokio::test]
async fn what_is_no_person_in_scope_does_not_sign_in() {
    let machine = person(1).with("objectClass", vec![b"inetOrgPerson".to_vec(), b"device".to_vec()]);
    let group = person(2).with("objectClass", vec![b"groupOfNames".to_vec()]);
    let broken = person(3).with("entryUUID", vec![b"none".to_vec()]);
    let server = Scripted::start(Script::serving(vec![machine, group, broken, person(4)])).await;
    let mut settings = server.settings();
    settings.only_under = vec![format!("ou=people,{SUFFIX}").parse().unwrap()];
    let found = source(settings);
    for name in ["u1", "u2"] {
        assert!(matches!(found.find(&login(name)).await, Err(FindError::Unknown)), "{name}");
    }
    assert!(matches!(found.find(&login("u3")).await, Err(FindError::Unusable { .. })));
    let mut narrow = server.settings();
    narrow.only_under = vec![format!("ou=others,{SUFFIX}").parse().unwrap()];
    assert!(matches!(source(narrow).find(&login("u4")).await, Err(FindError::Unknown)));
    assert_eq!(found.find(&login("u4")).await.unwrap().guid, guid(4));
}

/// Two servers of one directory, and who was found there.
async fn pair(first_script: Script) -> (Scripted, Scripted, LdapSource, Person) {
    let (one, two) = (Scripted::start(first_script).await, Scripted::start(Script::serving(people(3))).await);
    let mut settings = one.settings();
    settings.urls = vec![one.url("ldap"), two.url("ldap")];
    settings.connect_timeout = Duration::from_secs(1);
    let source = source(settings);
    let found = source.find(&login("u1")).await.unwrap();
    (one, two, source, found)
}

#[tokio::test]
async fn a_server_that_is_away_by_then_is_passed_over() {
    let (one, two, source, found) = pair(Script::serving(people(3))).await;
    drop(one);
    assert_eq!(source.verify(&found, &secret(PASSWORD)).await.unwrap().server, two.url("ldap"));
    drop(two);
    let tried = source.verify(&found, &secret(PASSWORD)).await;
    assert!(matches!(tried, Err(VerifyError::Directory(DirectoryError::AllServersDown { .. }))), "{tried:?}");
}

#[tokio::test]
async fn a_server_that_is_too_busy_to_look_is_passed_over() {
    for code in [51, 52] {
        let (_one, two, source, found) = pair(at_bind(move |_, _| result(code))).await;
        assert_eq!(source.verify(&found, &secret(PASSWORD)).await.unwrap().server, two.url("ldap"));
    }
}

#[tokio::test]
async fn a_password_that_may_have_been_counted_goes_to_no_other_server() {
    for last in [Reply::Close, Reply::Hang, Reply::Raw(b"\x30\x80".to_vec())] {
        let last_words = last.clone();
        let (one, two, source, found) = pair(at_bind(move |_, _| vec![last_words.clone()])).await;
        let began = Instant::now();
        let tried = source.verify(&found, &secret(PASSWORD)).await;
        assert!(matches!(tried, Err(VerifyError::Directory(_))), "{last:?}: {tried:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "a wait without an end");
        assert_eq!((binds_of_people(&one).len(), binds_of_people(&two).len()), (1, 0), "{last:?}");
    }
    for code in [1, 8, 19, 49, 53, 80] {
        let (_one, two, source, found) = pair(at_bind(move |_, _| result(code))).await;
        let tried = source.verify(&found, &secret(PASSWORD)).await;
        assert!(matches!(tried, Err(VerifyError::Refused(_))), "{code}: {tried:?}");
        assert!(binds_of_people(&two).is_empty(), "{code}");
    }
}

/// An answer to a bind with the control of a password policy in it.
fn policy(id: u32, code: u32, value: Vec<u8>) -> Reply {
    let answer = element(0x61, &[enumerated(code), octets(""), octets("")]);
    Reply::Raw(message(id, answer, &[control("1.3.6.1.4.1.42.2.27.8.5.1", value)]))
}

#[tokio::test]
async fn a_password_policy_says_why() {
    for (code, error, kind) in [
        (49, 0, RefusalKind::PasswordExpired),
        (49, 1, RefusalKind::Locked),
        (0, 2, RefusalKind::MustChange),
        (49, 7, RefusalKind::WrongPassword),
    ] {
        let value = move || sequence(&[element(0x81, &[vec![error]])]);
        assert_eq!(refusal(at_bind(move |request, _| vec![policy(request.id, code, value())])).await, kind);
    }
    let malformed = at_bind(|request, _| vec![policy(request.id, 0, vec![0x30, 0x05, 0x81])]);
    assert!(matches!(sign_in(malformed).await.1, Err(VerifyError::Directory(_))));
    let grace = sequence(&[element(0xa0, &[element(0x81, &[vec![2]])])]);
    let grace = at_bind(move |request, _| vec![policy(request.id, 0, grace.clone())]);
    assert!(sign_in(grace).await.1.is_ok(), "a warning is no error");
}

#[tokio::test]
async fn no_password_is_sent_before_tls() {
    let authority = Authority::new("test authority");
    let config = server_config(&authority.issue("server", &["localhost"]));
    let wrong = server_config(&authority.issue("other", &["elsewhere.test"]));
    let start_tls = |script: Script| async {
        let server = Scripted::start(script).await;
        let mut settings = server.settings();
        (settings.start_tls, settings.ca_file) = (true, Some(authority.ca_file()));
        (server, settings)
    };
    let started = |config: &Arc<_>, inject: Vec<u8>| Tls::Started { config: Arc::clone(config), inject };
    let found = Person { guid: guid(1), dn: first().parse().unwrap(), lockout: None };
    let yes = message(1, element(0x61, &[enumerated(0), octets(""), octets("")]), &[]);
    let honest = || Script::serving(people(3));
    let refuses = |script: Script| {
        script.faults(|request, replies| if request.kind == Asked::StartTls { result(52) } else { replies })
    };
    for (what, script) in [
        ("refuses TLS", refuses(honest().tls(started(&config, Vec::new())))),
        ("says yes in the clear", honest().tls(started(&config, yes))),
        ("has another's certificate", honest().tls(started(&wrong, Vec::new()))),
    ] {
        let (server, settings) = start_tls(script).await;
        let tried = source(settings).verify(&found, &secret(PASSWORD)).await;
        assert!(matches!(tried, Err(VerifyError::Directory(_))), "{what}: {tried:?}");
        assert!(!server.saw_a_bind(), "{what}");
    }
    let (server, settings) = start_tls(honest().tls(started(&config, Vec::new()))).await;
    assert!(source(settings).verify(&found, &secret(PASSWORD)).await.is_ok());
    assert_eq!(binds_of_people(&server).len(), 1);
}

#[tokio::test]
async fn a_ticket_of_ours_hides_nobodys_password() {
    // The server offers no TLS: our own account would encrypt the connection by its ticket, which a person has not.
    let refuses = |request: &Request, replies| if request.kind == Asked::StartTls { result(52) } else { replies };
    let server = Scripted::start(Script::serving(people(3)).faults(refuses)).await;
    let mut settings = server.settings();
    settings.bind = Bind::Kerberos { principal: "svc@EXAMPLE.TEST".to_owned() };
    let found = Person { guid: guid(1), dn: first().parse().unwrap(), lockout: None };
    let tried = source(settings).verify(&found, &secret(PASSWORD)).await;
    assert!(matches!(tried, Err(VerifyError::Directory(_))), "{tried:?}");
    assert!(!server.saw_a_bind());
    assert!(server.seen().contains(&Asked::StartTls));
}
