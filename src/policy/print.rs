//! Document to text: a document as it was understood.
//!
//! What was left open is written out: the version, every list as a list, an ARN in all its fields, actions and keys in lower
//! case, numbers, times and networks in one form each. What means nothing is left out: `Id`, and operators without keys.
//! Reading the print gives an equal document, so that what a person sees in it is what decides.

use std::fmt::{self, Write as _};

use super::action::ActionPattern;
use super::arn::{ArnPattern, Variables};
use super::condition::{self, Block, Condition};
use super::document::{Choice, Document, Statement, Version};
use super::principal::{self, PrincipalPattern};
use crate::base::text::hidden;

/// Blanks by which what stands inside of something is moved in.
const INDENT: usize = 2;

impl Document {
    /// Writes it as it was understood, in JSON. Parsed as the same kind, the print is an equal document; but of one that is
    /// nearly as long as documents may be, the print may be longer than that.
    #[must_use]
    pub fn print(&self) -> String {
        let statements = self.statements.iter().map(|statement| statement.json(self.version)).collect();
        let members = [("Version", Json::text(self.version.as_str())), ("Statement", Json::List(statements))];
        Json::object(members).to_string()
    }

    /// Statement `index` alone, likewise.
    #[must_use]
    pub fn print_statement(&self, index: usize) -> Option<String> {
        Some(self.statements.get(index)?.json(self.version).to_string())
    }
}

impl Statement {
    fn json(&self, version: Version) -> Json {
        let mut members = Vec::new();
        members.extend(self.sid.as_deref().map(|sid| ("Sid", Json::text(sid))));
        members.push(("Effect", Json::text(self.effect.as_str())));
        let principals = self.principals.as_ref();
        members.extend(principals.map(|choice| (choice.named("Principal", "NotPrincipal"), who(&choice.among))));
        members.push((self.actions.named("Action", "NotAction"), actions(&self.actions.among)));
        let resources = self.resources.as_ref();
        members.extend(resources.map(|choice| (choice.named("Resource", "NotResource"), arns(&choice.among, version))));
        if !self.conditions.is_empty() {
            members.push(("Condition", conditions(&self.conditions, version)));
        }
        Json::object(members)
    }
}

impl<T> Choice<T> {
    fn named(&self, these: &'static str, others: &'static str) -> &'static str {
        if self.not { others } else { these }
    }
}

fn who(among: &[PrincipalPattern]) -> Json {
    match among {
        [PrincipalPattern::Everyone] => Json::text("*"),
        _ => Json::object(principal::members(among).map(|(member, names)| (member, Json::texts(names)))),
    }
}

fn actions(among: &[ActionPattern]) -> Json {
    Json::texts(among.iter().map(ActionPattern::print))
}

fn arns(among: &[ArnPattern], version: Version) -> Json {
    Json::texts(among.iter().map(|pattern| pattern.print(version, Variables::InResource)))
}

fn conditions(all: &[Condition], version: Version) -> Json {
    let blocks = condition::blocks(all, version).into_iter();
    Json::object(blocks.map(|Block { name, keys, .. }| {
        (name, Json::object(keys.into_iter().map(|(key, values)| (key, Json::texts(values)))))
    }))
}

/// JSON whose members stay in their order.
enum Json {
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    fn object<T: Into<String>>(members: impl IntoIterator<Item = (T, Self)>) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(f, text),
            Self::List(items) => match items.as_slice() {
                [Self::Text(only)] => {
                    f.write_char('[')?;
                    quoted(f, only)?;
                    f.write_char(']')
                }
                items => within(f, ['[', ']'], depth, items, |f, item| item.write(f, depth + 1)),
            },
            Self::Object(members) => within(f, ['{', '}'], depth, members, |f, (name, value)| {
                quoted(f, name)?;
                f.write_str(": ")?;
                value.write(f, depth + 1)
            }),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// Writes each of `items` on a line of its own, between brackets.
fn within<T>(
    f: &mut fmt::Formatter<'_>,
    [open, close]: [char; 2],
    depth: usize,
    items: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_char(open)?;
    for (n, item) in items.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        write!(f, "{comma}\n{:1$}", "", (depth + 1) * INDENT)?;
        each(f, item)?;
    }
    write!(f, "\n{:1$}{close}", "", depth * INDENT)
}

