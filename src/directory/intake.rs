//! From an entry as it came to an [`Arrival`]: id, kind, scope, limits.
//!
//! Owns what the settings mean for a single entry and for the filters that ask for entries. Whatever is
//! wrong with an entry makes it [`Unusable`], never absent.

use std::sync::Arc;

use bytes::Bytes;

use super::dn::{normal_form, normal_is_under};
use super::filter::{Attribute, AttributeError, Filter};
use super::ldap::RawEntry;
use super::settings::Scope;
use super::{Arrival, Attributes, DirectoryError, Dn, Entry, Kind, Settings, Unusable};
use crate::base::Guid;
use crate::base::text::printable;

/// What is taken in, and as what.
#[derive(Debug)]
pub(super) struct Intake {
    /// The kinds that are on; the first that fits counts.
    kinds: Vec<KindRule>,
    /// Entries of any kind.
    pub(super) everything: Filter,
    /// Attributes to ask for.
    pub(super) attributes: Arc<[String]>,
    /// Asked for by the settings, so handed on.
    wanted: Vec<Arc<str>>,
    id: IdAttribute,
    only_under: Vec<String>,
    max_values: usize,
    max_value_bytes: usize,
}

/// What makes an entry one of a kind.
#[derive(Debug)]
struct KindRule {
    kind: Kind,
    classes: Vec<String>,
    /// By class alone.
    by_class: Filter,
    /// By class and the condition set.
    filter: Filter,
}

/// What an entry turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// In scope.
    In(Arrival),
    /// A sound entry that is out of scope.
    Outside,
}

impl Intake {
    /// What `settings` say. Fails on an attribute or class name that is none.
    pub(super) fn new(settings: &Settings) -> Result<Self, DirectoryError> {
        // A machine account often is a person by class too (AD's computer is a user), and some groups carry
        // an account's class; so the most telling kind comes first.
        let scopes =
            [(Kind::Machine, &settings.machines), (Kind::Group, &settings.groups), (Kind::Person, &settings.people)];
        let on = scopes.into_iter().filter(|(_, scope)| !scope.object_classes.is_empty());
        let kinds: Vec<KindRule> = on.map(|(kind, scope)| kind_rule(kind, scope)).collect::<Result<_, _>>()?;
        let mut attributes = vec![settings.id_attribute.clone(), "objectClass".to_owned()];
        for name in &settings.attributes {
            name.parse::<Attribute>().map_err(|error| bad_name("attributes", &error))?;
            if !attributes.iter().any(|held| held.eq_ignore_ascii_case(name)) {
                attributes.push(name.clone());
            }
        }
        Ok(Self {
            everything: Filter::any(kinds.iter().map(|rule| rule.filter.clone()).collect()),
            kinds,
            attributes: attributes.into(),
            wanted: settings.attributes.iter().map(|name| name.to_ascii_lowercase().into()).collect(),
            id: IdAttribute::new(&settings.id_attribute)?,
            only_under: settings.only_under.iter().map(Dn::normalised).collect(),
            max_values: settings.max_values,
            max_value_bytes: settings.max_value_bytes,
        })
    }

    /// Entries of `kind`; matches nothing when the kind is switched off.
    pub(super) fn of_kind(&self, kind: Kind) -> Filter {
        self.rule(kind).map_or(Filter::Or(Vec::new()), |rule| rule.filter.clone())
    }

    /// Entries that are of `kind` by their class, whatever else is asked of them.
    pub(super) fn classes_of(&self, kind: Kind) -> Filter {
        self.rule(kind).map_or(Filter::Or(Vec::new()), |rule| rule.by_class.clone())
    }

    fn rule(&self, kind: Kind) -> Option<&KindRule> {
        self.kinds.iter().find(|rule| rule.kind == kind)
    }

    /// Entries of each kind by class alone.
    pub(super) fn classes(&self) -> impl Iterator<Item = Filter> {
        self.kinds.iter().map(|rule| rule.by_class.clone())
    }

    /// Largest number of values taken from one attribute.
    pub(super) fn max_values(&self) -> usize {
        self.max_values
    }

