//! Who gains and loses what from one state of a store to the next: roles that may be assumed, and what policies allow and
//! deny, each with the way by which it comes.
//!
//! Both states are read by `Effective`, so this says what will be decided, and nothing is reckoned twice. Whoever may not
//! act has no rights. What a role in turn allows is not told again for everybody who gains it; the role's name says it.
//! Not told either: rights by a trust policy that names somebody, which no change of a directory gives, and machines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Prospect;
use super::position::{Document, Position, Side};
use crate::base::UserId;
use crate::policy::Effect;
use crate::policy::classes::{Piece, classes, pieces, uncovered};
use crate::store::StoreError;

/// Changes told of one person, the rest being counted.
const RIGHTS_TOLD: usize = 40;

/// Bytes of text kept of changes told person by person: with names of any length they still fit on one line of an answer.
const TEXT_KEPT: usize = 1 << 20;

/// Sums kept: the ones that befall the most people.
const SUMS_KEPT: usize = 200;

/// Names given with a sum.
const EXAMPLES: usize = 3;

/// Texts of documents whose pieces are remembered: people share most of theirs.
const TEXTS_REMEMBERED: usize = 1_000;

/// What changes of a directory do to rights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// People whose rights change, the first of them; somebody may be there for what happens and for what is held.
    pub people: Vec<PersonChange>,
    /// How many there are.
    pub affected: u64,
    /// The same change of whoever it befalls: what is held first, losses before gains, the largest before the others.
    pub sums: Vec<Sum>,
    /// Sums that are left out.
    #[serde(default)]
    pub further_sums: u64,
    /// People who could be concerned and were looked at.
    pub looked_at: u64,
    /// People who could be concerned and were not looked at, being too many. Of them nothing is known.
    pub not_looked_at: u64,
    /// Why nothing was worked out at all; `None` where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// How the rights of one person change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonChange {
    /// The IAM name.
    pub name: String,
    /// True when the guard holds it.
    pub held: bool,
    /// What is lost.
    pub loses: Vec<Right>,
    /// What is gained.
    pub gains: Vec<Right>,
    /// Changes that are left out.
    #[serde(default)]
    pub further: u64,
}

/// The same change of several people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// True when the guard holds it.
    pub held: bool,
    /// True when it is gained, false when it is lost.
    pub gained: bool,
    /// What; by the way of the first of them.
    pub right: Right,
    /// How many people.
    pub count: u64,
    /// The first of them by name.
    pub first: Vec<String>,
}

/// Something a person may do, or may not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "right", rename_all = "snake_case")]
pub enum Right {
    /// A role may be assumed.
    Role {
        /// Its name, with its account where that is another than the home account.
        role: String,
        /// Only under conditions.
        conditional: bool,
        /// What is lost is that it is without conditions.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        kept_under_conditions: bool,
        /// The rule of group names that says so, from 0; absent where somebody assigned it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<usize>,
        /// From the person to what it hangs on, such as `user/ann`, `group/team`.
        through: Vec<String>,
    },
    /// A policy allows these.
    Allow {
        /// Which actions, in a few words.
        actions: String,
        /// Which policy: an ARN, or what and whose it is.
        policy: String,
        /// As above.
        through: Vec<String>,
    },
    /// A policy denies these.
    Deny {
        /// Which actions, in a few words.
        actions: String,
        /// Which policy.
        policy: String,
        /// As above.
        through: Vec<String>,
    },
}

