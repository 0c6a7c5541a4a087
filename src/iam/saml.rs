//! Actions on SAML providers, whose assertions `AssumeRoleWithSAML` takes.

use super::answer::{list, tags, text, time};
use super::{About, Action, Job, Params, QueryError, changes, iam, nothing, reads, tagging, untagging};
use crate::admin::iam::providers::encryption::EncryptionChange;
use crate::admin::iam::providers::saml::NewSamlProvider;
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::model::saml_encryption::{Encryption, EncryptionMode, PrivateKeyPem};
use crate::model::saml_provider::Metadata;
use crate::query::params::invalid;

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateSAMLProvider", Op::CreateSAMLProvider, fresh, create),
    iam("DeleteSAMLProvider", Op::DeleteSAMLProvider, provider, |_| {
        changes(|admin, asked| nothing(admin.delete_saml_provider(asked)))
    }),
    iam("GetSAMLProvider", Op::GetSAMLProvider, provider, get),
    iam("ListSAMLProviders", Op::ListSAMLProviders, super::account, list_all),
    iam("ListSAMLProviderTags", Op::ListSAMLProviderTags, provider, list_tags),
    iam("TagSAMLProvider", Op::TagSAMLProvider, tag_about, tag),
    iam("UntagSAMLProvider", Op::UntagSAMLProvider, untag_about, untag),
    iam("UpdateSAMLProvider", Op::UpdateSAMLProvider, provider, update),
];

const ARN: &str = "SAMLProviderArn";

const METADATA: &str = "SAMLMetadataDocument";

/// It is about the provider it names.
fn provider(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), Asking::default()))
}

fn fresh(params: &Params, _: &Signed) -> About {
    Ok((params.required("Name")?.to_owned(), tagging(params)?))
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required(ARN)?.to_owned(), untagging(params)?))
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewSamlProvider {
        name: params.parsed_required("Name")?,
        metadata: Some(params.parsed_required(METADATA)?),
        url: None,
        entity_id: None,
        tags: params.tags()?,
        encryption: mode(params)?,
        private_key: private_key(params)?,
    };
    changes(move |admin, asked| {
        let made = admin.create_saml_provider(asked, new)?;
        let mut answer = vec![text(ARN, &made.arn)];
        if !made.tags.is_empty() {
            answer.push(tags(&made.tags));
        }
        Ok(answer)
    })
}

fn update(params: &Params) -> Result<Job, QueryError> {
    let metadata: Option<Metadata> = params.parsed(METADATA)?;
    let encryption = EncryptionChange {
        encryption: mode(params)?,
        private_key: private_key(params)?,
        remove_private_key: params.parsed("RemovePrivateKey")?,
    };
    changes(move |admin, asked| {
        Ok(vec![text(ARN, admin.update_saml_provider(asked, metadata.as_ref(), &encryption)?.arn)])
    })
}

/// Modes as AWS spells them (IAM API reference, `AssertionEncryptionMode`).
const MODES: [(EncryptionMode, &str); 2] =
    [(EncryptionMode::Required, "Required"), (EncryptionMode::Allowed, "Allowed")];

fn mode(params: &Params) -> Result<Option<EncryptionMode>, QueryError> {
    const NAME: &str = "AssertionEncryptionMode";
    let Some(said) = params.text(NAME) else { return Ok(None) };
    let found = MODES.iter().find(|(_, word)| *word == said).map(|(mode, _)| *mode);
    let no = || invalid(Some(said), NAME, "Member must satisfy enum value set: [Required, Allowed]");
    found.ok_or_else(no).map(Some)
}

/// A private key, of which no error repeats anything.
fn private_key(params: &Params) -> Result<Option<PrivateKeyPem>, QueryError> {
    const NAME: &str = "AddPrivateKey";
    let Some(text) = params.text(NAME) else { return Ok(None) };
    let read = PrivateKeyPem::try_from(text.to_owned());
    read.map(Some).map_err(|error| invalid(None, NAME, &error.to_string()))
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let view = admin.saml_provider(asked)?;
        let mut answer = vec![
            text("SAMLProviderUUID", view.id),
            text(METADATA, view.metadata.unwrap_or_default()),
            time("CreateDate", view.created),
        ];
        answer.extend(view.valid_until.map(|until| time("ValidUntil", until)));
        answer.push(tags(&view.tags));
        if let Some(Encryption { mode, keys }) = view.encryption {
            let word = MODES.iter().find(|(known, _)| *known == mode).map(|(_, word)| *word);
            answer.extend(word.map(|word| text("AssertionEncryptionMode", word)));
            let fields = keys.iter().map(|key| vec![text("KeyId", key.id.as_str()), time("Timestamp", key.added)]);
            answer.push(list("PrivateKeyList", fields));
        }
        Ok(answer)
    })
}

fn list_all(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, _| {
        let found = admin.saml_providers()?;
        let fields = found.iter().map(|view| {
            let until = view.valid_until.map(|until| time("ValidUntil", until));
            [text("Arn", &view.arn), time("CreateDate", view.created)].into_iter().chain(until).collect()
        });
        Ok(vec![list("SAMLProviderList", fields)])
    })
}

fn list_tags(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| super::holders::tag_page(admin.saml_provider(asked)?.tags, &paging))
}

fn tag(params: &Params) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag_saml_provider(asked, &tags)))
}

fn untag(params: &Params) -> Result<Job, QueryError> {
    let keys = params.parsed_list("TagKeys")?;
    changes(move |admin, asked| nothing(admin.untag_saml_provider(asked, &keys)))
}
