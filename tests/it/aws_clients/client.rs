//! An AWS client in a process of its own, that does what it is told: boto3, or the SDK for JavaScript.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Company, Key, clock};
use crate::run;

/// Debian's own, which has the boto3 that `.ci/tools` installs.
const PYTHON: &str = "/usr/bin/python3";
const BED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed");

/// Seconds that a moment told as now may be off.
const NOW: i64 = 120;

/// A client and what it was made to do.
pub(super) struct Client<'a> {
    company: &'a Company,
    talk: RefCell<(Child, ChildStdin, BufReader<ChildStdout>)>,
    driven: RefCell<BTreeSet<String>>,
}

/// Somebody who calls by a client.
pub(super) struct Caller<'a> {
    pub(super) client: &'a Client<'a>,
    who: Value,
}

/// A refusal as a client tells it.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Refused {
    pub(super) class: String,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) status: u16,
    request_id: String,
}

/// An answer over the wire.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wire {
    pub(super) status: u16,
    pub(super) body: String,
    #[serde(rename = "type")]
    pub(super) content_type: String,
}

impl<'a> Client<'a> {
    pub(super) fn boto(company: &'a Company) -> Self {
        let mut python = Command::new(PYTHON);
        python.arg(format!("{BED}/boto_driver.py"));
        Self::start(company, python)
    }

    pub(super) fn javascript(company: &'a Company) -> Self {
        let mut node = Command::new("node");
        node.arg(format!("{BED}/js/driver.js")).env("NODE_PATH", packages());
        Self::start(company, node)
    }

    fn start(company: &'a Company, mut command: Command) -> Self {
        company.addresses(&mut command);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}; `make tools` installs it"));
        let (told, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { company, talk: RefCell::new((child, told, said)), driven: RefCell::default() }
    }

