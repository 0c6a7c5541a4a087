//! `bailey user`, `group`, `resource` and `history`.

use serde_json::json;

use super::Exit;
use super::args::{Group, History, Listing, Resource, State, User};
use super::output::{Column, Format, moment};
use super::session::{Session, encoded, query, remark};
use crate::admin::past::{Past, PastState, PastVersion};
use crate::admin::views::{EntityView, GroupShown, MemberView, MembershipView, Page, Shown};
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

const RECORD: &[Column<EntityView>] = &[
    Column { title: "name", cell: |entity| entity.name.clone() },
    Column { title: "arn", cell: |entity| entity.arn.clone() },
    Column { title: "id", cell: |entity| entity.id.clone() },
    Column { title: "state", cell: state },
    Column { title: "display name", cell: |entity| entity.display_name.clone().unwrap_or_default() },
    Column { title: "mail", cell: |entity| entity.mail.clone().unwrap_or_default() },
    Column { title: "employee id", cell: |entity| entity.employee_id.clone().unwrap_or_default() },
    Column { title: "description", cell: |entity| entity.description.clone().unwrap_or_default() },
    Column {
        title: "tags",
        cell: |entity| entity.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", "),
    },
    Column { title: "called there", cell: |entity| entity.original_name.clone() },
    Column { title: "directory", cell: |entity| entity.directory.to_string() },
    Column { title: "dn", cell: |entity| entity.dn.clone() },
    Column { title: "guid", cell: |entity| entity.guid.to_string() },
];

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
    Column { title: "listed in", cell: |membership| membership.edge.listed_in.clone() },
    Column { title: "since", cell: |membership| membership.edge.since.map(moment).unwrap_or_default() },
];

fn through(membership: &MembershipView) -> String {
    if membership.through.is_empty() { "direct".to_owned() } else { membership.through.join(" → ") }
}

const MEMBERS: &[Column<MemberView>] = &[
    Column { title: "kind", cell: |member| member.kind.clone() },
    Column { title: "member", cell: |member| member.name.clone() },
    Column { title: "state", cell: |member| member.state.as_str().to_owned() },
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
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "nothing".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // That somebody is gone says enough; when it was noticed is in the row.
    let telling = fields.iter().filter(|field| field.path != "standing.presence.since");
    let lines: Vec<String> =
        telling.map(|field| format!("{}: {} → {}", field.path, shown(&field.before), shown(&field.after))).collect();
    lines.join("; ")
}

/// `bailey user`.
///
/// # Errors
/// When the operation fails.
pub async fn user(session: &mut Session, verb: User) -> anyhow::Result<Exit> {
    match verb {
        User::List(listing) => list(session, "users", &listing, USERS).await,
        User::Show { who } => show(session, "users", &who).await,
        User::Restore { who, to } => {
            let path = format!("/v1/users/{}/restore", encoded(&who));
            let restored: EntityView = session.client.post(&path, &json!({ "to": to })).await?;
            session.output.record(&restored, RECORD)?;
            Ok(Exit::Done)
        }
    }
}

/// `bailey group`.
///
/// # Errors
/// When the operation fails.
pub async fn group(session: &mut Session, verb: Group) -> anyhow::Result<Exit> {
    let which = match verb {
        Group::List(listing) => return list(session, "groups", &listing, OTHERS).await,
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
        Resource::List(listing) => list(session, "resources", &listing, OTHERS).await,
        Resource::Show { which } => show(session, "resources", &which).await,
    }
}

async fn list(
    session: &mut Session,
    what: &str,
    listing: &Listing,
    columns: &[Column<EntityView>],
) -> anyhow::Result<Exit> {
    let parameters = query(&[
        ("search", listing.search.clone()),
        ("directory", listing.directory.as_ref().map(ToString::to_string)),
        ("state", listing.state.map(|state| word(state).to_owned())),
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
