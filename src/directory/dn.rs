//! Distinguished names: RFC 4514 text, and the one form two spellings of a name share.
//!
//! Owns parsing, the normal form and "is below". Does not know a schema: values are compared as
//! `caseIgnoreMatch` would (RFC 4518: case, Unicode compatibility forms and runs of blanks do not
//! count), which is right for every naming attribute in use. Names are for display and for
//! resolving members; identity is a [`Guid`](crate::base::Guid).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization;

use crate::base::text::printable;

/// A distinguished name, as whoever wrote it spelt it.
///
/// Equality is equality of spelling; compare [`Dn::normalised`] to ask whether two names are the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dn(String);

/// Text that is not a distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a DN: {why} at byte {position}")]
pub struct DnError {
    text: String,
    position: usize,
    why: &'static str,
}

impl Dn {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form all spellings of this name share: attribute types by their short lower-case names, values
    /// case-folded with blanks collapsed, the parts of an RDN sorted, everything special as `\xx`.
    ///
    /// Because every comma of a value is written `\2c`, a comma in a normal form always ends an RDN.
    #[must_use]
    pub fn normalised(&self) -> String {
        // A `Dn` was parsed when it was made, so this cannot fail; the spelling itself is the safe answer.
        normal_form(&self.0).unwrap_or_else(|_| self.0.clone())
    }

    /// True when this name is `base` or below it.
    #[must_use]
    pub fn is_under(&self, base: &Dn) -> bool {
        normal_is_under(&self.normalised(), &base.normalised())
    }
}

/// The normal form of `text`, without keeping the spelling: for values that are only looked up.
///
/// # Errors
/// When `text` is not a DN.
pub fn normal_form(text: &str) -> Result<String, DnError> {
    if let Some(normal) = plain_normal_form(text) {
        return Ok(normal);
    }
    let fault = |position, why| DnError { text: printable(text).into_owned(), position, why };
    Parser { bytes: text.as_bytes(), at: 0 }.normal_form().map_err(|(position, why)| fault(position, why))
}

/// True when the normal form `name` is the normal form `base` or below it.
#[must_use]
pub fn normal_is_under(name: &str, base: &str) -> bool {
    match name.strip_suffix(base) {
        Some(above) => base.is_empty() || above.is_empty() || above.ends_with(','),
        None => false,
    }
}

