//! The names of condition operators, and what each is made of.

/// An operator, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Option<Quantifier>,
    pub(super) test: Test,
    /// True when a match of the test is what must not be.
    pub(super) negated: bool,
    /// An absent key passes.
    pub(super) if_exists: bool,
}

/// Over the values of a key that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Arn,
    Binary,
    Bool,
    Date(Order),
    Ip,
    Null,
    Number(Order),
    Text { wildcards: bool, folded: bool },
}

/// How the request's value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    /// Whether `found` is such a one.
    pub(super) fn holds(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

const EXACT: Test = Test::Text { wildcards: false, folded: false };
const FOLDED: Test = Test::Text { wildcards: false, folded: true };
const LIKE: Test = Test::Text { wildcards: true, folded: false };

/// Name, test, and whether it is negated. AWS takes any case. Of two names for one the first is what is printed.
#[rustfmt::skip]
const NAMES: [(&str, Test, bool); 27] = [
    ("StringEquals", EXACT, false), ("StringNotEquals", EXACT, true),
    ("StringEqualsIgnoreCase", FOLDED, false), ("StringNotEqualsIgnoreCase", FOLDED, true),
    ("StringLike", LIKE, false), ("StringNotLike", LIKE, true),
    ("NumericEquals", Test::Number(Order::Equal), false), ("NumericNotEquals", Test::Number(Order::Equal), true),
    ("NumericLessThan", Test::Number(Order::Less), false), ("NumericLessThanEquals", Test::Number(Order::LessOrEqual), false),
    ("NumericGreaterThan", Test::Number(Order::Greater), false), ("NumericGreaterThanEquals", Test::Number(Order::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Order::Equal), false), ("DateNotEquals", Test::Date(Order::Equal), true),
    ("DateLessThan", Test::Date(Order::Less), false), ("DateLessThanEquals", Test::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Order::Greater), false), ("DateGreaterThanEquals", Test::Date(Order::GreaterOrEqual), false),
    ("Bool", Test::Bool, false), ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Ip, false), ("NotIpAddress", Test::Ip, true),
    ("ArnLike", Test::Arn, false), ("ArnEquals", Test::Arn, false),
    ("ArnNotLike", Test::Arn, true), ("ArnNotEquals", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// The operator of this name; `None` when there is none.
    pub(super) fn named(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => (Some(Quantifier::All), rest),
            Some(("foranyvalue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return None,
            None => (None, lower.as_str()),
        };
        let (rest, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |rest| (rest, true));
        let (_, test, negated) = NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(rest))?;
        // Whether a key is there is asked of the key: neither of its values, nor if it is there.
        if *test == Test::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self { quantifier, test: *test, negated: *negated, if_exists })
    }

    /// Its names, the usual one first.
    pub(super) fn names(self) -> impl Iterator<Item = String> {
        let before = match self.quantifier {
            Some(Quantifier::All) => "ForAllValues:",
            Some(Quantifier::Any) => "ForAnyValue:",
            None => "",
        };
        let behind = if self.if_exists { "IfExists" } else { "" };
        let same = NAMES.iter().filter(move |(_, test, negated)| (*test, *negated) == (self.test, self.negated));
        same.map(move |(name, ..)| format!("{before}{name}{behind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let all = Operator::named("ForAllValues:StringNotLikeIfExists").unwrap();
        let expected = Operator { quantifier: Some(Quantifier::All), test: LIKE, negated: true, if_exists: true };
        assert_eq!(all, expected);
        assert_eq!(Operator::named("NULL").unwrap().test, Test::Null);
        assert_eq!(Operator::named("stringequalsignorecaseIFEXISTS").unwrap().test, FOLDED);
        for bad in
            ["", "StringEqual", "NullIfExists", "ForAnyValue:Null", "ForSome:StringLike", "BinaryNotEquals", "NotBool"]
        {
            assert_eq!(Operator::named(bad), None, "{bad}");
        }
    }
}
