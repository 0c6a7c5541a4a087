//! What a person is shown of themselves: the roles they can take, and why.

use std::collections::BTreeSet;

use crate::admin::{Admin, AdminError};
use crate::authn::signed::Signed;
use crate::base::{GroupId, Timestamp};
use crate::gate::Asking;
use crate::model::{Arn, CredentialOwner, MfaDevice, Role, SessionName, User};
use crate::policy::Effect;
use crate::policy::classes::{self, Piece};
use crate::rights::{self, Acting, ActingError, AssumeError, Assumed, Library, Reading, may_assume};
use crate::store::{StoreError, credentials, iam};

/// Lines of what a role allows.
const MOST_LINES: usize = 6;

/// A role that somebody can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleCard {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The account it is of.
    pub account: String,
    /// What that account is called, if it has a name.
    pub account_name: Option<String>,
    /// What it is for.
    pub description: String,
    /// Whether it takes more care.
    pub privileged: bool,
    /// Seconds that a session of it would last at most, begun now.
    pub longest: u32,
    /// When the right to it ends by itself.
    pub until: Option<Timestamp>,
    /// Why somebody has it: from themselves over groups to what gives it.
    pub through: Vec<String>,
    /// Whether a second factor has to be shown first.
    pub needs_factor: bool,
    /// What it allows, in words; the first lines.
    pub allows: Vec<String>,
    /// How many lines more there are.
    pub more: usize,
}

impl RoleCard {
    /// Whether what it is shown with has these words in it, in whatever case.
    #[must_use]
    pub fn has(&self, words: &str) -> bool {
        let words = words.trim().to_lowercase();
        let own = [&self.name, &self.account, &self.description];
        let all = own.into_iter().chain(&self.account_name).chain(&self.through).chain(&self.allows);
        words.is_empty() || all.into_iter().any(|text| text.to_lowercase().contains(&words))
    }
}

/// The roles that whoever acts could take now, or once they show a second factor, by account and name. Blocks.
///
/// # Errors
/// When the store cannot be read, or a stored document is none.
pub fn roles(admin: &Admin, who: &Signed, now: Timestamp) -> Result<Vec<RoleCard>, AdminError> {
    let Some(live) = who.session() else { return Ok(Vec::new()) };
    let terms = admin.terms(now)?;
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    let accounts = admin.accounts();
    admin.store.read(|snapshot| {
        let mut reading = library.at(snapshot);
        let acting = match Acting::session(snapshot, &mut reading, &admin.account, live.session()) {
            Ok(acting) => acting,
            Err(ActingError::Store(error)) => return Err(error.into()),
            // Somebody who is gone can take nothing.
            Err(_) => return Ok(Vec::new()),
        };
        let asked = asked(who, now);
        let with_factor = Asking::default().with_factor(now).session.into_iter().chain(asked.clone()).collect();
        let mut cards = Vec::new();
        for role in iam::all::<Role>(snapshot)? {
            if !reading.terms().holds(&role.account) {
                continue;
            }
            let mut may = |asked| match may_assume(&mut reading, &acting, &role, (asked, None), now) {
                Ok(Assumed::Allowed(way)) => Ok(Some(way)),
                Ok(Assumed::Refused { .. }) | Err(AssumeError::Request(_)) => Ok(None),
                Err(AssumeError::Store(error)) => Err(error),
            };
            let (way, needs_factor) = match may(&asked)? {
                Some(way) => (way, false),
                None => match may(&with_factor)? {
                    Some(way) => (way, true),
                    None => continue,
                },
            };
            let (allows, more) = allowed(&mut reading, &role)?;
            cards.push(RoleCard {
                arn: Arn::role(&role.account, &role.path, &role.name).to_string(),
                name: role.name.to_string(),
                account_name: accounts.name_of(&role.account).map(str::to_owned),
                account: role.account.to_string(),
                description: role.description,
                privileged: role.privileged,
                longest: left(role.max_session, [Some(live.session().expires), way.until], now),
                until: way.until,
                needs_factor,
                through: way.through,
                allows,
                more,
            });
        }
        cards.sort_by(|a, b| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
        Ok(cards)
    })
}

/// The seconds that a role allows, or that are left of what a session of it would rest on.
fn left(allowed: u32, ends: [Option<Timestamp>; 2], now: Timestamp) -> u32 {
    let seconds = |end: Timestamp| u32::try_from(end.duration_since(now).as_secs().max(0)).unwrap_or(u32::MAX);
    ends.into_iter().flatten().map(seconds).min().unwrap_or(u32::MAX).min(allowed)
}

/// What is asked for when nothing in particular is, as conditions see it.
fn asked(who: &Signed, now: Timestamp) -> rights::Asked {
    let mut asked = usual(who.user(), now);
    asked.insert("aws:SecureTransport".to_owned(), vec![who.from().secure.to_string()]);
    if let Some(ip) = who.from().ip {
        asked.insert("aws:SourceIp".to_owned(), vec![ip.to_string()]);
    }
    asked
}

/// The same, without where somebody asks from.
pub(super) fn usual(user: Option<&User>, now: Timestamp) -> rights::Asked {
    let mut asked = rights::Asked::new();
    let mut set = |key: &str, value: String| {
        asked.insert(key.to_owned(), vec![value]);
    };
    set("aws:RequestedRegion", "us-east-1".to_owned());
    set("aws:CurrentTime", format!("{now:.0}"));
    set("aws:EpochTime", now.as_second().to_string());
    set("sts:DurationSeconds", crate::issue::USUAL.to_string());
    if let Some(name) = user.and_then(|user| SessionName::sanitised(user.name.as_str())) {
        set("sts:RoleSessionName", name.to_string());
    }
    asked
}

/// What a role allows, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleWords {
    /// All lines of it.
    pub lines: Vec<String>,
}

