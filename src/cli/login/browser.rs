//! A sign-in by the browser of this machine: it brings a code to a listener on loopback, which is redeemed once (RFC 8252).
//!
//! Every program of this machine reaches the listener. What it takes has the state of this very sign-in, which the browser alone
//! was given, and the code is worth nothing without the verifier, which stays here (PKCE). Whatever else arrives is refused and
//! waited past: nobody ends somebody's sign-in by a request.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::oauth::SignedIn;
use super::service::Service;
use crate::base::text::printable_within;
use crate::base::{Secret, rng};
use crate::cli::session::remark;
use crate::model::client::GrantType;
use crate::sso::cli;
use crate::sso::metadata::paths;

/// How long somebody may take to sign in.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long the browser may take to fetch the last page.
const PARTING: Duration = Duration::from_secs(3);

/// Where it goes on from the address that has the code in it, so that the code is not what stands in its history.
const DONE: &str = "/done";

/// Something that is told once.
type Once<T> = Mutex<Option<oneshot::Sender<T>>>;

/// What is known of a sign-in on the way.
struct Way {
    state: String,
    issuer: String,
    /// What the browser said, to be taken once.
    told: Once<Result<Secret<String>, String>>,
    /// That it has the last page.
    done: Once<()>,
    host: String,
}

/// Has the person sign in with their browser.
///
/// # Errors
/// When no port can be had, the person refuses or takes too long, or the daemon refuses.
pub(super) async fn sign_in(service: &Service, step_up: bool) -> anyhow::Result<SignedIn> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.context("no port on loopback can be listened on; sign in with --device")?;
    let port = listener.local_addr()?.port();
    let (state, nonce, verifier) = (unguessable()?, unguessable()?, unguessable()?);
    let redirect_uri = cli::LOOPBACK.replacen("127.0.0.1", &format!("127.0.0.1:{port}"), 1);
    let address = address(service, (&redirect_uri, step_up), (&state, &nonce), &verifier);
    let (tell, told) = oneshot::channel();
    let (parted, parting) = oneshot::channel();
    let way = Arc::new(Way {
        state,
        issuer: service.url().to_owned(),
        told: Mutex::new(Some(tell)),
        done: Mutex::new(Some(parted)),
        host: format!("127.0.0.1:{port}"),
    });
    let serving = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::clone(&way))));
    remark(&format!("Sign in with your browser; if none opens, open this address on this machine:\n{address}"))?;
    open(&address);
    let told = timeout(PATIENCE, told).await;
    let told =
        told.map_err(|_| anyhow::anyhow!("nobody signed in within {} min: begin anew", PATIENCE.as_secs() / 60))?;
    let signed_in = match told.context("the listener ended")? {
        Ok(code) => {
            let params = [
                ("grant_type", GrantType::AuthorizationCode.name()),
                ("code", code.expose()),
                ("redirect_uri", &redirect_uri),
                ("code_verifier", &verifier),
            ];
            service.tokens(&params, Some(&nonce)).await.map_err(Into::into)
        }
        Err(why) => Err(anyhow::anyhow!("{why}")),
    };
    // Without the last page the browser would show that nobody answers.
    let _ = timeout(PARTING, parting).await;
    drop(serving);
    signed_in
}

fn address(
    service: &Service,
    (redirect_uri, step_up): (&str, bool),
    (state, nonce): (&str, &str),
    verifier: &str,
) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let params = [
        ("response_type", "code"),
        ("client_id", cli::ID),
        ("redirect_uri", redirect_uri),
        ("scope", &cli::SCOPES.join(" ")),
        ("state", state),
        ("nonce", nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    // Whoever is signed in there shows who they are once more, and that is with a second factor (OpenID Connect Core 1.0, sections
    // 3.1.2.1 and 5.5.1.1).
    let more = [("prompt", "login"), ("claims", cli::WITH_FACTOR)];
    let more = more.into_iter().filter(|_| step_up);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).extend_pairs(more).finish();
    format!("{}{}?{query}", service.url(), paths::AUTHORIZE)
}

/// 256 bits that nobody can guess.
fn unguessable() -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(rng::from_os()?.random::<[u8; 32]>()))
}

/// Asks the desktop to show the address. Where there is none, the person opens it.
fn open(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    let quiet = command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Whether it worked is seen by the person, and is not waited for.
    drop(quiet.spawn());
}

async fn serve(listener: TcpListener, way: Arc<Way>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        // Nobody needs more at once, and a program that opens many is none of the person's.
        if connections.len() >= 32 {
            continue;
        }
        let way = Arc::clone(&way);
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = way.answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).keep_alive(false);
            // A browser that is gone is nobody to tell.
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Way {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // A page of another site that has this machine's address under its own name is stopped here (DNS rebinding).
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if request.method() != Method::GET || host != Some(self.host.as_str()) {
            return page(StatusCode::BAD_REQUEST, "Not for this listener.");
        }
        match request.uri().path() {
            "/callback" => self.callback(request.uri().query().unwrap_or_default()),
            DONE => {
                if let Some(done) = self.done.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    let _ = done.send(());
                }
                page(StatusCode::OK, "You can close this window. Your terminal says how it went.")
            }
            _ => page(StatusCode::NOT_FOUND, "There is nothing here."),
        }
    }

    fn callback(&self, query: &str) -> Response<Full<Bytes>> {
        let read = |name: &str| {
            let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            let value = found.next().map(|(_, value)| value.into_owned());
            value.filter(|_| found.next().is_none())
        };
        // RFC 9207: who answers says who it is.
        let ours =
            read("state").is_some_and(|state| state == self.state) && read("iss").as_deref() == Some(&self.issuer);
        if !ours {
            return page(StatusCode::BAD_REQUEST, "This is no answer to the sign-in that waits here.");
        }
        let told = match (read("code"), read("error")) {
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) => {
                let why = read("error_description").unwrap_or_default();
                Err(format!("{} ({})", printable_within(&why, 512), printable_within(&error, 64)))
            }
            _ => return page(StatusCode::BAD_REQUEST, "This is no answer to the sign-in that waits here."),
        };
        if let Some(tell) = self.told.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = tell.send(told);
        }
        let mut answer = page(StatusCode::SEE_OTHER, "");
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static(DONE));
        answer
    }
}

/// A page that says one thing, runs nothing and is kept nowhere.
fn page(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Bailey</title>\
         <style>body{{font:1rem system-ui;margin:4rem auto;max-width:32rem}}</style><p>{words}</p></html>"
    );
    let mut answer = Response::new(Full::new(Bytes::from(html)));
    *answer.status_mut() = status;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
