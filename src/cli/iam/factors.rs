//! Passwords of local users, devices of the second factor, and what is set for the account.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use clap::{Args as ClapArgs, Subcommand};
use nix::sys::termios::{self, LocalFlags, SetArg};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::credentials::write_closed;
use super::holders::tags;
use super::{details, done, go_on};
use crate::admin::iam::mfa::DeviceView;
use crate::admin::iam::passwords::LoginProfileView;
use crate::admin::iam::reports::{CredentialReport, State as Progress};
use crate::admin::iam::second_factors::{FactorView, FactorsReset};
use crate::admin::iam::views::Page;
use crate::cli::Exit;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded, query};
use crate::model::PasswordPolicy;

/// What can be done with passwords of users that no directory knows.
#[derive(Debug, Subcommand)]
pub enum PasswordVerb {
    /// Set the password of a user that was made here
    SetPassword {
        /// Name or id
        who: String,
        /// Its owner has to change it first
        #[arg(long)]
        must_change: bool,
        /// Read it from this file, whose first line it is; `-` is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Take the password of a user that was made here away
    ClearPassword {
        /// Name or id
        who: String,
    },
    /// Whether a user that was made here has a password, and since when
    ShowPassword {
        /// Name or id
        who: String,
    },
}

/// `bailey mfa`.
#[derive(Debug, Subcommand)]
pub enum MfaVerb {
    /// List the second factors of a user: devices, passkeys, recovery codes; or all virtual devices there are
    List {
        /// The user's name or id
        who: Option<String>,
        /// Only the virtual devices of this user
        #[arg(long, value_name = "NAME_OR_ID", conflicts_with = "who")]
        user: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Go on behind this one
        #[arg(long, value_name = "MARK")]
        after: Option<String>,
    },
    /// Make a virtual device; its seed is shown this once
    Create {
        /// Its name
        name: String,
        /// Write a picture for an authenticator app into this new file, closed to others, instead of showing the seed
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
    },
    /// Delete a device that is nobody's
    Delete {
        /// Its serial number, or the name at its end
        serial: String,
    },
    /// Put a device into a user's hands
    Enable(Pair),
    /// Follow a device whose clock went astray
    Resync(Pair),
    /// Remove all second factors and recovery codes of a user who has lost them, and end what they are signed in to
    ///
    /// Until they set up another one, their password alone signs them in. So make sure who asks for it.
    Reset {
        /// The user's name or id
        who: String,
    },
    /// Take a device from a user
    Deactivate {
        /// The user's name or id
        who: String,
        /// The device's serial number, or the name at its end
        serial: String,
    },
}

/// Somebody, a device, and two codes of it.
#[derive(Debug, ClapArgs)]
pub struct Pair {
    /// The user's name or id
    who: String,
    /// The device's serial number, or the name at its end
    serial: String,
    /// A code
    first: String,
    /// The code after it
    second: String,
}

/// `bailey account`.
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// How much there is of what
    Summary,
    /// Show the account's name for people, or set it
    Alias {
        /// The name from now on
        name: Option<String>,
    },
    /// Print who has which credentials, in the columns of AWS, as CSV
    ///
    /// One that is younger than four hours is printed again.
    CredentialReport,
    /// Print users, groups, roles and policies with all that hangs on them, as JSON lines
    ///
    /// One a line, sort by sort, the one form there is. Each is of the moment at which it was read.
    Details {
        /// Only those of this kind; may be repeated
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<details::Kind>,
    },
    /// Show what passwords of local users have to be like, or set it
    PasswordPolicy(PolicyChanges),
}

