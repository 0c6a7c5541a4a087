//! Actions on virtual devices of the second factor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{list, nodes, rest, tags, text, time};
use super::{
    About, Action, Answered, Job, Node, Params, QueryError, changes, fresh, iam, nothing, paged, part, reads, tagging,
    untagging, user_or_self,
};
use crate::admin::iam::access_keys::ROOT;
use crate::admin::iam::mfa::{Codes, DeviceView, NewDevice};
use crate::admin::{Admin, AdminError};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Authorized, Operation as Op};
use crate::model::MemberKind;

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateVirtualMFADevice", Op::CreateVirtualMFADevice, |p, _| fresh(p, "VirtualMFADeviceName"), create),
    iam("DeactivateMFADevice", Op::DeactivateMFADevice, device_of, deactivate),
    iam("DeleteVirtualMFADevice", Op::DeleteVirtualMFADevice, device, |_| {
        changes(|admin, asked| nothing(admin.delete_mfa_device(asked)))
    }),
    iam("EnableMFADevice", Op::EnableMFADevice, device_of, enable),
    iam("GetMFADevice", Op::GetMFADevice, device, get),
    iam("ListMFADevices", Op::ListMFADevices, user_or_self, list_of_user),
    iam("ListMFADeviceTags", Op::ListMFADeviceTags, device, list_tags),
    iam("ListVirtualMFADevices", Op::ListVirtualMFADevices, super::account, list_all),
    iam("ResyncMFADevice", Op::ResyncMFADevice, device_of, resync),
    iam("TagMFADevice", Op::TagMFADevice, tag_about, tag),
    iam("UntagMFADevice", Op::UntagMFADevice, untag_about, untag),
];

/// It is about a device.
fn device(params: &Params, _: &Signed) -> About {
    Ok((params.required("SerialNumber")?.to_owned(), Asking::default()))
}

/// It is about a user and a device.
fn device_of(params: &Params, signed: &Signed) -> About {
    let (about, asking) = user_or_self(params, signed)?;
    let notes = vec![("device", params.required("SerialNumber")?.to_owned())];
    Ok((about, Asking { notes, ..asking }))
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewDevice {
        name: params.required("VirtualMFADeviceName")?.to_owned(),
        path: params.parsed("Path")?.unwrap_or_default(),
        tags: params.tags()?,
    };
    changes(move |admin, asked| {
        let made = admin.create_mfa_device(asked, &new)?;
        // Blobs are base64 once more, whatever is in them: the seed is base 32 and then that.
        let fields = vec![
            text("SerialNumber", &made.device.serial),
            text("Base32StringSeed", STANDARD.encode(made.seed.expose())),
            text("QRCodePNG", STANDARD.encode(made.picture.expose())),
        ];
        Ok(vec![nodes("VirtualMFADevice", fields)])
    })
}

fn codes(params: &Params) -> Result<(String, Codes), QueryError> {
    let serial = params.required("SerialNumber")?.to_owned();
    let codes = Codes { first: params.secret("AuthenticationCode1")?, second: params.secret("AuthenticationCode2")? };
    Ok((serial, codes))
}

fn enable(params: &Params) -> Result<Job, QueryError> {
    let (serial, codes) = codes(params)?;
    changes(move |admin, asked| nothing(admin.enable_mfa_device(asked, &serial, &codes)))
}

fn resync(params: &Params) -> Result<Job, QueryError> {
    let (serial, codes) = codes(params)?;
    changes(move |admin, asked| nothing(admin.resync_mfa_device(asked, &serial, &codes)))
}

fn deactivate(params: &Params) -> Result<Job, QueryError> {
    let serial = params.required("SerialNumber")?.to_owned();
    changes(move |admin, asked| nothing(admin.deactivate_mfa_device(asked, &serial)))
}

fn list_of_user(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let (devices, next) = part(admin.mfa_devices(asked)?, &paging)?;
        paged("MFADevices", &devices, next, |device: &DeviceView| {
            vec![
                text("UserName", device.user.clone().unwrap_or_default()),
                text("SerialNumber", &device.serial),
                time("EnableDate", device.enabled.unwrap_or_default()),
            ]
        })
    })
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let status = params.text("AssignmentStatus").map(str::to_owned);
    reads(move |admin, asked| {
        let page = admin.virtual_mfa_devices(paging.after.as_deref(), paging.limit)?;
        let wanted = |device: &&DeviceView| match status.as_deref() {
            Some("Assigned") => device.user.is_some(),
            Some("Unassigned") => device.user.is_none(),
            _ => true,
        };
        let shown = page.items.iter().filter(wanted).map(|device| fields(admin, asked, device));
        let mut answer = vec![list("VirtualMFADevices", shown.collect::<Result<Vec<_>, _>>()?)];
        answer.extend(rest(page.next));
        Ok(answer)
    })
}

fn fields(admin: &Admin, asked: &Authorized, device: &DeviceView) -> Answered {
    let mut fields = vec![text("SerialNumber", &device.serial)];
    if let Some(user) = &device.user {
        fields.push(nodes("User", holder(admin, asked, user)?));
    }
    fields.extend(device.enabled.map(|since| time("EnableDate", since)));
    if !device.tags.is_empty() {
        fields.push(tags(&device.tags));
    }
    Ok(fields)
}

/// Whoever holds a device, as one user is shown; by name alone where the row is gone.
fn holder(admin: &Admin, asked: &Authorized, user: &str) -> Answered {
    if user == ROOT {
        return super::users::root_fields(admin, asked);
    }
    match admin.listed_called(MemberKind::User, user) {
        Ok(listed) => Ok(super::users::fields(&listed)),
        Err(AdminError::NotFound { .. }) => Ok(vec![text("UserName", user)]),
        Err(error) => Err(error.into()),
    }
}

/// A user who is named has to be the one who holds it.
fn get(params: &Params) -> Result<Job, QueryError> {
    let user = params.text("UserName").map(str::to_owned);
    reads(move |admin, asked| {
        let device = admin.mfa_device(asked)?;
        let theirs = |user: &String| device.user.as_ref().is_some_and(|held| held.eq_ignore_ascii_case(user));
        if let Some(user) = user.filter(|user| !theirs(user)) {
            let user = crate::base::text::printable_within(&user, 64).into_owned();
            return Err(QueryError::new(404, "NoSuchEntity", format!("there is no such device of `{user}`")));
        }
        let mut fields: Vec<Node> = device.user.iter().map(|user| text("UserName", user)).collect();
        fields.push(text("SerialNumber", &device.serial));
        fields.extend(device.enabled.map(|since| time("EnableDate", since)));
        Ok(fields)
    })
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("SerialNumber")?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("SerialNumber")?.to_owned(), untagging(params)?))
}

fn list_tags(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| super::holders::tag_page(admin.mfa_device(asked)?.tags, &paging))
}

fn tag(params: &Params) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag_mfa_device(asked, &tags)))
}

fn untag(params: &Params) -> Result<Job, QueryError> {
    let keys = params.parsed_list("TagKeys")?;
    changes(move |admin, asked| nothing(admin.untag_mfa_device(asked, &keys)))
}
