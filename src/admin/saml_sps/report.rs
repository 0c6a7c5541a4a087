//! What a service provider comes to, in words: what it is sent, what is asked of it, and what is wrong.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::declared::FetchedSp;
use super::idp::{Idp, OFF};
use crate::authn::saml::{Certificate, Logout, LogoutBinding, NoKey, SpMetadata};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::base::text::printable;
use crate::model::saml_sp::{AttributeRule, Encryption, MetadataSource, NameId, SignedParts};
use crate::model::{Accounts, SamlSp};

/// How long before its end a certificate, or metadata, is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a service provider comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What happens, a sentence each.
    pub does: Vec<String>,
    /// What is wrong, or will be.
    pub problems: Vec<String>,
}

/// What `sp` comes to at `now`.
#[must_use]
pub fn report(sp: &SamlSp, now: Timestamp) -> Report {
    let mut report = Report::default();
    if let Err(error) = super::metadata::consistent(sp) {
        report.problem(format!("it cannot be so: {error}"));
    }
    match SpMetadata::read(&sp.metadata, Some(&sp.entity_id)) {
        Ok(read) => {
            report.requests(sp, &read);
            report.responses(sp, &read);
            report.people(sp, &read);
            report.sign_outs(&read);
            report.metadata(sp, &read, now);
        }
        Err(error) => report.problem(format!("its metadata cannot be read: {error}")),
    }
    report
}

/// What else is known of one that is registered or declared.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// What it has to be told of us; nothing, while single sign-on is off.
    pub(super) us: Option<&'a Idp>,
    /// Whether the next key of ours is published.
    pub(super) next: bool,
    /// The accounts that hold roles.
    pub(super) accounts: &'a Accounts,
    /// Why newer metadata could not be had.
    pub(super) failure: Option<String>,
}

/// What `sp` comes to where it is.
#[must_use]
pub(super) fn report_known(sp: &SamlSp, known: Known<'_>, now: Timestamp) -> Report {
    let mut report = report(sp, now);
    report.us(sp, &known);
    for provider in sp.aws.iter().flat_map(|aws| aws.providers.values()) {
        let account = provider.account();
        if !known.accounts.holds(account) {
            report.problem(format!(
                "nobody can take a role by {provider}: account {account} is not declared; add an [[other_account]] section with \
                 id = \"{account}\" and kind = \"aws\""
            ));
        }
    }
    if let Some(failure) = known.failure {
        report.problem(format!("its metadata is not fetched anew, and what is known goes on to count: {failure}"));
    }
    report
}

/// What a section comes to that is not answered: `why`, and what came of the last fetch.
#[must_use]
pub(super) fn of_unanswered(section: &FetchedSp, why: String, known: Known<'_>) -> Report {
    let mut report = Report::default();
    let name = section.name();
    report.say(format!("its metadata is fetched from {}", printable(section.url())));
    report.say(match section.sha256() {
        Some(wanted) => format!("of what comes from there only what has the SHA-256 {wanted} is pinned"),
        None => "the first that comes from there is pinned; whatever changes then waits for you".to_owned(),
    });
    if known.us.is_none() {
        report.problem(format!("nobody signs in to it: {OFF}"));
    }
    report.problem(format!("nobody signs in to it: {why}"));
    match known.failure {
        Some(failure) => report.problem(format!("the last fetch came to nothing: {failure}")),
        None => report.problem(format!("bailey sp refresh {name} fetches it now")),
    }
    report
}

impl Report {
    fn say(&mut self, what: impl Into<String>) {
        self.does.push(what.into());
    }

    fn problem(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }

    fn requests(&mut self, sp: &SamlSp, read: &SpMetadata) {
        self.say(format!("its requests say that they are of `{}`", printable(&sp.entity_id)));
        self.say(match (read.requests_signed(), sp.require_signed_requests) {
            (true, _) => "its requests have to be signed: its metadata says so (AuthnRequestsSigned)",
            (false, true) => "its requests have to be signed: its settings say so",
            (false, false) if read.signing().is_empty() => {
                "its requests are unsigned: there is no key to verify them by"
            }
            (false, false) => "its requests may be unsigned; a signature that is there has to be right",
        });
        self.say(match (sp.idp_initiated, &sp.relay_state) {
            (false, _) => "people begin there; nothing is sent that it did not ask for".to_owned(),
            (true, None) => "people may begin here, too".to_owned(),
            (true, Some(state)) => format!("people may begin here, too; `{}` goes along", printable(state)),
        });
    }

