//! One directory entry becomes one row of the model, or a reason why not.
//!
//! Pure. Owns which attribute means what (by [`Mapping`]), the account states of OpenLDAP,
//! 389-DS and RFC 2307, and the limits on foreign text. Names are only *wished for* here; who gets
//! which is decided in `names`.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::base::Timestamp;
use crate::base::text::{hidden, printable};
use crate::directory::dn::normal_form;
use crate::directory::{Entry, Kind};
use crate::model::{Entity, Group, IamName, Member, MemberKind, Origin, RefHash, Resource, Standing, User, origin};

use super::reference;
use super::settings::{Mapping, Settings};

/// Longest text taken from an attribute that is no name, in bytes.
const LONGEST_TEXT: usize = 4_096;

/// Most text taken from one entry in all, its DN included, in bytes: twice that, when every character needs a
/// backslash in JSON, still fits into a row of the store (64 KiB).
const MOST_TEXT: usize = 24 << 10;

/// An entry as the model would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The row, with the name it wishes for.
    pub entity: Entity,
    /// A group's references to members, in the directory's spelling; sorted, each once.
    pub references: Vec<RefHash>,
    /// The same, for looking up those that are new.
    pub spelled: Vec<Reference>,
}

/// A reference to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its digest.
    pub hash: RefHash,
    /// As the directory spells it.
    pub spelling: Spelling,
}

/// What a reference says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spelling {
    /// A DN.
    Dn(String),
    /// A login.
    Login(String),
}

/// An entry that cannot become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What is wrong with it, and which limit.
    pub why: String,
    /// Whether the entry nevertheless says clearly that the account is switched off. Whoever can edit their own
    /// display name must not be able to hide from that.
    pub disabled: bool,
}

/// The typed id that an entry's row has, unless re-linked.
#[must_use]
pub fn derived_member(settings: &Settings, entry: &Entry) -> Member {
    match entry.kind {
        Kind::Person => Member::User(origin::user_id(&settings.label, &entry.guid)),
        Kind::Group => Member::Group(origin::group_id(&settings.label, &entry.guid)),
        Kind::Machine => Member::Resource(origin::resource_id(&settings.label, &entry.guid)),
    }
}

/// Maps `entry` to the row `member`.
///
/// # Errors
/// Why the entry cannot become a row.
pub fn map(settings: &Settings, entry: &Entry, member: Member) -> Result<Mapped, Skip> {
    let reader = Reader { settings, entry, taken: Cell::new(entry.dn.as_str().len()) };
    let disabled = is_disabled(entry);
    let fault = |why| Skip { why, disabled };
    let standing = Standing { disabled, ..locks_and_end(entry).map_err(fault)? };
    let id = *member.id_bytes();
    let entity = match member {
        Member::User(user) => reader.user(user, &id, standing),
        Member::Group(group) => reader.group(group, &id, standing),
        Member::Resource(resource) => reader.resource(resource, &id, standing),
    }
    .map_err(fault)?;
    let spelled = if member.kind() == MemberKind::Group { reader.references().map_err(fault)? } else { Vec::new() };
    let mut references: Vec<RefHash> = spelled.iter().map(|reference| reference.hash).collect();
    references.sort_unstable();
    references.dedup();
    Ok(Mapped { entity, references, spelled })
}

/// Reads one entry by the rules of one directory.
struct Reader<'a> {
    settings: &'a Settings,
    entry: &'a Entry,
    /// Bytes of text so far.
    taken: Cell<usize>,
}

