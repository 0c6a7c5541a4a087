//! A second evaluator of policies: slow, short, and written from the documentation alone, over plain JSON.
//!
//! It shares nothing with `bailey::policy`. Where both agree on a hundred thousand random cases, a mistake would have to
//! have been made twice.

use serde_json::Value;

/// The decision of a case that is well-formed.
pub(crate) fn decide(case: &Value) -> &'static str {
    let request = Request { case, bounded: false };
    let documents = |name: &str| case[name].as_array().cloned().unwrap_or_default();
    let levels = |name: &str| -> Vec<Vec<Value>> {
        documents(name).into_iter().map(|level| level.as_array().cloned().unwrap()).collect()
    };
    let (identity, boundary, scps, rcps) =
        (documents("identity"), case.get("boundary"), levels("scps"), levels("rcps"));
    let boundary = boundary.map(|held| held.as_array().cloned().unwrap());
    let session = case.get("session").map(|one| vec![one.clone()]);
    let resource = case.get("resourcePolicy").map(|one| vec![one.clone()]).unwrap_or_default();

    let everything: Vec<&Value> = identity
        .iter()
        .chain(boundary.iter().flatten())
        .chain(session.iter().flatten())
        .chain(scps.iter().flatten())
        .chain(rcps.iter().flatten())
        .chain(&resource)
        .collect();
    let request = Request { bounded: case.get("boundary").is_some(), ..request };
    if everything.iter().any(|document| request.says(document, "Deny") > 0) {
        return "ExplicitlyDenied";
    }
    let allows = |held: &[Value]| held.iter().map(|document| request.says(document, "Allow")).max().unwrap_or(0);
    if !scps.iter().all(|level| allows(level) > 0) {
        return "ImplicitlyDenied";
    }
    let principal = request.text("principal");
    let own = principal.ends_with(":root") || allows(&identity) > 0;
    let within_boundary = boundary.is_none_or(|held| allows(&held) > 0);
    let within_session = match (&session, principal.contains(":federated-user/")) {
        (None, federated) => !federated,
        (Some(held), _) => allows(held) > 0,
    };
    let narrowed = within_boundary && within_session;
    let named = allows(&resource);
    let same_account = request.owner() == principal.split(':').nth(4).unwrap();
    let action = request.text("action").to_lowercase();
    let trust = action.starts_with("sts:") && request.text("resource").contains(":role/")
        || action.starts_with("kms:") && request.text("resource").contains(":key/");
    let allowed = match named {
        // Itself, everybody, behind, the account.
        4 if same_account => true,
        3 if same_account => within_session,
        2 if same_account => narrowed,
        0 if same_account => own && narrowed && !trust,
        0 => false,
        _ => own && narrowed,
    };
    if allowed { "Allowed" } else { "ImplicitlyDenied" }
}

struct Request<'a> {
    case: &'a Value,
    /// Who asks has a boundary.
    bounded: bool,
}

