//! Actions on roles.

use super::answer::{document, nodes, tags, text, time};
use super::{
    About, Action, Job, Node, Params, QueryError, changes, fresh, iam, nothing, paged, reads, role, tagging, untagging,
};
use crate::admin::iam::HolderKind;
use crate::admin::iam::roles::{NewRole, RoleUpdate};
use crate::admin::iam::views::RoleView;
use crate::authn::signed::Signed;
use crate::gate::Operation as Op;
use crate::model::role::SESSION_BOUNDS;

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateRole", Op::CreateRole, |params, _| fresh(params, "RoleName"), create),
    iam("DeleteRole", Op::DeleteRole, role, |_| changes(|admin, asked| nothing(admin.delete_role(asked)))),
    iam("GetRole", Op::GetRole, role, get),
    iam("ListRoles", Op::ListRoles, super::account, list_all),
    iam("ListRoleTags", Op::ListRoleTags, role, |params| super::holders::tags_of(params, HolderKind::Role)),
    iam("TagRole", Op::TagRole, tag_about, |params| super::holders::tag(params, HolderKind::Role)),
    iam("UntagRole", Op::UntagRole, untag_about, |params| super::holders::untag(params, HolderKind::Role)),
    iam("UpdateAssumeRolePolicy", Op::UpdateAssumeRolePolicy, role, update_trust),
    iam("UpdateRole", Op::UpdateRole, role, |params| update(params, false)),
    iam("UpdateRoleDescription", Op::UpdateRole, role, |params| update(params, true)),
];

/// What a role without a trust policy of its own says: those it is assigned to may assume it all the same.
const NOBODY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// A role as listings show it.
pub(super) fn fields(view: &RoleView) -> Vec<Node> {
    let mut fields = vec![
        text("Path", &view.path),
        text("RoleName", &view.name),
        text("RoleId", &view.id),
        text("Arn", &view.arn),
        time("CreateDate", view.created),
        trust(view),
    ];
    if !view.description.is_empty() {
        fields.push(text("Description", &view.description));
    }
    fields.push(text("MaxSessionDuration", view.max_session.to_string()));
    fields
}

/// Who may assume a role.
pub(super) fn trust(view: &RoleView) -> Node {
    document("AssumeRolePolicyDocument", view.trust.as_ref().map_or(NOBODY, |trust| trust.get()))
}

/// What one role shows besides.
fn whole(view: &RoleView) -> Vec<Node> {
    let mut fields = fields(view);
    fields.extend(view.entitlements.boundary.as_deref().map(super::users::boundary));
    if !view.entitlements.tags.is_empty() {
        fields.push(tags(&view.entitlements.tags));
    }
    fields.push(nodes("RoleLastUsed", Vec::new()));
    fields
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewRole {
        name: params.parsed_required("RoleName")?,
        account: None,
        path: params.parsed("Path")?.unwrap_or_default(),
        description: params.text("Description").unwrap_or_default().to_owned(),
        trust: Some(params.document("AssumeRolePolicyDocument")?),
        max_session: params.number("MaxSessionDuration", SESSION_BOUNDS)?,
        privileged: false,
        boundary: params.text("PermissionsBoundary").map(str::to_owned),
        tags: params.tags()?,
    };
    changes(move |admin, asked| Ok(vec![nodes("Role", whole(&admin.create_role(asked, &new)?))]))
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| Ok(vec![nodes("Role", whole(&admin.role(asked)?))]))
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let path = params.text("PathPrefix").unwrap_or("/").to_owned();
    reads(move |admin, _| {
        let (mut after, mut items) = (paging.after.clone(), Vec::new());
        loop {
            let page = admin.roles(None, after.as_deref(), paging.limit)?;
            for role in page.items.into_iter().filter(|role| role.path.starts_with(&path)) {
                if items.len() == paging.limit {
                    let next = items.last().map(|last: &RoleView| last.name.clone());
                    return paged("Roles", &items, next, fields);
                }
                items.push(role);
            }
            after = page.next;
            if after.is_none() {
                return paged("Roles", &items, None, fields);
            }
        }
    })
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("RoleName")?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("RoleName")?.to_owned(), untagging(params)?))
}

fn update_trust(params: &Params) -> Result<Job, QueryError> {
    let document = params.document("PolicyDocument")?;
    changes(move |admin, asked| nothing(admin.update_trust(asked, &document)))
}

fn update(params: &Params, show: bool) -> Result<Job, QueryError> {
    let update = RoleUpdate {
        description: params.text("Description").map(str::to_owned),
        max_session: params.number("MaxSessionDuration", SESSION_BOUNDS)?,
        privileged: None,
    };
    changes(move |admin, asked| {
        let view = admin.update_role(asked, &update)?;
        Ok(if show { vec![nodes("Role", whole(&view))] } else { Vec::new() })
    })
}