impl Reader<'_> {
    fn mapping(&self) -> &Mapping {
        &self.settings.mapping
    }

    fn user(&self, user: crate::base::UserId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let mapping = self.mapping();
        let login = self.name(&mapping.login)?;
        Ok(Entity::User(User {
            id: user,
            name: self.wished_name(&login, id),
            login,
            origin: self.origin(),
            standing,
            display_name: self.text(&mapping.display_name)?,
            mail: self.text(&mapping.mail)?,
            employee_id: self.text(&mapping.employee_id)?,
            tags: self.tags(&mapping.tags)?,
        }))
    }

    fn group(&self, group: crate::base::GroupId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let name = self.name(&self.mapping().group_name)?;
        Ok(Entity::Group(Group {
            id: group,
            name: self.wished_name(&name, id),
            original_name: name,
            origin: self.origin(),
            standing,
            description: self.text(&self.mapping().group_description)?,
        }))
    }

    fn resource(&self, resource: crate::base::ResourceId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let mapping = self.mapping();
        let name = self.name(&mapping.machine_name)?;
        Ok(Entity::Resource(Resource {
            id: resource,
            name: self.wished_name(&name, id),
            original_name: name,
            origin: self.origin(),
            standing,
            description: self.text(&mapping.machine_description)?,
            tags: self.tags(&mapping.machine_tags)?,
        }))
    }

    fn origin(&self) -> Origin {
        Origin { directory: self.settings.label.clone(), guid: self.entry.guid, dn: self.entry.dn.to_string() }
    }

    fn wished_name(&self, original: &str, id: &[u8; 16]) -> IamName {
        let label = (!self.settings.primary).then_some(&self.settings.label);
        IamName::mapped(original, label, id)
    }

    /// A name: must be there.
    fn name(&self, attribute: &str) -> Result<String, String> {
        let limit = self.mapping().max_name_bytes;
        match self.text_up_to(attribute, limit)? {
            Some(name) if !name.trim().is_empty() => Ok(name),
            _ => Err(format!("no `{attribute}`, which names it")),
        }
    }

    fn text(&self, attribute: &str) -> Result<Option<String>, String> {
        self.text_up_to(attribute, LONGEST_TEXT)
    }

    fn text_up_to(&self, attribute: &str, limit: usize) -> Result<Option<String>, String> {
        let Some(value) = self.entry.attributes.values(attribute).first() else { return Ok(None) };
        if value.len() > limit {
            return Err(format!("`{attribute}` has {} bytes, the limit is {limit}", value.len()));
        }
        let text = std::str::from_utf8(value).map_err(|_| format!("`{attribute}` is not valid UTF-8"))?;
        if let Some(c) = text.chars().find(|c| hidden(*c)) {
            return Err(format!("`{attribute}` contains the control character U+{:04X}", u32::from(c)));
        }
        self.taken.set(self.taken.get() + text.len());
        if self.taken.get() > MOST_TEXT {
            return Err(format!("its DN and texts have more than {MOST_TEXT} bytes in all, which is the limit"));
        }
        Ok(Some(text.to_owned()))
    }

    fn tags(&self, wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
        let mut tags = BTreeMap::new();
        for (key, attribute) in wanted {
            if let Some(value) = self.text(attribute)? {
                tags.insert(key.clone(), value);
            }
        }
        Ok(tags)
    }

    fn references(&self) -> Result<Vec<Reference>, String> {
        let mut references = Vec::new();
        for attribute in &self.mapping().member_dn {
            for value in self.entry.attributes.values(attribute) {
                let text = std::str::from_utf8(value).map_err(|_| format!("a `{attribute}` is not valid UTF-8"))?;
                let (dn, normal) = member_dn(attribute, text)?;
                // groupOfNames must have a member; administrators put the group itself or an empty DN there.
                if !normal.is_empty() {
                    let hash = reference::by_normal_form(&normal);
                    references.push(Reference { hash, spelling: Spelling::Dn(dn.to_owned()) });
                }
            }
        }
        for attribute in &self.mapping().member_login {
            for value in self.entry.attributes.values(attribute) {
                let text = std::str::from_utf8(value).map_err(|_| format!("a `{attribute}` is not valid UTF-8"))?;
                let hash = reference::by_login(text);
                references.push(Reference { hash, spelling: Spelling::Login(text.to_owned()) });
            }
        }
        Ok(references)
    }
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

