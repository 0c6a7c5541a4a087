//! What every request is called ([`RequestId`]), from before anything of it is looked at until its answer: in the header
//! `x-request-id`, and in the body of an error where that has a place for it. A header of that name which a client or proxy sends is
//! not read: whoever chose the id of a request could choose another's.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use rand::RngExt as _;

use super::App;
use super::origin::Origin;
use crate::base::RequestId;

/// The header that says it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// An error's JSON, on an answer whose body it is: so that the id of the request comes into it in one place.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// `{"error": {..}}`, where the id belongs to the error.
    Error(serde_json::Value),
    /// `{"error": "..", ..}` (RFC 6749, section 5.2), where it stands beside.
    Beside(serde_json::Value),
    /// A page, where it stands at [`MARK`], in words.
    Page(String),
}

/// Where a page says it. What is shown on pages is escaped, so that nothing else is this.
pub(super) const MARK: &str = "<!--request-->";

/// Names a request, and says the name in its answer.
pub(super) async fn name(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = fresh(&app);
    request.extensions_mut().insert(id);
    if let Some(origin) = request.extensions_mut().get_mut::<Origin>() {
        origin.request = Some(id);
    }
    let mut answer = within(next.run(request).await, id);
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        answer.headers_mut().insert(HEADER, value);
    }
    answer
}

/// An id for a request that comes now.
fn fresh(app: &App) -> RequestId {
    let random: [u8; 10] = app.admin.rng.lock().unwrap_or_else(PoisonError::into_inner).random();
    RequestId::new(app.clock.now(), &random)
}

/// The answer with the id in its body, if that is an error of ours.
fn within(mut answer: Response, id: RequestId) -> Response {
    let Some(told) = answer.extensions_mut().remove::<Told>() else { return answer };
    let refused = answer.status() == StatusCode::FORBIDDEN;
    let words = id.to_string();
    let id = serde_json::Value::String(words.clone());
    let body = match told {
        Told::Page(html) => {
            let (parts, _) = answer.into_parts();
            return Response::from_parts(parts, html.replacen(MARK, &in_words(&words, refused), 1).into());
        }
        Told::Beside(mut body) => {
            if let Some(members) = body.as_object_mut() {
                members.insert("request_id".to_owned(), id);
            }
            body
        }
        Told::Error(mut body) => {
            if let Some(members) = body.get_mut("error").and_then(serde_json::Value::as_object_mut) {
                members.insert("request_id".to_owned(), id);
            }
            body
        }
    };
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Json(body).into_response().into_body())
}

/// The words of a page: what the request was called, and where it says more of a refusal.
fn in_words(id: &str, refused: bool) -> String {
    let more = format!(r#": <a href="/me/refusals/{id}">why, and what would help</a>"#);
    format!(r#"<p class="quiet">Request <code>{id}</code>{}</p>"#, if refused { &more } else { "" })
}
