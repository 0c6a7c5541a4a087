//! Alice's desk: a company with a directory and a daemon that takes passwords over HTTPS, and a home of hers where
//! `bailey login` keeps things. She may assume the role `Deploy`, and nothing else.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::counter::Caller;
use crate::bed::daemon::{Bailey, directory_of};
use crate::bed::slapd::SUFFIX;
use crate::bed::{Authority, Options, Slapd, free_port};
use crate::run::said;

pub(crate) const PASSWORD: &str = "alice-secret-zaun-7";
pub(crate) const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
pub(crate) const DEPLOY: &str = "arn:aws:iam::123456789012:role/Deploy";
pub(crate) const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/Deploy/alice";

pub(crate) struct Desk {
    pub(crate) bailey: Bailey,
    pub(crate) url: String,
    authority: Authority,
    home: TempDir,
    _slapd: Slapd,
}

impl Desk {
    /// The company, and nobody signed in.
    pub(crate) fn new() -> Self {
        let slapd = Slapd::start(Options::default());
        slapd.modify(&format!(
            "dn: uid=alice,ou=people,{SUFFIX}\nchangetype: modify\nadd: userPassword\nuserPassword: {PASSWORD}\n\n"
        ));
        let authority = Authority::new("Test");
        let leaf = authority.issue("web", &["localhost"]);
        std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let port = free_port();
        let section = format!(
            "[https]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"{}\"\nkey = \"{}\"\n\n\
             [sts]\nassume_role_with_ldap_identity = true\n\n\
             [sso]\nissuer = \"https://localhost:{port}\"\n\n",
            leaf.certificate_file.display(),
            leaf.key_file.display()
        );
        let mut bailey = Bailey::with(&(section + &directory_of(&slapd, "")));
        bailey.start();
        bailey.ok(&["init", "--no-administrators", "--secret-file", bailey.path("root").to_str().unwrap()]);
        bailey.ok(&["role", "create", "Deploy", "--max-session", "43200"]);
        bailey.ok(&["role", "assign", "Deploy", "--to", "user/alice"]);
        let url = format!("https://localhost:{port}");
        Self { bailey, url, authority, home: tempfile::tempdir().unwrap(), _slapd: slapd }
    }

    /// The company, and alice signed in.
    pub(crate) fn signed_in() -> Self {
        let desk = Self::new();
        desk.ok(&desk.login());
        desk
    }

    /// The words by which alice signs in.
    pub(crate) fn login(&self) -> Vec<String> {
        let file = self.at_home("password");
        std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        let ca_file = self.ca_file();
        ["login", "--url", &self.url, "--user", "alice", "--password-file", &file.display().to_string()]
            .into_iter()
            .chain(["--ca-file", ca_file.to_str().unwrap()])
            .map(str::to_owned)
            .collect()
    }

    /// A program that signs for itself.
    pub(crate) fn caller(&self) -> Caller {
        let port = self.url.rsplit(':').next().unwrap().parse().unwrap();
        Caller::at(std::net::SocketAddr::from(([127, 0, 0, 1], port)), &self.authority)
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.ca_file()
    }

    pub(crate) fn at_home(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where sessions are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.at_home("cache/bailey")
    }

    /// The kept file whose name begins so; there is one.
    pub(crate) fn kept(&self, start: &str) -> PathBuf {
        let entries = std::fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(start) && name.ends_with(".json")
        };
        let found: Vec<PathBuf> = entries.filter(is_it).collect();
        let [one] = found.as_slice() else { panic!("{start}: {found:?}") };
        one.clone()
    }

    /// Changes what is kept, as time would.
    pub(crate) fn change(&self, start: &str, change: impl FnOnce(&mut Value)) {
        let file = self.kept(start);
        let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        change(&mut kept);
        std::fs::write(file, kept.to_string()).unwrap();
    }

    /// Lets time pass for what is kept, until so many seconds are left of it.
    pub(crate) fn age(&self, start: &str, left: i64) {
        use bailey::base::Clock as _;
        let now = bailey::base::clock::SystemClock.now();
        let from_now = |seconds| serde_json::json!(now + jiff::SignedDuration::from_secs(seconds));
        self.change(start, |kept| {
            kept["keys"]["begun"] = from_now(left - 3_600);
            kept["keys"]["expires"] = from_now(left);
        });
    }

    /// A program at this desk: its home, and nothing of the machine's own AWS settings.
    pub(crate) fn at_desk(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AWS_") || name.to_ascii_uppercase().ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.home.path()).env("XDG_CACHE_HOME", self.at_home("cache")).stdin(Stdio::null());
        command.env("AWS_CA_BUNDLE", self.ca_file()).env("NODE_EXTRA_CA_CERTS", self.ca_file());
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1");
        command.current_dir(self.home.path());
        command
    }

    pub(crate) fn command<W: AsRef<str>>(&self, words: &[W]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.args(words.iter().map(AsRef::as_ref));
        self.at_desk(command)
    }

    pub(crate) fn run<W: AsRef<str>>(&self, words: &[W]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What a command prints that has to end well.
    pub(crate) fn ok<W: AsRef<str>>(&self, words: &[W]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{}\n{}", said(&output), self.bailey.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command says that has to fail, and to print nothing.
    pub(crate) fn refused<W: AsRef<str>>(&self, words: &[W]) -> String {
        let output = self.run(words);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{}", said(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn credentials(&self) -> Value {
        serde_json::from_str(&self.ok(&["credentials", "--role", "Deploy"])).unwrap()
    }

    /// Sessions of the role that have begun.
    pub(crate) fn sessions(&self) -> usize {
        let listed = self.bailey.json(&["session", "list", "--role", "Deploy", "--all"]);
        listed.as_array().unwrap().len()
    }

    /// Serves the role.
    pub(crate) fn serve(&self, words: &[&str]) -> Served {
        let fixed = ["credentials", "serve", "--role", "Deploy", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&[&fixed, words].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = if words.contains(&"--imds") { 1 } else { 2 };
        let lines: Vec<String> = lines.take(wanted).map(Result::unwrap).collect();
        assert_eq!(lines.len(), wanted, "{lines:?}");
        let variable = |line: &String| {
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        };
        Served { child, variables: lines.iter().map(variable).collect() }
    }
}

/// A running `bailey credentials serve`.
pub(crate) struct Served {
    child: Child,
    /// What SDKs have to know.
    pub(crate) variables: Vec<(String, String)>,
}

impl Served {
    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        let url = &self.variables[0].1;
        url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
    }

    pub(crate) fn token_file(&self) -> &Path {
        Path::new(&self.variables[1].1)
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.token_file()).unwrap()
    }

    /// Asks for something with these headers besides `Host`; the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let host = self.host();
        let headers: Vec<(&str, &str)> = [("Host", host.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.ask_with(method, path, &headers)
    }

    /// As [`Self::ask`], with these headers alone.
    pub(crate) fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(self.host()).unwrap();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: `{answer}`"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// SIGTERM.
    pub(crate) fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