/// True when the entry says that its account is switched off, whatever else is wrong with it.
///
/// * `pwdAccountLockedTime` (draft-behera-ldap-password-policy 5.3.3): `000001010000Z` locks until an
///   administrator unlocks.
/// * `nsAccountLock` (389-DS): TRUE switches it off.
fn is_disabled(entry: &Entry) -> bool {
    let says = |attribute: &str, told: fn(&[u8]) -> bool| {
        entry.attributes.values(attribute).iter().any(|value| told(value.trim_ascii()))
    };
    says("nsAccountLock", |value| value.eq_ignore_ascii_case(b"true")) || says("pwdAccountLockedTime", is_for_good)
}

/// Year 0 stands for no time at all, with or without seconds.
fn is_for_good(locked: &[u8]) -> bool {
    locked.starts_with(b"00000101")
}

/// Since when password logins are locked, and when the account ends.
///
/// * `pwdAccountLockedTime`: any time but `000001010000Z` is a lockout after failed attempts.
/// * `pwdEndTime` (same draft): the account ends then.
/// * `shadowExpire` (RFC 2307): days since 1970; the account ends then. -1 and absence mean never.
fn locks_and_end(entry: &Entry) -> Result<Standing, String> {
    let mut standing = Standing::default();
    if let Some(time) = state(entry, "pwdAccountLockedTime")?.filter(|time| !is_for_good(time.as_bytes())) {
        standing.locked_since = Some(generalized_time("pwdAccountLockedTime", time)?);
    }
    let ends = [
        state(entry, "pwdEndTime")?.map(|time| generalized_time("pwdEndTime", time)).transpose()?,
        state(entry, "shadowExpire")?.map(shadow_expire).transpose()?.flatten(),
    ];
    standing.expires = ends.into_iter().flatten().min();
    Ok(standing)
}

/// An attribute that says something about the account's state. One that cannot be read is not taken for absent.
fn state<'a>(entry: &'a Entry, attribute: &str) -> Result<Option<&'a str>, String> {
    let Some(value) = entry.attributes.values(attribute).first() else { return Ok(None) };
    let text = std::str::from_utf8(value).map_err(|_| format!("`{attribute}` is not valid UTF-8"))?;
    Ok(Some(text.trim_matches(' ')))
}

fn shadow_expire(text: &str) -> Result<Option<Timestamp>, String> {
    let fault = || format!("`shadowExpire` is `{}`, not a number of days", printable(text));
    let days: i64 = text.trim().parse().map_err(|_| fault())?;
    if days < 0 {
        return Ok(None);
    }
    let seconds = days.checked_mul(86_400).ok_or_else(fault)?;
    // A date beyond what a timestamp can hold is as good as never.
    Ok(Timestamp::from_second(seconds).ok())
}

