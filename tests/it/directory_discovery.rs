//! Servers found in DNS: in which order, for how long, and what happens when DNS or the servers fail.
//!
//! A DNS server with a table, and scripted LDAP servers whose ports stand in the SRV records. Time is tokio's,
//! stopped and moved by hand between calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bailey::directory::settings::Domain;
use bailey::directory::{Changes, DirectoryError, Finding, LdapSource, Settings, Severity, Source};

use crate::bed::scripted::{Asked, Tls, guid, people, person, server_config};
use crate::bed::{Authority, Dns, Mood, Reply, Script, Scripted, free_port, names, next_change, read_all};

const DOMAIN: &str = "corp.test";
const OF_DOMAIN: &str = "_ldap._tcp.dc._msdcs.corp.test";
const OF_SITE: &str = "_ldap._tcp.berlin._sites.dc._msdcs.corp.test";
const PLAIN: &str = "_ldap._tcp.corp.test";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// DNS that knows dc1 to dc4 of the domain, all on this machine, and no SRV record yet.
async fn dns() -> Dns {
    let dns = Dns::start().await;
    for host in ["dc1", "dc2", "dc3", "dc4"] {
        dns.address(&format!("{host}.{DOMAIN}"), HERE);
    }
    dns
}

/// A domain controller.
async fn controller() -> Scripted {
    Scripted::start(Script::serving(people(3))).await
}

/// Settings for whatever servers `dns` knows, in the clear on this machine.
fn settings(dns: &Dns) -> Settings {
    let domain = Domain { name: DOMAIN.to_owned(), site: None, nameservers: vec![dns.at()] };
    Settings {
        urls: Vec::new(),
        domain: Some(domain),
        insecure: true,
        ..crate::bed::settings("corp", "", crate::bed::scripted::SUFFIX)
    }
}

fn with_site(dns: &Dns) -> Settings {
    let mut settings = settings(dns);
    settings.domain.as_mut().unwrap().site = Some("Berlin".to_owned());
    settings
}

fn source(settings: Settings) -> LdapSource {
    LdapSource::new(settings, [7; 32]).unwrap()
}

fn url(host: &str, server: &Scripted) -> String {
    format!("ldap://{host}.{DOMAIN}:{}", server.port())
}

/// The server a full read came from.
async fn read_from(source: &LdapSource) -> String {
    let (arrivals, reading) = read_all(source).await.unwrap();
    assert_eq!(arrivals.len(), 3);
    reading.server
}

/// The URLs known, best first.
fn known(source: &LdapSource) -> Vec<String> {
    source.servers().into_iter().map(|health| health.url).collect()
}

/// Lets `seconds` pass between two calls.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// The gravest finding whose subject contains `subject`.
fn finding<'a>(findings: &'a [Finding], subject: &str) -> &'a Finding {
    let about = findings.iter().filter(|finding| finding.subject.contains(subject));
    about.max_by_key(|finding| finding.severity).unwrap_or_else(|| panic!("nothing about {subject}: {findings:#?}"))
}

#[tokio::test]
async fn the_lowest_priority_is_read_first() {
    let (dns, backup, preferred) = (dns().await, controller().await, controller().await);
    dns.srv(OF_DOMAIN, 600, (10, 100), "dc1.corp.test", backup.port());
    dns.srv(OF_DOMAIN, 600, (0, 100), "DC2.Corp.Test", preferred.port());
    let source = source(settings(&dns));
    assert_eq!(read_from(&source).await, url("dc2", &preferred));
    assert_eq!(known(&source), [url("dc2", &preferred), url("dc1", &backup)]);
    assert_eq!(dns.asked(), [OF_DOMAIN]);
}

#[tokio::test]
async fn weights_share_the_daemons_between_servers() {
    let dns = dns().await;
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.corp.test", 1);
    dns.srv(OF_DOMAIN, 600, (0, 900), "dc2.corp.test", 1);
    let mut preferred = 0;
    for seed in 0..100 {
        let source = LdapSource::new(settings(&dns), [seed; 32]).unwrap();
        // Nobody listens there. Both failed as often, so the order is the one drawn.
        source.following().await.unwrap_err();
        preferred += u32::from(known(&source)[0].contains("dc2"));
    }
    assert!((80..=97).contains(&preferred), "nine of ten daemons, not {preferred} of 100");
}

#[tokio::test]
async fn servers_of_the_site_come_first_and_the_others_follow_once() {
    let (dns, far, near) = (dns().await, controller().await, controller().await);
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.corp.test", far.port());
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc2.corp.test", near.port());
    dns.srv(OF_SITE, 600, (50, 1), "dc2.corp.test", near.port());
    let source = source(with_site(&dns));
    assert_eq!(read_from(&source).await, url("dc2", &near));
    assert_eq!(known(&source), [url("dc2", &near), url("dc1", &far)]);
}

