//! Reads LDAP directories: what is in them, what changes, and how sure that is.
//!
//! Owns connections, failover, searches, following changes and the text forms of LDAP (DNs,
//! filters). Has never heard of IAM: it hands out [`Entry`] values and says of every read whether
//! it is proof of absence. What an entry means is `sync`'s business. `ldap3` is imported in
//! `ldap/` and nowhere else.
//!
//! ```text
//! discovery --> servers --> ldap --> intake --> reader            full reads
//!  asks DNS      which     the wire   entry,    look_up           single objects
//!                first                scope     syncrepl          changes that are pushed
//!                                     ranges    active_directory  changes that are asked for
//!                                     slices    check             what would go wrong
//!                                               sign_in           passwords of people
//! ```
//!
//! `source` is one directory with all of that. Below it stand `dn` and `filter`, the text forms; `root_dse`, what a server says of
//! itself; and `ad_codes`, why Active Directory refused a bind.
//!
//! A read is believed in two grades. *Presence* is believed at once: an entry that came was there.
//! *Absence* is believed only from a [`Completeness::Complete`] read, or from a change that the
//! server itself reported as a deletion and that a look-up on the wire confirmed.

mod active_directory;
mod ad_codes;
mod check;
mod discovery;
pub mod dn;
pub mod error;
pub mod filter;
mod intake;
mod ldap;
mod look_up;
mod ranges;
mod reader;
mod root_dse;
mod servers;
pub mod settings;
mod sign_in;
mod source;
mod syncrepl;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use dn::Dn;
pub use error::DirectoryError;
pub use ldap::KERBEROS;
pub use settings::Settings;
pub use sign_in::{
    AccountState, FindError, Lockout, Login, Person, Refusal, RefusalKind, SignedIn, Verifier, VerifyError,
};
pub use source::LdapSource;

pub use crate::base::finding::{Finding, Severity};
use crate::base::{Guid, Sid};

/// What sort of object an entry is, by its object classes (see [`settings::Scope`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person or a program's account.
    Person,
    /// A group.
    Group,
    /// A computer, device or managed service account.
    Machine,
}

/// One object as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What sort of object.
    pub kind: Kind,
    /// Its immutable id.
    pub guid: Guid,
    /// Its name at that moment, as the server wrote it.
    pub dn: Dn,
    /// The attributes asked for and present.
    pub attributes: Attributes,
}

/// Attributes of an entry: few, so a list beats a map. Names are lower-case and without options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Arc<str>, Vec<Bytes>)>);

impl Attributes {
    /// Attributes by lower-case name; later values of a name join the earlier ones.
    pub fn push(&mut self, name: &str, values: Vec<Vec<u8>>) {
        self.push_lower_case(name.to_ascii_lowercase().into(), values.into_iter().map(Bytes::from).collect());
    }

    /// As [`Attributes::push`], for a name that is lower-case already.
    fn push_lower_case(&mut self, name: Arc<str>, values: Vec<Bytes>) {
        match self.0.iter_mut().find(|(held, _)| *held == name) {
            Some((_, held)) => held.extend(values),
            None => self.0.push((name, values)),
        }
    }

    /// The raw values of `name` (any case); empty when absent.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Bytes] {
        self.0.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map_or(&[], |(_, values)| values)
    }

    /// The first value of `name` as text; `None` when absent or not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values(name).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All attributes, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Bytes])> {
        self.0.iter().map(|(name, values)| (&**name, values.as_slice()))
    }
}

/// Something a read or a change brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// An object.
    Entry(Entry),
    /// An object that is there but cannot be used. It is never taken for absent.
    Unusable(Unusable),
}

/// An object that is there but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// Its DN, made printable.
    pub dn: String,
    /// Its id, if at least that could be read. Without it the whole read is no proof of anyone's absence.
    pub guid: Option<Guid>,
    /// What is wrong with it, and which limit.
    pub why: String,
}

/// How a full read ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The server it came from.
    pub server: String,
    /// Where to follow changes from: taken *before* the first page. `None` where the server has no such position.
    pub position: Option<Cursor>,
    /// Whether what did not come is proven absent.
    pub completeness: Completeness,
    /// Objects that came, unusable ones included.
    pub count: u64,
    /// The Active Directory domain that was read; `None` where it is none, or several.
    pub domain: Option<DomainHead>,
}

/// What a domain of Active Directory is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainHead {
    /// Its SID, given out once.
    pub sid: Sid,
    /// The root of its partition.
    pub base: Dn,
}

/// Whether what did not come in a read is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Every page of every base ended with result 0 and an empty cookie, without a referral, and every
    /// entry had a usable id.
    Complete,
    /// Something makes absence doubtful; says what. Nothing may be deleted because of this read.
    Doubtful(Vec<String>),
}

/// Where following changes goes on. Opaque to everyone but the source that made it; kept in the
/// store with the last batch it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Server (URL) it came from.
    pub server: String,
    /// Method and database incarnation it belongs to, such as `syncrepl`.
    pub method: String,
    /// Everything else the method needs, such as a cookie a base (hexadecimal).
    pub state: serde_json::Value,
}

