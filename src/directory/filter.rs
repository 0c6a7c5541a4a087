//! placeholder
#[derive(Debug, Clone)]
pub struct Filter;
impl Filter {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('(') {
            Ok(Self)
        } else {
            Err(format!("`{text}` is not a filter: expected `(` at its beginning"))
        }
    }
}
