//! `bailey check`: what would go wrong, all at once, with what to do about it.

use std::borrow::Cow;
use std::io::{self, Write};

use super::output::{Format, Output};
use crate::authn::outside::Provider;
use crate::authn::saml::Known;
use crate::base::text::printable_within;
use crate::base::{Finding, Severity, Timestamp};
use crate::config::{Config, ConfigError};
use crate::daemon::https;
use crate::directory::DirectoryError;
use crate::http::public;
use crate::http::tls::Loaded;
use crate::model::client::GrantType;
use crate::model::{Client, DirectoryLabel};
use crate::sso::{IssuerUrl, cli};
use crate::telemetry::Condition;

/// Columns before the text of a finding: as many as `warning` and two blanks take.
const INDENT: usize = 9;

/// Longest text or command of a finding that is shown whole: commands are there to be copied.
const LONGEST: usize = 4_096;

/// What is wrong with the configuration, as findings: one a fault.
#[must_use]
pub fn findings(error: &ConfigError) -> Vec<Finding> {
    let fault = |subject: String, what: String, remedy: String| Finding::new(Severity::Fault, subject, what, remedy);
    match error {
        ConfigError::Unreadable { file, why } => {
            let remedy = "name the file with --config, and run as a user that may read it".to_owned();
            vec![fault(file.display().to_string(), why.to_string(), remedy)]
        }
        ConfigError::Faults { file, faults } => faults
            .iter()
            .map(|found| {
                let subject = format!("{}:{}:{}", file.display(), found.place.line, found.place.column);
                let what = if found.key.is_empty() {
                    found.problem.clone()
                } else {
                    format!("{}: {}", found.key, found.problem)
                };
                fault(subject, what, found.remedy.clone())
            })
            .collect(),
    }
}

/// A directory whose certificates or addresses cannot be used, as a finding.
#[must_use]
pub fn unusable(label: &DirectoryLabel, error: &DirectoryError) -> Finding {
    let subject = format!("directory {label}");
    Finding::new(Severity::Fault, subject, error.to_string(), "correct the file or address it names")
}

/// A listener that others reach, as a finding: whether its certificate can be used, and for how long.
#[must_use]
pub fn listener(settings: &public::Settings, now: Timestamp) -> Finding {
    let subject = settings.section;
    let listens = format!("is to listen on {}", settings.listen);
    let Some(files) = &settings.tls else {
        return Finding::new(Severity::Fine, subject, format!("{listens}, without TLS, for this machine alone"), "");
    };
    let part = match Loaded::read(files) {
        Ok(loaded) => https::certificate(&listens, loaded.validity(), None, now),
        Err(error) => return Finding::new(Severity::Fault, subject, error.to_string(), "correct the file it names"),
    };
    let (severity, remedy) = match part.condition {
        Condition::Green => (Severity::Fine, ""),
        Condition::Yellow => (Severity::Warning, "renew it; a new file is used without a restart"),
        Condition::Red => (Severity::Fault, "put a certificate in place that is good now"),
    };
    Finding::new(severity, subject, part.words, remedy)
}

/// Whether the listener answers to the address by which clients of single sign-on know us, as a finding, where there is one.
#[must_use]
pub fn issuer(issuer: Option<&IssuerUrl>, https: Option<&public::Settings>) -> Option<Finding> {
    let issuer = issuer?;
    let finding = |severity, what: String, remedy: &str| Some(Finding::new(severity, "sso.issuer", what, remedy));
    let Some(settings) = https else {
        let what = format!("{issuer} is our address to clients, and nothing listens for them");
        return finding(Severity::Fault, what, "set https.listen");
    };
    match &settings.hosts {
        Some(hosts) if !hosts.has(issuer.host()) => {
            let what = format!("{issuer} is our address to clients, and its host is none that the listener answers to");
            finding(Severity::Fault, what, "add the host to https.hosts, or correct sso.issuer")
        }
        // Without names it answers to whatever it is called.
        _ => finding(Severity::Fine, format!("{issuer} is our address to clients"), ""),
    }
}

