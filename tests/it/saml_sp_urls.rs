//! `[[saml_sp]]` with `metadata_url`: the first metadata that comes from there is pinned, and counts whatever happens to that address;
//! before it, and for whatever else comes, nobody is answered.

use bailey::admin::saml_sps::declared::{DeclaredSp, FetchedSp};
use bailey::base::network::Networks;
use bailey::daemon::saml_metadata::{Applications, Rounds};
use bailey::fetch::Reach;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::bed::daemon::Bailey;
use crate::bed::website::{Page, Website};
use crate::bed::{Authority, wait_until};
use crate::saml_bed::{RSA, STRANGER};
use crate::saml_sps::{ACS, ENTITY, ON, metadata, refused};
use crate::sts_office::Office;

const EVIL: &str = "https://evil.example.com/acs";

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// An installation that declares a wiki by the address of its metadata.
struct Scene {
    bailey: Bailey,
    site: Website,
    authority: Authority,
}

impl Scene {
    async fn new() -> Self {
        let authority = Authority::new("wiki");
        let site = Website::secure(&authority.issue("localhost", &["localhost"])).await;
        let scene = Self { bailey: Bailey::with(""), site, authority };
        scene.declare("/metadata", "");
        scene
    }

    /// Has the section name this path, and say `more`.
    fn declare(&self, path: &str, more: &str) {
        self.bailey.configure(&format!(
            "[sso]\nissuer = \"https://sso.example.com\"\nclient_networks = [\"127.0.0.0/8\", \"::1/128\"]\nclient_ca_file = \"{}\"\n\n[[saml_sp]]\nname = \"wiki\"\n\
             metadata_url = \"https://localhost:{}{path}\"\n{more}\n",
            self.authority.ca_file().display(),
            self.site.address().port()
        ));
    }

