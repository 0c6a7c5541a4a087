//! What policies can say about Bailey itself: every action, what it is about, and the condition keys it comes with.
//!
//! One table for those who write policies (`bailey policy actions`), for the reviewer of a change (a golden test prints it),
//! and for the gate, which fills the very keys named here. Actions that AWS has are called as AWS calls them (`iam:`,
//! `sts:`); what only Bailey has is `bailey:`.

use super::operation::Operation;
use super::target::{About, Kind};

/// A row of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The action.
    pub action: String,
    /// `read` or `write`.
    pub level: &'static str,
    /// The ARN it is about.
    pub resource: &'static str,
    /// Condition keys besides [`ALWAYS`].
    pub keys: Vec<&'static str>,
    /// What it does.
    pub meaning: &'static str,
}

/// Condition keys that come with every signed request.
pub const ALWAYS: &[&str] = &[
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalTag/KEY",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:userid",
    "aws:username",
    "bailey:TimeOfDay",
    "bailey:Weekday",
];

/// The whole table, by action.
#[must_use]
pub fn rows() -> Vec<Row> {
    let row = |operation: &Operation| Row {
        action: operation.action(),
        level: operation.access_level(),
        resource: operation.about().form(),
        keys: keys(*operation),
        meaning: operation.meaning(),
    };
    let mut rows: Vec<Row> = Operation::ALL.iter().map(row).collect();
    rows.sort_by(|a, b| a.action.cmp(&b.action));
    rows
}

fn keys(operation: Operation) -> Vec<&'static str> {
    let (name, about) = (operation.name(), operation.about());
    let mut keys = Vec::new();
    let taggable = matches!(
        about,
        About::User | About::Machine | About::Role | About::Policy | About::InstanceProfile | About::MfaDevice
    );
    let tagged = matches!(
        about,
        About::New(Kind::User | Kind::Machine | Kind::Role | Kind::Policy | Kind::InstanceProfile | Kind::MfaDevice)
    );
    if taggable {
        keys.push("aws:ResourceTag/KEY");
    }
    if tagged || name.starts_with("Tag") || operation == Operation::GetFederationToken {
        keys.extend(["aws:RequestTag/KEY", "aws:TagKeys"]);
    }
    if name.starts_with("Untag") {
        keys.push("aws:TagKeys");
    }
    if operation == Operation::AssumeRoot {
        keys.extend(["sts:DurationSeconds", "sts:TaskPolicyArn"]);
    }
    if operation.makes_a_token() {
        keys.extend(["sts:DurationSeconds", "sts:IdentityTokenAudience", "sts:SigningAlgorithm"]);
    }
    if matches!(about, About::User | About::Role | About::New(Kind::User | Kind::Role)) {
        keys.push("iam:PermissionsBoundary");
    }
    if (name.starts_with("Attach") || name.starts_with("Detach")) && name.ends_with("Policy") {
        keys.push("iam:PolicyARN");
    }
    if taggable {
        keys.push("iam:ResourceTag/KEY");
    }
    keys
}
