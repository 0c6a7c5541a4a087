//! What clients are owed about sign-outs, for people to look at.

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use crate::base::SessionId;
use crate::model::client::ClientId;
use crate::model::logout_notice::NoticeState;
use crate::model::{Entity, Member};
use crate::store::{logouts, rows};

/// That a client is told of a sign-out, was, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutView {
    /// Which client.
    pub client: ClientId,
    /// The browser's session.
    pub session: SessionId,
    /// Whose: their name, or their id where they are gone.
    pub user: String,
    /// How far it is.
    #[serde(flatten)]
    pub state: NoticeState,
}

impl Admin {
    /// What clients are owed about sessions that ended, and what they were told in the last week, by client. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn client_logouts(&self) -> Result<Vec<LogoutView>, AdminError> {
        let notices = logouts::notices(&self.store)?.into_iter().map(|held| held.value);
        let ended = notices.filter(|notice| !matches!(notice.state, NoticeState::Watching { .. }));
        let mut views = Vec::new();
        for notice in ended {
            let found = self.store.read(|snapshot| rows::entity(snapshot, &Member::User(notice.user)))?;
            let user = match found {
                Some((_, Entity::User(user))) => user.name.to_string(),
                _ => notice.user.to_string(),
            };
            views.push(LogoutView { client: notice.client, session: notice.session, user, state: notice.state });
        }
        views.sort_by(|a, b| a.client.cmp(&b.client));
        Ok(views)
    }
}
