//! Tries an issuer and says what is wrong.

use super::keeping;
use super::settings::{IssuerSettings, KeysFrom};
use crate::base::{Finding, Severity};
use crate::fetch::Client;

/// Everything that can be said about an issuer.
pub(super) async fn check(client: &Client, settings: &IssuerSettings) -> Vec<Finding> {
    let subject = format!("issuer {}", settings.issuer.url());
    let mut findings = Vec::new();
    let mut say = |severity, what: String, remedy: &str| {
        findings.push(Finding::new(severity, subject.clone(), what, remedy));
    };
    match keeping::fetch(client, settings).await {
        Err(why) => say(Severity::Fault, why, remedy(settings)),
        Ok(keys) if keys.len() == 0 && keys.left_out.is_empty() => {
            say(Severity::Fault, "it publishes no key, so none of its tokens counts".to_owned(), remedy(settings));
        }
        Ok(keys) if keys.len() == 0 => {
            let what = format!("it publishes no key that is of use ({})", keys.left_out.join("; "));
            say(
                Severity::Fault,
                what,
                "its tokens must be signed by RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519",
            );
        }
        Ok(keys) => {
            say(Severity::Fine, format!("publishes its keys, of use: {}", keys.len()), "");
            if !keys.left_out.is_empty() {
                let what = format!("some of its keys are of no use ({})", keys.left_out.join("; "));
                say(Severity::Warning, what, "nothing, if its tokens are signed by the others");
            }
        }
    }
    findings
}

fn remedy(settings: &IssuerSettings) -> &'static str {
    match settings.keys {
        KeysFrom::File(_) => "put its key set (RFC 7517) into the file, as the issuer publishes it",
        KeysFrom::Url(_) => "correct `jwks_url`, `networks` or `ca_file` of its section",
        KeysFrom::Discovery => {
            "correct `url`, `networks` or `ca_file` of its section; without a discovery document set `jwks_url` or `jwks_file`"
        }
    }
}
