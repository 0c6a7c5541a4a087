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

/// Name, test, and whether it is negated. Lower-case: AWS takes any case.
#[rustfmt::skip]
const NAMES: [(&str, Test, bool); 27] = [
    ("stringequals", EXACT, false), ("stringnotequals", EXACT, true),
    ("stringequalsignorecase", FOLDED, false), ("stringnotequalsignorecase", FOLDED, true),
    ("stringlike", LIKE, false), ("stringnotlike", LIKE, true),
    ("numericequals", Test::Number(Order::Equal), false), ("numericnotequals", Test::Number(Order::Equal), true),
    ("numericlessthan", Test::Number(Order::Less), false), ("numericlessthanequals", Test::Number(Order::LessOrEqual), false),
    ("numericgreaterthan", Test::Number(Order::Greater), false), ("numericgreaterthanequals", Test::Number(Order::GreaterOrEqual), false),
    ("dateequals", Test::Date(Order::Equal), false), ("datenotequals", Test::Date(Order::Equal), true),
    ("datelessthan", Test::Date(Order::Less), false), ("datelessthanequals", Test::Date(Order::LessOrEqual), false),
    ("dategreaterthan", Test::Date(Order::Greater), false), ("dategreaterthanequals", Test::Date(Order::GreaterOrEqual), false),
    ("bool", Test::Bool, false), ("binaryequals", Test::Binary, false),
    ("ipaddress", Test::Ip, false), ("notipaddress", Test::Ip, true),
    ("arnequals", Test::Arn, false), ("arnlike", Test::Arn, false),
    ("arnnotequals", Test::Arn, true), ("arnnotlike", Test::Arn, true),
    ("null", Test::Null, false),
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
        let (_, test, negated) = NAMES.iter().find(|(name, ..)| *name == rest)?;
        // Whether a key is there is asked of the key: neither of its values, nor if it is there.
        if *test == Test::Null && (if_exists || quantifier.is_some()) {
            return None;
        }
        Some(Self { quantifier, test: *test, negated: *negated, if_exists })
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
