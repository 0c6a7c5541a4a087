//! Ready-made policies, to be attached as they are or copied and changed.
//!
//! They stand in `config/policies` and are part of the program. Each has a number, told by its `Id`: a changed template is a
//! new version, and nobody's rights change because a program was replaced.

/// A ready-made policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its name, as AWS calls the like.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The document.
    pub text: &'static str,
}

/// All of them.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "AdministratorAccess",
        purpose: "everything",
        text: include_str!("../../config/policies/AdministratorAccess.json"),
    },
    Template {
        name: "AuditorBoundary",
        purpose: "a permissions boundary for outsiders: reading at most, whatever else they are given; no credential, no secret",
        text: include_str!("../../config/policies/AuditorBoundary.json"),
    },
    Template {
        name: "BillingViewer",
        purpose: "look at bills, budgets and prices",
        text: include_str!("../../config/policies/BillingViewer.json"),
    },
    Template {
        name: "DeveloperAccess",
        purpose: "build and run applications; of production look only; pass roles under /app/ alone; no change of networks",
        text: include_str!("../../config/policies/DeveloperAccess.json"),
    },
    Template {
        name: "PowerUserAccess",
        purpose: "everything but identities, organizations and Bailey itself",
        text: include_str!("../../config/policies/PowerUserAccess.json"),
    },
    Template {
        name: "ReadOnlyAccess",
        purpose: "read everything, contents included; no credential, no secret",
        text: include_str!("../../config/policies/ReadOnlyAccess.json"),
    },
    Template {
        name: "SecurityAudit",
        purpose: "see how things are configured, and no contents",
        text: include_str!("../../config/policies/SecurityAudit.json"),
    },
];

impl Template {
    /// The template of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Document, Kind, lint};

    #[test]
    fn every_template_says_its_name_and_version_and_hides_nothing() {
        for template in TEMPLATES {
            let document = Document::parse(template.text, Kind::Identity)
                .unwrap_or_else(|fault| panic!("{}: {fault}", template.name));
            let id: serde_json::Value = serde_json::from_str(template.text).unwrap();
            let (name, version) = id["Id"].as_str().unwrap().split_once(':').unwrap();
            assert_eq!(name, template.name);
            assert!(version.parse::<u32>().is_ok_and(|version| version > 0), "{version}");
            assert!((0..document.len()).all(|index| document.sid(index).is_some()), "{name}: reasons need names");
            let codes: Vec<&str> = lint(&document, template.text).iter().map(|warning| warning.code).collect();
            let known: &[&str] = match name {
                "AdministratorAccess" => &["administrator"],
                "PowerUserAccess" => &["not-action-allow"],
                _ => &[],
            };
            assert_eq!(codes, known, "{name}");
        }
    }
}
