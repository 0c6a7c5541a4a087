//! Guardrails: the maximum permissions of an account (AWS SCPs and RCPs), and what they are attached to.
//!
//! They belong to the home account and are few, so a listing has no pages. What they mean is in [`crate::rights::guardrails`].

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::views::{raw, told};
use super::{Change, examine, find, lockout, roles};
use crate::base::{GuardrailId, Timestamp};
use crate::gate::Authorized;
use crate::model::guardrail::{MOST, MOST_ATTACHED};
use crate::model::{AccountId, Guardrail, GuardrailKind, GuardrailTarget, PolicyName};
use crate::policy::Warning;
use crate::rights::guardrails::language;
use crate::store::iam::{self, Read};

/// Longest guardrail, white space not counted (AWS Organizations User Guide, "Quotas").
const LONGEST: usize = 5_120;

/// A guardrail to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGuardrail {
    /// Its name.
    pub name: PolicyName,
    /// Whom it binds.
    pub kind: GuardrailKind,
    /// For people to read.
    #[serde(default)]
    pub description: String,
    /// What it says.
    pub document: Box<RawValue>,
}

/// What to change of a guardrail; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardrailUpdate {
    /// For people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Box<RawValue>>,
}

/// A guardrail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuardrailView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its id.
    pub id: String,
    /// `service` or `resource`.
    pub kind: GuardrailKind,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it is attached to: `organization`, `account/123456789012`.
    pub on: Vec<GuardrailTarget>,
    /// When it was made.
    pub created: Timestamp,
    /// When it, or what it is attached to, was changed last.
    pub updated: Timestamp,
    /// What it says; `None` in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Box<RawValue>>,
    /// What is worth a thought about what was just done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl GuardrailView {
    /// Shows a guardrail as listings do.
    #[must_use]
    pub fn of(home: &AccountId, guardrail: &Guardrail) -> Self {
        Self {
            name: guardrail.name.to_string(),
            arn: guardrail.arn(home).to_string(),
            id: guardrail.id.to_string(),
            kind: guardrail.kind,
            description: guardrail.description.clone(),
            on: guardrail.on.iter().cloned().collect(),
            created: guardrail.created,
            updated: guardrail.updated,
            document: None,
            warnings: Vec::new(),
        }
    }
}

