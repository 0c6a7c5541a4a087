//! A request of a browser: what it shows and sends, and what is refused before anybody looks at it.
//!
//! A form counts where three things agree: the browser says that the page it is on is ours (`Sec-Fetch-Site`, or `Origin` where
//! it knows no other), the cookie names a session that counts, and the form carries the code of that session.

use std::sync::{Arc, PoisonError};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::header::{COOKIE, HOST, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Method, Uri};

use super::pages::{Frame, message};
use crate::authn::Caller;
use crate::authn::signed::RequestSource;
use crate::base::{Fault, Faulty as _, Secret, Timestamp};
use crate::http::origin::Origin;
use crate::http::rate::Payer;
use crate::http::{App, query};
use crate::query::Params;
use crate::sso::sign_in::{self, Out};

/// The cookie of a session. The name has browsers take it from us alone, over an encrypted connection (RFC 6265bis, section 4.1.3.2).
pub(super) const SESSION: &str = "__Host-bailey";
/// The cookie of a page to sign in at.
pub(super) const FLOW: &str = "__Host-bailey-flow";

/// A request of a browser.
pub(super) struct Visit {
    pub(super) from: RequestSource,
    pub(super) uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        type Parts = (Extension<Origin>, Method, Uri, HeaderMap, Bytes);
        let (Extension(origin), method, uri, headers, body) = Parts::from_request(request, state).await?;
        Ok(Self { from: query::from(&origin, &headers), uri, method, headers, body })
    }
}

/// Another page than the one that was asked for.
pub(super) struct Instead(Box<Response>);

impl From<Response> for Instead {
    fn from(answer: Response) -> Self {
        Self(Box::new(answer))
    }
}

impl Instead {
    /// The page.
    pub(super) fn page(self) -> Response {
        *self.0
    }
}

fn failed() -> Response {
    message(500, "Not now", "Something of ours does not work; try again in a moment.", ("/me", "Try again"))
}

/// Somebody who is signed in.
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) frame: Frame,
}

impl Visit {
    /// Refuses what would go over a network in the clear, before anything is shown to type into. Who is on this machine needs no
    /// encryption, and browsers keep our cookies there.
    pub(super) fn closed(&self) -> Result<(), Instead> {
        if self.from.secure || self.from.ip.is_some_and(|ip| ip.is_loopback()) {
            return Ok(());
        }
        let why = "Passwords are taken over HTTPS alone. Use the address of this site that begins with https.";
        Err(message(403, "Not over this connection", why, ("/", "Back")).into())
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The cookie of this name, if there is just one.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }

    /// As if the browser had brought this cookie, which it is given with the answer.
    pub(super) fn bring(&mut self, name: &str, value: &str) {
        if self.cookie(name).is_none()
            && let Ok(line) = HeaderValue::from_str(&format!("{name}={value}"))
        {
            self.headers.append(COOKIE, line);
        }
    }

    /// What was asked for behind the path.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Where the browser is, if it can be sent there again.
    pub(super) fn here(&self) -> &str {
        let here = self.uri.path_and_query().filter(|_| self.method == Method::GET);
        here.map_or("/me", |target| target.as_str())
    }

    /// The form, if a page of ours sent it.
    pub(super) fn form(&self) -> Result<Params, Instead> {
        if !self.is_ours() {
            let why = "This form came from a page of another site, so nothing was done.";
            return Err(message(403, "Not from here", why, ("/me", "My access")).into());
        }
        let pairs = url::form_urlencoded::parse(&self.body);
        Params::read(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
            .map_err(|error| message(400, "Not understood", &error.message, ("/me", "My access")).into())
    }

    /// Whether the browser says that the page behind the request is ours. A browser that says nothing is none that people use.
    pub(super) fn is_ours(&self) -> bool {
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
            (Some(site), _) => site == "same-origin",
            (None, Some(origin)) => {
                let host = text(HOST.as_str()).or_else(|| self.uri.authority().map(|authority| authority.as_str()));
                host.is_some() && origin.split_once("://").map(|(_, host)| host) == host
            }
            (None, None) => false,
        }
    }

