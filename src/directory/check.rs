//! `check`: tries everything a sync will need and says what would go wrong, all at once.
//!
//! Reads at most [`SAMPLE`] objects of each kind. Every finding that is not fine says what to do.

use std::collections::HashMap;

use tokio::time::Instant;

use super::filter::Filter;
use super::ldap::address::Address;
use super::ldap::{Answer, Connection, NO_ADDRESS, Outcome, Question, RawEntry, Scope, controls, sasl};
use super::reader::is_visible;
use super::root_dse::RootDse;
use super::settings::Scope as KindScope;
use super::settings::{Bind, Family};
use super::source::LdapSource;
use super::{DirectoryError, Dn, Finding, Kind, Method, Severity, active_directory, ad_codes, syncrepl};
use crate::base::text::printable;

/// Objects of a kind looked at, at most.
const SAMPLE: usize = 5_000;
/// Attributes that hold members, in the schemas directories use.
const MEMBER_ATTRIBUTES: [&str; 3] = ["member", "uniqueMember", "memberUid"];

/// Everything that can be said about `source`.
pub(super) async fn check(source: &LdapSource) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let mut usable = None;
    if let Some(discovery) = &source.discovery {
        findings.0.extend(discovery.check(&source.servers, Instant::now()).await);
    }
    for url in &source.servers.listed() {
        findings.overheard(source, url);
        match source.open_to(url).await {
            Ok(connection) => {
                findings.fine(format!("connect {url}"), "connected and bound");
                usable.get_or_insert(connection);
            }
            Err(error) => findings.fault(
                format!("connect {url}"),
                error.to_string(),
                connection_remedy(&error, &source.settings.bind),
            ),
        }
    }
    let Some(connection) = usable else { return findings.0 };
    if let Err(error) = content(source, connection, &mut findings).await {
        findings.fault(
            "directory".to_owned(),
            error.to_string(),
            "see the server's log; the checks after this one were not made",
        );
    }
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn fine(&mut self, subject: String, what: impl Into<String>) {
        self.0.push(Finding::new(Severity::Fine, subject, what, ""));
    }

    fn warning(&mut self, subject: String, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding::new(Severity::Warning, subject, what, remedy));
    }

    fn fault(&mut self, subject: String, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding::new(Severity::Fault, subject, what, remedy));
    }

    fn overheard(&mut self, source: &LdapSource, url: &str) {
        if source.settings.insecure && Address::parse(url).is_ok_and(|address| address.is_overheard(&source.settings)) {
            self.warning(
                format!("connect {url}"),
                "the bind password and everything read cross the network in the clear (`insecure`)",
                "use an `ldaps://` URL or `start_tls = true`",
            );
        }
    }
}

fn connection_remedy(error: &DirectoryError, bind: &Bind) -> &'static str {
    let text = error.to_string().to_ascii_lowercase();
    match error {
        DirectoryError::Setup { .. } => "correct the setting or the file named",
        DirectoryError::TimedOut { .. } => "check that the host and port are right and no firewall drops the packets",
        DirectoryError::Refused { code: 49, text, .. } => ad_codes::remedy(text).unwrap_or(match bind {
            Bind::Kerberos { .. } => "see the domain controller's log: it refuses the account, or the connection",
            Bind::Anonymous | Bind::External | Bind::Simple { .. } => "check `bind_dn` and its password",
        }),
        DirectoryError::Refused { code: 34, .. } => "write a DN in `bind_dn`: only Active Directory takes other names",
        DirectoryError::Refused { code: 8 | 53, text, .. } if text.contains("Sign or Seal") => sasl::NOT_INSIDE_TLS,
        DirectoryError::Refused { code: 8 | 13, .. } => {
            "the server wants encryption: use an `ldaps://` URL or `start_tls = true`"
        }
        DirectoryError::Refused { .. } => "see the server's log for the reason",
        _ if text.contains(NO_ADDRESS) => "see that the DNS servers in `nameservers` know the host",
        DirectoryError::Connection { why, .. } if why.contains(sasl::FAILED) => {
            "see that the keytab has a key of this very principal (`klist -k`), that krb5.conf says where its realm is, and that \
             the domain knows the host of the URL (`setspn -Q ldap/HOST`)"
        }
        _ if text.contains("unknownissuer") => "name the authority that signed the server's certificate in `ca_file`",
        _ if text.contains("not valid for name") => "use the host name that is in the server's certificate",
        _ if text.contains("certificate") => {
            "check the server's certificate and `ca_file`; a server may also ask for `client_certificate`"
        }
        _ => "check that the server runs and that the host and port are right",
    }
}

