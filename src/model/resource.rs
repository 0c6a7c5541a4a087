//! A machine or workload that can hold roles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{IamName, MachineIdentity, Origin, RefHash, Standing, reference};
use crate::base::{ResourceId, Sid};

/// A resource of the home account: synced from a directory, or made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Stays the same through renames and moves.
    pub id: ResourceId,
    /// The name in ARNs.
    pub name: IamName,
    /// The name as the directory spells it.
    pub original_name: String,
    /// The directory object behind it.
    pub origin: Origin,
    /// Whether it may act.
    #[serde(default)]
    pub standing: Standing,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The account that it signs in to its domain with, such as `WEB1$` (`sAMAccountName`), in Active Directory. Another machine
    /// may get it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The group that Active Directory keeps no edge for: `member` of the group does not list this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_group: Option<Sid>,
    /// Attributes chosen in the configuration; of one that was made here, what was said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What certificates and tokens call it, of one that was made here. A synced one is known by its SID, and to Kerberos by its
    /// account.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<MachineIdentity>,
}

impl Resource {
    /// Digests of all that it is known by to those who vouch for it: its rows in the store are found by these.
    pub fn known_by(&self) -> impl Iterator<Item = RefHash> {
        let sid = self.origin.sid.as_ref().map(reference::by_sid);
        let account = self.account_name.as_deref().map(reference::by_account);
        sid.into_iter().chain(account).chain(self.identities.iter().map(reference::by_identity))
    }
}
