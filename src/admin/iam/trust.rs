//! Trust policies: bound to whom they name when they are written, shown with the names of today, and cut to what counts for
//! somebody of an issuer that strangers share.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::AdminError;
use super::find;
use super::views::role_arn;
use crate::authn::federated::{Issuers, WebIdentity};
use crate::model::{AccountId, Accounts, Arn, Holder, Trust};
use crate::policy::{Document, Kind};
use crate::rights::FindError;
use crate::store::{Snapshot, StoreError, iam, rows};

/// Binds a document to whom it names: users and roles of our accounts become their unique ids. Whoever is not there cannot be
/// trusted, as in AWS: a name that somebody gets later would bring the trust with it.
///
/// # Errors
/// When it is no trust policy, it lets strangers in, it names somebody who is not there, or the store cannot be read.
pub(super) fn bind(
    snapshot: &dyn Snapshot,
    accounts: &Accounts,
    issuers: &Issuers,
    text: &str,
) -> Result<Trust, AdminError> {
    let document = Document::parse(text, Kind::Trust)?;
    if let Some(found) = document.lets_strangers_in(|issuer| issuers.is_shared(issuer)).first() {
        let what = format!("statement {} of the policy: {found}; {}", found.statement + 1, found.remedy());
        return Err(AdminError::MalformedPolicy { what });
    }
    let mut bound = BTreeMap::new();
    let document = rewrite(text, |principal| {
        let Some((holder, arn)) = named(snapshot, accounts, principal)? else { return Ok(None) };
        if arn.as_str() != principal {
            return Err(unknown(principal));
        }
        let id = holder.unique_id();
        bound.insert(id.clone(), holder);
        Ok(Some(id.to_string()))
    })?;
    Ok(Trust { document, bound })
}

/// What of a role's trust policy counts for `identity`. Where strangers share its issuer, what trusts that issuer and does not say
/// whose subject is meant counts for nothing, whatever way it got into the store; so whoever decides by a trust policy about
/// somebody of an issuer decides by what this answers.
#[must_use]
pub fn counting_for<'d>(document: &'d Document, issuers: &Issuers, identity: &WebIdentity) -> Cow<'d, Document> {
    if issuers.is_shared(identity.host_path()) {
        return Cow::Owned(document.without_strangers(identity.host_path()));
    }
    Cow::Borrowed(document)
}

/// The document with the ARNs of today. Of somebody deleted the unique id stays, as AWS shows it.
///
/// # Errors
/// When the store cannot be read.
pub fn show(snapshot: &dyn Snapshot, account: &AccountId, trust: &Trust) -> Result<String, AdminError> {
    let ids: BTreeMap<&str, &Holder> = trust.bound.iter().map(|(id, holder)| (id.as_str(), holder)).collect();
    rewrite(&trust.document, |principal| {
        let Some(holder) = ids.get(principal) else { return Ok(None) };
        Ok(arn_of(snapshot, account, holder)?.map(|arn| arn.to_string()))
    })
}

/// The ARN of a holder, if it is still there.
///
/// # Errors
/// When the store cannot be read.
pub fn arn_of(snapshot: &dyn Snapshot, account: &AccountId, holder: &Holder) -> Result<Option<Arn>, StoreError> {
    let member = match holder {
        Holder::Role(id) => return Ok(iam::role(snapshot, id)?.map(|role| role_arn(&role))),
        Holder::User(id) => crate::model::Member::User(*id),
        Holder::Group(id) => crate::model::Member::Group(*id),
    };
    let entity = rows::entity(snapshot, &member)?;
    Ok(entity.map(|(_, entity)| Arn::entity(account, &entity)))
}

