//! What is asked: who wants to do what to which resource, and all that is known about it.

use super::action::Action;
use super::arn::ArnFields;
use super::context::Context;
use super::principal::{Principal, PrincipalError, is_account};
use crate::base::text::printable;
use crate::base::{Fault, Faulty};

/// A request, ready to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(super) principal: Principal,
    pub(super) action: Action,
    pub(super) resource: Resource,
    /// The account that owns the resource.
    pub(super) owner: Box<str>,
    pub(super) context: Context,
}

/// What is to be done something to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// `*`: the action is about no resource.
    Any,
    Arn(ArnFields),
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Who asks.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// What is to be done.
    #[error("{0}")]
    Action(String),
    /// To what.
    #[error("`{0}` is no resource: expected an ARN of 6 fields, or `*`")]
    Resource(String),
    /// Whose that is.
    #[error("`{0}` is no account: expected 12 digits")]
    Owner(String),
}

impl Faulty for RequestError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl Request {
    /// What conditions can see.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Puts a request together. The owner of the resource is the account in its ARN or, where there is none, the
    /// principal's, unless [`Request::owned_by`] says otherwise.
    ///
    /// # Errors
    /// What is wrong with action or resource.
    pub fn new(principal: Principal, action: &str, resource: &str, context: Context) -> Result<Self, RequestError> {
        let action = Action::parse(action).map_err(|problem| RequestError::Action(printable(&problem).into_owned()))?;
        let resource = match (resource, ArnFields::of(resource)) {
            ("*", _) => Resource::Any,
            (_, Some(arn)) => Resource::Arn(arn),
            _ => return Err(RequestError::Resource(printable(resource).into_owned())),
        };
        let owner = match &resource {
            // Not what belongs to AWS itself or to nobody, such as `arn:aws:iam::aws:policy/..`.
            Resource::Arn(arn) if is_account(arn.account()) => arn.account(),
            _ => principal.account(),
        };
        Ok(Self { owner: owner.into(), principal, action, resource, context })
    }

    /// The same, about a resource of this account.
    ///
    /// # Errors
    /// When it is no account.
    pub fn owned_by(mut self, account: &str) -> Result<Self, RequestError> {
        if !is_account(account) {
            return Err(RequestError::Owner(printable(account).into_owned()));
        }
        self.owner = account.into();
        Ok(self)
    }

    /// The account that owns the resource.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether who asks and what it is about belong to one account.
    pub(super) fn is_within_account(&self) -> bool {
        *self.owner == *self.principal.account()
    }

    /// Whether the resource's own policy must allow, because the account's other policies have no say without it: a role's
    /// trust policy, a key's policy.
    pub(super) fn is_decided_by_resource(&self) -> bool {
        let Resource::Arn(arn) = &self.resource else { return false };
        match (self.action.service(), arn.service()) {
            // Tagging a session and setting its source identity included.
            ("sts", "iam") => arn.resource().starts_with("role/"),
            ("kms", "kms") => arn.resource().starts_with("key/"),
            _ => false,
        }
    }
}
