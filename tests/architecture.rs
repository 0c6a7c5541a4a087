//! Keeps the source true to its design: who may import whom, where outside crates may be used, what
//! `src/lib.rs` says exists, how long files may grow, and that the proof types stay unforgeable.
//!
//! The tables below are the design; `architecture/rules.rs` compares them with what
//! `architecture/scan.rs` reads from `src`. A failure says file, line, rule and what to do. Whoever
//! means to change the design changes a table here, where a reviewer sees it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;
#[path = "architecture/self_test.rs"]
mod self_test;

use std::fs;
use std::path::Path;

use crate::rules::{Confined, Module, Proof};
use crate::scan::File;

/// A module, its rank, and what it may import. Everything listed has a lower rank; `base` and `telemetry`
/// are open to everyone. Modules appear in `src` when they are needed.
const MODULES: &[Module] = &[
    Module("base", 0, &[]),
    Module("telemetry", 1, &[]),
    Module("model", 1, &[]),
    Module("directory", 1, &[]),
    Module("saml_xml", 1, &[]),
    Module("fetch", 1, &[]),
    Module("store", 2, &["model"]),
    Module("policy", 2, &["model"]),
    Module("audit", 3, &["model", "store"]),
    Module("rights", 3, &["model", "directory", "store", "policy"]),
    Module("keys", 4, &["model", "store", "audit"]),
    Module("sync", 4, &["model", "directory", "store", "rights", "audit"]),
    Module("notify", 4, &["model", "store", "fetch", "audit"]),
    Module("ticket", 4, &["model", "fetch"]),
    Module("sessions", 5, &["model", "store", "rights", "keys", "audit"]),
    Module("attest", 5, &["audit", "keys", "store", "fetch"]),
    Module("authn", 6, &["model", "directory", "store", "keys", "sessions", "saml_xml", "fetch", "audit"]),
    Module("gate", 7, &["model", "store", "policy", "rights", "sessions", "audit", "authn"]),
    Module("issue", 8, &["model", "store", "rights", "keys", "sessions", "audit", "gate", "authn"]),
    Module(
        "admin",
        8,
        &[
            "model",
            "directory",
            "store",
            "rights",
            "policy",
            "sync",
            "keys",
            "sessions",
            "audit",
            "authn",
            "gate",
            "notify",
            "ticket",
        ],
    ),
    Module("grants", 8, &["model", "store", "rights", "sessions", "audit", "authn", "gate", "notify"]),
    Module("query", 8, &["audit", "authn", "gate"]),
    Module("sts", 9, BELOW_THE_PROTOCOLS),
    Module("iam", 9, BELOW_THE_PROTOCOLS),
    Module("sso", 9, BELOW_THE_PROTOCOLS),
    Module("access", 9, BELOW_THE_PROTOCOLS),
    Module("report", 9, BELOW_THE_PROTOCOLS),
    // Beside the operations it serves: `gate`, which every route asks; `audit` and `store`, whose errors it turns into
    // answers and whose health it shows; `sync` for the reports it passes on; `directory` for findings.
    Module(
        "http",
        10,
        &[
            "model",
            "directory",
            "store",
            "audit",
            "sync",
            "authn",
            "keys",
            "gate",
            "admin",
            "grants",
            "query",
            "sts",
            "iam",
            "sso",
            "access",
            "report",
        ],
    ),
    Module("config", 11, EVERYTHING_LOWER),
    Module("daemon", 12, EVERYTHING_LOWER),
    Module("cli", 13, EVERYTHING_LOWER),
    Module("main", 14, &["cli"]),
    Module("manual", 14, &[]),
];

/// What the protocols stand on; never each other.
const BELOW_THE_PROTOCOLS: &[&str] = &[
    "model",
    "directory",
    "saml_xml",
    "fetch",
    "store",
    "policy",
    "audit",
    "rights",
    "keys",
    "sync",
    "notify",
    "sessions",
    "attest",
    "authn",
    "gate",
    "issue",
    "admin",
    "grants",
    "query",
];

/// For the few that put everything together.
const EVERYTHING_LOWER: &[&str] = &["*"];

