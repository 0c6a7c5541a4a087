//! Who asks, and whom a statement means.

use super::arn::ArnFields;
use super::fault::PolicyError;
use super::json::{Node, Value};
use crate::base::text::printable;
use crate::base::{Fault, Faulty};

/// Who asks: a principal by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    arn: Box<str>,
    account: Box<str>,
    who: Who,
    unique_id: Option<Box<str>>,
}

/// What a principal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// The account itself.
    Root,
    User,
    /// A role, asked about as if somebody had assumed it.
    Role,
    /// A session of a role, by the role's name; its ARN does not tell the role's path.
    Session {
        role: Box<str>,
    },
    /// A machine that is not in EC2, for which IAM has no kind.
    Machine,
    /// Somebody of elsewhere, known by the SAML provider that vouches for them.
    Saml,
    /// The same, by the OpenID Connect provider.
    WebIdentity,
    /// A session made by GetFederationToken. Its name was chosen by whoever made it, and says nothing of who that was.
    Federated,
}

/// Text that names no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no principal: expected the ARN of a user, role, session, machine, federated user or account root")]
pub struct PrincipalError(String);

impl Faulty for PrincipalError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl Principal {
    /// The principal with this ARN.
    ///
    /// # Errors
    /// When it is not that of one who can ask.
    pub fn parse(arn: &str) -> Result<Self, PrincipalError> {
        let none = || PrincipalError(printable(arn).into_owned());
        let fields = ArnFields::of(arn).ok_or_else(none)?;
        let account = fields.account();
        if !is_account(account) || !fields.field(3).is_empty() || arn.contains(['*', '?']) {
            return Err(none());
        }
        let (kind, name) = fields.resource().split_once('/').unwrap_or((fields.resource(), ""));
        let who = match (fields.service(), kind, name.split_once('/')) {
            ("iam", "root", _) if fields.resource() == "root" => Who::Root,
            ("iam", "user", _) if !name.is_empty() => Who::User,
            ("iam", "role", _) if !name.is_empty() => Who::Role,
            ("sts", "assumed-role", Some((role, session)))
                if !role.is_empty() && !session.is_empty() && !session.contains('/') =>
            {
                Who::Session { role: role.into() }
            }
            ("bailey", "resource", None) if !name.is_empty() => Who::Machine,
            ("sts", "federated-user", None) if !name.is_empty() => Who::Federated,
            _ => return Err(none()),
        };
        Ok(Self { arn: arn.into(), account: account.into(), who, unique_id: None })
    }

    /// Somebody for whom the OpenID Connect or SAML provider with this ARN vouches. Who that is stands in the context, and
    /// conditions say who of them is meant.
    ///
    /// # Errors
    /// When it is no provider's ARN.
    pub fn visitor(provider: &str) -> Result<Self, PrincipalError> {
        let none = || PrincipalError(printable(provider).into_owned());
        let fields = ArnFields::of(provider).ok_or_else(none)?;
        let who = match fields.resource().split_once('/') {
            Some(("oidc-provider", _)) => Who::WebIdentity,
            Some(("saml-provider", _)) => Who::Saml,
            _ => return Err(none()),
        };
        if fields.service() != "iam" || !is_account(fields.account()) || provider.contains(['*', '?']) {
            return Err(none());
        }
        let account = fields.account().into();
        Ok(Self { arn: provider.into(), account, who, unique_id: None })
    }

    /// Whether it is somebody of elsewhere, for whom a provider vouches.
    #[must_use]
    pub fn is_visitor(&self) -> bool {
        matches!(self.who, Who::Saml | Who::WebIdentity)
    }

    /// Whether that is a SAML provider.
    #[must_use]
    pub fn is_by_saml(&self) -> bool {
        self.who == Who::Saml
    }

    /// The same, known by this unique id (`AIDA..`, `AROA..`, `ARES..`): what a document names by id is then found.
    #[must_use]
    pub fn with_unique_id(mut self, id: &str) -> Self {
        self.unique_id = Some(id.into());
        self
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account it belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }
}

/// How ARNs of CloudFront's identities begin, which stand where principals of AWS' do.
const CLOUDFRONT: &str = "arn:aws:iam::cloudfront:user/";

/// Twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// One entry of a `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PrincipalPattern {
    /// `*`
    Everyone,
    /// An account, which may decide itself: its number, or its root's ARN.
    Account(Box<str>),
    /// A principal by ARN.
    Arn { arn: Box<str>, account: Box<str>, kind: Kind },
    /// `AIDA..`, `AROA..`, of a machine `ARES..`: what AWS puts in the place of somebody deleted, and what binds to one who may be renamed.
    UniqueId(Box<str>),
    /// An identity provider; a service of AWS' or a canonical user, none of whom ask here.
    Other { kind: OtherKind, name: Box<str> },
}

/// Whom an ARN names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A role, by its name without a path: names are unique in an account, and sessions tell no path.
    Role(Box<str>),
    /// A user, a machine, or a session.
    Single,
}

/// The other keys of a `Principal` element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherKind {
    CanonicalUser,
    Federated,
    Service,
}

