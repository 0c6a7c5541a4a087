//! What a request carries besides who, what and where: the context keys that conditions and variables look at.

use std::collections::BTreeMap;

/// Values by key. Keys are compared without regard to case. A key without values is as good as absent (AWS: "the key does
/// not exist or its value is null").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<Box<str>, Vec<String>>);

impl Context {
    /// Sets the values of `key`, whatever it had; false when it had some.
    pub fn set(&mut self, key: &str, values: Vec<String>) -> bool {
        self.0.insert(key.to_lowercase().into(), values).is_none()
    }

    /// The values of a key that is lower-case already; `None` when it is absent.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice).filter(|values| !values.is_empty())
    }

    /// The one value of a key that is lower-case already; `None` when it has none, or several.
    pub(super) fn single(&self, key: &str) -> Option<&str> {
        match self.values(key) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    /// Keys that have values, lower-case, in order, each with them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| (&**key, values.as_slice()))
    }

    /// Keys that have values, lower-case, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, values)| !values.is_empty()).map(|(key, _)| &**key)
    }
}

/// The name of a key as a document spells it. Names have no case: it is looked up in lower case, and told as it is spelt.
#[derive(Debug, Clone)]
pub(super) struct Key {
    folded: Box<str>,
    /// `None` where that is lower-case already.
    spelt: Option<Box<str>>,
}

impl Key {
    pub(super) fn of(text: &str) -> Self {
        let folded = text.to_lowercase().into_boxed_str();
        let spelt = (*folded != *text).then(|| text.into());
        Self { folded, spelt }
    }

    /// In lower case.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// As it is spelt.
    pub(super) fn spelt(&self) -> &str {
        self.spelt.as_ref().unwrap_or(&self.folded)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Key {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_case_and_nothing_is_absent() {
        let mut context = Context::default();
        context.set("aws:SourceIp", vec!["10.0.0.1".to_owned()]);
        context.set("aws:TagKeys", Vec::new());
        assert_eq!(context.single("aws:sourceip"), Some("10.0.0.1"));
        assert_eq!(context.values("aws:tagkeys"), None);
        assert_eq!(context.keys().collect::<Vec<_>>(), ["aws:sourceip"]);
    }
}
