//! What a person is shown of roles that they can ask for: what each allows, for how long, and who would have to agree.

use serde::{Deserialize, Serialize};

use super::mine::{lines, role_words};
use crate::admin::grants::Listed;
use crate::admin::{Admin, AdminError};
use crate::base::Timestamp;
use crate::model::grant::Rule;
use crate::model::{Arn, Role, User};
use crate::policy::classes;
use crate::rights::{Library, Terms, find, granted};
use crate::store::iam;

/// A role that somebody can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The same, with what it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// It.
    #[serde(flatten)]
    pub role: Grantable,
    /// What it allows, in words.
    pub allows: Vec<String>,
}

/// Roles that are shown at once, at most.
const MOST: usize = 100;

/// Names read at once.
const PAGE: usize = 500;

/// The first roles that `user` can ask for and whose names have `find` in them, by account and name; and whether there are more. Names
/// are looked at one after the other, until there are as many as are shown, and of roles those alone that are. Blocks.
///
/// # Errors
/// When the store cannot be read.
pub fn grantable(admin: &Admin, user: &User, find: &str, now: Timestamp) -> Result<Listed<Grantable>, AdminError> {
    let terms = admin.terms(now)?;
    let (find, mut items) = (find.trim().to_lowercase(), Vec::new());
    if terms.grants.rules.all().is_empty() {
        return Ok(Listed { items, more: false });
    }
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    admin.store.read(|snapshot| {
        let groups = library.at(snapshot).group_names(user)?;
        let asks = |name: &str| terms.grants.rules.named(name).is_some_and(|rule| granted::may_ask(rule, &groups));
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = iam::role_names(snapshot, after.as_deref(), PAGE)?;
            for (_, _, id) in page.iter().filter(|(_, name, _)| name.contains(&find) && asks(name)) {
                let Some(found) = iam::role(snapshot, id)?.and_then(|role| one(&terms, &role, &groups, now)) else {
                    continue;
                };
                if items.len() == MOST {
                    return Ok(Listed { items: std::mem::take(&mut items), more: true });
                }
                items.push(found);
            }
            match page.into_iter().next_back() {
                Some((last, ..)) if after.as_ref() != Some(&last) => after = Some(last),
                _ => return Ok(Listed { items: std::mem::take(&mut items), more: false }),
            }
        }
    })
}

/// The role of this ARN or name, if `user` can ask for it. Blocks.
///
/// # Errors
/// When the store cannot be read.
pub fn one_grantable(admin: &Admin, user: &User, which: &str, now: Timestamp) -> Result<Option<Grantable>, AdminError> {
    let terms = admin.terms(now)?;
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    admin.store.read(|snapshot| {
        let groups = library.at(snapshot).group_names(user)?;
        match find::role(snapshot, &admin.account, which) {
            Ok(role) => Ok(one(&terms, &role.value, &groups, now)),
            Err(find::FindError::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    })
}

/// What is shown of a role, if somebody in these groups can ask for it.
fn one(terms: &Terms, role: &Role, groups: &[String], now: Timestamp) -> Option<Grantable> {
    let rule = terms.grants.rules.of(role).filter(|rule| granted::may_ask(rule, groups))?;
    terms.holds(&role.account).then(|| Grantable {
        arn: Arn::role(&role.account, &role.path, &role.name).to_string(),
        name: role.name.to_string(),
        account: role.account.to_string(),
        description: role.description.clone(),
        privileged: role.privileged,
        longest: rule.longest,
        claim_within: rule.claim_within,
        ticket: rule.ticket,
        inline: rule.inline,
        decides: decides(rule, now),
        break_glass: rule.break_glass.is_some() && !rule.is_automatic(now),
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
    let hours = rule.hours.map(|hours| format!(", {hours}")).unwrap_or_default();
    let groups = rule.approvers.join(" or ");
    match (rule.approvals, rule.manager) {
        (1, false) => format!("somebody of {groups} has to agree{hours}"),
        (1, true) if groups.is_empty() => format!("your manager has to agree{hours}"),
        (1, true) => format!("somebody of {groups} or your manager has to agree{hours}"),
        (several, false) => format!("{several} people of {groups} have to agree{hours}"),
        (several, true) => format!("{several} have to agree, people of {groups} or your manager{hours}"),
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
