//! What the home account may do as root of another account: a task by name, and no more than its document says there.
//!
//! AWS has five (STS API reference, `AssumeRoot`). Of an account that is declared here Bailey decides, and it has no root user: no
//! password, no key, no device was ever made for it. So what there is to do is to look that this is so. Tasks that would take such
//! credentials away, let a password be made, or unlock buckets and queues have nothing here to act on.

use serde::{Deserialize, Serialize};

use super::{AccountId, Arn};

/// Seconds that a session of such a task lasts at most, and where nothing is said (STS API reference, `DurationSeconds`).
pub const LONGEST_ROOT: u32 = 900;

/// A task of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RootTask {
    /// Look which credentials the account's root has.
    #[serde(rename = "IAMAuditRootUserCredentials")]
    AuditCredentials,
}

impl RootTask {
    /// All of them.
    pub const ALL: &[Self] = &[Self::AuditCredentials];

    /// Its name, as AWS calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditCredentials => "IAMAuditRootUserCredentials",
        }
    }

    /// The ARN that it is asked for by.
    #[must_use]
    pub fn arn(self) -> String {
        format!("arn:aws:iam::aws:policy/root-task/{}", self.name())
    }

    /// The task with this ARN.
    #[must_use]
    pub fn with_arn(arn: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|task| task.arn() == arn)
    }

    /// What its document allows. All of it is about root itself; nothing is about `*`, where two accounts would be one.
    #[must_use]
    pub const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::AuditCredentials => {
                &["iam:GetLoginProfile", "iam:GetUser", "iam:ListAccessKeys", "iam:ListMFADevices"]
            }
        }
    }

    /// The document, for root of `account`: it allows that, and denies all else, whatever another document may allow.
    #[must_use]
    pub fn document(self, account: &AccountId) -> String {
        let (actions, root) = (self.actions(), Arn::root(account));
        serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Sid": "Task", "Effect": "Allow", "Action": actions, "Resource": root.as_str() },
                { "Sid": "NothingElse", "Effect": "Deny", "NotAction": actions, "Resource": "*" },
                { "Sid": "NobodyElse", "Effect": "Deny", "Action": "*", "NotResource": root.as_str() },
            ],
        })
        .to_string()
    }
}