/// RFC 4517 3.3.13, as far as directories write it: `YYYYMMDDHHMM[SS][.f]Z`.
fn generalized_time(attribute: &str, text: &str) -> Result<Timestamp, String> {
    let fault = || format!("`{attribute}` is `{}`, not a generalized time", printable(text));
    let digits = text.strip_suffix('Z').ok_or_else(fault)?;
    let whole = digits.split(['.', ',']).next().unwrap_or_default();
    let padded = match whole.len() {
        12 => format!("{whole}00"),
        14 => whole.to_owned(),
        _ => return Err(fault()),
    };
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &padded).map_err(|_| fault())?;
    jiff::tz::Offset::UTC.to_timestamp(civil).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Guid, UserId};
    use crate::directory::Attributes;

    fn settings() -> Settings {
        let label = "corp".parse().unwrap();
        let mapping = Mapping {
            login: "uid".to_owned(),
            display_name: "cn".to_owned(),
            group_name: "cn".to_owned(),
            member_dn: vec!["member".to_owned(), "uniqueMember".to_owned()],
            member_login: vec!["memberUid".to_owned()],
            max_name_bytes: 64,
            ..Mapping::default()
        };
        Settings { primary: true, mapping, ..Settings::removed(&label) }
    }

    fn entry(kind: Kind, attributes: &[(&str, &[&str])]) -> Entry {
        let mut held = Attributes::default();
        for (name, values) in attributes {
            held.push(name, values.iter().map(|value| value.as_bytes().to_vec()).collect());
        }
        Entry { kind, guid: Guid::from_bytes([1; 16]), dn: "uid=ann,dc=example".parse().unwrap(), attributes: held }
    }

    /// The standing of a person with this one attribute; or why there is none, and whether it is known to be off.
    fn standing(attribute: &str, value: &str) -> Result<Standing, Skip> {
        let entry = entry(Kind::Person, &[("uid", &["ann"]), (attribute, &[value])]);
        let member = Member::User(UserId::from_bytes([1; 16]));
        map(&settings(), &entry, member).map(|mapped| mapped.entity.standing().clone())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_switches_an_account_off() {
        for (attribute, value, off) in [
            ("pwdAccountLockedTime", "000001010000Z", true),
            ("pwdAccountLockedTime", "00000101000000Z", true),
            ("pwdAccountLockedTime", "20260312120000Z", false),
            ("nsAccountLock", "TRUE", true),
            ("nsaccountlock", "true ", true),
            ("nsAccountLock", "FALSE", false),
            ("loginShell", "/sbin/nologin", false),
        ] {
            assert_eq!(standing(attribute, value).unwrap().disabled, off, "{attribute} {value}");
        }
    }

    #[test]
    fn when_an_account_ends() {
        for (attribute, value, ends) in [
            ("shadowExpire", "20000", Some("2024-10-04T00:00:00Z")),
            ("shadowExpire", " 1 ", Some("1970-01-02T00:00:00Z")),
            ("shadowExpire", "0", Some("1970-01-01T00:00:00Z")),
            ("shadowExpire", "-1", None),
            ("shadowExpire", "99999999999", None),
            ("pwdEndTime", "20261231235959Z", Some("2026-12-31T23:59:59Z")),
            ("pwdEndTime", "202612312359Z", Some("2026-12-31T23:59:00Z")),
            ("pwdEndTime", "20261231235959.5Z", Some("2026-12-31T23:59:59Z")),
        ] {
            assert_eq!(standing(attribute, value).unwrap().expires, ends.map(at), "{attribute} {value}");
        }
        let both = entry(
            Kind::Person,
            &[("uid", &["ann"]), ("shadowExpire", &["20000"]), ("pwdEndTime", &["20200101000000Z"])],
        );
        let mapped = map(&settings(), &both, Member::User(UserId::from_bytes([1; 16]))).unwrap();
        assert_eq!(mapped.entity.standing().expires, Some(at("2020-01-01T00:00:00Z")), "the earlier one");
    }

    #[test]
    fn a_lockout_has_a_time_and_no_other_effect() {
        let locked = standing("pwdAccountLockedTime", "20260312120000Z").unwrap();
        assert_eq!((locked.locked_since, locked.disabled), (Some(at("2026-03-12T12:00:00Z")), false));
    }

    #[test]
    fn a_time_that_is_none_is_a_reason_to_skip_and_never_a_way_to_stay() {
        for (attribute, value) in [
            ("pwdEndTime", "20261331000000Z"),
            ("pwdEndTime", "2026"),
            ("pwdEndTime", "20261231235959"),
            ("pwdAccountLockedTime", "x"),
            ("shadowExpire", ""),
            ("shadowExpire", "9223372036854775807"),
        ] {
            let skip = standing(attribute, value).unwrap_err();
            assert!(skip.why.contains(attribute) && !skip.disabled, "{skip:?}");
        }
        let entry = entry(
            Kind::Person,
            &[("uid", &["ann"]), ("pwdAccountLockedTime", &["000001010000Z"]), ("shadowExpire", &["soon"])],
        );
        assert!(map(&settings(), &entry, Member::User(UserId::from_bytes([1; 16]))).unwrap_err().disabled);
    }

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
}
