//! Who may ask for a role, and who has to agree: rules of the configuration, by role.

use std::sync::Arc;

use crate::base::Timestamp;
use crate::base::clock::expired;
use crate::model::{Hours, Role};

/// Seconds within which a grant has to be claimed, at most.
pub const LONGEST_CLAIM: u32 = 30 * 24 * 3_600;

/// What has to be so for somebody to be granted one of some roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Names of the roles, with `*` and `?`; case does not count.
    pub roles: Vec<String>,
    /// Groups whose members may ask for them; everybody may, if there are none.
    pub requesters: Vec<String>,
    /// How many others have to agree; none where [`Rule::automatic_until`] lies ahead.
    pub approvals: u8,
    /// Groups whose members may agree.
    pub approvers: Vec<String>,
    /// Whether whoever manages who is to have the role may agree, by what the directory says at that moment.
    pub manager: bool,
    /// Whether the sponsor of an engagement may agree to what is asked for in it.
    pub sponsor: bool,
    /// Who asks agrees themselves, and somebody looks back at it within so many seconds.
    pub break_glass: Option<u32>,
    /// Nobody has to agree until just before then.
    pub automatic_until: Option<Timestamp>,
    /// When others may agree; always, if nothing is said.
    pub hours: Option<Hours>,
    /// Seconds that a grant lasts at most.
    pub longest: u32,
    /// Seconds within which it has to be claimed.
    pub claim_within: u32,
    /// Whether a ticket has to be named.
    pub ticket: bool,
    /// Whether who asks brings a policy that says what the grant is good for. The role has a boundary then, beyond which none reaches.
    pub inline: bool,
    /// What is asked about it before the last approval counts.
    pub ticket_check: Option<String>,
    /// Whether it is asked in an emergency, too, which then hangs on it.
    pub break_glass_ticket_check: bool,
    /// Seconds that a second factor may lie back at each call; it need not be there, if nothing is said.
    pub second_factor: Option<u32>,
    /// Mail addresses that are told that a request waits, instead of the people who may agree.
    pub notify: Vec<String>,
}

/// All rules, in their order: the first that knows a role counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<[Rule]>);

impl Rules {
    /// These, in this order.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules.into())
    }

    /// What counts for `role`; without a rule nobody is granted it.
    #[must_use]
    pub fn of(&self, role: &Role) -> Option<&Rule> {
        self.named(role.name.as_str())
    }

    /// What counts for roles of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.knows(name))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.0
    }
}

impl Rule {
    /// Whether it is about the role of this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.roles.iter().any(|pattern| matches(&pattern.to_lowercase(), &name))
    }

    /// Whether nobody has to agree at `now`.
    #[must_use]
    pub fn is_automatic(&self, now: Timestamp) -> bool {
        self.automatic_until.is_some_and(|until| !expired(until, now))
    }
}

/// Whether `text` is like `pattern`: `*` is anything, `?` is one letter. In time that is the product of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for symbol in pattern {
        let before = reached.clone();
        let mut any = false;
        for (at, cell) in reached.iter_mut().enumerate() {
            let here = before.get(at).copied().unwrap_or_default();
            let step = at.checked_sub(1).is_some_and(|last| {
                before.get(last).copied().unwrap_or_default()
                    && (symbol == '?' || text.get(last).is_some_and(|letter| *letter == symbol))
            });
            any |= here;
            *cell = if symbol == '*' { any } else { step };
        }
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whole() {
        for (pattern, text, expected) in [
            ("prod-*", "prod-admin", true),
            ("prod-*", "nonprod-admin", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*-audit-*", "x-audit-y", true),
            ("a*b*c", "a-b-b-d", false),
            ("admin", "admins", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
