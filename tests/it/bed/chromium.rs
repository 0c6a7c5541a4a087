//! A real browser without a screen: Chromium, driven over the WebDriver protocol (W3C WebDriver, level 2) by its own driver.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, free_port};

/// How a browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
    /// 390 by 844 points.
    Phone,
    /// Scripts of pages are not run.
    NoScript,
}

/// A browser with one page; gone when dropped.
pub(crate) struct Chromium {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// The member that names an element in answers (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Chromium {
    /// A new one. It takes whatever certificate it is shown: what is tried are pages.
    pub(crate) fn open(look: Look) -> Self {
        Self::started(look, None)
    }

    /// One for which `host`, a name that is somebody else's, is at `place`.
    pub(crate) fn knowing(look: Look, host: &str, place: SocketAddr) -> Self {
        Self::started(look, Some(format!("--host-resolver-rules=MAP {host} {place}")))
    }

    fn started(look: Look, more: Option<String>) -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().expect("chromedriver of the package chromium-driver");
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "chromedriver does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let size = if look == Look::Phone { "390,844" } else { "1200,900" };
        let mut args = vec![
            "--headless=new".to_owned(),
            // Root has no sandbox, and in a container nobody has.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--window-size={size}"),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        args.extend(more);
        if look == Look::Dark {
            args.push("--force-dark-mode".to_owned());
        }
        let mut options = json!({ "binary": "/usr/bin/chromium", "args": args });
        if look == Look::NoScript {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        if look == Look::Phone {
            options["mobileEmulation"] = json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 1.0 } });
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let begun = browser.call("POST", "/session", &wanted);
        browser.session = begun["sessionId"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        browser
    }

