//! All that DNS says of a domain's servers at one time.

use std::time::Duration;

use super::candidate::Rules;
use super::order::Record;
use super::resolver::{Answer, Dns, NoAnswer};
use crate::directory::settings::Domain;

/// How long the absence of records holds: nobody waits an hour for a site's first server.
const ABSENCE: Duration = Duration::from_secs(300);

/// What was asked, and what DNS said to each.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) questions: Vec<Question>,
}

/// A question for SRV records.
#[derive(Debug)]
pub(super) struct Question {
    /// Name the records stand under.
    pub(super) name: String,
    pub(super) scope: Scope,
    /// The records with their URLs, or why a record has none; sorted.
    pub(super) said: Result<Vec<Candidate>, NoAnswer>,
    ttl: Duration,
}

/// What the servers under a name are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Domain controllers of our site.
    Site,
    /// All domain controllers.
    Domain,
    /// LDAP servers of a domain that is not Active Directory's.
    Plain,
}

/// A record and its worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) record: Record,
    pub(super) url: Result<String, String>,
}

impl Survey {
    /// Asks for the servers of `domain`; for each answer waits no longer than `patience`.
    pub(super) async fn make(domain: &Domain, rules: &Rules, patience: Duration) -> Self {
        let dns = Dns::new(&domain.nameservers);
        let ask = async |scope: Scope, name: String| {
            let said = match &dns {
                Ok(dns) => match tokio::time::timeout(patience, dns.servers(&name)).await {
                    Ok(said) => said,
                    Err(_) => Err(NoAnswer::Away(format!("DNS did not answer within {} s", patience.as_secs()))),
                },
                Err(why) => Err(NoAnswer::Away(why.clone())),
            };
            Question::new(scope, name, said, rules)
        };
        let zone = &domain.name;
        // MS-ADTS 6.3.2.3; domain controllers stand there and nothing else does.
        let of_domain = ask(Scope::Domain, format!("_ldap._tcp.dc._msdcs.{zone}"));
        let mut questions = match &domain.site {
            Some(site) => {
                let of_site = ask(Scope::Site, format!("_ldap._tcp.{site}._sites.dc._msdcs.{zone}"));
                let (of_site, of_domain) = tokio::join!(of_site, of_domain);
                vec![of_site, of_domain]
            }
            None => vec![of_domain.await],
        };
        if questions.iter().all(|question| question.said == Err(NoAnswer::Absent)) {
            questions.push(ask(Scope::Plain, format!("_ldap._tcp.{zone}")).await);
        }
        Self { questions }
    }

    /// The records that can be followed, sorted: those of the site, then those of the domain.
    pub(super) fn usable(&self) -> [Vec<Record>; 2] {
        let of = |site: bool| {
            let questions = self.questions.iter().filter(|question| (question.scope == Scope::Site) == site);
            let usable = questions.flat_map(Question::candidates).filter(|candidate| candidate.url.is_ok());
            usable.map(|candidate| candidate.record.clone()).collect()
        };
        [of(true), of(false)]
    }

    /// Why this survey is not the whole truth, or useless: DNS was away, there is no record, or none can be followed.
    pub(super) fn fault(&self) -> Option<String> {
        let away = self.questions.iter().find_map(|question| match &question.said {
            Err(NoAnswer::Away(why)) => Some(format!("`{}`: {why}", question.name)),
            _ => None,
        });
        if away.is_some() || self.usable().iter().any(|records| !records.is_empty()) {
            return away;
        }
        let refusals = self.questions.iter().flat_map(|question| {
            let refused = question.candidates().filter_map(|candidate| candidate.url.as_ref().err());
            refused.map(move |why| format!("`{}`: {why}", question.name))
        });
        let refusals: Vec<String> = refusals.collect();
        if refusals.is_empty() {
            let names: Vec<String> = self.questions.iter().map(|question| format!("`{}`", question.name)).collect();
            return Some(format!("DNS has no SRV record {}", names.join(" or ")));
        }
        Some(refusals.join("; "))
    }

    /// How long all of it holds.
    pub(super) fn ttl(&self) -> Duration {
        self.questions.iter().map(|question| question.ttl).min().unwrap_or_default()
    }
}

impl Question {
    fn new(scope: Scope, name: String, said: Result<Answer, NoAnswer>, rules: &Rules) -> Self {
        let ttl = match &said {
            Ok(answer) => answer.ttl,
            Err(NoAnswer::Absent) => ABSENCE,
            Err(NoAnswer::Away(_)) => Duration::ZERO,
        };
        let said = said.map(|Answer { mut records, .. }| {
            records.sort();
            records.into_iter().map(|record| Candidate { url: rules.url(&record), record }).collect()
        });
        Self { name, scope, said, ttl }
    }

    /// The records that came.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.said.iter().flatten()
    }
}
