//! `/me/grants`: roles for a while. Somebody asks for one, others agree or do not, and its holder begins and ends it.
//!
//! What may be done is asked of the gate and of the rules of the role at every step; the pages offer what would be answered with a
//! yes, and say why where it is a no. A link to a request opens its page and nothing more.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::value::RawValue;

use super::mine::{failed, not_allowed, signed};
use super::pages::grants::{All, Ask, Did, One};
use super::pages::{as_sentence, in_words, message, page};
use super::step_up;
use super::visit::{Instead, SignedIn, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::grants::{Amended, GrantView, NewGrant, Which};
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::Operation;
use crate::http::App;
use crate::model::User;
use crate::query::Params;
use crate::sso::grantable::{document_words, grantable, one_grantable};
use crate::store::StoreError;

/// What there is.
pub(super) async fn all(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "grants", now)?;
        let who = signed(&caller)?;
        let user = person(who.user())?;
        let waiting = app.admin.grants(Which::For(user)).map_err(failed)?;
        let own = app.admin.grants(Which::Of(user)).map_err(failed)?;
        let over = app.admin.grants(Which::Over(user)).map_err(failed)?;
        let find = visit.asked("find").unwrap_or_default();
        let roles = grantable(&app.admin, user, &find, now).map_err(failed)?;
        let engagements = app.admin.own_engagements(user).map_err(failed)?;
        let name = user.name.to_string();
        Ok(page(200, &All { frame, waiting, own, over, roles, find, engagements, name }))
    })
    .await
}

/// Closes an engagement that its visitor answers for.
pub(super) async fn close(State(app): State<Arc<App>>, Path(engagement): Path<String>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, sent) = visit.acting(app, "grants", now)?;
        let back = ("/me/grants", "Roles for a while");
        let allowed = app
            .gate
            .authorize(caller, Operation::CloseEngagement, &engagement, now)
            .map_err(|error| not_allowed(&error, "Not closed", back))?;
        match app.admin.close_engagement(allowed, sent.text("comment").unwrap_or_default()) {
            Ok(view) => {
                let said = format!("Everything that people of {} were granted is over.", view.firm);
                Ok(message(200, "The engagement is closed", &said, back))
            }
            Err(error) if error.fault() == Fault::Caller => Ok(message(409, "Not closed", &sentence(&error), back)),
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

/// What its people did, for its visitor who answers for it.
pub(super) async fn activity(State(app): State<Arc<App>>, Path(engagement): Path<String>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "grants", now)?;
        let back = ("/me/grants", "Roles for a while");
        let allowed = app
            .gate
            .authorize(caller, Operation::ListEngagementActivity, &engagement, now)
            .map_err(|error| not_allowed(&error, "Not shown", back))?;
        match app.admin.engagement_activity(allowed) {
            Ok(activity) => Ok(page(200, &Did { frame, activity })),
            // Whether there is such an engagement is told to those alone who have to do with it.
            Err(error) if error.fault() == Fault::Caller => {
                let why = "You answer for no such engagement.";
                Ok(message(404, "Not there", why, back))
            }
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

/// The form of a request.
pub(super) async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let who = visit.signed_in(app, "grants", now)?;
        let (role, reason) = (visit.asked("role").unwrap_or_default(), visit.asked("reason").unwrap_or_default());
        let typed = Typed { reason: &reason, ..Typed::default() };
        form(app, who, (200, &role), (typed, None), now)
    })
    .await
}

/// What somebody typed into it.
#[derive(Debug, Default, Clone, Copy)]
struct Typed<'a> {
    reason: &'a str,
    ticket: &'a str,
    gives: &'a str,
}

