//! What is meant by a name, an id or an ARN.

use super::super::AdminError;
use super::super::people;
use crate::base::text::printable;
use crate::base::{PolicyId, RoleId};
use crate::model::{AccountId, Holder, InstanceProfile, ManagedPolicy, Member, MemberKind, Role};
use crate::store::Snapshot;
use crate::store::iam::{self, Object, Read};

/// The role that `text` means: a name in any case, of the home account `account`; `ACCOUNT/NAME`; an ARN; or an id.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn role(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<Role>, AdminError> {
    let by_id = text.parse::<RoleId>().ok();
    let found = match by_id {
        Some(id) => iam::object::<Role>(snapshot, id.as_bytes())?,
        None => {
            let arn = |role: &Role| super::views::role_arn(role).to_string();
            match account_in(text) {
                Some((other, name)) => by_name(snapshot, &other, name, "role", arn)?,
                None => by_name(snapshot, account, text, "role", arn)?,
            }
        }
    };
    found.ok_or_else(|| missing("role", text))
}

/// The policy that `text` means: a name in any case, an ARN, or an id. A name that an account's policy and a template share is
/// refused.
///
/// # Errors
/// When there is none or more than one, or the store cannot be read.
pub fn policy(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<ManagedPolicy>, AdminError> {
    let arn = |policy: &ManagedPolicy| policy.arn().to_string();
    let found = if let Ok(id) = text.parse::<PolicyId>() {
        iam::object::<ManagedPolicy>(snapshot, id.as_bytes())?
    } else if text.starts_with("arn:aws:iam::aws:") {
        let name = text.rsplit('/').next().unwrap_or_default();
        iam::named::<ManagedPolicy>(snapshot, None, name)?.filter(|found| arn(&found.value) == text)
    } else {
        let own = by_name(snapshot, account, text, "policy", arn)?;
        let template = iam::named::<ManagedPolicy>(snapshot, None, text)?;
        if let (Some(own), Some(template)) = (&own, &template) {
            return Err(AdminError::NotNow {
                what: format!("`{}` is a policy of this account and a template", printable(text)),
                remedy: format!("say which: {} or {}", arn(&own.value), arn(&template.value)),
            });
        }
        own.or(template)
    };
    found.ok_or_else(|| missing("policy", text))
}

/// The instance profile that `text` means: a name in any case, or an ARN.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn profile(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<InstanceProfile>, AdminError> {
    let arn = |profile: &InstanceProfile| super::views::profile_arn(profile).to_string();
    by_name(snapshot, account, text, "instance-profile", arn)?.ok_or_else(|| missing("instance profile", text))
}

/// The one whom `kind` and `text` mean, such as `user` and `ann`.
///
/// # Errors
/// When there is nobody, or the store cannot be read.
pub fn holder(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    kind: HolderKind,
    text: &str,
) -> Result<Holder, AdminError> {
    Ok(match kind {
        HolderKind::Role => Holder::Role(role(snapshot, account, text)?.value.id),
        HolderKind::User => match member(snapshot, account, MemberKind::User, text)? {
            Member::User(id) => Holder::User(id),
            _ => return Err(missing("user", text)),
        },
        HolderKind::Group => match member(snapshot, account, MemberKind::Group, text)? {
            Member::Group(id) => Holder::Group(id),
            _ => return Err(missing("group", text)),
        },
    })
}

/// The user, group or machine that `text` means: a name in any case, an ARN, or an id.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn member(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    kind: MemberKind,
    text: &str,
) -> Result<Member, AdminError> {
    let arn = match kind {
        MemberKind::User => format!("arn:aws:iam::{account}:user/"),
        MemberKind::Group => format!("arn:aws:iam::{account}:group/"),
        MemberKind::Resource => format!("arn:aws:bailey::{account}:resource/"),
    };
    // What is no ARN of that kind is looked for as it is, and not found.
    Ok(people::find(snapshot, kind, text.strip_prefix(&arn).unwrap_or(text))?.member())
}

/// What can hold policies, as routes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

/// The account that an ARN or `ACCOUNT/NAME` says, and what to look for there.
fn account_in(text: &str) -> Option<(AccountId, &str)> {
    if let Some(rest) = text.strip_prefix("arn:aws:iam::") {
        return Some((rest.split(':').next()?.parse().ok()?, text));
    }
    let (account, name) = text.split_once('/')?;
    Some((account.parse().ok()?, name))
}

fn by_name<T: Object>(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    text: &str,
    kind: &str,
    arn: impl Fn(&T) -> String,
) -> Result<Option<Read<T>>, AdminError> {
    let prefix = format!("arn:aws:iam::{account}:{kind}/");
    if !text.starts_with("arn:") {
        return Ok(iam::named::<T>(snapshot, Some(account), text)?);
    }
    let name = text.strip_prefix(&prefix).and_then(|rest| rest.rsplit('/').next()).unwrap_or_default();
    // The path counts: `role/admin/Deploy` is not `role/Deploy`.
    Ok(iam::named::<T>(snapshot, Some(account), name)?.filter(|found| arn(&found.value) == text))
}

fn missing(kind: &'static str, text: &str) -> AdminError {
    AdminError::NotFound { kind, who: printable(text).into_owned() }
}
