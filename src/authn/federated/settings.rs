//! What a configuration says of an issuer, beyond what the IAM API can.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::base::network::Networks;
use crate::fetch::Reach;
use crate::model::{Issuer, IssuerPreset};

/// How long keys are believed without asking again, if nothing is said: a key that its issuer withdraws counts no longer than that.
pub const USUAL_MAX_AGE: Duration = Duration::from_secs(3_600);

/// What that may be.
pub const MAX_AGE_BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(86_400);

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// Where its discovery document says (OpenID Connect Discovery 1.0).
    Discovery,
    /// At this address.
    Url(Url),
    /// In this file, for machines that reach nobody.
    File(PathBuf),
}

/// What holds for one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Which one.
    pub issuer: Issuer,
    /// What is known of it.
    pub preset: Option<IssuerPreset>,
    /// The authorities that vouch for its server, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Networks that are not public and in which it may be.
    pub networks: Networks,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// How long they are believed without asking again.
    pub max_age: Duration,
}

impl IssuerSettings {
    /// What holds for an issuer of which no configuration says anything: the strictest.
    #[must_use]
    pub fn unsaid(issuer: Issuer) -> Self {
        Self {
            issuer,
            preset: None,
            ca_file: None,
            networks: Networks::default(),
            keys: KeysFrom::Discovery,
            max_age: USUAL_MAX_AGE,
        }
    }

    /// Whether it signs for strangers.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.preset.is_some_and(IssuerPreset::is_shared) || self.issuer.is_known_to_be_shared()
    }

    /// What may be reached for it. In the clear only what the configuration itself names so, which is on this machine then.
    pub(in crate::authn) fn reach(&self, plain_on_loopback: bool) -> Reach {
        Reach { networks: self.networks.clone(), ca_file: self.ca_file.clone(), plain_on_loopback }
    }
}