impl Request<'_> {
    fn text(&self, name: &str) -> &str {
        self.case["request"][name].as_str().unwrap()
    }

    fn owner(&self) -> String {
        let given = self.case["request"]["resourceAccount"].as_str().map(str::to_owned);
        let in_arn = self.text("resource").split(':').nth(4).filter(|account| account.parse::<u64>().is_ok());
        let in_arn = in_arn.map(str::to_owned);
        let own = self.text("principal").split(':').nth(4).unwrap().to_owned();
        given.or(in_arn).unwrap_or(own)
    }

    /// The values of a context key; nothing where there are none.
    fn values(&self, key: &str) -> Option<Vec<String>> {
        let context = self.case["request"]["context"].as_object()?;
        let (_, found) = context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase())?;
        let found = list(found);
        (!found.is_empty()).then_some(found)
    }

    /// 0 when no statement of this effect matches; otherwise how closely the closest names who asks.
    fn says(&self, document: &Value, effect: &str) -> u8 {
        let variables = document["Version"] == "2012-10-17";
        let statements = match &document["Statement"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
        of_effect.map(|statement| self.matches(statement, variables)).max().unwrap_or(0)
    }

    fn matches(&self, statement: &Value, variables: bool) -> u8 {
        let action = self.text("action").to_lowercase();
        let about =
            |patterns: &Value| list(patterns).iter().any(|pattern| glob(&literal(&pattern.to_lowercase()), &action));
        let acts = match statement.get("NotAction") {
            Some(except) => !about(except),
            None => about(&statement["Action"]),
        };
        let resources = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(some), _) => list(some).iter().any(|pattern| self.is_resource(pattern, variables) == Some(true)),
            (_, Some(except)) => {
                let all: Vec<_> = list(except).iter().map(|pattern| self.is_resource(pattern, variables)).collect();
                // Unknown: no more than was meant is allowed, no less denied.
                !all.contains(&Some(true)) && (!all.contains(&None) || statement["Effect"] == "Deny")
            }
            _ => true,
        };
        let closeness = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (Some(some), _) => self.closeness(some),
            (_, Some(except)) => {
                // Spared is who is named, neither by account nor by role; and with a boundary nobody.
                if self.closeness(except) < 3 || self.bounded { 3 } else { 0 }
            }
            _ => 4,
        };
        let conditions = statement["Condition"].as_object().cloned().unwrap_or_default();
        let holds = conditions.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, wanted)| self.holds(operator, key, &list(wanted), variables))
        });
        if acts && resources && holds { closeness } else { 0 }
    }

    fn is_resource(&self, pattern: &str, variables: bool) -> Option<bool> {
        let resource = self.text("resource");
        if pattern.chars().all(|c| c == '*') {
            return Some(true);
        }
        if resource == "*" {
            return Some(false);
        }
        self.arn_matches(pattern, resource, variables)
    }

    fn arn_matches(&self, pattern: &str, arn: &str, variables: bool) -> Option<bool> {
        let mut fields: Vec<&str> = pattern.splitn(6, ':').collect();
        while fields.len() < 6 {
            fields.push("*");
        }
        let texts: Vec<&str> = arn.splitn(6, ':').collect();
        if texts.len() < 6 || texts[0] != "arn" {
            return Some(false);
        }
        let fits: Vec<Option<bool>> = fields
            .iter()
            .zip(&texts)
            .map(|(field, text)| Some(glob(&self.expanded(field, variables)?, text)))
            .collect();
        if fits.contains(&Some(false)) {
            Some(false)
        } else if fits.contains(&None) {
            None
        } else {
            Some(true)
        }
    }

    /// 4 itself, 3 as everybody, 2 behind the session, 1 by account, 0 not at all.
    fn closeness(&self, element: &Value) -> u8 {
        if element == "*" {
            return 3;
        }
        let principal = self.text("principal");
        let account = principal.split(':').nth(4).unwrap();
        let name = |arn: &str| arn.rsplit('/').next().unwrap().to_owned();
        let of_one = |entry: &String| {
            if entry == "*" {
                3
            } else if entry == principal || *entry == account && principal.ends_with(":root") {
                4
            } else if *entry == account || *entry == format!("arn:aws:iam::{account}:root") {
                1
            } else if principal.contains(":assumed-role/")
                && entry.starts_with(&format!("arn:aws:iam::{account}:role/"))
            {
                if principal.split('/').nth(1).unwrap() == name(entry) { 2 } else { 0 }
            } else {
                0
            }
        };
        element.get("AWS").map(|entries| list(entries).iter().map(of_one).max().unwrap()).unwrap_or(0)
    }

    fn holds(&self, operator: &str, key: &str, wanted: &[String], variables: bool) -> bool {
        let found = self.values(key);
        if operator == "Null" {
            return wanted.iter().any(|flag| (flag == "true") == found.is_none());
        }
        let (quantifier, rest) = operator.split_once(':').unwrap_or(("", operator));
        let (rest, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |rest| (rest, true));
        let (positive, negated) = match rest {
            "NotIpAddress" => ("IpAddress".to_owned(), true),
            rest if rest.contains("Not") => (rest.replacen("Not", "", 1), true),
            rest => (rest.to_owned(), false),
        };
        let Some(found) = found else {
            return if_exists || quantifier == "ForAllValues" || negated && quantifier.is_empty();
        };
        let is = |value: &String| wanted.iter().any(|one| self.compares(&positive, one, value, variables));
        match (quantifier, negated) {
            ("ForAllValues", negated) => found.iter().all(|value| is(value) != negated),
            ("ForAnyValue", negated) => found.iter().any(|value| is(value) != negated),
            (_, true) => !found.iter().any(is),
            (_, false) => found.iter().any(is),
        }
    }

    fn compares(&self, operator: &str, wanted: &str, value: &str, variables: bool) -> bool {
        let texts = |fold: bool, wild: bool| {
            let Some(mut pattern) = self.expanded(wanted, variables) else { return false };
            if !wild {
                pattern.iter_mut().for_each(|token| *token = Token::Char(token.shown()));
            }
            let lower = |c: char| if fold { c.to_lowercase().next().unwrap() } else { c };
            let pattern: Vec<Token> = pattern
                .into_iter()
                .map(|token| if let Token::Char(c) = token { Token::Char(lower(c)) } else { token })
                .collect();
            glob(&pattern, &value.chars().map(lower).collect::<String>())
        };
        let numbers = |order: fn(f64, f64) -> bool| match (value.parse(), wanted.parse()) {
            (Ok(value), Ok(wanted)) => order(value, wanted),
            _ => false,
        };
        let moments = |order: fn(i64, i64) -> bool| match (seconds(value), seconds(wanted)) {
            (Some(value), Some(wanted)) => order(value, wanted),
            _ => false,
        };
        match operator {
            "StringEquals" => texts(false, false),
            "StringEqualsIgnoreCase" => texts(true, false),
            "StringLike" => texts(false, true),
            "ArnEquals" | "ArnLike" => self.arn_matches(wanted, value, variables) == Some(true),
            "Bool" => wanted.eq_ignore_ascii_case(value),
            "NumericEquals" => numbers(|a, b| a == b),
            "NumericLessThan" => numbers(|a, b| a < b),
            "NumericLessThanEquals" => numbers(|a, b| a <= b),
            "NumericGreaterThan" => numbers(|a, b| a > b),
            "NumericGreaterThanEquals" => numbers(|a, b| a >= b),
            "DateEquals" => moments(|a, b| a == b),
            "DateLessThan" => moments(|a, b| a < b),
            "DateLessThanEquals" => moments(|a, b| a <= b),
            "DateGreaterThan" => moments(|a, b| a > b),
            "DateGreaterThanEquals" => moments(|a, b| a >= b),
            "IpAddress" => in_network(value, wanted),
            other => panic!("{other} is not among the random operators"),
        }
    }

    /// A pattern with its variables filled in; `None` when one has no value.
    fn expanded(&self, pattern: &str, variables: bool) -> Option<Vec<Token>> {
        if !variables {
            return Some(literal(pattern));
        }
        let (mut tokens, mut rest) = (Vec::new(), pattern);
        while let Some(at) = rest.find("${") {
            tokens.extend(literal(&rest[..at]));
            let end = at + rest[at..].find('}').unwrap();
            let inside = &rest[at + 2..end];
            let text = match inside.split_once(',') {
                _ if ["*", "?", "$"].contains(&inside) => inside.to_owned(),
                None => self.values(inside).filter(|values| values.len() == 1)?.remove(0),
                Some((key, default)) => match self.values(key.trim()) {
                    None => default.trim().trim_matches('\'').to_owned(),
                    Some(mut values) if values.len() == 1 => values.remove(0),
                    Some(_) => return None,
                },
            };
            tokens.extend(text.chars().map(Token::Char));
            rest = &rest[end + 1..];
        }
        tokens.extend(literal(rest));
        Some(tokens)
    }
}

