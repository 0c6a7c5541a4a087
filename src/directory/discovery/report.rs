//! What `check` says about DNS.

use super::resolver::NoAnswer;
use super::survey::{Candidate, Question, Scope, Survey};
use crate::base::text::printable;
use crate::directory::{DirectoryError, Finding, Severity};

/// Records shown of one answer.
const SHOWN: usize = 10;

/// What DNS said about `domain`, the order `servers` are tried in, and what to do where there are none.
pub(super) fn findings(
    domain: &str,
    survey: &Survey,
    error: Option<DirectoryError>,
    servers: &[String],
) -> Vec<Finding> {
    let found = !servers.is_empty();
    let mut findings: Vec<Finding> = survey.questions.iter().map(|question| answer(question, found)).collect();
    let refused = survey.questions.iter().flat_map(|question| refusals(question, found));
    findings.extend(refused.collect::<Vec<_>>());
    let subject = format!("servers of `{domain}`");
    findings.push(match error {
        Some(error) => Finding::new(
            Severity::Fault,
            subject,
            error.to_string(),
            "correct `domain`, which is the DNS name and not the NetBIOS name, or name DNS servers that know \
                     it in `nameservers`: the domain controllers themselves usually do",
        ),
        None => fine(subject, format!("tried in this order: {}", servers.join(", "))),
    });
    findings
}

/// What DNS said to one question.
fn answer(question: &Question, found: bool) -> Finding {
    let subject = format!("DNS `{}`", question.name);
    let (bad, sought) = (if found { Severity::Warning } else { Severity::Fault }, "no such SRV record".to_owned());
    let (severity, what, remedy) = match (&question.said, question.scope) {
        (Ok(candidates), _) => return fine(subject, records(candidates)),
        (Err(NoAnswer::Away(why)), _) => {
            (bad, why.clone(), "see that the DNS servers can be reached, or name others in `nameservers`")
        }
        (Err(NoAnswer::Absent), Scope::Site) => {
            (Severity::Warning, sought, "correct `site`, or leave it out: servers of all sites are tried alike")
        }
        (Err(NoAnswer::Absent), Scope::Domain) => {
            return fine(subject, format!("{sought}: this is not an Active Directory domain, or DNS does not know it"));
        }
        (Err(NoAnswer::Absent), Scope::Plain) => {
            (bad, sought, "see that `domain` is right and that the DNS servers asked know the domain")
        }
    };
    Finding::new(severity, subject, what, remedy)
}

/// `2 records: dc1.example.com:389 (priority 0, weight 100), ..`
fn records(candidates: &[Candidate]) -> String {
    let shown = candidates.iter().take(SHOWN).map(|Candidate { record, .. }| {
        let target = if record.target.is_empty() { "." } else { &record.target };
        format!("{}:{} (priority {}, weight {})", printable(target), record.port, record.priority, record.weight)
    });
    let count = candidates.len();
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    let noun = if count == 1 { "record" } else { "records" };
    format!("{count} {noun}: {}{more}", shown.collect::<Vec<_>>().join(", "))
}

/// Records that are not followed.
fn refusals(question: &Question, found: bool) -> Vec<Finding> {
    let refused = question.candidates().filter_map(|candidate| candidate.url.as_ref().err());
    let finding = |why: &String| {
        Finding::new(
            if found { Severity::Warning } else { Severity::Fault },
            format!("DNS `{}`", question.name),
            format!("a record is not followed: {why}"),
            "correct the record; if the server's name truly lies outside of the domain, name the authority that \
                 signed its certificate in `ca_file`",
        )
    };
    refused.map(finding).collect()
}

fn fine(subject: String, what: String) -> Finding {
    Finding::new(Severity::Fine, subject, what, "")
}