fn form(
    app: &App,
    SignedIn { caller, frame }: SignedIn,
    (status, arn): (u16, &str),
    (Typed { reason, ticket, gives }, why): (Typed<'_>, Option<String>),
    now: Timestamp,
) -> Result<Response, Instead> {
    let user = person(signed(&caller)?.user())?;
    let role = one_grantable(&app.admin, user, arn, now).map_err(failed)?;
    let Some(role) = &role else {
        let why = "Nobody can ask for that role, or not you. What you can ask for is listed on the page before.";
        return Err(message(404, "Not to be asked for", why, ("/me/grants", "Roles for a while")).into());
    };
    let usual = [900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 90 * 86_400];
    let mut choices: Vec<u32> = usual.into_iter().filter(|seconds| *seconds <= role.longest).collect();
    if choices.last() != Some(&role.longest) {
        choices.push(role.longest);
    }
    let choices = choices.into_iter().map(|seconds| (seconds, lasts(seconds))).collect();
    let given = words_of(gives).unwrap_or_default();
    let lines = crate::sso::grantable::words(&app.admin, &role.arn, now).map_err(failed)?;
    Ok(page(status, &Ask { frame, role, lines, choices, reason, ticket, gives, given, why }))
}

/// Takes it.
pub(super) async fn request(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, sent) = visit.acting(app, "grants", now)?;
        let text = |name: &str| sent.text(name).unwrap_or_default();
        let arn = text("role").to_owned();
        let typed = Typed { reason: text("reason"), ticket: text("ticket"), gives: text("gives") };
        let again = |status, why| form(app, visit.signed_in(app, "grants", now)?, (status, &arn), (typed, why), now);
        let gives = match written(typed.gives) {
            Ok(gives) => gives,
            Err(why) => return again(400, Some(why)),
        };
        if sent.text("look").is_some() {
            return match words_of(typed.gives) {
                Ok(_) => again(200, None),
                Err(why) => again(400, Some(why)),
            };
        }
        let new = NewGrant {
            seconds: text("seconds").parse().unwrap_or_default(),
            start: Some(text("start").to_owned()).filter(|start| !start.is_empty()),
            reason: typed.reason.to_owned(),
            ticket: typed.ticket.to_owned(),
            gives,
            ..NewGrant::default()
        };
        let allowed = app
            .gate
            .authorize(caller, Operation::RequestGrant, &arn, now)
            .map_err(|error| not_allowed(&error, "Not to be asked for", ("/me/grants", "Back")))?;
        match app.admin.request_grant(allowed, &new) {
            Ok(view) => Ok(Redirect::to(&format!("/me/grants/{}", view.id)).into_response()),
            Err(AdminError::StepUp { .. }) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair("role", &arn).append_pair("reason", &new.reason);
                Ok(step_up::to(&format!("/me/grants/new?{}", query.finish())))
            }
            Err(error) if error.fault() == Fault::Caller => again(400, Some(sentence(&error))),
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

/// What a document allows, in words.
fn words_of(text: &str) -> Result<Vec<String>, String> {
    match text.trim() {
        "" => Ok(Vec::new()),
        text => document_words(text).map_err(|error| as_sentence(&error)),
    }
}

/// A document that somebody typed, if they did.
fn written(text: &str) -> Result<Option<Box<RawValue>>, String> {
    match text.trim() {
        "" => Ok(None),
        text => serde_json::from_str(text).map(Some).map_err(|error| format!("The policy is no JSON: {error}.")),
    }
}

/// One of them, and what its visitor can do about it.
pub(super) async fn one(State(app): State<Arc<App>>, Path(grant): Path<String>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "grants", now)?;
        let who = signed(&caller)?;
        let shown = app.admin.grant_shown_to(person(who.user())?, &grant).map_err(failed)?;
        let lines = crate::sso::grantable::words(&app.admin, &shown.view.role_arn, now).map_err(failed)?;
        let shorter = [900, 1_800, 3_600, 7_200, 14_400, 28_800].into_iter();
        let shorter = shorter.filter(|seconds| *seconds < shown.view.seconds).map(|seconds| (seconds, lasts(seconds)));
        let (shorter, lasts) = (shorter.collect(), lasts(shown.view.seconds));
        let given = shown.view.gives.as_deref().map(words_of).transpose().unwrap_or_default();
        Ok(page(200, &One { frame, shown, lines, given, lasts, shorter }))
    })
    .await
}