    fn responses(&mut self, sp: &SamlSp, read: &SpMetadata) {
        let usual = read.default_acs();
        for acs in read.acs() {
            let which = if Some(acs) == usual { ", unless it asks for another" } else { ", if it asks for that" };
            let which = if read.acs().len() == 1 { "" } else { which };
            self.say(format!("responses are posted to {}{which}", printable(&acs.location)));
        }
        self.say(match (sp.signed, read.assertion_is_signed(sp.signed)) {
            (SignedParts::Both, _) => "response and assertion are signed",
            (SignedParts::Assertion, _) => "the assertion is signed, the response is not",
            (SignedParts::Response, false) => "the response is signed, the assertion is not",
            (SignedParts::Response, true) => {
                "response and assertion are signed: its metadata wants the assertion to be (WantAssertionsSigned)"
            }
        });
        self.encryption(sp, read);
        self.say(format!("a session there lasts {} at most (SessionNotOnOrAfter)", lasting(sp.session)));
    }

    fn encryption(&mut self, sp: &SamlSp, read: &SpMetadata) {
        match (read.encrypts_for(sp.encrypt), read.encryption_key()) {
            (Ok(Some(key)), _) => {
                self.say(format!("assertions are encrypted for the key of {}", shown(&key.certificate)));
            }
            (Ok(None), Err(NoKey::Missing)) => {
                self.say("assertions are not encrypted: its metadata has no key for that")
            }
            (Ok(None), Err(why @ NoKey::OtherMethods)) => {
                self.say(format!("assertions are not encrypted: {why}"));
                // Where that is what its settings say, nobody is surprised.
                if sp.encrypt != Encryption::Never {
                    self.problem(format!("it has a key, and is sent assertions that are not encrypted: {why}"));
                }
            }
            (Ok(None), Ok(_)) => self.say("assertions are not encrypted: its settings say so"),
            // That settings and metadata do not go together was told.
            (Err(_), _) => self.say("nobody signs in to it: assertions have to be encrypted, and cannot be"),
        }
    }

    fn us(&mut self, sp: &SamlSp, known: &Known<'_>) {
        let Some(Idp { entity_id, sign_on, sign_out }) = known.us else {
            return self.problem(format!("nobody signs in to it: {OFF}"));
        };
        self.say(format!("it knows us by our metadata, at {entity_id}, or has this typed in:"));
        self.say(format!("our entity ID: {entity_id}"));
        self.say(format!("our sign-in address, for HTTP-Redirect and HTTP-POST: {sign_on}"));
        self.say(format!("our sign-out address, for both: {sign_out}"));
        self.say("our certificate: `bailey saml certificate` prints it");
        if known.next {
            self.say("our next certificate is published: it has to have that, too, before its key signs (`bailey saml certificate --next`)");
            if sp.aws.is_some() {
                self.say(format!(
                    "AWS does not read metadata again: give it ours anew by `bailey sp aws-setup {}`",
                    sp.name
                ));
            }
        }
    }

    fn people(&mut self, sp: &SamlSp, read: &SpMetadata) {
        self.say(match &sp.name_id {
            NameId::Persistent => "people are known to it by a name for it alone (persistent)".to_owned(),
            NameId::Transient => "people are known to it by another name each time (transient)".to_owned(),
            NameId::EmailAddress(source) => format!("people are known to it by their {source} (emailAddress)"),
            NameId::Unspecified(source) => format!("people are known to it by their {source} (unspecified)"),
        });
        if sp.name_id == NameId::Persistent {
            // What node-saml does where nobody sets another.
            self.say(
                "a request for another kind of name than persistent or transient is refused (InvalidNameIDPolicy); node-saml asks \
                 for emailAddress: set `identifierFormat: null` there, or `--name-id emailAddress` here",
            );
        }
        if !read.knows_people_by(sp.name_id.format()) {
            let all = read.name_id_formats().iter().map(|format| printable(format)).collect::<Vec<_>>().join(", ");
            self.problem(format!("its metadata knows people by {all}, not by {}", sp.name_id.format()));
        }
        sp.attributes.iter().for_each(|rule| self.say(told(rule)));
        if let Some(aws) = &sp.aws {
            let accounts = aws.providers.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.say(format!("it is told the roles that people are assigned in {accounts}, and tags of sessions"));
        }
        self.say(match sp.allowed_groups.is_empty() {
            true => "everybody may sign in to it".to_owned(),
            false => {
                let groups = sp.allowed_groups.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                format!("people in one of these groups may sign in to it: {groups}")
            }
        });
        if sp.require_mfa {
            self.say("people need a second factor for it");
        }
    }