#[tokio::test]
async fn a_server_that_is_down_is_followed_by_the_next() {
    let (dns, dc2) = (dns().await, controller().await);
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.corp.test", free_port());
    dns.srv(OF_DOMAIN, 600, (1, 100), "dc2.corp.test", dc2.port());
    let source = source(settings(&dns));
    assert_eq!(read_from(&source).await, url("dc2", &dc2));
    assert_eq!(source.servers()[0].url, url("dc2", &dc2), "who failed rests");
    assert_eq!(dns.asked(), [OF_DOMAIN], "one server answered, so nobody asks DNS again");
}

#[tokio::test]
async fn other_directories_publish_their_servers_under_the_domain_itself() {
    let (dns, server) = (dns().await, controller().await);
    dns.srv(PLAIN, 600, (0, 0), "dc1.corp.test", server.port());
    let source = source(with_site(&dns));
    assert_eq!(read_from(&source).await, url("dc1", &server));
    let mut asked = dns.asked();
    asked.sort();
    assert_eq!(asked, [OF_SITE, PLAIN, OF_DOMAIN]);
}

#[tokio::test]
async fn a_list_is_looked_up_again_after_its_ttl_and_not_before() {
    let (dns, dc1, dc2) = (dns().await, controller().await, controller().await);
    dns.srv(OF_DOMAIN, 300, (0, 100), "dc1.corp.test", dc1.port());
    let source = source(settings(&dns));
    assert_eq!(read_from(&source).await, url("dc1", &dc1));

    dns.remove(OF_DOMAIN);
    dns.srv(OF_DOMAIN, 300, (0, 100), "dc2.corp.test", dc2.port());
    pass(280).await;
    assert_eq!(read_from(&source).await, url("dc1", &dc1));
    pass(21).await;
    assert_eq!(read_from(&source).await, url("dc2", &dc2));
    assert_eq!(known(&source), [url("dc2", &dc2)]);
}

#[tokio::test]
async fn a_ttl_is_kept_within_a_minute_and_an_hour() {
    let (dns, dc1) = (dns().await, controller().await);
    for (ttl, before, after) in [(0, 40, 21), (86_400, 3_580, 21)] {
        dns.remove(OF_DOMAIN);
        dns.srv(OF_DOMAIN, ttl, (0, 100), "dc1.corp.test", dc1.port());
        let source = source(settings(&dns));
        read_from(&source).await;
        dns.asked();
        pass(before).await;
        read_from(&source).await;
        assert!(dns.asked().is_empty(), "TTL {ttl}: asked after {before} s");
        pass(after).await;
        read_from(&source).await;
        assert_eq!(dns.asked(), [OF_DOMAIN], "TTL {ttl}");
    }
}

#[tokio::test]
async fn the_same_records_keep_their_order() {
    let (dns, dc1, dc2) = (dns().await, controller().await, controller().await);
    for (host, server) in [("dc1.corp.test", &dc1), ("dc2.corp.test", &dc2)] {
        dns.srv(OF_DOMAIN, 60, (0, 100), host, server.port());
    }
    let source = source(settings(&dns));
    let first = read_from(&source).await;
    dns.asked();
    for turn in 0..20 {
        pass(61).await;
        assert_eq!(read_from(&source).await, first, "turn {turn}");
        assert_eq!(dns.asked(), [OF_DOMAIN], "turn {turn}");
    }
}

#[tokio::test]
async fn when_all_servers_fail_dns_is_asked_again_before_the_ttl_is_over() {
    let (dns, dc2) = (dns().await, controller().await);
    dns.srv(OF_DOMAIN, 3600, (0, 100), "dc1.corp.test", free_port());
    let source = source(settings(&dns));
    read_all(&source).await.unwrap_err();
    assert_eq!(dns.asked(), [OF_DOMAIN], "it was asked just now");

    dns.remove(OF_DOMAIN);
    dns.srv(OF_DOMAIN, 3600, (0, 100), "dc2.corp.test", dc2.port());
    pass(11).await;
    assert_eq!(read_from(&source).await, url("dc2", &dc2));
}

