//! Text to document. Fails closed: what is not understood is refused, with its place.

use super::action::ActionPattern;
use super::arn::{ArnPattern, Variables};
use super::condition;
use super::document::{Choice, Document, Effect, Kind, Statement, Version};
use super::fault::PolicyError;
use super::index::Index;
use super::json::{self, Member, Node, Value};
use super::principal::{self, PrincipalPattern};
use crate::base::text::printable;

const ELEMENTS: &str =
    "`Sid`, `Effect`, `Principal`, `NotPrincipal`, `Action`, `NotAction`, `Resource`, `NotResource` or `Condition`";

impl Document {
    /// Reads a document that is to be attached as `kind` says.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, PolicyError> {
        json::document(text, |node| parsed(&node, kind))
    }
}

fn parsed(node: &Node<'_, '_>, kind: Kind) -> Result<Document, PolicyError> {
    let members = node.object("a policy: an object with `Version` and `Statement`")?;
    let mut version = Version::V2008;
    // The version first, wherever it stands: what `${..}` means in the statements depends on it.
    for member in &members {
        let element = node.member(member);
        match &*member.name {
            "Version" => version = version_of(&element)?,
            "Id" => drop(element.string("a text")?),
            "Statement" => {}
            other => {
                let problem = format!("`{}` is no element of a policy", printable(other));
                return Err(element.fault(problem, "`Version`, `Id` or `Statement`"));
            }
        }
    }
    let found = members.iter().find(|member| member.name == "Statement");
    let found = found.ok_or_else(|| node.fault("`Statement` is missing", "a statement, or a list of them"))?;
    let statements = node.member(found).each("a statement, or a list of them", |one| statement(&one, kind, version))?;
    Ok(Document { kind, version, index: Index::of(&statements), statements })
}

fn version_of(node: &Node<'_, '_>) -> Result<Version, PolicyError> {
    const EXPECTED: &str = "`2012-10-17` or `2008-10-17`";
    let text = node.string(EXPECTED)?;
    let versions = [Version::V2012, Version::V2008];
    let known = versions.into_iter().find(|version| version.as_str() == text);
    known.ok_or_else(|| node.fault(format!("found `{}`", printable(&text)), EXPECTED))
}

fn statement(node: &Node<'_, '_>, kind: Kind, version: Version) -> Result<Statement, PolicyError> {
    let members = node.object("a statement, which is an object")?;
    let unknown = |member: &&Member<'_>| {
        let known = ["Sid", "Effect", "Condition"];
        let choices = ["Principal", "Action", "Resource"];
        let name = &*member.name;
        !known.contains(&name) && !choices.contains(&name.strip_prefix("Not").unwrap_or(name))
    };
    if let Some(member) = members.iter().find(unknown) {
        let problem = format!("`{}` is no element of a statement", printable(&member.name));
        return Err(node.member(member).fault(problem, ELEMENTS));
    }
    let find = |name: &str| members.iter().find(|member| member.name == name).map(|member| node.member(member));

    let effect = find("Effect").ok_or_else(|| node.fault("`Effect` is missing", "`Allow` or `Deny`"))?;
    let effect = match &*effect.string("`Allow` or `Deny`")? {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => return Err(effect.fault(format!("found `{}`", printable(other)), "`Allow` or `Deny`")),
    };
    let actions = choice(node, &members, "Action", |element| {
        const EXPECTED: &str = "actions, such as `s3:GetObject` or `s3:Get*`";
        element.each(EXPECTED, |item| compiled(&item, EXPECTED, ActionPattern::compile))
    })?;
    let actions = actions.ok_or_else(|| node.fault("`Action` is missing", "`Action` or `NotAction`"))?;
    let resources = choice(node, &members, "Resource", |element| {
        const EXPECTED: &str = "ARNs, such as `arn:aws:s3:::bucket/*`, or `*`";
        element.each(EXPECTED, |item| {
            compiled(&item, EXPECTED, |text| ArnPattern::compile(text, version, Variables::InResource))
        })
    })?;
    let principals = choice(node, &members, "Principal", principal::parse)?;
    let sid = find("Sid").map(|sid| sid.string("a text").map(Into::into)).transpose()?;
    let conditions = find("Condition").map(|conditions| condition::parse(&conditions, version)).transpose()?;
    let statement =
        Statement { sid, effect, principals, actions, resources, conditions: conditions.unwrap_or_default() };
    fits(node, &members, &statement, kind)?;
    Ok(statement)
}

