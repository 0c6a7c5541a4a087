//! What has to be set up in AWS so that people get in: the provider, roles that trust it, and the commands for both.
//!
//! AWS decides by the trust policy of each role alone; so it names us by ARN, and holds what we send to the one address that it is
//! meant for (`SAML:aud`, IAM User Guide, "Creating a role for SAML 2.0 federation").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::idp::{Idp, OFF};
use crate::admin::{Admin, AdminError};
use crate::model::saml_sp::AwsProvider;
use crate::model::{AccountId, Role, SamlSp};
use crate::store::iam;

/// Roles read at a time.
const PAGE: usize = 1_000;

/// What has to be set up in one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsSetup {
    /// The account.
    pub account: AccountId,
    /// What we are called there.
    pub provider: AwsProvider,
    /// What each role has to trust.
    pub trust_policy: Value,
    /// Commands of the AWS CLI, with credentials of an administrator of that account.
    pub commands: Vec<String>,
}

impl Admin {
    /// What has to be set up in each account of AWS that `sp` is for. `us` is what AWS has to be told of us. Blocks.
    ///
    /// # Errors
    /// When it is not AWS, single sign-on is off, or the store cannot be read.
    pub fn aws_setup(&self, sp: &SamlSp, us: Option<&Idp>) -> Result<Vec<AwsSetup>, AdminError> {
        let aws = sp.aws.as_ref().ok_or_else(|| AdminError::NotNow {
            what: format!("`{}` is not AWS", sp.name),
            remedy: "name providers by --aws-provider arn:aws:iam::ACCOUNT:saml-provider/NAME".to_owned(),
        })?;
        let us = us.ok_or_else(|| AdminError::NotNow {
            what: "there is no metadata that AWS could be given".to_owned(),
            remedy: OFF.to_owned(),
        })?;
        let mut roles = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.read(|snapshot| iam::all_roles(snapshot, after.as_ref(), PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            roles.extend(page.into_iter().filter(|role| aws.providers.contains_key(&role.account)));
        }
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        let of = |provider: &AwsProvider| {
            let own: Vec<&Role> = roles.iter().filter(|role| role.account == *provider.account()).collect();
            setup(provider, &own, &us.entity_id)
        };
        Ok(aws.providers.values().map(of).collect())
    }
}

fn setup(provider: &AwsProvider, roles: &[&Role], metadata: &str) -> AwsSetup {
    let document = trust_policy(provider);
    let file = format!("bailey-trust-{}.json", provider.account());
    let mut commands = vec![
        format!(
            "# AWS keeps our certificate, and never asks for another. When `bailey key rotate --saml` has published the next one, and before it\n\
             # signs (`--sign`), run this again: it gives AWS our metadata anew.\n\
             curl -sSf -o bailey-metadata.xml {}",
            quoted(metadata)
        ),
        known(provider),
        format!("cat > {file} <<'JSON'\n{document:#}\nJSON"),
    ];
    match roles {
        [] => commands.push(format!(
            "# No role of this account is known here yet: `bailey role create NAME --account {}`, and run this again.",
            provider.account()
        )),
        _ => commands.push(
            "# A role that is made here allows nothing until policies are attached to it in AWS:\n\
             #   aws iam attach-role-policy --role-name NAME --policy-arn ARN"
                .to_owned(),
        ),
    }
    commands.extend(roles.iter().map(|role| trusting(role, provider, &file)));
    AwsSetup { account: provider.account().clone(), provider: provider.clone(), trust_policy: document, commands }
}

/// Has AWS know us: anew, where it does already.
fn known(provider: &AwsProvider) -> String {
    let (arn, name) = (quoted(&provider.to_string()), quoted(&String::from(provider.name().clone())));
    format!(
        "if aws iam get-saml-provider --saml-provider-arn {arn} > /dev/null 2>&1; then\n  \
         aws iam update-saml-provider --saml-provider-arn {arn} --saml-metadata-document file://bailey-metadata.xml\n\
         else\n  \
         aws iam create-saml-provider --name {name} --saml-metadata-document file://bailey-metadata.xml\n\
         fi"
    )
}

/// Has a role trust us. Whom one trusts that is there already is somebody's decision: it is not replaced unasked, and the command for
/// that is said.
fn trusting(role: &Role, provider: &AwsProvider, file: &str) -> String {
    let name = quoted(role.name.as_str());
    let path = match role.path.as_str() {
        "/" => String::new(),
        path => format!(" --path {}", quoted(path)),
    };
    let asked = format!("aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument --output json");
    let update = format!("aws iam update-assume-role-policy --role-name {name} --policy-document file://{file}");
    let said = format!(
        "role {name} trusts others. To keep them, add the statement of {file} to its trust policy; to have it trust Bailey alone: {update}"
    );
    format!(
        "if trust=$({asked} 2> /dev/null); then\n  \
         case $trust in\n  \
         *'\"{provider}\"'*) echo {} ;;\n  \
         *) echo {} ;;\n  \
         esac\n\
         else\n  \
         aws iam create-role --role-name {name}{path} --assume-role-policy-document file://{file} --max-session-duration {}\n\
         fi",
        quoted(&format!("role {} trusts Bailey", role.name)),
        quoted(&said),
        role.max_session
    )
}

/// What a role has to trust. Tags and who is behind a session come along, which takes permissions of their own.
#[must_use]
pub fn trust_policy(provider: &AwsProvider) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": provider.to_string() },
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": { "SAML:aud": provider.audience() } },
        }],
    })
}

/// A word of a command, as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+=,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Document, Kind};

    #[test]
    fn the_trust_policy_is_one() {
        let provider: AwsProvider = "arn:aws:iam::111122223333:saml-provider/Bailey".parse().unwrap();
        let text = trust_policy(&provider).to_string();
        Document::parse(&text, Kind::Trust).unwrap();
        let setup = setup(&provider, &[], "https://sso.example.com/saml/metadata");
        assert!(setup.commands[1].contains("create-saml-provider --name Bailey"), "{:?}", setup.commands);
        assert!(setup.commands[3].starts_with("# No role of this account"), "{:?}", setup.commands);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