impl Right {
    /// What happens to somebody who gains or loses it, such as `loses role Deploy (through group team -> outer)`.
    #[must_use]
    pub fn words(&self, gained: bool, many: bool) -> String {
        let verb = match (gained, many) {
            (true, false) => "gains",
            (true, true) => "gain",
            (false, false) => "loses",
            (false, true) => "lose",
        };
        let (what, from, through) = match self {
            Self::Role { role, conditional, kept_under_conditions, rule, through } => {
                let when = match (conditional, kept_under_conditions) {
                    (true, _) => " under conditions",
                    (false, true) => " but under conditions",
                    (false, false) => "",
                };
                let from = rule.map(|rule| format!("by rule {rule}")).unwrap_or_default();
                (format!("{verb} role {role}{when}"), from, through)
            }
            Self::Allow { actions, policy, through } => {
                (format!("{verb} {actions}"), short(policy).to_owned(), through)
            }
            Self::Deny { actions, policy, through } => {
                let is = if many { "are" } else { "is" };
                let no_longer = if gained { "" } else { " no longer" };
                (format!("{is}{no_longer} denied {actions}"), short(policy).to_owned(), through)
            }
        };
        let groups: Vec<&str> = through.iter().filter_map(|step| step.strip_prefix("group/")).collect();
        let way = if groups.is_empty() { String::new() } else { format!("through group {}", groups.join(" -> ")) };
        let reasons: Vec<&str> = [from.as_str(), way.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
        if reasons.is_empty() { what } else { format!("{what} ({})", reasons.join(", ")) }
    }

    fn through(&mut self) -> &mut Vec<String> {
        match self {
            Self::Role { through, .. } | Self::Allow { through, .. } | Self::Deny { through, .. } => through,
        }
    }

    /// The same whatever the way.
    fn by_any_way(&self) -> Self {
        let mut right = self.clone();
        right.through().clear();
        right
    }

    fn bytes(&self) -> usize {
        let (Self::Role { role: text, through, .. }
        | Self::Allow { actions: text, through, .. }
        | Self::Deny { actions: text, through, .. }) = self;
        100 + text.len() + through.iter().map(|step| step.len() + 3).sum::<usize>()
    }
}

/// A policy's name without what every ARN begins with, and of whose it is the name alone.
fn short(policy: &str) -> &str {
    let whose = |policy| ["group/", "user/"].into_iter().find_map(|kind| str::strip_prefix(policy, kind));
    policy.split_once(":policy/").map_or_else(|| whose(policy).unwrap_or(policy), |(_, name)| name)
}

impl Effects {
    /// Why nothing could be worked out.
    #[must_use]
    pub fn unknown(why: String) -> Self {
        Self { unknown: Some(why), ..Self::default() }
    }

    /// True when no right changes, for all that is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.affected == 0 && self.not_looked_at == 0 && self.unknown.is_none()
    }
}

/// Gathers effects person by person.
#[derive(Default)]
pub struct Gathering {
    effects: Effects,
    sums: BTreeMap<(bool, bool, Right), Sum>,
    text: usize,
    remembered: HashMap<Arc<str>, BTreeSet<Piece>>,
}

