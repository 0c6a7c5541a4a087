//! The demo's directory, brought up by the demo's own script: what it serves, and to whom.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::run;

const BASE: &str = "dc=example,dc=test";
const SYNC: &str = "cn=sync,dc=example,dc=test";

/// The demo with its directory up and its configuration written, Bailey not started.
struct Demo(tempfile::TempDir);

impl Demo {
    fn up() -> Self {
        let demo = Self(tempfile::tempdir().unwrap());
        demo.steps("start_directory; write_configuration");
        demo
    }

    /// Steps of `config/demo/up.sh`, which defines them without taking any when sourced.
    fn steps(&self, steps: &str) {
        let script = format!(". config/demo/up.sh; {steps}");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR"));
        run::stdout(bash.env("DEMO", self.path()).env("BAILEY", "/bin/false"));
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// A directory tool over TLS, bound as `dn` with the password in `password`.
    fn tool(&self, program: &str, dn: &str, password: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", self.path().join("slapd/ca.pem"));
        command.args(["-x", "-H", self.read("slapd/url").trim(), "-D", dn, "-y"]).arg(self.path().join(password));
        command
    }

    /// How many entries match `filter` for the sync account.
    fn count(&self, filter: &str) -> usize {
        let mut search = self.tool("ldapsearch", SYNC, "slapd/sync.password");
        let found = run::stdout(search.args(["-LLL", "-E", "pr=100/noprompt", "-b", BASE, filter, "1.1"]));
        found.lines().filter(|line| line.starts_with("dn:")).count()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.steps("slapd_stop \"$DEMO/slapd\"");
    }
}

#[test]
fn the_demo_directory_serves_the_company_to_a_reader_that_cannot_write() {
    let demo = Demo::up();
    assert_eq!(demo.count("(objectClass=inetOrgPerson)"), 340);
    assert_eq!(demo.count("(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"), 70);
    assert!(demo.count("(pwdAccountLockedTime=000001010000Z)") >= 10, "locked leavers are visible");
    assert_eq!(demo.count("(&(uid=ukoenig)(memberOf=cn=team-platform,ou=groups,dc=example,dc=test))"), 1);
    assert_eq!(demo.count("(&(uid=*)(userPassword=*))"), 0, "nobody's password hash is");

    let change = "dn: uid=ukoenig,ou=people,dc=example,dc=test\nchangetype: modify\nreplace: title\ntitle: Owner\n";
    let ldif = demo.path().join("change.ldif");
    std::fs::write(&ldif, change).unwrap();
    let refused = run::output(demo.tool("ldapmodify", SYNC, "slapd/sync.password").arg("-f").arg(&ldif));
    assert!(run::said(&refused).contains("Insufficient access (50)"), "{}", run::said(&refused));
    run::stdout(demo.tool("ldapmodify", "cn=admin,dc=example,dc=test", "slapd/admin.password").arg("-f").arg(&ldif));
    assert_eq!(demo.count("(title=Owner)"), 1);
}

#[test]
fn the_demo_user_signs_in_with_a_password_of_this_start_alone() {
    let demo = Demo::up();
    let user = "uid=ukoenig,ou=people,dc=example,dc=test";
    let who = run::stdout(&mut demo.tool("ldapwhoami", user, "demo.password"));
    assert_eq!(who.trim(), format!("dn:{user}"));
    let other = Demo::up();
    assert_ne!(demo.read("demo.password"), other.read("demo.password"));
    assert_ne!(demo.read("slapd/sync.password"), other.read("slapd/sync.password"));
}

#[test]
fn the_demo_keeps_its_secrets_to_its_owner_and_leaves_no_blank_in_its_configuration() {
    let demo = Demo::up();
    for file in
        ["slapd", "slapd/admin.password", "slapd/sync.password", "slapd/slapd.conf", "demo.password", "bailey.toml"]
    {
        let mode = std::fs::metadata(demo.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
    let configuration = demo.read("bailey.toml");
    configuration.parse::<toml::Table>().unwrap();
    let blank = configuration.lines().find(|line| !line.starts_with('#') && line.contains('@'));
    assert_eq!(blank, None, "a @WORD@ that up.sh does not fill in");
}

#[test]
fn the_demo_comes_up_whole_with_an_auditor_who_waits_for_an_answer() {
    let demo = Whole(tempfile::tempdir().unwrap());
    let said = demo.script("up");
    assert!(said.contains("The bridge stands."), "{said}");
    let told = |words: &[&str]| -> serde_json::Value {
        let mut bailey = Command::new(env!("CARGO_BIN_EXE_bailey"));
        bailey.arg("--config").arg(demo.0.path().join("bailey.toml")).args(["--output", "json"]).args(words);
        serde_json::from_str(&run::stdout(&mut bailey)).unwrap()
    };
    let engagement = told(&["engagement", "show", "soc2"]);
    assert_eq!(engagement["people"], serde_json::json!(["ext.eve", "ext.finn"]));
    let grants = told(&["grant", "list"]);
    let waiting: Vec<_> = grants.as_array().unwrap().iter().map(|one| [&one["person"], &one["stage"]]).collect();
    assert_eq!(waiting, [["ext.finn", "requested"]]);
    let acts = told(&["engagement", "activity", "soc2"]);
    assert_eq!(acts.as_array().unwrap().first().unwrap()["operation"], "RequestGrant");
    let env = std::fs::read_to_string(demo.0.path().join("env")).unwrap();
    assert!(env.contains("DEMO_INVITATION=https://localhost:"), "eve can open her invitation");
}

/// The demo with everything that `make demo` brings up.
struct Whole(tempfile::TempDir);

impl Whole {
    fn script(&self, name: &str) -> String {
        let mut script = Command::new(format!("config/demo/{name}.sh"));
        script.current_dir(env!("CARGO_MANIFEST_DIR")).env("DEMO", self.0.path()).env("DETACH", "1");
        run::stdout(script.env("BAILEY", env!("CARGO_BIN_EXE_bailey")))
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.script("down");
    }
}

#[test]
fn a_demo_that_cannot_start_says_so_and_leaves_nothing_running() {
    let demo = tempfile::tempdir().unwrap();
    let mut up = Command::new("config/demo/up.sh");
    up.current_dir(env!("CARGO_MANIFEST_DIR")).env("DEMO", demo.path());
    let output = run::output(up.env("DETACH", "1").env("BAILEY", "/bin/false"));
    assert!(!output.status.success());
    assert!(run::said(&output).contains("error: bailey did not start"), "{}", run::said(&output));
    assert!(!demo.path().join("env").exists(), "nothing is announced");

    let program = demo.path().join("slapd/slapd");
    assert!(program.exists(), "the directory had been started");
    let running =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("exe")).ok());
    assert_eq!(running.filter(|running| *running == program).count(), 0, "slapd is still running");
}
