//! Rings when something changed: the notification control (MS-ADTS 3.1.1.3.4.1.9).
//!
//! It only makes the next question come sooner. What it says is not read, and without it changes are seen all the same,
//! `follow_every` at the latest; so a bell that falls silent is no failure.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::super::ldap::{Answer, Connection, Question, Scope, controls, extension};
use super::super::root_dse::RootDse;
use super::super::source::LdapSource;
use super::super::{DirectoryError, Dn};

/// A search that is answered whenever something changes, on a connection of its own.
pub(super) struct Bell {
    rang: Arc<Notify>,
    _connection: Connection,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Bell {
    /// A bell for these partitions; `None` where the server or the settings want none.
    pub(super) async fn hang(
        source: &LdapSource,
        server: &str,
        root: &RootDse,
        contexts: &[Dn],
    ) -> Result<Option<Self>, DirectoryError> {
        if !source.settings.notified || !root.supports(controls::NOTIFICATION) {
            return Ok(None);
        }
        let mut connection = source.open_to(server).await?;
        let rang = Arc::new(Notify::new());
        let mut tasks = Vec::with_capacity(contexts.len());
        for context in contexts {
            let question = Question {
                scope: Scope::Subtree,
                controls: vec![extension::notification(), extension::show_deleted()],
                ..Question::entry(context.as_str(), &["objectGUID"])
            };
            let mut answers = connection.search_on(&question).await?;
            let rings = Arc::clone(&rang);
            tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
                while let Ok(Answer::Entry(..) | Answer::Reference | Answer::Sync(_)) = answers.next().await {
                    rings.notify_one();
                }
                // Whoever listens asks once more, and finds it silent.
                rings.notify_one();
            })));
        }
        Ok(Some(Self { rang, _connection: connection, tasks }))
    }

    /// Waits for a change.
    pub(super) async fn rang(&self) {
        self.rang.notified().await;
    }

    /// True once it can no longer ring.
    pub(super) fn is_silent(&self) -> bool {
        self.tasks.iter().any(AbortOnDropHandle::is_finished)
    }
}
