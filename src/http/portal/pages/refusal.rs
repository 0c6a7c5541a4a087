//! The page of a refusal.

use askama::Template;

use super::{Frame, filters};
use crate::admin::iam::refusals::Explanation;

#[derive(Template)]
#[template(path = "refusal.html")]
pub(in crate::http::portal) struct Refusal {
    pub(in crate::http::portal) frame: Frame,
    pub(in crate::http::portal) told: Explanation,
}
