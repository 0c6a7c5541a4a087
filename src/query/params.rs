//! The parameters of a call: a flat form in which lists and structures are spelt out (`Tags.member.1.Key`).
//!
//! What is not asked for is ignored, since clients of tomorrow send more than is known today. What is there twice is
//! refused: two readers would read two things.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::value::RawValue;

use super::QueryError;
use crate::base::Secret;
use crate::base::text::printable_within;

/// Most members of a list.
const MOST_MEMBERS: usize = 1_000;

/// Characters of a value that an error quotes.
const QUOTED: usize = 64;

/// The parameters of a call.
#[derive(Clone, Default)]
pub struct Params(BTreeMap<String, String>);

/// A page of a listing.
#[derive(Debug, Clone)]
pub struct Paging {
    /// What to go on behind.
    pub after: Option<String>,
    /// Items at most.
    pub limit: usize,
}

impl Params {
    /// Reads a form.
    ///
    /// # Errors
    /// When a parameter is there twice.
    pub fn read(pairs: impl Iterator<Item = (String, String)>) -> Result<Self, QueryError> {
        let mut read = BTreeMap::new();
        for (name, value) in pairs {
            if read.contains_key(&name) {
                let name = printable_within(&name, QUOTED);
                return Err(QueryError::new(400, "MalformedInput", format!("parameter {name} is there twice")));
            }
            read.insert(name, value);
        }
        Ok(Self(read))
    }

