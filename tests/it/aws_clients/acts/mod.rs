//! What people do with IAM, by whatever client: made, looked at, listed, changed, deleted, a subject a file.

pub(super) mod account;
pub(super) mod credentials;
pub(super) mod holders;
pub(super) mod people;
pub(super) mod policies;
pub(super) mod providers;
pub(super) mod reports;
pub(super) mod roles;
pub(super) mod sessions;
