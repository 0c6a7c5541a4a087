//! `bailey sp`: service providers of SAML, as an administrator registers them, by the real program. What changes at the address of
//! their metadata waits; sections that we ship are read; what is printed for AWS can be pasted.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bailey::admin::clients::Source;
use bailey::admin::saml_sps::SpView;
use bailey::admin::saml_sps::declared::DeclaredSp;
use bailey::config::Config;
use bailey::policy::{Document, Kind};
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::website::Website;
use crate::bed::{Authority, wait_until};
use crate::saml_bed::{RSA, STRANGER};

const MINIMAL: &str = include_str!("../../config/minimal.toml");
pub(crate) const ENTITY: &str = "https://wiki.example.com/saml";

/// The metadata of a wiki, with this certificate and address.
pub(crate) fn metadata(certificate: &str, acs: &str, more: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" entityID=\"{ENTITY}\" {more}><md:SPSSODescriptor \
         AuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></md:KeyDescriptor><md:AssertionConsumerService index=\"0\" \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{acs}\"/></md:SPSSODescriptor>\
         </md:EntityDescriptor>"
    )
}

/// What makes single sign-on be on.
pub(crate) const ON: &str = "[sso]\nissuer = \"https://sso.example.com\"\n\n";

pub(crate) const ACS: &str = "https://wiki.example.com/saml/acs";

