//! What exists: people, groups, machines, the edges between them; roles, policies and who holds them; credentials; providers
//! of identity; and who acts.
//!
//! Pure values: no I/O, no async, no clock. The store writes them, `sync` derives them from a
//! directory, `admin` changes them. How they came to be or who may touch them is not decided here.

pub mod access_key;
pub mod account;
pub mod actor;
pub mod arn;
pub mod assignment;
pub mod domain;
pub mod entitlements;
pub mod entity;
pub mod group;
pub mod group_rule;
pub mod guardrail;
pub mod holder;
pub mod instance_profile;
pub mod issuer_preset;
pub mod label;
pub mod login_profile;
pub mod logon_hours;
pub mod managed_policy;
pub mod membership;
pub mod mfa_device;
pub mod name;
pub mod oidc_provider;
pub mod origin;
pub mod password_policy;
pub mod path;
pub mod reference;
pub mod resource;
pub mod role;
pub mod root;
pub mod saml_provider;
pub mod sealed;
pub mod session;
pub mod standing;
pub mod tags;
pub mod unique_id;
pub mod user;

pub use access_key::{AccessKey, AccessKeyId, CredentialOwner, LastUsed};
pub use account::{Account, AccountId, AccountKind, Accounts};
pub use actor::Actor;
pub use arn::Arn;
pub use assignment::Assignment;
pub use domain::{Domain, Domains};
pub use entitlements::Entitlements;
pub use entity::Entity;
pub use group::{Group, GroupScope};
pub use group_rule::{GroupRule, GroupRuleError, GroupRules, Implied};
pub use guardrail::{Guardrail, GuardrailError, GuardrailKind, GuardrailTarget};
pub use holder::Holder;
pub use instance_profile::InstanceProfile;
pub use issuer_preset::IssuerPreset;
pub use label::DirectoryLabel;
pub use login_profile::LoginProfile;
pub use logon_hours::LogonHours;
pub use managed_policy::ManagedPolicy;
pub use membership::{Member, MemberKind, RefHash};
pub use mfa_device::MfaDevice;
pub use name::{IamName, PolicyName};
pub use oidc_provider::{Issuer, OidcProvider, OidcProviderError};
pub use origin::Origin;
pub use password_policy::{PasswordFault, PasswordPolicy, PasswordPolicyError};
pub use path::IamPath;
pub use resource::Resource;
pub use role::{Role, Trust};
pub use root::Root;
pub use saml_provider::{SamlProvider, SamlProviderError, SamlProviderName};
pub use sealed::{KeyNumber, Sealed};
pub use session::{Begun, Ended, Session, SessionKind, SessionName, SessionNameError};
pub use standing::{Inactive, Presence, Standing};
pub use tags::{TagError, Tags};
pub use unique_id::UniqueId;
pub use user::User;