/// How closely a statement names who asks. The order counts: more is closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closeness {
    /// Not at all.
    No,
    /// By account, which hands the decision to that account's own policies.
    Account,
    /// By the role behind the session, whose boundary and session policy still count.
    Behind,
    /// As everybody: whatever its own policies and boundary say, but within what its session was narrowed to.
    Everybody,
    /// Itself.
    Itself,
}

impl PrincipalPattern {
    /// The member of a `Principal` element under which it stands, and its text there.
    fn written(&self) -> (&'static str, &str) {
        match self {
            Self::Everyone => ("AWS", "*"),
            Self::Account(text) | Self::Arn { arn: text, .. } | Self::UniqueId(text) => ("AWS", text),
            Self::Other { kind: OtherKind::CanonicalUser, name } if name.starts_with(CLOUDFRONT) => ("AWS", name),
            Self::Other { kind: OtherKind::CanonicalUser, name } => ("CanonicalUser", name),
            Self::Other { kind: OtherKind::Federated, name } => ("Federated", name),
            Self::Other { kind: OtherKind::Service, name } => ("Service", name),
        }
    }

    /// How closely it names `principal`.
    pub(super) fn closeness(&self, principal: &Principal) -> Closeness {
        let yes = |is: bool, closeness| if is { closeness } else { Closeness::No };
        match self {
            Self::Everyone => Closeness::Everybody,
            Self::Account(account) if principal.who == Who::Root => {
                yes(*account == principal.account, Closeness::Itself)
            }
            Self::Account(account) => yes(*account == principal.account, Closeness::Account),
            Self::Arn { account, .. } if *account != principal.account => Closeness::No,
            Self::Arn { arn, kind, .. } => match (&principal.who, kind) {
                (Who::Session { role }, Kind::Role(name)) => yes(role == name, Closeness::Behind),
                (Who::Role, _) => yes(*arn == principal.arn, Closeness::Behind),
                _ => yes(*arn == principal.arn, Closeness::Itself),
            },
            Self::UniqueId(id) => {
                let behind = !matches!(principal.who, Who::User | Who::Machine | Who::Root);
                let closeness = if behind { Closeness::Behind } else { Closeness::Itself };
                yes(principal.unique_id.as_ref() == Some(id), closeness)
            }
            Self::Other { kind: OtherKind::Federated, name } if principal.is_visitor() => {
                yes(*name == principal.arn, Closeness::Itself)
            }
            Self::Other { .. } => Closeness::No,
        }
    }
}

/// The entries of a `Principal` or `NotPrincipal` element.
pub(super) fn parse(node: &Node<'_, '_>) -> Result<Vec<PrincipalPattern>, PolicyError> {
    const EXPECTED: &str = "`*`, or an object with `AWS`, `Federated`, `Service` or `CanonicalUser`";
    let members = match node.value()? {
        Value::Text(text) if text == "*" => return Ok(vec![PrincipalPattern::Everyone]),
        Value::Object(members) if !members.is_empty() => members,
        Value::Object(_) => return Err(node.fault("found an empty object", EXPECTED)),
        other => return Err(node.fault(format!("found {}", other.kind()), EXPECTED)),
    };
    let mut patterns = Vec::new();
    for member in &members {
        let entry = node.member(member);
        let kind = match &*member.name {
            "AWS" => {
                patterns.extend(entry.each("an ARN, an account, or `*`", |item| aws(&item))?);
                continue;
            }
            "CanonicalUser" => OtherKind::CanonicalUser,
            "Federated" => OtherKind::Federated,
            "Service" => OtherKind::Service,
            other => return Err(entry.fault(format!("`{}` is no kind of principal", printable(other)), EXPECTED)),
        };
        patterns.extend(entry.each("a name", |item| {
            let name = item.string("a name")?;
            if name.is_empty() || name.contains(['*', '?']) {
                return Err(item.fault(format!("found `{}`", printable(&name)), "a name without wildcards"));
            }
            Ok(PrincipalPattern::Other { kind, name: name.into() })
        })?);
    }
    // In which order the members stand means nothing, and makes no difference between two documents.
    patterns.sort_by_key(|pattern| pattern.written().0);
    Ok(patterns)
}

/// The members of an element with these entries, which are in the parser's order.
pub(super) fn members(patterns: &[PrincipalPattern]) -> impl Iterator<Item = (&'static str, Vec<&str>)> {
    let alike = patterns.chunk_by(|one, next| one.written().0 == next.written().0);
    alike.filter_map(|entries| {
        let names = entries.iter().map(|pattern| pattern.written().1).collect();
        entries.first().map(|first| (first.written().0, names))
    })
}

