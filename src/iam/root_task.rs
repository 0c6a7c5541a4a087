//! What root of another account is told of itself, in a session of `AssumeRoot`: that account has no root user here, so there are
//! no credentials.
//!
//! A table of its own, so that no operation on the home account is ever asked in such a session: what is ordinary here answers of
//! the home account.

use super::answer::{flag, list, nodes, text};
use super::{About, Action, Params, QueryError, iam, reads};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::model::Arn;

pub(super) const ACTIONS: &[Action] = &[
    iam("GetLoginProfile", Op::GetLoginProfile, own_root, |_| {
        reads(|_, asked| {
            let message = format!("there is no password of `{}`: the account has no root user here", asked.resource());
            Err(QueryError::new(404, "NoSuchEntity", message))
        })
    }),
    iam("GetUser", Op::GetUser, own_root, |_| {
        reads(|_, asked| {
            let account = asked.caller().signed().map(|signed| signed.account().to_string()).unwrap_or_default();
            Ok(vec![nodes("User", vec![text("UserId", account), text("Arn", asked.resource())])])
        })
    }),
    iam("ListAccessKeys", Op::ListAccessKeys, own_root, |_| {
        reads(|_, _| Ok(vec![list("AccessKeyMetadata", []), flag("IsTruncated", false)]))
    }),
    iam("ListMFADevices", Op::ListMFADevices, own_root, |_| {
        reads(|_, _| Ok(vec![list("MFADevices", []), flag("IsTruncated", false)]))
    }),
];

/// It is about root itself, or about somebody of whom the gate says no.
fn own_root(params: &Params, signed: &Signed) -> About {
    let own = || Arn::root(signed.account()).to_string();
    Ok((params.text("UserName").map_or_else(own, str::to_owned), Asking::default()))
}
