//! A question about a principal, and its decision: one for simulations and for who may do something.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::AdminError;
use super::custom::Given;
use super::find;
use super::simulate::Because;
use crate::base::Timestamp;
use crate::gate::Grounds;
use crate::model::{AccountId, Arn, Holder, Role, Session, User};
use crate::policy::{
    Context, Decision, Detail, Document, Layer, Named, Policies, Principal, Reason, Request, RequestError, Verdict,
    decide,
};
use crate::rights::who_can::Sought;
use crate::rights::{
    Acting, AssumeError, Assumed, EVERYBODY, FindError, Guardrails, Reading, Sides, Terms, Way, may_assume,
};
use crate::store::{Snapshot, iam};

/// Who is asked about.
pub(super) struct Subject {
    pub(super) acting: Acting,
    /// Why it can do nothing at all, whatever policies say.
    pub(super) inactive: Option<String>,
    /// Beyond what it does not reach, whatever policies say.
    pub(super) guardrails: Arc<Guardrails>,
    /// Documents that are to have a say although they are stored nowhere.
    pub(super) given: Given,
}

/// What is asked, and all that is known of it whoever is asked about.
pub(super) struct Question<'a> {
    pub(super) action: String,
    pub(super) resource: String,
    /// Tags of the resource, where it is a user or role of ours.
    tags: Vec<(String, String)>,
    /// The role that the resource is, where its trust has a say.
    role: Option<Role>,
    /// Context keys and their values, in the place of those known.
    context: &'a BTreeMap<String, Vec<String>>,
    /// The account that the resource belongs to, where its ARN does not say.
    pub(super) owner: Option<&'a str>,
    /// Nobody needs a policy of their own for it; what denies it counts, and no boundary.
    pub(super) open: bool,
}

/// A question about somebody, ready to be decided.
pub(super) struct Posed<'s> {
    subject: &'s Subject,
    request: Request,
    trust: Option<(String, Arc<Document>)>,
    /// What everybody may, where the question is about that.
    open: Option<[Arc<Document>; 2]>,
    sides: Sides,
}

impl Subject {
    /// A user.
    pub(super) fn of_user(reading: &mut Reading<'_, '_>, user: &User) -> Result<Self, AdminError> {
        let inactive = inactive(reading.terms(), user);
        Self::of(Acting::user(reading, user)?, inactive, reading)
    }

    /// A role, itself or its session of this name.
    pub(super) fn of_role(
        reading: &mut Reading<'_, '_>,
        role: &Role,
        session: Option<&str>,
        principal: Principal,
    ) -> Result<Self, AdminError> {
        Self::of(Acting::role(reading, role, session, principal)?, None, reading)
    }

    /// Whoever acts in `session`, which counts.
    pub(super) fn of_session(
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        home: &AccountId,
        session: &Session,
    ) -> Result<Self, AdminError> {
        Self::of(Acting::session(snapshot, reading, home, session)?, None, reading)
    }

    /// The account's root.
    pub(super) fn root(reading: &mut Reading<'_, '_>, account: &AccountId) -> Result<Self, AdminError> {
        Self::of(Acting::root(account)?, None, reading)
    }

    fn of(acting: Acting, inactive: Option<String>, reading: &mut Reading<'_, '_>) -> Result<Self, AdminError> {
        Ok(Self { acting, inactive, guardrails: reading.guardrails()?, given: Given::default() })
    }
}

impl<'a> Question<'a> {
    /// Whether `action` may be done to `resource`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn new(
        snapshot: &dyn Snapshot,
        account: &AccountId,
        (action, resource): (&str, &str),
        context: &'a BTreeMap<String, Vec<String>>,
    ) -> Result<Self, AdminError> {
        let role = match action.to_ascii_lowercase().starts_with("sts:") {
            true => role_of(snapshot, account, resource)?,
            false => None,
        };
        let tags = tags_of(snapshot, account, resource)?;
        Ok(Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            tags,
            role,
            context,
            owner: None,
            open: false,
        })
    }

    /// Of whom people are sought who could be allowed it.
    ///
    /// # Errors
    /// What is wrong with action or resource.
    pub(super) fn sought(&self, account: &AccountId) -> Result<Sought, AdminError> {
        let request = Request::new(root(account)?, &self.action, &self.resource, Context::default())?;
        Ok(Sought { request, role: self.role.clone() })
    }

    /// The question about somebody.
    ///
    /// # Errors
    /// When it makes no sense, or the store cannot be read.
    pub(super) fn about<'s>(
        &self,
        reading: &mut Reading<'_, '_>,
        subject: &'s Subject,
        now: Timestamp,
    ) -> Result<Posed<'s>, AdminError> {
        let mut context = subject.acting.context(now);
        for (key, value) in &self.tags {
            for space in ["aws:ResourceTag", "iam:ResourceTag"] {
                context.set(&format!("{space}/{key}"), vec![value.clone()]);
            }
        }
        for (key, values) in self.context {
            context.set(key, values.clone());
        }
        let mut request = subject.acting.request(&self.action, &self.resource, context)?;
        if let Some(owner) = self.owner {
            request = request.owned_by(owner)?;
        }
        let trust = match (&subject.acting.effective, &self.role) {
            (Some(effective), Some(role)) => {
                let document = reading.trust(role, &effective.assigned, &effective.facts.account)?;
                document.map(|document| (format!("trust of role/{}", role.name), document))
            }
            _ => None,
        };
        let sides = Sides::of(&subject.acting.account, &request, reading.terms());
        let open = self.open.then(|| reading.open_to_people(&subject.acting.account)).transpose()?;
        Ok(Posed { subject, request, trust, open, sides })
    }

    /// By which grant somebody may assume the role that is asked about, as they would at that moment; otherwise which context keys had
    /// no value.
    ///
    /// # Errors
    /// When it makes no sense, or the store cannot be read.
    pub(super) fn by_grant(
        &self,
        reading: &mut Reading<'_, '_>,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Result<Because, Vec<String>>, AdminError> {
        let Some(role) = self.role.as_ref().filter(|_| self.action.eq_ignore_ascii_case("sts:AssumeRole")) else {
            return Ok(Err(Vec::new()));
        };
        Ok(match may_assume(reading, &subject.acting, role, (self.context, None), now) {
            Ok(Assumed::Allowed(Way { through, until, grant: Some(_) })) => {
                let policy = through.last().cloned().unwrap_or_default();
                let until = until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
                Ok(Because {
                    what: format!("{policy} allows it{until}"),
                    policy: Some(policy),
                    statement: None,
                    through,
                })
            }
            Ok(Assumed::Refused { missing, .. }) => Err(missing),
            Ok(Assumed::Allowed(_)) => Err(Vec::new()),
            Err(AssumeError::Request(error)) => return Err(error.into()),
            Err(AssumeError::Store(error)) => return Err(error.into()),
        })
    }
}