/// A step of following changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// These objects appeared or changed, and these ids are proven gone (reported, then looked up
    /// and not found under any base). The cursor covers them.
    Delta {
        /// Appeared or changed.
        arrivals: Vec<Arrival>,
        /// Proven gone or out of scope.
        gone: Vec<Guid>,
        /// Names that objects bore between two events of this step and bear no longer. A group that referred to one
        /// may have been rewritten without an event.
        former: Vec<Dn>,
        /// Goes into the store with this step.
        cursor: Cursor,
        /// When the first of these events reached us, for the lag metric.
        received: std::time::Instant,
    },
    /// The server could not name what was deleted since the cursor and named everything that is
    /// left instead (RFC 4533 3.3.1, the present phase). Whatever is held and not in `present`
    /// must be confirmed: [`Source::look_up`] it by id; what that does not answer is gone. What
    /// changed came before, in [`Changes::Delta`]s that left the cursor where it was.
    Present {
        /// Every id that is left, under all bases. May name objects that are out of scope.
        present: std::collections::HashSet<Guid>,
        /// Goes into the store once the missing ids are dealt with.
        cursor: Cursor,
        /// When the list was complete.
        received: std::time::Instant,
    },
    /// The server cannot say what changed since the cursor: only a full read helps. The source
    /// ends after this.
    FullReadNeeded {
        /// Why, for a person.
        why: String,
    },
}

/// What to look up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// An object by id.
    Guid(Guid),
    /// An object by name.
    Dn(Dn),
    /// A person by the login attribute (`memberUid`).
    Login(String),
}

/// How changes are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// RFC 4533 refreshAndPersist: the server pushes.
    Syncrepl,
    /// The DirSync control of Active Directory: the server is asked what changed since a cookie.
    Dirsync,
    /// Active Directory is asked for what has a higher `uSNChanged` than was seen.
    Usn,
    /// Full reads at an interval.
    Polling,
}

impl Method {
    /// Its word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syncrepl => "syncrepl",
            Self::Dirsync => "dirsync",
            Self::Usn => "usn",
            Self::Polling => "polling",
        }
    }
}

/// How changes are followed here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    /// By which method.
    pub method: Method,
    /// Deletions are among what is told. Where the account cannot see them, only a full read finds out who left.
    pub sees_deletions: bool,
}

impl Following {
    /// By `method`, deletions included. (Where everything is read every time, absence itself tells.)
    #[must_use]
    pub fn by(method: Method) -> Self {
        Self { method, sees_deletions: true }
    }
}

/// How far following has come, and how far the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Which server is followed.
    pub server: String,
    /// What we know, in the server's own words, such as `update 4711`.
    pub ours: String,
    /// What the server has.
    pub highest: String,
    /// When the server said so.
    pub at: std::time::Instant,
    /// When it last had nothing that we did not know; `None` when that has not been so since we follow it.
    pub in_step: Option<std::time::Instant>,
}

impl Reached {
    /// This, with what `before` knew of when we were in step: being told that there is more than we know is no reason
    /// to say that we are.
    fn after(mut self, before: Option<Self>) -> Self {
        let before = before.filter(|before| before.server == self.server);
        let known = self.ours == self.highest;
        self.in_step = if known { Some(self.at) } else { before.and_then(|before| before.in_step) };
        self
    }
}

/// A server's state as the source last saw it, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHealth {
    /// Its URL.
    pub url: String,
    /// Consecutive failures; 0 when healthy or untried.
    pub failures: u32,
    /// The last failure, in words.
    pub last_error: Option<String>,
}

/// A reader of one directory. Opens its own connections, tries its servers by health, and bounds
/// every wait; a failure ends one call, never the daemon.
#[async_trait]
pub trait Source: Send + Sync {
    /// How this source follows changes, once it has talked to a server.
    ///
    /// # Errors
    /// When no server answers.
    async fn following(&self) -> Result<Following, DirectoryError>;

    /// Reads everything in scope, a page at a time, into `into`. Waits when the receiver is slow.
    ///
    /// # Errors
    /// When the read broke off: what came is not complete and nothing may be concluded from it.
    async fn read(&self, into: mpsc::Sender<Vec<Arrival>>) -> Result<Reading, DirectoryError>;

    /// Follows changes from `cursor` on until the connection ends, the receiver closes, or a full read is needed.
    ///
    /// # Errors
    /// Why following ended.
    async fn follow(&self, cursor: Cursor, into: mpsc::Sender<Changes>) -> Result<(), DirectoryError>;

    /// Looks objects up; answers those in scope. What is wanted and not answered is not there now.
    ///
    /// # Errors
    /// When the look-up did not run to its end.
    async fn look_up(&self, wanted: Vec<Wanted>) -> Result<Vec<Arrival>, DirectoryError>;

    /// The SIDs (binary) of the groups in the token of the object with this id, by the server's own reckoning
    /// (`tokenGroups`); `None` where the server has no such thing.
    ///
    /// # Errors
    /// When the server does not answer.
    async fn token_groups(&self, _guid: &Guid) -> Result<Option<Vec<Vec<u8>>>, DirectoryError> {
        Ok(None)
    }

    /// Roughly how many objects a full read will bring, for a progress bar.
    async fn estimate(&self) -> Option<u64>;

    /// Tries everything a sync will need and says what would go wrong.
    async fn check(&self) -> Vec<Finding>;

    /// The servers, best first.
    fn servers(&self) -> Vec<ServerHealth>;

    /// How far following has come; `None` where servers do not say.
    fn reached(&self) -> Option<Reached> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn being_told_of_more_does_not_renew_the_moment_we_were_in_step() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let told = |server: &str, ours: &str, highest: &str, seconds| Reached {
            server: server.to_owned(),
            ours: ours.to_owned(),
            highest: highest.to_owned(),
            at: after(seconds),
            in_step: None,
        };
        let equal = told("dc1", "update 7", "update 7", 0).after(None);
        assert_eq!(equal.in_step, Some(start));
        let behind = told("dc1", "update 7", "update 9", 30).after(Some(equal.clone()));
        assert_eq!(behind.in_step, Some(start));
        assert_eq!(told("dc1", "update 9", "update 9", 31).after(Some(behind)).in_step, Some(after(31)));
        assert_eq!(told("dc2", "update 1", "update 2", 40).after(Some(equal)).in_step, None, "another server's");
    }
}
