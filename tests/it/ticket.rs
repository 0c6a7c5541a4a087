//! What is asked about tickets: real programs, good and bad, and web servers that answer in every wrong way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey::base::Secret;
use bailey::base::network::Networks;
use bailey::fetch::Client;
use bailey::ticket::{Answer, Checks, Question, Settings, Way};
use tempfile::TempDir;

use crate::bed::website::{Page, Places, Website};
use crate::bed::{Authority, wait_until};

const HOST: &str = "desk.example";

pub(crate) fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

pub(crate) fn command(name: &str, program: PathBuf) -> Settings {
    Settings { name: name.to_owned(), way: Way::Command { program, arguments: Vec::new() } }
}

fn question(ticket: &str) -> Question {
    Question {
        check: "desk".to_owned(),
        ticket: ticket.to_owned(),
        role: "arn:aws:iam::123456789012:role/prod-admin".to_owned(),
        person: "ann".to_owned(),
        digest: "ab".repeat(32),
    }
}

async fn asked(settings: Vec<Settings>, ticket: &str) -> Answer {
    let (checks, question) = (Checks::new(settings, Client::default()), question(ticket));
    tokio::task::spawn_blocking(move || checks.ask(&question).answer).await.unwrap()
}

async fn ran(text: &str) -> Answer {
    let directory = TempDir::new().unwrap();
    asked(vec![command("desk", script(directory.path(), "check", text))], "OPS-7").await
}

fn agrees(said: &str) -> Answer {
    Answer::Agrees(said.to_owned())
}

fn refuses(said: &str) -> Answer {
    Answer::Refuses(said.to_owned())
}