#[tokio::test]
async fn servers_known_are_kept_when_dns_fails_or_forgets_them() {
    let (dns, dc1) = (dns().await, controller().await);
    dns.srv(OF_DOMAIN, 60, (0, 100), "dc1.corp.test", dc1.port());
    let source = source(settings(&dns));
    read_from(&source).await;
    dns.asked();
    dns.remove(OF_DOMAIN);
    pass(61).await;
    assert_eq!(read_from(&source).await, url("dc1", &dc1));
    assert_eq!(dns.asked(), [OF_DOMAIN, PLAIN]);
    read_from(&source).await;
    assert!(dns.asked().is_empty(), "DNS is left alone for a minute");

    let findings = source.check().await;
    let said = finding(&findings, PLAIN);
    assert_eq!((said.severity, said.what.as_str()), (Severity::Warning, "no such SRV record"));

    dns.be(Mood::Failing);
    pass(61).await;
    let error = read_all(&source).await.unwrap_err().to_string();
    assert!(error.contains("cannot find the address of `dc1.corp.test`"), "{error}");
    assert!(error.contains("these servers were found earlier") && error.contains("Server Failure"), "{error}");
    assert_eq!(known(&source), [url("dc1", &dc1)]);

    dns.be(Mood::Well);
    dns.srv(OF_DOMAIN, 60, (0, 100), "dc1.corp.test", dc1.port());
    pass(61).await;
    assert_eq!(read_from(&source).await, url("dc1", &dc1));
}

