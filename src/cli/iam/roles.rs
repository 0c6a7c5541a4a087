//! `bailey role` and `bailey instance-profile`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::coverage;
use super::holders::{self, Bounding, Holding, tags};
use super::{document, done, go_on, tag, warn};
use crate::admin::iam::assignments::Terms;
use crate::admin::iam::coverage::Coverage;
use crate::admin::iam::profiles::NewProfile;
use crate::admin::iam::roles::{NewRole, RoleUpdate};
use crate::admin::iam::views::{AssignmentView, Page, ProfileView, RoleView};
use crate::base::Timestamp;
use crate::cli::Exit;
use crate::cli::args::moment as parse_moment;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded, query};
use crate::model::{AccountId, IamName, IamPath, PolicyName};

/// `bailey role`.
#[derive(Debug, Subcommand)]
pub enum RoleVerb {
    /// List the roles of an account
    List {
        /// Of which account [default: the home account]
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// Which part of them
        #[command(flatten)]
        part: Part,
    },
    /// Show a role: what hangs on it, who may assume it
    Show {
        /// Name or ARN
        role: String,
    },
    /// Make a role
    Create {
        /// Its name
        name: IamName,
        /// The account it is to belong to [default: the home account]
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// Who may assume it, as a trust policy, besides those it is assigned to; `-` is standard input
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
        /// Where, such as `/app/`
        #[arg(long, default_value = "/")]
        path: IamPath,
        /// For people to read
        #[arg(long, default_value = "")]
        description: String,
        /// Seconds a session may last at most, 3600 to 43200 [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// Its sessions count only while the directory has answered within minutes
        #[arg(long)]
        privileged: bool,
        /// A policy beyond which it never reaches
        #[arg(long, value_name = "POLICY")]
        boundary: Option<String>,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Change what a role says of itself
    Update {
        /// Name or ARN
        role: String,
        /// For people to read
        #[arg(long, required_unless_present_any = ["max_session", "privileged"])]
        description: Option<String>,
        /// Seconds a session may last at most, 3600 to 43200
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// Whether its sessions count only while the directory has answered within minutes
        #[arg(long, value_name = "true|false")]
        privileged: Option<bool>,
    },
    /// Say anew who may assume a role besides those it is assigned to
    Trust {
        /// Name or ARN
        role: String,
        /// The trust policy; `-` is standard input
        file: PathBuf,
    },
    /// Delete a role that nothing hangs on and nobody is assigned
    Delete {
        /// Name or ARN
        role: String,
    },
    /// Let a user, the members of a group, or a machine assume a role
    ///
    /// One that could already may from now on on these terms alone.
    Assign {
        /// Name or ARN of the role
        role: String,
        /// Who: `user/ann`, `group/ops` or `resource/web1`
        #[arg(long, value_name = "KIND/NAME", value_parser = member)]
        to: (String, String),
        /// A `Condition` block of the policy language, as JSON; `-` is standard input
        #[arg(long, value_name = "FILE")]
        condition: Option<PathBuf>,
        /// From then on: 2026-03-12, 2026-03-12T14:30 (both UTC) or 2026-03-12T14:30:00+01:00
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        from: Option<Timestamp>,
        /// Until just before then
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        until: Option<Timestamp>,
        /// Why, for people to read
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take an assignment away
    Unassign {
        /// Name or ARN of the role
        role: String,
        /// From whom: `user/ann`, `group/ops` or `resource/web1`
        #[arg(long, value_name = "KIND/NAME", value_parser = member)]
        to: (String, String),
    },
    /// List everybody's assignments
    Assignments(Part),
    /// Show what the rules of group names make of the groups there are, and who gets what by it
    ///
    /// Exit code 1 where something is amiss: a rule that fits nothing, a role that is not there, rules that disagree.
    Coverage,
    /// Policies.
    #[command(flatten)]
    Holding(Holding),
    /// Boundary and tags.
    #[command(flatten)]
    Bounding(Bounding),
}

/// `bailey instance-profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// List instance profiles, or those that hold a role
    List {
        /// Only those that hold this role: all of them, by name or ARN
        #[arg(long, value_name = "ROLE", conflicts_with = "after")]
        role: Option<String>,
        /// Which part of them
        #[command(flatten)]
        part: Part,
    },
    /// Show one
    Show {
        /// Name or ARN
        profile: String,
    },
    /// Make one, without a role yet
    Create {
        /// Its name
        name: PolicyName,
        /// Where, such as `/app/`
        #[arg(long, default_value = "/")]
        path: IamPath,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Delete one that holds no role
    Delete {
        /// Name or ARN
        profile: String,
    },
    /// Put a role into one
    AddRole {
        /// Name or ARN
        profile: String,
        /// Name or ARN of the role
        role: String,
    },
    /// Take a role out of one
    RemoveRole {
        /// Name or ARN
        profile: String,
        /// Name or ARN of the role
        role: String,
    },
}

/// Which part of a listing.
#[derive(Debug, ClapArgs)]
pub struct Part {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Go on behind this one: the `next` of the page before
    #[arg(long, value_name = "MARK")]
    pub after: Option<String>,
}

impl Part {
    fn query(self) -> String {
        query(&[("limit", Some(self.limit.to_string())), ("after", self.after)])
    }
}

/// `user/ann`.
fn member(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((kind @ ("user" | "group" | "resource"), name)) if !name.is_empty() => {
            Ok((kind.to_owned(), name.to_owned()))
        }
        _ => Err("expected `user/NAME`, `group/NAME` or `resource/NAME`".to_owned()),
    }
}

const ROLES: &[Column<RoleView>] = &[
    Column { title: "name", cell: |role| role.name.clone() },
    Column { title: "path", cell: |role| role.path.clone() },
    Column { title: "policies", cell: policies },
    Column { title: "assigned to", cell: |role| assigned(role, ", ") },
    Column { title: "description", cell: |role| role.description.clone() },
];

const RECORD: &[Column<RoleView>] = &[
    Column { title: "name", cell: |role| role.name.clone() },
    Column { title: "arn", cell: |role| role.arn.clone() },
    Column { title: "id", cell: |role| role.id.clone() },
    Column { title: "description", cell: |role| role.description.clone() },
    Column { title: "session", cell: |role| format!("at most {} s", role.max_session) },
    Column { title: "made", cell: |role| moment(role.created) },
    Column { title: "policies", cell: policies },
    Column { title: "boundary", cell: |role| role.entitlements.boundary.clone().unwrap_or_default() },
    Column { title: "tags", cell: |role| tags(&role.entitlements.tags) },
];

fn policies(role: &RoleView) -> String {
    let name = |arn: &String| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let attached = role.entitlements.attached.iter().map(name);
    let inline = role.entitlements.inline.keys().map(|name| format!("{name} (inline)"));
    attached.chain(inline).collect::<Vec<_>>().join(", ")
}

fn assigned(role: &RoleView, between: &str) -> String {
    let one = |assignment: &AssignmentView| format!("{}/{}", assignment.kind, assignment.to);
    role.assigned_to.iter().map(one).collect::<Vec<_>>().join(between)
}

const ASSIGNMENTS: &[Column<AssignmentView>] = &[
    Column { title: "role", cell: |assignment| assignment.role.clone() },
    Column { title: "assigned to", cell: |assignment| format!("{}/{}", assignment.kind, assignment.to) },
    Column { title: "counts", cell: counts },
    Column { title: "condition", cell: condition },
    Column { title: "reason", cell: |assignment| assignment.reason.clone() },
    Column { title: "by", cell: |assignment| assignment.by.clone() },
];

fn counts(assignment: &AssignmentView) -> String {
    let word = if assignment.counts { "yes" } else { "no" };
    let from = assignment.not_before.map(|from| format!(" from {}", moment(from))).unwrap_or_default();
    let until = assignment.not_after.map(|until| format!(" until {}", moment(until))).unwrap_or_default();
    format!("{word}{from}{until}")
}

fn condition(assignment: &AssignmentView) -> String {
    assignment.condition.as_ref().map(|condition| condition.get().to_owned()).unwrap_or_default()
}

const PROFILES: &[Column<ProfileView>] = &[
    Column { title: "name", cell: |profile| profile.name.clone() },
    Column { title: "arn", cell: |profile| profile.arn.clone() },
    Column { title: "role", cell: |profile| profile.role.clone().unwrap_or_default() },
    Column { title: "tags", cell: |profile| tags(&profile.tags) },
];

/// `bailey role`.
///
/// # Errors
/// When the operation fails.
pub async fn role(session: &mut Session, verb: RoleVerb) -> anyhow::Result<Exit> {
    match verb {
        RoleVerb::Holding(verb) => return holders::holding(session, "roles", verb).await,
        RoleVerb::Bounding(verb) => return holders::bounding(session, "roles", verb).await,
        RoleVerb::List { account, part: Part { limit, after } } => {
            let account = account.map(|account| account.to_string());
            let parameters = [("account", account), ("limit", Some(limit.to_string())), ("after", after)];
            let page: Page<RoleView> = session.client.get(&format!("/v1/roles{}", query(&parameters))).await?;
            session.output.listing(&page.items, ROLES)?;
            go_on(page.next)?;
        }
        RoleVerb::Show { role } => {
            let found: RoleView = session.client.get(&one(&role)).await?;
            show(session, &found)?;
        }
        RoleVerb::Create { name, account, trust, path, description, max_session, privileged, boundary, tags } => {
            let trust = trust.map(|file| document(&file)).transpose()?;
            let tags = tags.into_iter().collect();
            let new = NewRole { name, account, path, description, trust, max_session, privileged, boundary, tags };
            let made: RoleView = session.client.post("/v1/roles", &new).await?;
            show(session, &made)?;
        }
        RoleVerb::Update { role, description, max_session, privileged } => {
            let update = RoleUpdate { description, max_session, privileged };
            let made: RoleView = session.client.post(&one(&role), &update).await?;
            show(session, &made)?;
        }
        RoleVerb::Trust { role, file } => {
            let body = std::collections::BTreeMap::from([("document", document(&file)?)]);
            let made: RoleView = session.client.put(&format!("{}/trust", one(&role)), &body).await?;
            show(session, &made)?;
        }
        RoleVerb::Delete { role } => {
            let () = session.client.delete(&one(&role)).await?;
            done(session, "deleted")?;
        }
        RoleVerb::Assign { role, to, condition, from, until, reason } => {
            let condition = condition.map(|file| document(&file)).transpose()?;
            let terms = Terms { condition, not_before: from, not_after: until, reason };
            let made: AssignmentView = session.client.put(&assignment(&role, &to), &terms).await?;
            session.output.record(&made, ASSIGNMENTS)?;
        }
        RoleVerb::Unassign { role, to } => {
            let () = session.client.delete(&assignment(&role, &to)).await?;
            done(session, "taken away")?;
        }
        RoleVerb::Coverage => {
            let found: Coverage = session.client.get("/v1/coverage").await?;
            return coverage::print(session, &found);
        }
        RoleVerb::Assignments(part) => {
            let page: Page<AssignmentView> = session.client.get(&format!("/v1/assignments{}", part.query())).await?;
            session.output.listing(&page.items, ASSIGNMENTS)?;
            go_on(page.next)?;
        }
    }
    Ok(Exit::Done)
}

/// `bailey instance-profile`.
///
/// # Errors
/// When the operation fails.
pub async fn profile(session: &mut Session, verb: ProfileVerb) -> anyhow::Result<Exit> {
    let found: ProfileView = match verb {
        ProfileVerb::List { role: Some(role), .. } => {
            let path = format!("{}/instance-profiles", one(&role));
            let profiles: Vec<ProfileView> = session.client.get(&path).await?;
            session.output.listing(&profiles, PROFILES)?;
            return Ok(Exit::Done);
        }
        ProfileVerb::List { role: None, part } => {
            let page: Page<ProfileView> = session.client.get(&format!("/v1/instance-profiles{}", part.query())).await?;
            session.output.listing(&page.items, PROFILES)?;
            go_on(page.next)?;
            return Ok(Exit::Done);
        }
        ProfileVerb::Delete { profile } => {
            let () = session.client.delete(&one_profile(&profile)).await?;
            done(session, "deleted")?;
            return Ok(Exit::Done);
        }
        ProfileVerb::Show { profile } => session.client.get(&one_profile(&profile)).await?,
        ProfileVerb::Create { name, path, tags } => {
            let new = NewProfile { name, path, tags: tags.into_iter().collect() };
            session.client.post("/v1/instance-profiles", &new).await?
        }
        ProfileVerb::AddRole { profile, role } => {
            let path = format!("{}/role/{}", one_profile(&profile), encoded(&role));
            session.client.put(&path, &json!({})).await?
        }
        ProfileVerb::RemoveRole { profile, role } => {
            session.client.delete(&format!("{}/role/{}", one_profile(&profile), encoded(&role))).await?
        }
    };
    session.output.record(&found, PROFILES)?;
    Ok(Exit::Done)
}

fn show(session: &mut Session, role: &RoleView) -> anyhow::Result<()> {
    warn(&role.warnings)?;
    session.output.record(role, RECORD)?;
    if session.output.format() == Format::Json {
        return Ok(());
    }
    if !role.assigned_to.is_empty() {
        session.output.sentence("\nassigned to")?;
        session.output.listing(&role.assigned_to, ASSIGNMENTS)?;
    }
    match &role.trust {
        Some(trust) => {
            session.output.sentence("\ntrust policy")?;
            session.output.line(trust.get())?;
        }
        None if role.assigned_to.is_empty() => {
            session.output.sentence("\nnobody may assume it: assign it, or give it a trust policy")?;
        }
        None => {}
    }
    Ok(())
}

fn one(role: &str) -> String {
    format!("/v1/roles/{}", encoded(role))
}

fn one_profile(profile: &str) -> String {
    format!("/v1/instance-profiles/{}", encoded(profile))
}

fn assignment(role: &str, (kind, who): &(String, String)) -> String {
    format!("{}/assigned/{kind}/{}", one(role), encoded(who))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_role_is_assigned_to_has_a_kind() {
        assert_eq!(member("group/ops"), Ok(("group".to_owned(), "ops".to_owned())));
        assert!(["ops", "team/ops", "user/", "/ops"].iter().all(|text| member(text).is_err()));
    }
}
