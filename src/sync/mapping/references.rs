//! Whom a group lists.

use super::{Reference, Spelling};
use crate::base::Sid;
use crate::base::text::printable;
use crate::directory::Entry;
use crate::directory::dn::normal_form;
use crate::sync::reference;
use crate::sync::settings::Mapping;

/// Where Active Directory keeps its stand-ins for members of other domains (MS-ADTS 6.1.1.4), in normal form.
const FOREIGN: &str = "cn=foreignsecurityprincipals";

/// The references of a group's entry, in its order.
///
/// # Errors
/// When a value cannot be read.
pub(super) fn listed(mapping: &Mapping, entry: &Entry) -> Result<Vec<Reference>, String> {
    let mut references = Vec::new();
    for attribute in &mapping.member_dn {
        for value in entry.attributes.values(attribute) {
            let text = std::str::from_utf8(value).map_err(|_| format!("a `{attribute}` is not valid UTF-8"))?;
            let (dn, normal) = member_dn(attribute, text)?;
            // groupOfNames must have a member; administrators put the group itself or an empty DN there.
            if !normal.is_empty() {
                references.push(by_name(dn, &normal));
            }
        }
    }
    for attribute in &mapping.member_login {
        for value in entry.attributes.values(attribute) {
            let text = std::str::from_utf8(value).map_err(|_| format!("a `{attribute}` is not valid UTF-8"))?;
            let hash = reference::by_login(text);
            references.push(Reference { hash, spelling: Spelling::Login(text.to_owned()) });
        }
    }
    Ok(references)
}

/// Whom a person's entry names as the one who manages them: one, or nobody. Whoever names several has not said who answers for what
/// they are granted, and what is no DN names nobody; neither keeps a person from being read.
pub(super) fn manager(mapping: &Mapping, entry: &Entry) -> Option<Reference> {
    let [value] = entry.attributes.values(&mapping.manager) else { return None };
    let dn = std::str::from_utf8(value).ok()?;
    let normal = normal_form(dn).ok().filter(|normal| !normal.is_empty())?;
    Some(Reference { hash: reference::by_normal_form(&normal), spelling: Spelling::Dn(dn.to_owned()) })
}

/// A reference by DN; or, where the DN is that of a foreign security principal, by the SID it is named after. The group's
/// own domain made that object and named it, so the group means that SID and nobody else can make it mean another.
fn by_name(dn: &str, normal: &str) -> Reference {
    match foreign(normal) {
        Some(sid) => Reference { hash: reference::by_sid(&sid), spelling: Spelling::Sid(sid) },
        None => Reference { hash: reference::by_normal_form(normal), spelling: Spelling::Dn(dn.to_owned()) },
    }
}

/// The SID in the normal form `cn=s-1-5-21-..,cn=foreignsecurityprincipals,dc=..`.
fn foreign(normal: &str) -> Option<Sid> {
    let (name, rest) = normal.split_once(',')?;
    let (container, _) = rest.split_once(',')?;
    if container != FOREIGN {
        return None;
    }
    name.strip_prefix("cn=")?.parse().ok()
}

