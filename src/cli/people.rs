//! `bailey user`, `group`, `resource` and `history`.

mod verbs;

use serde::Deserialize as _;
use serde_json::json;

pub use verbs::{Group, History, Listing, Resource, State, User};

use super::iam::{factors, holders, local, resources};
use super::output::{Column, Format, moment};
use super::session::{Session, encoded, query, remark};
use super::{Exit, logins};
use crate::admin::past::{Past, PastState, PastVersion};
use crate::admin::verify::{Compared, Verification};
use crate::admin::views::{By, EntityView, GroupShown, MemberView, MembershipView, Page, Shown};
use crate::model::LogonHours;
use crate::rights::Holds;
use crate::sync::change::Field;

const USERS: &[Column<EntityView>] = &[
    Column { title: "name", cell: |user| user.name.clone() },
    Column { title: "display name", cell: |user| user.display_name.clone().unwrap_or_default() },
    Column { title: "mail", cell: |user| user.mail.clone().unwrap_or_default() },
    Column { title: "directory", cell: |user| user.directory.to_string() },
    Column { title: "state", cell: |user| user.state.as_str().to_owned() },
];

const OTHERS: &[Column<EntityView>] = &[
    Column { title: "name", cell: |entity| entity.name.clone() },
    Column { title: "description", cell: |entity| entity.description.clone().unwrap_or_default() },
    Column { title: "directory", cell: |entity| entity.directory.to_string() },
    Column { title: "state", cell: |entity| entity.state.as_str().to_owned() },
];

pub(super) const RECORD: &[Column<EntityView>] = &[
    Column { title: "name", cell: |entity| entity.name.clone() },
    Column { title: "arn", cell: |entity| entity.arn.clone() },
    Column { title: "id", cell: |entity| entity.id.clone() },
    Column { title: "state", cell: state },
    Column { title: "display name", cell: |entity| entity.display_name.clone().unwrap_or_default() },
    Column { title: "mail", cell: |entity| entity.mail.clone().unwrap_or_default() },
    Column { title: "employee id", cell: |entity| entity.employee_id.clone().unwrap_or_default() },
    Column { title: "manager", cell: |entity| entity.manager.clone().unwrap_or_default() },
    Column { title: "description", cell: |entity| entity.description.clone().unwrap_or_default() },
    Column {
        title: "tags",
        cell: |entity| entity.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", "),
    },
    Column {
        title: "identities",
        cell: |entity| entity.identities.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    },
    Column { title: "called there", cell: |entity| entity.original_name.clone() },
    Column { title: "directory", cell: |entity| entity.directory.to_string() },
    Column { title: "dn", cell: |entity| entity.dn.clone() },
    Column { title: "guid", cell: |entity| entity.guid.to_string() },
    Column { title: "sid", cell: |entity| entity.sid.as_ref().map(ToString::to_string).unwrap_or_default() },
    Column {
        title: "primary group",
        cell: |entity| entity.primary_group.as_ref().map(ToString::to_string).unwrap_or_default(),
    },
    Column { title: "password set", cell: password },
    Column { title: "logon hours", cell: |entity| entity.logon_hours.clone().unwrap_or_default() },
    Column { title: "sort", cell: sort },
    Column { title: "holds", cell: holds },
];

fn password(entity: &EntityView) -> String {
    let set = entity.password_changed.map(moment);
    let due = entity.must_change_password.then(|| "must be changed".to_owned());
    set.into_iter().chain(due).collect::<Vec<_>>().join(", ")
}

/// What sort of Active Directory group it is.
fn sort(entity: &EntityView) -> String {
    let security = if entity.security { "security" } else { "distribution" };
    entity.scope.map(|scope| format!("{}, {security}", scope.as_str())).unwrap_or_default()
}

fn holds(entity: &EntityView) -> String {
    let word = |holds: Holds| match (holds.people, holds.machines) {
        (true, true) => "people and machines",
        (true, false) => "people",
        (false, true) => "machines",
        (false, false) => "nobody",
    };
    entity.holds.map(|holds| word(holds).to_owned()).unwrap_or_default()
}

fn state(entity: &EntityView) -> String {
    let mut text = entity.state.as_str().to_owned();
    if let Some(since) = entity.since {
        text.push_str(&format!(" since {}", moment(since)));
    }
    if let Some(expires) = entity.expires {
        text.push_str(&format!(", account ends {}", moment(expires)));
    }
    if let Some(locked) = entity.locked_since {
        text.push_str(&format!(", password logins locked since {}", moment(locked)));
    }
    text
}

const MEMBERSHIPS: &[Column<MembershipView>] = &[
    Column { title: "group", cell: |membership| membership.group.clone() },
    Column { title: "through", cell: through },
    Column { title: "listed in", cell: listed_in },
    Column { title: "since", cell: |membership| membership.edge.since.map(moment).unwrap_or_default() },
];

