//! Applications of which it is known what they call themselves, where they are, and what they want to be told.
//!
//! Each is as its vendor documents it; where people choose something themselves, that is a placeholder to be filled.

use serde::{Deserialize, Serialize};

/// A kind of application of which something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The console and the STS of AWS.
    Aws,
    /// Google Workspace.
    GoogleWorkspace,
    /// Salesforce.
    Salesforce,
    /// GitLab, a server of one's own.
    Gitlab,
    /// Grafana Enterprise.
    Grafana,
    /// Shibboleth's service provider.
    Shibboleth,
}

/// Why a preset comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// There is none of that name.
    #[error("`{0}` is no preset: there are aws, google-workspace, salesforce, gitlab, grafana and shibboleth")]
    Unknown(String),
    /// It needs to be told something.
    #[error("the preset `{preset}` needs `{key}`: {meaning}")]
    Missing {
        /// Which.
        preset: &'static str,
        /// What it needs.
        key: &'static str,
        /// What that is.
        meaning: &'static str,
    },
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Aws, Self::GoogleWorkspace, Self::Salesforce, Self::Gitlab, Self::Grafana, Self::Shibboleth];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::GoogleWorkspace => "google-workspace",
            Self::Salesforce => "salesforce",
            Self::Gitlab => "gitlab",
            Self::Grafana => "grafana",
            Self::Shibboleth => "shibboleth",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.word() == word)
    }
}