fn write(bailey: &Bailey, name: &str, text: &str) -> String {
    let path = bailey.path(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn refused(bailey: &Bailey, words: &[&str]) -> String {
    let output = bailey.run(words);
    assert!(!output.status.success(), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn one_is_added_from_a_file_changed_checked_and_removed() {
    let bailey = Bailey::with(ON);
    let file = write(&bailey, "wiki.xml", &metadata(&RSA.base64(), ACS, ""));
    let attributes = ["--attribute", "email=mail", "--attribute", "urn:oid:0.9.2342.19200300.100.1.1=login"];
    let add = [&["sp", "add", "wiki", "--title", "Wiki", "--metadata", &file][..], &attributes].concat();
    let added = bailey.json(&add);
    assert_eq!((&added["entity_id"], &added["acs"]), (&json!(ENTITY), &json!([ACS])));
    let us = json!({
        "entity_id": "https://sso.example.com/saml/metadata",
        "sign_on": "https://sso.example.com/saml/sso",
        "sign_out": "https://sso.example.com/saml/slo",
    });
    assert_eq!(added["idp"], us, "what it has to be told of us");
    let formats: Vec<&Value> =
        added["settings"]["attributes"].as_array().unwrap().iter().map(|rule| &rule["name_format"]).collect();
    assert_eq!(formats, ["basic", "uri"]);
    // The same once more, and another that calls itself the same.
    assert!(refused(&bailey, &add).contains("there is a service provider `wiki` already"));
    let twin = refused(&bailey, &["sp", "add", "twin", "--metadata", &file]);
    assert!(twin.contains("`wiki` calls itself"), "{twin}");

    let changed =
        bailey.json(&["sp", "change", "wiki", "--name-id", "unspecified:login", "--group", "staff", "--require-mfa"]);
    assert_eq!(changed["settings"]["name_id"], "unspecified:login");
    assert_eq!(changed["settings"]["attributes"], added["settings"]["attributes"], "what is not said stays");
    let told = bailey.json(&["sp", "check", "wiki"]);
    let does = told["does"].to_string();
    for said in [
        ACS,
        "have to be signed",
        "second factor",
        "their login",
        "one of these groups",
        "encrypted for the key",
        "lasts 8 h",
    ] {
        assert!(does.contains(said), "{said}: {does}");
    }
    assert_eq!(told["problems"], json!([]));
    for shown in [bailey.ok(&["sp", "show", "wiki"]), bailey.ok(&["sp", "check", "wiki"])] {
        for said in
            us.as_object().unwrap().values().map(|said| said.as_str().unwrap()).chain(["bailey saml certificate"])
        {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }

    bailey.ok(&["user", "create", "ann"]);
    let of = bailey.json(&["sp", "check", "wiki", "--person", "ann"])["does"].to_string();
    for said in ["ann may not sign in to it", "NameID: `ann`", "email: nothing"] {
        assert!(of.contains(said), "{said}: {of}");
    }
    assert!(refused(&bailey, &["sp", "check", "wiki", "--person", "bob"]).contains("bob"));

    // Another key is another matter for whoever says so by hand: they take it for good.
    let other = write(&bailey, "other.xml", &metadata(&STRANGER.base64(), ACS, ""));
    let taken = bailey.json(&["sp", "change", "wiki", "--metadata", &other]);
    assert_ne!(taken["metadata_digest"], added["metadata_digest"]);
    assert_eq!(taken["settings"]["require_mfa"], true);
    assert!(refused(&bailey, &["sp", "refresh", "wiki"]).contains("`wiki` was registered without a metadata address"));
    assert!(refused(&bailey, &["sp", "refresh", "wiki"]).contains("`bailey sp change wiki --metadata FILE|URL`"));

    // Every command opens the store anew: it is there after each.
    assert_eq!(bailey.json(&["sp", "list"]).as_array().unwrap().len(), 1);
    bailey.ok(&["store", "verify"]);
    bailey.ok(&["sp", "remove", "wiki"]);
    assert_eq!(bailey.json(&["sp", "list"]), json!([]));
    bailey.json(&["sp", "add", "twin", "--metadata", &file]);
    bailey.ok(&["store", "verify"]);
}

#[test]
fn what_could_not_work_is_refused_with_a_reason() {
    let bailey = Bailey::with(ON);
    let plain = write(&bailey, "plain.xml", &metadata(&RSA.base64(), "http://wiki.example.com/acs", ""));
    let more: String = (1..400)
        .map(|n| {
            let post = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
            format!("<md:AssertionConsumerService index=\"{n}\" Binding=\"{post}\" Location=\"{ACS}/{n}\"/>")
        })
        .collect();
    let long =
        metadata(&RSA.base64(), ACS, "").replace("</md:SPSSODescriptor>", &format!("{more}</md:SPSSODescriptor>"));
    let long = write(&bailey, "long.xml", &long);
    for (words, said) in [
        (&["sp", "add", "wiki"][..], "nothing says where responses go"),
        (&["sp", "add", "wiki"], "`--entity-id` with `--acs`"),
        (&["sp", "check", "--metadata", "https://wiki.example.com/"], "at `bailey sp add`"),
        (&["sp", "add", "wiki", "--metadata", &plain], "no address that responses can be posted to"),
        (&["sp", "add", "wiki", "--metadata", &long], "28672 are kept"),
        (&["sp", "add", "wiki", "--preset", "grafana"], "pass `--set host=...`"),
        (&["sp", "add", "aws", "--preset", "aws"], "--aws-provider"),
        (&["sp", "add", "wiki", "--entity-id", "x", "--acs", ACS, "--require-signed-requests"], "no key to verify"),
        (&["sp", "add", "wiki", "--entity-id", "x", "--acs", ACS, "--encrypt", "required"], "no key to encrypt"),
        (&["sp", "add", "wiki", "--metadata", "https://127.0.0.1:1/x"], "no metadata was fetched"),
        (&["sp", "check", "nobody"], "nobody"),
    ] {
        let error = refused(&bailey, words);
        assert!(error.contains(said), "{words:?}: {error}");
    }
    let binding = metadata(&RSA.base64(), ACS, "").replace(
        "</md:SPSSODescriptor>",
        "<md:AssertionConsumerService index=\"1\" Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact\" \
         Location=\"https://wiki.example.com/artifact\"/></md:SPSSODescriptor>",
    );
    let file = write(&bailey, "artifact.xml", &binding);
    // What is long by what counts for nothing is cut down to what counts.
    let extended = metadata(&RSA.base64(), ACS, "").replace(
        "<md:SPSSODescriptor",
        &format!("<md:Extensions><x xmlns=\"urn:x\">{}</x></md:Extensions><md:SPSSODescriptor", "x".repeat(40_000)),
    );
    let extended = write(&bailey, "extended.xml", &extended);
    let added = bailey.json(&["sp", "add", "extended", "--metadata", &extended]);
    assert_eq!((&added["entity_id"], &added["acs"]), (&json!(ENTITY), &json!([ACS])));
    // Nothing of this needs a daemon, or a store.
    let soap = metadata(&RSA.base64(), ACS, "").replace(
        "<md:AssertionConsumerService",
        "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\" \
         Location=\"https://wiki.example.com/soap\"/><md:AssertionConsumerService",
    );
    let soap = write(&bailey, "soap.xml", &soap);
    // What another way stands in for is told; what nothing does is a problem.
    for (file, code, part, binding) in [(&file, 0, "does", "HTTP-Artifact"), (&soap, 1, "problems", "SOAP")] {
        let output = bailey.run(&["sp", "check", "--metadata", file, "--output", "json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        let lines = told[part].as_array().unwrap();
        assert!(lines.iter().any(|line| line.as_str().unwrap().contains(binding)), "{told}");
    }
}

/// A daemon that may fetch from a server of ours.
struct Fetching {
    bailey: Bailey,
    site: Website,
    url: String,
    _authority: Authority,
}

impl Fetching {
    async fn new() -> Self {
        let authority = Authority::new("wiki");
        let site = Website::secure(&authority.issue("localhost", &["localhost"])).await;
        let bailey = Bailey::with(&format!(
            "[sso]\nissuer = \"https://sso.example.com\"\nclient_networks = [\"127.0.0.0/8\", \"::1/128\"]\nclient_ca_file = \"{}\"\n",
            authority.ca_file().display()
        ));
        let url = format!("https://localhost:{}/metadata", site.address().port());
        Self { bailey, site, url, _authority: authority }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_at_its_address_waits_for_an_administrator() {
    let Fetching { mut bailey, site, url, _authority } = Fetching::new().await;
    site.document("/metadata", metadata(&RSA.base64(), ACS, ""));
    let added = bailey.json(&["sp", "add", "wiki", "--metadata", &url]);
    assert_eq!(added["metadata_from"], json!({ "url": url }));
    assert_eq!(bailey.json(&["sp", "refresh", "wiki"])["came"], "same");

    // It is good for longer, and nothing else: that counts at once.
    site.document("/metadata", metadata(&RSA.base64(), ACS, "validUntil=\"2126-01-01T00:00:00Z\""));
    let renewed = bailey.json(&["sp", "refresh", "wiki"]);
    assert_eq!((&renewed["came"], renewed.get("waiting")), (&json!("renewed"), None));
    assert_ne!(renewed["metadata_digest"], added["metadata_digest"]);

    // Somebody has assertions sent elsewhere: the daemon finds it by itself, and nothing of it counts.
    site.document("/metadata", metadata(&STRANGER.base64(), "https://evil.example.com/acs", ""));
    bailey.spawn();
    let socket = bailey.path("socket");
    wait_until("the daemon", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    wait_until("metadata that waits", || !bailey.json(&["sp", "show", "wiki"])["waiting"].is_null());
    let shown = bailey.json(&["sp", "show", "wiki"]);
    assert_eq!(shown["acs"], json!([ACS]));
    let changes = shown["waiting"]["changes"].to_string();
    assert!(changes.contains("evil.example.com") && changes.contains("signing certificate goes"), "{changes}");
    let board = || {
        let curl = ["--silent", "--unix-socket", socket.to_str().unwrap(), "http://bailey/v1/health"];
        String::from_utf8(Command::new("curl").args(curl).output().unwrap().stdout).unwrap()
    };
    wait_until("the board", || board().contains("new metadata of `wiki` waits"));
    assert!(board().contains("the old stays in force. Review: `bailey sp check wiki`"), "{}", board());
    assert!(bailey.log().contains("waits for an administrator"), "{}", bailey.log());
    let again = bailey.run(&["sp", "refresh", "wiki"]);
    assert_eq!(again.status.code(), Some(3), "held by a guard: {again:?}");

    // Confirmed is what was looked at.
    let digest = shown["waiting"]["digest"].as_str().unwrap().to_owned();
    let other = refused(&bailey, &["sp", "confirm", "wiki", &"0".repeat(64)]);
    assert!(other.contains("other metadata waits by now"), "{other}");
    bailey.terminate();
    let confirmed = bailey.json(&["sp", "confirm", "wiki", &digest]);
    assert_eq!((&confirmed["acs"], confirmed.get("waiting")), (&json!(["https://evil.example.com/acs"]), None));
    assert!(refused(&bailey, &["sp", "confirm", "wiki", &digest]).contains("no metadata waits"));
    bailey.ok(&["store", "verify"]);

    // Whoever names the address anew has what is there looked at, and taken for good with that.
    site.document("/new", metadata(&RSA.base64(), ACS, ""));
    let new = url.replace("/metadata", "/new");
    let moved = bailey.json(&["sp", "change", "wiki", "--metadata", &new]);
    assert_eq!((&moved["acs"], &moved["metadata_from"]), (&json!([ACS]), &json!({ "url": new })));
    assert_eq!(bailey.json(&["sp", "refresh", "wiki"])["came"], "same");
    let gone = refused(&bailey, &["sp", "change", "wiki", "--metadata", &url.replace("/metadata", "/gone")]);
    assert!(gone.contains("no metadata was fetched"), "{gone}");
    site.document("/metadata", metadata(&STRANGER.base64(), "https://evil.example.com/acs", ""));
    bailey.json(&["sp", "change", "wiki", "--metadata", &url]);

    // What was taken back there does not go on waiting.
    site.document("/metadata", metadata(&RSA.base64(), ACS, ""));
    assert_eq!(bailey.json(&["sp", "refresh", "wiki"])["came"], "waits");
    site.document("/metadata", metadata(&STRANGER.base64(), "https://evil.example.com/acs", ""));
    assert_eq!(bailey.json(&["sp", "refresh", "wiki"])["came"], "same");
    assert!(bailey.json(&["sp", "show", "wiki"]).get("waiting").is_none());
    // What is over is not taken, and neither is what is none.
    for bad in [metadata(&RSA.base64(), ACS, "validUntil=\"2020-01-01T00:00:00Z\""), "<html/>".to_owned()] {
        site.document("/metadata", bad);
        refused(&bailey, &["sp", "refresh", "wiki"]);
    }
    let audit = bailey.ok(&["audit", "query"]);
    assert!(audit.contains(&digest) && !audit.contains("EntityDescriptor xmlns"), "digests, and never the XML");
}

#[test]
fn declared_ones_are_shown_and_not_changed() {
    let bailey = Bailey::with(ON);
    let file = write(&bailey, "wiki.xml", &metadata(&RSA.base64(), ACS, ""));
    bailey.json(&["sp", "add", "stored", "--metadata", &file]);
    let sections = format!(
        "[[saml_sp]]\nname = \"wiki\"\nmetadata_file = \"{file}\"\nattributes = {{ mail = \"mail\" }}\n\
         [[saml_sp]]\nname = \"grafana\"\npreset = \"grafana\"\nvalues = {{ host = \"grafana.example.com\" }}\n"
    );
    // Nobody could sign in: told, as of a provider that people sign in by.
    bailey.configure(&sections);
    for words in [&["check"][..], &["sp", "list"]] {
        let output = bailey.run(words);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("set `issuer` of [sso]"), "{words:?}: {said}");
    }
    bailey.configure(&format!("{ON}{sections}"));
    let all = bailey.json(&["sp", "list"]);
    // The one that is stored calls itself the same: the configuration goes first.
    let names: Vec<&Value> = all.as_array().unwrap().iter().map(|sp| &sp["name"]).collect();
    assert_eq!(names, ["grafana", "wiki"]);
    assert_eq!(all[0]["acs"], json!(["https://grafana.example.com/saml/acs"]));
    for words in
        [&["sp", "change", "wiki", "--title", "x"][..], &["sp", "remove", "wiki"], &["sp", "refresh", "grafana"]]
    {
        assert!(refused(&bailey, words).contains("declared in the configuration"), "{words:?}");
    }
    // Taken out of the file, the stored one is there again.
    bailey.configure(ON);
    assert_eq!(bailey.json(&["sp", "list"])[0]["name"], "stored");
}

fn sections() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/saml");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_section_that_we_ship_is_read() {
    let (folder, bailey) = (tempfile::tempdir().unwrap(), Bailey::with(ON));
    std::fs::write(folder.path().join("corp-bind"), "hunter2").unwrap();
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(folder.path().join("corp-bind"), closed).unwrap();
    let mut names = Vec::new();
    for section in sections() {
        let text = std::fs::read_to_string(&section).unwrap();
        let file = folder.path().join(section.file_name().unwrap());
        let ours = "[sso]\nissuer = \"https://bailey.example.com\"\n";
        std::fs::write(&file, format!("{MINIMAL}\n{ours}\n{text}")).unwrap();
        let credentials = folder.path().to_path_buf();
        let config = Config::load(&file, |key| (key == "CREDENTIALS_DIRECTORY").then(|| credentials.clone().into()));
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", section.display()));
        let [DeclaredSp::Whole(sp)] = &config.saml_sps[..] else { panic!("{}", section.display()) };
        let preset = sp.preset.unwrap();
        assert_eq!(section.file_stem().unwrap().to_str().unwrap(), preset.word());
        assert!(text.contains("https://bailey.example.com/saml"), "{} says where we are", section.display());
        // The command beside it registers the same.
        let line = text.lines().find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("bailey sp add "));
        let words: Vec<&str> = line.unwrap_or_else(|| panic!("{}", section.display())).split(' ').collect();
        let added = bailey.json(&[&["sp", "add"], &words[..]].concat());
        let declared = serde_json::to_value(SpView::of(sp, Source::Config)).unwrap();
        for part in ["name", "preset", "entity_id", "acs", "settings", "metadata_digest"] {
            assert_eq!(added[part], declared[part], "{part} of {words:?}");
        }
        names.push(preset);
    }
    assert_eq!(names.len(), bailey::model::saml_sp::Preset::ALL.len(), "a section for each preset");
}

#[test]
fn nobody_signs_in_while_single_sign_on_is_off_and_that_is_told() {
    let bailey = Bailey::with("");
    let added = bailey.json(&["sp", "add", "wiki", "--entity-id", ENTITY, "--acs", ACS]);
    let arn = "arn:aws:iam::123456789012:saml-provider/Bailey";
    bailey.json(&["sp", "add", "aws", "--preset", "aws", "--aws-provider", arn]);
    let all = bailey.json(&["sp", "list"]);
    for unanswered in [&added["unanswered"], &all[0]["unanswered"], &all[1]["unanswered"]] {
        assert!(unanswered.as_str().unwrap().contains("`issuer` of [sso]"), "{unanswered}");
    }
    assert!(bailey.ok(&["sp", "list"]).contains("answers nobody: single sign-on is off"));
    assert!(bailey.ok(&["sp", "show", "wiki"]).contains("answers nobody: single sign-on is off"));
    let told = bailey.run(&["sp", "check", "wiki", "--output", "json"]);
    let problems = serde_json::from_slice::<Value>(&told.stdout).unwrap()["problems"].to_string();
    assert!(told.status.code() == Some(1) && problems.contains("set `issuer` of [sso]"), "{problems}");
    for words in [&["sp", "aws-setup", "aws"][..], &["saml", "certificate"]] {
        let error = refused(&bailey, words);
        assert!(error.contains("set `issuer` of [sso]"), "{words:?}: {error}");
    }
}

#[test]
fn what_is_printed_for_aws_can_be_pasted() {
    let accounts =
        "[sso]\nissuer = \"https://sso.example.com\"\n\n[[other_account]]\nid = \"111122223333\"\nkind = \"aws\"\n";
    let bailey = Bailey::with(accounts);
    let arn = "arn:aws:iam::111122223333:saml-provider/Bailey";
    let unknown = "arn:aws:iam::444455556666:saml-provider/Bailey";
    bailey.json(&["sp", "add", "aws", "--preset", "aws", "--aws-provider", arn, "--aws-session-duration", "8h"]);
    assert_eq!(bailey.json(&["sp", "check", "aws"])["problems"], json!([]));
    bailey.ok(&["sp", "change", "aws", "--aws-provider", arn, "--aws-provider", unknown]);
    let told = bailey.run(&["sp", "check", "aws", "--output", "json"]);
    let problems = serde_json::from_slice::<Value>(&told.stdout).unwrap()["problems"].to_string();
    assert!(told.status.code() == Some(1) && problems.contains("444455556666 is not declared"), "{problems}");
    assert!(!problems.contains("111122223333"), "{problems}");
    bailey.ok(&["sp", "change", "aws", "--aws-provider", arn]);
    assert!(bailey.ok(&["sp", "aws-setup", "aws"]).contains("No role of this account"));
    let role = ["role", "create", "Auditor", "--account", "111122223333", "--max-session", "7200"];
    bailey.ok(&role);
    let script = bailey.ok(&["sp", "aws-setup", "aws"]);
    assert!(script.contains("https://sso.example.com/saml/metadata"), "{script}");
    assert!(script.contains("create-saml-provider --name Bailey"), "{script}");
    assert!(
        script.contains("create-role --role-name Auditor") && script.contains("--max-session-duration 7200"),
        "{script}"
    );
    // A shell takes all of it, and the policy that it writes is JSON, and a trust policy.
    let (_, rest) = script.split_once("<<'JSON'\n").unwrap();
    let (policy, _) = rest.split_once("\nJSON\n").unwrap();
    for (program, arguments, text) in [("sh", &["-n"][..], script.as_str()), ("python3", &["-m", "json.tool"], policy)]
    {
        let mut child =
            Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{program}: {text}");
    }
    Document::parse(policy, Kind::Trust).unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Principal"], json!({ "Federated": arn }));
    assert_eq!(statement["Condition"]["StringEquals"]["SAML:aud"], "https://signin.aws.amazon.com/saml");
    assert!(
        refused(&bailey, &["sp", "add", "x", "--preset", "aws", "--aws-provider", "arn:aws:iam::1:x"]).contains("ARN")
    );
}
