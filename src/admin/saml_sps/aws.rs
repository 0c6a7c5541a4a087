//! What has to be set up in AWS so that people get in: the provider, roles that trust it, and the commands for both.
//!
//! AWS decides by the trust policy of each role alone; so it names us by ARN, and holds what we send to the one address that it is
//! meant for (`SAML:aud`, IAM User Guide, "Creating a role for SAML 2.0 federation").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// What has to be set up in each account of AWS that `sp` is for. `metadata` is the address of our own. Blocks.
    ///
    /// # Errors
    /// When it is not AWS, or the store cannot be read.
    pub fn aws_setup(&self, sp: &SamlSp, metadata: Option<&str>) -> Result<Vec<AwsSetup>, AdminError> {
        let aws = sp.aws.as_ref().ok_or_else(|| AdminError::NotNow {
            what: format!("`{}` is not AWS", sp.name),
            remedy: "name providers by --aws-provider arn:aws:iam::ACCOUNT:saml-provider/NAME".to_owned(),
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
            setup(provider, &own, metadata)
        };
        Ok(aws.providers.values().map(of).collect())
    }
}

fn setup(provider: &AwsProvider, roles: &[&Role], metadata: Option<&str>) -> AwsSetup {
    let document = trust_policy(provider);
    let file = format!("bailey-trust-{}.json", provider.account());
    let address = metadata.unwrap_or("https://BAILEY/saml/metadata");
    let mut commands = vec![
        format!("curl -sSf -o bailey-metadata.xml {}", quoted(address)),
        format!(
            "aws iam create-saml-provider --name {} --saml-metadata-document file://bailey-metadata.xml",
            quoted(&String::from(provider.name().clone()))
        ),
        format!("cat > {file} <<'JSON'\n{document:#}\nJSON"),
    ];
    let role = |name: &str, path: &str, seconds: u32| {
        let path = if path == "/" { String::new() } else { format!(" --path {}", quoted(path)) };
        format!(
            "aws iam create-role --role-name {}{path} --assume-role-policy-document file://{file} --max-session-duration {seconds}",
            quoted(name)
        )
    };
    if roles.is_empty() {
        commands.push(role("ROLE", "/", crate::model::role::USUAL_SESSION));
    }
    commands.extend(roles.iter().map(|of| role(of.name.as_str(), of.path.as_str(), of.max_session)));
    AwsSetup { account: provider.account().clone(), provider: provider.clone(), trust_policy: document, commands }
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
        let setup = setup(&provider, &[], Some("https://sso.example.com/saml/metadata"));
        assert!(setup.commands[1].contains("create-saml-provider --name Bailey"), "{:?}", setup.commands);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