/// What a role allows, in words, and how many lines of it are left out.
fn allowed(reading: &mut Reading<'_, '_>, role: &Role) -> Result<(Vec<String>, usize), AdminError> {
    let RoleWords { mut lines } = role_words(reading, role)?;
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    Ok((lines, more))
}

/// All that a role allows, in words.
pub(super) fn role_words(reading: &mut Reading<'_, '_>, role: &Role) -> Result<RoleWords, AdminError> {
    let effective = reading.role(role, None)?;
    let mut pieces = BTreeSet::new();
    for held in &effective.identity {
        let found = classes::pieces(&held.text);
        pieces.extend(found.map_err(|error| StoreError::Broken { why: format!("{}: {error}", held.name) })?);
    }
    Ok(RoleWords { lines: lines(&pieces) })
}

/// What statements allow, a line for each kind of thing.
pub(super) fn lines(pieces: &BTreeSet<Piece>) -> Vec<String> {
    let said = classes::classes(pieces).into_iter();
    said.map(|(effect, words)| match effect {
        Effect::Allow => words,
        Effect::Deny => format!("never {words}"),
    })
    .collect()
}

/// The devices of a second factor that whoever acts has, and since when. Blocks.
///
/// # Errors
/// When the store cannot be read.
pub fn devices(admin: &Admin, who: &Signed) -> Result<Vec<(String, Timestamp)>, AdminError> {
    let Some(user) = who.user() else { return Ok(Vec::new()) };
    let owner = CredentialOwner::User(user.id);
    let held = admin.store.read(|snapshot| credentials::mfa_devices_of(snapshot, &owner))?;
    let since = |device: &MfaDevice| device.enabled.as_ref().map(|enabled| enabled.since);
    Ok(held.iter().filter_map(|held| Some((held.value.name.to_string(), since(&held.value)?))).collect())
}

/// The groups that whoever acts is in, by name, each with the groups between. Blocks.
///
/// # Errors
/// When the store cannot be read.
pub fn groups(admin: &Admin, who: &Signed, now: Timestamp) -> Result<Vec<(String, String)>, AdminError> {
    let Some(user) = who.user() else { return Ok(Vec::new()) };
    let terms = admin.terms(now)?;
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    let groups = admin.store.read(|snapshot| library.at(snapshot).groups(user))?.groups;
    let name = |id: &GroupId| groups.iter().find(|one| one.group.id == *id).map(|one| one.group.name.to_string());
    let shown = groups.iter().map(|reached| {
        let through: Vec<String> = reached.through.iter().filter_map(name).collect();
        (reached.group.name.to_string(), through.join(", "))
    });
    let mut shown: Vec<(String, String)> = shown.collect();
    shown.sort();
    Ok(shown)
}
