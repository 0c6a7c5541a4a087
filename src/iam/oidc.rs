//! Actions on OpenID Connect providers. They describe them: nobody is signed in by one yet.

use super::answer::{list, tags, text, texts, time};
use super::{About, Action, Job, Params, QueryError, changes, iam, nothing, reads, tagging, untagging};
use crate::admin::AdminError;
use crate::admin::iam::providers::oidc::NewOidcProvider;
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::model::Issuer;
use crate::model::oidc_provider::ClientId;

pub(super) const ACTIONS: &[Action] = &[
    iam("AddClientIDToOpenIDConnectProvider", Op::AddClientIDToOpenIDConnectProvider, client_of, add_client),
    iam("CreateOpenIDConnectProvider", Op::CreateOpenIDConnectProvider, fresh, create),
    iam("DeleteOpenIDConnectProvider", Op::DeleteOpenIDConnectProvider, provider, delete),
    iam("GetOpenIDConnectProvider", Op::GetOpenIDConnectProvider, provider, get),
    iam("ListOpenIDConnectProviders", Op::ListOpenIDConnectProviders, super::account, list_all),
    iam("ListOpenIDConnectProviderTags", Op::ListOpenIDConnectProviderTags, provider, list_tags),
    iam(
        "RemoveClientIDFromOpenIDConnectProvider",
        Op::RemoveClientIDFromOpenIDConnectProvider,
        client_of,
        remove_client,
    ),
    iam("TagOpenIDConnectProvider", Op::TagOpenIDConnectProvider, tag_about, tag),
    iam("UntagOpenIDConnectProvider", Op::UntagOpenIDConnectProvider, untag_about, untag),
    iam(
        "UpdateOpenIDConnectProviderThumbprint",
        Op::UpdateOpenIDConnectProviderThumbprint,
        provider,
        update_thumbprints,
    ),
];

const ARN: &str = "OpenIDConnectProviderArn";

/// It is about the provider it names.
fn provider(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), Asking::default()))
}

/// It is about a provider and a client.
fn client_of(params: &Params, signed: &Signed) -> About {
    let (about, asking) = provider(params, signed)?;
    let notes = vec![("client", params.required("ClientID")?.to_owned())];
    Ok((about, Asking { notes, ..asking }))
}

/// It is about a new provider, by the spelling that its ARN will have.
fn fresh(params: &Params, _: &Signed) -> About {
    let issuer: Issuer = params.parsed_required("Url")?;
    Ok((issuer.to_string(), tagging(params)?))
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), untagging(params)?))
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewOidcProvider {
        url: params.parsed_required("Url")?,
        clients: params.parsed_list("ClientIDList")?,
        thumbprints: params.parsed_list("ThumbprintList")?,
        tags: params.tags()?,
    };
    changes(move |admin, asked| {
        let made = admin.create_oidc_provider(asked, &new)?;
        let mut answer = vec![text(ARN, &made.arn)];
        if !made.tags.is_empty() {
            answer.push(tags(&made.tags));
        }
        Ok(answer)
    })
}

/// That it is gone already is no fault (IAM API reference, `DeleteOpenIDConnectProvider`).
fn delete(_: &Params) -> Result<Job, QueryError> {
    changes(|admin, asked| match admin.delete_oidc_provider(asked) {
        Err(AdminError::NotFound { .. }) => Ok(Vec::new()),
        done => nothing(done),
    })
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let view = admin.oidc_provider(asked)?;
        Ok(vec![
            text("Url", &view.url),
            texts("ClientIDList", &view.clients),
            texts("ThumbprintList", &view.thumbprints),
            time("CreateDate", view.created),
            tags(&view.tags),
        ])
    })
}

fn list_all(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, _| {
        let found = admin.oidc_providers()?;
        Ok(vec![list("OpenIDConnectProviderList", found.iter().map(|view| vec![text("Arn", &view.arn)]))])
    })
}

fn add_client(params: &Params) -> Result<Job, QueryError> {
    let client: ClientId = params.parsed_required("ClientID")?;
    changes(move |admin, asked| nothing(admin.add_oidc_client(asked, &client)))
}

fn remove_client(params: &Params) -> Result<Job, QueryError> {
    let client: ClientId = params.parsed_required("ClientID")?;
    changes(move |admin, asked| nothing(admin.remove_oidc_client(asked, &client)))
}

fn update_thumbprints(params: &Params) -> Result<Job, QueryError> {
    let thumbprints = params.parsed_list("ThumbprintList")?;
    changes(move |admin, asked| nothing(admin.set_oidc_thumbprints(asked, &thumbprints)))
}

fn list_tags(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| super::holders::tag_page(admin.oidc_provider(asked)?.tags, &paging))
}

fn tag(params: &Params) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag_oidc_provider(asked, &tags)))
}

fn untag(params: &Params) -> Result<Job, QueryError> {
    let keys = params.parsed_list("TagKeys")?;
    changes(move |admin, asked| nothing(admin.untag_oidc_provider(asked, &keys)))
}