fn through(membership: &MembershipView) -> String {
    if membership.through.is_empty() { "direct".to_owned() } else { membership.through.join(" → ") }
}

/// The entry that says so; a primary group's own entry does not list whoever names it.
fn listed_in(membership: &MembershipView) -> String {
    match membership.edge.by {
        By::Listed => membership.edge.listed_in.clone(),
        other => format!("{} ({})", membership.edge.listed_in, other.as_str()),
    }
}

const MEMBERS: &[Column<MemberView>] = &[
    Column { title: "kind", cell: |member| member.kind.clone() },
    Column { title: "member", cell: |member| member.name.clone() },
    Column { title: "state", cell: |member| member.state.as_str().to_owned() },
    Column { title: "directory", cell: |member| member.directory.to_string() },
    Column { title: "by", cell: |member| member.by.as_str().to_owned() },
];

const DIFFERENCES: &[Column<(&str, Compared)>] = &[
    Column { title: "only", cell: |(side, _)| (*side).to_owned() },
    Column { title: "group", cell: |(_, compared)| compared.group.clone() },
    Column { title: "sid", cell: |(_, compared)| compared.sid.to_string() },
];

const VERSIONS: &[Column<PastVersion>] = &[
    Column { title: "when", cell: |version| moment(version.at) },
    Column { title: "revision", cell: |version| version.revision.to_string() },
    Column { title: "by", cell: |version| version.by.to_string() },
    Column { title: "audit", cell: |version| version.audit.map(|seq| seq.to_string()).unwrap_or_default() },
    Column { title: "what", cell: |version| version.what.clone() },
    Column { title: "fields", cell: |version| fields(&version.fields) },
];

/// Fields before and after, a line each.
#[must_use]
pub fn fields(fields: &[Field]) -> String {
    let shown = |path: &str, value: &serde_json::Value| match value {
        serde_json::Value::String(_) if path == "standing.logon_hours" => hours(value),
        serde_json::Value::Null => "nothing".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // That somebody is gone says enough; when it was noticed is in the row.
    let telling = fields.iter().filter(|field| field.path != "standing.presence.since");
    let lines: Vec<String> = telling
        .map(|field| {
            format!("{}: {} → {}", field.path, shown(&field.path, &field.before), shown(&field.path, &field.after))
        })
        .collect();
    lines.join("; ")
}

/// Logon hours as people write them; as they are stored where they are none.
fn hours(value: &serde_json::Value) -> String {
    LogonHours::deserialize(value).map_or_else(|_| value.to_string(), |hours| hours.to_string())
}

/// `bailey user`.
///
/// # Errors
/// When the operation fails.
pub async fn user(session: &mut Session, verb: User) -> anyhow::Result<Exit> {
    match verb {
        User::List(listing) => list(session, "users", &listing, None, USERS).await,
        User::Local(verb) => local::user(session, verb).await,
        User::Password(verb) => factors::password(session, verb).await,
        User::Holding(verb) => holders::holding(session, "users", verb).await,
        User::Bounding(verb) => holders::bounding(session, "users", verb).await,
        User::TryLogin { name, code, password_file } => logins::try_login(session, &name, code, password_file).await,
        User::Show { who, verify: false } => show(session, "users", &who).await,
        User::Show { who, verify: true } => verify(session, &who).await,
        User::Restore { who, to } => {
            let path = format!("/v1/users/{}/restore", encoded(&who));
            let restored: EntityView = session.client.post(&path, &json!({ "to": to })).await?;
            session.output.record(&restored, RECORD)?;
            Ok(Exit::Done)
        }
    }
}

/// `bailey user show --verify`.
async fn verify(session: &mut Session, who: &str) -> anyhow::Result<Exit> {
    let verification: Verification = session.client.get(&format!("/v1/users/{}/verify", encoded(who))).await?;
    let exit = if verification.agrees { Exit::Done } else { Exit::Failed };
    if session.output.format() == Format::Json {
        session.output.json(&verification)?;
        return Ok(exit);
    }
    let Verification { directory, both, only_here, only_there, not_synced, cut_short, .. } = verification;
    if exit == Exit::Done {
        session.output.sentence(&format!("agrees: {both} groups"))?;
    } else {
        session.output.sentence(&format!("differs from directory `{directory}`: {both} groups are the same"))?;
    }
    let here = only_here.into_iter().map(|compared| ("here", compared));
    let differences: Vec<_> = here.chain(only_there.into_iter().map(|compared| ("there", compared))).collect();
    if !differences.is_empty() {
        session.output.listing(&differences, DIFFERENCES)?;
    }
    if !not_synced.is_empty() {
        let sids: Vec<String> = not_synced.iter().map(ToString::to_string).collect();
        session.output.sentence(&format!("not synced: {}", sids.join(", ")))?;
    }
    if let Some(cut) = &cut_short {
        session.output.sentence(&format!("the search ended early: {cut}; groups beyond count for nothing"))?;
    }
    Ok(exit)
}

/// `bailey group`.
///
/// # Errors
/// When the operation fails.
pub async fn group(session: &mut Session, verb: Group) -> anyhow::Result<Exit> {
    let which = match verb {
        Group::List { listing, holds } => return list(session, "groups", &listing, holds, OTHERS).await,
        Group::Local(verb) => return local::group(session, verb).await,
        Group::Holding(verb) => return holders::holding(session, "groups", verb).await,
        Group::Show { which } => which,
    };
    let group: GroupShown = session.client.get(&format!("/v1/groups/{}", encoded(&which))).await?;
    if session.output.format() == Format::Json {
        session.output.json(&group)?;
        return Ok(Exit::Done);
    }
    session.output.record(&group.entity, RECORD)?;
    session.output.sentence(&format!("\n{} direct members", group.member_count))?;
    session.output.listing(&group.members, MEMBERS)?;
    if (group.members.len() as u64) < group.member_count {
        session.output.sentence(&format!("… the first {}", group.members.len()))?;
    }
    if group.unresolved > 0 {
        session.output.sentence(&format!("{} references mean nobody in scope", group.unresolved))?;
    }
    if !group.groups.is_empty() {
        session.output.sentence("\nitself in")?;
        session.output.listing(&group.groups, MEMBERSHIPS)?;
    }
    Ok(Exit::Done)
}

/// `bailey resource`.
///
/// # Errors
/// When the operation fails.
pub async fn resource(session: &mut Session, verb: Resource) -> anyhow::Result<Exit> {
    match verb {
        Resource::List(listing) => list(session, "resources", &listing, None, OTHERS).await,
        Resource::Show { which } => show(session, "resources", &which).await,
        Resource::Local(verb) => resources::resource(session, verb).await,
    }
}

async fn list(
    session: &mut Session,
    what: &str,
    listing: &Listing,
    holds: Option<verbs::Holds>,
    columns: &[Column<EntityView>],
) -> anyhow::Result<Exit> {
    let parameters = query(&[
        ("search", listing.search.clone()),
        ("directory", listing.directory.as_ref().map(ToString::to_string)),
        ("state", listing.state.map(|state| word(state).to_owned())),
        ("holds", holds.map(|holds| holding(holds).to_owned())),
        ("limit", Some(listing.limit.to_string())),
        ("after", listing.after.clone()),
    ]);
    let page: Page = session.client.get(&format!("/v1/{what}{parameters}")).await?;
    session.output.listing(&page.items, columns)?;
    if let Some(next) = &page.next {
        remark(&format!("more: --after {next}"))?;
    }
    Ok(Exit::Done)
}

fn word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Disabled => "disabled",
        State::Expired => "expired",
        State::Frozen => "frozen",
        State::Gone => "gone",
        State::OffHours => "off_hours",
    }
}