/// Rules for passwords; what is left out stays.
#[derive(Debug, Default, PartialEq, Eq, ClapArgs)]
pub struct PolicyChanges {
    /// Fewest characters
    #[arg(long, value_name = "N")]
    minimum_length: Option<u32>,
    /// Whether there has to be a symbol
    #[arg(long, value_name = "YES")]
    require_symbols: Option<bool>,
    /// Whether there has to be a digit
    #[arg(long, value_name = "YES")]
    require_numbers: Option<bool>,
    /// Whether there has to be a capital letter
    #[arg(long, value_name = "YES")]
    require_uppercase: Option<bool>,
    /// Whether there has to be a small letter
    #[arg(long, value_name = "YES")]
    require_lowercase: Option<bool>,
    /// Whether users may change their own
    #[arg(long, value_name = "YES")]
    allow_users_to_change: Option<bool>,
    /// Days after which one has to be changed; 0 is never
    #[arg(long, value_name = "DAYS")]
    max_age_days: Option<u32>,
    /// Earlier ones that may not come again; 0 is none
    #[arg(long, value_name = "N")]
    reuse_prevention: Option<u32>,
    /// Whether an old one lets nobody in, not even to change it
    #[arg(long, value_name = "YES")]
    hard_expiry: Option<bool>,
    /// A word that may not be in one, such as the company's name; these take the place of those there are
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
}

/// A new device as the daemon tells it.
#[derive(Deserialize, Serialize)]
struct Told {
    #[serde(flatten)]
    device: DeviceView,
    seed: String,
    picture_png: String,
}

const DEVICES: &[Column<DeviceView>] = &[
    Column { title: "serial", cell: |device| device.serial.clone() },
    Column { title: "user", cell: |device| device.user.clone().unwrap_or_default() },
    Column { title: "since", cell: |device| device.enabled.map(moment).unwrap_or_default() },
    Column { title: "tags", cell: |device| tags(&device.tags) },
];

const FACTORS: &[Column<FactorView>] = &[
    Column { title: "kind", cell: |factor| factor.kind.clone() },
    Column { title: "name", cell: |factor| factor.name.clone() },
    Column { title: "since", cell: |factor| moment(factor.since) },
    Column { title: "last used", cell: |factor| factor.last_used.map(moment).unwrap_or_default() },
    Column { title: "synced", cell: |factor| factor.synced.map(yes).unwrap_or_default() },
    Column { title: "id", cell: |factor| factor.id.clone().unwrap_or_default() },
];

const PROFILE: &[Column<LoginProfileView>] = &[
    Column { title: "user", cell: |profile| profile.user.clone() },
    Column { title: "password set", cell: |profile| moment(profile.changed) },
    Column { title: "must be changed", cell: |profile| if profile.must_change { "yes" } else { "" }.to_owned() },
    Column { title: "ends", cell: |profile| profile.ends.map(moment).unwrap_or_default() },
];

const RULES: &[Column<PasswordPolicy>] = &[
    Column { title: "minimum length", cell: |rules| rules.minimum_length.to_string() },
    Column { title: "symbols", cell: |rules| yes(rules.require_symbols) },
    Column { title: "numbers", cell: |rules| yes(rules.require_numbers) },
    Column { title: "capital letters", cell: |rules| yes(rules.require_uppercase) },
    Column { title: "small letters", cell: |rules| yes(rules.require_lowercase) },
    Column { title: "users may change", cell: |rules| yes(rules.allow_users_to_change) },
    Column { title: "days at most", cell: |rules| rules.max_age_days.map(|days| days.to_string()).unwrap_or_default() },
    Column { title: "not again", cell: |rules| rules.reuse_prevention.map(|n| n.to_string()).unwrap_or_default() },
    Column { title: "hard expiry", cell: |rules| yes(rules.hard_expiry) },
    Column { title: "forbidden words", cell: |rules| rules.words.join(", ") },
];

/// Time between two pieces of a report.
const BETWEEN_PIECES: std::time::Duration = std::time::Duration::from_millis(100);

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// Does a verb of `bailey user` about passwords.
///
/// # Errors
/// When the operation fails, or no password can be read.
pub async fn password(session: &mut Session, verb: PasswordVerb) -> anyhow::Result<Exit> {
    let path = |who: &str| format!("/v1/users/{}/password", encoded(who));
    let profile: LoginProfileView = match verb {
        PasswordVerb::SetPassword { who, must_change, password_file } => {
            let password = read_password(password_file)?;
            let body = json!({ "password": password.as_str(), "must_change": must_change });
            match session.client.post(&path(&who), &body).await {
                Err(crate::cli::client::ClientError::Refused(error)) if error.code == "EntityAlreadyExists" => {
                    session.client.put(&path(&who), &body).await?
                }
                answer => answer?,
            }
        }
        PasswordVerb::ClearPassword { who } => {
            let () = session.client.delete(&path(&who)).await?;
            done(session, "taken away")?;
            return Ok(Exit::Done);
        }
        PasswordVerb::ShowPassword { who } => session.client.get(&path(&who)).await?,
    };
    session.output.record(&profile, PROFILE)?;
    Ok(Exit::Done)
}

