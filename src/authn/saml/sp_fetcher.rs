//! Fetches metadata of service providers: by the rules of whatever is fetched here, since whoever registers one names an address.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use url::Url;

use crate::base::text::printable;
use crate::fetch::{Client, FetchError, Reach};
use crate::model::SpName;
use crate::saml_xml::LARGEST;

/// Fetches metadata; what may be reached is exchanged by a reload.
#[derive(Debug, Default)]
pub struct SpFetcher {
    client: Client,
    reach: RwLock<Reach>,
    failures: RwLock<BTreeMap<SpName, String>>,
}

/// Why no metadata came.
#[derive(Debug, thiserror::Error)]
pub enum MetadataFetchError {
    /// The address is none.
    #[error("`{0}` is no address that metadata is fetched from: write https://..")]
    Address(String),
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is no text.
    #[error("what {0} answered is no text in UTF-8")]
    NoText(String),
}

impl SpFetcher {
    /// One that reaches public addresses, and what `reach` says besides.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { reach: RwLock::new(reach), ..Self::default() }
    }

    /// From now on, this.
    pub fn follow(&self, reach: Reach) {
        *self.reach.write().unwrap_or_else(PoisonError::into_inner) = reach;
    }

    /// Keeps why nothing came of the last fetch for this service provider; nothing, if something did. It is for whoever asks about it,
    /// and does not outlive the daemon.
    pub fn keep_failure(&self, of: &SpName, why: Option<String>) {
        let mut failures = self.failures.write().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => drop(failures.insert(of.clone(), why)),
            None => drop(failures.remove(of)),
        }
    }

    /// Why nothing came of the last fetch for it.
    #[must_use]
    pub fn failure(&self, of: &SpName) -> Option<String> {
        self.failures.read().unwrap_or_else(PoisonError::into_inner).get(of).cloned()
    }

    /// The text at `url`.
    ///
    /// # Errors
    /// When it is no address, may not be reached, or no text comes.
    pub async fn get(&self, url: &str) -> Result<String, MetadataFetchError> {
        let address = Url::parse(url).map_err(|_| MetadataFetchError::Address(printable(url).into_owned()))?;
        let reach = self.reach.read().unwrap_or_else(PoisonError::into_inner).clone();
        let bytes = self.client.get(&address, &reach, LARGEST).await?;
        String::from_utf8(bytes).map_err(|_| MetadataFetchError::NoText(printable(url).into_owned()))
    }
}