    /// An entry of which a part could not be had.
    pub(super) fn incomplete(&self, raw: &RawEntry, why: String) -> Taken {
        match self.name(raw) {
            Ok(None) => Taken::Outside,
            _ => unusable(&raw.dn, self.id.read(raw).ok(), why),
        }
    }

    /// The entry's id, or what is wrong with it.
    pub(super) fn id_of(&self, raw: &RawEntry) -> Result<Guid, String> {
        self.id.read(raw)
    }

    /// The filter for the object with this id.
    pub(super) fn by_id(&self, guid: Guid) -> Filter {
        Filter::Equal(self.id.name.clone(), self.id.spelling.write(guid))
    }

    /// True when the id is read from this attribute.
    pub(super) fn id_is(&self, attribute: &str) -> bool {
        self.id.name.as_str().eq_ignore_ascii_case(attribute)
    }

    /// True when the name whose normal form is `normal` is in scope.
    pub(super) fn covers(&self, normal: &str) -> bool {
        self.only_under.is_empty() || self.only_under.iter().any(|base| normal_is_under(normal, base))
    }

    /// What `raw` is.
    pub(super) fn take(&self, raw: RawEntry) -> Taken {
        let guid = self.id.read(&raw);
        let dn = match self.name(&raw) {
            Ok(Some(dn)) => dn,
            Ok(None) => return Taken::Outside,
            Err(why) => return unusable(&raw.dn, guid.ok(), why),
        };
        let (guid, kind) = match (guid, self.kind(&raw)) {
            (Ok(guid), Ok(kind)) => (guid, kind),
            (Err(why), _) => return unusable(&raw.dn, None, why),
            (Ok(guid), Err(why)) => return unusable(&raw.dn, Some(guid), why),
        };
        match self.attributes(raw.attributes) {
            Ok(attributes) => Taken::In(Arrival::Entry(Entry { kind, guid, dn, attributes })),
            Err(why) => unusable(dn.as_str().as_bytes(), Some(guid), why),
        }
    }

    /// The entry's name; `None` when it is out of scope.
    fn name(&self, raw: &RawEntry) -> Result<Option<Dn>, String> {
        if raw.dn.len() > self.max_value_bytes {
            let limit = self.max_value_bytes;
            return Err(format!("its DN has {} bytes; `max_value_bytes` allows {limit}", raw.dn.len()));
        }
        let text = std::str::from_utf8(&raw.dn).map_err(|_| "its DN is not UTF-8".to_owned())?;
        let dn: Dn = text.parse().map_err(|error: super::dn::DnError| error.to_string())?;
        let covered = self.only_under.is_empty() || self.covers(&dn.normalised());
        Ok(covered.then_some(dn))
    }

    fn kind(&self, raw: &RawEntry) -> Result<Kind, String> {
        let classes = raw.values("objectClass");
        let is = |class: &String| classes.iter().any(|held| implies(held, class.as_bytes()));
        let kind = self.kinds.iter().find(|rule| rule.classes.iter().any(is)).map(|rule| rule.kind);
        kind.ok_or_else(|| {
            if classes.is_empty() {
                return "its objectClass cannot be read; let the bind account read it".to_owned();
            }
            let shown: Vec<_> = classes.iter().map(|class| String::from_utf8_lossy(class)).collect();
            format!(
                "the server counts it in, but none of its object classes ({}) is configured; name one of them",
                printable(&shown.join(", "))
            )
        })
    }

    fn attributes(&self, raw: Vec<(Bytes, Vec<Bytes>)>) -> Result<Attributes, String> {
        let mut attributes = Attributes::default();
        for (name, values) in raw {
            let name = std::str::from_utf8(&name).map_err(|_| "an attribute's name is not UTF-8".to_owned())?;
            let Some(name) = whole(name)? else { continue };
            let Some(wanted) = self.wanted.iter().find(|wanted| wanted.eq_ignore_ascii_case(name)) else { continue };
            self.within_limits(wanted, &values)?;
            attributes.push_lower_case(Arc::clone(wanted), values);
        }
        Ok(attributes)
    }