/// Does a verb of `bailey mfa`.
///
/// # Errors
/// When the operation fails.
pub async fn mfa(session: &mut Session, verb: MfaVerb) -> anyhow::Result<Exit> {
    let held = |who: &str, serial: &str| format!("/v1/users/{}/mfa-devices/{}", encoded(who), encoded(serial));
    let factors = |who: &str| format!("/v1/users/{}/second-factors", encoded(who));
    match verb {
        MfaVerb::List { who: Some(who), .. } => {
            let held: Vec<FactorView> = session.client.get(&factors(&who)).await?;
            session.output.listing(&held, FACTORS)?;
        }
        MfaVerb::Reset { who } => {
            let reset: FactorsReset = session.client.delete(&factors(&who)).await?;
            session.output.listing(&reset.removed, FACTORS)?;
            done(session, &format!("removed, and {} of their sign-ins ended", reset.ended))?;
        }
        MfaVerb::List { user: Some(user), .. } => {
            let devices: Vec<DeviceView> =
                session.client.get(&format!("/v1/users/{}/mfa-devices", encoded(&user))).await?;
            session.output.listing(&devices, DEVICES)?;
        }
        MfaVerb::List { limit, after, .. } => {
            let query = query(&[("limit", Some(limit.to_string())), ("after", after)]);
            let page: Page<DeviceView> = session.client.get(&format!("/v1/mfa-devices{query}")).await?;
            session.output.listing(&page.items, DEVICES)?;
            go_on(page.next)?;
        }
        MfaVerb::Create { name, png } => create(session, &name, png).await?,
        MfaVerb::Delete { serial } => {
            let () = session.client.delete(&format!("/v1/mfa-devices/{}", encoded(&serial))).await?;
            done(session, "deleted")?;
        }
        MfaVerb::Enable(Pair { who, serial, first, second }) => {
            let codes = json!({ "first": first, "second": second });
            let () = session.client.put(&held(&who, &serial), &codes).await?;
            done(session, "enabled")?;
        }
        MfaVerb::Resync(Pair { who, serial, first, second }) => {
            let codes = json!({ "first": first, "second": second });
            let () = session.client.post(&format!("{}/resync", held(&who, &serial)), &codes).await?;
            done(session, "in step again")?;
        }
        MfaVerb::Deactivate { who, serial } => {
            let () = session.client.delete(&held(&who, &serial)).await?;
            done(session, "deactivated")?;
        }
    }
    Ok(Exit::Done)
}

async fn create(session: &mut Session, name: &str, png: Option<PathBuf>) -> anyhow::Result<()> {
    let Some(path) = png else {
        anyhow::ensure!(
            io::stdout().is_terminal(),
            "this is no terminal, and a seed is shown on none other; write a picture with --png FILE"
        );
        let told: Told = session.client.post("/v1/mfa-devices", &json!({ "name": name })).await?;
        session.output.line(&format!("{}\n{}", told.device.serial, told.seed))?;
        return Ok(());
    };
    anyhow::ensure!(!path.exists(), "{} is there already; name a new file", path.display());
    let told: Told = session.client.post("/v1/mfa-devices", &json!({ "name": name })).await?;
    let picture = base64::engine::general_purpose::STANDARD.decode(&told.picture_png)?;
    write_closed(&path, &picture).with_context(|| format!("cannot write {}: delete the device", path.display()))?;
    session.output.record(&told.device, DEVICES)?;
    Ok(())
}

