//! Questions of a person to the JSON interface of a daemon: signed with the keys of their sign-in, or with its access token.

use serde::de::DeserializeOwned;

use super::cache::Cache;
use super::keys::{Held, Login};
use super::service::{REGION, Service};
use super::tokens;
use crate::authn::sigv4::{self, Body, Signing};
use crate::base::clock::{Clock as _, SystemClock};
use crate::cli::client::ClientError;

/// What is at `path`, for who is signed in at `url`, or at the only daemon where somebody is.
///
/// # Errors
/// When nobody is signed in, there is no answer, or it is a no.
pub async fn get<T: DeserializeOwned>(cache: &Cache, url: &str, path: &str) -> anyhow::Result<T> {
    let url = Service::at(url, None)?;
    let login = Login::kept(cache, Some(url.url()))?;
    let url = login.url.clone();
    anyhow::ensure!(
        login.counts(SystemClock.now()),
        "you were signed in at {url} until {:.0}: run `bailey login --url {url}`",
        login.expires()
    );
    let service = Service::at(&url, login.ca_file.clone())?;
    let answered = match &login.held {
        Held::Keys(keys) => {
            let headers: [(&str, &[u8]); 1] = [("host", service.host().as_bytes())];
            let asked = sigv4::Request { method: "GET", path, query: "", headers: &headers, body: Body::Whole(b"") };
            let signing = Signing {
                access_key_id: &keys.access_key_id,
                secret: &keys.secret,
                token: Some(&keys.token),
                region: REGION,
                service: "bailey",
            };
            let signed = signing.sign(&asked, SystemClock.now()).into_iter();
            let headers: Vec<_> = signed.map(|(name, value)| (name.to_string(), value.to_string())).collect();
            service.get_signed(path, &headers).await?
        }
        Held::Tokens(_) => service.get_as(path, &tokens::access(cache, &url).await?).await?,
    };
    match answered.read() {
        Err(ClientError::Refused(error)) if ["InvalidToken", "ExpiredToken"].contains(&error.code.as_str()) => {
            anyhow::bail!("your sign-in at {url} is over: run `bailey login --url {url}`")
        }
        told => Ok(told?),
    }
}
