//! A bureau of which people are told, by a mail server from a script and a webhook, in process: what the daemon does every few seconds
//! is done when a test says so.

use std::sync::Arc;

use bailey::base::network::Networks;
use bailey::fetch::Reach;
use bailey::model::notice::{Kind, Way};
use bailey::model::{Actor, Entity, Member, Notice, User};
use bailey::notify::Settings;
use bailey::notify::delivery::{Delivered, Parts};
use bailey::notify::smtp::{Server, Tls};
use bailey::notify::webhook::{self, Hook};
use bailey::store::{Commit, Intent, KeyRange, notices, rows, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::bed::mail::MailServer;
use crate::bed::website::{Page as Answer, Website};
use crate::grants::Bureau;

pub(crate) const PORTAL: &str = "https://bailey.example";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The webhook of the bed.
pub(crate) fn siem() -> Way {
    Way::Webhook("siem".to_owned())
}

pub(crate) struct Post {
    pub(crate) bureau: Bureau,
    pub(crate) mail: MailServer,
    pub(crate) site: Website,
}

impl Post {
    /// Of whom everybody has an address, and who are told by both ways.
    pub(crate) async fn new() -> Self {
        Self::of(Bureau::new().await).await
    }

    /// The same of this bureau.
    pub(crate) async fn of(bureau: Bureau) -> Self {
        let site = Website::plain().await;
        site.document("/hook", "");
        let post = Self { bureau, mail: MailServer::start(None).await, site };
        for name in ["ann", "bob", "cam", "dee"] {
            post.has_mail(name, Some(&format!("{name}@corp.example"))).await;
        }
        post.configure(|_| {});
        post
    }

    /// What is configured from now on.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Settings)) {
        let hook = Hook {
            name: "siem".to_owned(),
            url: format!("http://{}/hook", self.site.address()).parse().unwrap(),
            reach: Reach {
                networks: Networks::new(vec!["127.0.0.0/8".parse().unwrap()]),
                ca_file: None,
                plain_on_loopback: true,
            },
            secrets: vec![webhook::secret(SECRET).unwrap()],
            kinds: Vec::new(),
        };
        let mut settings = Settings {
            portal: PORTAL.to_owned(),
            security: vec!["security@corp.example".to_owned()],
            smtp: Some(Arc::new(self.mail.server(Tls::NoneOnLoopback))),
            webhooks: vec![Arc::new(hook)],
        };
        change(&mut settings);
        self.app().admin.notices.follow(settings);
    }

    /// This mail server instead.
    pub(crate) fn mails_by(&self, server: Server) {
        self.configure(|settings| settings.smtp = Some(Arc::new(server)));
    }

    pub(crate) fn app(&self) -> &Arc<bailey::http::App> {
        &self.bureau.office.fixture.app
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.bureau.office.pass(seconds);
    }

    /// Gives somebody an address, or none.
    pub(crate) async fn has_mail(&self, name: &str, mail: Option<&str>) {
        let shown: Value = self.bureau.office.served.client.get(&format!("/v1/users/{name}")).await.unwrap();
        let member = Member::User(shown["id"].as_str().unwrap().parse().unwrap());
        let store = &self.app().store;
        let Some((_, Entity::User(user))) = store.read(|snapshot| rows::entity(snapshot, &member)).unwrap() else {
            panic!("{name}")
        };
        let user = User { mail: mail.map(str::to_owned), ..user };
        let mut commit = Commit::new(Actor::task("test"), self.app().clock.now(), Intent::Widen);
        commit.put(schema::entity(&member), rows::encode(&rows::NO_DIGEST, &serde_json::to_vec(&user).unwrap()));
        store.commit(commit).unwrap();
    }

    pub(crate) fn parts(&self) -> Parts {
        let app = self.app();
        Parts { store: app.store.clone(), audit: app.audit.clone(), clock: Arc::clone(&app.clock) }
    }

    /// Tells what is due by `way`.
    pub(crate) async fn deliver(&self, way: &Way) -> Delivered {
        self.app().admin.notices.deliver(&self.parts(), way).await.unwrap()
    }

    /// Tells all that is due.
    pub(crate) async fn deliver_all(&self) {
        for way in [Way::Mail, siem()] {
            while self.deliver(&way).await.more {}
        }
    }

    /// What waits for `way`.
    pub(crate) fn waiting(&self, way: &Way) -> Vec<Notice> {
        let found = self.app().store.read(|snapshot| notices::waiting(snapshot, way, usize::MAX)).unwrap();
        found.into_iter().map(|held| held.value).collect()
    }

    /// To whom something waits by mail, and what.
    pub(crate) fn letters(&self) -> Vec<(String, Kind)> {
        let mut all: Vec<_> = self.waiting(&Way::Mail).into_iter().map(|notice| (notice.to, notice.kind)).collect();
        all.sort();
        all
    }

    /// Forgets all that waits.
    pub(crate) fn forget(&self) {
        let store = &self.app().store;
        for way in [Way::Mail, siem()] {
            for held in store.read(|snapshot| notices::waiting(snapshot, &way, usize::MAX)).unwrap() {
                let mut commit = Commit::new(Actor::task("test"), self.app().clock.now(), Intent::Narrow);
                commit.delete_told(&held);
                store.commit(commit).unwrap();
            }
        }
    }

    /// What the webhook was sent, the first first.
    pub(crate) fn hooked(&self) -> Vec<Value> {
        self.site.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// From now on the webhook answers so.
    pub(crate) fn hook_answers(&self, status: &str) {
        let raw = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        self.site.show("/hook", Answer::Raw(raw.into_bytes()));
    }

    /// Each notice has its turn, and each turn its notice. What else there is to say of rows `bailey store verify` says.
    pub(crate) fn sound(&self) {
        let store = &self.app().store;
        let all = |prefix: Vec<u8>| {
            let rows = store.read(|snapshot| snapshot.scan(&KeyRange::prefix(&prefix), usize::MAX)).unwrap();
            rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let ids = all(schema::notices::notices()).into_iter().map(|key| schema::notices::parse_notice(&key).unwrap());
        let mut turns = Vec::new();
        for id in ids {
            let held = store.read(|snapshot| notices::notice(snapshot, &id)).unwrap().unwrap();
            turns.push(notices::turn_of(&held.value));
        }
        turns.sort();
        assert_eq!(turns, all(schema::notices::turns()));
    }
}

/// Whether what the webhook was sent last is signed as Standard Webhooks has it; answers its id.
pub(crate) fn verified(site: &Website) -> String {
    let (head, body) = (site.last_head(), site.bodies().last().cloned().unwrap());
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {head}")).split_once(": ").unwrap().1.to_owned()
    };
    let (id, second, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let tag = aws_lc_rs::hmac::sign(&key, format!("{id}.{second}.{body}").as_bytes());
    assert_eq!(signature, format!("v1,{}", STANDARD.encode(tag)));
    id
}
