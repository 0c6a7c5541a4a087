//! Whether a password is somebody's: found with our own account, tried on a connection of its own.
//!
//! Owns the two steps of a sign-in by password, [`Verifier::find`] and [`Verifier::verify`], and the look at somebody who signs in
//! without one, [`Verifier::state_of`]. What was typed is only ever a
//! value in a search: the bind is made with the DN that came back, and afterwards the server has to say, on that very
//! connection, that it knows who is there and that it is the object that was found. Nothing is kept of a password, and no
//! referral is followed. How often somebody may try is `authn`'s business, which is why there are two steps: between them
//! it is known who is meant.

mod bind;
mod find;
mod live;
mod lockout;
mod refusal;

use std::time::Duration;

use async_trait::async_trait;

pub use live::AccountState;
pub(super) use lockout::Lockouts;
pub use refusal::{Refusal, RefusalKind};

use super::{DirectoryError, Dn, LdapSource};
use crate::base::{Fault, Faulty, Guid, Secret};

/// A name that somebody signs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name in this directory.
    pub name: String,
    /// All that was typed, where that is more than the name, such as `ann@corp`. It may be somebody's name too, in Active
    /// Directory a `userPrincipalName`; then it has to be the same person's.
    pub typed: Option<String>,
}

/// The one person that a [`Login`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Its immutable id.
    pub guid: Guid,
    /// Its name, as the server wrote it.
    pub dn: Dn,
    /// When the directory locks its account, as far as that can be read.
    pub lockout: Option<Lockout>,
}

/// When a directory locks an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// So many wrong passwords do.
    pub threshold: u32,
    /// Within this time of each other; [`Duration::MAX`] where they are never forgotten.
    pub window: Duration,
}

/// Somebody whose password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who: as was found, and as the server said again behind the bind.
    pub guid: Guid,
    /// The name that was bound with.
    pub dn: Dn,
    /// The server that took the password.
    pub server: String,
}

/// Why nobody was found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FindError {
    /// Nobody in scope has that name.
    #[error("nobody has that name")]
    Unknown,
    /// Several people have it: in two attributes, or in one.
    #[error("the name means several people, such as `{one}` and `{other}`")]
    Ambiguous {
        /// The name of one of them, printable.
        one: String,
        /// That of another.
        other: String,
    },
    /// The object is there and cannot be used.
    #[error("`{dn}` cannot be used: {why}")]
    Unusable {
        /// Its name, printable.
        dn: String,
        /// What is wrong with it.
        why: String,
    },
    /// No server answers.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why somebody was not signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// The directory refused the password, or its owner.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It said yes, and then not who is there.
    #[error("{server} took the password and did not confirm who it is: {why}")]
    NotConfirmed {
        /// The server's URL.
        server: String,
        /// What it said instead.
        why: String,
    },
    /// No server answers.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Faulty for FindError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::Ambiguous { .. } => Fault::Caller,
            Self::Unusable { .. } => Fault::Directory,
            Self::Directory(error) => error.fault(),
        }
    }
}

impl Faulty for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) => Fault::Caller,
            Self::NotConfirmed { .. } => Fault::Directory,
            Self::Directory(error) => error.fault(),
        }
    }
}

/// Checks passwords of the people of one directory. Bounds every wait; goes on to the next server where one is away.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Finds the one person that `login` means.
    ///
    /// # Errors
    /// When there is nobody, or not one alone, or no server answers.
    async fn find(&self, login: &Login) -> Result<Person, FindError>;

    /// Tries `password` for `person`. One that was refused is never tried at another server, nor is one of which nobody
    /// knows whether it was: each try may count.
    ///
    /// # Errors
    /// When it is empty or blank, of which no server hears; the directory refuses; or no server answers.
    async fn verify(&self, person: &Person, password: &Secret<String>) -> Result<SignedIn, VerifyError>;

    /// Connects as [`Verifier::verify`] does and asks for nothing: it takes about as long, and no password is sent. For
    /// names that nobody has.
    async fn pretend(&self);

    /// How the account of the person with this id is now, whose password nobody tries.
    ///
    /// # Errors
    /// When no server answers, or the look-up did not run to its end.
    async fn state_of(&self, guid: &Guid) -> Result<AccountState, DirectoryError>;
}

#[async_trait]
impl Verifier for LdapSource {
    async fn find(&self, login: &Login) -> Result<Person, FindError> {
        find::find(self, login).await
    }

    async fn verify(&self, person: &Person, password: &Secret<String>) -> Result<SignedIn, VerifyError> {
        bind::verify(self, person, password).await
    }

    async fn pretend(&self) {
        bind::pretend(self).await;
    }

    async fn state_of(&self, guid: &Guid) -> Result<AccountState, DirectoryError> {
        live::state_of(self, guid).await
    }
}
