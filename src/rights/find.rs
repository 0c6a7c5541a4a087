//! What is meant by a name, an id or an ARN.
//!
//! The one place that says so: the gate decides about what is found here, and operations change what is found here.

use crate::base::text::printable;
use crate::base::{Fault, Faulty, GuardrailId, PolicyId, RoleId};
use crate::model::{
    AccountId, Arn, Entity, Guardrail, Holder, IamName, InstanceProfile, ManagedPolicy, Member, MemberKind,
    OidcProvider, Role, SamlProvider,
};
use crate::store::iam::{self, Object, Read};
use crate::store::{Snapshot, StoreError, rows};

/// Why nothing is meant.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of that name.
    #[error("there is no {kind} `{who}`; give its name, its ARN or its id{}", helps(.kind))]
    NotFound {
        /// `user`, `group`, `role` ..
        kind: &'static str,
        /// What was asked for.
        who: String,
    },
    /// There is more than one.
    #[error("`{what}` is a policy of this account and a template; say which: {own} or {template}")]
    Ambiguous {
        /// What was asked for.
        what: String,
        /// The account's own.
        own: String,
        /// The one that comes with the program.
        template: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which command lists those of a kind.
pub const LISTS: [(&str, &str); 14] = [
    ("OpenID Connect provider", "bailey provider oidc list"),
    ("SAML provider", "bailey provider saml list"),
    ("client", "bailey client list"),
    ("group", "bailey group list"),
    ("guardrail", "bailey guardrail list"),
    ("instance profile", "bailey instance-profile list"),
    ("machine", "bailey resource list"),
    ("policy", "bailey policy list"),
    ("registration token", "bailey client registration-token list"),
    ("resource", "bailey resource list"),
    ("role", "bailey role list"),
    ("service provider", "bailey sp list"),
    ("session", "bailey session list"),
    ("user", "bailey user list"),
];

/// The end of a sentence about one of a kind that is not there: which command helps.
#[must_use]
pub fn helps(kind: &str) -> String {
    let list = LISTS.into_iter().find(|(listed, _)| *listed == kind);
    list.map(|(_, list)| format!("; `{list}` helps")).unwrap_or_default()
}

impl Faulty for FindError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } | Self::Ambiguous { .. } => Fault::Caller,
            Self::Store(error) => error.fault(),
        }
    }
}

/// The role that `text` means: a name in any case, of the home account `account`; `ACCOUNT/NAME`; an ARN; or an id.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn role(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<Role>, FindError> {
    let by_id = text.parse::<RoleId>().ok();
    let found = match by_id {
        Some(id) => iam::object::<Role>(snapshot, id.as_bytes())?,
        None => {
            let arn = |role: &Role| Arn::role(&role.account, &role.path, &role.name).to_string();
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
pub fn policy(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<ManagedPolicy>, FindError> {
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
            let (own, template) = (arn(&own.value), arn(&template.value));
            return Err(FindError::Ambiguous { what: printable(text).into_owned(), own, template });
        }
        own.or(template)
    };
    found.ok_or_else(|| missing("policy", text))
}

/// The instance profile that `text` means: a name in any case, or an ARN.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn profile(snapshot: &dyn Snapshot, account: &AccountId, text: &str) -> Result<Read<InstanceProfile>, FindError> {
    let arn = |of: &InstanceProfile| Arn::instance_profile(&of.account, &of.path, &of.name).to_string();
    by_name(snapshot, account, text, "instance-profile", arn)?.ok_or_else(|| missing("instance profile", text))
}

/// The guardrail that `text` means: a name in any case, an ARN, or an id.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn guardrail(snapshot: &dyn Snapshot, home: &AccountId, text: &str) -> Result<Read<Guardrail>, FindError> {
    let found = if let Ok(id) = text.parse::<GuardrailId>() {
        iam::object::<Guardrail>(snapshot, id.as_bytes())?
    } else {
        let name = text.rsplit('/').next().unwrap_or_default();
        let meant = |found: &Guardrail| text == name || found.arn(home).as_str() == text;
        iam::named::<Guardrail>(snapshot, None, name)?.filter(|found| meant(&found.value))
    };
    found.ok_or_else(|| missing("guardrail", text))
}

