//! Fetching from outsiders: what may be reached, and how much it may cost.

use std::sync::Arc;

use bailey::base::network::Networks;
use bailey::fetch::{Client, FetchError, Reach};
use url::Url;

use crate::bed::Authority;
use crate::bed::website::{Page, Places, Website};

const HOST: &str = "issuer.example";
const MOST: usize = 4_096;

/// A server called [`HOST`], and a client that finds it and may reach it.
struct Scene {
    site: Website,
    client: Client,
    reach: Reach,
    _authority: Authority,
}

fn networks(texts: &[&str]) -> Networks {
    Networks::new(texts.iter().map(|text| text.parse().unwrap()).collect())
}

impl Scene {
    async fn new() -> Self {
        let authority = Authority::new("issuers");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        let client = Client::new(Arc::new(Places::default().with(HOST, site.address())));
        let reach = Reach {
            networks: networks(&["127.0.0.0/8"]),
            ca_file: Some(authority.ca_file()),
            plain_on_loopback: false,
        };
        Self { site, client, reach, _authority: authority }
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.client.get(&Url::parse(url).unwrap(), &self.reach, MOST).await
    }

    async fn page(&self, page: Page) -> Result<Vec<u8>, FetchError> {
        self.site.show("/keys", page);
        self.get(&format!("https://{HOST}/keys")).await
    }
}

