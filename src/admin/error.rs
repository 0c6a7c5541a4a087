//! What can go wrong with an operation.

use super::iam::reports::ReportError;
use crate::audit::AuditError;
use crate::authn::password::PasswordError;
use crate::authn::saml::{MetadataError, MetadataFetchError};
use crate::authn::webauthn::CeremonyError;
use crate::base::{Fault, Faulty};
use crate::directory::DirectoryError;
use crate::keys::KeysError;
use crate::model::client::ClientError;
use crate::model::password_policy::PasswordPolicyError;
use crate::model::{OidcProviderError, SamlProviderError, SamlSpError, TagError};
use crate::policy::{PolicyError, RequestError};
use crate::rights::find::helps;
use crate::rights::{ActingError, FindError};
use crate::store::StoreError;
use crate::store::export::ExportError;
use crate::sync::SyncError;
use crate::ticket::Question;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is nobody of that name.
    #[error("there is no {kind} `{who}`; give its name, its ARN or its id{}", helps(.kind))]
    NotFound {
        /// One of [`crate::rights::find::LISTS`].
        kind: &'static str,
        /// What was asked for.
        who: String,
    },
    /// There is no such directory.
    #[error("there is no directory `{label}`; `bailey directory list` names them")]
    NoSuchDirectory {
        /// What was asked for.
        label: String,
    },
    /// A parameter is out of bounds.
    #[error("`{what}` must be {limit}")]
    OutOfBounds {
        /// Which parameter.
        what: String,
        /// What it may be.
        limit: String,
    },
    /// There is something of that name already.
    #[error("there is a {kind} `{name}` already")]
    Exists {
        /// Of which kind.
        kind: &'static str,
        /// Its name, in small letters.
        name: String,
    },
    /// There is no such part of something.
    #[error("there is no {what}")]
    NoSuch {
        /// What was asked for.
        what: String,
    },
    /// Something still hangs on what is to go.
    #[error("{what}; {remedy}")]
    DeleteConflict {
        /// What stands in the way.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// There would be more of it than there may be.
    #[error("{what} is too much: {limit}")]
    LimitExceeded {
        /// What was asked for.
        what: String,
        /// How much may be.
        limit: String,
    },
    /// It is not ours to change.
    #[error("{what} and cannot be changed here; {remedy}")]
    Unmodifiable {
        /// Why not.
        what: String,
        /// What to do instead.
        remedy: String,
    },
    /// A document says something that cannot be.
    #[error("{what}")]
    MalformedPolicy {
        /// What is wrong with it.
        what: String,
    },
    /// A text is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A question to policies makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A tag is none.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A provider cannot be described so.
    #[error(transparent)]
    Oidc(#[from] OidcProviderError),
    /// The same of one that speaks SAML.
    #[error(transparent)]
    Saml(#[from] SamlProviderError),
    /// A client cannot be registered so.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A service provider cannot be registered so.
    #[error(transparent)]
    SamlSp(#[from] SamlSpError),
    /// SAML metadata cannot be used.
    #[error("the SAML metadata cannot be used: {0}")]
    SamlMetadata(#[from] MetadataError),
    /// Its metadata could not be fetched.
    #[error("no metadata was fetched: {0}")]
    Unfetched(#[from] MetadataFetchError),
    /// A report is not there to be shown.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The thing is in no state for that.
    #[error("{what}; {remedy}")]
    NotNow {
        /// What stands in the way.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Whoever asks has to show a second factor first.
    #[error("{what}; show one, then try again")]
    StepUp {
        /// Why.
        what: String,
    },
    /// Something outside has to be asked first, which takes its time: never answered to anybody, but by a request that changes as fast as
    /// its ticket is asked about.
    #[error("the request was changed while its ticket was asked about; look at it again, then decide")]
    Unasked(Box<Question>),
    /// A password breaks rules.
    #[error("the password is refused: {what}")]
    PasswordPolicy {
        /// Every rule it breaks.
        what: String,
    },
    /// The rules for passwords cannot be so.
    #[error(transparent)]
    Rules(#[from] PasswordPolicyError),
    /// The password is another.
    #[error("the old password is wrong")]
    WrongPassword,
    /// A code of the second factor is none.
    #[error("the codes are refused: {why}")]
    WrongCode {
        /// Why.
        why: String,
    },
    /// A passkey is not accepted.
    #[error(transparent)]
    Passkey(#[from] CeremonyError),
    /// A password cannot be checked now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Secrets cannot be sealed or opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A sync operation failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The export failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<ActingError> for AdminError {
    fn from(error: ActingError) -> Self {
        match error {
            ActingError::Gone(what) => Self::NoSuch { what },
            ActingError::Request(error) => Self::Request(error),
            ActingError::Store(error) => Self::Store(error),
        }
    }
}

impl From<FindError> for AdminError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotFound { kind, who } => Self::NotFound { kind, who },
            FindError::Ambiguous { what, own, template } => Self::NotNow {
                what: format!("`{what}` is a policy of this account and a template"),
                remedy: format!("say which: {own} or {template}"),
            },
            FindError::Store(error) => Self::Store(error),
        }
    }
}

impl AdminError {
    /// A word for it in audit records and answers: IAM's, where IAM has one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::NoSuch { .. } | Self::NoSuchDirectory { .. } => "NotFound",
            Self::OutOfBounds { .. }
            | Self::Request(_)
            | Self::Tag(_)
            | Self::Oidc(_)
            | Self::Saml(_)
            | Self::Client(_)
            | Self::SamlSp(_)
            | Self::SamlMetadata(_)
            | Self::Unfetched(_) => "InvalidInput",
            Self::Report(error) => error.code(),
            Self::Exists { .. } => "EntityAlreadyExists",
            Self::DeleteConflict { .. } => "DeleteConflict",
            Self::PasswordPolicy { .. } => "PasswordPolicyViolation",
            Self::Rules(_) => "ValidationError",
            Self::WrongPassword => "AccessDenied",
            Self::WrongCode { .. } | Self::Passkey(_) => "InvalidAuthenticationCode",
            Self::LimitExceeded { .. } => "LimitExceeded",
            Self::Unmodifiable { .. } => "UnmodifiableEntity",
            Self::MalformedPolicy { .. } | Self::Policy(_) => "MalformedPolicyDocument",
            Self::NotNow { .. } | Self::Unasked(_) => "NotNow",
            Self::StepUp { .. } => "AccessDenied",
            Self::Store(StoreError::Conflict { .. }) => "ConcurrentModification",
            Self::Password(_)
            | Self::Keys(_)
            | Self::Sync(_)
            | Self::Store(_)
            | Self::Audit(_)
            | Self::Export(_)
            | Self::Directory(_) => "Failed",
        }
    }
}

impl Faulty for AdminError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. }
            | Self::NoSuchDirectory { .. }
            | Self::OutOfBounds { .. }
            | Self::Exists { .. }
            | Self::NoSuch { .. }
            | Self::DeleteConflict { .. }
            | Self::LimitExceeded { .. }
            | Self::Unmodifiable { .. }
            | Self::MalformedPolicy { .. }
            | Self::Policy(_)
            | Self::Request(_)
            | Self::Tag(_)
            | Self::Oidc(_)
            | Self::Saml(_)
            | Self::Client(_)
            | Self::SamlSp(_)
            | Self::SamlMetadata(_)
            | Self::Unfetched(_)
            | Self::Report(_)
            | Self::PasswordPolicy { .. }
            | Self::Rules(_)
            | Self::WrongPassword
            | Self::WrongCode { .. }
            | Self::StepUp { .. }
            | Self::NotNow { .. }
            | Self::Unasked(_) => Fault::Caller,
            Self::Passkey(error) => error.fault(),
            Self::Password(error) => error.fault(),
            Self::Keys(error) => error.fault(),
            Self::Sync(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Audit(error) => error.fault(),
            Self::Directory(error) => error.fault(),
            Self::Export(error) => error.fault(),
        }
    }
}
