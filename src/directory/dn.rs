//! placeholder
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dn(String);
impl std::str::FromStr for Dn {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('=') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a distinguished name"))
        }
    }
}
