//! A person or program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IamName, IamPath, Origin, RefHash, Standing};
use crate::base::{Sid, Timestamp, UserId};

/// A user of the home account: synced from a directory, or made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Stays the same through renames, moves and re-linking.
    pub id: UserId,
    /// The name in ARNs.
    pub name: IamName,
    /// The path in ARNs; `/` of everybody who comes from a directory.
    #[serde(default, skip_serializing_if = "IamPath::is_root")]
    pub path: IamPath,
    /// The login attribute as the directory spells it.
    pub login: String,
    /// The directory object behind it.
    pub origin: Origin,
    /// Whether it may act.
    #[serde(default)]
    pub standing: Standing,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For notices; never a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// The same person's number across accounts: links identities for separation of duties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// The group that Active Directory keeps no edge for: `member` of the group does not list this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_group: Option<Sid>,
    /// When the password was last set. Sessions older than that end with the old password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed: Option<Timestamp>,
    /// The directory refuses the password until it is changed: it has expired, or was set by somebody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change_password: bool,
    /// Attributes chosen in the configuration, usable in policies as `aws:PrincipalTag/KEY`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How the directory refers to whoever manages them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_reference: Option<RefHash>,
    /// Whom that meant when it was read: an id, so that nobody who comes to bear that name manages them for it. Last, because it is
    /// added to what was read once it is known (see `sync::stage`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
}

#[cfg(test)]
impl User {
    /// Somebody for tests, active and in no group: what a test is about, it changes.
    pub(crate) fn made_up(n: u8, name: &str) -> Self {
        let guid = crate::base::Guid::from_bytes([n; 16]);
        Self {
            id: UserId::from_bytes([n; 16]),
            name: IamName::mapped(name, None, &[n; 16]),
            path: IamPath::default(),
            login: name.to_owned(),
            origin: Origin::new("corp".parse().unwrap(), guid, format!("uid={name},dc=example")),
            standing: Standing::default(),
            display_name: None,
            mail: None,
            employee_id: None,
            primary_group: None,
            password_changed: None,
            must_change_password: false,
            tags: BTreeMap::new(),
            manager_reference: None,
            manager: None,
        }
    }
}