#[tokio::test]
async fn without_any_answer_the_error_says_what_dns_said() {
    let dns = dns().await;
    let source = source(settings(&dns));
    let error = read_all(&source).await.unwrap_err();
    assert!(matches!(error, DirectoryError::NoServers { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("no SRV record `{OF_DOMAIN}` or `{PLAIN}`")), "{text}");

    dns.be(Mood::Failing);
    let text = read_all(&source).await.unwrap_err().to_string();
    assert!(text.contains("DNS answered with an error: Server Failure"), "{text}");

    dns.be(Mood::Silent);
    tokio::time::pause();
    let text = read_all(&source).await.unwrap_err().to_string();
    assert!(text.contains("DNS did not answer"), "{text}");
}

#[tokio::test]
async fn a_domain_that_decidedly_has_no_directory_is_told() {
    let dns = dns().await;
    dns.srv(PLAIN, 600, (0, 0), ".", 0);
    let text = read_all(&source(settings(&dns))).await.unwrap_err().to_string();
    assert!(text.contains("decidedly offers no LDAP service"), "{text}");
}

#[tokio::test]
async fn a_forged_target_outside_of_the_domain_sees_no_connection() {
    let (dns, evil) = (dns().await, controller().await);
    dns.address("evil.test", HERE);
    dns.srv(OF_DOMAIN, 600, (0, 100), "evil.test", evil.port());
    let source = source(settings(&dns));
    let text = read_all(&source).await.unwrap_err().to_string();
    assert!(text.contains("`evil.test` lies outside of `corp.test`"), "{text}");

    let dc1 = controller().await;
    dns.srv(OF_DOMAIN, 600, (1, 100), "dc1.corp.test", dc1.port());
    assert_eq!(read_from(&source).await, url("dc1", &dc1), "what is not refused is followed");
    let findings = source.check().await;
    let said = finding(&findings, OF_DOMAIN);
    assert!(said.what.contains("not followed") && said.remedy.contains("ca_file"), "{said:?}");
    assert!(evil.seen().is_empty());
}

#[tokio::test]
async fn authorities_of_our_own_vouch_for_servers_outside_of_the_domain() {
    let (dns, ours, theirs) = (dns().await, Authority::new("ours"), Authority::new("theirs"));
    dns.address("dc1.forest.test", HERE);
    let encrypted = |authority: &Authority| {
        let leaf = authority.issue("dc1", &["dc1.forest.test"]);
        Script::serving(people(3)).tls(Tls::Direct(server_config(&leaf)))
    };
    let (good, evil) = (Scripted::start(encrypted(&ours)).await, Scripted::start(encrypted(&theirs)).await);
    let settings = || Settings { insecure: false, ca_file: Some(ours.ca_file()), ..settings(&dns) };

    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.forest.test", evil.port());
    let text = read_all(&source(settings())).await.unwrap_err().to_string();
    assert!(text.contains("TLS handshake failed"), "{text}");
    assert!(evil.seen().is_empty());

    dns.srv(OF_DOMAIN, 600, (1, 100), "dc1.forest.test", good.port());
    assert_eq!(read_from(&source(settings())).await, format!("ldaps://dc1.forest.test:{}", good.port()));
}

#[tokio::test]
async fn all_addresses_of_a_server_are_tried_in_turn() {
    let (dns, dc) = (dns().await, controller().await);
    // Nobody listens on ::1 or on 127.0.0.2 at this port.
    dns.address("many.corp.test", IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    dns.address("many.corp.test", HERE);
    dns.address("many.corp.test", IpAddr::V6(Ipv6Addr::LOCALHOST));
    dns.srv(OF_DOMAIN, 600, (0, 100), "many.corp.test", dc.port());
    assert_eq!(read_from(&source(settings(&dns))).await, url("many", &dc));
}

#[tokio::test]
async fn an_answer_too_long_for_a_packet_comes_by_tcp_and_is_bounded() {
    let dns = dns().await;
    for number in 0..100 {
        dns.srv(OF_DOMAIN, 600, (number, 100), &format!("many{number}.corp.test"), 389);
    }
    let source = source(settings(&dns));
    read_all(&source).await.unwrap_err();
    let known: Vec<String> = source.servers().into_iter().map(|health| health.url).collect();
    let preferred: Vec<String> = (0..64).map(|number| format!("ldap://many{number}.corp.test")).collect();
    assert_eq!(known, preferred);
}

#[tokio::test]
async fn a_position_outlives_a_restart_as_long_as_dns_knows_its_server() {
    let dns = dns().await;
    let pushing = Script::serving(people(3)).faults(|request, mut replies| {
        if let Asked::Sync { .. } = request.kind {
            replies.push(Reply::Synced(person(4), 1, guid(4), None));
        }
        replies
    });
    let dc1 = Scripted::start(pushing).await;
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.corp.test", dc1.port());
    let position = read_all(&source(settings(&dns))).await.unwrap().1.position.unwrap();

    let (into, mut changes) = tokio::sync::mpsc::channel(4);
    let restarted = source(settings(&dns));
    let following = tokio::spawn(async move { restarted.follow(position, into).await });
    let change = next_change(&mut changes).await;
    let Changes::Delta { arrivals, .. } = &change else { panic!("a change: {change:?}") };
    assert_eq!(names(arrivals).len(), 1);
    following.abort();
}

#[tokio::test]
async fn a_position_ends_with_its_server() {
    let (dns, dc1, dc2) = (dns().await, controller().await, controller().await);
    dns.srv(OF_DOMAIN, 60, (0, 100), "dc1.corp.test", dc1.port());
    let first = source(settings(&dns));
    let position = read_all(&first).await.unwrap().1.position.unwrap();
    assert_eq!(position.server, url("dc1", &dc1));

    dns.remove(OF_DOMAIN);
    dns.srv(OF_DOMAIN, 60, (0, 100), "dc2.corp.test", dc2.port());
    // A new source knows no server yet: it has to ask before it judges the position.
    let (into, mut changes) = tokio::sync::mpsc::channel(4);
    source(settings(&dns)).follow(position, into).await.unwrap();
    let Some(Changes::FullReadNeeded { why }) = changes.recv().await else { panic!("a full read is needed") };
    assert!(why.contains("no longer a server of this directory"), "{why}");
}

#[tokio::test]
async fn check_tells_what_dns_said_and_in_which_order_servers_are_tried() {
    let (dns, dc1) = (dns().await, controller().await);
    dns.srv(OF_DOMAIN, 600, (0, 100), "dc1.corp.test", dc1.port());
    dns.srv(OF_DOMAIN, 600, (5, 70), "dc2.corp.test", 1);
    let source = source(with_site(&dns));
    let findings = source.check().await;

    let records = finding(&findings, OF_DOMAIN);
    let expected = format!(
        "2 records: dc1.corp.test:{} (priority 0, weight 100), dc2.corp.test:1 (priority 5, weight 70)",
        dc1.port()
    );
    assert_eq!((records.severity, records.what.as_str()), (Severity::Fine, expected.as_str()));
    let site = finding(&findings, "_sites");
    assert!(site.severity == Severity::Warning && site.remedy.contains("`site`"), "{site:?}");
    let order = finding(&findings, "servers of `corp.test`");
    assert_eq!(order.what, format!("tried in this order: {}, ldap://dc2.corp.test:1", url("dc1", &dc1)));
    assert_eq!(finding(&findings, "connect ldap://dc2.corp.test:1").severity, Severity::Fault);
    let in_the_clear = finding(&findings, &format!("connect {}", url("dc1", &dc1)));
    assert!(in_the_clear.what.contains("in the clear"), "{in_the_clear:?}");
}

#[tokio::test]
async fn check_says_what_to_do_when_dns_knows_no_server() {
    let dns = dns().await;
    let findings = source(settings(&dns)).check().await;
    let said = finding(&findings, "servers of `corp.test`");
    assert_eq!(said.severity, Severity::Fault);
    assert!(said.remedy.contains("`domain`") && said.remedy.contains("`nameservers`"), "{said:?}");
    assert_eq!(finding(&findings, PLAIN).severity, Severity::Fault);
    assert!(!findings.iter().any(|finding| finding.subject.starts_with("connect")), "there is nobody to connect to");
}