    /// Somebody with this access key.
    pub(super) fn with(&'a self, key: &Key) -> Caller<'a> {
        Caller { client: self, who: json!({"id": key.id, "secret": key.secret}) }
    }

    /// Somebody without any.
    pub(super) fn unsigned(&'a self) -> Caller<'a> {
        Caller { client: self, who: json!({}) }
    }

    /// The actions that were carried out.
    pub(super) fn driven(&self) -> BTreeSet<String> {
        self.driven.borrow().clone()
    }

    /// Has it do something, and answers what it said.
    fn does(&self, what: &Value) -> Result<Value, Refused> {
        self.company.remember_secrets_in(what);
        let (_, told, said) = &mut *self.talk.borrow_mut();
        writeln!(told, "{what}").unwrap();
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{what}: {error}: `{line}`"));
        self.company.remember_secrets_in(&answer);
        if answer["error"].is_null() {
            Ok(answer["ok"].take())
        } else {
            Err(serde_json::from_value(answer["error"].take()).unwrap())
        }
    }

    /// Sends a request as it stands, as often as one likes.
    pub(super) fn send(&self, request: &Value) -> Wire {
        let mut asked = request.clone();
        asked["do"] = json!("send");
        serde_json::from_value(self.does(&asked).unwrap()).unwrap()
    }

    /// Asks for an address.
    pub(super) fn fetch(&self, url: &str) -> Wire {
        self.send(&json!({"method": "GET", "url": url, "headers": {}, "body": ""}))
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let child = &mut self.talk.get_mut().0;
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Caller<'_> {
    /// The same caller, with more to be known: see `boto_driver.py`.
    pub(super) fn but(&self, name: &str, value: Value) -> Self {
        let mut who = self.who.clone();
        who[name] = value;
        Self { client: self.client, who }
    }

    /// The same caller, who puts a number of its own under each signature, as the SDK for JavaScript does. Without that
    /// saying the same twice within a second takes a second: each signature is taken once.
    pub(super) fn hurried(&self) -> Self {
        self.but("numbered", json!(true))
    }

    /// The key it calls with.
    pub(super) fn key(&self) -> &str {
        self.who["id"].as_str().unwrap()
    }

    fn ask(&self, does: &str, action: &str, params: Value) -> Value {
        json!({"do": does, "service": service(action), "action": action, "params": params, "as": self.who})
    }

    /// What a call answers that must be carried out.
    pub(super) fn ok(&self, action: &str, params: Value) -> Value {
        let shown = params.to_string();
        self.tries(action, params).unwrap_or_else(|refused| panic!("{action} {shown}: {refused:?}"))
    }

    /// Why a call is refused that must not be carried out.
    pub(super) fn no(&self, action: &str, params: Value) -> Refused {
        let shown = params.to_string();
        match self.tries(action, params) {
            Ok(answer) => panic!("{action} {shown} was carried out: {answer}"),
            Err(refused) => refused,
        }
    }

    /// What a call answers, whatever that is.
    pub(super) fn tries(&self, action: &str, params: Value) -> Result<Value, Refused> {
        match self.client.does(&self.ask("call", action, params)) {
            Ok(mut said) => {
                assert!(is_request_id(&said["request_id"]), "{action}: {said}");
                self.client.driven.borrow_mut().insert(action.to_owned());
                Ok(said["answer"].take())
            }
            Err(refused) => {
                assert!(is_request_id(&json!(refused.request_id)), "{action}: {refused:?}");
                Err(refused)
            }
        }
    }

    /// The pages that the client's own paginator makes of a listing, `size` items each.
    pub(super) fn pages(&self, action: &str, params: Value, size: usize) -> Vec<Value> {
        let mut asked = self.ask("pages", action, params);
        asked["size"] = json!(size);
        match self.client.does(&asked).unwrap_or_else(|refused| panic!("{asked}: {refused:?}")) {
            Value::Array(pages) => {
                self.client.driven.borrow_mut().insert(action.to_owned());
                pages
            }
            other => panic!("{other}"),
        }
    }

    /// All of a listing, page by page: `list` names the items, `name` what is compared of each, nothing of texts.
    pub(super) fn all(&self, action: &str, params: Value, (list, name): (&str, &str)) -> Vec<String> {
        let pages = self.pages(action, params, 2);
        let items = pages.iter().map(|page| names(&page[list], name));
        let items: Vec<Vec<String>> = items.collect();
        let over = items.iter().find(|items| items.len() > 2);
        assert!(over.is_none(), "{action}: a page of two has {over:?}");
        items.concat()
    }

    /// The address of a presigned call.
    pub(super) fn presigned(&self, action: &str) -> String {
        self.client
            .does(&self.ask("presign", action, Value::Null).without("params"))
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A request with this form, signed and not sent; `query` begins with `?`, if there is one.
    pub(super) fn signed(&self, service: &str, body: &str, query: &str) -> Value {
        let asked = json!({"do": "sign", "service": service, "body": body, "query": query, "as": self.who});
        self.client.does(&asked).unwrap()
    }
}

trait Without {
    fn without(self, name: &str) -> Self;
}

impl Without for Value {
    fn without(mut self, name: &str) -> Self {
        self.as_object_mut().unwrap().remove(name);
        self
    }
}

impl Refused {
    /// Says with which code and status it was refused, and that it says why.
    #[track_caller]
    pub(super) fn is(&self, code: &str, status: u16, words: &str) {
        let found = (self.code.as_str(), self.status);
        assert!(found == (code, status) && self.message.contains(words), "not {code} {status} `{words}`: {self:?}");
    }
}

/// The service that an action belongs to.
fn service(action: &str) -> &'static str {
    if bailey::sts::action(action).is_some() { "sts" } else { "iam" }
}

/// A UUID, as AWS names requests.
fn is_request_id(id: &Value) -> bool {
    id.as_str().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
}

/// What an item of a listing is called; texts, where `name` is nothing.
pub(super) fn names(list: &Value, name: &str) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let text = |item: &Value| if name.is_empty() { item.clone() } else { item[name].clone() };
    items.iter().map(|item| text(item).as_str().unwrap_or_else(|| panic!("no {name} in {item}")).to_owned()).collect()
}

/// Looks that `found` has every member of `expected`, with its value.
#[track_caller]
pub(super) fn has(found: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name} of {found}");
    }
}

/// Looks that a moment was read as one, and is now.
#[track_caller]
pub(super) fn now(moment: &Value) {
    let seconds = moment["time"].as_i64().unwrap_or_else(|| panic!("no moment: {moment}"));
    let off = clock() - seconds;
    assert!((-NOW..=NOW).contains(&off), "{moment} is {off} seconds ago");
}

/// A policy document: boto3 reads it, and to others it is percent-encoded JSON, as in AWS.
pub(super) fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let text = percent_encoding::percent_decode_str(text).decode_utf8().unwrap();
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
        }
        read => read.clone(),
    }
}

/// Where the packages of `js/package-lock.json` lie, exactly as locked. They are fetched once for each lock file; of two
/// who do that at the same time, one is first.
pub(crate) fn packages() -> PathBuf {
    let lock = std::fs::read(format!("{BED}/js/package-lock.json")).unwrap();
    let name = hex::encode(&aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &lock).as_ref()[..8]);
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let packages = place.join(format!("aws-sdk-js-{name}"));
    if !packages.exists() {
        let fresh = tempfile::tempdir_in(&place).unwrap();
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(format!("{BED}/js/{file}"), fresh.path().join(file)).unwrap();
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]);
        run::stdout(npm.current_dir(fresh.path()));
        let fetched = std::fs::rename(fresh.path(), &packages);
        assert!(fetched.is_ok() || packages.exists(), "{fetched:?}");
    }
    packages.join("node_modules")
}