/// Looks at what is in the directory.
async fn content(
    source: &LdapSource,
    mut connection: Connection,
    findings: &mut Findings,
) -> Result<(), DirectoryError> {
    let root = RootDse::read(&mut connection).await?;
    let mut checker = Checker { source, findings, connection, root, bases: Vec::new() };
    checker.paging();
    checker.family();
    checker.following().await?;
    checker.bases().await?;
    let settings = &source.settings;
    let kinds =
        [(Kind::Person, &settings.people), (Kind::Group, &settings.groups), (Kind::Machine, &settings.machines)];
    for (kind, scope) in kinds {
        if !scope.object_classes.is_empty() && !checker.bases.is_empty() {
            checker.kind(kind, scope).await?;
        }
    }
    Ok(())
}

struct Checker<'a> {
    source: &'a LdapSource,
    findings: &'a mut Findings,
    connection: Connection,
    root: RootDse,
    /// Bases that can be read.
    bases: Vec<Dn>,
}

/// Some objects of a kind.
struct Sample {
    entries: Vec<RawEntry>,
    outcome: Outcome,
}

impl Checker<'_> {
    async fn bases(&mut self) -> Result<(), DirectoryError> {
        for (base, _) in &self.source.bases {
            let subject = format!("base `{base}`");
            if is_visible(&mut self.connection, base).await? {
                self.findings.fine(subject, "exists and can be read");
                self.bases.push(base.clone());
                continue;
            }
            let contexts: Vec<String> = self.root.contexts.iter().map(|dn| format!("`{dn}`")).collect();
            let hint = if contexts.is_empty() {
                String::new()
            } else {
                format!("; this server holds {}", contexts.join(", "))
            };
            self.findings.fault(
                subject,
                "does not exist, or the bind account may not see it",
                format!("correct `bases`, or let the bind account read it{hint}"),
            );
        }
        Ok(())
    }

    fn paging(&mut self) {
        if self.root.supports(controls::PAGED_RESULTS) {
            self.findings.fine("paging".to_owned(), "supported");
        } else {
            self.findings.warning(
                "paging".to_owned(),
                "the server does not offer paged results (RFC 2696): a read comes in one piece and ends at its size limit",
                "turn paging on in the server, or raise the size limit of the bind account",
            );
        }
    }

    /// Asked in the wrong way, a directory answers with half of what it has.
    fn family(&mut self) {
        let is_one = self.root.is_active_directory();
        match self.source.settings.family {
            Family::ActiveDirectory if !is_one => self.findings.fault(
                "kind".to_owned(),
                "`kind` is `active-directory`, but the server is no domain controller",
                "correct `kind`, or the server's address",
            ),
            Family::Ldap | Family::Ds389 if is_one => self.findings.fault(
                "kind".to_owned(),
                "the server is a domain controller of Active Directory",
                "set kind = \"active-directory\"",
            ),
            _ => {}
        }
    }

    async fn following(&mut self) -> Result<(), DirectoryError> {
        if self.source.settings.family == Family::ActiveDirectory {
            let found = active_directory::rights::findings(self.source, &mut self.connection, &self.root).await?;
            self.findings.0.extend(found);
            return Ok(());
        }
        let subject = "follow changes".to_owned();
        let offered = syncrepl::position(self.source, &mut self.connection, &self.root).await?.is_some();
        match (self.source.settings.method, offered) {
            (_, true) => self.findings.fine(subject, "the server pushes changes (RFC 4533)"),
            (Some(Method::Syncrepl), false) => self.findings.fault(
                subject,
                "`method` is `syncrepl`, but the server does not offer it, or `contextCSN` cannot be read",
                "load the syncprov overlay and let the bind account read `contextCSN` of the suffix; or leave `method` out",
            ),
            (_, false) => self.findings.warning(
                subject,
                "the server does not push changes; they are seen with the next full read",
                match self.source.settings.family {
                    Family::Ds389 => "turn on the Retro Changelog and Content Synchronization plugins, and let the bind \
                                      account use the control 1.3.6.1.4.1.4203.1.9.1.1",
                    _ => "with OpenLDAP, load the syncprov overlay and let the bind account read `contextCSN` of the suffix",
                },
            ),
        }
        Ok(())
    }

    async fn kind(&mut self, kind: Kind, scope: &KindScope) -> Result<(), DirectoryError> {
        let subject = match kind {
            Kind::Person => "people",
            Kind::Group => "groups",
            Kind::Machine => "machines",
        };
        let mut entries = Vec::new();
        for base in self.bases.clone() {
            let filter = self.source.intake.of_kind(kind);
            let sample = self.sample(&base, filter).await?;
            self.limits(subject, &base, &sample);
            entries.extend(sample.entries);
        }
        if entries.is_empty() {
            let what = format!("nothing matches {}", self.source.intake.of_kind(kind));
            let remedy =
                "correct `object_classes` or the filter, let the bind account read the objects, or switch the kind off";
            // Every company has people. Many keep no machines in their directory, and some no groups.
            match kind {
                Kind::Person => self.findings.fault(subject.to_owned(), what, remedy),
                Kind::Group | Kind::Machine => self.findings.warning(subject.to_owned(), what, remedy),
            }
            return Ok(());
        }
        let counted =
            if entries.len() >= SAMPLE { format!("at least {}", entries.len()) } else { entries.len().to_string() };
        self.findings.fine(subject.to_owned(), format!("{counted} found"));
        if scope.filter.is_some() && entries.len() < SAMPLE {
            self.excludes_somebody(kind, subject, entries.len()).await?;
        }
        self.ids(subject, &entries);
        match kind {
            Kind::Person => self.logins(&entries),
            Kind::Group => self.members(&entries),
            Kind::Machine => {}
        }
        Ok(())
    }

    async fn excludes_somebody(&mut self, kind: Kind, subject: &str, matching: usize) -> Result<(), DirectoryError> {
        let mut all = 0;
        for base in self.bases.clone() {
            all += self.sample(&base, self.source.intake.classes_of(kind)).await?.entries.len();
        }
        if all == matching {
            self.findings.warning(
                format!("filter of {subject}"),
                "it matches every object of the kind, so it excludes nobody",
                "correct it, or leave it out",
            );
        }
        Ok(())
    }

    async fn sample(&mut self, base: &Dn, filter: Filter) -> Result<Sample, DirectoryError> {
        let mut attributes = self.source.intake.attributes.to_vec();
        attributes.push(self.source.settings.login_attribute.clone());
        let question = Question {
            base: base.to_string(),
            scope: Scope::Subtree,
            filter,
            attributes: attributes.into(),
            controls: Vec::new(),
        };
        let (mut entries, mut cookie) = (Vec::new(), Vec::new());
        loop {
            let mut answers = if self.root.supports(controls::PAGED_RESULTS) {
                self.connection.search_page(&question, self.source.settings.page_size, &cookie).await?
            } else {
                self.connection.search(&question).await?
            };
            let outcome = loop {
                match answers.next().await? {
                    Answer::Entry(entry, _) => entries.push(entry),
                    Answer::Done(outcome) => break outcome,
                    Answer::Reference | Answer::Sync(_) => {}
                }
            };
            match &outcome.page {
                Some(next) if !next.is_empty() && outcome.code == 0 && entries.len() < SAMPLE => {
                    cookie.clone_from(next)
                }
                _ => return Ok(Sample { entries, outcome }),
            }
        }
    }

    fn limits(&mut self, subject: &str, base: &Dn, sample: &Sample) {
        let subject = format!("{subject} in `{base}`");
        match sample.outcome.code {
            0 => {}
            4 => self.findings.fault(
                subject,
                format!("the server's size limit cuts the bind account off after {} objects", sample.entries.len()),
                "give the account no limit; OpenLDAP: `limits dn.exact=\"...\" size=unlimited size.prtotal=unlimited`",
            ),
            11 => self.findings.fault(
                subject,
                format!("the server refuses pages of {} objects (result 11)", self.source.settings.page_size),
                "lower `page_size`, or raise the server's limit; OpenLDAP: `limits ... size.pr=...`",
            ),
            10 => self.findings.warning(
                subject,
                "the base is on another server (referral)",
                "use a server that holds the base itself; referrals are never followed",
            ),
            _ => {
                let error = sample.outcome.clone().refusal("the server", "the search");
                self.findings.fault(subject, error.to_string(), "see the server's log for the reason");
            }
        }
    }

    fn ids(&mut self, subject: &str, entries: &[RawEntry]) {
        let bad = entries.iter().filter(|entry| self.source.intake.id_of(entry).is_err()).count();
        let name = &self.source.settings.id_attribute;
        if bad > 0 {
            self.findings.fault(
                format!("id of {subject}"),
                format!("{bad} of {} objects have no usable `{name}`", entries.len()),
                "correct `kind` or `id_attribute`, and let the bind account read it",
            );
        }
    }

    fn logins(&mut self, entries: &[RawEntry]) {
        let name = &self.source.settings.login_attribute;
        let mut owners: HashMap<String, Vec<&RawEntry>> = HashMap::new();
        let mut without = 0;
        for entry in entries {
            match entry.values(name) {
                [] => without += 1,
                values => {
                    for login in values.iter().map(|value| String::from_utf8_lossy(value).trim().to_lowercase()) {
                        owners.entry(login).or_default().push(entry);
                    }
                }
            }
        }
        if without > 0 {
            self.findings.warning(
                "login".to_owned(),
                format!("{without} of {} people have no `{name}`", entries.len()),
                "choose a login attribute everyone has, or exclude these people with a filter",
            );
        }
        let mut shared: Vec<(&String, &Vec<&RawEntry>)> = owners.iter().filter(|(_, held)| held.len() > 1).collect();
        shared.sort_by_key(|(login, _)| *login);
        if let Some((login, people)) = shared.first() {
            let names: Vec<String> = people
                .iter()
                .take(2)
                .map(|entry| format!("`{}`", printable(&String::from_utf8_lossy(&entry.dn))))
                .collect();
            self.findings.fault(
                "login".to_owned(),
                format!(
                    "{} logins belong to several people, such as `{}`: {}",
                    shared.len(),
                    printable(login),
                    names.join(" and ")
                ),
                format!("make `{name}` unique, choose another login attribute, or narrow the filter"),
            );
        }
    }

    fn members(&mut self, entries: &[RawEntry]) {
        let asked: Vec<&str> = MEMBER_ATTRIBUTES
            .into_iter()
            .filter(|name| self.source.settings.attributes.iter().any(|held| held.eq_ignore_ascii_case(name)))
            .collect();
        let readable = asked.iter().any(|name| entries.iter().any(|entry| !entry.values(name).is_empty()));
        if !asked.is_empty() && !readable {
            self.findings.fault(
                "members of groups".to_owned(),
                format!("no group shows a member in {}", asked.join(", ")),
                "let the bind account read these attributes, or name the attribute that holds members",
            );
        }
    }
}
