//! `GetSessionToken`: a session of one's own, mostly to show a second factor once and not with every request.

use super::{Action, begins, nothing_in_particular, sts};
use crate::gate::Operation as Op;
use crate::issue::{Inherited, LONGEST_OWN, SHORTEST, Wanted, What};

pub(super) const ACTIONS: &[Action] = &[sts("GetSessionToken", Op::GetSessionToken, nothing_in_particular, |params| {
    let seconds = params.number("DurationSeconds", SHORTEST..=LONGEST_OWN)?;
    begins(
        move |_| {
            let (policy, policies) = (None, Vec::new());
            Ok(Wanted { what: What::Oneself, seconds, inherited: Inherited::default(), policy, policies })
        },
        |_| Vec::new(),
    )
})];
