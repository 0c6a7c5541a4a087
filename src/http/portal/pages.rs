//! The pages: what each shows, and how it is sent.
//!
//! A template sees values that are ready to be read and decides nothing; all of it is escaped. The content policy of a page
//! lets it have our style, our script and our forms, and nothing else; scripts can make no markup of text (Trusted Types).

pub(super) mod grants;
pub(super) mod refusal;
pub(super) mod saml;

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};

use crate::admin::iam::own_passkeys::OwnCodes;
use crate::authn::login::Factors;
use crate::authn::webauthn::Asked;
use crate::base::Timestamp;
use crate::http::request::{MARK, Told};
use crate::model::Passkey;
use crate::model::client::Scope;
use crate::sso::authorize::Asks;
use crate::sso::mine::RoleCard;

/// What a page may do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What every page has around it.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Which of the pages it is.
    pub(super) place: &'static str,
    /// Who is signed in.
    pub(super) who: String,
    /// What its forms carry.
    pub(super) form: String,
    /// Whether roles are granted for a while here.
    pub(super) grants: bool,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn<'a> {
    pub(super) flow: &'a str,
    pub(super) next: &'a str,
    pub(super) login: &'a str,
    pub(super) why: Option<String>,
    /// What asks for a passkey that signs in by itself.
    pub(super) passkey: Option<Asked>,
    /// Other firms whose people sign in by their own provider: address and title.
    pub(super) outside: Vec<(String, String)>,
    /// A sign-out of applications did not come to its end in this browser.
    pub(super) unfinished: bool,
}

/// Asks for a second factor behind a password.
#[derive(Template)]
#[template(path = "code.html")]
pub(super) struct Code<'a> {
    pub(super) action: &'static str,
    /// Fields that come back with whatever is shown.
    pub(super) kept: Vec<(&'static str, &'a str)>,
    /// It has to come soon.
    pub(super) within: bool,
    /// What could be shown.
    pub(super) held: Factors,
    /// What asks for a passkey.
    pub(super) passkey: Option<Asked>,
    pub(super) why: Option<String>,
}

#[derive(Template)]
#[template(path = "enrol.html")]
pub(super) struct Enrol<'a> {
    pub(super) flow: &'a str,
    pub(super) next: &'a str,
    pub(super) half: &'a str,
    /// What asks for a new passkey.
    pub(super) passkey: Option<&'a Asked>,
    pub(super) picture: String,
    pub(super) seed: &'a str,
    pub(super) offer: &'a str,
    /// What whoever was invited is called here, which they learn now.
    pub(super) invited: Option<&'a str>,
    /// An outside provider vouches for them, in place of a password.
    pub(super) vouched: bool,
    pub(super) why: Option<String>,
}

/// The same of somebody who is signed in.
#[derive(Template)]
#[template(path = "step_up.html")]
pub(super) struct StepUp<'a> {
    pub(super) who: &'a str,
    pub(super) action: &'static str,
    pub(super) kept: Vec<(&'static str, &'a str)>,
    pub(super) within: bool,
    pub(super) held: Factors,
    pub(super) passkey: Option<Asked>,
    pub(super) why: Option<String>,
}

/// Recovery codes of somebody who set up their first factor on the way in.
#[derive(Template)]
#[template(path = "first_codes.html")]
pub(super) struct FirstCodes<'a> {
    pub(super) name: &'a str,
    pub(super) codes: Vec<&'a str>,
    pub(super) next: &'a str,
}

/// Whether somebody wants to sign in to an application.
#[derive(Template)]
#[template(path = "agree.html")]
pub(super) struct Agree<'a> {
    pub(super) frame: Frame,
    /// What was asked for, to be asked once more.
    pub(super) query: &'a str,
    pub(super) asks: Asks,
    /// What it would have, in words.
    pub(super) gets: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    heading: &'a str,
    message: &'a str,
    onward: &'a str,
    onward_words: &'a str,
}

#[derive(Template)]
#[template(path = "onward.html")]
pub(super) struct OnwardPage<'a> {
    pub(super) onward: &'a str,
    /// What the page is called, and what it says.
    pub(super) words: [&'a str; 2],
}

#[derive(Template)]
#[template(path = "sign_out.html")]
pub(super) struct SignOut<'a> {
    pub(super) form: &'a str,
}

#[derive(Template)]
#[template(path = "sign_out_of.html")]
pub(super) struct SignOutOf<'a> {
    pub(super) form: &'a str,
    pub(super) who: &'a str,
    /// What asks for it.
    pub(super) name: Option<&'a str>,
    pub(super) client: String,
    pub(super) onward: String,
    pub(super) state: String,
}