/// A member's DN and its normal form. `uniqueMember` may carry a bit string behind it (RFC 4517 3.3.21, Name and Optional UID).
fn member_dn<'a>(attribute: &str, text: &'a str) -> Result<(&'a str, String), String> {
    let bare = match text.rsplit_once('#') {
        Some((dn, uid))
            if attribute.eq_ignore_ascii_case("uniqueMember") && uid.starts_with('\'') && uid.ends_with("'B") =>
        {
            dn
        }
        _ => text,
    };
    let normal = normal_form(bare);
    let normal =
        normal.map_err(|why| format!("`{attribute}` has a value that is no DN: {}: {why}", printable(text)))?;
    Ok((bare, normal))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{entry, settings};
    use super::super::map;
    use super::*;
    use crate::directory::Kind;
    use crate::model::Member;

    #[test]
    fn members_by_any_spelling() {
        let group = Member::Group(crate::base::GroupId::from_bytes([2; 16]));
        let hashes = |attribute: &str, values: &[&str]| {
            let entry = entry(Kind::Group, &[("cn", &["team"]), (attribute, values)]);
            map(&settings(), &entry, group).map(|mapped| mapped.references)
        };
        let ann = hashes("member", &["uid=ann,dc=example"]).unwrap();
        assert_eq!(ann, [reference::by_dn(&"uid=ann,dc=example".parse().unwrap())]);
        for (attribute, value) in [
            ("member", "UID=Ann, DC=Example"),
            ("uniqueMember", "uid=ann,dc=example"),
            ("uniquemember", "uid=ann,dc=example#'0101'B"),
            ("uniqueMember", "uid=ann,dc=example#''B"),
        ] {
            assert_eq!(hashes(attribute, &[value]).unwrap(), ann, "{attribute} {value}");
        }
        assert_eq!(hashes("member", &["uid=ann,dc=example", "uid=ANN,dc=example"]).unwrap(), ann, "each once");
        assert_eq!(hashes("member", &[""]).unwrap(), [], "groupOfNames must have one");
        assert_eq!(hashes("memberUid", &["ann"]).unwrap(), hashes("memberUid", &["ANN"]).unwrap());
        assert_ne!(hashes("memberUid", &["ann"]).unwrap(), ann);
        assert!(hashes("member", &["uid=ann,dc=example#'0101'B"]).is_ok_and(|with_bits| with_bits != ann));
        assert!(hashes("member", &["ann"]).unwrap_err().why.contains("no DN"));
    }

    #[test]
    fn one_manager_is_named_or_none() {
        let named = |values: &[&str]| {
            let person = entry(Kind::Person, &[("uid", &["ann"]), ("manager", values)]);
            let mapped = map(&settings(), &person, Member::User(crate::base::UserId::from_bytes([1; 16]))).unwrap();
            let crate::model::Entity::User(user) = mapped.entity else { panic!("a person") };
            assert_eq!(user.manager_reference, mapped.references.first().copied());
            assert_eq!(user.manager, None, "what a name means is not known from one entry");
            user.manager_reference
        };
        let bob = Some(reference::by_dn(&"uid=bob,dc=example".parse().unwrap()));
        assert_eq!((named(&["uid=bob,dc=example"]), named(&["UID=Bob, DC=Example"])), (bob, bob));
        for nobody in [&[][..], &[""], &["bob"], &["uid=bob,dc=example", "uid=cam,dc=example"]] {
            assert_eq!(named(nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn a_foreign_security_principal_is_a_reference_by_sid() {
        let group = Member::Group(crate::base::GroupId::from_bytes([2; 16]));
        let spelled = |dn: &str| {
            let entry = entry(Kind::Group, &[("cn", &["team"]), ("member", &[dn])]);
            map(&settings(), &entry, group).unwrap().spelled.remove(0)
        };
        let sid: Sid = "S-1-5-21-1-2-3-1104".parse().unwrap();
        for dn in [
            "CN=S-1-5-21-1-2-3-1104,CN=ForeignSecurityPrincipals,DC=a,DC=test",
            "cn=s-1-5-21-1-2-3-1104, cn=foreignsecurityprincipals, dc=a, dc=test",
        ] {
            let reference = spelled(dn);
            assert_eq!(reference.spelling, Spelling::Sid(sid.clone()), "{dn}");
            assert_eq!(reference.hash, reference::by_sid(&sid), "{dn}");
        }
        for dn in [
            "CN=S-1-5-21-1-2-3-1104,OU=ForeignSecurityPrincipals,DC=a,DC=test",
            "CN=S-1-5-21-1-2-3-1104,CN=Users,CN=ForeignSecurityPrincipals,DC=a,DC=test",
            "CN=Ann,CN=ForeignSecurityPrincipals,DC=a,DC=test",
            "CN=S-1-5-21-1-2-3-1104\\,CN\\=ForeignSecurityPrincipals,DC=a,DC=test",
        ] {
            assert!(matches!(spelled(dn).spelling, Spelling::Dn(_)), "{dn}");
        }
    }
}