/// Writes a text of JSON. What would not be seen, or would turn a line around, is escaped: who reads a print has to see what
/// it says.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if hidden(c) => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Kind;

    fn printed(text: &str, kind: Kind) -> String {
        let document = Document::parse(text, kind).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let print = document.print();
        assert_eq!(Document::parse(&print, kind).as_ref(), Ok(&document), "{print}");
        print
    }

    #[test]
    fn a_document_is_written_as_it_was_understood() {
        let text = r#"{"Statement": {"Resource": ["*", "arn:aws:s3:*"], "Action": "S3:Get*", "Effect": "Deny",
            "Condition": {"stringequals": {"aws:UserName": "a*"}, "Bool": {"aws:SecureTransport": false}}, "Sid": "A\u202e"},
            "Id": "x", "Version": "2012-10-17"}"#;
        let expected = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "A\u202e",
      "Effect": "Deny",
      "Action": ["s3:get*"],
      "Resource": [
        "*",
        "arn:aws:s3:*:*:*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:username": ["a${*}"]
        },
        "Bool": {
          "aws:securetransport": ["false"]
        }
      }
    }
  ]
}"#;
        assert_eq!(printed(text, Kind::Identity), expected);
    }

    #[test]
    fn values_have_one_form_each() {
        for (operator, written, expected) in [
            ("StringLike", "${*}*${$}?${ AWS:X }", "${*}*${$}?${aws:x}"),
            ("StringEquals", "*$x{", "${*}${$}x{"),
            ("StringEquals", "${$}{aws:username}", "${$}{aws:username}"),
            ("StringEquals", "${a:b,'it''s }'}", "${a:b, 'it''s }'}"),
            ("StringEquals", "${a:b, ' '}", "${a:b, ' '}"),
            ("StringEqualsIgnoreCase", "${a:b, 'X'}Y", "${a:b, 'x'}y"),
            ("ArnLike", "arn:${$}{x}:**:*", "arn:${$}{x}:*:*:*:*"),
            ("ArnLike", "arn:aws:iam::${a:b, ':}'}:x", "arn:aws:iam::${a:b, ':}'}:x"),
            ("ArnLike", "**", "*"),
            ("NumericEquals", "+007.50", "7.5"),
            ("NumericEquals", "-0.0", "0"),
            ("NumericEquals", "-0.000000001", "-0.000000001"),
            ("NumericEquals", "9999999999999999999999999999.999999999", "9999999999999999999999999999.999999999"),
            ("DateEquals", "1795953600", "2026-11-29T12:00:00Z"),
            ("DateEquals", "2026-11", "2026-11-01T00:00:00Z"),
            ("DateEquals", "-377705023201", "-009999-01-02T01:59:59Z"),
            ("DateEquals", "2026-11-29T12:00:00.5+01:00", "2026-11-29T11:00:00.5Z"),
            ("IpAddress", "10.1.2.3/8", "10.0.0.0/8"),
            ("IpAddress", "192.0.2.1", "192.0.2.1/32"),
            ("IpAddress", "::ffff:10.1.1.1/104", "10.0.0.0/8"),
            ("IpAddress", "::ffff:10.1.1.1/90", "::ffc0:0:0/90"),
            ("IpAddress", "2001:DB8:0::1/32", "2001:db8::/32"),
            ("BinaryEquals", "QmFpbGV5", "QmFpbGV5"),
            ("Bool", "TRUE", "true"),
            ("Bool", "${A:B, 'False'}", "${a:b, 'false'}"),
            ("Null", "False", "false"),
            ("foranyvalue:NUMERICLESSTHANifexists", "1", "1"),
        ] {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Action": "*", "Resource": "*",
                    "Condition": {{"{operator}": {{"k": "{written}"}}}}}}}}"#
            );
            let print = printed(&text, Kind::Identity);
            assert!(print.contains(&format!(r#""k": ["{expected}"]"#)), "{operator} {written}: {print}");
        }
    }

    #[test]
    fn what_is_text_in_the_old_version_stays_as_it_is() {
        let text = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::${*}/${x",
            "Condition": {"StringEquals": {"k": "${a, *?$"}}}}"#;
        let print = printed(text, Kind::Identity);
        for expected in [r#""2008-10-17""#, r#""arn:aws:s3:::${*}/${x""#, r#""${a, *?$""#] {
            assert!(print.contains(expected), "{expected}: {print}");
        }
    }

    #[test]
    fn a_dollar_stays_alone_where_a_resource_takes_no_variable() {
        let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "arn:a$:s3:$*::$"}}"#;
        let print = printed(text, Kind::Identity);
        assert!(print.contains(r#""arn:a$:s3:$*::${$}""#), "{print}");
    }

    #[test]
    fn two_conditions_of_one_operator_on_one_key_stay_two() {
        let print = |conditions: &str| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {conditions}}}}}"#
            );
            let print: String = printed(&text, Kind::Identity).split_whitespace().collect();
            print.split_once(r#""Condition":"#).unwrap().1.trim_end_matches("}]}").to_owned()
        };
        for (written, expected) in [
            (
                r#"{"ArnEquals": {"k": "*"}, "ArnLike": {"K": "arn:*"}}"#,
                r#"{"ArnLike":{"k":["*"]},"ArnEquals":{"k":["arn:*:*:*:*:*"]}}"#,
            ),
            (
                r#"{"StringLike": {"a:b": "x*", "A:b": "*y", "c": "z"}}"#,
                r#"{"StringLike":{"a:b":["x*"],"A:b":["*y"],"c":["z"]}}"#,
            ),
            (r#"{"Bool": {"1": true}, "BOOL": {"1": false}}"#, r#"{"Bool":{"1":["true"]},"bool":{"1":["false"]}}"#),
            (
                r#"{"Bool": {"a": true}, "Null": {"a": true}, "bool": {"b": true}}"#,
                r#"{"Bool":{"a":["true"]},"Null":{"a":["true"]},"bool":{"b":["true"]}}"#,
            ),
            (r#"{"Bool": {"a": true}, "bool": {"b": true}}"#, r#"{"Bool":{"a":["true"],"b":["true"]}}"#),
        ] {
            assert_eq!(print(written), expected, "{written}");
        }
        assert!(
            !printed(
                r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {}}}}"#,
                Kind::Identity
            )
            .contains("Condition")
        );
    }

    #[test]
    fn principals_stand_under_their_kinds() {
        for (written, expected) in [
            (r#"{"AWS": "*"}"#, r#""*""#),
            (
                r#"{"Service": ["s", "t"], "AWS": ["*", "arn:aws:iam::111122223333:root"], "Federated": "f"}"#,
                r#"{"AWS":["*","111122223333"],"Federated":["f"],"Service":["s","t"]}"#,
            ),
            (
                r#"{"CanonicalUser": ["c", "arn:aws:iam::cloudfront:user/E"], "AWS": ["AIDAIDIDIDIDIDIDIDID", "arn:aws:iam::cloudfront:user/*"]}"#,
                r#"{"AWS":["arn:aws:iam::cloudfront:user/E","AIDAIDIDIDIDIDIDIDID","arn:aws:iam::cloudfront:user/*"],"CanonicalUser":["c"]}"#,
            ),
        ] {
            for element in ["Principal", "NotPrincipal"] {
                let text =
                    format!(r#"{{"Statement": {{"Effect": "Deny", "{element}": {written}, "NotAction": "*:*"}}}}"#);
                let print: String = printed(&text, Kind::Resource).split_whitespace().collect();
                let expected = format!(r#""{element}":{expected},"NotAction":["*:*"]}}]}}"#);
                assert!(print.ends_with(&expected), "{expected} {print}");
            }
        }
    }
}
