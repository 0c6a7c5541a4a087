//! What a person is shown of roles that they can ask for: what each allows, for how long, and who would have to agree.

use super::mine::{RoleWords, lines, role_words};
use crate::admin::{Admin, AdminError};
use crate::authn::signed::Signed;
use crate::base::Timestamp;
use crate::model::grant::Rule;
use crate::model::{Arn, Role};
use crate::policy::classes;
use crate::rights::{Library, find, granted};
use crate::store::iam;

/// A role that somebody can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantable {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The account it is of.
    pub account: String,
    /// What it is for.
    pub description: String,
    /// Whether it takes more care.
    pub privileged: bool,
    /// What it allows, in words.
    pub words: RoleWords,
    /// Seconds that it is granted for at most.
    pub longest: u32,
    /// Seconds within which it has to be approved and claimed.
    pub claim_within: u32,
    /// Whether a ticket has to be named.
    pub ticket: bool,
    /// Whether who asks brings a policy that says what it is good for.
    pub inline: bool,
    /// Who has to agree, in words.
    pub decides: String,
    /// Whether it is one's own to decide, in an emergency.
    pub break_glass: bool,
}

/// The roles that whoever acts can ask for, by account and name; of one ARN, if one is named. Blocks.
///
/// # Errors
/// When the store cannot be read, or a stored document is none.
pub fn grantable(admin: &Admin, who: &Signed, arn: Option<&str>, now: Timestamp) -> Result<Vec<Grantable>, AdminError> {
    let Some(user) = who.user() else { return Ok(Vec::new()) };
    let terms = admin.terms(now)?;
    if terms.grants.rules.all().is_empty() {
        return Ok(Vec::new());
    }
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    admin.store.read(|snapshot| {
        let mut reading = library.at(snapshot);
        let groups = reading.group_names(user)?;
        let mut found = Vec::new();
        for role in iam::all::<Role>(snapshot)? {
            let own = Arn::role(&role.account, &role.path, &role.name).to_string();
            if !terms.holds(&role.account) || arn.is_some_and(|arn| arn != own) {
                continue;
            }
            let Some(rule) = terms.grants.rules.of(&role).filter(|rule| granted::may_ask(rule, &groups)) else {
                continue;
            };
            found.push(Grantable {
                arn: own,
                name: role.name.to_string(),
                account: role.account.to_string(),
                description: role.description.clone(),
                privileged: role.privileged,
                words: role_words(&mut reading, &role)?,
                longest: rule.longest,
                claim_within: rule.claim_within,
                ticket: rule.ticket,
                inline: rule.inline,
                decides: decides(rule, now),
                break_glass: rule.break_glass.is_some() && !rule.is_automatic(now),
            });
        }
        found.sort_by(|a, b| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
        Ok(found)
    })
}

/// Who has to agree, in words.
fn decides(rule: &Rule, now: Timestamp) -> String {
    if rule.is_automatic(now) {
        return "nobody has to agree".to_owned();
    }
    if rule.break_glass.is_some() {
        return "you decide yourself, it is said aloud, and somebody looks back at it".to_owned();
    }
    let who = rule.approvers.join(" or ");
    let hours = rule.hours.map(|hours| format!(", {hours}")).unwrap_or_default();
    match rule.approvals {
        1 => format!("somebody of {who} has to agree{hours}"),
        several => format!("{several} people of {who} have to agree{hours}"),
    }
}

/// What a policy allows, in words.
///
/// # Errors
/// What is wrong with it.
pub fn document_words(text: &str) -> Result<Vec<String>, String> {
    crate::policy::Document::parse(text, crate::policy::Kind::Identity).map_err(|error| error.to_string())?;
    Ok(lines(&classes::pieces(text).map_err(|error| error.to_string())?))
}

/// What a role allows, in words; nothing of one that is gone. Blocks.
///
/// # Errors
/// When the store cannot be read, or a stored document is none.
pub fn words(admin: &Admin, arn: &str, now: Timestamp) -> Result<Vec<String>, AdminError> {
    let terms = admin.terms(now)?;
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    admin.store.read(|snapshot| match find::role(snapshot, &admin.account, arn) {
        Ok(role) => Ok(role_words(&mut library.at(snapshot), &role.value)?.lines),
        Err(find::FindError::Store(error)) => Err(error.into()),
        Err(_) => Ok(Vec::new()),
    })
}