/// A step with one of them.
pub(super) async fn step(
    State(app): State<Arc<App>>,
    Path((grant, step)): Path<(String, String)>,
    visit: Visit,
) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, sent) = visit.acting(app, "grants", now)?;
        let operation = match step.as_str() {
            "approve" => Operation::ApproveGrant,
            "refuse" => Operation::RefuseGrant,
            "narrow" => Operation::AmendGrant,
            "claim" => Operation::ClaimGrant,
            "complete" => Operation::CompleteGrant,
            "revoke" => Operation::RevokeGrant,
            "review" => Operation::ReviewGrant,
            _ => return Err(message(404, "Not there", "There is no such step.", ("/me/grants", "Back")).into()),
        };
        // Others' grants are nobody's to act on, and nobody's to know of.
        let who = signed(&caller)?;
        app.admin.grant_shown_to(person(who.user())?, &grant).map_err(failed)?;
        let here = format!("/me/grants/{grant}");
        let allowed = app
            .gate
            .authorize(caller, operation, &grant, now)
            .map_err(|error| not_allowed(&error, "Not done", (&here, "Back to the request")))?;
        match carry_out(app, operation, allowed, &sent) {
            Ok(_) => Ok(Redirect::to(&here).into_response()),
            Err(AdminError::StepUp { .. }) => Ok(step_up::to(&here)),
            Err(AdminError::Store(StoreError::Conflict { .. })) => {
                let why = "Somebody else did something with it at the same moment. Look at it again, then decide.";
                Ok(message(409, "Not done", why, (&here, "Back to the request")))
            }
            Err(error) if error.fault() == Fault::Caller => {
                Ok(message(409, "Not done", &sentence(&error), (&here, "Back to the request")))
            }
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

fn carry_out(
    app: &App,
    operation: Operation,
    allowed: crate::gate::Authorized,
    sent: &Params,
) -> Result<GrantView, AdminError> {
    let text = |name: &str| sent.text(name).unwrap_or_default();
    match operation {
        Operation::ApproveGrant => {
            app.admin.approve_grant(allowed, (text("digest"), sent.text("seen")), text("comment"))
        }
        Operation::RefuseGrant => app.admin.refuse_grant(allowed, text("comment")),
        Operation::AmendGrant => {
            let raw = |name: &'static str| {
                let unread = |limit| AdminError::OutOfBounds { what: name.to_owned(), limit };
                written(text(name)).map_err(|_| unread("JSON".to_owned()))
            };
            let (policy, condition) = (raw("policy")?, raw("condition")?);
            let amended = Amended { seconds: text("seconds").parse().ok(), policy, condition, claim_by: None };
            app.admin.amend_grant(allowed, &amended)
        }
        Operation::ClaimGrant => app.admin.claim_grant(allowed),
        Operation::CompleteGrant => app.admin.complete_grant(allowed),
        Operation::ReviewGrant => app.admin.review_grant(allowed, text("comment")),
        _ => app.admin.revoke_grant(allowed, text("comment")),
    }
}

fn person(user: Option<&User>) -> Result<&User, Instead> {
    let why = "Roles for a while are for people; this session is none of a person's own.";
    user.ok_or_else(|| message(403, "Not for you", why, ("/me", "My access")).into())
}

fn lasts(seconds: u32) -> String {
    match seconds / 86_400 {
        0 => in_words(seconds),
        1 if seconds == 86_400 => "1 day".to_owned(),
        days if seconds.is_multiple_of(86_400) => format!("{days} days"),
        days => format!("{days} days and {}", in_words(seconds % 86_400)),
    }
}

/// What is wrong, with fields by what stands beside them on the page.
fn sentence(error: &AdminError) -> String {
    if let AdminError::OutOfBounds { what, limit } = error {
        let field = match what.as_str() {
            "reason" => "What for",
            "ticket" => "Ticket",
            "seconds" => "For how long",
            "start" => "Counted from",
            "gives" => "What it is to be good for",
            "policy" => "No more than",
            "condition" => "Only if",
            "comment" => "What you say to it",
            "finding" => "What you found",
            other => other,
        };
        return format!("{field}: it must be {limit}.");
    }
    as_sentence(&error.to_string())
}
