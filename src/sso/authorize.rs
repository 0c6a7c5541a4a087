//! The authorization endpoint: a client sends a browser here, and gets a code for whoever is signed in (RFC 6749, section 4.1; OpenID
//! Connect Core 1.0, section 3.1.2; RFC 7636; RFC 9207).
//!
//! Owns what a request has to be, and what the browser is sent back with. Until the client and the address are known for its
//! own, nobody is sent anywhere (RFC 9700, section 4.11). Nobody is asked to agree where the account registered the client for its own
//! people: who may sign in to which is decided by the gate (`sso:Authorize`) and by the client's groups. They are asked where
//! whoever gets the code may be another than the client: where it cannot show who it is and listens on the person's own machine, as
//! any program there can (RFC 8252, section 8.6), and where it registered itself.

use super::claims::ClaimsAsked;
use super::error::Code as Word;
use super::par::{self, Pushed};
use super::{Form, NewCode, OauthError, Sso, dpop};
use crate::authn::Caller;
use crate::authn::signed::{RequestSource, Signed};
use crate::base::{Secret, Timestamp, UserId};
use crate::gate::{GateError, Operation};
use crate::model::client::{ClientId, GrantType, Scope};
use crate::model::token_family::{Consent, LONGEST_USER_AGENT, RequestedClaims, SignIn, Whence};
use crate::model::{Begun, Client, Session};

/// What a client asks for a browser.
#[derive(Debug)]
pub struct Request {
    client: Client,
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    scopes: Vec<Scope>,
    challenge: String,
    prompt: Prompt,
    /// Seconds that a sign-in may be old.
    max_age: Option<i64>,
    /// What the key is known by that the code is to be bound to (RFC 9449, section 10).
    jkt: Option<String>,
    /// What is asked for claim by claim.
    claims: ClaimsAsked,
    /// Where it lies, if it was pushed.
    pushed: Option<Pushed>,
}

/// What is wrong with a request.
pub(super) struct Wrong {
    /// To where that is told, and with which `state`: nowhere, unless the address is known for the client's own.
    back: Option<(String, Option<String>)>,
    /// In a word.
    pub(super) error: &'static str,
    /// In words.
    pub(super) why: String,
}

impl Request {
    fn wrong(&self, why: &str) -> Wrong {
        let back = Some((self.redirect_uri.clone(), self.state.clone()));
        Wrong { back, error: Word::InvalidRequest.word(), why: why.to_owned() }
    }

    /// Scopes that the client may not ask for.
    pub(super) fn asks_too_much(&self) -> bool {
        self.scopes.iter().any(|scope| !self.client.scopes.contains(scope))
    }

    /// What the person has to agree to, if to anything.
    fn asks(&self) -> Option<Asks> {
        let is_self_registered = self.client.registration.is_some();
        // `http://` is registered of loopback addresses alone.
        let is_anybody_here = self.client.is_public() && self.redirect_uri.starts_with("http://");
        let mut parts = self.redirect_uri.splitn(4, '/');
        let origin: Vec<&str> = parts.by_ref().take(3).collect();
        let place = origin.join("/").split('?').next().unwrap_or_default().to_owned();
        let (client, scopes) = (self.client.name.clone(), self.scopes.clone());
        (is_self_registered || is_anybody_here).then_some(Asks { client, place, is_self_registered, scopes })
    }

    /// Whether a sign-in that it leads to has to be a new one (`prompt=login`, `max_age`), and not one of before, told once more.
    #[must_use]
    pub fn asks_anew(&self) -> bool {
        self.prompt == Prompt::SignIn || self.max_age.is_some()
    }

    /// Whether a sign-in at `at` is too old for it, `now`. Whoever signed in since it was pushed did so for it: the address that
    /// leads back from there is the same one, whatever it asks for.
    fn is_too_old(&self, at: Timestamp, now: Timestamp) -> bool {
        if self.pushed.as_ref().is_some_and(|pushed| at >= pushed.at) {
            return false;
        }
        self.prompt == Prompt::SignIn || self.max_age.is_some_and(|limit| now.duration_since(at).as_secs() > limit)
    }
}

