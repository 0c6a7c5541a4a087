//! Where secrets must not be found: in the files of the store, in anything that is logged or exported, and, of passwords and
//! of what was handed out, in the memory of the running daemon once the request is over.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::daemon::{Bailey, directory_of};
use crate::bed::signer::Credentials;
use crate::bed::slapd::SUFFIX;
use crate::bed::{Options, PATIENCE, Slapd, converges, wait_until};
use crate::credentials::app_code;
use crate::sts_office::{ACCOUNT, allow};

const PASSWORD: &str = "alice-secret-zaun-7";
const WRONG: &str = "alice-falsch-kiesel-9";
const LOCAL: &str = "vq7-Torf-Lampe-Zaun-xk";

/// Secrets, by what they are.
pub(crate) type Secrets = BTreeMap<String, Vec<u8>>;

/// A company in which all sorts of secrets were made and used.
struct Company {
    counter: Counter,
    secrets: Secrets,
    /// Something of the same requests that is no secret, and has to be found where secrets are looked for.
    public: String,
    _slapd: Slapd,
}

impl Company {
    fn new() -> Self {
        let slapd = Slapd::start(Options::default());
        slapd.modify(&format!(
            "dn: uid=alice,ou=people,{SUFFIX}\nchangetype: modify\nadd: userPassword\nuserPassword: {PASSWORD}\n\n"
        ));
        let more = "[log]\nlevel = \"trace\"\n\n[sts]\nassume_role_with_ldap_identity = true\n\n";
        let counter = Counter::over(Bailey::with(""), &format!("{more}{}", directory_of(&slapd, "")));
        counter.bailey.wait_until_read();
        let mut company = Self { counter, secrets: Secrets::new(), public: String::new(), _slapd: slapd };
        company.make();
        company
    }

    fn keep(&mut self, what: &str, secret: impl Into<Vec<u8>>) {
        let before = self.secrets.insert(what.to_owned(), secret.into());
        assert_eq!(before, None);
    }

    fn keep_credentials(&mut self, of: &str, credentials: &Credentials) {
        self.keep(&format!("{of}: secret key"), credentials.secret.as_str());
        if let Some(token) = &credentials.token {
            self.keep(&format!("{of}: token"), token.as_str());
        }
    }

    fn make(&mut self) {
        let trust = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": ACCOUNT } }]);
        for role in ["First", "Next"] {
            self.counter.role(role, &trust, &allow(&["sts:AssumeRole", "bailey:CreateRoleToken", "iam:*"]));
        }
        self.counter.put("/v1/roles/First/assigned/user/alice", &json!({}));
        let robot = self.counter.user("robot", allow(&["sts:AssumeRole", "iam:*"]));
        self.keep_credentials("access key", &robot);
        self.counter.post("/v1/users/robot/password", &json!({ "password": LOCAL, "must_change": false }));
        for (what, password) in
            [("password of the directory", PASSWORD), ("wrong password", WRONG), ("password", LOCAL)]
        {
            self.keep(what, password);
        }
        self.device();
        let root = fs::read_to_string(self.counter.bailey.path("root")).unwrap();
        let root: Vec<&str> = root.split(['=', '"', ' ', '\n', ':']).filter(|word| word.len() == 40).collect();
        let [root] = root[..] else { panic!("no secret of root: {}", root.len()) };
        self.keep("secret key of root", root);
        let master = fs::read_to_string(self.counter.bailey.path("state/master.key")).unwrap();
        self.keep("master key, as it is written", master.trim());
        self.keep("master key", STANDARD.decode(master.trim()).unwrap());
        self.sessions(&robot);
    }

    fn device(&mut self) {
        let made = self.counter.post("/v1/mfa-devices", &json!({ "name": "robot-phone" }));
        let (serial, seed) = (made["serial"].as_str().unwrap().to_owned(), made["seed"].as_str().unwrap().to_owned());
        let now = SystemClock.now();
        let body = json!({ "first": app_code(&seed, now - jiff::SignedDuration::from_secs(30)), "second": app_code(&seed, now) });
        self.counter
            .put(&format!("/v1/users/robot/mfa-devices/{}", serial.replace(':', "%3A").replace('/', "%2F")), &body);
        self.keep("seed of a device", crate::credentials::decode_base32(&seed));
        self.keep("seed of a device, as it is shown", seed);
    }