fn aws(item: &Node<'_, '_>) -> Result<PrincipalPattern, PolicyError> {
    const EXPECTED: &str = "an ARN of a principal, an account of 12 digits, or `*`";
    let text = item.string(EXPECTED)?;
    if text == "*" {
        return Ok(PrincipalPattern::Everyone);
    }
    if is_account(&text) {
        return Ok(PrincipalPattern::Account(text.into()));
    }
    let is_id = text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_id && ["AIDA", "AROA", "ARES"].iter().any(|prefix| text.starts_with(prefix)) {
        return Ok(PrincipalPattern::UniqueId(text.into()));
    }
    // An identity of CloudFront, which stands in the policies of many buckets and is nobody of ours.
    if text.starts_with(CLOUDFRONT) {
        return Ok(PrincipalPattern::Other { kind: OtherKind::CanonicalUser, name: text.into() });
    }
    if text.contains(['*', '?']) {
        let problem = format!("`{}` has a wildcard inside a principal's name", printable(&text));
        return Err(item.fault(problem, "the principal's whole ARN; conditions on `aws:PrincipalArn` take wildcards"));
    }
    let principal = Principal::parse(&text).map_err(|error| item.fault(error.to_string(), EXPECTED))?;
    let kind = match &principal.who {
        Who::Root => return Ok(PrincipalPattern::Account(principal.account)),
        Who::Role => Kind::Role(text.rsplit('/').next().unwrap_or_default().into()),
        Who::User | Who::Machine | Who::Session { .. } | Who::Federated | Who::Saml | Who::WebIdentity => Kind::Single,
    };
    Ok(PrincipalPattern::Arn { arn: principal.arn, account: principal.account, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::json::document;

    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Deploy/alice";

    fn closeness(element: &str, principal: &str) -> Closeness {
        let patterns = document(element, |node| parse(&node)).unwrap();
        let principal = Principal::parse(principal).unwrap().with_unique_id("AROAIDIDIDIDIDIDIDID");
        patterns.iter().map(|pattern| pattern.closeness(&principal)).max().unwrap()
    }

    #[test]
    fn a_session_is_named_itself_by_its_role_or_by_its_account() {
        for (element, expected) in [
            (r#""*""#, Closeness::Everybody),
            (r#"{"AWS": "*"}"#, Closeness::Everybody),
            (r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/Deploy/alice"}"#, Closeness::Itself),
            (r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/Deploy/bob"}"#, Closeness::No),
            (r#"{"AWS": "arn:aws:iam::111122223333:role/path/Deploy"}"#, Closeness::Behind),
            (r#"{"AWS": "arn:aws:iam::111122223333:role/Other"}"#, Closeness::No),
            (r#"{"AWS": "arn:aws:iam::999922223333:role/Deploy"}"#, Closeness::No),
            (r#"{"AWS": "AROAIDIDIDIDIDIDIDID"}"#, Closeness::Behind),
            (r#"{"AWS": "111122223333"}"#, Closeness::Account),
            (r#"{"AWS": ["999922223333", "arn:aws:iam::111122223333:root"]}"#, Closeness::Account),
            (r#"{"Service": "ec2.amazonaws.com"}"#, Closeness::No),
        ] {
            assert_eq!(closeness(element, SESSION), expected, "{element}");
        }
    }

    #[test]
    fn a_machine_is_named_itself_or_by_its_account() {
        let closeness = |element: &str| {
            let patterns = document(element, |node| parse(&node)).unwrap();
            let machine = Principal::parse("arn:aws:bailey::111122223333:resource/web1").unwrap();
            let machine = machine.with_unique_id("ARESIDIDIDIDIDIDIDID");
            patterns.iter().map(|pattern| pattern.closeness(&machine)).max().unwrap()
        };
        for (element, expected) in [
            (r#"{"AWS": "arn:aws:bailey::111122223333:resource/web1"}"#, Closeness::Itself),
            (r#"{"AWS": "arn:aws:bailey::111122223333:resource/web2"}"#, Closeness::No),
            (r#"{"AWS": "arn:aws:bailey::999922223333:resource/web1"}"#, Closeness::No),
            (r#"{"AWS": "arn:aws:iam::111122223333:user/web1"}"#, Closeness::No),
            (r#"{"AWS": "ARESIDIDIDIDIDIDIDID"}"#, Closeness::Itself),
            (r#"{"AWS": "111122223333"}"#, Closeness::Account),
            (r#""*""#, Closeness::Everybody),
        ] {
            assert_eq!(closeness(element), expected, "{element}");
        }
    }

    #[test]
    fn whom_nobody_is_is_refused() {
        for bad in [
            r#""alice""#,
            r#"{}"#,
            r#"[]"#,
            r#"{"AWS": []}"#,
            r#"{"AWS": "12345678901"}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:user/*"}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:group/staff"}"#,
            r#"{"AWS": "arn:aws:s3:::bucket"}"#,
            r#"{"AWS": "arn:aws:bailey::111122223333:guardrail/x"}"#,
            r#"{"AWS": "arn:aws:bailey::111122223333:resource/a/b"}"#,
            r#"{"Aws": "*"}"#,
            r#"{"Service": "*"}"#,
        ] {
            assert!(document(bad, |node| parse(&node)).is_err(), "{bad}");
        }
        for bad in [
            "",
            "alice",
            "arn:aws:iam::1:root",
            "arn:aws:iam::111122223333:rooty",
            "arn:aws:sts::111122223333:assumed-role/x",
        ] {
            assert!(Principal::parse(bad).is_err(), "{bad}");
        }
    }
}