impl Admin {
    /// Makes a guardrail that is attached to nothing yet. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, there are too many, the document is none, or a part fails.
    pub fn create_guardrail(&self, asked: Authorized, new: &NewGuardrail) -> Result<GuardrailView, AdminError> {
        let id = GuardrailId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let warnings = examined(new.kind, &new.document)?;
            let guardrail = Guardrail {
                id,
                name: new.name.clone(),
                kind: new.kind,
                description: roles::check_description(&new.description)?,
                document: new.document.get().to_owned(),
                on: std::collections::BTreeSet::new(),
                created: change.now,
                updated: change.now,
            };
            super::fits(&guardrail, "description and document")?;
            roles::must_be_free::<Guardrail>(change.snapshot, &guardrail, "guardrail")?;
            // Two who make the last one at once both may; the limit is about the time decisions take.
            if iam::all::<Guardrail>(change.snapshot)?.len() >= MOST {
                return Err(AdminError::LimitExceeded {
                    what: "another guardrail".to_owned(),
                    limit: format!("{MOST} are kept; delete one first, or say it in one that is there"),
                });
            }
            change.commit.add_object(&guardrail)?;
            change.note("guardrail", guardrail.arn(change.account).to_string());
            change.note("document_sha256", super::digest(&guardrail.document));
            Ok(GuardrailView { warnings: told(warnings), ..GuardrailView::of(change.account, &guardrail) })
        })
    }

    /// Says anew what a guardrail says, wherever it is attached. Blocks.
    ///
    /// # Errors
    /// When there is none, the document is none, or a part fails.
    pub fn update_guardrail(&self, asked: Authorized, update: &GuardrailUpdate) -> Result<GuardrailView, AdminError> {
        self.change_guardrail(asked, |change, guardrail| {
            if let Some(description) = &update.description {
                guardrail.description = roles::check_description(description)?;
            }
            let Some(document) = &update.document else { return Ok(Vec::new()) };
            let warnings = examined(guardrail.kind, document)?;
            document.get().clone_into(&mut guardrail.document);
            super::fits(guardrail, "description and document")?;
            change.note("document_sha256", super::digest(&guardrail.document));
            Ok(told(warnings))
        })
    }

    /// Deletes a guardrail that is attached to nothing. Blocks.
    ///
    /// # Errors
    /// When it is attached to something, there is none, or a part fails.
    pub fn delete_guardrail(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: guardrail, revision } = find::guardrail(change.snapshot, change.account, &which)?;
            if let Some(target) = guardrail.on.first() {
                return Err(AdminError::DeleteConflict {
                    what: format!("`{}` is attached to {target}", guardrail.name),
                    remedy: format!("detach it first: `bailey guardrail detach {} --from {target}`", guardrail.name),
                });
            }
            // What it is attached to stands in its own row, so nothing else can have come to hang on it.
            change.commit.delete_object(&guardrail, revision, 0);
            change.note("guardrail", guardrail.arn(change.account).to_string());
            Ok(())
        })
    }

    /// Attaches a guardrail to the organization or to an account. Blocks.
    ///
    /// # Errors
    /// When there is no such guardrail or account, enough are attached there, or a part fails.
    pub fn attach_guardrail(&self, asked: Authorized, target: &str) -> Result<GuardrailView, AdminError> {
        self.change_guardrail(asked, |change, guardrail| {
            let target = target_of(target)?;
            if let GuardrailTarget::Account(account) = &target {
                roles::declared(change.accounts, Some(account))?;
            }
            change.note("on", target.to_string());
            let there = iam::all::<Guardrail>(change.snapshot)?;
            let beside = there.iter().filter(|other| other.id != guardrail.id && other.kind == guardrail.kind);
            if beside.filter(|other| other.on.contains(&target)).count() >= MOST_ATTACHED {
                return Err(AdminError::LimitExceeded {
                    what: format!("another {} guardrail on {target}", guardrail.kind),
                    limit: format!("{MOST_ATTACHED} may be attached there; put what belongs together into one"),
                });
            }
            guardrail.on.insert(target);
            Ok(Vec::new())
        })
    }

    /// Detaches a guardrail. Blocks.
    ///
    /// # Errors
    /// When there is none, it is not attached there, or a part fails.
    pub fn detach_guardrail(&self, asked: Authorized, target: &str) -> Result<GuardrailView, AdminError> {
        self.change_guardrail(asked, |change, guardrail| {
            // The account may be one that is declared no more.
            let target = target_of(target)?;
            change.note("on", target.to_string());
            if !guardrail.on.remove(&target) {
                return Err(AdminError::NoSuch { what: format!("`{}` on {target}", guardrail.name) });
            }
            Ok(Vec::new())
        })
    }

    /// Shows a guardrail with its document. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn guardrail(&self, asked: &Authorized) -> Result<GuardrailView, AdminError> {
        self.store.read(|snapshot| {
            let guardrail = find::guardrail(snapshot, &self.account, asked.resource())?.value;
            let view = GuardrailView::of(&self.account, &guardrail);
            Ok(GuardrailView { document: Some(raw(guardrail.document)?), ..view })
        })
    }

    /// All guardrails, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn guardrails(&self) -> Result<Vec<GuardrailView>, AdminError> {
        let found = self.store.read(|snapshot| iam::page::<Guardrail>(snapshot, None, None, usize::MAX))?;
        Ok(found.iter().map(|guardrail| GuardrailView::of(&self.account, guardrail)).collect())
    }

    fn change_guardrail(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Change<'_>, &mut Guardrail) -> Result<Vec<String>, AdminError>,
    ) -> Result<GuardrailView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = find::guardrail(change.snapshot, change.account, &which)?;
            change.note("guardrail", before.arn(change.account).to_string());
            let mut after = before.clone();
            let mut warnings = work(change, &mut after)?;
            if after != before {
                after.updated = change.now;
                change.commit.put_object(&after, revision)?;
            }
            warnings.extend(lockout::told(change.snapshot, change.account, &before, &after)?);
            Ok(GuardrailView { warnings, ..GuardrailView::of(change.account, &after) })
        })
    }
}

/// Refuses a document that no guardrail of this kind can have. Answers what is worth a thought about it.
fn examined(kind: GuardrailKind, document: &RawValue) -> Result<Vec<Warning>, AdminError> {
    examine(document.get(), language(kind), LONGEST)
}

/// What a guardrail is to be attached to, as it was said.
fn target_of(text: &str) -> Result<GuardrailTarget, AdminError> {
    text.parse().map_err(|_| AdminError::OutOfBounds {
        what: "target".to_owned(),
        limit: "`organization`, or `account/` and its 12 digits".to_owned(),
    })
}
