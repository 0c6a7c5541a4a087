//! Search filters as a tree (RFC 4511 4.5.1.7) and their text (RFC 4515).
//!
//! Every filter that is sent is built from this tree, so a value can never become syntax: what a
//! name contains is escaped byte by byte when the tree is written. Text is parsed only when it
//! comes from the configuration.

use std::fmt;
use std::str::FromStr;

/// Deepest nesting taken from a configuration file.
const MAX_DEPTH: usize = 32;

/// A search filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these; true when empty (RFC 4526).
    And(Vec<Filter>),
    /// Any of these; false when empty (RFC 4526).
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// The attribute has this value.
    Equal(Attribute, Vec<u8>),
    /// The attribute has a value.
    Present(Attribute),
    /// A value is this or comes after it.
    GreaterOrEqual(Attribute, Vec<u8>),
    /// A value is this or comes before it.
    LessOrEqual(Attribute, Vec<u8>),
    /// A value sounds like this.
    Approximate(Attribute, Vec<u8>),
    /// A value has these parts, in this order. At least one is there, and none is empty.
    Substrings {
        /// Of which attribute.
        attribute: Attribute,
        /// How it begins.
        initial: Option<Vec<u8>>,
        /// What it has in between.
        any: Vec<Vec<u8>>,
        /// How it ends.
        last: Option<Vec<u8>>,
    },
    /// A value matches by a named rule.
    Extensible {
        /// Of which attribute; any the rule applies to when `None`.
        attribute: Option<Attribute>,
        /// Attributes of the DN count too.
        dn: bool,
        /// The rule's name or number.
        rule: Option<Attribute>,
        /// What is asserted.
        value: Vec<u8>,
    },
}

impl Filter {
    /// `attribute` has `value`.
    #[must_use]
    pub fn equal(attribute: Attribute, value: impl Into<Vec<u8>>) -> Self {
        Self::Equal(attribute, value.into())
    }

    /// Any of `filters`; a single one stays itself.
    #[must_use]
    pub fn any(mut filters: Vec<Filter>) -> Self {
        match filters.pop() {
            Some(only) if filters.is_empty() => only,
            Some(last) => {
                filters.push(last);
                Self::Or(filters)
            }
            None => Self::Or(filters),
        }
    }
}

impl Filter {
    /// Every attribute it looks at, as often as it does.
    pub fn attributes(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::And(inner) | Self::Or(inner) => Box::new(inner.iter().flat_map(Self::attributes)),
            Self::Not(inner) => inner.attributes(),
            Self::Equal(attribute, _)
            | Self::Present(attribute)
            | Self::GreaterOrEqual(attribute, _)
            | Self::LessOrEqual(attribute, _)
            | Self::Approximate(attribute, _)
            | Self::Substrings { attribute, .. } => Box::new(std::iter::once(attribute.as_str())),
            Self::Extensible { attribute, .. } => Box::new(attribute.iter().map(Attribute::as_str)),
        }
    }
}

/// An attribute description (RFC 4512 2.5): a name or a number, and options.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute(String);

