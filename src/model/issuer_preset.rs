//! What is known of issuers of tokens that many companies trust, and of kinds of them.

use std::fmt;

use super::Issuer;

/// A kind of issuer of which something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerPreset {
    /// A Kubernetes cluster, for the service accounts of its pods.
    Kubernetes,
    /// GitHub Actions, of github.com or of a GitHub Enterprise Server (`https://HOST/_services/token`).
    GitHub,
    /// GitLab CI, of gitlab.com or of a server of one's own.
    GitLab,
    /// A SPIFFE trust domain: JWT-SVIDs.
    Spiffe,
}

/// Issuers who sign for everybody in the world that has an account there: what they say means something only together with
/// whom it is about. AWS asks for the same of them (IAM User Guide, "Identity-provider controls for shared OIDC providers").
const SHARED: &[&str] = &[
    "accounts.google.com",
    "agent.buildkite.com",
    "app.terraform.io",
    "gitlab.com",
    "oidc.codefresh.io",
    "token.actions.githubusercontent.com",
    "vstoken.actions.githubusercontent.com",
];

impl IssuerPreset {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Kubernetes, Self::GitHub, Self::GitLab, Self::Spiffe];

    /// The word for it in a configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Spiffe => "spiffe",
        }
    }

    /// The address of the one that is meant where none is named.
    #[must_use]
    pub fn usual_url(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("https://token.actions.githubusercontent.com"),
            Self::GitLab => Some("https://gitlab.com"),
            Self::Kubernetes | Self::Spiffe => None,
        }
    }

    /// Whether it signs for people who do not know each other. On a server of a company's own that is everybody who may create a
    /// repository there.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::GitHub | Self::GitLab)
    }

    /// How every subject begins: a service account (Kubernetes documentation, "Managing Service Accounts"), a SPIFFE ID
    /// (JWT-SVID, section 3.1). GitHub and GitLab let their users choose what it is made of.
    #[must_use]
    pub fn subjects_begin(self) -> Option<&'static str> {
        match self {
            Self::Kubernetes => Some("system:serviceaccount:"),
            Self::Spiffe => Some("spiffe://"),
            Self::GitHub | Self::GitLab => None,
        }
    }
}

impl fmt::Display for IssuerPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Issuer {
    /// Whether strangers are known to share it, whatever a configuration says.
    #[must_use]
    pub fn is_known_to_be_shared(&self) -> bool {
        let folded = self.folded();
        SHARED.contains(&folded.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_that_presets_name_are_issuers_and_shared_if_the_preset_is() {
        for preset in IssuerPreset::ALL {
            let Some(url) = preset.usual_url() else { continue };
            assert_eq!(url.parse::<Issuer>().unwrap().is_known_to_be_shared(), preset.is_shared(), "{preset}");
        }
        for (url, shared) in [
            ("https://GitLab.com/", true),
            ("https://gitlab.example.com", false),
            // An enterprise's own.
            ("https://token.actions.githubusercontent.com/octo-inc", false),
        ] {
            assert_eq!(url.parse::<Issuer>().unwrap().is_known_to_be_shared(), shared, "{url}");
        }
    }
}
