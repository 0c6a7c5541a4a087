//! Guardrails as documents that have a say: level by level, about whoever asks and about what they ask for.
//!
//! As in AWS Organizations ("SCP evaluation", "RCP evaluation"): of those attached to one target one has to allow, at every
//! target that has any; a target without any is as one with AWS's `FullAWSAccess`. Those of resources only deny, since the
//! full allow that AWS attaches to all of them cannot be taken away. Any Deny ends it.
//!
//! Root is bound like everybody else, as in AWS's member accounts. AWS spares its management account because there is
//! nobody above it who could repair a mistake. Here there is: the operators of the machine, of whom policies decide nothing.
//! And all people belong to the home account, so that guardrails which spared it would bind hardly anybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Terms;
use super::effective::Held;
use super::shelf::{Shelf, Written};
use crate::model::{AccountId, Guardrail, GuardrailKind, GuardrailTarget};
use crate::policy::{Document, Effect, Kind, Layer, Named, Policies, Request};
use crate::store::{Snapshot, StoreError, iam};

/// The guardrails that are attached to something, read at one moment.
#[derive(Debug, Clone)]
pub struct Guardrails {
    attached: Vec<Attached>,
    /// What a level without guardrails holds where another has some.
    full: Held,
}

#[derive(Debug, Clone)]
struct Attached {
    kind: GuardrailKind,
    on: BTreeSet<GuardrailTarget>,
    held: Held,
}

/// Between whom something is asked.
#[derive(Debug, Clone)]
pub struct Sides {
    /// The account of whoever asks.
    pub principal: AccountId,
    /// The account that owns what it is about, if it is one of ours.
    pub owner: Option<AccountId>,
}

/// A level of guardrails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level<'a> {
    /// What they are attached to.
    pub on: GuardrailTarget,
    /// What they are called.
    pub names: Vec<&'a str>,
}

/// What AWS attaches where nothing else is.
const FULL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Sid":"FullAccess","Effect":"Allow","Action":"*","Resource":"*"}}"#;

impl Guardrails {
    /// Those in the store, with the documents on `shelf`; `home` is the account that they all belong to.
    ///
    /// # Errors
    /// When the store cannot be read or a document is damaged: then nobody is allowed anything.
    pub fn read(snapshot: &dyn Snapshot, shelf: &Shelf, home: &AccountId) -> Result<Self, StoreError> {
        Self::with(shelf, home, iam::all(snapshot)?)
    }

    /// Those of `all` that are attached to something.
    ///
    /// # Errors
    /// When a document is damaged.
    pub fn of(home: &AccountId, all: impl IntoIterator<Item = Guardrail>) -> Result<Self, StoreError> {
        Self::with(&Shelf::default(), home, all)
    }

    fn with(shelf: &Shelf, home: &AccountId, all: impl IntoIterator<Item = Guardrail>) -> Result<Self, StoreError> {
        let attached = all.into_iter().filter(|guardrail| !guardrail.on.is_empty());
        let attached = attached.map(|guardrail| Attached::of(shelf, home, guardrail));
        let mut attached = attached.collect::<Result<Vec<_>, _>>()?;
        attached.sort_by(|a, b| a.held.name.cmp(&b.held.name));
        Ok(Self { attached, full: held(shelf, "FullAWSAccess", FULL, Kind::ServiceControl)? })
    }