    /// Everybody hangs up in the end.
    fn sessions(&mut self, robot: &Credentials) {
        let mut caller = self.counter.caller();
        let sign_in = |password: &str, more: &[(&str, &str)]| {
            let own = [("Action", "AssumeRoleWithLDAPIdentity"), ("LDAPUsername", "alice"), ("LDAPPassword", password)];
            [&own, more].concat().into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect::<Vec<_>>()
        };
        let mut ask = |params: Vec<(String, String)>| {
            let params: Vec<(&str, &str)> = params.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            caller.unsigned(&params).unwrap()
        };
        ask(sign_in(WRONG, &[])).refuses("AccessDenied", "");
        let own = ask(sign_in(PASSWORD, &[])).credentials();
        let role = format!("arn:aws:iam::{ACCOUNT}:role/First");
        let first = ask(sign_in(PASSWORD, &[("RoleArn", &role)])).credentials();
        let next = caller.assume(&first, "Next", &[]).unwrap().credentials();
        let plain = caller.assume(robot, "First", &[]).unwrap().credentials();
        let made = caller.iam(robot, &[("Action", "CreateAccessKey"), ("UserName", "robot")]).unwrap();
        self.keep("access key by IAM", made.text("SecretAccessKey"));
        let token = caller.post(&first, "/v1/session/token", &json!({ "audience": "app" })).unwrap();
        let token: Value = serde_json::from_str(&token.xml).unwrap();
        self.keep("role token", token["access_token"].as_str().unwrap());
        for (of, credentials) in
            [("own session", &own), ("session", &first), ("chained session", &next), ("robot's session", &plain)]
        {
            assert_eq!(caller.who_is(credentials).unwrap().status, 200);
            self.keep_credentials(of, credentials);
        }
        self.public = next.id;
    }
}

/// The ways in which a secret could lie somewhere.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("hexadecimal", hex::encode(secret).into_bytes()),
        ("hexadecimal, in capitals", hex::encode_upper(secret).into_bytes()),
        ("percent-encoded", url::form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes()),
    ];
    // In base64 the same bytes have three looks, by where in a longer text they begin; what depends on their neighbours is cut.
    for before in 0..3 {
        let padded = [&vec![0; before], secret].concat();
        let text = STANDARD.encode(&padded);
        let whole = &text[(before * 8).div_ceil(6)..padded.len() * 8 / 6];
        forms.push(("base64", whole.as_bytes().to_vec()));
        forms.push(("base64url", whole.replace('+', "-").replace('/', "_").into_bytes()));
    }
    forms
}

/// Looks for all of them at once.
pub(crate) struct Look {
    automaton: aho_corasick::AhoCorasick,
    names: Vec<String>,
}

impl Look {
    pub(crate) fn for_all(secrets: &Secrets) -> Self {
        let (mut names, mut patterns) = (Vec::new(), Vec::new());
        for (what, secret) in secrets {
            assert!(secret.len() >= 16, "{what} is too short to be looked for");
            for (form, bytes) in forms(secret) {
                names.push(format!("{what} ({form})"));
                patterns.push(bytes);
            }
        }
        Self { automaton: aho_corasick::AhoCorasick::new(patterns).unwrap(), names }
    }

    /// Which of the secrets are in `text`, and how.
    pub(crate) fn found(&self, text: &[u8]) -> Vec<String> {
        let all = self.automaton.find_overlapping_iter(text);
        let names: std::collections::BTreeSet<&String> = all.map(|one| &self.names[one.pattern().as_usize()]).collect();
        names.into_iter().cloned().collect()
    }
}

fn holds(text: &[u8], bytes: &str) -> bool {
    aho_corasick::AhoCorasick::new([bytes]).unwrap().is_match(text)
}

/// Every file below `directory` but the master key's own.
pub(crate) fn files(directory: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if path.is_file() && path.file_name().unwrap() != "master.key" {
            into.push(path);
        }
    }
}

#[test]
fn no_secret_lies_in_the_store_in_logs_or_in_exports() {
    let mut company = Company::new();
    let bailey = &mut company.counter.bailey;
    let audit = bailey.ok(&["audit", "tail", "--count", "10000"]);
    let export = bailey.ok(&["store", "export"]);
    assert!(bailey.terminate().success());
    let mut state = Vec::new();
    files(&bailey.path("state"), &mut state);
    let (look, mut rows) = (Look::for_all(&company.secrets), 0);
    for file in state {
        let text = fs::read(&file).unwrap();
        rows += usize::from(holds(&text, &company.public));
        assert_eq!(look.found(&text), [""; 0], "in {}", file.display());
    }
    assert!(rows > 0, "what is no secret was found nowhere: secrets would not have been either");
    let log = bailey.log();
    assert!(log.contains("DEBUG"), "the log tells everything it can");
    for (place, text) in [("audit log", &audit), ("export", &export), ("log", &log)] {
        assert_eq!(look.found(text.as_bytes()), [""; 0], "in the {place}");
    }
    assert!([&audit, &export].iter().all(|text| text.contains(&company.public)));
}

