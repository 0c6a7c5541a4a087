//! JSON of outsiders: a member that stands twice is a fault, at whatever depth. Readers disagree about which one counts (RFC 8259,
//! section 4), and what one of them checked another would act on; RFC 7519, section 4, and RFC 7515, section 4, let us refuse it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The members of an object.
pub(in crate::authn) type Object = BTreeMap<String, Value>;

/// The object that `bytes` are, and nothing behind it.
pub(in crate::authn) fn object(bytes: &[u8]) -> Result<Object, String> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| told(&error))?;
    match value {
        Value::Object(members) => Ok(members.into_iter().collect()),
        _ => Err("it is no object".to_owned()),
    }
}

/// Without the place: tokens are shown to nobody.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    crate::base::text::printable(text).into_owned()
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build).map(Self)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if members.contains_key(&name) {
                return Err(de::Error::custom("a member stands twice"));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stands_twice_and_what_stands_behind_is_refused() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1}{}"#,
            r#"{"a":1} x"#,
            r#"["a"]"#,
            r#""a""#,
            "",
            "\u{feff}{}",
        ] {
            assert!(object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(object(deep.as_bytes()).is_err(), "deeper than the stack");
    }

    proptest! {
        #[test]
        fn otherwise_it_reads_what_serde_json_reads(text in r#"\{("[a-c]":("[a-z\\u0-9]{0,5}"|-?[0-9]{1,3}(\.5)?|true|null|\[1,"x"\]|\{\}),?){0,3}\}"#) {
            let lenient: Option<Value> = serde_json::from_str(&text).ok();
            if let Ok(members) = object(text.as_bytes()) {
                prop_assert_eq!(Some(Value::Object(members.into_iter().collect())), lenient);
            }
        }
    }
}