/// What may be used in some places alone: the path, the files (prefixes under `src/`), and what others do instead.
const CONFINED: &[Confined] = &[
    Confined("hickory_resolver", &["directory/discovery/resolver"], "ask `directory/discovery`"),
    Confined("lettre", &["notify/smtp"], "put a notice into the commit of what it tells of (`notify`)"),
    Confined("ldap3", &["directory/ldap"], "ask for a `directory::Source`"),
    Confined(
        "libgssapi",
        &["authn/kerberos/accept", "directory/ldap/sasl/gss"],
        "sign in through `directory/ldap/sasl`, take tickets through `authn/kerberos`",
    ),
    Confined(
        "x509_parser",
        &["authn/machine/leaf", "directory/ldap/sasl/binding", "http/tls", "saml_xml/keys"],
        "take what is needed of a certificate as an argument",
    ),
    Confined("openidconnect", &["sso/metadata"], "our own types: theirs are for documents that others read"),
    Confined("webauthn_rs", &["authn/webauthn"], "ask `authn/webauthn`"),
    Confined("sled", &["store/sled"], "use the `store::Store`"),
    Confined("axum", &["http/", "http.rs"], "return a value and let `http/` write the answer"),
    Confined("hyper", &["http/", "http.rs", "cli/", "fetch/"], "return a value and let `http/` write the answer"),
    Confined(
        "hyper::client",
        &["cli/", "fetch/"],
        "fetch through `fetch`, which holds the rules against request forgery",
    ),
    Confined("tokio::process", &["ticket/command"], "nothing else starts programs while it serves"),
    Confined("toml", &["config/raw"], "take a `Settings`"),
    Confined("askama", &["http/portal/pages"], "send a page through `http/portal/pages`"),
    Confined("clap", &["cli/", "cli.rs"], "take the value as an argument"),
    Confined("Timestamp::now", &["base/"], "take `now: Timestamp` as an argument"),
    Confined("SystemTime::now", &["base/"], "take `now: Timestamp` as an argument"),
    Confined("getrandom", &["base/"], "take `rng: &mut impl Rng` as an argument"),
    Confined("std::env", &["config/", "cli/", "cli.rs", "daemon"], "take the value as an argument"),
    Confined("aws_lc_rs", &["keys/", "base/secret", "saml_xml", "attest", "authn/"], "sign and seal through `keys`"),
    Confined("hmac", &["keys/", "base/secret", "saml_xml", "attest", "authn/"], "sign and seal through `keys`"),
    Confined("reqwest", &["fetch"], "fetch through `fetch`, which holds the rules against request forgery"),
    Confined("bergshamra", &["saml_xml/"], "read XML through `saml_xml`, which yields only what a signature covered"),
    Confined("uppsala", &["saml_xml/"], "read XML through `saml_xml`, which yields only what a signature covered"),
    Confined(
        "quick_xml",
        &["saml_xml", "http/query/", "cli/login/answer"],
        "parse through `saml_xml`, which yields only what a signature covered; answers are written in `http/query`, and read, \
         by whoever signed in, in `cli/login`",
    ),
];

/// Types whose existence proves that something was done. They are made in one place, cannot be copied,
/// conjured by `Default` or read from bytes, and nobody else can fill their fields.
const PROOFS: &[Proof] = &[
    Proof("audit", "Opened"),
    Proof("authn", "Caller"),
    Proof("authn", "Machine"),
    Proof("authn", "Verified"),
    Proof("authn", "WebIdentity"),
    Proof("authn", "SamlAssertion"),
    Proof("gate", "Authorized"),
    Proof("saml_xml", "Covered"),
    Proof("sync", "Cleared"),
];

/// Production lines of a file: without its tests.
const MEDIAN_LINES: usize = 220;
const LONGEST_FILE: usize = 600;

fn source() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.push(File::read(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(files.len() > 10, "src has {} files: this test looks in the wrong place", files.len());
    files
}

/// Fails with all findings at once.
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n\n{}\n", findings.join("\n\n"));
}

#[test]
fn modules_import_lower_ranks_only() {
    none(rules::imports(MODULES, &source()));
}

#[test]
fn the_table_itself_has_no_way_up() {
    none(rules::table(MODULES));
}

#[test]
fn outside_crates_clock_and_environment_stay_where_they_belong() {
    none(rules::confinement(CONFINED, &source()));
}

#[test]
fn the_map_in_lib_rs_names_every_module_and_no_other() {
    none(rules::map(&source()));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    none(rules::module_docs(&source()));
}

#[test]
fn maps_of_modules_have_no_holes() {
    none(rules::maps(&source()));
}

#[test]
fn the_documentation_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual =
        source().into_iter().filter(|file| file.name.starts_with("manual")).map(|file| format!("src/{}", file.name));
    let named = ["README.md", "benches/README.md", "docs/on-call.md", "docs/auditors.md", "docs/saml.md", "src/lib.rs"]
        .map(str::to_owned)
        .into_iter()
        .chain(manual);
    let findings = named.flat_map(|name| {
        let text = fs::read_to_string(root.join(&name)).unwrap();
        rules::named_files(&name, &text, |path| root.join(path).exists())
    });
    none(findings.collect());
}

#[test]
fn files_stay_short() {
    none(rules::lengths(&source(), MEDIAN_LINES, LONGEST_FILE));
}

#[test]
fn proofs_cannot_be_forged() {
    none(rules::proofs(PROOFS, &source()));
}
