//! Actions on managed policies and their versions.

use super::answer::{document, flag, list, nodes, rest, tags, text, time};
use super::{
    About, Action, Answered, Job, Node, Paging, Params, QueryError, changes, fresh, iam, nothing, paged, part, policy,
    reads, tagging, untagging,
};
use crate::admin::Admin;
use crate::admin::iam::policies::{NewPolicy, NewVersion, Usage};
use crate::admin::iam::views::{HolderView, PolicyView};
use crate::authn::signed::Signed;
use crate::gate::Operation as Op;

pub(super) const ACTIONS: &[Action] = &[
    iam("CreatePolicy", Op::CreatePolicy, |params, _| fresh(params, "PolicyName"), create),
    iam("CreatePolicyVersion", Op::CreatePolicyVersion, policy, create_version),
    iam("DeletePolicy", Op::DeletePolicy, policy, |_| changes(|admin, asked| nothing(admin.delete_policy(asked)))),
    iam("DeletePolicyVersion", Op::DeletePolicyVersion, policy, delete_version),
    iam("GetPolicy", Op::GetPolicy, policy, get),
    iam("GetPolicyVersion", Op::GetPolicyVersion, policy, get_version),
    iam("ListEntitiesForPolicy", Op::ListEntitiesForPolicy, policy, holders),
    iam("ListPolicies", Op::ListPolicies, super::account, list_all),
    iam("ListPolicyTags", Op::ListPolicyTags, policy, list_tags),
    iam("ListPolicyVersions", Op::ListPolicyVersions, policy, versions),
    iam("SetDefaultPolicyVersion", Op::SetDefaultPolicyVersion, policy, set_default),
    iam("TagPolicy", Op::TagPolicy, tag_about, tag),
    iam("UntagPolicy", Op::UntagPolicy, untag_about, untag),
];

/// Most holders that one answer tells of.
const MOST_HOLDERS: usize = 10_000;

/// A policy as listings show it.
pub(super) fn fields((view, usage): &(PolicyView, Usage)) -> Vec<Node> {
    let mut fields = vec![
        text("PolicyName", &view.name),
        text("PolicyId", &view.id),
        text("Arn", &view.arn),
        text("Path", &view.path),
        text("DefaultVersionId", format!("v{}", view.default_version)),
        text("AttachmentCount", usage.attached.to_string()),
        text("PermissionsBoundaryUsageCount", usage.boundaries.to_string()),
        flag("IsAttachable", true),
    ];
    if !view.description.is_empty() {
        fields.push(text("Description", &view.description));
    }
    fields.extend([time("CreateDate", view.created), time("UpdateDate", view.updated)]);
    fields
}

fn whole(shown: &(PolicyView, Usage)) -> Vec<Node> {
    let mut fields = fields(shown);
    if !shown.0.tags.is_empty() {
        fields.push(tags(&shown.0.tags));
    }
    fields
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewPolicy {
        name: params.parsed_required("PolicyName")?,
        path: params.parsed("Path")?.unwrap_or_default(),
        description: params.text("Description").unwrap_or_default().to_owned(),
        document: params.document("PolicyDocument")?,
        tags: params.tags()?,
    };
    // Nobody holds it yet.
    changes(move |admin, asked| {
        Ok(vec![nodes("Policy", whole(&(admin.create_policy(asked, &new)?, Usage::default())))])
    })
}

fn create_version(params: &Params) -> Result<Job, QueryError> {
    let new = NewVersion {
        document: params.document("PolicyDocument")?,
        set_as_default: params.flag("SetAsDefault")?.unwrap_or(false),
    };
    changes(move |admin, asked| {
        let view = admin.create_policy_version(asked, &new)?;
        let number = view.versions.keys().next_back().copied().unwrap_or_default();
        Ok(vec![nodes("PolicyVersion", version(&view, number))])
    })
}

fn version(view: &PolicyView, number: u32) -> Vec<Node> {
    let mut fields =
        vec![text("VersionId", format!("v{number}")), flag("IsDefaultVersion", view.default_version == number)];
    fields.extend(view.versions.get(&number).map(|made| time("CreateDate", *made)));
    fields
}

/// `v3`, as 3.
fn number(params: &Params) -> Result<u32, QueryError> {
    let written = params.required("VersionId")?;
    let number = written.strip_prefix('v').and_then(|number| number.parse().ok());
    number.ok_or_else(|| super::params::invalid(Some(written), "VersionId", "Member must be v and a number"))
}

fn delete_version(params: &Params) -> Result<Job, QueryError> {
    let number = number(params)?;
    changes(move |admin, asked| nothing(admin.delete_policy_version(asked, number)))
}

fn set_default(params: &Params) -> Result<Job, QueryError> {
    let number = number(params)?;
    changes(move |admin, asked| nothing(admin.set_default_policy_version(asked, number)))
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let view = admin.policy(asked)?;
        let usage = admin.policy_usage(&view.arn)?;
        Ok(vec![nodes("Policy", whole(&(view, usage)))])
    })
}