/// The OpenID Connect provider that `text` means: its address with or without `https://`, in any case, or its ARN.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn oidc_provider(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    text: &str,
) -> Result<Read<OidcProvider>, FindError> {
    // What stands behind the kind in the ARN is the name, slashes included.
    let found = match text.strip_prefix(&format!("arn:aws:iam::{account}:oidc-provider/")) {
        Some(issuer) => iam::named::<OidcProvider>(snapshot, Some(account), issuer)?
            .filter(|found| found.value.arn().as_str() == text),
        None => {
            let issuer = text.strip_prefix("https://").unwrap_or(text);
            iam::named::<OidcProvider>(snapshot, Some(account), issuer)?
        }
    };
    found.ok_or_else(|| missing("OpenID Connect provider", text))
}

/// The SAML provider that `text` means: a name in any case, or an ARN.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn saml_provider(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    text: &str,
) -> Result<Read<SamlProvider>, FindError> {
    by_name(snapshot, account, text, "saml-provider", |of: &SamlProvider| of.arn().to_string())?
        .ok_or_else(|| missing("SAML provider", text))
}

/// The one whom `kind` and `text` mean, such as `user` and `ann`.
///
/// # Errors
/// When there is nobody, or the store cannot be read.
pub fn holder(snapshot: &dyn Snapshot, account: &AccountId, kind: HolderKind, text: &str) -> Result<Holder, FindError> {
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
pub fn member(snapshot: &dyn Snapshot, account: &AccountId, kind: MemberKind, text: &str) -> Result<Member, FindError> {
    entity(snapshot, account, kind, text).map(|entity| entity.member())
}

/// What the user, group or machine is that `text` means.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn entity(snapshot: &dyn Snapshot, account: &AccountId, kind: MemberKind, text: &str) -> Result<Entity, FindError> {
    if !text.starts_with("arn:") {
        return by_name_or_id(snapshot, kind, text);
    }
    let missing = || missing(kind_word(kind), text);
    let name: IamName = text.rsplit('/').next().unwrap_or_default().parse().map_err(|_| missing())?;
    let member = rows::holder(snapshot, kind, &name)?.ok_or_else(missing)?;
    let found = rows::entity(snapshot, &member)?.map(|(_, entity)| entity);
    // The path counts, and so does the account.
    found.filter(|entity| Arn::entity(account, entity).as_str() == text).ok_or_else(missing)
}

/// The user, group or machine whose name, in any case, or id `who` is.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn by_name_or_id(snapshot: &dyn Snapshot, kind: MemberKind, who: &str) -> Result<Entity, FindError> {
    let missing = || missing(kind_word(kind), who);
    let by_name = match who.parse::<IamName>() {
        Ok(name) => rows::holder(snapshot, kind, &name)?,
        Err(_) => None,
    };
    let by_id = || hex::decode(who).ok().and_then(|id| Some(Member::from_parts(kind, id.try_into().ok()?)));
    let member = by_name.or_else(by_id).ok_or_else(missing)?;
    Ok(rows::entity(snapshot, &member)?.ok_or_else(missing)?.1)
}

/// A kind in words.
#[must_use]
pub fn kind_word(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::User => "user",
        MemberKind::Group => "group",
        MemberKind::Resource => "resource",
    }
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
) -> Result<Option<Read<T>>, FindError> {
    let prefix = format!("arn:aws:iam::{account}:{kind}/");
    if !text.starts_with("arn:") {
        return Ok(iam::named::<T>(snapshot, Some(account), text)?);
    }
    let name = text.strip_prefix(&prefix).and_then(|rest| rest.rsplit('/').next()).unwrap_or_default();
    // The path counts: `role/admin/Deploy` is not `role/Deploy`.
    Ok(iam::named::<T>(snapshot, Some(account), name)?.filter(|found| arn(&found.value) == text))
}

fn missing(kind: &'static str, text: &str) -> FindError {
    FindError::NotFound { kind, who: printable(text).into_owned() }
}
