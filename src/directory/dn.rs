//! placeholder
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dn(String);
