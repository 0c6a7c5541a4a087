//! The STS Query API: names, parameters and results of its actions, as unmodified AWS command lines and SDKs speak it.
//!
//! Each action reads its parameters, is decided by the gate, and has `issue` begin a session. Owns no rule of who may, and
//! none of how long: it says what was asked for in the words that conditions know, and what came of it in those that clients
//! know.
//!
//! ```text
//!  form --params--> what is asked for, as condition keys --gate--> yes, and by which way --issue--> credentials --http--> XML
//! ```

mod assume_role;
mod assume_root;
pub mod authorization_message;
mod decode;
mod error;
pub mod exchange;
mod federation;
mod identity;
mod machine;
mod own;
pub mod role_token;
mod saml;
mod templates;
mod ticket;
pub mod unsigned;
mod wanted;
mod web_token;

use crate::admin::Admin;
use crate::authn::signed::Signed;
use crate::gate::{Asking, Authorized, Operation};
pub use crate::issue::Mint;
pub use crate::issue::token::{Sort, WantedToken};
use crate::issue::{Minted, Wanted};
use crate::query::answer::{nodes, text, time};
use crate::query::{self, About, Answered, Node, Params, QueryError};

/// What the actions work with; clones share it.
#[derive(Clone)]
pub struct Sts {
    /// All operations on the model.
    pub admin: Admin,
    /// Begins sessions.
    pub mint: Mint,
}

/// An action of this API.
pub type Action = query::Action<Sts>;

/// A job of this API.
pub type Job = query::Job<Sts>;

/// The tables of all files.
const TABLES: &[&[Action]] = &[
    assume_role::ACTIONS,
    assume_root::ACTIONS,
    decode::ACTIONS,
    federation::ACTIONS,
    identity::ACTIONS,
    own::ACTIONS,
    web_token::ACTIONS,
];

/// All actions.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The action of this name.
#[must_use]
pub fn action(name: &str) -> Option<&'static Action> {
    actions().find(|action| action.name == name)
}

/// An action of STS.
const fn sts(
    name: &'static str,
    operation: Operation,
    about: fn(&Params, &Signed) -> About,
    job: fn(&Params) -> Result<Job, QueryError>,
) -> Action {
    Action { name, service: "sts", operation, about, job }
}

/// It is about nothing in particular.
fn nothing_in_particular(_: &Params, _: &Signed) -> About {
    Ok((String::new(), Asking::default()))
}

/// A job that begins a session; `answer` says what came of it.
fn begins(
    wanted: impl FnOnce(&Authorized) -> Result<Wanted, QueryError> + Send + 'static,
    answer: impl FnOnce(&Minted) -> Vec<Node> + Send + 'static,
) -> Result<Job, QueryError> {
    query::changes(move |sts: &Sts, asked: Authorized| {
        let now = sts.admin.now();
        let wanted = match wanted(&asked) {
            Ok(wanted) => wanted,
            Err(error) => {
                asked.complete(&crate::audit::Outcome::failed(error.code, &error.message), now);
                return Err(error);
            }
        };
        let minted = sts.mint.begin(asked, &wanted, now)?;
        let mut pieces = vec![credentials(&minted)];
        pieces.extend(answer(&minted));
        Answered::Ok(pieces)
    })
}

/// What a client signs with from now on.
fn credentials(minted: &Minted) -> Node {
    nodes(
        "Credentials",
        vec![
            text("AccessKeyId", minted.session.key().to_string()),
            text("SecretAccessKey", minted.secrets.secret.expose().clone()),
            text("SessionToken", minted.secrets.token.expose().clone()),
            time("Expiration", minted.session.expires),
        ],
    )
}
