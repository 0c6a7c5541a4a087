//! Mail servers that are not what they should be, and whoever is in between.

use std::sync::Arc;
use std::time::Duration;

use bailey::base::Secret;
use bailey::model::notice::Way;
use bailey::notify::smtp::{Server, Tls};
use serde_json::Value;

use crate::bed::Authority;
use crate::bed::mail::{MailServer, Say};
use crate::grants::ask;
use crate::notify_bed::Post;

/// A mail server with a certificate, and who vouches for it.
struct Scene {
    post: Post,
    authority: Authority,
    mail: MailServer,
}

impl Scene {
    async fn new() -> Self {
        let authority = Authority::new("mail");
        let mail = MailServer::start(Some(&authority.issue("mail", &["127.0.0.1"]))).await;
        Self { post: Post::new().await, authority, mail }
    }

    fn server(&self, tls: Tls) -> Server {
        Server { ca_file: Some(self.authority.ca_file()), timeout: Duration::from_secs(5), ..self.mail.server(tls) }
    }

    /// Has somebody be told by `server`; answers why they were not.
    async fn refused(&self, server: Server) -> String {
        self.post.mails_by(server);
        let done = self.post.deliver(&Way::Mail).await;
        assert_eq!((done.told, done.failed), (0, 1));
        assert!(self.mail.take().is_empty());
        assert_eq!(self.post.waiting(&Way::Mail).len(), 2);
        self.post.app().admin.notices.resting()[&Way::Mail].why.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_before_the_way_is_encrypted_and_the_server_is_who_it_should_be() {
    let scene = Scene::new().await;
    let mut ann = scene.post.bureau.browser("ann").await;
    ask(&mut ann, &[]).await;
    let told = |needle: &str, why: String| assert!(why.contains(needle), "{needle}: {why}");
    let login = || Some(("bailey".to_owned(), Secret::new("hunter2".to_owned())));
    let with_login = |tls| Server { login: login(), ..scene.server(tls) };

    // Somebody in between takes STARTTLS out of the answer.
    scene.mail.says("EHLO", &[Say::Line("250 mail.example")]);
    told("offers no STARTTLS", scene.refused(with_login(Tls::Required)).await);
    scene.mail.says("STARTTLS", &[Say::Line("454 not now")]);
    told("454", scene.refused(with_login(Tls::Required)).await);
    // They put an answer behind the one to it, in the clear (CVE-2011-0411).
    scene.mail.forge("250-forged\r\n250 AUTH PLAIN");
    told("127.0.0.1", scene.refused(with_login(Tls::Required)).await);
    scene.mail.is_honest();
    // Nobody vouches for it, or for another name.
    let nobody = Authority::new("others");
    let other = Server { ca_file: Some(nobody.ca_file()), ..with_login(Tls::Required) };
    told("certificate", scene.refused(other).await);
    told("certificate", scene.refused(Server { ca_file: None, ..with_login(Tls::Required) }).await);
    let renamed = Server { host: url::Host::parse("localhost").unwrap(), ..with_login(Tls::Required) };
    told("certificate", scene.refused(renamed).await);
    // A server in the clear where TLS is from the first byte.
    told("TLS", scene.refused(with_login(Tls::Implicit)).await);
    let said = scene.mail.commands().join("\n");
    assert!(!said.contains("AUTH") && !said.contains("MAIL") && !said.contains("aHVudGVyMg"), "{said}");

    // The password is wrong, and stands nowhere.
    scene.mail.says("AUTH", &[Say::Line("535 5.7.8 wrong")]);
    let why = scene.refused(with_login(Tls::Required)).await;
    assert!(why.contains("535") && !why.contains("hunter2"), "{why}");
    // All is well.
    scene.post.mails_by(with_login(Tls::Required));
    assert_eq!(scene.post.deliver(&Way::Mail).await.told, 2);
    assert_eq!(scene.mail.take().len(), 2);
    scene.post.mails_by(scene.server(Tls::NoneOnLoopback));
    ask(&mut ann, &[]).await;
    assert_eq!(scene.post.deliver(&Way::Mail).await.told, 2);
    let implicit = MailServer::implicit(&scene.authority.issue("mail", &["127.0.0.1"])).await;
    ask(&mut ann, &[]).await;
    let ca_file = Some(scene.authority.ca_file());
    scene.post.mails_by(Server { ca_file, timeout: Duration::from_secs(5), ..implicit.server(Tls::Implicit) });
    assert_eq!(scene.post.deliver(&Way::Mail).await.told, 2);
    assert_eq!(implicit.take().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_hangs_up_or_never_ends_costs_a_moment_and_no_memory() {
    let scene = Scene::new().await;
    let mut ann = scene.post.bureau.browser("ann").await;
    ask(&mut ann, &[]).await;
    for step in ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "message"] {
        for say in [Say::Nothing, Say::Gone, Say::Endless, Say::Lines, Say::Line("x"), Say::Line("421 4.3.2 closing")] {
            scene.mail.is_honest();
            scene.mail.says(step, std::slice::from_ref(&say));
            let server = Server { timeout: Duration::from_millis(150), ..scene.server(Tls::NoneOnLoopback) };
            let why = scene.refused(server).await;
            assert!(!why.is_empty() && why.len() < 1_000, "{step} {say:?}: {why}");
        }
    }
    // None of that counts against those who wait: all of it was the server's.
    assert!(scene.post.waiting(&Way::Mail).iter().all(|notice| notice.tries == 0));
    // Behind all that was said it goes on.
    scene.mail.is_honest();
    scene.mail.says("QUIT", &[Say::Gone]);
    scene.post.mails_by(scene.server(Tls::Required));
    assert_eq!(scene.post.deliver(&Way::Mail).await.told, 2);
    assert_eq!(scene.mail.take().len(), 2);
    scene.post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_says_what_the_other_side_said_and_waits_for_nothing() {
    let scene = Scene::new().await;
    let post = &scene.post;
    let client = &post.bureau.office.served.client;
    let hook_is_plain = |settings: &mut bailey::notify::Settings| settings.webhooks.clear();
    post.configure(|settings| {
        settings.smtp = Some(Arc::new(scene.server(Tls::Required)));
        hook_is_plain(settings);
    });
    let tried: Value = client.post("/v1/notices/test", &serde_json::json!({})).await.unwrap();
    assert_eq!((&tried[0]["to"], &tried[0]["told"]), (&"security@corp.example".into(), &true.into()));
    assert!(tried[0]["said"].as_str().unwrap().contains("2.0.0 taken as 4711"), "{tried}");
    assert_eq!(scene.mail.take()[0].header("Subject"), "[bailey] A test");
    scene.mail.says("RCPT", &[Say::Line("550 5.1.1 nobody lives here")]);
    let to = serde_json::json!({ "to": "ann@corp.example" });
    let tried: Value = client.post("/v1/notices/test", &to).await.unwrap();
    assert!(tried[0]["told"] == false && tried[0]["said"].as_str().unwrap().contains("nobody lives here"), "{tried}");
    assert!(post.waiting(&Way::Mail).is_empty());
    for (body, why) in [
        (serde_json::json!({ "to": "ann@corp.example\r\nBcc: eve@evil.example" }), "a mail address"),
        (serde_json::json!({ "webhook": "nobody" }), "no webhook `nobody`"),
    ] {
        let refused = client.post::<Value>("/v1/notices/test", &body).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(post.bureau.records().join("\n").contains("TestNotices"));
}