#[tokio::test]
async fn a_document_is_fetched_and_nothing_of_ours_is_told() {
    let scene = Scene::new().await;
    scene.site.document("/a/keys?x=1", "{\"keys\":[]}");
    assert_eq!(scene.get(&format!("https://{HOST}/a/keys?x=1#part")).await.unwrap(), b"{\"keys\":[]}");
    let head = scene.site.last_head().to_ascii_lowercase();
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    lines.sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        "accept: application/json",
        "get /a/keys?x=1 http/1.1",
        "host: issuer.example",
        &format!("user-agent: bailey/{version}"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn an_answer_has_its_limits() {
    let scene = Scene::new().await;
    let fits = "x".repeat(MOST);
    assert_eq!(scene.page(Page::Document(fits.clone())).await.unwrap().len(), MOST);
    let raw = |text: &str| Page::Raw(text.as_bytes().to_vec());
    for (page, expected) in [
        (Page::Document(format!("{fits}x")), "more than 4096 bytes"),
        (Page::Endless("y".repeat(1_000)), "more than 4096 bytes"),
        // A byte too many, of a length that is not told before.
        (
            raw(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n{fits}x\r\n0\r\n\r\n")),
            "more than 4096 bytes",
        ),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n"), "more than 4096 bytes"),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"), "cannot be read"),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), "cannot be read"),
        (raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), "compressed"),
        (raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "status 500"),
        (raw("HTTP/1.1 204 No Content\r\n\r\n"), "status 204"),
        (raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "cannot be read"),
        (raw(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "z".repeat(100_000))), "cannot be read"),
        (raw(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(65))), "cannot be read"),
    ] {
        let told = scene.page(page.clone()).await.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn a_redirection_is_told_and_not_followed() {
    let scene = Scene::new().await;
    let elsewhere = Website::plain().await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://{}/latest/meta-data", elsewhere.address());
        let page = format!("HTTP/1.1 {status} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let error = scene.page(Page::Raw(page.into_bytes())).await.unwrap_err();
        assert!(matches!(&error, FetchError::Redirected { to: told, .. } if *told == to), "{error}");
    }
    assert_eq!(elsewhere.asked_at_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_longer_than_a_moment() {
    // Real sockets under a paused clock: time moves on when nothing else can.
    let scene = Scene::new().await;
    for page in [Page::Silence, Page::Drops("{\"keys\":[]}".repeat(10))] {
        let error = scene.page(page).await.unwrap_err();
        assert!(matches!(error, FetchError::Slow { seconds: 5, .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_public_is_not_reached() {
    let scene = Scene::new().await;
    let strict = Reach { networks: Networks::default(), ..scene.reach.clone() };
    let url = Url::parse(&format!("https://{HOST}/keys")).unwrap();
    let error = scene.client.get(&url, &strict, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Forbidden { .. }), "{error}");
    // However the address is written.
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]"]
    {
        let url = Url::parse(&format!("https://{host}:{}/keys", scene.site.address().port())).unwrap();
        let error = scene.client.get(&url, &strict, MOST).await.unwrap_err();
        assert!(matches!(error, FetchError::Forbidden { .. }), "{host}: {error}");
    }
    assert_eq!(scene.site.asked_at_all(), 0);
    for url in [
        "http://issuer.example/keys",
        "ftp://issuer.example/keys",
        "file:///etc/passwd",
        "https://ann@issuer.example/keys",
        "https://:pw@issuer.example/keys",
        "https://issuer.example:0/keys",
    ] {
        let error = scene.get(url).await.unwrap_err();
        assert!(matches!(error, FetchError::Url { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn one_forbidden_address_spoils_the_others_and_dns_is_asked_once() {
    let scene = Scene::new().await;
    let places = Places::default();
    // In two networks at once: the first would do.
    places.then("mixed.example", &[scene.site.address(), "10.0.0.1:443".parse().unwrap()]);
    // Rebinding: whoever asked a second time, after the check, would be led astray.
    places.then(HOST, &[scene.site.address()]);
    places.then_at(HOST, &["169.254.169.254"]);
    let client = Client::new(Arc::new(places));
    let get = |host: &str| Url::parse(&format!("https://{host}/keys")).unwrap();
    let error = client.get(&get("mixed.example"), &scene.reach, MOST).await.unwrap_err();
    assert!(matches!(&error, FetchError::Forbidden { address, .. } if address.to_string() == "10.0.0.1"), "{error}");
    scene.site.document("/keys", "{}");
    assert_eq!(client.get(&get(HOST), &scene.reach, MOST).await.unwrap(), b"{}");
    let error = client.get(&get(HOST), &scene.reach, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Forbidden { .. }), "{error}");
    assert_eq!(scene.site.asked("/keys"), 1);
}

#[tokio::test]
async fn the_server_has_to_be_who_it_is_called() {
    let scene = Scene::new().await;
    scene.site.document("/keys", "{}");
    let url = Url::parse("https://other.example/keys").unwrap();
    let client = Client::new(Arc::new(Places::default().with("other.example", scene.site.address())));
    let error = client.get(&url, &scene.reach, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    let stranger = Authority::new("stranger");
    let reach = Reach { ca_file: Some(stranger.ca_file()), ..scene.reach.clone() };
    let url = Url::parse(&format!("https://{HOST}/keys")).unwrap();
    let error = scene.client.get(&url, &reach, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    let reach = Reach { ca_file: Some("/nonexistent/ca.pem".into()), ..scene.reach.clone() };
    let error = scene.client.get(&url, &reach, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Authorities { .. }), "{error}");
    assert_eq!(scene.site.asked_at_all(), 0);
}

#[tokio::test]
async fn in_the_clear_this_machine_alone_is_asked_and_only_where_that_is_meant() {
    let site = Website::plain().await;
    site.document("/keys", "{}");
    let places = Places::default().with("near.example", site.address());
    places.then_at("far.example", &["10.0.0.1"]);
    let client = Client::new(Arc::new(places));
    let reach = Reach { networks: networks(&["127.0.0.0/8", "10.0.0.0/8"]), ca_file: None, plain_on_loopback: true };
    let get = |text: &str| Url::parse(text).unwrap();
    assert_eq!(client.get(&get("http://near.example/keys"), &reach, MOST).await.unwrap(), b"{}");
    let error = client.get(&get("http://far.example/keys"), &reach, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Url { .. }), "{error}");
    let strict = Reach { plain_on_loopback: false, ..reach };
    let error = client.get(&get("http://near.example/keys"), &strict, MOST).await.unwrap_err();
    assert!(matches!(error, FetchError::Url { .. }), "{error}");
    assert_eq!(site.asked_at_all(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let scene = Scene::new().await;
    let places =
        Places::default().with("gone.example", format!("127.0.0.1:{}", crate::bed::free_port()).parse().unwrap());
    places.then("empty.example", &[]);
    let client = Client::new(Arc::new(places));
    for (host, expected) in [
        ("gone.example", "`gone.example` takes no connection: 127.0.0.1:"),
        ("empty.example", "it is not known where `empty.example` is: it has no address"),
        ("unknown.example", "it is not known where `unknown.example` is: no such host"),
    ] {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let told = client.get(&url, &scene.reach, MOST).await.unwrap_err().to_string();
        assert!(told.starts_with(expected), "{told}");
    }
}
