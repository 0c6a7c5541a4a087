//! Trying a sign-in from this machine: what an operator does when somebody cannot sign in.

use serde::{Deserialize, Serialize};

use crate::audit::Outcome;
use crate::authn::Caller;
use crate::authn::login::{Attempt, Logins, Refused};
use crate::authn::signed::RequestSource;
use crate::base::{Clock, Secret};
use crate::gate::{Authorized, Gate};

/// How a sign-in ended, with more than the person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedLogin {
    /// Whether it would have let them in.
    pub signed_in: bool,
    /// `success`, or why not, as records have it.
    pub outcome: String,
    /// The user it was about, if that was found out: the name, or the id of somebody who is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// By what (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// What exactly the matter was, with the words of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the person is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// Signs the name that `asked` is about in, and lets it rest at that. It counts and is recorded as any sign-in: somebody
/// else's wrong password is a wrong one here, too.
pub async fn try_login(
    (gate, logins): (&Gate, &Logins),
    asked: Authorized,
    password: Secret<String>,
    code: Option<Secret<String>>,
    clock: &dyn Clock,
) -> TriedLogin {
    let attempt = Attempt { login: asked.resource().to_owned(), password, code, from: RequestSource::default() };
    let about = vec![("tried_by", asked.actor().to_string())];
    let tried = TriedLogin::of(&gate.sign_in(logins, attempt, about, asked.at()).await);
    let (outcome, now) = (Outcome::success().with("outcome", tried.outcome.as_str()), clock.now());
    let completed = tokio::task::spawn_blocking(move || asked.complete(&outcome, now));
    if let Err(ended) = completed.await {
        tracing::error!(%ended, "the end of a try could not be recorded");
    }
    tried
}

impl TriedLogin {
    fn of(tried: &Result<Caller, Refused>) -> Self {
        match tried {
            Ok(caller) => {
                let bound = caller.bound();
                Self {
                    signed_in: true,
                    outcome: "success".to_owned(),
                    user: bound.map(|bound| bound.user().name.to_string()),
                    amr: bound.map(|bound| bound.amr().iter().map(|by| (*by).to_owned()).collect()).unwrap_or_default(),
                    detail: None,
                    told: None,
                }
            }
            Err(refused) => Self {
                signed_in: false,
                outcome: refused.reason.code().to_owned(),
                user: refused.who.as_ref().map(|(id, name)| name.clone().unwrap_or_else(|| id.to_string())),
                amr: Vec::new(),
                detail: Some(refused.detail.clone()),
                told: Some(refused.to_string()),
            },
        }
    }
}
