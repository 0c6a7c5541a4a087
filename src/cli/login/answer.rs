//! Answers of STS, read: the few fields that a sign-in and a role's session need.
//!
//! Not a reader for documents of strangers: they come from the daemon that a person named, over TLS. It knows neither document
//! types nor entities beyond the five of XML, and what it does not look for it skips.

use serde::Deserialize;

use super::keys::Keys;
use super::service::ServiceError;
use crate::base::text::{printable, printable_within};
use crate::base::{Secret, Timestamp};
use crate::sts::authorization_message::ENCODED;

/// Credentials as they are told. `Secret` takes the texts over; nothing prints this.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

/// `{Action}Result` of an action that begins a session.
#[derive(Deserialize)]
struct Begun {
    #[serde(rename = "Credentials")]
    credentials: Credentials,
}

/// `{Action}Response`, whose only member of interest is called after the action.
#[derive(Deserialize)]
struct Answer<T> {
    #[serde(alias = "AssumeRoleResult", alias = "AssumeRoleWithLDAPIdentityResult", alias = "GetCallerIdentityResult")]
    result: T,
}

/// Who somebody is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identity {
    /// Their ARN.
    pub arn: String,
    /// The account.
    pub account: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "Error")]
    error: Told,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    code: String,
    message: String,
}

/// The credentials in an answer that was a yes.
///
/// # Errors
/// When there are none, or they are over already.
pub(super) fn keys(xml: &str, now: Timestamp) -> Result<Keys, ServiceError> {
    let told = result::<Begun>(xml)?.credentials;
    let expires = told.expiration.parse().map_err(|_| unreadable("its `Expiration` is no moment"))?;
    let secrets = [&told.access_key_id, &told.secret_access_key, &told.session_token];
    if secrets.iter().any(|text| text.is_empty()) {
        return Err(unreadable("its credentials are empty"));
    }
    let keys = Keys {
        access_key_id: told.access_key_id,
        secret: Secret::new(told.secret_access_key),
        token: Secret::new(told.session_token),
        begun: now,
        expires,
    };
    if keys.left(now).is_none() {
        return Err(ServiceError::Over { expires, now });
    }
    Ok(keys)
}

/// Who the answer says that somebody is.
///
/// # Errors
/// When it does not say so.
pub(super) fn identity(xml: &str) -> Result<Identity, ServiceError> {
    result(xml)
}

/// Longest refusal that is shown, in bytes: it names whom, what and why, and its request.
const LONGEST_REFUSAL: usize = 1_024;

/// A message without what is encoded behind it: that is for `aws sts decode-authorization-message`, and here `bailey explain` says more.
fn said(message: &str) -> &str {
    message.split_once(ENCODED).map_or(message, |(said, _)| said)
}

/// Why the daemon says no.
#[must_use]
pub(super) fn refusal(xml: &str, status: u16) -> ServiceError {
    match quick_xml::de::from_str::<Refusal>(xml) {
        Ok(Refusal { error }) => ServiceError::Refused {
            code: printable(&error.code).into_owned(),
            message: printable_within(said(&error.message), LONGEST_REFUSAL).into_owned(),
            status,
        },
        Err(_) => unreadable(&format!("status {status}: {}", printable(xml))),
    }
}

fn result<T: serde::de::DeserializeOwned>(xml: &str) -> Result<T, ServiceError> {
    // The reader's own words would quote what it read, which may be a secret.
    let read: Result<Answer<T>, _> = quick_xml::de::from_str(xml);
    read.map(|answer| answer.result).map_err(|_| unreadable("it is no answer of STS"))
}

fn unreadable(why: &str) -> ServiceError {
    ServiceError::Unreadable { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-12T12:00:00Z";

    fn told(action: &str, credentials: &str) -> Result<Keys, ServiceError> {
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <{action}Result>{credentials}<AssumedRoleUser><Arn>x</Arn></AssumedRoleUser></{action}Result>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></{action}Response>"
        );
        keys(&xml, NOW.parse().unwrap())
    }

    fn credentials(secret: &str, expiration: &str) -> String {
        format!(
            "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
             <SessionToken>t&amp;</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
        )
    }

    #[test]
    fn credentials_are_read_whole_or_not_at_all() {
        for action in ["AssumeRole", "AssumeRoleWithLDAPIdentity"] {
            let keys = told(action, &credentials("s+/", "2026-03-12T13:00:00Z")).unwrap();
            assert_eq!((keys.access_key_id.as_str(), keys.secret.expose().as_str()), ("ASIA", "s+/"));
            assert_eq!((keys.token.expose().as_str(), keys.left(NOW.parse().unwrap())), ("t&", Some(3_600)));
        }
        for (wrong, why) in [
            (String::new(), "no answer of STS"),
            (credentials("", "2026-03-12T13:00:00Z"), "empty"),
            (credentials("s", "soon"), "no moment"),
            (credentials("s", NOW), "over since"),
        ] {
            let error = told("AssumeRole", &wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_no_is_told_in_the_daemons_words() {
        let xml = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                   <Message>a &lt;code&gt;\u{1b}[2J</Message></Error><RequestId>id</RequestId></ErrorResponse>";
        assert_eq!(refusal(xml, 403).to_string(), "a <code>\\u{1b}[2J (AccessDenied)");
        assert!(refusal("<html>", 502).to_string().contains("status 502: <html>"));
    }

    #[test]
    fn who_somebody_is_is_read() {
        let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult><UserId>u</UserId><Account>1</Account>\
                   <Arn>arn:aws:iam::1:user/ann</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let read = identity(xml).unwrap();
        assert_eq!((read.arn.as_str(), read.account.as_str()), ("arn:aws:iam::1:user/ann", "1"));
    }
}
