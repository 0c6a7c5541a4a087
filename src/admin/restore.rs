//! Bringing a leaver back.
//!
//! The same directory object coming back restores its user by itself, at the next event or full read;
//! asking for it only looks now. A rebuilt account is another object with another GUID: linking it makes the old
//! user, with its id and all that hangs on it, stand for the new object from then on.

use super::views::EntityView;
use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::{Guid, Timestamp};
use crate::directory::{Arrival, Kind, Wanted};
use crate::gate::Authorized;
use crate::model::{Actor, Entity, Member, MemberKind, User, origin};
use crate::rights::find::by_name_or_id;
use crate::store::{Commit, Intent, rows, schema};
use crate::sync::doomed::Doomed;
use crate::sync::progress::Unwatched;
use crate::sync::worker::{Command, Handle};
use crate::sync::{SyncError, state};

impl Admin {
    /// Brings `asked.resource()` back: because its directory object is there again, or, with `to`, as the
    /// object with that GUID.
    ///
    /// # Errors
    /// When there is no such user, it has not left, the object is not there, or a part fails.
    pub async fn restore_user(&self, asked: Authorized, to: Option<Guid>) -> Result<EntityView, AdminError> {
        let (who, actor) = (asked.resource().to_owned(), asked.actor());
        let restored = self.restore(&who, actor, asked.audit_seq(), to).await;
        let (now, outcome) = match &restored {
            Ok(view) => {
                (self.now(), Outcome::success().with("id", view.id.as_str()).with("guid", view.guid.to_string()))
            }
            Err(error) => (self.now(), Outcome::failed("NotRestored", error)),
        };
        self.store
            .run(move |_| {
                asked.complete(&outcome, now);
                Ok::<_, AdminError>(())
            })
            .await?;
        restored
    }

    async fn restore(
        &self,
        who: &str,
        actor: Actor,
        audit: Option<u64>,
        to: Option<Guid>,
    ) -> Result<EntityView, AdminError> {
        let name = who.to_owned();
        let user = self
            .store
            .run(move |store| store.read(|snapshot| by_name_or_id(snapshot, MemberKind::User, &name)))
            .await?;
        let Entity::User(user) = user else { return Err(SyncError::Bug("a user that is none".to_owned()).into()) };
        if user.standing.is_present() {
            return Err(AdminError::NotNow {
                what: format!("`{}` has not left", user.name),
                remedy: "there is nothing to restore".to_owned(),
            });
        }
        let handle = self.directory(&user.origin.directory)?;
        let guid = to.unwrap_or(user.origin.guid);
        self.must_be_there(&handle, guid).await?;
        if guid != user.origin.guid {
            let (admin, old, by) = (self.clone(), user.clone(), actor.clone());
            self.store.run(move |_| admin.link(&old, guid, &by, audit)).await?;
        }
        // The full read sees the object under the old id and restores it, as if it had never been away.
        let (reply, answer) = tokio::sync::oneshot::channel();
        handle.send(Command::Full { actor, progress: Box::new(Unwatched), reply }).await?;
        answer.await.map_err(|_| SyncError::Stopping)??;
        let (account, now, id) = (self.account.clone(), self.now(), user.id);
        self.store
            .run(move |store| {
                let entity = store.read(|snapshot| rows::entity(snapshot, &Member::User(id)))?;
                let (_, entity) = entity.ok_or_else(|| SyncError::Bug("a restored user has no row".to_owned()))?;
                Ok(EntityView::of(&entity, &account, None, now))
            })
            .await
    }

    async fn must_be_there(&self, handle: &Handle, guid: Guid) -> Result<(), AdminError> {
        let found = handle.runner.source.look_up(vec![Wanted::Guid(guid)]).await?;
        let person = found.iter().any(
            |arrival| matches!(arrival, Arrival::Entry(entry) if entry.kind == Kind::Person && entry.guid == guid),
        );
        if person {
            return Ok(());
        }
        Err(AdminError::NotNow {
            what: format!("the directory has no person with id {guid} in scope"),
            remedy: "restore the account there first, or link a rebuilt one with --to NEW_GUID".to_owned(),
        })
    }

    /// Makes `old` stand for the object `guid`; the row that object may have by now goes.
    fn link(&self, old: &User, guid: Guid, actor: &Actor, audit: Option<u64>) -> Result<(), AdminError> {
        let now: Timestamp = self.now();
        let label = &old.origin.directory;
        let derived = origin::user_id(label, &guid);
        let (state, doomed) = self.store.read(|snapshot| {
            let state = state::load(snapshot, label)?;
            Ok::<_, SyncError>((state, Doomed::of(snapshot, &Member::User(derived), label)?))
        })?;
        let mut commit = Commit::new(actor.clone(), now, Intent::Widen);
        commit.audit = audit;
        for (row, claimed) in doomed.claimed {
            commit.unclaimed_since(&row, claimed);
        }
        for key in doomed.keys.into_iter().chain(doomed.name) {
            commit.delete(key);
        }
        commit.put(schema::relink(MemberKind::User, derived.as_bytes()), old.id.as_bytes().to_vec());
        if let Some((revision, state)) = state {
            let key = schema::sync_state(label, "state");
            commit.expect(key.clone(), crate::store::Expect::At(revision));
            commit.put(key, serde_json::to_vec(&state).map_err(SyncError::from)?);
        }
        self.store.commit(commit)?;
        Ok(())
    }
}