#[derive(Template)]
#[template(path = "access.html")]
pub(super) struct Access {
    pub(super) frame: Frame,
    pub(super) filter: String,
    pub(super) total: usize,
    pub(super) cards: Vec<Card>,
    /// Applications that people go to from here: name and title.
    pub(super) apps: Vec<(String, String)>,
}

/// A role as it is shown.
pub(super) struct Card {
    role: RoleCard,
    /// For how long, in seconds and in words.
    pub(super) choices: Vec<(u32, String)>,
    /// Why somebody has it, step by step.
    pub(super) because: Vec<String>,
}

impl std::ops::Deref for Card {
    type Target = RoleCard;

    fn deref(&self) -> &RoleCard {
        &self.role
    }
}

impl Card {
    /// An hour, and what else is usual and the role allows.
    pub(super) fn of(role: RoleCard) -> Self {
        let usual = [900, 3_600, 14_400, 28_800, 43_200];
        let mut choices: Vec<u32> = usual.into_iter().filter(|seconds| *seconds <= role.longest).collect();
        // Less is left than any of them, or all that is left is not one of them.
        if choices.last() != Some(&role.longest) && role.longest < 43_200 {
            choices.push(role.longest);
        }
        let choices = choices.into_iter().map(|seconds| (seconds, in_words(seconds))).collect();
        Self { because: because(&role.through), choices, role }
    }
}

/// The way to a right as its holder would tell it: themselves left out, groups by name, and what gives it in a few words.
fn because(through: &[String]) -> Vec<String> {
    let told = |step: &String| match step.split_once('/') {
        Some(("user", _)) => None,
        Some(("group", name)) if !name.contains('/') => Some(format!("you are in {name}")),
        _ if step.starts_with("assignment of ") && step.contains(" to user/") => {
            Some("it is assigned to you".to_owned())
        }
        _ if step.starts_with("assignment of ") => Some("the role is assigned to it".to_owned()),
        _ if step.starts_with("group_role[") => Some("it is named after the role".to_owned()),
        Some(("grant", _)) => Some("it is granted to you for a while".to_owned()),
        Some(("trust of role", _)) => Some("the role trusts you".to_owned()),
        _ => Some(format!("policy {step}")),
    };
    let mut steps: Vec<String> = through.iter().filter_map(told).collect();
    for step in steps.iter_mut().skip(1) {
        if let Some(group) = step.strip_prefix("you are in ") {
            *step = format!("which is in {group}");
        }
    }
    steps
}

pub(super) fn in_words(seconds: u32) -> String {
    match seconds / 60 {
        0 => format!("{seconds} seconds"),
        minutes if minutes > 60 && minutes % 60 != 0 => format!("{} h {} min", minutes / 60, minutes % 60),
        60 => "1 hour".to_owned(),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}

#[derive(Template)]
#[template(path = "credentials.html")]
pub(super) struct Credentials<'a> {
    pub(super) frame: Frame,
    pub(super) role: &'a str,
    pub(super) arn: &'a str,
    pub(super) key: &'a str,
    pub(super) secret: &'a str,
    pub(super) token: &'a str,
    pub(super) expires: Timestamp,
}

#[derive(Template)]
#[template(path = "sessions.html")]
pub(super) struct Sessions {
    pub(super) frame: Frame,
    pub(super) sessions: Vec<Running>,
}

/// A session of somebody's.
pub(super) struct Running {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) with: String,
    pub(super) ip: String,
    pub(super) created: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) is_this: bool,
}

#[derive(Template)]
#[template(path = "security.html")]
pub(super) struct Security {
    pub(super) frame: Frame,
    /// Names, and since when.
    pub(super) devices: Vec<(String, Timestamp)>,
    pub(super) mfa: Option<Timestamp>,
    pub(super) passkeys: Vec<Passkey>,
    pub(super) recovery_codes: Option<OwnCodes>,
    /// The last times that somebody signed in.
    pub(super) sign_ins: Vec<SignedInBefore>,
    /// Names, and the groups between.
    pub(super) groups: Vec<(String, String)>,
    /// What was just done.
    pub(super) said: Option<String>,
}

#[derive(Template)]
#[template(path = "passkey.html")]
pub(super) struct NewPasskey<'a> {
    pub(super) frame: Frame,
    pub(super) next: &'a str,
    pub(super) asked: Asked,
    pub(super) why: Option<String>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(super) struct RecoveryCodesPage<'a> {
    pub(super) frame: Frame,
    /// A factor that was just put into use.
    pub(super) added: Option<String>,
    pub(super) codes: Vec<&'a str>,
    pub(super) next: &'a str,
}

