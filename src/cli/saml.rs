//! `bailey saml`: judges a response as the server would, and says why; prints our certificate; asks whether an assertion was made here.
//!
//! To judge reads files and asks nobody. A response that a person could not sign in with can be looked at on any machine, at the
//! moment it was made (`--now`), with the server's own code. The others ask the daemon.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args as ClapArgs, Subcommand};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::Exit;
use super::args::Global;
use super::iam::read;
use super::output::{Format, Output, moment};
use super::session::{Session, encoded};
use crate::admin::saml_sps::idp::{IdpKey, IdpView};
use crate::authn::saml::{Also, Expected, IdentityProvider, ResponseError, SamlAssertion, ServiceProvider, judge};
use crate::base::Timestamp;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::text::printable;
use crate::saml_xml::DecryptionKey;

/// `bailey saml`.
#[derive(Debug, Subcommand)]
pub enum SamlVerb {
    /// Judge one response, and say why it is refused
    ///
    /// With the server's own rules, from files alone. What is accepted is shown, with exit code 0; what is refused is told by
    /// the rule that it breaks and the place where, with exit code 1; exit code 2 where nothing was judged, since a file cannot be
    /// read or is not what it should be. Whether the response was seen before is the one thing that only the server knows.
    Verify(Verify),
    /// Print the certificate that we sign by, as PEM, for applications that do not read our metadata
    Certificate {
        /// That of the next key, which `bailey key rotate --saml` publishes and `--sign` lets sign
        #[arg(long)]
        next: bool,
    },
    /// Whether an assertion was made here, and for whom
    ///
    /// For a service provider that asks: whoever has stolen our key can make assertions, and no record of them. Exit code 0 if it
    /// was made here, 1 if it was not, 2 if nobody could say. It asks the log, so it takes somebody who may look into that.
    Issued {
        /// The assertion's ID
        id: String,
    },
}

/// `bailey saml verify`.
#[derive(Debug, ClapArgs)]
pub struct Verify {
    /// The identity provider's metadata: its name and the certificates that count
    #[arg(long, value_name = "FILE")]
    pub idp_metadata: PathBuf,
    /// What the identity provider calls itself by: of metadata of many, which one is meant
    #[arg(long, value_name = "ID")]
    pub entity_id: Option<String>,
    /// Our name, which the response has to be made for
    #[arg(long, value_name = "ID")]
    pub sp_entity_id: String,
    /// Our address, which the response has to be delivered to
    #[arg(long, value_name = "URL")]
    pub acs: String,
    /// The request it has to answer [default: none, and then it must answer none]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Our key, as PEM (PKCS #8), if assertions are encrypted
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The moment to judge at, such as `2026-11-30T09:00:00Z` [default: now]
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// The response: XML, or base64 as a form posts it; `-` is standard input
    pub file: PathBuf,
}

/// Does the verb.
///
/// # Errors
/// When a file cannot be read, or is not what it should be. A response that is refused is no error.
pub fn verify(global: &Global, verb: Verify) -> anyhow::Result<Exit> {
    let judged = judged(verb).context(Unjudged)?;
    let exit = if judged.is_ok() { Exit::Done } else { Exit::Failed };
    print(&judged, &mut Output::standard(global.output))?;
    Ok(exit)
}

fn judged(verb: Verify) -> anyhow::Result<Result<SamlAssertion, ResponseError>> {
    let provider = IdentityProvider::pick(&read(&verb.idp_metadata)?, verb.entity_id.as_deref())
        .with_context(|| format!("cannot use {}", verb.idp_metadata.display()))?;
    let own = ServiceProvider {
        entity_id: verb.sp_entity_id,
        acs: verb.acs,
        also: Also::default(),
        key: verb.key.as_deref().map(decryption_key).transpose()?,
    };
    let text = response(&read(&verb.file)?)?;
    let expected = Expected { provider: &provider, own: &own, request: verb.request_id.as_deref() };
    Ok(judge(&text, expected, verb.now.unwrap_or_else(|| SystemClock.now())))
}

/// There is no verdict, for the reason that stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no verdict")]
pub struct Unjudged;

/// Prints our certificate.
///
/// # Errors
/// When there is none, or the daemon cannot be asked.
pub async fn certificate(session: &mut Session, next: bool) -> anyhow::Result<Exit> {
    let us: IdpView = session.client.get("/v1/saml-idp").await?;
    let wanted = if next { IdpKey::Next } else { IdpKey::Current };
    let Some(found) = us.certificates.into_iter().find(|certificate| certificate.state == wanted) else {
        bail!(match next {
            true => "no next certificate is published; `bailey key rotate --saml` publishes one",
            false => "no key of SAML signs; `bailey key list` shows those there are",
        });
    };
    match session.output.format() {
        Format::Json => session.output.json(&found)?,
        Format::Table => session.output.line(found.pem.trim_end())?,
    }
    Ok(Exit::Done)
}

