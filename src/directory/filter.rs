//! placeholder
#[derive(Debug, Clone)]
pub struct Filter;