    fn within_limits(&self, name: &str, values: &[Bytes]) -> Result<(), String> {
        if values.len() > self.max_values {
            let limit = self.max_values;
            return Err(format!("`{}` has {} values; `max_values` allows {limit}", printable(name), values.len()));
        }
        match values.iter().map(Bytes::len).max() {
            Some(longest) if longest > self.max_value_bytes => {
                let limit = self.max_value_bytes;
                Err(format!("`{}` has a value of {longest} bytes; `max_value_bytes` allows {limit}", printable(name)))
            }
            _ => Ok(()),
        }
    }
}

fn unusable(dn: &[u8], guid: Option<Guid>, why: String) -> Taken {
    let dn = printable(&String::from_utf8_lossy(dn)).into_owned();
    Taken::In(Arrival::Unusable(Unusable { dn, guid, why }))
}

/// The attribute without its options (RFC 4512 2.5); `None` for the same in some language (RFC 3866): the untagged value
/// counts.
///
/// An option that is not understood must not be dropped: `member;range=0-1499` is a part of a group, and
/// taken for the whole it would throw everyone else out.
fn whole(name: &str) -> Result<Option<&str>, String> {
    let Some((base, options)) = name.split_once(';') else { return Ok(Some(name)) };
    let starts =
        |option: &str, with: &str| option.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if options.split(';').all(|option| option.eq_ignore_ascii_case("binary")) {
        Ok(Some(base))
    } else if options.split(';').any(|option| starts(option, "lang-")) {
        Ok(None)
    } else {
        Err(format!("the server sent `{}`, which may be only a part of the attribute", printable(name)))
    }
}

/// True when an entry of class `held` is a `wanted` by the standard schema. Servers match a filter by
/// superclass but return the classes as they were written.
fn implies(held: &[u8], wanted: &[u8]) -> bool {
    const SUPERCLASSES: [(&str, &str); 5] = [
        ("inetOrgPerson", "organizationalPerson"),
        ("organizationalPerson", "person"),
        ("residentialPerson", "person"),
        ("computer", "user"),
        ("user", "organizationalPerson"),
    ];
    if held.eq_ignore_ascii_case(wanted) {
        return true;
    }
    let superclass = SUPERCLASSES.iter().find(|(class, _)| held.eq_ignore_ascii_case(class.as_bytes()));
    superclass.is_some_and(|(_, of)| implies(of.as_bytes(), wanted))
}

fn kind_rule(kind: Kind, scope: &Scope) -> Result<KindRule, DirectoryError> {
    let object_class: Attribute = "objectClass".parse().map_err(|error| bad_name("objectClass", &error))?;
    let of = |class: &String| -> Result<Filter, DirectoryError> {
        class.parse::<Attribute>().map_err(|error| bad_name("object_classes", &error))?;
        Ok(Filter::equal(object_class.clone(), class.as_bytes()))
    };
    let by_class = Filter::any(scope.object_classes.iter().map(of).collect::<Result<_, _>>()?);
    let filter = match &scope.filter {
        Some(condition) => Filter::And(vec![by_class.clone(), condition.clone()]),
        None => by_class.clone(),
    };
    Ok(KindRule { kind, classes: scope.object_classes.clone(), by_class, filter })
}

fn bad_name(what: &str, error: &AttributeError) -> DirectoryError {
    DirectoryError::Setup { what: format!("setting `{what}`"), why: error.to_string() }
}

/// The attribute with the immutable id.
#[derive(Debug)]
struct IdAttribute {
    name: Attribute,
    spelling: Spelling,
}

/// How a server spells ids.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    /// `entryUUID`: text with dashes (RFC 4530).
    Uuid,
    /// `nsUniqueId` of 389-DS: text in four groups of eight digits.
    FourGroups,
    /// `objectGUID` of Active Directory: 16 bytes, the first three fields little-endian.
    Microsoft,
}

impl IdAttribute {
    fn new(name: &str) -> Result<Self, DirectoryError> {
        let spelling = match name.to_ascii_lowercase().as_str() {
            "nsuniqueid" => Spelling::FourGroups,
            "objectguid" => Spelling::Microsoft,
            _ => Spelling::Uuid,
        };
        Ok(Self { name: name.parse().map_err(|error| bad_name("id_attribute", &error))?, spelling })
    }