    fn start(&mut self) {
        self.bailey.spawn();
        let socket = self.bailey.path("socket");
        wait_until("the daemon", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    }

    fn shown(&self) -> Value {
        self.bailey.json(&["sp", "show", "wiki"])
    }

    fn acs(&self) -> Value {
        self.shown()["acs"].clone()
    }

    /// What is wrong with it, as `sp check` says.
    fn problems(&self) -> String {
        let output = self.bailey.run(&["sp", "check", "wiki", "--output", "json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["problems"].to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_is_pinned_and_counts_whether_the_address_answers_or_not() {
    let mut scene = Scene::new().await;
    // Nothing is there yet: Bailey starts all the same, and says so.
    scene.start();
    wait_until("the first fetch", || scene.site.asked("/metadata") > 0);
    let waits = scene.shown();
    assert!(waits["unanswered"].as_str().unwrap().contains("waits for its metadata"), "{waits}");
    assert_eq!((&waits["acs"], waits.get("entity_id"), waits.get("metadata")), (&json!([]), None, None));
    wait_until("why", || scene.problems().contains("status 404"));
    assert!(scene.bailey.ok(&["sp", "list"]).contains("answers nobody"));

    // Whoever does not want to wait has it fetched at once.
    let first = metadata(&RSA.base64(), ACS, "");
    scene.site.document("/metadata", &first);
    let pinned = scene.bailey.json(&["sp", "refresh", "wiki"]);
    assert_eq!((&pinned["came"], &pinned["metadata_digest"]), (&json!("pinned"), &json!(sha256(&first))));
    assert_eq!(
        (&pinned["entity_id"], &pinned["acs"], &pinned["source"]),
        (&json!(ENTITY), &json!([ACS]), &json!("config"))
    );
    assert_eq!(scene.bailey.json(&["sp", "check", "wiki"])["problems"], json!([]));

    // Without the address it counts, and so it does for one that is started anew.
    scene.site.take_down();
    scene.bailey.terminate();
    scene.start();
    assert_eq!((scene.acs(), scene.shown().get("unanswered")), (json!([ACS]), None));
    wait_until("what is wrong with the address", || {
        let output = scene.bailey.run(&["sp", "check", "wiki"]);
        String::from_utf8(output.stdout).unwrap().contains("what is known goes on to count")
    });

    // Something else is published: the daemon finds it at its next start, and it waits.
    scene.bailey.terminate();
    let other = metadata(&STRANGER.base64(), EVIL, "");
    scene.site.document("/metadata", &other);
    scene.start();
    wait_until("metadata that waits", || !scene.shown()["waiting"].is_null());
    let shown = scene.shown();
    assert_eq!((&shown["acs"], &shown["waiting"]["digest"]), (&json!([ACS]), &json!(sha256(&other))));
    assert!(shown["waiting"]["changes"].to_string().contains("signing certificate goes"), "{shown}");
    let told = scene.bailey.run(&["sp", "check", "wiki"]);
    assert!(String::from_utf8(told.stdout).unwrap().contains("bailey sp confirm wiki"), "what to do is said");
    assert!(refused(&scene.bailey, &["sp", "confirm", "wiki", &"0".repeat(64)]).contains("other metadata waits"));
    let confirmed = scene.bailey.json(&["sp", "confirm", "wiki", &sha256(&other)]);
    assert_eq!((&confirmed["acs"], confirmed.get("waiting")), (&json!([EVIL]), None));

    // What is said of it stands in its section, and nowhere else.
    assert!(
        refused(&scene.bailey, &["sp", "change", "wiki", "--title", "x"]).contains("declared in the configuration")
    );
    assert!(refused(&scene.bailey, &["sp", "remove", "wiki"]).contains("declared in the configuration"));
    scene.bailey.terminate();
    scene.site.take_down();
    assert_eq!(scene.acs(), json!([EVIL]));
    scene.bailey.ok(&["store", "verify"]);

    // Another address is another pin; the one before counts for its own address, and still does when that is named again.
    scene.declare("/other", "");
    assert!(scene.shown()["unanswered"].as_str().unwrap().contains("/other"));
    assert!(scene.problems().contains("bailey sp refresh wiki"));
    scene.declare("/metadata", "title = \"Wiki\"");
    assert_eq!((scene.acs(), &scene.shown()["settings"]["title"]), (json!([EVIL]), &json!("Wiki")));
    scene.declare("/other", "");
    scene.site.document("/other", metadata(&RSA.base64(), ACS, ""));
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "pinned");
    assert_eq!(scene.acs(), json!([ACS]));
    // Longer is what an application may say of itself.
    scene.site.document("/other", metadata(&RSA.base64(), ACS, "validUntil=\"2126-01-01T00:00:00Z\""));
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "renewed");
    let audit = scene.bailey.ok(&["audit", "query"]);
    assert!(audit.contains(&sha256(&first)) && audit.contains(&sha256(&other)), "{audit}");
    scene.bailey.ok(&["store", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_section_confirmed_stays_so_when_it_says_nothing_of_it_any_more() {
    let scene = Scene::new().await;
    let (first, other) = (metadata(&RSA.base64(), ACS, ""), metadata(&STRANGER.base64(), EVIL, ""));
    scene.site.document("/metadata", &first);
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "pinned");
    scene.site.document("/metadata", &other);
    assert_eq!(scene.bailey.run(&["sp", "refresh", "wiki"]).status.code(), Some(3));
    scene.declare("/metadata", &format!("metadata_sha256 = \"{}\"", sha256(&other)));
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "same");
    scene.declare("/metadata", "");
    assert_eq!((scene.acs(), scene.shown().get("waiting")), (json!([EVIL]), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_section_asks_for_is_pinned_and_nothing_else() {
    let scene = Scene::new().await;
    let (wrong, right) = (metadata(&STRANGER.base64(), EVIL, ""), metadata(&RSA.base64(), ACS, ""));
    let asks =
        |text: &str| scene.declare("/metadata", &format!("metadata_sha256 = \"{}\"", sha256(text).to_uppercase()));
    asks(&right);
    scene.site.document("/metadata", &wrong);
    for _ in 0..2 {
        let why = refused(&scene.bailey, &["sp", "refresh", "wiki"]);
        assert!(why.contains(&sha256(&wrong)) && why.contains(&sha256(&right)), "{why}");
    }
    assert!(scene.shown()["unanswered"].is_string());
    scene.site.document("/metadata", &right);
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "pinned");

    // What changes waits; a section that asks for it confirms it, without anything being fetched.
    scene.site.document("/metadata", &wrong);
    assert_eq!(scene.bailey.run(&["sp", "refresh", "wiki"]).status.code(), Some(3));
    assert_eq!(scene.acs(), json!([ACS]));
    scene.site.take_down();
    asks(&wrong);
    assert_eq!((scene.acs(), scene.shown().get("waiting")), (json!([EVIL]), None));
    // One that asks for a third has nobody answered: none of what is there is that.
    asks("another");
    assert!(scene.shown()["unanswered"].is_string());
    scene.site.document("/metadata", &right);
    asks(&right);
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "same");

    // What is confirmed by hand goes on to count, though the section still says what the first was.
    let third = metadata(&RSA.base64(), "https://wiki.example.com/new", "");
    scene.site.document("/metadata", &third);
    assert_eq!(scene.bailey.run(&["sp", "refresh", "wiki"]).status.code(), Some(3));
    scene.bailey.json(&["sp", "confirm", "wiki", &sha256(&third)]);
    assert_eq!(scene.acs(), json!(["https://wiki.example.com/new"]));
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["came"], "same");

    // What the section says has to go with what is pinned, and is not guessed at.
    scene.declare("/metadata", "entity_id = \"urn:other\"");
    assert!(scene.shown()["unanswered"].is_string());
    let renamed = third.replace(ENTITY, "urn:other");
    scene.site.document("/metadata", &renamed);
    assert_eq!(scene.bailey.json(&["sp", "refresh", "wiki"])["entity_id"], "urn:other");
    scene.site.document("/metadata", third.replace("AuthnRequestsSigned=\"true\"", ""));
    scene.bailey.ok(&["store", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_the_name_of_another_by_what_they_publish() {
    let scene = Scene::new().await;
    let own = metadata(&RSA.base64(), ACS, "");
    std::fs::write(scene.bailey.path("own.xml"), &own).unwrap();
    scene.bailey.json(&["sp", "add", "own", "--metadata", scene.bailey.path("own.xml").to_str().unwrap()]);
    // What is fetched calls itself as one that is registered, and nobody said that it should.
    scene.site.document("/metadata", metadata(&STRANGER.base64(), EVIL, ""));
    let why = refused(&scene.bailey, &["sp", "refresh", "wiki"]);
    assert!(why.contains("`own` calls itself"), "{why}");
    let names = || -> Vec<Value> {
        let all = scene.bailey.json(&["sp", "list"]);
        all.as_array().unwrap().iter().map(|sp| json!([sp["name"], sp["acs"]])).collect()
    };
    assert_eq!(names(), [json!(["own", [ACS]]), json!(["wiki", []])]);
    let told = refused(&scene.bailey, &["sp", "aws-setup", "wiki"]);
    assert!(told.contains("nobody signs in to `wiki`"), "{told}");
    // Where the section says who is meant it takes the place of what is registered, as one with a file does.
    scene.declare("/metadata", &format!("entity_id = \"{ENTITY}\""));
    scene.bailey.json(&["sp", "refresh", "wiki"]);
    assert_eq!(names(), [json!(["wiki", [EVIL]])]);
    // Two sections are not one application either.
    let more = format!(
        "[[saml_sp]]\nname = \"two\"\nmetadata_url = \"https://localhost:{}/metadata\"",
        scene.site.address().port()
    );
    scene.declare("/metadata", &format!("entity_id = \"{ENTITY}\"\n{more}"));
    let why = refused(&scene.bailey, &["sp", "refresh", "two"]);
    assert!(why.contains("`wiki` calls itself"), "{why}");
    scene.bailey.ok(&["store", "verify"]);
}

#[test]
fn a_section_is_judged_without_anything_being_fetched() {
    let bailey = Bailey::with("");
    let section = |more: &str| bailey.configure(&format!("{ON}[[saml_sp]]\nname = \"wiki\"\n{more}\n"));
    let url = "metadata_url = \"https://localhost:1/metadata\"";
    std::fs::write(bailey.path("wiki.xml"), metadata(&RSA.base64(), ACS, "")).unwrap();
    for (more, said) in [
        (format!("{url}\nmetadata_file = \"wiki.xml\""), "is set beside metadata_file"),
        (format!("{url}\nacs = \"{ACS}\""), "take `acs` out"),
        ("metadata_url = \"http://wiki.example.com/metadata\"".to_owned(), "in the clear"),
        ("metadata_url = \"http://localhost/metadata\"".to_owned(), "in the clear"),
        ("metadata_url = \"https://ann@wiki.example.com/\"".to_owned(), "an `https://` address"),
        (format!("{url}\nmetadata_sha256 = \"00\""), "64 hexadecimal digits"),
        (format!("metadata_file = \"wiki.xml\"\nmetadata_sha256 = \"{}\"", "0".repeat(64)), "nothing is fetched"),
        (format!("{url}\nsession = \"1s\""), "a session cannot last 1 s"),
        (format!("{url}\npreset = \"aws\""), "AWS has to know us by some name"),
        (
            format!("{url}\nentity_id = \"urn:x\"\n[[saml_sp]]\nname = \"two\"\n{url}\nentity_id = \"urn:x\""),
            "calls itself the same",
        ),
    ] {
        section(&more);
        let error = refused(&bailey, &["sp", "list"]);
        assert!(error.contains(said), "{more}: {error}");
    }
    // What takes a key cannot be judged before there is metadata.
    section(&format!("{url}\nencrypt = \"required\"\nrequire_signed_requests = true"));
    assert!(bailey.json(&["sp", "list"])[0]["unanswered"].is_string());
}

/// Nobody is asked for by what is no metadata, and a fetch that came to nothing is tried again: soon at first, then once an hour.
#[tokio::test(flavor = "multi_thread")]
async fn bad_answers_change_nothing_and_are_told() {
    let office = Office::new().await;
    let authority = Authority::new("wiki");
    let site = Website::secure(&authority.issue("localhost", &["localhost"])).await;
    let url = format!("https://localhost:{}/metadata", site.address().port());
    let app = &office.fixture.app;
    let networks = Networks::new(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    app.admin.sp_fetcher.follow(Reach { networks, ca_file: Some(authority.ca_file()), plain_on_loopback: false });
    let new = serde_json::from_value(json!({ "name": "wiki", "url": url })).unwrap();
    let section = FetchedSp::new(new, None).unwrap();
    *app.admin.declared_sps.write().unwrap() = vec![DeclaredSp::Fetched(Box::new(section))];
    let told = || app.board.read(app.clock.now()).remove("saml_sps").map(|part| part.words).unwrap_or_default();
    let answered = || app.admin.sp_called(ENTITY).unwrap().map(|(sp, _)| sp.metadata);

    let mut rounds = Rounds::<Applications>::default();
    rounds.round(app).await;
    assert!(told().contains("answers nobody") && told().contains("status 404"), "{}", told());
    // A minute, and then two.
    for (seconds, asked) in [(59, 1), (1, 2), (119, 2), (1, 3)] {
        office.pass(seconds);
        rounds.round(app).await;
        assert_eq!(site.asked("/metadata"), asked);
    }
    let good = metadata(&RSA.base64(), ACS, "");
    let half = |whole: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", whole.len());
        Page::Raw([head.as_bytes(), &whole.as_bytes()[..whole.len() / 2]].concat())
    };
    let other = metadata(&STRANGER.base64(), EVIL, "");
    let bad = |whole: &str| {
        [
            (half(whole), "cannot be read"),
            (Page::Document(whole[..whole.len() / 2].to_owned()), "wiki"),
            (Page::Document(String::new()), "wiki"),
            (Page::Document(format!("{whole}{}", " ".repeat(256 << 10))), "more than 262144 bytes"),
            (Page::Endless(" ".repeat(1_000)), "more than 262144 bytes"),
            (Page::Document("<html><body>Sign in</body></html>".to_owned()), "no namespace"),
            (Page::Document(whole.replace("HTTP-POST", "HTTP-Artifact")), "no address that responses"),
            (Page::Document(whole.replace("SPSSODescriptor", "IDPSSODescriptor")), "no SPSSODescriptor"),
            (
                Page::Document(whole.replace(" entityID=", " validUntil=\"2020-01-01T00:00:00Z\" entityID=")),
                "was valid until",
            ),
            (Page::Raw(b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n".to_vec()), "status 500"),
            (
                Page::Raw(
                    b"HTTP/1.1 302 Found\r\nLocation: https://evil.example.com/\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
                "redirect",
            ),
            (Page::Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".as_slice(), &[0xff, 0xfe]].concat()), "UTF-8"),
        ]
    };
    for (page, said) in bad(&good) {
        site.show("/metadata", page);
        office.pass(3_600);
        let asked = site.asked("/metadata");
        rounds.round(app).await;
        assert_eq!(site.asked("/metadata"), asked + 1, "once an hour at the least");
        assert!(told().contains("answers nobody") && told().contains(said), "{said}: {}", told());
        assert_eq!(answered(), None, "{said}");
    }
    site.document("/metadata", &good);
    office.pass(3_600);
    rounds.round(app).await;
    assert_eq!((answered(), told()), (Some(good.clone()), String::new()));

    // The same of one that is pinned: whatever comes, what counts stays, and it is told.
    for (page, said) in bad(&other) {
        site.show("/metadata", page);
        office.pass(86_400);
        rounds.round(app).await;
        assert!(told().contains(said) && !told().contains("answers nobody"), "{said}: {}", told());
        assert_eq!(answered().as_ref(), Some(&good), "{said}");
        site.document("/metadata", &good);
        office.pass(3_600);
        rounds.round(app).await;
        assert_eq!(told(), "");
    }
    // An address of our own network is reached by nobody's word, the configuration's included, unless that is meant.
    app.admin.sp_fetcher.follow(Reach { ca_file: Some(authority.ca_file()), ..Reach::default() });
    office.pass(86_400);
    let asked = site.asked_at_all();
    rounds.round(app).await;
    assert_eq!((site.asked_at_all(), answered()), (asked, Some(good)));
    assert!(told().contains("wiki"), "{}", told());
    // Taken out of the configuration it is nobody, though what was pinned is there still.
    app.admin.declared_sps.write().unwrap().clear();
    rounds.round(app).await;
    assert_eq!((answered(), told()), (None, String::new()));
}