impl FromStr for Dn {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, DnError> {
        normal_form(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Dn {
    type Error = DnError;

    fn try_from(text: String) -> Result<Self, DnError> {
        normal_form(&text)?;
        Ok(Self(text))
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Dn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Dn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The normal form of the names directories are full of (`uid=jdoe,ou=People,dc=example,dc=com`), in one
/// pass; `None` for anything that needs thought. A reconcile normalises every entry and every member value.
fn plain_normal_form(text: &str) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    if text.is_empty() {
        return Some(normal);
    }
    for rdn in text.split(',') {
        if !normal.is_empty() {
            normal.push(',');
        }
        let (kind, value) = rdn.split_once('=')?;
        let kind = kind.trim_matches(' ');
        if !plain_type(kind) {
            return None;
        }
        normal.extend(kind.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        normal.push('=');
        let (start, mut blank) = (normal.len(), false);
        for byte in value.bytes() {
            match byte {
                b' ' => blank = true,
                b'!' | b'$'..=b'*' | b'-'..=b':' | b'?'..=b'[' | b']'..=b'~' => {
                    if blank && normal.len() > start {
                        normal.push(' ');
                    }
                    blank = false;
                    normal.push(char::from(byte.to_ascii_lowercase()));
                }
                _ => return None,
            }
        }
    }
    Some(normal)
}

/// True for a type that is its own short name: letters and digits, and not one of the long [`ALIASES`].
fn plain_type(kind: &str) -> bool {
    match kind.as_bytes() {
        [first, rest @ ..] => {
            first.is_ascii_alphabetic()
                && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
                && (rest.len() < 3 || short_name(&kind.to_ascii_lowercase()).is_none())
        }
        [] => false,
    }
}

/// Long names and numbers of the types RFC 4514 section 3 wants every reader to know.
const ALIASES: [(&str, &str); 21] = [
    ("commonname", "cn"),
    ("countryname", "c"),
    ("domaincomponent", "dc"),
    ("localityname", "l"),
    ("organizationalunitname", "ou"),
    ("organizationname", "o"),
    ("stateorprovincename", "st"),
    ("streetaddress", "street"),
    ("surname", "sn"),
    ("userid", "uid"),
    ("rfc822mailbox", "mail"),
    ("2.5.4.3", "cn"),
    ("2.5.4.4", "sn"),
    ("2.5.4.6", "c"),
    ("2.5.4.7", "l"),
    ("2.5.4.8", "st"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "o"),
    ("2.5.4.11", "ou"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("0.9.2342.19200300.100.1.25", "dc"),
];

/// The short name of a lower-case attribute type that has another one.
fn short_name(kind: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(long, _)| *long == kind).map(|(_, short)| *short)
}

/// Where reading stopped, and why.
type Stop = (usize, &'static str);

/// The reader for everything: escapes, quotes, hexadecimal values, several attributes an RDN.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn normal_form(mut self) -> Result<String, Stop> {
        let mut normal = String::with_capacity(self.bytes.len() + 8);
        self.skip_blanks();
        if self.peek().is_none() {
            return Ok(normal);
        }
        loop {
            let mut parts = vec![self.attribute()?];
            while self.take(b"+") {
                parts.push(self.attribute()?);
            }
            parts.sort_unstable();
            parts.dedup();
            normal.push_str(&parts.join("+"));
            if self.peek().is_none() {
                return Ok(normal);
            }
            // RFC 2253 section 4 wants readers to take the semicolon of LDAPv2 for a comma.
            if !self.take(b",;") {
                return Err((self.at, "expected `,` or the end"));
            }
            normal.push(',');
        }
    }

    /// `type=value` in normal form, up to the separator that follows it.
    fn attribute(&mut self) -> Result<String, Stop> {
        self.skip_blanks();
        let mut normal = self.attribute_type()?;
        self.skip_blanks();
        if !self.take(b"=") {
            return Err((self.at, "expected `=`"));
        }
        self.skip_blanks();
        normal.push('=');
        match self.peek() {
            Some(b'#') => normal.push_str(&self.hex_value()?),
            Some(b'"') => fold_into(&mut normal, &self.quoted_value()?),
            _ => fold_into(&mut normal, &self.text_value()?),
        }
        self.skip_blanks();
        Ok(normal)
    }

    fn attribute_type(&mut self) -> Result<String, Stop> {
        let start = self.at;
        let raw = self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        let lower = String::from_utf8_lossy(raw).to_ascii_lowercase();
        // LDAPv2 wrote `OID.2.5.4.3`.
        let name = lower.strip_prefix("oid.").unwrap_or(&lower);
        let numeric = name.starts_with(|c: char| c.is_ascii_digit());
        let sound = if numeric {
            name.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
        } else {
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains('.')
        };
        if sound { Ok(short_name(name).unwrap_or(name).to_owned()) } else { Err((start, "expected an attribute type")) }
    }

    /// `#` and the value's BER encoding in hexadecimal (RFC 4514 2.4). A string is unpacked, so that it
    /// equals its plain spelling; anything else stays as it is.
    fn hex_value(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        let digits = self.take_while(|byte| byte.is_ascii_hexdigit());
        let encoded = hex::decode(digits).map_err(|_| (start, "expected pairs of hexadecimal digits"))?;
        match encoded.as_slice() {
            [] => Err((start, "expected hexadecimal digits")),
            // Octet, UTF-8, printable, teletex and IA5 strings of up to 127 bytes.
            [0x04 | 0x0c | 0x13 | 0x14 | 0x16, length @ 0..=127, value @ ..] if usize::from(*length) == value.len() => {
                let mut normal = String::new();
                fold_into(&mut normal, value);
                Ok(normal)
            }
            _ => Ok(format!("#{}", hex::encode(encoded))),
        }
    }

    /// The legacy form: everything between quotation marks stands for itself (RFC 2253 section 4).
    fn quoted_value(&mut self) -> Result<Vec<u8>, Stop> {
        let start = self.at;
        self.at += 1;
        let mut value = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => return Ok(value),
                Some(b'\\') => value.push(self.escaped()?),
                Some(byte) => value.push(byte),
                None => return Err((start, "the quotation mark is never closed")),
            }
        }
    }

    fn text_value(&mut self) -> Result<Vec<u8>, Stop> {
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'+' | b';' => break,
                b'"' => return Err((self.at, "`\"` must be escaped")),
                // RFC 4514 wants these escaped too; older servers write them bare and they are not ambiguous.
                b'<' | b'>' | b'=' | b'#' => value.push(byte),
                0 => return Err((self.at, "a NUL must be escaped")),
                b'\\' => {
                    self.at += 1;
                    value.push(self.escaped()?);
                    continue;
                }
                _ => value.push(byte),
            }
            self.at += 1;
        }
        Ok(value)
    }

