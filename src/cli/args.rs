//! What can be typed: verbs, options, and the help that explains them.
//!
//! Owns words and their limits, nothing else: what a verb does is said in [`super`]. The global
//! options are taken before and after the verb alike.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use super::broker::Credentials;
use super::clients::ClientVerb;
use super::clock::ClockVerb;
use super::engagements::EngagementVerb;
use super::explain::Explain;
use super::grants::GrantVerb;
use super::iam::credentials::{AccessKeyVerb, Init, RootVerb};
use super::iam::factors::{AccountVerb, MfaVerb};
use super::iam::guardrails::GuardrailVerb;
use super::iam::keys::KeyVerb;
use super::iam::providers::ProviderVerb;
use super::iam::roles::{ProfileVerb, RoleVerb};
use super::iam::sessions::SessionVerb;
use super::idp::IdpVerb;
use super::login::SignIn;
use super::notify::NotifyVerb;
use super::output::Format;
use super::people::{Group, History, Resource, User};
use super::policy::Policy;
use super::saml::SamlVerb;
use super::sp::SpVerb;
use super::stores::{Audit, Store};
use super::syncs::{Directory, Sync, SyncRun};
use crate::base::Timestamp;

/// A bridge between a company's directory and short-lived access.
#[derive(Debug, Parser)]
#[command(name = "bailey", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Args {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Args {
    /// Reads `words`, the program's name first.
    ///
    /// # Errors
    /// With help, or with what is wrong about the words.
    pub fn read<W: Into<OsString> + Clone>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(words)?;
        // Said here because clap counts global options among a verb's own (`args_conflicts_with_subcommands`)
        // and does not see a conflict between one before and one behind the verb (`conflicts_with`).
        if let Verb::Credentials(credentials) = &args.verb
            && let Some(words) = credentials.fault()
        {
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, words));
        }
        let conflict = match &args.verb {
            Verb::Sync(Sync { about: Some(_), run }) if *run != SyncRun::default() => {
                Some("--dry-run and --directory belong to `bailey sync` alone")
            }
            Verb::Grant(verb) if args.global.url.is_some() && verb.takes_an_operator() => {
                Some("--all, --after and --limit are for operators, on the daemon's machine: leave --url out there")
            }
            Verb::Engagement(verb) if args.global.url.is_some() && verb.takes_an_operator() => {
                Some("operators make and change engagements, on the daemon's machine: leave --url out there")
            }
            Verb::Grant(verb) if args.global.socket.is_some() && verb.takes_a_person() => {
                Some("that takes a person who is signed in, by `bailey login`: leave --socket out")
            }
            _ if args.global.url.is_some() && args.global.socket.is_some() => {
                Some("--url and --socket are two ways to the same daemon: keep one")
            }
            verb if args.global.url.is_some() && !verb.takes_a_url() => Some(URL_IS_FOR),
            _ => None,
        };
        match conflict {
            Some(words) => Err(Self::command().error(ErrorKind::ArgumentConflict, words)),
            None => Ok(args),
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held by a guard, or metadata that \
                          waits to be confirmed.";

/// Which verbs a URL is for, as people are told who say one with another.
pub const URL_IS_FOR: &str = "--url is for `bailey login`, `bailey logout`, `bailey credentials`, `bailey grant`, \
    `bailey engagement` and `bailey explain`; for the rest use the local socket on the daemon's machine, or an AWS command line with \
    the credentials of a role: aws iam list-users --endpoint-url URL";

const CHECK_IN_A_SHELL: &str = "\
Passwords that systemd gives to the daemon (`bind_password_credential` and the like) are not there in a shell. As root:
  systemd-run --quiet --collect --pipe --wait -p User=bailey \\
    -p LoadCredential=corp-bind:/etc/bailey/corp-bind.password bailey check
with one LoadCredential= for each that the unit has.";

/// Where the configuration is, if nothing else is said.
pub const USUAL_CONFIG: &str = "/etc/bailey/bailey.toml";

/// Options of every verb.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "BAILEY_CONFIG",
        hide_env_values = true,
        default_value = USUAL_CONFIG
    )]
    pub config: PathBuf,
    /// Talk to the daemon at this URL, as the person who is signed in: login, logout, credentials, grant, engagement, explain
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Talk to the daemon over this socket [default: the one in the configuration, or the usual one where that is closed to you]
    #[arg(long, global = true, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// How to print: for people, or JSON for programs (listings are arrays)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the daemon
    ///
    /// Keeps the store in step with the directories until SIGTERM. SIGHUP takes a changed
    /// configuration up; one with a fault is refused and the old one stays.
    Run {
        /// Open a store made by the demo (never use it for real people)
        #[arg(long)]
        demo: bool,
        /// Make a new store if there is none, even where one has been before
        #[arg(long)]
        init: bool,
    },
    /// Make the account's root, once, and say which group administers
    ///
    /// Shows root's access key this one time. The daemon is not ready before.
    Init(Init),
    /// Find what would go wrong: in the configuration, its files, and at the directories
    ///
    /// Looks by itself, whether the daemon runs or not: run it as the daemon's user.
    #[command(after_long_help = CHECK_IN_A_SHELL)]
    Check,
    /// Read the directories now and apply what changed
    Sync(Sync),
    /// Access keys of users: what programs sign their requests with
    #[command(subcommand)]
    AccessKey(AccessKeyVerb),
    /// Virtual devices of the second factor
    #[command(subcommand)]
    Mfa(MfaVerb),
    /// The account as a whole
    #[command(subcommand)]
    Account(AccountVerb),
    /// The account's root
    #[command(subcommand)]
    Root(RootVerb),
    /// SAML: judge a response, print our certificate, ask whether an assertion was made here
    #[command(subcommand)]
    Saml(SamlVerb),
    /// The keys that sign tokens, and those that seal secrets in the store
    #[command(subcommand)]
    Key(KeyVerb),
    /// The machine's clock, by which everything ends
    #[command(subcommand)]
    Clock(ClockVerb),
    /// Roles, and who may assume them
    #[command(subcommand)]
    Role(RoleVerb),
    /// Policies: those in the store; decide and examine them without one
    #[command(subcommand)]
    Policy(Policy),
    /// Sessions: who acts for which role, by which way, and the end of it
    #[command(subcommand)]
    Session(SessionVerb),
    /// Roles for a while: ask for one, agree to one, see who has one, and end it
    #[command(subcommand)]
    Grant(GrantVerb),
    /// Engagements: the window of a firm's contract, in which its people may be granted roles
    #[command(subcommand, after_help = super::engagements::EXAMPLES)]
    Engagement(EngagementVerb),
    /// Notices: what waits to be told, and whether it would arrive
    #[command(subcommand)]
    Notify(NotifyVerb),
    /// Explain a refusal: what denied it or was missing, what of that holds now, and what would help
    ///
    /// By the id that the answer gave. Over the socket anybody's; with --url your own, as who is signed in there.
    Explain(Explain),
    /// Guardrails: the maximum permissions of an account (AWS SCPs and RCPs), whatever else allows
    #[command(subcommand)]
    Guardrail(GuardrailVerb),
    /// Instance profiles: the names under which machines find their roles
    #[command(subcommand)]
    InstanceProfile(ProfileVerb),
    /// Outside SAML providers, whose people assume roles and sign in
    #[command(subcommand, after_help = super::idp::EXAMPLES)]
    Idp(IdpVerb),
    /// Providers of identity, as trust policies name them
    #[command(subcommand)]
    Provider(ProviderVerb),
    /// Clients of single sign-on: applications that people sign in to
    #[command(subcommand, after_help = super::clients::EXAMPLES)]
    Client(ClientVerb),
    /// Service providers of SAML: applications that people sign in to by assertions
    #[command(subcommand, after_help = super::sp::EXAMPLES)]
    Sp(SpVerb),
    /// The configured directories
    #[command(subcommand)]
    Directory(Directory),
    /// People
    #[command(subcommand)]
    User(User),
    /// Groups
    #[command(subcommand)]
    Group(Group),
    /// Machines and workloads
    #[command(subcommand)]
    Resource(Resource),
    /// What was so in the past
    #[command(subcommand)]
    History(History),
    /// The store itself: export it at any time; import and verify it while the daemon is down
    #[command(subcommand)]
    Store(Store),
    /// The audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Sign in at a daemon as yourself: with your browser, or with your password of the directory
    ///
    /// Keeps what comes of it for `bailey credentials`, closed to others; a password is kept nowhere.
    Login(SignIn),
    /// Forget the session, and the credentials that were begun with it
    Logout,
    /// Print a role's credentials: JSON for `credential_process` of AWS SDKs, or lines for a shell
    ///
    /// For whoever is signed in. They are kept, closed to others, and refreshed before they end.
    Credentials(Credentials),
    /// Print completions for a shell: `source <(bailey completions bash)`
    Completions {
        /// For which shell
        shell: Shell,
    },
}