fn get_version(params: &Params) -> Result<Job, QueryError> {
    let number = number(params)?;
    reads(move |admin, asked| {
        let view = admin.policy_version(asked, number)?;
        let fields = vec![
            document("Document", view.document.get()),
            text("VersionId", format!("v{number}")),
            flag("IsDefaultVersion", view.is_default),
            time("CreateDate", view.created),
        ];
        Ok(vec![nodes("PolicyVersion", fields)])
    })
}

fn versions(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let view = admin.policy(asked)?;
        let (numbers, next) = part(view.versions.keys().rev().copied().collect(), &paging)?;
        let mut answer = vec![list("Versions", numbers.iter().map(|number| version(&view, *number)))];
        answer.extend(rest(next));
        Ok(answer)
    })
}

/// Which policies a listing is of.
struct Which {
    own: bool,
    templates: bool,
    only_attached: bool,
    /// `PermissionsPolicy` or `PermissionsBoundary`: only what is used as such.
    used_as: Option<String>,
    path: String,
}

impl Which {
    fn wants(&self, usage: Usage) -> bool {
        let used = match self.used_as.as_deref() {
            Some("PermissionsBoundary") => usage.boundaries > 0,
            Some(_) => usage.attached > 0,
            None => true,
        };
        used && (!self.only_attached || usage != Usage::default())
    }
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let scope = params.text("Scope").unwrap_or("All");
    if !["All", "AWS", "Local"].contains(&scope) {
        return Err(super::params::invalid(
            Some(scope),
            "Scope",
            "Member must satisfy enum value set: [All, AWS, Local]",
        ));
    }
    let which = Which {
        own: scope != "AWS",
        templates: scope != "Local",
        only_attached: params.flag("OnlyAttached")?.unwrap_or(false),
        used_as: params.text("PolicyUsageFilter").map(str::to_owned),
        path: params.text("PathPrefix").unwrap_or("/").to_owned(),
    };
    reads(move |admin, _| listed(admin, &which, &paging))
}

/// Templates first, then the account's own, each by name; the marker says which of the two, and behind which.
fn listed(admin: &Admin, which: &Which, paging: &Paging) -> Answered {
    let after = paging.after.as_deref().map(|after| after.split_once('/').unwrap_or(("own", after)));
    let kinds = [("templates", which.templates, true), ("own", which.own, false)];
    let mut items: Vec<(&str, (PolicyView, Usage))> = Vec::new();
    for (word, wanted, templates) in kinds {
        if !wanted {
            continue;
        }
        let mut behind = match after {
            Some((at, name)) if at == word => Some(name.to_owned()),
            Some(("own", _)) if templates => continue,
            _ => None,
        };
        loop {
            let page = admin.policies(templates, behind.as_deref(), paging.limit)?;
            for policy in page.items.into_iter().filter(|policy| policy.path.starts_with(&which.path)) {
                let usage = admin.policy_usage(&policy.arn)?;
                if !which.wants(usage) {
                    continue;
                }
                if items.len() == paging.limit {
                    let next = items.last().map(|(word, (last, _))| format!("{word}/{}", last.name));
                    let views: Vec<_> = items.into_iter().map(|(_, view)| view).collect();
                    return paged("Policies", &views, next, fields);
                }
                items.push((word, (policy, usage)));
            }
            behind = page.next;
            if behind.is_none() {
                break;
            }
        }
    }
    let views: Vec<_> = items.into_iter().map(|(_, view)| view).collect();
    paged("Policies", &views, None, fields)
}

fn holders(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let filter = params.text("EntityFilter").map(str::to_owned);
    let usage = params.text("PolicyUsageFilter").map(str::to_owned);
    reads(move |admin, asked| {
        let mut holders = admin.policy_holders(asked, MOST_HOLDERS)?;
        holders.retain(|holder| match usage.as_deref() {
            Some("PermissionsBoundary") => holder.boundary,
            Some("PermissionsPolicy") => holder.attached,
            _ => true,
        });
        holders.retain(|holder| filter.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&holder.kind)));
        let (holders, next) = part(holders, &paging)?;
        let of = |kind: &str, list_name, name: &'static str, id: &'static str| {
            let held = holders.iter().filter(|holder| holder.kind == kind);
            list(list_name, held.map(|holder: &HolderView| vec![text(name, &holder.name), text(id, &holder.unique_id)]))
        };
        let mut answer = vec![
            of("group", "PolicyGroups", "GroupName", "GroupId"),
            of("user", "PolicyUsers", "UserName", "UserId"),
            of("role", "PolicyRoles", "RoleName", "RoleId"),
        ];
        answer.extend(rest(next));
        Ok(answer)
    })
}

fn list_tags(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| super::holders::tag_page(admin.policy(asked)?.tags, &paging))
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("PolicyArn")?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("PolicyArn")?.to_owned(), untagging(params)?))
}

fn tag(params: &Params) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag_policy(asked, &tags)))
}

fn untag(params: &Params) -> Result<Job, QueryError> {
    let keys: Vec<String> = params.list("TagKeys")?.into_iter().map(str::to_owned).collect();
    changes(move |admin, asked| nothing(admin.untag_policy(asked, &keys)))
}