#[derive(Clone, Copy)]
enum Token {
    Char(char),
    One,
    Many,
}

impl Token {
    fn shown(self) -> char {
        match self {
            Self::Char(c) => c,
            Self::One => '?',
            Self::Many => '*',
        }
    }
}

fn literal(text: &str) -> Vec<Token> {
    let token = |c| match c {
        '*' => Token::Many,
        '?' => Token::One,
        c => Token::Char(c),
    };
    text.chars().map(token).collect()
}

fn glob(pattern: &[Token], text: &str) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Token::Many, rest)) => {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| glob(rest, &text[at..]))
        }
        Some((token, rest)) => {
            let mut behind = text.chars();
            match (behind.next(), token) {
                (Some(c), Token::Char(wanted)) if c != *wanted => false,
                (Some(_), _) => glob(rest, behind.as_str()),
                (None, _) => false,
            }
        }
    }
}

fn list(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(all) => all.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

/// Only the form that random cases have.
fn seconds(text: &str) -> Option<i64> {
    text.parse::<bailey::base::Timestamp>().ok().map(|moment| moment.as_second())
}

/// IPv4 alone.
fn in_network(address: &str, network: &str) -> bool {
    let (base, bits) = network.split_once('/').unwrap_or((network, "32"));
    let number = |text: &str| text.parse::<std::net::Ipv4Addr>().map(u32::from);
    let (Ok(address), Ok(base), Ok(bits)) = (number(address), number(base), bits.parse::<u32>()) else { return false };
    let shift = 32 - bits;
    shift == 32 || address >> shift == base >> shift
}