impl Verb {
    /// Whether it goes to a daemon by its URL.
    fn takes_a_url(&self) -> bool {
        matches!(
            self,
            Self::Login(_)
                | Self::Logout
                | Self::Credentials(_)
                | Self::Grant(_)
                | Self::Engagement(_)
                | Self::Explain(_)
        )
    }
}

/// A moment: with an offset as it says, otherwise UTC; a day is its first instant.
///
/// # Errors
/// When it is none; says how one is written.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let utc = |time: jiff::civil::DateTime| jiff::tz::Offset::UTC.to_timestamp(time).ok();
    let read = match text.parse::<Timestamp>() {
        Ok(moment) => Some(moment),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok().and_then(utc),
    };
    read.ok_or_else(|| "expected a time such as 2026-03-12, 2026-03-12T14:30 or 2026-03-12T14:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::read(std::iter::once("bailey").chain(line.split_whitespace()))
    }

    #[test]
    fn the_words_are_consistent() {
        Args::command().debug_assert();
    }

    /// An argument of a verb that is called as one of those of every verb is taken for it, whatever type either has.
    #[test]
    fn no_verb_has_an_argument_called_as_one_of_every_verb() {
        fn look_at(verb: &clap::Command, taken: &[String]) {
            for own in verb.get_arguments() {
                assert!(!taken.contains(&own.get_id().to_string()), "{} {}", verb.get_name(), own.get_id());
            }
            verb.get_subcommands().for_each(|verb| look_at(verb, taken));
        }
        let all = Args::command();
        let of_every_verb = all.get_arguments().filter(|one| one.is_global_set());
        let taken: Vec<String> = of_every_verb.map(|one| one.get_id().to_string()).collect();
        assert!(taken.contains(&"url".to_owned()), "{taken:?}");
        all.get_subcommands().for_each(|verb| look_at(verb, &taken));
    }

    #[test]
    fn global_options_stand_before_and_after_the_verb() {
        for line in [
            "--output json --config a.toml sync status",
            "sync --output json --config a.toml status",
            "sync status --output json --config a.toml",
            "--output json user list --config a.toml",
            "user --config a.toml list --limit 5 --output json",
        ] {
            let args = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!((args.global.output, args.global.config.to_str()), (Format::Json, Some("a.toml")), "{line}");
        }
    }

    #[test]
    fn every_promised_line_is_taken() {
        for line in [
            "run",
            "run --demo --init",
            "check",
            "sync",
            "sync --dry-run --directory corp",
            "sync held",
            "sync held 0123abcd",
            "sync approve 0123ABCD",
            "sync refuse 0123abcd",
            "client list",
            "client logouts",
            "client add app --auth none --redirect-uri http://127.0.0.1:9999/cb --scope openid --group Staff --claim team=tag/Team",
            "client add batch --grant client_credentials --audience orders",
            "client add signer --auth private_key_jwt --jwks keys.json --redirect-uri https://app.example/cb --pairwise --id-token-alg RS256",
            "client show app",
            "client rotate-secret app",
            "client registration-token create --name ci --expires 7d --uses 5",
            "client registration-token list",
            "client registration-token remove ci",
            "client rotate-secret app --overlap 0s",
            "client update app --access-token 5m --group Ops --clear audiences --require-par --pairwise false --required-acr mfa",
            "client update app --clear backchannel-logout-uri --clear groups",
            "engagement create soc2 --firm F --sponsor dee --starts 2026-12-01 --ends 6w",
            "engagement update soc2 --ends 14d --anywhere",
            "grant request --role r --for 2h --reason x --claim-by 2026-12-01 --start 2026-12-01",
            "client remove app",
            "directory list",
            "directory check corp",
            "directory remove corp",
            "user list --search ann --limit 10 --after ann --directory corp --state gone",
            "user show jsmith",
            "user show jsmith --verify",
            "user list --state off-hours",
            "group list --holds machines --limit 5",
            "user restore jsmith --to 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "group list",
            "group show admins",
            "user create contractor --expires 2026-12-31 --path /x/ --tag a=b --boundary AuditorBoundary --employee-id 4711",
            "user update contractor --employee-id 4711",
            "user update contractor --disable",
            "user delete contractor",
            "group create firefighters --description x",
            "group add firefighters ann",
            "group remove firefighters ann",
            "access-key create ann --secret-file f",
            "access-key disable ann AKIAIOSFODNN7EXAMPLE",
            "access-key show AKIAIOSFODNN7EXAMPLE",
            "user set-password contractor --must-change --password-file -",
            "user clear-password contractor",
            "mfa create ann-phone --png f",
            "mfa enable ann ann-phone 123456 654321",
            "mfa list --user ann",
            "mfa list ann",
            "mfa reset ann",
            "account summary",
            "account credential-report",
            "account details --kind user --kind template",
            "account alias example",
            "provider oidc create https://login.example/realm --client one --thumbprint 990f4193972f2becf12ddeda5237f9c952f20d9e",
            "provider oidc add-client login.example/realm two",
            "provider oidc list",
            "provider saml list",
            "idp list",
            "idp show Corp --metadata",
            "idp add Corp --metadata https://idp.example.com/metadata",
            "idp add Corp --metadata idp.xml --encryption required --private-key key.pem",
            "idp change Corp --encryption allowed",
            "idp change Corp --private-key new.pem --remove-private-key 0123456789ABCDEF0123456789ABCDEF",
            "idp check Corp",
            "idp refresh Corp",
            "idp confirm Corp --metadata metadata.xml",
            "idp confirm Corp 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            "sp add wiki --metadata https://wiki.example.com/saml --attribute email=mail --group staff --require-mfa",
            "sp add grafana --preset grafana --set host=grafana.example.com",
            "sp check wiki --person ann",
            "sp check --metadata wiki.xml --preset shibboleth",
            "sp change wiki --metadata https://wiki.example.com/saml --clear groups",
            "sp confirm wiki 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            "saml certificate --next",
            "idp remove Corp",
            "policy who-can s3:Get* arn:aws:s3:::box/* --context aws:SourceIp=10.1.2.3",
            "policy last-accessed user/ann",
            "policy last-accessed arn:aws:iam::123456789012:policy/s3-read --users iam",
            "policy granting group/ops s3 sqs",
            "account password-policy --minimum-length 20 --word example --max-age-days 0",
            "root show",
            "root lock",
            "key list",
            "key rotate",
            "key rotate --algorithm es256 --emergency",
            "key status",
            "key reseal",
            "clock status",
            "clock confirm",
            "init --administrators admins --secret-file f",
            "group attach admins ReadOnlyAccess",
            "user put-policy ann s3 -",
            "user boundary ann AuditorBoundary",
            "user boundary ann --none",
            "user tag ann team=red cost=1",
            "role create Deploy --trust trust.json --path /app/ --max-session 7200 --tag a=b --boundary X",
            "role assign Deploy --to group/ops --from 2026-03-12 --until 2026-04-12 --reason release",
            "role unassign Deploy --to resource/web1",
            "role assignments --limit 5",
            "role coverage",
            "role list --account 210987654321 --limit 5",
            "role create ops --account 210987654321",
            "role untag Deploy team",
            "policy actions role",
            "policy list --templates",
            "policy create s3-read policy.json --path /app/",
            "policy update s3-read policy.json --keep-default",
            "policy show s3-read --version v2",
            "policy holders s3-read",
            "policy simulate --principal arn:aws:iam::123456789012:user/ann --action s3:Get --context a=b --without x --with y.json",
            "guardrail list",
            "guardrail create regions policy.json --kind service --description x",
            "guardrail update regions policy.json",
            "guardrail update regions --description x",
            "guardrail attach regions --to organization",
            "guardrail detach regions --from account/123456789012",
            "guardrail delete regions",
            "instance-profile add-role web Deploy",
            "instance-profile list --limit 5",
            "instance-profile list --role Deploy",
            "resource list",
            "resource show web1",
            "history show jsmith --at 2026-03-12",
            "store export",
            "store export backup.jsonl",
            "store import backup.jsonl",
            "store verify",
            "audit tail --count 5 --follow",
            "audit verify",
            "login --url https://bailey.example --user ann --ca-file f --duration 8h",
            "login --url https://bailey.example",
            "login --url https://bailey.example --device",
            "login --url https://bailey.example --password --user ann",
            "login --url https://bailey.example --password-file - --code 123456",
            "logout",
            "credentials --role Deploy --session-name ann --duration 3600 --url https://bailey.example",
            "credentials --role Deploy --env",
            "credentials serve --role Deploy --listen 127.0.0.1:9911 --token-file f --allow-uid 1000",
            "credentials --role Deploy serve --listen [::1]:0 --imds",
            "completions fish",
            "explain 01890a5d-ac96-774b-bcce-b302099a8057 --url https://bailey.example",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for line in [
            "",
            "frobnicate",
            "sync --dry-run status",
            "sync approve",
            "sync approve xyz",
            "sync approve 0123",
            "user list --limit 0",
            "user list --limit 1001",
            "user restore jsmith --to jsmith2",
            "directory remove Corp",
            "history show jsmith --at yesterday",
            "user update ann",
            "user update ann --enable --disable",
            "init --administrators a --no-administrators",
            "user boundary ann",
            "user boundary ann X --none",
            "group boundary ops X",
            "role assign Deploy --to ops",
            "role update Deploy",
            "engagement update soc2 --anywhere --network 192.0.2.0/24",
            "guardrail create regions policy.json",
            "guardrail create regions policy.json --kind scp",
            "guardrail update regions",
            "guardrail attach regions --to account/1",
            "key rotate --algorithm HS256",
            "idp confirm Corp",
            "idp confirm Corp 00 --metadata metadata.xml",
            "sp confirm wiki",
            "sp check",
            "sp check wiki --metadata wiki.xml",
            "sp check wiki --preset aws",
            "sp check wiki --set host=x",
            "sp check wiki --name-id transient",
            "sp add wiki --metadata wiki.xml --clear groups",
            "user tag ann team",
            "policy last-accessed ann",
            "policy granting user/ann",
            "account details --kind resource",
            "check --url http://localhost --socket s",
            "check --url http://localhost",
            "user list --url https://bailey.example",
            "--url https://bailey.example sp list",
            "--url http://localhost check --socket s",
            "check --output yaml",
            "credentials",
            "credentials serve",
            "credentials --role Deploy --env serve",
            "credentials serve --role Deploy --listen 0.0.0.0:9911",
            "credentials serve --role Deploy --imds --token-file f",
            "login --duration x",
            "login --device --password",
        ] {
            let error = parse(line).map(|_| ()).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_verbs_that_take_a_url_are_those_that_are_told() {
        let help =
            Args::command().get_arguments().find(|one| one.get_id() == "url").unwrap().get_help().unwrap().to_string();
        let (_, told) = help.rsplit_once(": ").unwrap();
        let told: Vec<&str> = told.split(", ").collect();
        for line in [
            "login",
            "logout",
            "credentials --role Deploy",
            "grant list",
            "engagement list",
            "explain 0189",
            "run",
            "check",
            "sync",
            "user list",
            "client list",
            "policy list",
            "key list",
            "store export",
            "completions bash",
        ] {
            let verb = line.split(' ').next().unwrap();
            let taken = parse(&format!("{line} --url https://bailey.example")).is_ok();
            let (in_help, in_error) = (told.contains(&verb), URL_IS_FOR.contains(&format!("`bailey {verb}`")));
            assert_eq!((in_help, in_error), (taken, taken), "{line}");
        }
        assert_eq!(told.len(), 6, "{told:?}");
    }

    #[test]
    fn a_moment_is_utc_unless_it_says_otherwise() {
        let noon: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        assert_eq!(moment("2026-03-12T12:00:00Z"), Ok(noon));
        assert_eq!(moment("2026-03-12T13:00:00+01:00"), Ok(noon));
        assert_eq!(moment("2026-03-12T12:00"), Ok(noon));
        assert_eq!(moment("2026-03-12"), Ok("2026-03-12T00:00:00Z".parse().unwrap()));
    }
}
