//! What has to be known to sync a directory. Made by `config`, which checks it; plain data here.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::DirectoryLabel;

/// How one directory becomes part of the model.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which directory.
    pub label: DirectoryLabel,
    /// The one directory whose names stay bare; all others get `@label`.
    pub primary: bool,
    /// How entries become rows.
    pub mapping: Mapping,
    /// What may happen without a person's consent.
    pub guard: Guard,
    /// How often everything is read again whatever the method of following changes.
    pub reconcile_every: Duration,
    /// The same, while the account that reads cannot see what is deleted.
    pub reconcile_blind_every: Duration,
    /// How often everything is read where changes cannot be followed.
    pub poll_every: Duration,
    /// How long someone gone upstream stays suspended and restorable before being deleted.
    pub keep_leavers: Duration,
}

impl Settings {
    /// The rules for a directory that is no longer configured: nothing is read from it any more.
    #[must_use]
    pub fn removed(label: &DirectoryLabel) -> Self {
        let none = Limit { count: 0, share: 0.0 };
        Self {
            label: label.clone(),
            primary: false,
            mapping: Mapping::default(),
            guard: Guard {
                deletions: none,
                suspensions: none,
                group_losses: none,
                losses: none,
                emptied_groups: none,
                renames: none,
                rights_lost: None,
                sentinels: Vec::new(),
                window: Duration::ZERO,
            },
            reconcile_every: Duration::MAX,
            reconcile_blind_every: Duration::MAX,
            poll_every: Duration::MAX,
            keep_leavers: Duration::ZERO,
        }
    }
}

/// Which attribute becomes what.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// Login of a person; the IAM name is made from it.
    pub login: String,
    /// Name of a person for people to read.
    pub display_name: String,
    /// Mail address.
    pub mail: String,
    /// Number that links a person's several accounts.
    pub employee_id: String,
    /// Whoever manages a person, by DN.
    pub manager: String,
    /// Principal tags of people: tag key to attribute.
    pub tags: BTreeMap<String, String>,
    /// Name of a group.
    pub group_name: String,
    /// Description of a group.
    pub group_description: String,
    /// Attributes that hold members by DN.
    pub member_dn: Vec<String>,
    /// Attributes that hold members by login.
    pub member_login: Vec<String>,
    /// Name of a machine.
    pub machine_name: String,
    /// Description of a machine.
    pub machine_description: String,
    /// Tags of machines: tag key to attribute.
    pub machine_tags: BTreeMap<String, String>,
    /// Longest name taken, in bytes.
    pub max_name_bytes: usize,
}

/// What may happen without a person's consent. A rule trips when a count exceeds both its number
/// and its share of what is stored: `max(count, share * total)`.
#[derive(Debug, Clone)]
pub struct Guard {
    /// People, groups and machines that disappear.
    pub deletions: Limit,
    /// People and machines switched off by the directory.
    pub suspensions: Limit,
    /// Members lost by any one group.
    pub group_losses: Limit,
    /// Memberships lost in all.
    pub losses: Limit,
    /// Groups that lose their last member.
    pub emptied_groups: Limit,
    /// People, groups and machines that change their IAM name.
    pub renames: Limit,
    /// Roles that people lose through groups: each person and role counts once. `None`: as many as there are, and nobody's
    /// rights are looked at.
    pub rights_lost: Option<Limit>,
    /// DNs that must be in every full read; if one is missing nothing is taken for gone.
    pub sentinels: Vec<String>,
    /// Changes count together within this time, so that many small steps trip like one large one.
    pub window: Duration,
}

/// A limit by count and by share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Always allowed up to this many.
    pub count: u64,
    /// Allowed up to this share of what is stored, 0.0 to 1.0.
    pub share: f64,
}

impl Limit {
    /// How many are allowed where `total` are stored.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count; rounding down a fraction of one object is meant"
    )]
    pub fn allows(&self, total: u64) -> u64 {
        self.count.max((total as f64 * self.share) as u64)
    }
}
