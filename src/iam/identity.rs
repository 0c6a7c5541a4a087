//! Who one is: the one action of STS that needs no permission.

use super::answer::text;
use super::{About, Action, Params, reads};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] = &[Action {
    name: "GetCallerIdentity",
    service: "sts",
    operation: Op::GetCallerIdentity,
    about: nothing_in_particular,
    job: |_| {
        reads(|admin, asked| {
            let signed = asked.caller().signed();
            let (id, arn) = signed.map(|signed| (signed.unique_id(), signed.arn().to_string())).unwrap_or_default();
            Ok(vec![text("UserId", id), text("Account", admin.account.to_string()), text("Arn", arn)])
        })
    },
}];

fn nothing_in_particular(_: &Params, _: &Signed) -> About {
    Ok((String::new(), Asking::default()))
}