    /// Goes to an address. Where the browser's own page says that nobody answered, on a machine that has much to do, it is
    /// loaded once more, as a person would.
    pub(crate) fn go(&self, url: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.command("POST", "/url", &json!({ "url": url }));
            if self.try_find("#main-frame-error").is_none() {
                return;
            }
            assert!(Instant::now() < end, "nobody answers at {url}");
        }
    }

    /// Where it is: the path and what is behind it.
    pub(crate) fn path(&self) -> String {
        let url = self.command("GET", "/url", &Value::Null);
        let url = url.as_str().unwrap().to_owned();
        let (_, rest) = url.split_once("://").unwrap();
        rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
    }

    /// What a person reads of the first element that this selector finds, once it is there.
    pub(crate) fn reads(&self, selector: &str) -> String {
        let element = self.find(selector);
        self.command("GET", &format!("/element/{element}/text"), &Value::Null).as_str().unwrap().to_owned()
    }

    /// How many elements a selector finds that can be seen.
    pub(crate) fn count(&self, selector: &str) -> usize {
        let found = self.command("POST", "/elements", &json!({ "using": "css selector", "value": selector }));
        let shown = found.as_array().unwrap().iter().filter(|one| {
            let path = format!("/element/{}/displayed", one[ELEMENT].as_str().unwrap());
            // One that is gone by now cannot be seen.
            self.try_command("GET", &path, &Value::Null) == Some(json!(true))
        });
        shown.count()
    }

    pub(crate) fn types(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.command("POST", &format!("/element/{element}/value"), &json!({ "text": text }));
    }

    pub(crate) fn clicks(&self, selector: &str) {
        let element = self.find(selector);
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Waits until the first element of this selector says `text`.
    pub(crate) fn until(&self, selector: &str, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.try_find(selector).map(|element| {
                self.try_command("GET", &format!("/element/{element}/text"), &Value::Null).unwrap_or_default()
            });
            if found.as_ref().and_then(Value::as_str).is_some_and(|found| found.contains(text)) {
                return;
            }
            assert!(Instant::now() < end, "no `{text}` in {selector} but {found:?} at {}", self.path());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What a script answers, with what it takes.
    pub(crate) fn script(&self, text: &str, args: Value) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": text, "args": args }))
    }

    /// The same of a script that calls its last argument with its answer.
    pub(crate) fn script_later(&self, text: &str) -> Value {
        self.command("POST", "/execute/async", &json!({ "script": text, "args": [] }))
    }

    /// Gives the browser an authenticator that says yes to everything (W3C Web Authentication, level 2, section 11.3): one of the
    /// computer itself, which looks who holds it, or a plain security key, which does not.
    pub(crate) fn plugs_in(&self, of_the_computer: bool) -> String {
        let (transport, protocol) = if of_the_computer { ("internal", "ctap2") } else { ("usb", "ctap1/u2f") };
        let wanted = json!({
            "protocol": protocol, "transport": transport, "hasResidentKey": of_the_computer,
            "hasUserVerification": of_the_computer, "isUserConsenting": true, "isUserVerified": of_the_computer,
        });
        self.command("POST", "/webauthn/authenticator", &wanted).as_str().unwrap().to_owned()
    }

    /// Takes it away again, with what it made.
    pub(crate) fn unplugs(&self, authenticator: &str) {
        self.command("DELETE", &format!("/webauthn/authenticator/{authenticator}"), &Value::Null);
    }

    /// What `authenticator` of this browser holds another's holds, too, as passkeys do that are synchronized.
    pub(crate) fn shares(&self, authenticator: &str, other: &Self, others: &str) {
        let held = self.command("GET", &format!("/webauthn/authenticator/{authenticator}/credentials"), &Value::Null);
        for credential in held.as_array().unwrap() {
            other.command("POST", &format!("/webauthn/authenticator/{others}/credential"), credential);
        }
    }

    /// Presses these keys one after the other, wherever the focus is (W3C WebDriver, section 17.4.2).
    pub(crate) fn presses(&self, keys: &str) {
        let each = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions: Vec<Value> = each.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.command("POST", "/actions", &json!({ "actions": [keyboard] }));
    }

    /// Keeps a cookie of the site that it is on, as if it had been set there.
    pub(crate) fn keeps(&self, name: &str, value: &str) {
        let cookie = json!({ "name": name, "value": value, "path": "/", "secure": true, "httpOnly": true });
        self.command("POST", "/cookie", &json!({ "cookie": cookie }));
    }

    /// The page that the browser shows now, whole, as a picture.
    pub(crate) fn pictures(&self, file: &str) {
        use base64::Engine as _;
        let wanted = json!({ "cmd": "Page.captureScreenshot", "params": { "captureBeyondViewport": true } });
        let picture = self.command("POST", "/goog/cdp/execute", &wanted);
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// What the browser complained about since it was asked last: policies that were broken, files that did not come.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let grave =
            log.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        grave.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn find(&self, selector: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.try_find(selector) {
                return found;
            }
            assert!(Instant::now() < end, "no {selector} at {}", self.path());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_find(&self, selector: &str) -> Option<String> {
        let asked = json!({ "using": "css selector", "value": selector });
        let found = self.try_command("POST", "/element", &asked)?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("/session/{}{path}", self.session), body)
    }

    /// `None` of an element that is not there, or not any more.
    fn try_command(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let value = self.ask(method, &format!("/session/{}{path}", self.session), body);
        value.get("error").is_none_or(Value::is_null).then_some(value)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.ask(method, path, body);
        assert!(value.get("error").is_none_or(Value::is_null), "{method} {path}: {value}");
        value
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(3 * PATIENCE)).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut length = None;
        let mut piece = [0; 16_384];
        // The driver keeps the connection: the answer ends where it says.
        loop {
            let text = String::from_utf8_lossy(&answer);
            if let (None, Some((head, _))) = (length, text.split_once("\r\n\r\n")) {
                let says =
                    |line: &str| line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap());
                length = Some(head.len() + 4 + head.lines().find_map(says).unwrap_or(0_usize));
            }
            if length.is_some_and(|length| answer.len() >= length) {
                break;
            }
            match stream.read(&mut piece).unwrap() {
                0 => break,
                read => answer.extend_from_slice(&piece[..read]),
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (_, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
        answer["value"].clone()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