#[derive(Template)]
#[template(path = "device.html")]
pub(super) struct Device<'a> {
    pub(super) frame: Frame,
    pub(super) next: &'a str,
    /// Where a passkey is set up instead.
    pub(super) passkey: Option<String>,
    pub(super) picture: String,
    pub(super) seed: &'a str,
    pub(super) offer: &'a str,
    pub(super) why: Option<String>,
}

#[derive(Template)]
#[template(path = "device_code.html")]
pub(super) struct DeviceCode<'a> {
    pub(super) form: &'a str,
    pub(super) who: &'a str,
    pub(super) why: Option<String>,
}

#[derive(Template)]
#[template(path = "device_asks.html")]
pub(super) struct DeviceAsks<'a> {
    pub(super) form: &'a str,
    pub(super) who: &'a str,
    pub(super) asks: &'a crate::sso::DeviceAsks,
    pub(super) from: String,
    /// What the device would have, in words.
    pub(super) gets: String,
}

/// What an application gets by these scopes, as who lets it would say it. A scope that means something to the application alone
/// stands as it is.
pub(super) fn gets(scopes: &[Scope]) -> String {
    let told = |scope: &Scope| match scope.as_str() {
        "openid" => "who you are".to_owned(),
        "profile" => "your name".to_owned(),
        "email" => "your mail address".to_owned(),
        "groups" => "your groups".to_owned(),
        "roles" => "your roles".to_owned(),
        "grants" => "roles for a while: asking for them, agreeing to them and ending them in your name".to_owned(),
        "offline_access" => "leave to go on while you are away".to_owned(),
        other => other.to_owned(),
    };
    scopes.iter().map(told).collect::<Vec<_>>().join(", ")
}

/// A sign-in of somebody's.
pub(super) struct SignedInBefore {
    pub(super) at: Timestamp,
    pub(super) with: &'static str,
    pub(super) ip: String,
    pub(super) factor: bool,
    pub(super) state: &'static str,
}

/// Sends a page.
pub(super) fn page(status: u16, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response();
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = if status.is_client_error() || status.is_server_error() {
        let mut answer = status.into_response();
        answer.extensions_mut().insert(Told::Page(html));
        answer
    } else {
        (status, html.replacen(MARK, "", 1)).into_response()
    };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Without it a form of ours would come with `Origin: null` (Fetch, section 3.2), and older browsers say nothing else.
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// A page that says one thing, and where to go on: an address and its words.
pub(super) fn message(status: u16, heading: &str, message: &str, (onward, onward_words): (&str, &str)) -> Response {
    page(status, &Message { heading, message, onward, onward_words })
}

/// Whoever asks from there has asked for too much.
pub(super) fn wait() -> Response {
    let why = "Many sign in from where you are. Wait a moment, then try again.";
    message(429, "Too much at once", why, ("/login", "Sign in"))
}

/// `text` as a sentence: with a capital, and an end if it has none.
pub(super) fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

/// What templates write values with.
#[expect(unreachable_pub, reason = "askama makes a public type of each")]
mod filters {
    use crate::base::Timestamp;

    /// A moment for people who have no script: to the minute, in UTC.
    #[askama::filter_fn]
    pub(super) fn moment(at: &Timestamp, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(at.strftime("%-d %B %Y, %H:%M UTC").to_string())
    }

    /// What stands behind a colon elsewhere, as a sentence of its own.
    #[askama::filter_fn]
    pub(super) fn sentence(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::as_sentence(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_told_as_its_holder_would() {
        let told =
            |steps: &[&str]| because(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>()).join(" > ");
        assert_eq!(
            told(&["user/ann", "group/team", "group/aws-1-admin", "group_role[0] of role/admin to group/aws-1-admin"]),
            "you are in team > which is in aws-1-admin > it is named after the role"
        );
        assert_eq!(told(&["user/ann", "assignment of role/Deploy to user/ann"]), "it is assigned to you");
        assert_eq!(
            told(&["group/team", "assignment of role/x to group/team"]),
            "you are in team > the role is assigned to it"
        );
        assert_eq!(told(&["trust of role/Deploy"]), "the role trusts you");
        assert_eq!(told(&["user/ann", "arn:aws:iam::aws:policy/X"]), "policy arn:aws:iam::aws:policy/X");
    }

    #[test]
    fn what_an_application_gets_is_told_in_words() {
        let told = |scopes: &[&str]| gets(&scopes.iter().map(|scope| scope.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(told(&["openid", "email", "jobs:read"]), "who you are, your mail address, jobs:read");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn times_to_choose_from_are_those_that_the_role_allows() {
        let words: Vec<String> = [900, 3_600, 14_400].into_iter().map(in_words).collect();
        assert_eq!(words, ["15 minutes", "1 hour", "4 hours"]);
    }
}