impl Gathering {
    /// Compares what `person` may do before and after. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn person(&mut self, prospect: &Prospect<'_>, person: &UserId, held: bool) -> Result<(), StoreError> {
        self.effects.looked_at += 1;
        let sides = prospect.read(|before, after| {
            let (was, is) = (Position::of(before, prospect, person)?, Position::of(after, prospect, person)?);
            if was.same_groups(&is) {
                return Ok(None);
            }
            Ok(Some((was.side(before, prospect)?, is.side(after, prospect)?)))
        });
        let Some((before, after)) = sides? else { return Ok(()) };
        let (mut loses, mut gains) = (before.roles_beyond(&after, prospect), after.roles_beyond(&before, prospect));
        let (was, is) = (self.pieces(&before)?, self.pieces(&after)?);
        beyond(&before, &was, &is, &mut loses)?;
        beyond(&after, &is, &was, &mut gains)?;
        if !loses.is_empty() || !gains.is_empty() {
            // Whoever is there is known by the present name.
            self.note(before.name.or(after.name).unwrap_or_default(), held, loses, gains);
        }
        Ok(())
    }

    /// Counts people who were not looked at.
    pub fn not_looked_at(&mut self, count: u64) {
        self.effects.not_looked_at += count;
    }

    /// Nothing was worked out for a part, and why.
    pub fn unknown(&mut self, why: String) {
        self.effects.unknown = Some(why);
    }

    fn pieces(&mut self, side: &Side) -> Result<Vec<BTreeSet<Piece>>, StoreError> {
        let of = |document: &Document| {
            if let Some(known) = self.remembered.get(&*document.text) {
                return Ok(known.clone());
            }
            let found = pieces(&document.text).map_err(|why| broken(&document.name, &why))?;
            if self.remembered.len() < TEXTS_REMEMBERED {
                self.remembered.insert(document.text.clone(), found.clone());
            }
            Ok(found)
        };
        side.documents.iter().map(of).collect()
    }

    fn note(&mut self, name: String, held: bool, loses: Vec<Right>, gains: Vec<Right>) {
        self.effects.affected += 1;
        for (gained, rights) in [(false, &loses), (true, &gains)] {
            for right in rights {
                let sum = self.sums.entry((held, gained, right.by_any_way())).or_insert_with(|| Sum {
                    held,
                    gained,
                    right: right.clone(),
                    count: 0,
                    first: Vec::new(),
                });
                sum.count += 1;
                let at = sum.first.partition_point(|known| *known <= name);
                sum.first.insert(at, name.clone());
                sum.first.truncate(EXAMPLES);
            }
        }
        let all = loses.len() + gains.len();
        let told = |rights: Vec<Right>, room: usize| rights.into_iter().take(room).collect::<Vec<_>>();
        let loses = told(loses, RIGHTS_TOLD);
        let gains = told(gains, RIGHTS_TOLD - loses.len());
        let further = (all - loses.len() - gains.len()) as u64;
        let text = name.len() + loses.iter().chain(&gains).map(Right::bytes).sum::<usize>();
        if self.text.saturating_add(text) <= TEXT_KEPT {
            self.text += text;
            self.effects.people.push(PersonChange { name, held, loses, gains, further });
        } else {
            // Who came later is not told though there were room: the list is the first of them.
            self.text = TEXT_KEPT;
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn end(self) -> Effects {
        let mut effects = self.effects;
        effects.people.sort_by(|a, b| (!a.held, &a.name).cmp(&(!b.held, &b.name)));
        effects.sums = self.sums.into_values().collect();
        // Stable: what befalls as many stays in the order of rights.
        effects.sums.sort_by_key(|sum| std::cmp::Reverse(sum.count));
        effects.further_sums = effects.sums.len().saturating_sub(SUMS_KEPT) as u64;
        effects.sums.truncate(SUMS_KEPT);
        effects.sums.sort_by_key(|sum| (!sum.held, sum.gained, std::cmp::Reverse(sum.count)));
        effects
    }
}

/// Adds to `rights` what the documents of `side` say, in `ours`, and those of `theirs` do not.
fn beyond(
    side: &Side,
    ours: &[BTreeSet<Piece>],
    theirs: &[BTreeSet<Piece>],
    rights: &mut Vec<Right>,
) -> Result<(), StoreError> {
    let theirs: BTreeSet<Piece> = theirs.iter().flatten().cloned().collect();
    let mut told = BTreeSet::new();
    for (document, pieces) in side.documents.iter().zip(ours) {
        for (effect, actions) in classes(uncovered(pieces, &theirs)) {
            // One policy by two ways is one.
            if !told.insert((effect == Effect::Deny, actions.clone(), document.name.clone())) {
                continue;
            }
            let (policy, through) = (document.name.to_string(), document.through.to_vec());
            rights.push(match effect {
                Effect::Allow => Right::Allow { actions, policy, through },
                Effect::Deny => Right::Deny { actions, policy, through },
            });
        }
    }
    Ok(())
}

fn broken(name: &str, why: &serde_json::Error) -> StoreError {
    StoreError::Broken { why: format!("{name}: {why}") }
}