    /// Puts them where they count when something is asked between `sides`.
    pub fn bind<'a>(&'a self, sides: &Sides, policies: &mut Policies<'a>) {
        policies.scps = self.levels(GuardrailKind::Service, &sides.principal);
        for level in policies.scps.iter_mut().flatten().filter(|level| level.is_empty()) {
            level.push(self.full.named());
        }
        policies.rcps = sides.owner.as_ref().and_then(|owner| self.levels(GuardrailKind::Resource, owner));
    }

    /// What they say, wherever they are attached.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.attached.iter().map(|attached| &*attached.held.document)
    }

    /// Takes those out of whose name `meant` says so; whether there were any.
    pub fn leave_out(&mut self, meant: impl Fn(&str) -> bool) -> bool {
        let before = self.attached.len();
        self.attached.retain(|attached| !meant(&attached.held.name));
        self.attached.len() < before
    }

    /// What a layer of a decision between `sides` is, if it is one of guardrails.
    #[must_use]
    pub fn level(&self, layer: Layer, sides: &Sides) -> Option<Level<'_>> {
        let (kind, account, level) = match layer {
            Layer::ServiceControl(level) => (GuardrailKind::Service, &sides.principal, level),
            Layer::ResourceControl(level) => (GuardrailKind::Resource, sides.owner.as_ref()?, level),
            _ => return None,
        };
        let on = GuardrailTarget::levels(account).into_iter().nth(level)?;
        let names = self.on(kind, &on).map(|held| &*held.name).collect();
        Some(Level { on, names })
    }

    /// What holds guardrails of which none allows anything, so that who is bound by them may do nothing.
    #[must_use]
    pub fn barren(&self) -> BTreeSet<&GuardrailTarget> {
        let of = |allows: bool| {
            let service = self.attached.iter().filter(|attached| attached.kind == GuardrailKind::Service);
            let found = service.filter(move |attached| attached.held.document.has(Effect::Allow) == allows);
            found.flat_map(|attached| &attached.on).collect::<BTreeSet<_>>()
        };
        let allowing = of(true);
        of(false).into_iter().filter(|target| !allowing.contains(target)).collect()
    }

    /// All levels, those without guardrails empty; `None` where none has any.
    fn levels(&self, kind: GuardrailKind, account: &AccountId) -> Option<Vec<Vec<Named<'_>>>> {
        let level = |on: GuardrailTarget| self.on(kind, &on).map(Held::named).collect();
        let levels: Vec<Vec<_>> = GuardrailTarget::levels(account).into_iter().map(level).collect();
        levels.iter().any(|level| !level.is_empty()).then_some(levels)
    }

    fn on<'a>(&'a self, kind: GuardrailKind, on: &GuardrailTarget) -> impl Iterator<Item = &'a Held> {
        let attached = self.attached.iter().filter(move |attached| attached.kind == kind);
        attached.filter(move |attached| attached.on.contains(on)).map(|attached| &attached.held)
    }
}

impl Attached {
    fn of(shelf: &Shelf, home: &AccountId, guardrail: Guardrail) -> Result<Self, StoreError> {
        let name = guardrail.arn(home).to_string();
        let held = held(shelf, &name, &guardrail.document, language(guardrail.kind))?;
        Ok(Self { kind: guardrail.kind, on: guardrail.on, held })
    }
}

/// A guardrail's document.
fn held(shelf: &Shelf, name: &str, text: &str, kind: Kind) -> Result<Held, StoreError> {
    let Written { document, text } = shelf.parsed(text, kind, name)?;
    Ok(Held { name: name.into(), document, text, through: Arc::default() })
}

impl Sides {
    /// Those of a question from `principal`.
    #[must_use]
    pub fn of(principal: &AccountId, request: &Request, terms: &Terms) -> Self {
        let owner = request.owner().parse().ok().filter(|owner| terms.holds(owner));
        Self { principal: principal.clone(), owner }
    }
}

