//! Everything at once: `GetAccountAuthorizationDetails`.

use std::collections::BTreeSet;

use super::answer::{document, flag, list, nodes, rest, tags, text, texts, time};
use super::params::invalid;
use super::{Action, Job, Node, Params, QueryError, iam, reads};
use crate::admin::iam::details::{Detail, Sort};
use crate::admin::iam::views::{EntitlementsView, ProfileView, RoleView, VersionView};
use crate::gate::Operation as Op;

pub(super) const ACTIONS: &[Action] =
    &[iam("GetAccountAuthorizationDetails", Op::GetAccountAuthorizationDetails, super::account, get)];

fn get(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let mut wanted = BTreeSet::new();
    for word in params.list("Filter")? {
        let sort = Sort::ALL.into_iter().find(|sort| sort.word() == word);
        wanted.insert(sort.ok_or_else(|| {
            let words = Sort::ALL.map(Sort::word).join(", ");
            invalid(Some(word), "Filter", &format!("Member must satisfy enum value set: [{words}]"))
        })?);
    }
    if wanted.is_empty() {
        wanted.extend(Sort::ALL);
    }
    let after = paging.after.as_deref().map(marked).transpose()?;
    reads(move |admin, asked| {
        let page = admin.details(asked, &wanted, after.as_ref(), paging.limit)?;
        let of = |name, fields: fn(&Detail) -> Option<Vec<Node>>| list(name, page.items.iter().filter_map(fields));
        let mut answer = vec![
            of("UserDetailList", user),
            of("GroupDetailList", group),
            of("RoleDetailList", role),
            of("Policies", policy),
        ];
        answer.extend(rest(page.next.map(|(sort, name)| format!("{}/{name}", sort.word()))));
        Ok(answer)
    })
}

/// A marker: the sort, and the name to go on behind.
fn marked(marker: &str) -> Result<(Sort, String), QueryError> {
    let found = marker.split_once('/').and_then(|(word, name)| {
        let sort = Sort::ALL.into_iter().find(|sort| sort.word() == word)?;
        Some((sort, name.to_owned()))
    });
    found.ok_or_else(|| invalid(Some(marker), "Marker", "Marker is not valid"))
}

fn user(detail: &Detail) -> Option<Vec<Node>> {
    let Detail::User(listed, held, groups) = detail else { return None };
    let mut fields = vec![
        text("Path", listed.path.as_str()),
        text("UserName", &listed.name),
        text("UserId", &listed.id),
        text("Arn", &listed.arn),
        time("CreateDate", listed.created),
        inline("UserPolicyList", held),
        texts("GroupList", groups),
        attached(held),
    ];
    fields.extend(bounds_and_tags(held));
    Some(fields)
}

fn group(detail: &Detail) -> Option<Vec<Node>> {
    let Detail::Group(listed, held) = detail else { return None };
    let mut fields = super::groups::fields(listed);
    fields.extend([inline("GroupPolicyList", held), attached(held)]);
    Some(fields)
}

fn role(detail: &Detail) -> Option<Vec<Node>> {
    let Detail::Role(view, profiles) = detail else { return None };
    let profile = |profile: &ProfileView| {
        let with_its_role: (ProfileView, Option<RoleView>) = (profile.clone(), Some((**view).clone()));
        super::profiles::fields(&with_its_role)
    };
    let mut fields = vec![
        text("Path", &view.path),
        text("RoleName", &view.name),
        text("RoleId", &view.id),
        text("Arn", &view.arn),
        time("CreateDate", view.created),
        super::roles::trust(view),
        list("InstanceProfileList", profiles.iter().map(profile)),
        inline("RolePolicyList", &view.entitlements),
        attached(&view.entitlements),
    ];
    fields.extend(bounds_and_tags(&view.entitlements));
    fields.push(nodes("RoleLastUsed", Vec::new()));
    Some(fields)
}

fn policy(detail: &Detail) -> Option<Vec<Node>> {
    let Detail::Policy(shown, versions) = detail else { return None };
    let mut fields = super::policies::fields(shown);
    fields.push(list("PolicyVersionList", versions.iter().map(version)));
    Some(fields)
}

fn version(view: &VersionView) -> Vec<Node> {
    vec![
        document("Document", view.document.get()),
        text("VersionId", format!("v{}", view.version)),
        flag("IsDefaultVersion", view.is_default),
        time("CreateDate", view.created),
    ]
}

fn inline(name: &'static str, held: &EntitlementsView) -> Node {
    let one = held.inline.iter();
    list(name, one.map(|(name, policy)| vec![text("PolicyName", name), document("PolicyDocument", policy.get())]))
}

fn attached(held: &EntitlementsView) -> Node {
    list("AttachedManagedPolicies", held.attached.iter().map(|arn| super::holders::attached_policy(arn)))
}

fn bounds_and_tags(held: &EntitlementsView) -> Vec<Node> {
    let mut fields: Vec<Node> = held.boundary.as_deref().map(super::users::boundary).into_iter().collect();
    fields.push(tags(&held.tags));
    fields
}