impl Posed<'_> {
    /// The answer.
    pub(super) fn decide(&self, detail: Detail) -> Decision {
        decide(&self.request, &self.policies(), detail)
    }

    /// What a no rests on; nothing of a yes.
    pub(super) fn grounds(&self, decision: &Decision) -> Grounds {
        let basis = decision.basis(&self.request, &self.policies());
        let explicit = decision.verdict == Verdict::ExplicitlyDenied;
        Grounds::of(&self.subject.acting, basis, explicit, self.request.context().clone())
    }

    /// Whether what the resource says of the principal is enough, whatever the principal's own policies say.
    pub(super) fn resource_is_enough(&self) -> bool {
        let policies = Policies { identity: Vec::new(), ..self.policies() };
        policies.resource.is_some() && decide(&self.request, &policies, Detail::Deciding).verdict == Verdict::Allowed
    }

    fn policies(&self) -> Policies<'_> {
        let mut policies = self.subject.acting.policies();
        policies.resource = self.trust.as_ref().map(|(name, document)| Named { name, document });
        if let Some([document, trust]) = &self.open {
            policies.identity.push(Named { name: EVERYBODY, document });
            policies.resource = Some(Named { name: EVERYBODY, document: trust });
            policies.boundary = None;
        }
        self.subject.given.bind(&mut policies);
        self.subject.guardrails.bind(&self.sides, &mut policies);
        policies
    }

    /// A reason in words, and by which way the policy in it came to have a say.
    pub(super) fn because(&self, reason: Reason) -> Because {
        let what = reason.to_string();
        let level = |layer: Layer| self.subject.guardrails.level(layer, &self.sides);
        match reason {
            Reason::Statement { layer, policy, index, .. } => {
                let effective = self.subject.acting.effective.as_ref();
                let through = match level(layer) {
                    Some(level) => vec![level.on.to_string()],
                    None => effective.and_then(|effective| effective.through(&policy)).unwrap_or_default().to_vec(),
                };
                Because { what, policy: Some(policy), statement: Some(index), through }
            }
            Reason::NothingAllows(layer) => match level(layer) {
                Some(level) => {
                    let what = format!("{what}: {}", level.names.join(", "));
                    Because { what, policy: None, statement: None, through: vec![level.on.to_string()] }
                }
                None => Because { what, policy: None, statement: None, through: Vec::new() },
            },
            _ => Because { what, policy: None, statement: None, through: Vec::new() },
        }
    }
}

/// Why a user can do nothing at all, whatever policies say.
pub(super) fn inactive(terms: &Terms, user: &User) -> Option<String> {
    match user.standing.active(terms.now) {
        _ if terms.frozen.contains(&user.origin.directory) => Some("its directory is no longer configured".to_owned()),
        Ok(()) => None,
        Err(why) => Some(format!("it may not act: {why}")),
    }
}

fn root(account: &AccountId) -> Result<Principal, AdminError> {
    Ok(Principal::parse(Arn::root(account).as_str()).map_err(RequestError::from)?)
}

/// The role of ours that the resource is.
fn role_of(snapshot: &dyn Snapshot, account: &AccountId, resource: &str) -> Result<Option<Role>, AdminError> {
    if !resource.starts_with("arn:aws:iam::") {
        return Ok(None);
    }
    match find::role(snapshot, account, resource) {
        Ok(role) => Ok(Some(role.value)),
        Err(FindError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The tags that hang on the resource, where it is a user or role of ours.
fn tags_of(snapshot: &dyn Snapshot, account: &AccountId, resource: &str) -> Result<Vec<(String, String)>, AdminError> {
    let mut kinds = [("user", find::HolderKind::User), ("role", find::HolderKind::Role)].into_iter();
    let kind = kinds.find(|(word, _)| resource.starts_with(&format!("arn:aws:iam::{account}:{word}/")));
    let Some((_, kind)) = kind else { return Ok(Vec::new()) };
    let holder: Holder = match find::holder(snapshot, account, kind, resource) {
        Ok(holder) => holder,
        Err(FindError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let held = iam::entitlements(snapshot, &holder)?.value;
    Ok(held.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}