    fn sign_outs(&mut self, read: &SpMetadata) {
        if read.logout().is_empty() {
            self.say("it is not told of sign-outs: its metadata has no SingleLogoutService");
        }
        for Logout { binding, location, response_location } in read.logout() {
            let by = if *binding == LogoutBinding::Post { "POST" } else { "redirect" };
            let answers = response_location.as_ref().map(|at| format!(", answers go to {}", printable(at)));
            self.say(format!(
                "it is told of sign-outs by {by} at {}{}",
                printable(location),
                answers.unwrap_or_default()
            ));
        }
        if !read.logout().is_empty() && read.signing().is_empty() {
            self.problem("it has an address for sign-outs, and no key: what it sends about them is not taken");
        }
    }

    fn metadata(&mut self, sp: &SamlSp, read: &SpMetadata, now: Timestamp) {
        match &sp.source {
            Some(MetadataSource::Url(url)) => {
                self.say(format!("its metadata is fetched once a day from {}; changes wait for you", printable(url)));
            }
            Some(MetadataSource::File(file)) => self.say(format!("its metadata came in the file {}", printable(file))),
            None => {}
        }
        if let Some(end) = read.valid_until() {
            self.say(format!("its metadata is valid until {end:.0}"));
            self.ends("its metadata", end, now);
        }
        for certificate in read.signing() {
            self.say(format!("its signatures are verified by the key of {}", shown(certificate)));
        }
        let encryption = read.encryption().iter().map(|key| &key.certificate);
        let mut all: Vec<&Certificate> = read.signing().iter().chain(encryption).collect();
        all.dedup();
        for certificate in all {
            // Only a word: whose key it is was settled by whoever registered it, not by a date.
            self.ends(&format!("the certificate {}", shown(certificate)), certificate.until, now);
        }
        for out in read.kept_out() {
            let what = format!("{} counts for nothing: {}", out.what, out.why);
            // Many have more ways than are taken here: what one that is taken stands in for is no problem.
            let spare = out.what.starts_with("AssertionConsumerService")
                || out.what.starts_with("SingleLogoutService") && !read.logout().is_empty();
            if spare { self.say(what) } else { self.problem(what) }
        }
        if let Some(waiting) = &sp.waiting {
            let changes = waiting.changes.join("; ");
            self.problem(format!("newer metadata {} waits since {:.0}: {changes}", waiting.digest, waiting.since));
            self.say(format!("to take what waits for good: bailey sp confirm {} {}", sp.name, waiting.digest));
        }
    }

    fn ends(&mut self, what: &str, end: Timestamp, now: Timestamp) {
        if expired(end, now) {
            self.problem(format!("{what} was good until {end:.0}"));
        } else if expired(end, later(now, SOON)) {
            self.problem(format!("{what} is good until {end:.0} only"));
        }
    }
}

fn shown(certificate: &Certificate) -> String {
    format!("{} (SHA-256 {}, until {:.0})", certificate.subject, certificate.fingerprint, certificate.until)
}

/// A time in the largest unit that has no rest.
fn lasting(seconds: u32) -> String {
    match (seconds % 3_600, seconds % 60) {
        (0, _) => format!("{} h", seconds / 3_600),
        (_, 0) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn told(rule: &AttributeRule) -> String {
    let friendly = rule.friendly_name.as_ref().map(|name| format!(" ({})", printable(name))).unwrap_or_default();
    format!("it is told `{}`{friendly}: {}", printable(&rule.name), printable(&rule.value.to_string()))
}
