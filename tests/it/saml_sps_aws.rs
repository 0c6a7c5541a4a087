//! What `bailey sp aws-setup` prints, run by a shell with the real command line of AWS: against an API of IAM, which is another Bailey's.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::signer::Credentials;
use crate::bed::wait_until;
use crate::run;
use crate::sts_office::allow;

const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Bailey";

/// Where AWS is, and who administers there.
struct Aws {
    counter: Counter,
    admin: Credentials,
    folder: tempfile::TempDir,
}

impl Aws {
    /// It serves our metadata, too, so that the script has something to fetch.
    fn open() -> Self {
        let counter = Counter::open("[sso]\nissuer = \"https://localhost:@PORT@\"\n");
        let admin = counter.user("admin", allow(&["iam:*"]));
        let aws = Self { counter, admin, folder: tempfile::tempdir().unwrap() };
        let wrapper = format!(
            "#!/bin/sh\nexec /usr/bin/aws --endpoint-url {} --region us-east-1 --ca-bundle {} \"$@\"\n",
            aws.counter.url(),
            aws.counter.authority_file().display()
        );
        let program = aws.folder.path().join("aws");
        std::fs::write(&program, wrapper).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let metadata = format!("curl -sSf -o /dev/null {}/saml/metadata", aws.counter.url());
        wait_until("our metadata", || aws.shell(&metadata).output().unwrap().status.success());
        aws
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        let script = format!("PATH={}:$PATH\nexport PATH\n{script}", self.folder.path().display());
        shell.args(["-e", "-c", &script]).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_PROFILE", "AWS_SESSION_TOKEN"] {
            shell.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        shell.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        shell.env("AWS_ACCESS_KEY_ID", &self.admin.id).env("AWS_SECRET_ACCESS_KEY", &self.admin.secret);
        shell.env("AWS_PAGER", "").env("CURL_CA_BUNDLE", self.counter.authority_file());
        shell
    }

    /// What a script prints that must come to its end.
    fn runs(&self, script: &str) -> String {
        run::stdout(&mut self.shell(script))
    }

    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.runs(&format!("aws iam {words} --output json"))).unwrap()
    }

    fn trusted(&self, role: &str) -> String {
        self.json(&format!("get-role --role-name {role}"))["Role"]["AssumeRolePolicyDocument"].to_string()
    }
}

fn fetched(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("bailey-metadata.xml")).unwrap()
}

#[test]
fn the_script_for_aws_makes_what_is_missing_and_leaves_what_is_there() {
    let aws = Aws::open();
    let bailey = Bailey::with(&format!("[sso]\nissuer = \"{}\"\n", aws.counter.url()));
    bailey.json(&["sp", "add", "aws", "--preset", "aws", "--aws-provider", PROVIDER]);
    bailey.ok(&["role", "create", "Auditor", "--path", "/app/", "--max-session", "7200"]);
    let script = bailey.ok(&["sp", "aws-setup", "aws"]);
    let said = aws.runs(&script);
    assert!(said.contains(PROVIDER), "{said}");
    let role = &aws.json("get-role --role-name Auditor")["Role"];
    assert_eq!((&role["Path"], &role["MaxSessionDuration"]), (&json!("/app/"), &json!(7_200)));
    let trusted = aws.trusted("Auditor");
    assert!(trusted.contains(PROVIDER) && trusted.contains("https://signin.aws.amazon.com/saml"), "{trusted}");
    let get = format!("get-saml-provider --saml-provider-arn {PROVIDER}");
    assert_eq!(aws.json(&get)["SAMLMetadataDocument"], fetched(aws.folder.path()));

    // Once more, when our next key is published: AWS has that, too, and nothing else is otherwise.
    aws.counter.bailey.ok(&["key", "rotate", "--saml"]);
    let again = aws.runs(&script);
    assert!(again.contains("role Auditor trusts Bailey\n"), "{again}");
    let known = aws.json(&get)["SAMLMetadataDocument"].as_str().unwrap().to_owned();
    assert_eq!(known, fetched(aws.folder.path()));
    assert_eq!(known.matches("KeyDescriptor use=\"signing\"").count(), 2, "{known}");
    assert_eq!(aws.trusted("Auditor"), trusted);

    // One that is there, and trusts somebody else, goes on to: who is asked decides.
    let others = json!([{ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "sts:AssumeRole" }]);
    aws.counter.role("Old", &others, &allow(&["iam:ListRoles"]));
    bailey.ok(&["role", "create", "Old"]);
    let script = bailey.ok(&["sp", "aws-setup", "aws"]);
    let said = aws.runs(&script);
    assert!(
        said.contains("role Old trusts others. To keep them, add the statement of bailey-trust-123456789012.json"),
        "{said}"
    );
    assert!(!aws.trusted("Old").contains(PROVIDER));
    let (_, offered) = said.split_once("; to have it trust Bailey alone: ").unwrap();
    aws.runs(offered.lines().next().unwrap());
    assert!(aws.trusted("Old").contains(PROVIDER));
    assert!(aws.runs(&script).contains("role Old trusts Bailey\n"));
}