/// `NAME` or `NotNAME`, never both.
fn choice<T>(
    node: &Node<'_, '_>,
    members: &[Member<'_>],
    name: &str,
    parse: impl Fn(&Node<'_, '_>) -> Result<Vec<T>, PolicyError>,
) -> Result<Option<Choice<T>>, PolicyError> {
    let mut found = None;
    for member in members {
        let not = match member.name.strip_prefix("Not") {
            Some(rest) if rest == name => true,
            _ if member.name == name => false,
            _ => continue,
        };
        let element = node.member(member);
        if found.is_some() {
            return Err(element.fault(format!("both `{name}` and `Not{name}`"), "one of them"));
        }
        found = Some(Choice { not, among: parse(&element)? });
    }
    Ok(found)
}

fn compiled<T>(
    item: &Node<'_, '_>,
    expected: &str,
    compile: impl Fn(&str) -> Result<T, String>,
) -> Result<T, PolicyError> {
    match item.value()? {
        Value::Text(text) => compile(&text).map_err(|problem| item.fault(printable(&problem), expected)),
        other => Err(item.fault(format!("found {}", other.kind()), expected)),
    }
}

/// Elements that a statement must have, and must not, where it is attached.
fn fits(node: &Node<'_, '_>, members: &[Member<'_>], statement: &Statement, kind: Kind) -> Result<(), PolicyError> {
    let at = |name: &str| {
        let found = members.iter().find(|member| member.name.strip_prefix("Not").unwrap_or(&member.name) == name);
        found.map(|member| node.member(member))
    };
    let missing = |name: &str| Err(node.fault(format!("`{name}` is missing"), format!("`{name}` or `Not{name}`")));
    match (kind, at("Principal"), at("Resource")) {
        (Kind::Identity | Kind::ServiceControl, Some(element), _) => {
            let problem = "a principal, where it is whoever the policy is attached to";
            return Err(element.fault(problem, "neither `Principal` nor `NotPrincipal`"));
        }
        (Kind::Trust, _, Some(element)) => {
            let problem = "a resource, where it is the role that the policy is attached to";
            return Err(element.fault(problem, "neither `Resource` nor `NotResource`"));
        }
        (Kind::Identity | Kind::ServiceControl | Kind::ResourceControl, _, None) => return missing("Resource"),
        (Kind::Resource | Kind::Trust | Kind::ResourceControl, None, _) => return missing("Principal"),
        _ => {}
    }
    let Some((principals, element)) = statement.principals.as_ref().zip(at("Principal")) else { return Ok(()) };
    if principals.not && (statement.effect == Effect::Allow || kind != Kind::Resource) {
        let problem = "`NotPrincipal`, which only a Deny of a resource's policy may have";
        return Err(element.fault(problem, "`Principal`, with conditions on `aws:PrincipalArn` for exceptions"));
    }
    if kind == Kind::ResourceControl && principals.among != [PrincipalPattern::Everyone] {
        return Err(element.fault("a principal of a guardrail that is about all of them", "`*`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_place() {
        let cases = [
            ("[]", "", "found a list"),
            ("{}", "", "`Statement` is missing"),
            (r#"{"Version": "2012-10-18", "Statement": {}}"#, "Version", "2012-10-18"),
            (r#"{"Statment": []}"#, "Statment", "no element of a policy"),
            (r#"{"Statement": []}"#, "Statement", "empty list"),
            (r#"{"Statement": [{}]}"#, "Statement[0]", "`Effect` is missing"),
            (r#"{"Statement": {"Effect": "allow"}}"#, "Statement.Effect", "found `allow`"),
            (r#"{"Statement": {"Effect": "Allow"}}"#, "Statement", "`Action` is missing"),
            (r#"{"Statement": {"Effect": "Allow", "Action": "s3"}}"#, "Statement.Action", "`s3` is no action"),
            (r#"{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}"#, "Statement.Action", "empty list"),
            (r#"{"Statement": {"Effect": "Allow", "Action": "*"}}"#, "Statement", "`Resource` is missing"),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}}"#,
                "Statement.NotAction",
                "both",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": ["*", "b"]}}"#,
                "Statement.Resource[1]",
                "does not begin with `arn:`",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}}"#,
                "Statement.Principal",
                "a principal, where",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Conditions": {}}}"#,
                "Statement.Conditions",
                "no element of a statement",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEqual": {}}}}"#,
                "Statement.Condition.StringEqual",
                "no condition operator",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "10.0.0.0/40"]}}}}"#,
                "Statement.Condition.IpAddress.aws:SourceIp[1]",
                "10.0.0.0/40",
            ),
            (
                r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username"}}"#,
                "Statement.Resource",
                "without its `}`",
            ),
        ];
        for (text, path, words) in cases {
            let fault = Document::parse(text, Kind::Identity).unwrap_err();
            assert_eq!(fault.path, path, "{text}: {fault}");
            assert!(fault.problem.contains(words), "{text}: {fault}");
        }
    }

    #[test]
    fn what_it_is_attached_to_decides_what_it_says() {
        let with = |principal: &str, resource: &str| {
            format!(r#"{{"Statement": {{"Effect": "Deny", "Action": "*"{principal}{resource}}}}}"#)
        };
        let (principal, resource) = (r#", "Principal": "*""#, r#", "Resource": "*""#);
        for (kind, principal, resource, sound) in [
            (Kind::Identity, "", resource, true),
            (Kind::Identity, principal, resource, false),
            (Kind::Resource, principal, resource, true),
            (Kind::Resource, principal, "", true),
            (Kind::Resource, "", resource, false),
            (Kind::Trust, principal, "", true),
            (Kind::Trust, principal, resource, false),
            (Kind::ServiceControl, "", resource, true),
            (Kind::ServiceControl, principal, resource, false),
            (Kind::ResourceControl, principal, resource, true),
            (Kind::ResourceControl, "", resource, false),
            (Kind::Resource, r#", "NotPrincipal": {"AWS": "111122223333"}"#, resource, true),
            (Kind::Trust, r#", "NotPrincipal": {"AWS": "111122223333"}"#, "", false),
            (Kind::ResourceControl, r#", "Principal": {"AWS": "111122223333"}"#, resource, false),
        ] {
            let text = with(principal, resource);
            assert_eq!(Document::parse(&text, kind).is_ok(), sound, "{kind:?} {text}");
        }
    }

    #[test]
    fn what_everybody_but_somebody_is_allowed_is_refused() {
        let text = r#"{"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"}}"#;
        let fault = Document::parse(text, Kind::Resource).unwrap_err();
        assert!(fault.path == "Statement.NotPrincipal" && fault.problem.contains("only a Deny"), "{fault}");
    }

    #[test]
    fn the_version_counts_wherever_it_stands() {
        let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username}"}, "Version": "2012-10-17"}"#;
        assert_eq!(Document::parse(text, Kind::Identity).unwrap().context_keys(), ["aws:username"]);
        let old = text.replace("2012-10-17", "2008-10-17");
        assert!(Document::parse(&old, Kind::Identity).unwrap().context_keys().is_empty());
    }
}