impl Attribute {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is not an attribute's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an attribute name: expected letters, digits and `-`, beginning with a letter", crate::base::text::printable(.0))]
pub struct AttributeError(String);

impl FromStr for Attribute {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default();
        let word =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let number = |name: &str| {
            name.contains('.')
                && name.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let named = word(name) && name.starts_with(|c: char| c.is_ascii_alphabetic());
        if (named || number(name)) && parts.all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AttributeError(text.to_owned()))
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(filters) => list(f, '&', filters),
            Self::Or(filters) => list(f, '|', filters),
            Self::Not(filter) => write!(f, "(!{filter})"),
            Self::Equal(attribute, value) => write!(f, "({attribute}={})", Escaped(value)),
            Self::Present(attribute) => write!(f, "({attribute}=*)"),
            Self::GreaterOrEqual(attribute, value) => write!(f, "({attribute}>={})", Escaped(value)),
            Self::LessOrEqual(attribute, value) => write!(f, "({attribute}<={})", Escaped(value)),
            Self::Approximate(attribute, value) => write!(f, "({attribute}~={})", Escaped(value)),
            Self::Substrings { attribute, initial, any, last } => {
                write!(f, "({attribute}={}*", Escaped(initial.as_deref().unwrap_or_default()))?;
                any.iter().try_for_each(|part| write!(f, "{}*", Escaped(part)))?;
                write!(f, "{})", Escaped(last.as_deref().unwrap_or_default()))
            }
            Self::Extensible { attribute, dn, rule, value } => {
                f.write_str("(")?;
                attribute.iter().try_for_each(|attribute| write!(f, "{attribute}"))?;
                f.write_str(if *dn { ":dn" } else { "" })?;
                rule.iter().try_for_each(|rule| write!(f, ":{rule}"))?;
                write!(f, ":={})", Escaped(value))
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, operator: char, filters: &[Filter]) -> fmt::Result {
    write!(f, "({operator}")?;
    filters.iter().try_for_each(|filter| write!(f, "{filter}"))?;
    f.write_str(")")
}

/// A value with everything but harmless ASCII as `\xx` (RFC 4515 section 3).
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0.iter().try_for_each(|byte| match byte {
            b'(' | b')' | b'*' | b'\\' | 0..=b' ' | 127.. => write!(f, "\\{byte:02x}"),
            byte => f.write_char(char::from(*byte)),
        })
    }
}

/// Text that is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {position}")]
pub struct FilterError {
    /// Where, counted in bytes from 0.
    pub position: usize,
    /// What is wrong there.
    pub why: String,
}

impl FromStr for Filter {
    type Err = FilterError;

    /// The filter written in `text`. The outermost parentheses may be left out.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { text, at: 0 };
        let filter = if text.starts_with('(') { parser.filter(0)? } else { parser.inner(0)? };
        if parser.at < text.len() { Err(parser.stop("expected the end of the filter")) } else { Ok(filter) }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn filter(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_DEPTH {
            return Err(self.stop(format!("more than {MAX_DEPTH} levels of parentheses")));
        }
        self.expect('(')?;
        let filter = self.inner(depth)?;
        self.expect(')')?;
        Ok(filter)
    }

    fn inner(&mut self, depth: usize) -> Result<Filter, FilterError> {
        match self.rest().chars().next() {
            Some('&') => Ok(Filter::And(self.filters(depth)?)),
            Some('|') => Ok(Filter::Or(self.filters(depth)?)),
            Some('!') => {
                self.at += 1;
                Ok(Filter::Not(Box::new(self.filter(depth + 1)?)))
            }
            _ => self.item(),
        }
    }

    /// The operator's operands, up to the closing parenthesis.
    fn filters(&mut self, depth: usize) -> Result<Vec<Filter>, FilterError> {
        self.at += 1;
        let mut filters = Vec::new();
        while self.rest().starts_with('(') {
            filters.push(self.filter(depth + 1)?);
        }
        Ok(filters)
    }

    fn item(&mut self) -> Result<Filter, FilterError> {
        let start = self.at;
        let name = self.take_until(['=', '<', '>', '~', ':', '(', ')', '*', '\\']);
        if self.rest().starts_with(':') {
            return self.extensible(start, name);
        }
        let attribute = attribute(start, name)?;
        let operator = self.operator()?;
        let parts = self.value_parts()?;
        match (operator, parts) {
            ("=", Parts::Whole(value)) => Ok(Filter::Equal(attribute, value)),
            (">=", Parts::Whole(value)) => Ok(Filter::GreaterOrEqual(attribute, value)),
            ("<=", Parts::Whole(value)) => Ok(Filter::LessOrEqual(attribute, value)),
            ("~=", Parts::Whole(value)) => Ok(Filter::Approximate(attribute, value)),
            ("=", Parts::Split { initial: None, any, last: None }) if any.is_empty() => Ok(Filter::Present(attribute)),
            ("=", Parts::Split { initial, any, last }) => Ok(Filter::Substrings { attribute, initial, any, last }),
            (operator, _) => {
                Err(self.stop(format!("`*` has no meaning after `{operator}`; write `\\2a` for the character")))
            }
        }
    }

