//! Actions on instance profiles.

use super::answer::{list, nodes, tags, text, time};
use super::{
    About, Action, Answered, Job, Node, Params, QueryError, changes, fresh, iam, nothing, paged, part, reads, role,
    tagging, untagging,
};
use crate::admin::Admin;
use crate::admin::iam::profiles::NewProfile;
use crate::admin::iam::views::{ProfileView, RoleView};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] = &[
    iam("AddRoleToInstanceProfile", Op::AddRoleToInstanceProfile, with_role, add_role),
    iam("CreateInstanceProfile", Op::CreateInstanceProfile, |p, _| fresh(p, "InstanceProfileName"), create),
    iam("DeleteInstanceProfile", Op::DeleteInstanceProfile, profile, |_| {
        changes(|admin, asked| nothing(admin.delete_instance_profile(asked)))
    }),
    iam("GetInstanceProfile", Op::GetInstanceProfile, profile, get),
    iam("ListInstanceProfiles", Op::ListInstanceProfiles, super::account, list_all),
    iam("ListInstanceProfilesForRole", Op::ListInstanceProfilesForRole, role, of_role),
    iam("ListInstanceProfileTags", Op::ListInstanceProfileTags, profile, list_tags),
    iam("RemoveRoleFromInstanceProfile", Op::RemoveRoleFromInstanceProfile, with_role, remove_role),
    iam("TagInstanceProfile", Op::TagInstanceProfile, tag_about, tag),
    iam("UntagInstanceProfile", Op::UntagInstanceProfile, untag_about, untag),
];

/// It is about an instance profile.
fn profile(params: &Params, _: &Signed) -> About {
    Ok((params.required("InstanceProfileName")?.to_owned(), Asking::default()))
}

/// It is about an instance profile and a role.
fn with_role(params: &Params, signed: &Signed) -> About {
    let (about, asking) = profile(params, signed)?;
    let notes = vec![("role", params.required("RoleName")?.to_owned())];
    Ok((about, Asking { notes, ..asking }))
}

/// A profile as listings show it, with its role.
pub(super) fn fields((view, role): &(ProfileView, Option<RoleView>)) -> Vec<Node> {
    let mut fields = vec![
        text("Path", &view.path),
        text("InstanceProfileName", &view.name),
        text("InstanceProfileId", &view.id),
        text("Arn", &view.arn),
        time("CreateDate", view.created),
        list("Roles", role.iter().map(super::roles::fields)),
    ];
    if !view.tags.is_empty() {
        fields.push(tags(&view.tags));
    }
    fields
}

fn with_its_role(admin: &Admin, view: ProfileView) -> Result<(ProfileView, Option<RoleView>), QueryError> {
    let role = view.role.as_ref().map(|role| admin.role_called(role)).transpose()?;
    Ok((view, role))
}

fn shown(admin: &Admin, view: ProfileView) -> Answered {
    Ok(vec![nodes("InstanceProfile", fields(&with_its_role(admin, view)?))])
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewProfile {
        name: params.parsed_required("InstanceProfileName")?,
        path: params.parsed("Path")?.unwrap_or_default(),
        tags: params.tags()?,
    };
    changes(move |admin, asked| shown(admin, admin.create_instance_profile(asked, &new)?))
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| shown(admin, admin.instance_profile(asked)?))
}

fn add_role(params: &Params) -> Result<Job, QueryError> {
    let role = params.required("RoleName")?.to_owned();
    changes(move |admin, asked| nothing(admin.add_role_to_profile(asked, &role)))
}

fn remove_role(params: &Params) -> Result<Job, QueryError> {
    let role = params.required("RoleName")?.to_owned();
    changes(move |admin, asked| nothing(admin.remove_role_from_profile(asked, &role)))
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let path = params.text("PathPrefix").unwrap_or("/").to_owned();
    reads(move |admin, _| {
        let page = admin.instance_profiles(paging.after.as_deref(), paging.limit)?;
        let below = page.items.into_iter().filter(|view| view.path.starts_with(&path));
        let views = below.map(|view| with_its_role(admin, view)).collect::<Result<Vec<_>, _>>()?;
        paged("InstanceProfiles", &views, page.next, fields)
    })
}

fn of_role(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let views = admin.profiles_of_role(asked)?;
        let views = views.into_iter().map(|view| with_its_role(admin, view)).collect::<Result<Vec<_>, _>>()?;
        let (views, next) = part(views, &paging)?;
        paged("InstanceProfiles", &views, next, fields)
    })
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("InstanceProfileName")?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("InstanceProfileName")?.to_owned(), untagging(params)?))
}

fn list_tags(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| super::holders::tag_page(admin.instance_profile(asked)?.tags, &paging))
}

fn tag(params: &Params) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag_instance_profile(asked, &tags)))
}

fn untag(params: &Params) -> Result<Job, QueryError> {
    let keys = params.parsed_list("TagKeys")?;
    changes(move |admin, asked| nothing(admin.untag_instance_profile(asked, &keys)))
}
