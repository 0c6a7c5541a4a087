//! One directory entry becomes one row of the model, or a reason why not.
//!
//! Pure. Owns which attribute means what (by [`Mapping`]) and the limits on foreign text. Whether an account may act is
//! read in `standing` (OpenLDAP, 389-DS, RFC 2307) and `active_directory`, whom a group lists in `references`. Names are
//! only *wished for* here; who gets which is decided in `names`.

mod active_directory;
mod references;
mod standing;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

pub use active_directory::{ATTRIBUTES as ACTIVE_DIRECTORY, not_a_person};

use crate::base::text::hidden;
use crate::base::{GroupId, ResourceId, Sid, UserId};
use crate::directory::{Entry, Kind};
use crate::model::{
    Entity, Group, IamName, IamPath, Member, MemberKind, Origin, RefHash, Resource, Standing, User, origin,
};

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
    /// A group's references to members, in the directory's spelling; sorted, each once. Of a person, the one to who manages them.
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
    /// A security identifier. It is of another domain, so there is nothing to look up in this one.
    Sid(Sid),
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
    let disabled = standing::is_disabled(entry);
    let fault = |why| Skip { why, disabled };
    if let Some(why) = not_a_person(settings, entry) {
        // Whoever was a person until now must not go on as one.
        return Err(Skip { why, disabled: true });
    }
    let standing = standing::read(entry).map_err(fault)?;
    let id = *member.id_bytes();
    let entity = match member {
        Member::User(user) => reader.user(user, &id, standing),
        Member::Group(group) => reader.group(group, &id, standing),
        Member::Resource(resource) => reader.resource(resource, &id, standing),
    }
    .map_err(fault)?;
    let spelled = match member.kind() {
        MemberKind::Group => references::listed(&settings.mapping, entry).map_err(fault)?,
        MemberKind::User => references::manager(&settings.mapping, entry).into_iter().collect(),
        MemberKind::Resource => Vec::new(),
    };
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

    fn user(&self, user: UserId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let mapping = self.mapping();
        let login = self.name(&mapping.login)?;
        let origin = self.origin()?;
        let password = active_directory::password(self.entry)?;
        Ok(Entity::User(User {
            id: user,
            name: self.wished_name(&login, id),
            path: IamPath::default(),
            login,
            primary_group: active_directory::primary_group(self.entry, &origin)?,
            origin,
            standing,
            display_name: self.text(&mapping.display_name)?,
            mail: self.text(&mapping.mail)?,
            employee_id: self.text(&mapping.employee_id)?,
            password_changed: password.changed,
            must_change_password: password.must_change,
            tags: self.tags(&mapping.tags)?,
            manager_reference: references::manager(mapping, self.entry).map(|reference| reference.hash),
            manager: None,
        }))
    }

    fn group(&self, group: GroupId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let name = self.name(&self.mapping().group_name)?;
        let (scope, security) = active_directory::group_type(self.entry)?;
        Ok(Entity::Group(Group {
            id: group,
            name: self.wished_name(&name, id),
            path: IamPath::default(),
            original_name: name,
            origin: self.origin()?,
            standing,
            description: self.text(&self.mapping().group_description)?,
            scope,
            security,
        }))
    }

    fn resource(&self, resource: ResourceId, id: &[u8; 16], standing: Standing) -> Result<Entity, String> {
        let mapping = self.mapping();
        let name = self.name(&mapping.machine_name)?;
        let origin = self.origin()?;
        Ok(Entity::Resource(Resource {
            identities: BTreeSet::new(),
            id: resource,
            name: self.wished_name(&name, id),
            original_name: name,
            account_name: self.text(active_directory::ACCOUNT)?,
            primary_group: active_directory::primary_group(self.entry, &origin)?,
            origin,
            standing,
            description: self.text(&mapping.machine_description)?,
            tags: self.tags(&mapping.machine_tags)?,
        }))
    }

    fn origin(&self) -> Result<Origin, String> {
        let sid = active_directory::sid(self.entry)?;
        Ok(Origin { sid, ..Origin::new(self.settings.label.clone(), self.entry.guid, self.entry.dn.as_str()) })
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
}

#[cfg(test)]
mod fixture {
    //! Entries to map, and rules to map them by.

    use super::*;
    use crate::base::{Guid, Timestamp};
    use crate::directory::Attributes;

    pub(super) fn settings() -> Settings {
        let label = "corp".parse().unwrap();
        let mapping = Mapping {
            login: "uid".to_owned(),
            display_name: "cn".to_owned(),
            manager: "manager".to_owned(),
            group_name: "cn".to_owned(),
            member_dn: vec!["member".to_owned(), "uniqueMember".to_owned()],
            member_login: vec!["memberUid".to_owned()],
            max_name_bytes: 64,
            ..Mapping::default()
        };
        Settings { primary: true, mapping, ..Settings::removed(&label) }
    }

    pub(super) fn entry(kind: Kind, attributes: &[(&str, &[&str])]) -> Entry {
        let mut held = Attributes::default();
        for (name, values) in attributes {
            held.push(name, values.iter().map(|value| value.as_bytes().to_vec()).collect());
        }
        Entry { kind, guid: Guid::from_bytes([1; 16]), dn: "uid=ann,dc=example".parse().unwrap(), attributes: held }
    }

    pub(super) fn map_person(entry: &Entry) -> Result<User, Skip> {
        match map(&settings(), entry, Member::User(UserId::from_bytes([1; 16])))?.entity {
            Entity::User(user) => Ok(user),
            other => panic!("a person became {other:?}"),
        }
    }

    pub(super) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
}
