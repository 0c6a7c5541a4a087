//! The style sheet, the script and the icon of pages: in the program, and kept by browsers for an hour.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::http::Failure;

/// A file that pages need.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

/// Where the style sheet is: elsewhere with each version, so that no browser shows a page with an old one.
pub const STYLE: &str = concat!("/assets/portal.css?v=", env!("CARGO_PKG_VERSION"));
/// Where the script is.
pub const SCRIPT: &str = concat!("/assets/portal.js?v=", env!("CARGO_PKG_VERSION"));
/// Where the icon is.
pub const ICON: &str = concat!("/assets/icon.svg?v=", env!("CARGO_PKG_VERSION"));

const ASSETS: &[Asset] = &[
    Asset { name: "portal.css", kind: "text/css; charset=utf-8", content: include_str!("assets/portal.css") },
    Asset { name: "portal.js", kind: "text/javascript; charset=utf-8", content: include_str!("assets/portal.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_str!("assets/icon.svg") },
];

/// An hour: a new version names another address.
const KEPT: &str = "public, max-age=3600";

/// Answers one of them.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => ([(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, KEPT)], asset.content).into_response(),
        None => Failure::not_found("there is no such file").into_response(),
    }
}