    /// Whose session the browser has, whether or not they are let on from here now; nobody only where that is certain. Blocks.
    pub(super) fn somebody(&self, app: &App, now: Timestamp) -> Result<Option<Caller>, Instead> {
        let Some(cookie) = self.cookie(SESSION) else { return Ok(None) };
        match sign_in::who(&app.admin, &Secret::new(cookie.to_owned()), self.from.clone(), now) {
            Ok(caller) => Ok(Some(caller)),
            Err(Out::Unknown | Out::Over(_)) => Ok(None),
            Err(Out::Failed) => Err(failed().into()),
        }
    }

    /// Who is signed in; otherwise where to do that. Blocks.
    pub(super) fn signed_in(&self, app: &App, place: &'static str, now: Timestamp) -> Result<SignedIn, Instead> {
        let Some(cookie) = self.cookie(SESSION) else { return Err(self.to_sign_in(None).into()) };
        self.signed_in_by(app, &Secret::new(cookie.to_owned()), place, now)
    }

    /// The same with this cookie, which the browser is given now. Blocks.
    pub(super) fn signed_in_by(
        &self,
        app: &App,
        cookie: &Secret<String>,
        place: &'static str,
        now: Timestamp,
    ) -> Result<SignedIn, Instead> {
        let caller = sign_in::who(&app.admin, cookie, self.from.clone(), now).map_err(|out| match out {
            Out::Unknown => self.to_sign_in(None),
            Out::Over(why) => self.to_sign_in(Some(why)),
            Out::Failed => failed(),
        })?;
        let signed = caller.signed();
        if signed.is_some_and(|signed| !app.rates.admit(Payer::of(signed), now)) {
            let why = "You, or a program of yours, ask for more than is answered. Wait a moment.";
            return Err(message(429, "Too much at once", why, ("/me", "Try again")).into());
        }
        app.gate.stays_signed_in(&caller, now).map_err(|error| {
            let status = if error.fault() == Fault::Caller { 403 } else { 503 };
            message(status, "Not from here, or not now", &error.to_string(), ("/login", "Sign in"))
        })?;
        let id = signed.and_then(|signed| signed.session()).map(|live| live.session().id);
        let form = id.and_then(|id| app.admin.sessions.form_code(&id).ok());
        let (Some(signed), Some(form)) = (signed, form) else { return Err(self.to_sign_in(None).into()) };
        let grants = app.admin.grants.read().unwrap_or_else(PoisonError::into_inner);
        let grants = !grants.rules.all().is_empty();
        let frame = Frame { place, who: signed.title(), form: form.expose().clone(), grants };
        Ok(SignedIn { caller, frame })
    }

    /// Who sent a form, and what is in it. Blocks.
    pub(super) fn acting(&self, app: &App, place: &'static str, now: Timestamp) -> Result<(SignedIn, Params), Instead> {
        let form = self.form()?;
        let who = self.signed_in(app, place, now)?;
        let id = who.caller.signed().and_then(|signed| signed.session()).map(|live| live.session().id);
        let code = Secret::new(form.text("form").unwrap_or_default().to_owned());
        match id {
            Some(id) if app.admin.sessions.is_form_of(&id, &code) => Ok((who, form)),
            _ => {
                let why = "The page was of another sign-in, or too old. Load it again, then try once more.";
                Err(message(403, "That page is over", why, ("/me", "My access")).into())
            }
        }
    }

    /// To the page to sign in at, and back here from there. `why` is a word that the page has a sentence for.
    pub(super) fn to_sign_in(&self, why: Option<&str>) -> Response {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", self.here());
        if let Some(why) = why {
            query.append_pair("why", why);
        }
        Redirect::to(&format!("/login?{}", query.finish())).into_response()
    }
}

/// Work of a request, away from the threads that serve; `work` answers a page either way.
pub(super) async fn blocking(
    app: Arc<App>,
    work: impl FnOnce(&App, Timestamp) -> Result<Response, Instead> + Send + 'static,
) -> Response {
    let now = app.clock.now();
    let store = app.store.clone();
    let done = store.run(move |_| Ok::<_, crate::store::StoreError>(work(&app, now)));
    match done.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(instead)) => instead.page(),
        Err(error) => {
            tracing::error!(%error, "a page ended early");
            message(500, "Not now", "Something of ours does not work; try again in a moment.", ("/me", "Try again"))
        }
    }
}
