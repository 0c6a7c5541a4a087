//! `[api]`: how often one access key may call IAM and STS.

use super::section::Section;
use crate::http::rate::Limit;

pub(super) fn meant(section: &Section<'_>) -> Limit {
    let read = |key: &str| i64::from(section.read::<u32>(key));
    Limit { burst: read("calls_at_once"), per_second: read("calls_per_second") }
}