/// What the person is to see (`prompt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    /// What is needed.
    Usual,
    /// Nothing.
    Nothing,
    /// The page to sign in at, in any case.
    SignIn,
}

/// What becomes of a browser.
#[derive(Debug)]
pub enum Onward {
    /// Back to the client, at this address.
    Client(String),
    /// To sign in, and here again.
    SignIn,
    /// Nowhere: what is wrong is told to the person.
    Nowhere(String),
    /// Nowhere yet: the person is asked whether they want that.
    Agree(Asks),
    /// To show a second factor, and here again: the client, or a policy, asks for one.
    SecondFactor,
}

/// What somebody is asked to agree to.
#[derive(Debug)]
pub struct Asks {
    /// What the application is called.
    pub client: String,
    /// Where it is: the origin that it is told at.
    pub place: String,
    /// Whether it registered itself; otherwise it is a program on the person's machine.
    pub is_self_registered: bool,
    /// What it would have.
    pub scopes: Vec<Scope>,
}

/// How surely somebody is signed in (`acr`): by a password alone.
pub(super) const PASSWORD: &str = "pwd";
/// With a second factor.
pub(super) const MFA: &str = "mfa";

impl Sso {
    /// What `form` asks for, or what was pushed under the name that it carries. Blocks.
    ///
    /// # Errors
    /// Where the browser goes instead.
    pub fn asked(&self, form: &Form, now: Timestamp) -> Result<Request, Onward> {
        let nowhere = |why: &str| Onward::Nowhere(why.to_owned());
        let broken = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a client or its request cannot be looked up");
            nowhere("Something of ours does not work; try again in a moment.")
        };
        let id = form.text("client_id").and_then(|id| id.parse::<ClientId>().ok());
        let id = id.ok_or_else(|| nowhere("The application does not say which one it is."))?;
        let client = self.admin.known_client(&id).map_err(|error| broken(&error))?;
        let client = client.map(|(client, _)| client).filter(|client| client.may(GrantType::AuthorizationCode));
        let client = client.ok_or_else(|| nowhere("No such application is registered here."))?;
        let read = match form.text("request_uri").and_then(|uri| uri.strip_prefix(par::URN)) {
            // Whatever else stands in the address is not the client's word (RFC 9126, section 4).
            Some(name) => match self.pushed(&client, name, now).map_err(|error| broken(&error))? {
                Some((form, pushed)) => self.read_request(client, &form, Some(pushed)),
                None => {
                    let why =
                        "The application's request is over, or was used. Go back to the application and begin again.";
                    return Err(nowhere(why));
                }
            },
            None => self.read_request(client, form, None).and_then(|request| match request.client.require_par {
                true => Err(request.wrong("requests of this client are pushed (RFC 9126)")),
                false => Ok(request),
            }),
        };
        read.map_err(|wrong| match &wrong.back {
            Some((redirect_uri, state)) => {
                Onward::Client(self.back_with(redirect_uri, state.as_deref(), Err((wrong.error, &wrong.why))))
            }
            None => Onward::Nowhere(wrong.why),
        })
    }

    /// What `form` asks for in the name of `client`.
    pub(super) fn read_request(&self, client: Client, form: &Form, pushed: Option<Pushed>) -> Result<Request, Wrong> {
        let redirect_uri = form.text("redirect_uri").filter(|uri| client.redirects_to(uri)).map(str::to_owned);
        let redirect_uri = redirect_uri.ok_or_else(|| Wrong {
            back: None,
            error: Word::InvalidRequest.word(),
            why: "The application wants you to be sent to an address that is not registered for it.".to_owned(),
        })?;
        let state = form.text("state").map(str::to_owned);
        let back = |error: &'static str, why: &str| Wrong {
            back: Some((redirect_uri.clone(), state.clone())),
            error,
            why: why.to_owned(),
        };
        let invalid = |why: &str| back(Word::InvalidRequest.word(), why);
        for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
            if form.text(name).is_some() {
                return Err(back(error, "parameters are sent as such"));
            }
        }
        match form.text("response_type") {
            Some("code") => {}
            None => return Err(invalid("response_type is missing")),
            Some(_) => return Err(back("unsupported_response_type", "code is what there is")),
        }
        if form.text("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode is query alone"));
        }
        let challenge =
            form.text("code_challenge").ok_or_else(|| invalid("code_challenge is missing: PKCE is asked of all"))?;
        if form.text("code_challenge_method") != Some("S256") {
            return Err(invalid("code_challenge_method is S256 alone"));
        }
        let prompt = match form.text("prompt") {
            None | Some("consent" | "select_account") => Prompt::Usual,
            Some("none") => Prompt::Nothing,
            Some("login") => Prompt::SignIn,
            Some(_) => return Err(invalid("prompt is none or login")),
        };
        let max_age = form.text("max_age").map(|age| age.parse::<u32>().map(i64::from)).transpose();
        let max_age = max_age.map_err(|_| invalid("max_age is no number of seconds"))?;
        let jkt = form.text("dpop_jkt").map(str::to_owned);
        if jkt.as_ref().is_some_and(|jkt| !dpop::is_thumbprint(jkt)) {
            return Err(invalid("dpop_jkt is no SHA-256 in base64url"));
        }
        let claims = ClaimsAsked::read(form.text("claims")).map_err(invalid)?;
        let words = form.text("scope").unwrap_or_default().split(' ').filter(|word| !word.is_empty());
        let scopes = words.map(|word| word.parse::<Scope>()).collect::<Result<Vec<_>, _>>();
        let scopes = scopes.map_err(|_| back(Word::InvalidScope.word(), "a scope is none"))?;
        let (nonce, challenge) = (form.text("nonce").map(str::to_owned), challenge.to_owned());
        Ok(Request { client, redirect_uri, state, nonce, scopes, challenge, prompt, max_age, jkt, claims, pushed })
    }

    /// Where a browser goes in which nobody is signed in.
    #[must_use]
    pub fn nobody(&self, request: &Request) -> Onward {
        match request.prompt {
            Prompt::Nothing => self.refuse(request, "login_required", "nobody is signed in"),
            Prompt::Usual | Prompt::SignIn => Onward::SignIn,
        }
    }

    /// Where a browser goes in which `caller` is signed in, who has `agreed` on a page of ours or was not asked: back with a code,
    /// unless something is in the way. Blocks.
    #[must_use]
    pub fn somebody(&self, request: &Request, caller: Caller, agreed: bool, now: Timestamp) -> Onward {
        let Some((session, consent)) = caller.signed().and_then(|signed| consent(request, signed)) else {
            return self.nobody(request);
        };
        if request.is_too_old(consent.auth_time, now) {
            return self.nobody(request);
        }
        let acr = consent.acr.clone().unwrap_or_default();
        if !(request.claims.acr.is_empty() || request.claims.acr.contains(&acr) || request.claims.acr.contains(MFA)) {
            // What is essential and cannot be is a sign-in that failed (OpenID Connect Core 1.0, section 5.5.1.1).
            return self.refuse(request, "unmet_authentication_requirements", "nobody is signed in here in that way");
        }
        let is_essential = !request.claims.acr.is_empty() && !request.claims.acr.contains(&acr);
        if (is_essential || request.client.required_acr.as_deref() == Some(MFA)) && session.mfa.is_none() {
            return self.asks_factor(request);
        }
        let actor = caller.actor();
        match self.gate.authorize_or_ask(caller, Operation::AuthorizeClient, request.client.id.as_str(), now) {
            Ok(_) => {}
            Err((GateError::NotAuthorized { .. }, true)) => return self.asks_factor(request),
            Err((error @ GateError::NotAuthorized { .. }, _)) => {
                return self.refuse(request, "access_denied", &error.to_string());
            }
            Err((error, _)) => return self.broken(request, OauthError::ours(&error)),
        }
        match self.person(&request.client, &consent, now) {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => return self.refuse(request, "access_denied", &why),
            Err(error) => return self.broken(request, error),
        }
        if let Some(expected) = &request.claims.sub {
            match self.subject(&request.client, &consent.user, now) {
                Ok(sub) if sub == *expected => {}
                Ok(_) => return self.refuse(request, "login_required", "somebody else is signed in than is expected"),
                Err(error) => return self.broken(request, error),
            }
        }
        let (redirect_uri, challenge) = (request.redirect_uri.clone(), request.challenge.clone());
        if let Some(asks) = request.asks().filter(|_| !agreed) {
            return match request.prompt {
                Prompt::Nothing => self.refuse(request, "interaction_required", "the person has to agree"),
                Prompt::Usual | Prompt::SignIn => Onward::Agree(asks),
            };
        }
        let (jkt, pushed) = (request.jkt.clone(), request.pushed.clone());
        match self.issue_code(NewCode { consent, redirect_uri, challenge, jkt, pushed }, &actor, now) {
            Ok(code) => Onward::Client(self.back_with(&request.redirect_uri, request.state.as_deref(), Ok(&code))),
            Err(error) => self.broken(request, error),
        }
    }

    /// Where a browser goes whose person does not want that.
    #[must_use]
    pub fn refused(&self, request: &Request) -> Onward {
        self.refuse(request, "access_denied", "the person refused")
    }

    fn asks_factor(&self, request: &Request) -> Onward {
        match request.prompt {
            Prompt::Nothing => self.refuse(request, "interaction_required", "a second factor is asked for"),
            Prompt::Usual | Prompt::SignIn => Onward::SecondFactor,
        }
    }

    fn refuse(&self, request: &Request, error: &str, why: &str) -> Onward {
        Onward::Client(self.back_with(&request.redirect_uri, request.state.as_deref(), Err((error, why))))
    }

    fn broken(&self, request: &Request, error: OauthError) -> Onward {
        self.refuse(request, error.code.word(), &error.description)
    }

    /// The client's address with what it is told. It says who we are, so that no answer is taken for another's (RFC 9207).
    fn back_with(
        &self,
        redirect_uri: &str,
        state: Option<&str>,
        told: Result<&Secret<String>, (&str, &str)>,
    ) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        match told {
            Ok(code) => query.append_pair("code", code.expose()),
            Err((error, why)) => {
                let why = OauthError::request(why).description;
                query.append_pair("error", error).append_pair("error_description", &why)
            }
        };
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", self.issuer.as_str());
        let joint = if redirect_uri.contains('?') { '&' } else { '?' };
        format!("{redirect_uri}{joint}{}", query.finish())
    }
}

