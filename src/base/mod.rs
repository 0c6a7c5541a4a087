//! Time, randomness, secrets, typed ids, networks, what checks find, and the idea of whose fault an error is.
//!
//! Owns the one read of the wall clock and the one read of the operating system's
//! randomness; everything above takes `now` and a generator as arguments. Knows nothing of
//! directories, people or stores.

pub mod clock;
pub mod fault;
pub mod finding;
pub mod ids;
pub mod network;
pub mod request;
pub mod rng;
pub mod secret;
pub mod sid;
pub mod text;

pub use clock::{Clock, Timestamp};
pub use fault::{Fault, Faulty};
pub use finding::{Finding, Severity};
pub use ids::{
    EngagementId, FamilyId, GrantId, GroupId, GuardrailId, Guid, InstanceProfileId, NoticeId, OidcProviderId, PolicyId,
    ResourceId, RoleId, SamlProviderId, SessionId, UserId,
};
pub use request::RequestId;
pub use secret::Secret;
pub use sid::Sid;