    fn read(&self, raw: &RawEntry) -> Result<Guid, String> {
        let name = self.name.as_str();
        match raw.values(name) {
            [value] => self.spelling.read(value).ok_or_else(|| {
                let shown = value.get(..value.len().min(64)).unwrap_or_default();
                format!("its `{name}` is no id: {}", printable(&String::from_utf8_lossy(shown)))
            }),
            [] => Err(format!("it has no `{name}`, or the bind account may not read it")),
            values => Err(format!("it has {} values of `{name}` instead of one", values.len())),
        }
    }
}

impl Spelling {
    fn read(self, value: &[u8]) -> Option<Guid> {
        match self {
            Self::Microsoft => {
                value.try_into().ok().map(|bytes| Guid::from_bytes(uuid::Uuid::from_bytes_le(bytes).into_bytes()))
            }
            Self::Uuid | Self::FourGroups => std::str::from_utf8(value).ok()?.parse().ok(),
        }
    }

    fn write(self, guid: Guid) -> Vec<u8> {
        match self {
            Self::Uuid => guid.to_string().into_bytes(),
            Self::Microsoft => uuid::Uuid::from_bytes(*guid.as_bytes()).to_bytes_le().to_vec(),
            Self::FourGroups => {
                let groups: Vec<String> = guid.as_bytes().chunks(4).map(hex::encode).collect();
                groups.join("-").into_bytes()
            }
        }
    }
}

/// The id of what came, if it could be read.
pub(super) fn guid_of(arrival: &Arrival) -> Option<Guid> {
    match arrival {
        Arrival::Entry(entry) => Some(entry.guid),
        Arrival::Unusable(unusable) => unusable.guid,
    }
}

/// The normal form of each base, without those that lie below another: they would be read twice.
pub(super) fn outermost(bases: &[Dn]) -> Vec<(Dn, String)> {
    let normal: Vec<(Dn, String)> = bases.iter().map(|dn| (dn.clone(), dn.normalised())).collect();
    let mut kept: Vec<(Dn, String)> = Vec::new();
    for (dn, name) in &normal {
        let inside = normal.iter().any(|(_, other)| other != name && normal_is_under(name, other));
        if !inside && !kept.iter().any(|(_, held)| held == name) {
            kept.push((dn.clone(), name.clone()));
        }
    }
    kept
}

/// True when `dn` is under one of `bases`; the normal form comes with it.
pub(super) fn under_any(dn: &Dn, bases: &[(Dn, String)]) -> Option<String> {
    let normal = normal_form(dn.as_str()).ok()?;
    bases.iter().any(|(_, base)| normal_is_under(&normal, base)).then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str) -> IdAttribute {
        IdAttribute::new(name).unwrap()
    }

    #[test]
    fn ids_are_spelt_as_each_server_spells_them() {
        let guid: Guid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301".parse().unwrap();
        assert_eq!(ids("entryUUID").spelling.write(guid), b"3f2504e0-4f89-11d3-9a0c-0305e82c3301");
        assert_eq!(ids("nsUniqueId").spelling.write(guid), b"3f2504e0-4f8911d3-9a0c0305-e82c3301");
        assert_eq!(ids("objectGUID").spelling.write(guid)[..4], [0xe0, 0x04, 0x25, 0x3f]);
        for name in ["entryUUID", "nsUniqueId", "objectGUID"] {
            let spelling = ids(name).spelling;
            assert_eq!(spelling.read(&spelling.write(guid)), Some(guid), "{name}");
        }
    }

    #[test]
    fn a_base_inside_another_is_not_read_twice() {
        let bases: Vec<Dn> = ["ou=a,dc=x", "DC=X", "dc=x", "dc=y"].iter().map(|dn| dn.parse().unwrap()).collect();
        let kept: Vec<String> = outermost(&bases).into_iter().map(|(dn, _)| dn.to_string()).collect();
        assert_eq!(kept, ["DC=X", "dc=y"]);
    }

    #[test]
    fn a_part_of_an_attribute_is_never_taken_for_the_whole() {
        assert_eq!(whole("member"), Ok(Some("member")));
        assert_eq!(whole("userCertificate;binary"), Ok(Some("userCertificate")));
        assert_eq!(whole("cn;lang-fr"), Ok(None));
        assert!(whole("member;range=0-1499").is_err());
    }
}