/// What the document of a guardrail must and must not say.
#[must_use]
pub fn language(kind: GuardrailKind) -> Kind {
    match kind {
        GuardrailKind::Service => Kind::ServiceControl,
        GuardrailKind::Resource => Kind::ResourceControl,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::GuardrailId;

    const HOME: &str = "123456789012";

    fn account(text: &str) -> AccountId {
        text.parse().unwrap()
    }

    fn guardrail(name: &str, kind: GuardrailKind, on: &[&str]) -> Guardrail {
        let now = "2026-03-12T12:00:00Z".parse().unwrap();
        let principal = if kind == GuardrailKind::Resource { r#""Principal":"*","# } else { "" };
        Guardrail {
            id: GuardrailId::from_bytes([1; 16]),
            name: name.parse().unwrap(),
            kind,
            description: String::new(),
            document: format!(r#"{{"Statement":{{"Effect":"Deny",{principal}"Action":"s3:*","Resource":"*"}}}}"#),
            on: on.iter().map(|target| target.parse().unwrap()).collect(),
            created: now,
            updated: now,
        }
    }

    fn names(levels: Option<&Vec<Vec<Named<'_>>>>) -> Vec<Vec<String>> {
        let short = |named: &Named<'_>| named.name.rsplit('/').next().unwrap().to_owned();
        levels.into_iter().flatten().map(|level| level.iter().map(short).collect()).collect()
    }

    #[test]
    fn each_level_holds_what_is_attached_there_and_an_empty_one_allows() {
        let (service, resource) = (GuardrailKind::Service, GuardrailKind::Resource);
        let own = format!("account/{HOME}");
        let all = [
            guardrail("nowhere", service, &[]),
            guardrail("b", service, &[&own]),
            guardrail("a", service, &[&own]),
            guardrail("elsewhere", service, &["account/999999999999"]),
            guardrail("data", resource, &["organization", &own]),
        ];
        let mut guardrails = Guardrails::of(&account(HOME), all).unwrap();
        let bound = |guardrails: &Guardrails, principal: &str, owner: Option<&str>| {
            let mut policies = Policies::default();
            let sides = Sides { principal: account(principal), owner: owner.map(account) };
            guardrails.bind(&sides, &mut policies);
            (names(policies.scps.as_ref()), names(policies.rcps.as_ref()))
        };
        let texts = |levels: &[&[&str]]| -> Vec<Vec<String>> {
            levels.iter().map(|level| level.iter().map(|name| (*name).to_owned()).collect()).collect()
        };
        assert_eq!(
            bound(&guardrails, HOME, Some(HOME)),
            (texts(&[&["FullAWSAccess"], &["a", "b"]]), texts(&[&["data"], &["data"]]))
        );
        let elsewhere = texts(&[&["FullAWSAccess"], &["elsewhere"]]);
        assert_eq!(
            bound(&guardrails, "999999999999", Some("888888888888")),
            (elsewhere.clone(), texts(&[&["data"], &[]]))
        );
        assert_eq!(bound(&guardrails, "999999999999", None), (elsewhere, Vec::new()));
        assert_eq!(bound(&guardrails, "888888888888", None), (Vec::new(), Vec::new()));
        // Where the last one is left out, the level allows.
        assert!(guardrails.leave_out(|name| !name.ends_with("/b")) && !guardrails.leave_out(|_| false));
        assert_eq!(bound(&guardrails, HOME, Some(HOME)).0, texts(&[&["FullAWSAccess"], &["b"]]));
    }

    #[test]
    fn a_layer_knows_what_it_is_attached_to() {
        let guardrails =
            Guardrails::of(&account(HOME), [guardrail("a", GuardrailKind::Service, &["organization"])]).unwrap();
        let sides = Sides { principal: account("999999999999"), owner: None };
        let level = |layer| guardrails.level(layer, &sides);
        let name = format!("arn:aws:bailey::{HOME}:guardrail/a");
        let organization = Level { on: GuardrailTarget::Organization, names: vec![name.as_str()] };
        assert_eq!(level(Layer::ServiceControl(0)), Some(organization));
        assert_eq!(level(Layer::ServiceControl(1)).unwrap().on.to_string(), "account/999999999999");
        assert_eq!((level(Layer::ServiceControl(2)), level(Layer::ResourceControl(0))), (None, None));
        assert_eq!(level(Layer::Identity), None);
    }

    #[test]
    fn targets_where_nothing_allows_anything_are_known() {
        let mut allows = guardrail("allows", GuardrailKind::Service, &["organization"]);
        allows.document = FULL.to_owned();
        let denies = guardrail("denies", GuardrailKind::Service, &["organization", "account/999999999999"]);
        let data = guardrail("data", GuardrailKind::Resource, &["account/888888888888"]);
        let guardrails = Guardrails::of(&account(HOME), [allows, denies, data]).unwrap();
        let barren: Vec<String> = guardrails.barren().into_iter().map(ToString::to_string).collect();
        assert_eq!(barren, ["account/999999999999"]);
    }

    #[test]
    fn a_damaged_document_is_an_error_and_not_an_absence() {
        let mut damaged = guardrail("a", GuardrailKind::Service, &["organization"]);
        damaged.document = "{}".to_owned();
        let error = Guardrails::of(&account(HOME), [damaged]).unwrap_err();
        assert!(error.to_string().contains("guardrail/a"), "{error}");
    }
}
