//! `/me/refusals/{id}`: why something of one's own was refused, what of that holds now, and what would help.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::pages::refusal::Refusal;
use super::pages::{as_sentence, message, page};
use super::visit::{SignedIn, Visit, blocking};
use crate::http::{App, explain};

/// One of them.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "access", now)?;
        match explain::explain(app, caller, &id, now) {
            Ok(told) => Ok(page(200, &Refusal { frame, told })),
            Err(failure) => {
                let (status, why) = (failure.status(), &failure.public().message);
                Err(message(status, "Nothing to explain", &as_sentence(why), ("/me", "My access")).into())
            }
        }
    })
    .await
}
