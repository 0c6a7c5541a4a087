//! Tokens by which software may register itself as a client of single sign-on: made, listed, removed.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::base::text::printable;
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
use crate::model::client::{ClientId, RegistrationToken, SecretHash};
use crate::store::{StoreError, identity, sso};

/// Most of them that are kept.
const MOST: usize = 100;

/// Most clients that may register by one.
const MOST_USES: u32 = 1_000;

/// How long one counts if nothing is said, and at most, in seconds.
const USUAL: u32 = 24 * 3_600;
const LONGEST: u32 = 90 * 24 * 3_600;

/// A token that is to be made.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewRegistrationToken {
    /// What it is called; chosen by chance, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ClientId>,
    /// Seconds that it counts: a day, if nothing is said, and 90 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// How many clients may register by it: one, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
}

/// A token as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegistrationTokenView {
    /// What it is called.
    pub name: ClientId,
    /// When it was made.
    pub created: Timestamp,
    /// It counts until then.
    pub expires: Timestamp,
    /// How many clients may still register by it.
    pub left: u32,
    /// Whether it counts no more, since the store came back from a backup after it was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub void: bool,
}

impl RegistrationTokenView {
    fn of(token: RegistrationToken, epoch: &str) -> Self {
        let (void, left) = (token.epoch != epoch, token.left);
        let left = if void { 0 } else { left };
        Self { name: token.name, created: token.created, expires: token.expires, left, void }
    }
}

impl Admin {
    /// Makes a token, which is told this once. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, a limit is passed, there are too many, or a part fails.
    pub fn create_registration_token(
        &self,
        asked: Authorized,
        new: &NewRegistrationToken,
    ) -> Result<(RegistrationTokenView, Secret<String>), AdminError> {
        let (secret, chance) = (self.fresh_secret(), format!("t-{}", hex::encode(self.fresh_id())));
        let (seconds, uses) = (new.seconds.unwrap_or(USUAL), new.uses.unwrap_or(1));
        self.change(asked, |change| {
            let limit = |what: String, limit: String| Err(AdminError::LimitExceeded { what, limit });
            if !(1..=LONGEST).contains(&seconds) {
                return limit(format!("a registration token for {seconds} s"), format!("1 to {LONGEST} s (90 days)"));
            }
            if !(1..=MOST_USES).contains(&uses) {
                return limit(format!("a registration token for {uses} clients"), format!("1 to {MOST_USES}"));
            }
            let name = match &new.name {
                Some(name) => name.clone(),
                None => chance.parse()?,
            };
            if sso::registration_token(change.snapshot, &name)?.is_some() {
                return Err(AdminError::Exists { kind: "registration token", name: name.to_string() });
            }
            if sso::registration_tokens(change.snapshot)?.len() >= MOST {
                return limit("one more registration token".to_owned(), format!("{MOST} are kept; remove one first"));
            }
            let until = change.now.saturating_add(SignedDuration::from_secs(i64::from(seconds)));
            let token = RegistrationToken {
                name,
                secret: SecretHash::of(&secret),
                created: change.now,
                expires: until.unwrap_or(Timestamp::MAX),
                left: uses,
                epoch: identity::epoch(change.snapshot)?.to_string(),
            };
            change.commit.put_registration_token(&token, 0)?;
            change.note("token", token.name.to_string());
            change.note("uses", uses.to_string());
            change.note("expires", token.expires.to_string());
            let text = Secret::new(format!("{}.{}", token.name, secret.expose()));
            let view = RegistrationTokenView::of(token.clone(), &token.epoch);
            Ok((view, text))
        })
    }

    /// All of them, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn registration_tokens(&self) -> Result<Vec<RegistrationTokenView>, AdminError> {
        let (all, epoch) = self.store.read(|snapshot| {
            Ok::<_, StoreError>((sso::registration_tokens(snapshot)?, identity::epoch(snapshot)?.to_string()))
        })?;
        Ok(all.into_iter().map(|token| RegistrationTokenView::of(token, &epoch)).collect())
    }

    /// Removes one: nobody registers by it any more. Clients that did stay. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn delete_registration_token(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let missing = || AdminError::NotFound { kind: "registration token", who: printable(&which).into_owned() };
            let name: ClientId = which.parse().map_err(|_| missing())?;
            let held = sso::registration_token(change.snapshot, &name)?.ok_or_else(missing)?;
            change.commit.delete_registration_token(&held.value, held.revision);
            change.note("token", name.to_string());
            Ok(())
        })
    }
}