/// Asks the log for an assertion.
///
/// # Errors
/// When it cannot be asked.
pub async fn issued(global: &Global, id: &str) -> anyhow::Result<Exit> {
    let mut session = Session::open(global).await.context(Unjudged)?;
    let found = record_of(&mut session, id).await.context(Unjudged)?;
    match &found {
        Some(line) => session.output.line(line)?,
        None => session.output.sentence("no such assertion was made here")?,
    }
    Ok(if found.is_some() { Exit::Done } else { Exit::Failed })
}

/// The record that an assertion was made, as the log has it.
async fn record_of(session: &mut Session, id: &str) -> anyhow::Result<Option<String>> {
    let mut lines = session.client.get_lines(&format!("/v1/audit/query?assertion={}", encoded(id))).await?;
    let mut found = None;
    while let Some(line) = lines.next_text().await? {
        let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        // Others can have it in them, too: who asked before, for one.
        let says = |path: &str, words: &str| record.pointer(path).is_some_and(|said| said == words);
        if says("/eventName", "IssueSamlResponse") && says("/responseElements/assertion", id) {
            found = Some(line);
        }
    }
    Ok(found)
}

fn decryption_key(file: &Path) -> anyhow::Result<DecryptionKey> {
    DecryptionKey::from_pem(&read(file)?).with_context(|| format!("cannot use {}", file.display()))
}

/// XML, from whatever form it was copied in: itself, base64, or a whole body of `application/x-www-form-urlencoded`.
fn response(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.trim_start_matches('\u{feff}').starts_with('<') {
        return Ok(text.to_owned());
    }
    let field = text.split('&').find_map(|field| field.strip_prefix("SAMLResponse="));
    let coded = field.unwrap_or(text);
    let digits: String = percent_decode_str(coded).decode_utf8()?.split_whitespace().collect();
    let Ok(bytes) = STANDARD.decode(digits) else { bail!("the response is neither XML nor base64") };
    String::from_utf8(bytes).context("the response is not in UTF-8")
}

#[derive(Serialize)]
struct Judgement<'a> {
    accepted: bool,
    #[serde(flatten)]
    of: Of<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Of<'a> {
    Accepted(Accepted<'a>),
    Refused { rule: &'a str, place: &'a str, why: &'a str },
}

#[derive(Serialize)]
struct Accepted<'a> {
    issuer: &'a str,
    id: &'a str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    issued: Timestamp,
    good_until: Timestamp,
    authenticated: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_ends: Option<Timestamp>,
    signed: Vec<&'static str>,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
    attributes: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    name: &'a str,
    values: &'a [String],
}

fn print<W: std::io::Write>(
    judged: &Result<SamlAssertion, ResponseError>,
    output: &mut Output<W>,
) -> std::io::Result<()> {
    let judgement = match judged {
        Ok(assertion) => Judgement { accepted: true, of: Of::Accepted(accepted(assertion)) },
        Err(refused) => Judgement {
            accepted: false,
            of: Of::Refused { rule: refused.rule().word(), place: refused.place(), why: refused.why() },
        },
    };
    if output.format() == Format::Json {
        return output.json(&judgement);
    }
    match judgement.of {
        Of::Refused { rule, place, why } => {
            let words = format!("refused ({rule}): {}: {}", printable(place), printable(why));
            output.paragraph(&words, 4)
        }
        Of::Accepted(accepted) => lines(&accepted, output),
    }
}

fn lines<W: std::io::Write>(accepted: &Accepted<'_>, output: &mut Output<W>) -> std::io::Result<()> {
    output.line("accepted")?;
    let signed = accepted.signed.join(" and ");
    let mut line = |name: &str, value: &str| output.line(&format!("  {name:<15} {}", printable(value)));
    line("issuer", accepted.issuer)?;
    line("subject", accepted.subject)?;
    line("format", accepted.format.unwrap_or("-"))?;
    line("assertion", accepted.id)?;
    line("issued", &moment(accepted.issued))?;
    line("good until", &moment(accepted.good_until))?;
    line("authenticated", &moment(accepted.authenticated))?;
    line("by", accepted.context.unwrap_or("-"))?;
    line("signed", &if accepted.encrypted { format!("{signed}, encrypted") } else { signed })?;
    line("certificate", accepted.certificate.unwrap_or("-"))?;
    for Said { name, values } in &accepted.attributes {
        line(name, &values.join(", "))?;
    }
    Ok(())
}

fn accepted(assertion: &SamlAssertion) -> Accepted<'_> {
    let signed = assertion.signed();
    let parts = [(signed.response, "response"), (signed.assertion, "assertion")];
    Accepted {
        issuer: assertion.issuer(),
        id: assertion.id(),
        subject: &assertion.name_id().value,
        format: assertion.name_id().format.as_deref(),
        issued: assertion.issued(),
        good_until: assertion.good_until(),
        authenticated: assertion.authenticated(),
        context: assertion.context_class(),
        session: assertion.session_index(),
        session_ends: assertion.session_ends(),
        signed: parts.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect(),
        encrypted: signed.encrypted,
        certificate: signed.by.as_deref(),
        attributes: assertion
            .attributes()
            .iter()
            .map(|attribute| Said { name: &attribute.name, values: &attribute.values })
            .collect(),
    }
}