/// Whom of our accounts an ARN names, with the ARN as it is spelt; `None` when it names nobody of them.
fn named(snapshot: &dyn Snapshot, accounts: &Accounts, arn: &str) -> Result<Option<(Holder, Arn)>, AdminError> {
    let Some((account, rest)) = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':')) else {
        return Ok(None);
    };
    let ours = account.parse::<AccountId>().is_ok_and(|account| accounts.holds(&account));
    let home = &accounts.home;
    let holder = match rest.split_once('/') {
        Some(("user" | "role", _)) if !ours => return Ok(None),
        Some(("user", _)) => find::holder(snapshot, home, find::HolderKind::User, arn),
        Some(("role", _)) => find::holder(snapshot, home, find::HolderKind::Role, arn),
        // The account itself.
        _ => return Ok(None),
    };
    let holder = holder.map_err(|error| match error {
        FindError::NotFound { .. } => unknown(arn),
        other => other.into(),
    })?;
    Ok(arn_of(snapshot, home, &holder)?.map(|arn| (holder, arn)))
}

fn unknown(principal: &str) -> AdminError {
    AdminError::MalformedPolicy {
        what: format!("invalid principal in policy: there is no `{}`", crate::base::text::printable(principal)),
    }
}

#[derive(Deserialize)]
struct Statements<'a> {
    #[serde(borrow, rename = "Statement")]
    statements: &'a RawValue,
}

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(borrow, rename = "Principal")]
    principal: Option<&'a RawValue>,
}

/// `text` with what `to` answers in the place of each principal under `AWS`; all else stays byte for byte.
fn rewrite(text: &str, mut to: impl FnMut(&str) -> Result<Option<String>, AdminError>) -> Result<String, AdminError> {
    let broken = |error: serde_json::Error| AdminError::MalformedPolicy { what: error.to_string() };
    let Statements { statements } = serde_json::from_str(text).map_err(broken)?;
    let statements: Vec<Statement<'_>> = if statements.get().starts_with('[') {
        serde_json::from_str(statements.get()).map_err(broken)?
    } else {
        vec![serde_json::from_str(statements.get()).map_err(broken)?]
    };
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    for principal in statements.iter().filter_map(|statement| statement.principal) {
        let mut value: Value = serde_json::from_str(principal.get()).map_err(broken)?;
        let mut changed = false;
        if let Some(aws) = value.get_mut("AWS") {
            let each: Vec<&mut Value> = match aws {
                Value::Array(each) => each.iter_mut().collect(),
                one => vec![one],
            };
            for one in each {
                if let Some(replacement) = one.as_str().map(&mut to).transpose()?.flatten() {
                    *one = Value::String(replacement);
                    changed = true;
                }
            }
        }
        // It was borrowed from `text`, and statements come in their order.
        let start = principal.get().as_ptr().addr().saturating_sub(rest.as_ptr().addr());
        let Some((before, behind)) = rest.split_at_checked(start) else { continue };
        let Some(after) = behind.get(principal.get().len()..).filter(|_| changed) else { continue };
        rewritten.push_str(before);
        rewritten.push_str(&value.to_string());
        rest = after;
    }
    rewritten.push_str(rest);
    Ok(rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_replaced_where_they_stand_and_nowhere_else() {
        let text = r#"{ "Statement" : [
            {"Effect":"Allow","Principal":{"AWS":"a"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"x":"a"}}},
            {"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"},
            {"Effect":"Allow","Principal":{"AWS":["b","a"],"Service":"a"},"Action":"sts:AssumeRole"}]}"#;
        let to = |one: &str| Ok((one == "a").then(|| "NEW".to_owned()));
        let expected = text.replace(r#"{"AWS":"a"}"#, r#"{"AWS":"NEW"}"#).replace(r#"["b","a"]"#, r#"["b","NEW"]"#);
        assert_eq!(rewrite(text, to).unwrap(), expected);
        assert_eq!(rewrite(text, |_| Ok(None)).unwrap(), text);
        let single = r#"{"Statement":{"Principal":{"AWS":"\u0061"}}}"#;
        assert_eq!(rewrite(single, to).unwrap(), r#"{"Statement":{"Principal":{"AWS":"NEW"}}}"#);
    }
}
