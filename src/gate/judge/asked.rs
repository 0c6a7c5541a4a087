//! One question to policies: what the request itself brings for conditions, and the answer for what it is about, which may be an action
//! or the begin of a session.

use std::fmt::Write as _;

use super::super::operation::Operation;
use super::super::refusal::{Grounds, No};
use super::super::target::{About, Target};
use super::{Asking, DecideError, Grant, Granted, allows, moment, no};
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::model::{AccountId, Role};
use crate::rights::{self, Acting, Assumed, FindError, Reading, find, granted, may_assume, may_assume_root};
use crate::store::Snapshot;

/// A question to policies.
pub(super) struct Asked<'a> {
    pub(super) who: Subject<'a>,
    pub(super) acting: &'a Acting,
    pub(super) operation: Operation,
    pub(super) target: &'a Target,
    pub(super) asking: &'a Asking,
}

impl Asked<'_> {
    /// A yes, or why it is none.
    pub(super) fn decide(
        &self,
        snapshot: &dyn Snapshot,
        account: &AccountId,
        reading: &mut Reading<'_, '_>,
    ) -> Result<Result<Option<Granted>, No>, DecideError> {
        let now = reading.terms().now;
        let mut brought = self.brought(snapshot, account, now)?;
        if self.operation.is_assuming() {
            return self.assume(snapshot, account, reading, brought);
        }
        if self.operation == Operation::AssumeRoot {
            return self.assume_root(reading, brought);
        }
        let mut context = self.acting.context(now);
        brought.extend(self.asking.session.clone());
        for (key, values) in std::mem::take(&mut brought) {
            context.set(&key, values);
        }
        for action in self.operation.actions(!self.asking.tags.is_empty()) {
            let resource = &self.target.arn;
            let open = self.operation.is_open_to_people() || self.asking.comes_along;
            if let Err(no) = allows((self.acting, open), &action, resource, context.clone(), reading)? {
                return Ok(Err(No { action: Some(action), ..no }));
            }
        }
        Ok(Ok(None))
    }

    /// Whether a session of the role may begin. Of a role that is not there nothing more is said than of one that trusts nobody.
    fn assume(
        &self,
        snapshot: &dyn Snapshot,
        account: &AccountId,
        reading: &mut Reading<'_, '_>,
        mut asked: rights::Asked,
    ) -> Result<Result<Option<Granted>, No>, DecideError> {
        asked.extend(self.asking.session.clone());
        if let Subject::Visitor(visitor) = self.who {
            let said = visitor.identity().context();
            asked.extend(said.into_iter().map(|(key, values)| (key.to_owned(), values.to_vec())));
        }
        if self.asking.mfa.is_some() {
            asked.insert("aws:MultiFactorAuthPresent".to_owned(), vec!["true".to_owned()]);
            asked.insert("aws:MultiFactorAuthAge".to_owned(), vec!["0".to_owned()]);
        }
        asked.extend(moment(reading.terms().now));
        let nobody = || no("because no such role trusts who asks");
        let role = match find::role(snapshot, account, &self.target.arn) {
            Ok(role) if reading.terms().holds(&role.value.account) => role.value,
            Ok(_) | Err(FindError::NotFound { .. }) => return Ok(Err(nobody())),
            Err(FindError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(Err(nobody())),
        };
        let now = reading.terms().now;
        // Whoever may have the role may have it by a token; but that way can be denied by its own name.
        if self.operation == Operation::ExchangeToken {
            let mut context = self.acting.context(now);
            for (key, values) in &asked {
                context.set(key, values.clone());
            }
            let action = self.operation.action();
            if let Err(no) = allows((self.acting, true), &action, &self.target.arn, context, reading)? {
                return Ok(Err(No { action: Some(action), ..no }));
            }
        }
        let mut assumed = may_assume(reading, self.acting, &role, (&asked, self.asking.strangers.as_deref()), now)?;
        if let Assumed::Refused { denied: false, because, .. } = &mut assumed
            && self.could_ask_for(&role, reading)
        {
            let _ = write!(because, "; you can ask for it for a while: /me/grants/new?role={}", self.target.arn);
        }
        Ok(self.granted(assumed, Grant::Role(Box::new(role)), asked, now))
    }

    /// Whether a rule lets the person who acts ask for `role` for a while. Who may not is told nothing of that.
    fn could_ask_for(&self, role: &Role, reading: &Reading<'_, '_>) -> bool {
        let rule = reading.terms().grants.rules.of(role);
        self.acting.person.is_some() && rule.is_some_and(|rule| granted::may_ask(rule, self.acting.group_names()))
    }

    /// Whether a session as root of another account may begin.
    fn assume_root(
        &self,
        reading: &mut Reading<'_, '_>,
        mut asked: rights::Asked,
    ) -> Result<Result<Option<Granted>, No>, DecideError> {
        let Some(account) = self.target.account() else { return Ok(Err(no("because that is no account's root"))) };
        let now = reading.terms().now;
        asked.extend(self.asking.session.clone());
        asked.extend(moment(now));
        asked.insert("aws:ResourceAccount".to_owned(), vec![account.to_string()]);
        let assumed = may_assume_root(reading, self.acting, &account, &asked, now)?;
        Ok(self.granted(assumed, Grant::Root(account), asked, now))
    }

    /// The answer about a session of `grant`.
    fn granted(
        &self,
        assumed: Assumed,
        grant: Grant,
        asked: rights::Asked,
        now: Timestamp,
    ) -> Result<Option<Granted>, No> {
        match assumed {
            Assumed::Allowed(way) => Ok(Some(Granted { grant, way, asked })),
            Assumed::Refused { action, denied, because, basis, missing: _ } => {
                let mut context = self.acting.context(now);
                for (key, values) in asked {
                    context.set(&key, values);
                }
                let grounds = Grounds::of(self.acting, *basis, denied, context);
                Err(No { because, action: Some(action.to_owned()), grounds: Box::new(grounds) })
            }
        }
    }

    /// What the request itself brings for conditions.
    fn brought(
        &self,
        snapshot: &dyn Snapshot,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<rights::Asked, DecideError> {
        let from = self.who.from();
        let mut brought = rights::Asked::new();
        let mut set = |key: &str, values: Vec<String>| {
            brought.insert(key.to_owned(), values);
        };
        set("aws:SecureTransport", vec![from.secure.to_string()]);
        // As of every global service of AWS, whatever region the client happens to be configured for.
        set("aws:RequestedRegion", vec!["us-east-1".to_owned()]);
        if let Some(ip) = from.ip {
            set("aws:SourceIp", vec![ip.to_string()]);
        }
        if let Some(agent) = &from.user_agent {
            set("aws:UserAgent", vec![agent.clone()]);
        }
        if let Subject::Bearer(bearer) = self.who {
            // As of a session of theirs: it was shown or it was not, and neither is left unsaid.
            set("aws:MultiFactorAuthPresent", vec![bearer.mfa().is_some().to_string()]);
            if let Some(at) = bearer.mfa() {
                set("aws:MultiFactorAuthAge", vec![now.duration_since(at).as_secs().max(0).to_string()]);
            }
        }
        for (key, value) in &self.target.tags {
            set(&format!("aws:ResourceTag/{key}"), vec![value.clone()]);
            set(&format!("iam:ResourceTag/{key}"), vec![value.clone()]);
        }
        if let Some(boundary) = &self.target.boundary {
            set("iam:PermissionsBoundary", vec![boundary.clone()]);
        }
        if self.target.arn != "*" {
            let owner = self.who.assumed_root().unwrap_or(account);
            set("aws:ResourceAccount", vec![owner.to_string()]);
        }
        set("aws:TagKeys", self.asking.tags.iter().map(|(key, _)| key.clone()).collect());
        for (key, value) in &self.asking.tags {
            set(&format!("aws:RequestTag/{key}"), value.iter().cloned().collect());
        }
        for (key, said) in [("iam:PolicyARN", &self.asking.policy), ("iam:PermissionsBoundary", &self.asking.boundary)]
        {
            if let Some(said) = said {
                // By the ARN of what is found, not by how it was spelt.
                let policy = Target::of(snapshot, account, About::Policy, said)?;
                set(key, vec![policy.arn]);
            }
        }
        brought.retain(|_, values| !values.is_empty());
        Ok(brought)
    }
}