fn silent(said: &str) -> Answer {
    Answer::Silent(said.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_agrees_by_ending_well_and_is_heard_by_its_first_line() {
    assert_eq!(ran("#!/bin/sh\necho\necho 'open, by cam'\necho more\n").await, agrees("open, by cam"));
    assert_eq!(ran("#!/bin/sh\n").await, agrees(""));
    assert_eq!(ran("#!/bin/sh\necho 'it is closed'\nexit 1\n").await, refuses("it is closed"));
    assert_eq!(ran("#!/bin/sh\nexit 77\n").await, refuses("it ended with 77"));
    assert_eq!(ran("#!/bin/sh\nprintf 'a\\033[2Jb\\377'; exit 2\n").await, refuses("a\\u{1b}[2Jb\u{fffd}"));
    let long = ran("#!/bin/sh\nprintf 'x%.0s' $(/usr/bin/seq 1 1000); exit 1\n").await;
    assert_eq!(long, refuses(&format!("{}…", "x".repeat(200))));
    assert_eq!(ran("#!/bin/sh\nkill -9 $$\n").await, silent("it was ended by a signal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_on_its_input_and_nothing_else_is_there() {
    let directory = TempDir::new().unwrap();
    let place = directory.path().display();
    // What it was started with stands in /proc; a shell adds to its environment by itself.
    let text = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\ncat > {place}/input\ntr '\\0' '\\n' < /proc/$$/environ > {place}/environ\n\
         tr '\\0' '\\n' < /proc/$$/cmdline > {place}/line\npwd > {place}/pwd\nread more; echo \"$? $more\" > {place}/end\n\
         cut -d' ' -f5 /proc/$$/stat > {place}/group; echo $$ > {place}/pid\n"
    );
    let program = script(directory.path(), "check", &text);
    for ticket in ["--help", "$(touch /tmp/x); `id`\" '\\", "-\u{202e}"] {
        assert_eq!(asked(vec![command("desk", program.clone())], ticket).await, agrees(""));
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let said: serde_json::Value = serde_json::from_str(&read("input")).unwrap();
        let expected = serde_json::json!({
            "ticket": ticket,
            "role": "arn:aws:iam::123456789012:role/prod-admin",
            "person": "ann",
            "digest": "ab".repeat(32),
        });
        assert_eq!(said, expected);
        assert_eq!((read("environ"), read("pwd"), read("end")), (String::new(), "/\n".to_owned(), "1 \n".to_owned()));
        assert_eq!(read("line"), format!("/bin/sh\n{}\n", program.display()));
        assert_eq!(read("group"), read("pid"));
    }
}

/// Whether this process is no more, or is dead and for its parent to notice.
fn is_over(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_in_time_ends_with_all_they_started() {
    let directory = TempDir::new().unwrap();
    let place = directory.path().display();
    let head = format!("#!/bin/sh\nPATH=/usr/bin:/bin\ntrap '' TERM HUP INT\necho $$ > {place}/self\n");
    let children = format!("sleep 1000 & echo $! > {place}/child\n(sleep 1001 & echo $! > {place}/grandchild)\n");
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap().trim().to_owned();
    // One that waits for its children, and one that is gone while they hold its output.
    for end in ["wait\n", "exit 0\n"] {
        let program = script(directory.path(), "check", &format!("{head}{children}{end}"));
        let start = Instant::now();
        assert_eq!(
            asked(vec![command("desk", program)], "OPS-7").await,
            silent("it gave no answer within 5 s"),
            "{end}"
        );
        assert!((5..60).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert!(!Path::new(&format!("/proc/{}", read("self"))).exists(), "it was not noticed that it ended");
        for name in ["child", "grandchild"] {
            wait_until(name, || is_over(&read(name)));
        }
    }
    // One that answers, and leaves somebody behind who holds nothing of ours.
    let text = format!("{head}sleep 1002 > /dev/null & echo $! > {place}/child\necho fine\n");
    let program = script(directory.path(), "check", &text);
    assert_eq!(asked(vec![command("desk", program)], "OPS-7").await, agrees("fine"));
    wait_until("its child ends", || is_over(&read("child")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_too_much_or_cannot_be_started_has_not_agreed() {
    let start = Instant::now();
    let ten = "#!/bin/sh\nexec /usr/bin/head -c 10000000 /dev/zero\n";
    assert_eq!(ran(ten).await, silent("it said too much"));
    assert_eq!(ran("#!/bin/sh\nexec /usr/bin/yes\n").await, silent("it said too much"));
    // One that does not read what it is asked, and one that hangs up at once.
    assert_eq!(ran("#!/bin/sh\nexec 0<&-\necho fine\n").await, agrees("fine"));
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("closed"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(path("closed"), fs::Permissions::from_mode(0o600)).unwrap();
    script(directory.path(), "no-interpreter", "#!/nowhere/sh\n");
    script(directory.path(), "nonsense", "\u{0}\u{1}\u{2}");
    for name in ["missing", "closed", "no-interpreter", "nonsense", ""] {
        let answer = asked(vec![command("desk", path(name))], "OPS-7").await;
        assert_eq!(answer, silent("it could not be started"), "{name}");
    }
    // What no section says is asked of nobody.
    let other = script(directory.path(), "other", "#!/bin/sh\n");
    assert_eq!(asked(vec![command("other", other)], "OPS-7").await, silent("it could not be asked"));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_asked_one_after_the_other_and_all_answered() {
    let directory = TempDir::new().unwrap();
    let program = script(directory.path(), "check", "#!/bin/sh\nread line; echo \"$line\"\nexit 3\n");
    let checks = Checks::new(vec![command("desk", program)], Client::default());
    let running: Vec<_> = (0..32)
        .map(|n| {
            let (checks, question) = (checks.clone(), question(&format!("OPS-{n}")));
            tokio::task::spawn_blocking(move || checks.ask(&question))
        })
        .collect();
    for (n, running) in running.into_iter().enumerate() {
        let answered = running.await.unwrap();
        assert!(answered.answer.said().contains(&format!("\"OPS-{n}\"")), "{answered:?}");
    }
}

/// A web server, and what asks it.
struct Desk {
    site: Website,
    checks: Checks,
    _authority: Authority,
}

impl Desk {
    async fn new(networks: &[&str]) -> Self {
        let authority = Authority::new("desks");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        let client = Client::new(Arc::new(Places::default().with(HOST, site.address())));
        let way = Way::Webhook {
            url: format!("https://{HOST}/bailey").parse().unwrap(),
            networks: Networks::new(networks.iter().map(|text| text.parse().unwrap()).collect()),
            ca_file: Some(authority.ca_file()),
            token: Some(Arc::new(Secret::new("let-me-in".to_owned()))),
        };
        let checks = Checks::new(vec![Settings { name: "desk".to_owned(), way }], client);
        Self { site, checks, _authority: authority }
    }

    async fn says(&self, page: Page) -> Answer {
        self.site.show("/bailey", page);
        let (checks, question) = (self.checks.clone(), question("OPS-7"));
        tokio::task::spawn_blocking(move || checks.ask(&question).answer).await.unwrap()
    }

    async fn text(&self, text: &str) -> Answer {
        self.says(Page::Document(text.to_owned())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_agrees_by_the_word_and_by_nothing_like_it() {
    let desk = Desk::new(&["127.0.0.0/8"]).await;
    assert_eq!(desk.text(r#"{"agree": true}"#).await, agrees(""));
    let head = desk.site.last_head().to_ascii_lowercase();
    for line in ["post /bailey http/1.1", "content-type: application/json", "authorization: bearer let-me-in"] {
        assert!(head.lines().any(|said| said == line), "{head}");
    }
    let asked: serde_json::Value = serde_json::from_str(desk.site.bodies().last().unwrap()).unwrap();
    assert_eq!((&asked["ticket"], &asked["person"]), (&"OPS-7".into(), &"ann".into()));
    assert_eq!(desk.text(r#"{"agree": true, "reason": "open\nand more", "id": 7}"#).await, agrees("open"));
    assert_eq!(desk.text(r#"{"agree": false, "reason": "closed"}"#).await, refuses("closed"));
    for text in [
        "",
        "true",
        "{}",
        r#"{"agree": "true"}"#,
        r#"{"agree": 1}"#,
        r#"{"agree": null}"#,
        r#"{"agree": false, "agree": true}"#,
        r#"{"Agree": true}"#,
        r#"[true]"#,
        r#"{"agree": true"#,
        r#"{"agree": true} {"agree": true}"#,
        r#"{"agree": true, "reason": 7}"#,
        "<html>",
    ] {
        assert_eq!(desk.text(text).await, silent("its answer was not understood"), "{text}");
    }
    let raw = |text: &str| Page::Raw(text.as_bytes().to_vec());
    let yes = "Content-Length: 15\r\n\r\n{\"agree\": true}";
    for (page, expected) in [
        (raw(&format!("HTTP/1.1 500 Oh\r\n{yes}")), "it answered with status 500"),
        (raw(&format!("HTTP/1.1 201 Oh\r\n{yes}")), "it answered with status 201"),
        (raw(&format!("HTTP/1.1 307 There\r\nLocation: https://{HOST}/other\r\n{yes}")), "it sent us elsewhere"),
        (Page::Document(format!("{{\"agree\": true, \"more\": \"{}\"}}", "x".repeat(20_000))), "it said too much"),
        (Page::Endless("{\"agree\": true}".to_owned()), "it said too much"),
        (raw("nonsense\r\n\r\n"), "it could not be asked"),
        (raw(&format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n{yes}")), "it could not be asked"),
    ] {
        assert_eq!(desk.says(page.clone()).await, silent(expected), "{page:?}");
    }
    for slow in [Page::Silence, Page::Drops("{\"agree\": true}".to_owned())] {
        let start = Instant::now();
        assert_eq!(desk.says(slow).await, silent("it gave no answer within 5 s"));
        assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_inside_is_reached_where_the_configuration_means_it() {
    let desk = Desk::new(&[]).await;
    assert_eq!(desk.text(r#"{"agree": true}"#).await, silent("it could not be asked"));
    assert_eq!(desk.site.asked_at_all(), 0);
}
