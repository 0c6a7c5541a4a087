//! What people are told of grants who ask by a program of their own.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::{Admin, AdminError};
use super::{EngagementView, GrantView, Shown};
use crate::model::User;
use crate::model::grant::Stage;
use crate::store::grants;

/// Some of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// They.
    pub items: Vec<T>,
    /// Whether there are more than are told.
    pub more: bool,
}

/// A grant, and what whoever asks has to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnView {
    /// It.
    #[serde(flatten)]
    pub grant: GrantView,
    /// They have it, or are to.
    pub holds: bool,
    /// They asked for it.
    pub asked: bool,
    /// They may decide about it, and look back at it.
    pub may_decide: bool,
    /// They agreed to it.
    pub agreed: bool,
    /// How many have to agree.
    pub needed: usize,
    /// What its role allows, in words.
    pub allows: Vec<String>,
    /// What they would agree to now, where there is something to agree to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree_to: Option<String>,
}

impl OwnView {
    /// Of what is shown to somebody, with what its role allows.
    #[must_use]
    pub fn of(shown: Shown, allows: Vec<String>) -> Self {
        let asks = shown.may_decide && !shown.agreed && shown.view.stage == Stage::Requested;
        let agree_to = asks.then(|| shown.agree_to());
        let Shown { view: grant, holds, asked, may_decide, agreed, needed, .. } = shown;
        Self { grant, holds, asked, may_decide, agreed, needed, allows, agree_to }
    }
}

impl Shown {
    /// A digest of all that somebody agrees to: of the request, and of what its role allows and what bounds it. One word of either
    /// that is changed makes it another.
    #[must_use]
    pub fn agree_to(&self) -> String {
        hex::encode(Sha256::digest(format!("{}\n{}", self.view.digest, self.reach)))
    }
}

impl Admin {
    /// The engagements that `person` answers for, or is one of the people of. Who is in one, and what they were granted, is told to
    /// whoever answers for it alone. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_engagements(&self, person: &User) -> Result<Vec<EngagementView>, AdminError> {
        let now = self.now();
        self.store.read(|snapshot| {
            let all = grants::engagements(snapshot)?.into_iter().map(|held| held.value);
            let theirs = all.filter(|one| one.sponsor == person.id || one.people.contains(&person.id));
            let told = theirs.map(|one| {
                let view = EngagementView::of(snapshot, &one, now)?;
                Ok(match one.sponsor == person.id {
                    true => view,
                    false => EngagementView {
                        people: Vec::new(),
                        sign_in: Vec::new(),
                        grants: Vec::new(),
                        external_id: String::new(),
                        ..view
                    },
                })
            });
            told.collect()
        })
    }

    /// One of those, by its name or id. Blocks.
    ///
    /// # Errors
    /// When there is none of theirs, or the store cannot be read.
    pub fn own_engagement(&self, person: &User, which: &str) -> Result<EngagementView, AdminError> {
        let found = self.own_engagements(person)?.into_iter().find(|one| one.name == which || one.id == which);
        found
            .ok_or_else(|| AdminError::NoSuch { what: format!("engagement `{}`", crate::base::text::printable(which)) })
    }
}