fn holding(holds: verbs::Holds) -> &'static str {
    match holds {
        verbs::Holds::People => "people",
        verbs::Holds::Machines => "machines",
        verbs::Holds::Both => "both",
    }
}

async fn show(session: &mut Session, what: &str, who: &str) -> anyhow::Result<Exit> {
    let shown: Shown = session.client.get(&format!("/v1/{what}/{}", encoded(who))).await?;
    if session.output.format() == Format::Json {
        session.output.json(&shown)?;
        return Ok(Exit::Done);
    }
    session.output.record(&shown.entity, RECORD)?;
    if shown.groups.is_empty() {
        session.output.sentence("\nin no group")?;
    } else {
        session.output.sentence("\ngroups")?;
        session.output.listing(&shown.groups, MEMBERSHIPS)?;
    }
    if let Some(cut) = &shown.cut_short {
        session.output.sentence(&format!("the search ended early: {cut}; groups beyond count for nothing"))?;
    }
    Ok(Exit::Done)
}

/// `bailey history`.
///
/// # Errors
/// When the operation fails.
pub async fn history(session: &mut Session, verb: History) -> anyhow::Result<Exit> {
    let History::Show { who, at } = verb;
    let Some(at) = at else {
        let past: Past = session.client.get(&format!("/v1/history/{}", encoded(&who))).await?;
        session.output.listing(&past.versions, VERSIONS)?;
        return Ok(Exit::Done);
    };
    let state: PastState =
        session.client.get(&format!("/v1/history/{}/at/{}", encoded(&who), encoded(&at.to_string()))).await?;
    if session.output.format() == Format::Json {
        session.output.json(&state)?;
        return Ok(Exit::Done);
    }
    match &state.entity {
        Some(entity) => {
            session.output.record(entity, RECORD)?;
            session.output.sentence(&format!(
                "\ndirectly in: {}",
                if state.groups.is_empty() { "no group".to_owned() } else { state.groups.join(", ") }
            ))?;
        }
        None => session.output.sentence("there was none then")?,
    }
    Ok(Exit::Done)
}