/// What whoever is signed in lets the client have, and by which session.
fn consent<'a>(request: &Request, signed: &'a Signed) -> Option<(&'a Session, Consent)> {
    let (session, from) = (signed.session()?.session(), signed.from());
    let (client, scopes) = (&request.client.id, request.scopes.clone());
    let consent = Consent {
        nonce: request.nonce.clone(),
        claims: request.claims.requested.clone(),
        ..consent_of((session, from), signed.user()?.id, client, scopes)
    };
    Some((session, consent))
}

/// What `user`, by `session` and from where they are, lets a client have.
pub(super) fn consent_of(
    (session, from): (&Session, &RequestSource),
    user: UserId,
    client: &ClientId,
    scopes: Vec<Scope>,
) -> Consent {
    let outside = match &session.begun {
        Begun::Login { outside, .. } => outside.clone(),
        _ => None,
    };
    Consent {
        client: client.clone(),
        user,
        session: session.id,
        scopes,
        nonce: None,
        auth_time: session.auth_time.unwrap_or(session.created),
        amr: session.amr.clone(),
        acr: Some(if session.mfa.is_some() { MFA } else { PASSWORD }.to_owned()),
        whence: Whence {
            ip: from.ip,
            secure: Some(from.secure),
            user_agent: from.user_agent.clone().filter(|agent| agent.len() <= LONGEST_USER_AGENT),
            mfa: session.mfa,
        },
        claims: RequestedClaims::default(),
        sign_in: Some(SignIn { at: session.created, password: session.password, outside }),
    }
}