    /// What follows a backslash: a special character or two hexadecimal digits.
    fn escaped(&mut self) -> Result<u8, Stop> {
        let start = self.at;
        let first = self.next().ok_or((start, "nothing follows the backslash"))?;
        if matches!(first, b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') {
            return Ok(first);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (digit(first), self.next().and_then(digit)) {
            (Some(high), Some(low)) => Ok(high << 4 | low),
            _ => Err((start, "expected a special character or two hexadecimal digits after the backslash")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn take_while(&mut self, wanted: impl Fn(&u8) -> bool) -> &[u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| wanted(byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| *byte == b' ');
    }
}

/// Appends `value` case-folded and with blanks collapsed, special characters as `\xx`.
///
/// A value that is not UTF-8 has no case; its bytes are kept.
fn fold_into(normal: &mut String, value: &[u8]) {
    let Ok(text) = std::str::from_utf8(value) else {
        value.iter().for_each(|byte| push_byte(normal, *byte));
        return;
    };
    let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let mut words = folded.split_whitespace();
    if let Some(first) = words.next() {
        push_text(normal, first);
    }
    for word in words {
        normal.push(' ');
        push_text(normal, word);
    }
}

fn push_text(normal: &mut String, text: &str) {
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(byte) if c.is_ascii() => push_byte(normal, byte),
            _ => normal.push(c),
        }
    }
}

fn push_byte(normal: &mut String, byte: u8) {
    if matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') {
        normal.push(char::from(byte));
    } else {
        normal.push('\\');
        normal.push_str(&hex::encode([byte]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        text.parse::<Dn>().unwrap_or_else(|error| panic!("{error}")).normalised()
    }

    #[test]
    fn spellings_of_one_name_share_a_normal_form() {
        let families: [&[&str]; 7] = [
            &[
                "uid=jdoe,ou=People,dc=example,dc=com",
                "UID = JDoe , OU=people,DC=Example;dc=COM",
                "userid=jdoe,2.5.4.11=people,OID.0.9.2342.19200300.100.1.25=example,domainComponent=com",
            ],
            &["cn=Lee\\, Ann,dc=x", "CN=\"Lee, Ann\",DC=x", "cn=Lee\\2C Ann,dc=x", "cn=lee\\,  ann ,dc=x"],
            &["cn=a+uid=b,dc=x", "UID=B + CN=A,dc=x"],
            &["cn=Zo\u{eb}", "cn=Zoe\u{308}", "cn=zo\\C3\\ab", "CN=ZO\u{cb}"],
            &["cn=foo", "cn=#0403666f6f", "cn=#0c03464F4F"],
            &["cn=a  b", "cn=\\20a b\\20", "cn= a b "],
            &["", " "],
        ];
        for family in families {
            for spelling in family {
                assert_eq!(normal(spelling), normal(family[0]), "{spelling}");
            }
        }
    }

    #[test]
    fn different_names_stay_different() {
        assert_ne!(normal("cn=a\\,dc=x"), normal("cn=a,dc=x"));
        assert_ne!(normal("cn=a\\+b=c"), normal("cn=a+b=c"));
        assert_ne!(normal("cn=ab"), normal("cn=a b"));
        assert_ne!(normal("cn=#0101ff"), normal("cn=\\#0101ff"));
    }

    #[test]
    fn below_means_whole_rdns() {
        let base: Dn = "dc=X".parse().unwrap();
        for (name, under) in
            [("cn=a,DC=x", true), ("dc=x", true), ("cn=a\\,dc=x", false), ("cn=adc=x", false), ("o=y", false)]
        {
            assert_eq!(name.parse::<Dn>().unwrap().is_under(&base), under, "{name}");
        }
        assert!(base.is_under(&"".parse().unwrap()));
        assert!(!Dn(String::new()).is_under(&base));
    }

    #[test]
    fn what_is_no_name_says_where() {
        for (text, position) in [
            ("cn", 2),
            ("=x", 0),
            ("cn=a,", 5),
            ("cn=\"a", 3),
            ("cn=a\\", 5),
            ("cn=a\\zz", 5),
            ("cn=#4", 3),
            ("1..2=x", 0),
            ("cn=\"a\"b", 6),
        ] {
            let error = text.parse::<Dn>().unwrap_err();
            assert_eq!(error.position, position, "{error}");
        }
    }

    #[test]
    fn the_text_form_is_kept() {
        let spelt = "\"CN=A\\\\, b,DC=x\"";
        let dn: Dn = serde_json::from_str(spelt).unwrap();
        assert_eq!(serde_json::to_string(&dn).unwrap(), spelt);
        assert!(serde_json::from_str::<Dn>("\"nonsense\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in any::<String>(), shaped in "[a-c=,+;\"#\\\\ 0-9é]{0,24}") {
            for text in [text, shaped] {
                if let Ok(dn) = text.parse::<Dn>() {
                    let normal = dn.normalised();
                    prop_assert_eq!(normal_form(&normal).unwrap(), normal.clone(), "the normal form of a normal form");
                    prop_assert!(dn.is_under(&dn));
                }
            }
        }

        #[test]
        fn any_value_survives_any_escaping(value in proptest::collection::vec(any::<char>(), 1..12), hex_all in any::<bool>()) {
            let value: String = value.into_iter().collect();
            let plain: String = value.bytes().map(|byte| format!("\\{byte:02x}")).collect();
            let light: String = value.chars().map(|c| match c {
                c if c.is_alphanumeric() && !hex_all => c.to_string(),
                c => { let mut buffer = [0; 4]; c.encode_utf8(&mut buffer).bytes().map(|byte| format!("\\{byte:02X}")).collect() }
            }).collect();
            prop_assert_eq!(normal(&format!("cn={plain},dc=x")), normal(&format!("CN= {light} ,DC=X")));
        }

        #[test]
        fn the_fast_path_agrees_with_the_parser(text in "[a-zA-Z0-9]{1,6}= ?[a-zA-Z0-9 .@!'()*/:?_-]{0,10}(,[a-z]{1,3}=[A-Z a-z]{0,5}){0,3}") {
            if let Some(fast) = plain_normal_form(&text) {
                let slow = Parser { bytes: text.as_bytes(), at: 0 }.normal_form().unwrap();
                prop_assert_eq!(fast, slow);
            }
        }
    }
}