    /// A parameter, if it is there. Sent empty, it is as good as absent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&self, name: &str) -> Result<&str, QueryError> {
        self.text(name).ok_or_else(|| invalid(None, name, "Member must not be null"))
    }

    /// A parameter that must not be seen.
    ///
    /// # Errors
    /// When it is not there.
    pub fn secret(&self, name: &str) -> Result<Secret<String>, QueryError> {
        self.required(name).map(|value| Secret::new(value.to_owned()))
    }

    /// A parameter that is something, if it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, QueryError> {
        let parse = |value: &str| value.parse().map_err(|why: T::Err| invalid(Some(value), name, &why.to_string()));
        self.text(name).map(parse).transpose()
    }

    /// A parameter that is something and has to be there.
    ///
    /// # Errors
    /// When it is not there, or something else.
    pub fn parsed_required<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, QueryError> {
        self.required(name)?;
        self.parsed(name)?.ok_or_else(|| invalid(None, name, "Member must not be null"))
    }

    /// A whole number within bounds, if it is there.
    ///
    /// # Errors
    /// When it is none, or out of bounds.
    pub fn number(&self, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, QueryError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => {
                let limit = format!("Member must be a number from {} to {}", bounds.start(), bounds.end());
                Err(invalid(Some(text), name, &limit))
            }
        }
    }

    /// `true` or `false`, if it is there.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, QueryError> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(invalid(Some(text), name, "Member must be true or false")),
        }
    }

    /// The same with a parameter that is for the service to say: in the place of what was sent, if it was.
    #[must_use]
    pub fn stating(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a tag more.
    ///
    /// # Errors
    /// When the list is too long.
    pub fn stating_tag(self, key: &str, value: &str) -> Result<Self, QueryError> {
        let numbers = self.numbers("Tags")?;
        let free = (1..).find(|number| !numbers.contains(number)).unwrap_or(u32::MAX);
        let member = |part: &str| format!("Tags.member.{free}.{part}");
        Ok(self.stating(&member("Key"), key).stating(&member("Value"), value))
    }

    /// A list of texts, in the order of their numbers.
    ///
    /// # Errors
    /// When it is too long.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, QueryError> {
        let numbers = self.numbers(name)?;
        let value = |number: &u32| self.0.get(&format!("{name}.member.{number}")).map(String::as_str);
        Ok(numbers.iter().filter_map(value).collect())
    }

    /// A list of things that are something, in the order of their numbers.
    ///
    /// # Errors
    /// When it is too long, or one is something else.
    pub fn parsed_list<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Vec<T>, QueryError> {
        let parse = |value: &str| value.parse().map_err(|why: T::Err| invalid(Some(value), name, &why.to_string()));
        self.list(name)?.into_iter().map(parse).collect()
    }

    /// The structures in a list: the beginning of the names of the parameters of each, such as `Tags.member.1.`.
    ///
    /// # Errors
    /// When it is too long.
    pub fn structures(&self, name: &str) -> Result<Vec<String>, QueryError> {
        Ok(self.numbers(name)?.iter().map(|number| format!("{name}.member.{number}.")).collect())
    }

    /// Tags: `Tags.member.N.Key` and `.Value`.
    ///
    /// # Errors
    /// When one has no key, or two have the same.
    pub fn tags(&self) -> Result<BTreeMap<String, String>, QueryError> {
        let mut tags = BTreeMap::new();
        for start in self.structures("Tags")? {
            let key = self.required(&format!("{start}Key"))?;
            let value = self.0.get(&format!("{start}Value")).cloned().unwrap_or_default();
            if tags.insert(key.to_owned(), value).is_some() {
                return Err(invalid(Some(key), "tags", "Tag keys must not be repeated"));
            }
        }
        Ok(tags)
    }

    /// A document, which has to be JSON at least.
    ///
    /// # Errors
    /// When it is not there, or no JSON.
    pub fn document(&self, name: &str) -> Result<Box<RawValue>, QueryError> {
        document(self.required(name)?)
    }

    /// The policies in a list.
    ///
    /// # Errors
    /// When one is not JSON.
    pub fn documents(&self, name: &str) -> Result<Vec<Box<RawValue>>, QueryError> {
        self.list(name)?.into_iter().map(document).collect()
    }

    /// Which part of a listing is asked for.
    ///
    /// # Errors
    /// When it asks for too much.
    pub fn paging(&self) -> Result<Paging, QueryError> {
        let limit = self.number("MaxItems", 1..=1_000)?.unwrap_or(100);
        Ok(Paging { after: self.text("Marker").map(str::to_owned), limit: limit as usize })
    }

    fn numbers(&self, name: &str) -> Result<Vec<u32>, QueryError> {
        let start = format!("{name}.member.");
        let mut numbers: Vec<u32> = Vec::new();
        for (key, _) in self.0.range(start.clone()..).take_while(|(key, _)| key.starts_with(&start)) {
            let rest = key.get(start.len()..).unwrap_or_default();
            let number = rest.split('.').next().and_then(|number| number.parse().ok());
            if let Some(number) = number.filter(|number| !numbers.contains(number)) {
                numbers.push(number);
            }
            if numbers.len() > MOST_MEMBERS {
                return Err(invalid(
                    None,
                    name,
                    &format!("Member must have length less than or equal to {MOST_MEMBERS}"),
                ));
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn document(text: &str) -> Result<Box<RawValue>, QueryError> {
    RawValue::from_string(text.trim().to_owned())
        .map_err(|error| QueryError::new(400, "MalformedPolicyDocument", format!("Syntax errors in policy: {error}")))
}

/// In the words that AWS has for it, which people search for.
pub fn invalid(value: Option<&str>, name: &str, constraint: &str) -> QueryError {
    let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{}'", printable_within(value, QUOTED)));
    let mut field = name.to_owned();
    if let Some(first) = field.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let message =
        format!("1 validation error detected: Value {value} at '{field}' failed to satisfy constraint: {constraint}");
    QueryError::new(400, "ValidationError", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    #[test]
    fn lists_come_in_the_order_of_their_numbers() {
        let read = params(&[("A.member.10", "j"), ("A.member.2", "b"), ("A.member.1", "a"), ("AB.member.1", "x")]);
        assert_eq!(read.list("A").unwrap(), ["a", "b", "j"]);
        assert_eq!(read.list("B").unwrap(), [""; 0]);
    }

    #[test]
    fn tags_are_read_and_none_comes_twice() {
        let one = [("Tags.member.1.Key", "a"), ("Tags.member.1.Value", ""), ("Tags.member.2.Key", "b")];
        assert_eq!(params(&one).tags().unwrap().keys().collect::<Vec<_>>(), ["a", "b"]);
        let two = [("Tags.member.1.Key", "a"), ("Tags.member.2.Key", "a")];
        assert_eq!(params(&two).tags().unwrap_err().code, "ValidationError");
        assert!(Params::read([("a".to_owned(), String::new()), ("a".to_owned(), String::new())].into_iter()).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_as_aws_says_it() {
        let read = params(&[("MaxItems", "0"), ("Flag", "maybe")]);
        assert_eq!(
            read.required("RoleName").unwrap_err().message,
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"
        );
        assert!(read.paging().unwrap_err().message.contains("'0' at 'maxItems'"));
        assert!(read.flag("Flag").is_err());
    }
}
