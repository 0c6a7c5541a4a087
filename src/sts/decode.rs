//! `DecodeAuthorizationMessage`: what a refusal rested on, for whoever may read that.

use super::authorization_message::LENGTH;
use super::{Action, Job, Sts, nothing_in_particular, sts};
use crate::gate::Operation as Op;
use crate::query::answer::text;
use crate::query::params::invalid;
use crate::query::{Params, QueryError, reads};

pub(super) const ACTIONS: &[Action] =
    &[sts("DecodeAuthorizationMessage", Op::DecodeAuthorizationMessage, nothing_in_particular, job)];

fn job(params: &Params) -> Result<Job, QueryError> {
    let message = params.required("EncodedMessage")?.to_owned();
    if !LENGTH.contains(&message.len()) {
        let rule = format!("Member must have length less than or equal to {}", LENGTH.end());
        return Err(invalid(None, "encodedMessage", &rule));
    }
    reads(move |sts: &Sts, _| Ok(vec![text("DecodedMessage", sts.opened(&message, sts.admin.now())?)]))
}