/// Does a verb of `bailey account`.
///
/// # Errors
/// When the operation fails.
pub async fn account(session: &mut Session, verb: AccountVerb) -> anyhow::Result<Exit> {
    match verb {
        AccountVerb::Summary => {
            let summary: BTreeMap<String, u64> = session.client.get("/v1/account/summary").await?;
            let lines: Vec<(String, u64)> = summary.into_iter().collect();
            session.output.listing(
                &lines,
                &[
                    Column { title: "what", cell: |(name, _): &(String, u64)| name.clone() },
                    Column { title: "count", cell: |(_, count)| count.to_string() },
                ],
            )?;
        }
        AccountVerb::Alias { name: Some(name) } => {
            let () = session.client.put(&format!("/v1/account/alias/{}", encoded(&name)), &json!({})).await?;
            done(session, &format!("the account is called {name}"))?;
        }
        AccountVerb::Alias { name: None } => {
            let alias: Option<String> = session.client.get("/v1/account/alias").await?;
            session.output.sentence(alias.as_deref().unwrap_or("the account has no alias"))?;
        }
        AccountVerb::CredentialReport => {
            // Each call adds some thousand people, until it is whole.
            while session.client.post::<Progress>("/v1/credential-report", &json!({})).await? != Progress::Complete {
                tokio::time::sleep(BETWEEN_PIECES).await;
            }
            let report: CredentialReport = session.client.get("/v1/credential-report").await?;
            match session.output.format() {
                Format::Json => session.output.json(&report)?,
                Format::Table => session.output.line(report.content.trim_end())?,
            }
        }
        AccountVerb::Details { kinds } => details::print(session, &kinds).await?,
        AccountVerb::PasswordPolicy(changes) => {
            let mut rules: PasswordPolicy = session.client.get("/v1/password-policy").await?;
            if changes != PolicyChanges::default() {
                changes.apply(&mut rules);
                rules = session.client.put("/v1/password-policy", &rules).await?;
            }
            session.output.record(&rules, RULES)?;
        }
    }
    Ok(Exit::Done)
}

impl PolicyChanges {
    fn apply(self, rules: &mut PasswordPolicy) {
        let optional = |number: u32| (number > 0).then_some(number);
        rules.minimum_length = self.minimum_length.unwrap_or(rules.minimum_length);
        rules.require_symbols = self.require_symbols.unwrap_or(rules.require_symbols);
        rules.require_numbers = self.require_numbers.unwrap_or(rules.require_numbers);
        rules.require_uppercase = self.require_uppercase.unwrap_or(rules.require_uppercase);
        rules.require_lowercase = self.require_lowercase.unwrap_or(rules.require_lowercase);
        rules.allow_users_to_change = self.allow_users_to_change.unwrap_or(rules.allow_users_to_change);
        rules.max_age_days = self.max_age_days.map_or(rules.max_age_days, optional);
        rules.reuse_prevention = self.reuse_prevention.map_or(rules.reuse_prevention, optional);
        rules.hard_expiry = self.hard_expiry.unwrap_or(rules.hard_expiry);
        if !self.words.is_empty() {
            rules.words = self.words;
        }
    }
}

/// A password that there is, from a file or typed without being shown.
pub(in crate::cli) fn given_password(file: Option<PathBuf>) -> anyhow::Result<Zeroizing<String>> {
    if let Some(file) = file {
        let text = Zeroizing::new(super::read(&file)?);
        return Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()));
    }
    anyhow::ensure!(io::stdin().is_terminal(), "this is no terminal: give the password with --password-file FILE");
    hidden_line("password: ")
}

/// A new password: from a file, or typed twice without being shown.
fn read_password(file: Option<PathBuf>) -> anyhow::Result<Zeroizing<String>> {
    if file.is_some() || !io::stdin().is_terminal() {
        return given_password(file);
    }
    let (first, second) = (hidden_line("password: ")?, hidden_line("again: ")?);
    anyhow::ensure!(first == second, "the two are not the same");
    Ok(first)
}

/// A line that the terminal does not show.
pub(in crate::cli) fn hidden_line(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let input = io::stdin();
    write!(io::stderr(), "{prompt}")?;
    let before = termios::tcgetattr(&input)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    termios::tcsetattr(&input, SetArg::TCSAFLUSH, &silent)?;
    let mut line = Zeroizing::new(String::new());
    let read = input.read_line(&mut line);
    termios::tcsetattr(&input, SetArg::TCSAFLUSH, &before)?;
    writeln!(io::stderr())?;
    read?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