/// That nobody signs in to applications while the pages are switched off, as a finding, where there are to be any.
#[must_use]
pub fn pages(config: &Config) -> Option<Finding> {
    let issuer = config.sso.issuer.as_ref().filter(|_| !config.portal.pages.enabled)?;
    let by_browser = |client: &Client| {
        client.id.as_str() != cli::ID
            && [GrantType::AuthorizationCode, GrantType::DeviceCode].into_iter().any(|grant| client.may(grant))
    };
    let is_needed = !config.saml_sps.is_empty() || config.clients.iter().any(by_browser);
    let what = format!(
        "false switches off the pages that OIDC browser sign-in, SAML and invitations need, and {issuer} is our address to applications"
    );
    let severity = if is_needed { Severity::Fault } else { Severity::Warning };
    Some(Finding::new(severity, "portal.enabled", what, "set it to true, or take sso.issuer out"))
}

/// A provider by which people sign in and of which more is known in the store than here, as a finding: who looks into that.
#[must_use]
pub fn provider(provider: &Provider) -> Option<Finding> {
    let Known::Registered(name) = &provider.saml()?.known else { return None };
    let what = format!("is the SAML provider `{name}` of the account, which is not looked into here");
    let remedy = format!("whether people can be sent there says: bailey idp check {name}");
    Some(Finding::new(Severity::Fine, format!("[[sign_in_provider]] {}", provider.name), what, remedy))
}

/// Prints findings, the worst first, each with what to do; below them the commands some of them come with, whole and
/// ready to be copied. A terminal gets paragraphs of its width: columns would be a few words wide.
///
/// # Errors
/// When the reader is gone.
pub fn print<W: Write>(mut findings: Vec<Finding>, output: &mut Output<W>) -> io::Result<()> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    if output.format() == Format::Json {
        return output.json(&findings);
    }
    for finding in &findings {
        let word = severity(finding.severity);
        output.paragraph(&format!("{word:<INDENT$}{}: {}", shown(&finding.subject), shown(&finding.what)), INDENT)?;
        if !finding.remedy.is_empty() {
            output.paragraph(&format!("{:INDENT$}-> {}", "", shown(&finding.remedy)), INDENT + 3)?;
        }
    }
    for finding in findings.iter().filter(|finding| !finding.commands.is_empty()) {
        output.sentence(&format!("\n{}, as an administrator of the directory:", shown(&finding.subject)))?;
        for command in &finding.commands {
            output.sentence(&shown(command))?;
        }
    }
    Ok(())
}

fn shown(text: &str) -> Cow<'_, str> {
    printable_within(text, LONGEST)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Warning => "warning",
        Severity::Fault => "FAULT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(findings: Vec<Finding>, width: Option<u16>) -> String {
        let mut bytes = Vec::new();
        print(findings, &mut Output::new(&mut bytes, Format::Table, width)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn findings() -> Vec<Finding> {
        let command = format!("samba-tool dsacl set --objectdn=\"{}\"", "CN=Deleted Objects,".repeat(20));
        let warning = Finding::new(
            Severity::Warning,
            "deletions",
            "the account cannot see deleted objects, so that only a full read finds out who left",
            "let the account read `CN=Deleted Objects` (commands below)",
        );
        vec![
            Finding::new(Severity::Fine, "connect ldaps://dc1.corp.example:636", "answers as dc1.corp.example", ""),
            Finding { commands: vec![command], ..warning },
        ]
    }

    #[test]
    fn findings_are_paragraphs_as_wide_as_the_terminal_and_commands_stay_whole() {
        let shown = printed(findings(), Some(60));
        let (text, commands) = shown.split_once("\n\n").unwrap();
        let expected = "\
warning  deletions: the account cannot see deleted objects,
         so that only a full read finds out who left
         -> let the account read `CN=Deleted Objects`
            (commands below)
fine     connect ldaps://dc1.corp.example:636: answers as
         dc1.corp.example";
        assert_eq!(text, expected);
        assert_eq!(commands.lines().last(), findings()[1].commands.first().map(String::as_str));
    }

    #[test]
    fn a_pipe_gets_every_text_on_one_line() {
        assert_eq!(printed(findings(), None).split("\n\n").next().unwrap().lines().count(), 3);
    }
}
