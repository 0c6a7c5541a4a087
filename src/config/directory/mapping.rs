//! Which entries are people, groups and machines, and which attribute becomes what.

use std::collections::BTreeSet;

use crate::config::section::Section;
use crate::config::values::Attribute;
use crate::directory::filter::Filter;
use crate::directory::settings::{Family, Scope};
use crate::sync::mapping::ACTIVE_DIRECTORY;
use crate::sync::settings::Mapping;

/// Attributes that say whether someone may sign in, fetched whatever is mapped: a lock nobody
/// asked for would be a lock nobody sees. ppolicy (draft-behera-ldap-password-policy), shadow
/// (RFC 2307), 389 Directory Server.
const STANDING: [&str; 4] = ["pwdAccountLockedTime", "pwdEndTime", "shadowExpire", "nsAccountLock"];

/// Which entries are people, groups and machines.
pub(super) fn scopes(directory: &Section<'_>, family: Family) -> (Scope, Scope, Scope) {
    let scope = |kind: &str| {
        let section = directory.section(kind);
        Scope { object_classes: names(&section, "object_classes"), filter: section.optional("filter") }
    };
    let mut people = scope("people");
    if family == Family::ActiveDirectory {
        people.filter = only_normal_accounts(people.filter);
    }
    (people, scope("groups"), scope("machines"))
}

/// In Active Directory machines and trusts are users by class, whatever they are called (CVE-2021-42278); a normal account
/// has this `sAMAccountType` (MS-SAMR 2.2.1.9). It is asked for besides what the configuration asks.
fn only_normal_accounts(filter: Option<Filter>) -> Option<Filter> {
    let normal = "(sAMAccountType=805306368)".parse().ok();
    match (normal, filter) {
        (Some(normal), Some(filter)) => Some(Filter::And(vec![normal, filter])),
        (normal, filter) => normal.or(filter),
    }
}

/// Which attribute becomes what.
pub(super) fn meant(directory: &Section<'_>, max_name_bytes: usize) -> Mapping {
    let [people, groups, machines] = ["people", "groups", "machines"].map(|kind| directory.section(kind));
    Mapping {
        login: name(&people, "login"),
        display_name: name(&people, "display_name"),
        mail: name(&people, "mail"),
        employee_id: name(&people, "employee_id"),
        manager: name(&people, "manager"),
        tags: people.read("tags"),
        group_name: name(&groups, "name"),
        group_description: name(&groups, "description"),
        member_dn: names(&groups, "member_dn"),
        member_login: names(&groups, "member_login"),
        machine_name: name(&machines, "name"),
        machine_description: name(&machines, "description"),
        machine_tags: machines.read("tags"),
        max_name_bytes,
    }
}

/// Every attribute that sync looks at, in lower case: names differ by more than case (RFC 4512 2.5).
pub(super) fn attributes(mapping: &Mapping, family: Family) -> Vec<String> {
    let single = [
        &mapping.login,
        &mapping.display_name,
        &mapping.mail,
        &mapping.employee_id,
        &mapping.manager,
        &mapping.group_name,
        &mapping.group_description,
        &mapping.machine_name,
        &mapping.machine_description,
    ];
    let several = mapping.member_dn.iter().chain(&mapping.member_login);
    let tags = mapping.tags.values().chain(mapping.machine_tags.values());
    let mapped = single.into_iter().chain(several).chain(tags).map(String::as_str);
    let standing: &[&str] = match family {
        Family::ActiveDirectory => &ACTIVE_DIRECTORY,
        Family::Ldap | Family::Ds389 => &STANDING,
    };
    let all: BTreeSet<String> = mapped.chain(standing.iter().copied()).map(str::to_ascii_lowercase).collect();
    all.into_iter().collect()
}

fn name(section: &Section<'_>, key: &str) -> String {
    let Attribute(name) = section.read(key);
    name
}

fn names(section: &Section<'_>, key: &str) -> Vec<String> {
    section.read::<Vec<Attribute>>(key).into_iter().map(|Attribute(name)| name).collect()
}
