//! Following Active Directory.
//!
//! A domain controller does not push changes; it is asked for them. Two ways there are to ask, `dirsync` and `usn`;
//! both name objects that changed, and neither is believed about *how*: each object named is looked up on the same
//! connection and handed on whole, or as gone when it is not found. What DirSync leaves out or sends empty
//! (secrets, constructed attributes, values cleared with a tombstone) can thus mislead nobody.
//!
//! ```text
//! bell: something changed --\                    /-- found: an arrival
//! every `follow_every` ------>-- dirsync or usn -+--- not found: gone
//!                                                \-- a container that moved: everything below it
//! ```
//!
//! A position belongs to one database of one domain controller (`controller`), whatever the cookie could do elsewhere.
//! Another controller may not have received yet what this one told; objects looked up there would be older than
//! what is stored, and the change that makes them new again would not be told a second time.

mod bell;
mod containers;
mod controller;
mod dirsync;
mod follower;
mod position;
pub(super) mod rights;
mod usn;

use tokio::sync::mpsc;

use super::ldap::{Connection, Question, controls, extension::Sight};
use super::root_dse::RootDse;
use super::source::LdapSource;
use super::{Changes, Cursor, DirectoryError, Dn, DomainHead, Following, Method};
use crate::base::{Guid, Sid};
use controller::Controller;
use position::Position;

/// Where following may begin, as of now; `None` where the server has no such position.
///
/// DirSync is chosen where the account may use it, and what it may use is found out by trying: the right to
/// everything (DS-Replication-Get-Changes) first, then to what the account may read.
pub(super) async fn position(
    source: &LdapSource,
    connection: &mut Connection,
    root: &RootDse,
) -> Result<Option<Cursor>, DirectoryError> {
    let Some(contexts) = contexts(source, root) else { return Ok(None) };
    let Some(controller) = Controller::meet(connection, root).await? else { return Ok(None) };
    let wanted = source.settings.method;
    if wanted.is_none_or(|method| method == Method::Dirsync) && root.supports(controls::DIRSYNC) {
        for sight in [Sight::Everything, Sight::Readable] {
            if let Some(cookies) = dirsync::cookies(connection, &contexts, sight).await? {
                let position = Position::dirsync(source, &controller, sight, &contexts, cookies);
                return Ok(Some(position.cursor(connection.server())));
            }
        }
    }
    if wanted.is_none_or(|method| method == Method::Usn) {
        return Ok(Some(Position::usn(source, &controller).cursor(connection.server())));
    }
    Ok(None)
}

/// How changes are followed, and whether deletions are among them.
pub(super) async fn following(
    source: &LdapSource,
    connection: &mut Connection,
    root: &RootDse,
) -> Result<Following, DirectoryError> {
    let Some(cursor) = position(source, connection, root).await? else {
        return Ok(Following::by(source.settings.method.unwrap_or(Method::Polling)));
    };
    let mut sees_deletions = true;
    for context in contexts(source, root).unwrap_or_default() {
        sees_deletions &= rights::sees_deletions(source, connection, &context).await?;
    }
    let method = if cursor.method == position::DIRSYNC { Method::Dirsync } else { Method::Usn };
    Ok(Following { method, sees_deletions })
}

/// Follows changes from `cursor` on.
pub(super) async fn follow(
    source: &LdapSource,
    cursor: Cursor,
    into: mpsc::Sender<Changes>,
) -> Result<(), DirectoryError> {
    let ended = match follower::Follower::begin(source, &cursor, into.clone()).await {
        Ok(Ok(mut follower)) => follower.run().await,
        Ok(Err(why)) => Ok(Some(why)),
        Err(error) => Err(error),
    };
    match ended {
        Ok(Some(why)) => {
            // A receiver that is gone needs no answer.
            let _ = into.send(Changes::FullReadNeeded { why }).await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => {
            source.note_failure(&cursor.server, &error);
            Err(error)
        }
    }
}

/// The domain that is read, if all bases lie in one.
pub(super) async fn domain(
    source: &LdapSource,
    connection: &mut Connection,
    root: &RootDse,
) -> Result<Option<DomainHead>, DirectoryError> {
    let contexts = contexts(source, root).unwrap_or_default();
    let [base] = contexts.as_slice() else { return Ok(None) };
    let (entries, _) = connection.search(&Question::entry(base.as_str(), &["objectSid"])).await?.all().await?;
    let sid = entries.first().and_then(|head| Sid::from_bytes(head.values("objectSid").first()?).ok());
    Ok(sid.map(|sid| DomainHead { sid, base: base.clone() }))
}

/// The SIDs of the groups that an object is in, by the domain controller's own reckoning (`tokenGroups`, MS-ADTS
/// 3.1.1.4.5.19). It reckons for one object at a time only.
pub(super) async fn token_groups(
    connection: &mut Connection,
    guid: &Guid,
) -> Result<Option<Vec<Vec<u8>>>, DirectoryError> {
    let question = Question::entry(&format!("<GUID={guid}>"), &["tokenGroups"]);
    let (entries, outcome) = connection.search(&question).await?.all().await?;
    outcome.success(connection.server(), "to reckon the groups of an object")?;
    Ok(entries.first().map(|entry| entry.values("tokenGroups").iter().map(|sid| sid.to_vec()).collect()))
}

/// The partitions that hold the bases, each once; `None` when a base is in none that this server has.
fn contexts(source: &LdapSource, root: &RootDse) -> Option<Vec<Dn>> {
    let mut contexts: Vec<Dn> = Vec::new();
    for (base, _) in &source.bases {
        let context = root.context_of(base)?;
        if !contexts.contains(context) {
            contexts.push(context.clone());
        }
    }
    Some(contexts)
}
