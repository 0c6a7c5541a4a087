//! `GetWebIdentityToken`: who one is, said to somebody outside who believes our signature.

use std::collections::BTreeMap;

use super::role_token::asking;
use super::{Action, Job, sts, wanted as shared};
use crate::authn::signed::Signed;
use crate::gate::Operation as Op;
use crate::issue::token::{BOUNDS, MOST_AUDIENCES, Sort, USUAL_IDENTITY, WantedToken};
use crate::keys::Algorithm;
use crate::query::answer::{text, time};
use crate::query::params::invalid;
use crate::query::{self, About, Params, QueryError};
use crate::sts::Sts;

pub(super) const ACTIONS: &[Action] = &[sts("GetWebIdentityToken", Op::GetWebIdentityToken, about, job)];

fn about(params: &Params, _: &Signed) -> About {
    let wanted = wanted(params)?;
    Ok((String::new(), asking(&wanted)))
}

fn wanted(params: &Params) -> Result<WantedToken, QueryError> {
    let audience: Vec<String> = params.list("Audience")?.into_iter().map(str::to_owned).collect();
    if audience.is_empty() || audience.len() > MOST_AUDIENCES {
        return Err(invalid(None, "audience", &format!("Member must have 1 to {MOST_AUDIENCES} members")));
    }
    let tags: BTreeMap<String, String> = shared::asked_tags(params)?.tags;
    Ok(WantedToken {
        sort: Sort::Identity,
        audience,
        algorithm: algorithm(params.required("SigningAlgorithm")?)?,
        seconds: Some(params.number("DurationSeconds", BOUNDS)?.unwrap_or(USUAL_IDENTITY)),
        tags,
    })
}

/// AWS signs by RS256 and ES384; of elliptic curves ours is the one that more verifiers know.
fn algorithm(text: &str) -> Result<Algorithm, QueryError> {
    match text {
        "RS256" => Ok(Algorithm::Rs256),
        "ES256" => Ok(Algorithm::Es256),
        other => {
            Err(invalid(Some(other), "signingAlgorithm", "Member must be RS256 or ES256: no other is signed by here"))
        }
    }
}

fn job(params: &Params) -> Result<Job, QueryError> {
    let wanted = wanted(params)?;
    query::changes(move |sts: &Sts, asked| {
        let minted = sts.token(asked, &wanted)?;
        Ok(vec![text("WebIdentityToken", minted.token.expose().clone()), time("Expiration", minted.expires)])
    })
}