    fn extensible(&mut self, start: usize, name: &str) -> Result<Filter, FilterError> {
        let named = if name.is_empty() { None } else { Some(attribute(start, name)?) };
        let (mut dn, mut rule) = (false, None);
        while !self.rest().starts_with(":=") {
            self.expect(':')?;
            let at = self.at;
            match self.take_until([':', '=', '(', ')']) {
                word if word.eq_ignore_ascii_case("dn") && !dn && rule.is_none() => dn = true,
                word if rule.is_none() => rule = Some(attribute(at, word)?),
                _ => return Err(FilterError { position: at, why: "expected `:=`".to_owned() }),
            }
        }
        self.at += 2;
        if named.is_none() && rule.is_none() {
            return Err(FilterError { position: start, why: "expected an attribute or a matching rule".to_owned() });
        }
        match self.value_parts()? {
            Parts::Whole(value) => Ok(Filter::Extensible { attribute: named, dn, rule, value }),
            Parts::Split { .. } => Err(self.stop("`*` has no meaning after `:=`; write `\\2a` for the character")),
        }
    }

    fn operator(&mut self) -> Result<&'static str, FilterError> {
        let found = [">=", "<=", "~=", "="].into_iter().find(|operator| self.rest().starts_with(operator));
        let operator = found.ok_or_else(|| self.stop("expected `=`, `>=`, `<=`, `~=` or `:=`"))?;
        self.at += operator.len();
        Ok(operator)
    }

    fn value_parts(&mut self) -> Result<Parts, FilterError> {
        let mut parts = vec![self.value()?];
        while self.rest().starts_with('*') {
            self.at += 1;
            parts.push(self.value()?);
        }
        let mut parts = parts.into_iter();
        let initial = parts.next().unwrap_or_default();
        let Some(last) = parts.next_back() else { return Ok(Parts::Whole(initial)) };
        let some = |part: Vec<u8>| (!part.is_empty()).then_some(part);
        // `a**b` means `a*b`: an empty part asks for nothing.
        Ok(Parts::Split { initial: some(initial), any: parts.filter_map(some).collect(), last: some(last) })
    }

    /// A value up to `*`, a parenthesis or the end, its escapes resolved.
    fn value(&mut self) -> Result<Vec<u8>, FilterError> {
        let mut value = Vec::new();
        loop {
            value.extend_from_slice(self.take_until(['*', '(', ')', '\\', '\0']).as_bytes());
            match self.rest().chars().next() {
                Some('\\') => {
                    let pair = self.rest().get(1..3).and_then(|digits| hex::decode(digits).ok());
                    value.extend(pair.ok_or_else(|| self.stop("expected two hexadecimal digits after `\\`"))?);
                    self.at += 3;
                }
                Some('\0') => return Err(self.stop("a NUL must be written `\\00`")),
                Some('(') => return Err(self.stop("a parenthesis in a value must be written `\\28`")),
                _ => return Ok(value),
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_until<const N: usize>(&mut self, ends: [char; N]) -> &'a str {
        let rest = self.rest();
        let length = rest.find(ends).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn expect(&mut self, wanted: char) -> Result<(), FilterError> {
        if self.rest().starts_with(wanted) {
            self.at += wanted.len_utf8();
            Ok(())
        } else {
            Err(self.stop(format!("expected `{wanted}`")))
        }
    }

    fn stop(&self, why: impl Into<String>) -> FilterError {
        FilterError { position: self.at, why: why.into() }
    }
}

fn attribute(position: usize, name: &str) -> Result<Attribute, FilterError> {
    name.parse().map_err(|error: AttributeError| FilterError { position, why: error.to_string() })
}

/// A value as written: in one piece, or with `*` in it.
enum Parts {
    Whole(Vec<u8>),
    Split { initial: Option<Vec<u8>>, any: Vec<Vec<u8>>, last: Option<Vec<u8>> },
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_rfc_4515_are_read() {
        let cases = [
            ("(cn=Babs Jensen)", "(cn=Babs\\20Jensen)"),
            ("(!(cn=Tim Howes))", "(!(cn=Tim\\20Howes))"),
            (
                "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
                "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs\\20J*)))",
            ),
            ("(o=univ*of*mich*)", "(o=univ*of*mich*)"),
            ("(seeAlso=)", "(seeAlso=)"),
            ("(cn:caseExactMatch:=Fred Flintstone)", "(cn:caseExactMatch:=Fred\\20Flintstone)"),
            ("(cn:=Betty Rubble)", "(cn:=Betty\\20Rubble)"),
            ("(sn:dn:2.4.6.8.10:=Barney Rubble)", "(sn:dn:2.4.6.8.10:=Barney\\20Rubble)"),
            ("(o:dn:=Ace Industry)", "(o:dn:=Ace\\20Industry)"),
            ("(:1.2.3:=Wilma Flintstone)", "(:1.2.3:=Wilma\\20Flintstone)"),
            (
                "(o=Parens R Us \\28for all your parenthetical needs\\29)",
                "(o=Parens\\20R\\20Us\\20\\28for\\20all\\20your\\20parenthetical\\20needs\\29)",
            ),
            ("(bin=\\00\\00\\00\\04)", "(bin=\\00\\00\\00\\04)"),
            ("(sn=Lu\\c4\\8di\\c4\\87)", "(sn=Lu\\c4\\8di\\c4\\87)"),
            ("uid=*", "(uid=*)"),
            ("(&)", "(&)"),
        ];
        for (text, printed) in cases {
            let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_filter_says_where() {
        let cases = [
            ("", 0),
            ("(", 1),
            ("(cn=a", 5),
            ("(cn=a))", 6),
            ("(c n=a)", 1),
            ("(cn=a\\2)", 5),
            ("(cn>=a*)", 7),
            ("(!(a=b)(c=d))", 7),
            ("(cn)", 3),
            ("(:=x)", 1),
            ("(cn=a(b)", 5),
        ];
        for (text, position) in cases {
            let error = text.parse::<Filter>().unwrap_err();
            assert_eq!(error.position, position, "{text}: {error}");
        }
        let deep = format!("{}a=b{}", "(!".repeat(100), ")".repeat(100));
        assert!(deep.parse::<Filter>().is_err());
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..8)
    }

    fn part() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 1..5)
    }

    fn attribute() -> impl Strategy<Value = Attribute> {
        "[a-zA-Z][a-zA-Z0-9-]{0,6}(;[a-z-]{1,4})?|[0-2]\\.[0-9]{1,4}\\.[0-9]{1,4}"
            .prop_map(|name| name.parse().unwrap())
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let leaf = prop_oneof![
            (attribute(), value()).prop_map(|(a, v)| Filter::Equal(a, v)),
            attribute().prop_map(Filter::Present),
            (attribute(), value()).prop_map(|(a, v)| Filter::GreaterOrEqual(a, v)),
            (attribute(), value()).prop_map(|(a, v)| Filter::LessOrEqual(a, v)),
            (attribute(), value()).prop_map(|(a, v)| Filter::Approximate(a, v)),
            (attribute(), option::of(part()), vec(part(), 0..3), part()).prop_map(|(attribute, initial, any, last)| {
                Filter::Substrings { attribute, initial, any, last: Some(last) }
            }),
            (attribute(), any::<bool>(), value()).prop_map(|(rule, dn, value)| Filter::Extensible {
                attribute: None,
                dn,
                // A rule may not be called `dn`: that word is taken (RFC 4515 section 3).
                rule: Some(format!("r{rule}").split(';').next().unwrap().replace('.', "").parse().unwrap()),
                value
            }),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Filter::And),
                vec(inner.clone(), 0..4).prop_map(Filter::Or),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(filter in filter()) {
            prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
        }

        #[test]
        fn a_value_never_becomes_syntax(value in any::<String>()) {
            let filter = Filter::equal("uid".parse().unwrap(), value.clone());
            prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), Filter::Equal("uid".parse().unwrap(), value.into_bytes()));
        }

        #[test]
        fn no_text_breaks_the_parser(text in any::<String>(), shaped in "[()&|!=*:<>~a\\\\0é]{0,20}") {
            let _ = text.parse::<Filter>();
            if let Ok(filter) = shaped.parse::<Filter>() {
                prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
            }
        }
    }
}