/// Bytes of a page of memory on the machines that there are tests for.
const PAGE: u64 = 4_096;

/// What of a process's memory there is: of each mapping the pages that are present or swapped out (`/proc/PID/pagemap`,
/// proc(5)), since allocators map far more than they use.
fn memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let [mem, pagemap] = ["mem", "pagemap"].map(|name| fs::File::open(format!("/proc/{pid}/{name}")).unwrap());
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        // The kernel's own pages cannot be read this way, and hold nothing of anybody's.
        if !rights.starts_with('r') || line.contains("[vvar") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut entries = vec![0; usize::try_from((to - from) / PAGE * 8).unwrap()];
        pagemap.read_exact_at(&mut entries, from / PAGE * 8).unwrap();
        for (at, entry) in (from..).step_by(4_096).zip(entries.chunks_exact(8)) {
            let there = entry[7] & 0b1100_0000 != 0;
            let end = all.len();
            if there {
                all.resize(end + 4_096, 0);
                // A mapping may go while it is looked at.
                if mem.read_exact_at(&mut all[end..], at).is_err() {
                    all.truncate(end);
                }
            }
        }
    }
    all
}

/// The test again as root, where it is not: nobody else may look into a process that lets itself not be dumped.
fn is_root_here(test: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let exe = std::env::current_exe().unwrap();
    let ran = Command::new("sudo").arg("-n").arg(exe).args(["--exact", test, "--test-threads=1"]).status();
    let ran = ran.expect("`sudo` is needed to look into the daemon's memory without being root");
    assert!(ran.success(), "{test} failed as root; may this account use `sudo -n`?");
    false
}

#[test]
fn what_was_shown_or_handed_out_does_not_stay_in_memory() {
    if !is_root_here("secrets_kept::what_was_shown_or_handed_out_does_not_stay_in_memory") {
        return;
    }
    let mut company = Company::new();
    // What the daemon needs as long as it runs.
    company.secrets.retain(|what, _| !what.contains("master key"));
    let pid = company.counter.bailey.pid();
    // A connection that ended is let go of a moment later.
    let (look, mut left) = (Look::for_all(&company.secrets), Vec::new());
    let wiped = converges(PATIENCE, || {
        let memory = memory(pid);
        assert!(holds(&memory, &company.public), "what is no secret is not found: secrets would not be either");
        left = look.found(&memory);
        left.is_empty()
    });
    assert!(wiped, "still in memory: {left:#?}");
}

/// A process that is told to end by SIGABRT; whether the kernel wrote down its memory.
fn dumped(command: &mut Command, ready: impl FnOnce(u32)) -> bool {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    ready(child.id());
    assert!(Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(6));
    ended.core_dumped()
}

#[test]
fn a_daemon_that_dies_leaves_no_memory_on_the_disk() {
    let bailey = Bailey::with("");
    let place = tempfile::tempdir().unwrap();
    let allowed = |words: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"", "sh"]).args(words);
        command.current_dir(place.path());
        command
    };
    let config = bailey.config();
    let mut daemon = allowed(&[env!("CARGO_BIN_EXE_bailey"), "run", "--config", config.to_str().unwrap()]);
    let log = fs::File::create(bailey.path("log")).unwrap();
    let dumped_it = dumped(daemon.stderr(log), |pid| {
        wait_until("a daemon", || std::os::unix::net::UnixStream::connect(bailey.path("socket")).is_ok());
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    });
    assert!(!dumped_it, "its memory was written down");
    // Where the machine allows none to anybody the limit alone was looked at.
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    if limits.lines().any(|line| line.starts_with("Max core file size") && line.contains("unlimited")) {
        let begun = |pid| {
            let name = || fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
            wait_until("a program that says nothing of it", || name().trim() == "sleep");
        };
        assert!(dumped(&mut allowed(&["sleep", "60"]), begun), "that one is written down");
    }
}
