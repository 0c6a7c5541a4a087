//! Who a group's references mean, as far as the entries of a step of events say.
//!
//! A DN means one object at a time, so the entry that bears it says who that is. A login may be claimed by
//! several, and then means nobody; so it counts for nothing here until all who claim it were asked for.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::mapping::not_a_person;
use super::reference;
use super::settings::Settings;
use crate::directory::{Dn, Entry, Kind};
use crate::model::{Entity, Member, RefHash};

/// What stored edges say about references: who they mean, or that they mean nobody.
pub type Known = HashMap<RefHash, Option<Member>>;

/// Who references mean.
#[derive(Debug, Default)]
pub struct Meanings {
    /// Who bears a DN.
    bearers: HashMap<RefHash, Member>,
    /// Who claims a login.
    claimants: HashMap<RefHash, BTreeSet<Member>>,
    /// Logins of which all claimants are known.
    looked_up: HashSet<RefHash>,
}

impl Meanings {
    /// `member` came under this name and login.
    pub fn came(&mut self, member: Member, dn: &Dn, login: Option<&str>) {
        self.bearers.insert(reference::by_dn(dn), member);
        if let Some(login) = login {
            self.claimants.entry(reference::by_login(login)).or_default().insert(member);
        }
    }

    /// What was said of `member` is out of date.
    pub fn forget(&mut self, member: &Member) {
        self.bearers.retain(|_, bearer| bearer != member);
        for claimants in self.claimants.values_mut() {
            claimants.remove(member);
        }
    }

    /// All who claim `login` have come.
    pub fn looked_up(&mut self, login: &str) {
        self.looked_up.insert(reference::by_login(login));
    }

    /// Those who claim a login that another claims, too.
    pub fn rivals(&self) -> impl Iterator<Item = &Member> {
        self.claimants.values().filter(|claimants| claimants.len() > 1).flatten()
    }

    /// True when `reference` is the DN of an entry that came.
    #[must_use]
    pub fn is_borne(&self, reference: &RefHash) -> bool {
        self.bearers.contains_key(reference)
    }

    /// Whose DN `reference` is, of those who came.
    #[must_use]
    pub fn bearer(&self, reference: &RefHash) -> Option<Member> {
        self.bearers.get(reference).copied()
    }

    /// Who `reference` means, if groups may refer to that (`referable`). `known` is what is stored, for references
    /// that nothing has touched.
    #[must_use]
    pub fn of(&self, reference: &RefHash, known: &Known, referable: impl Fn(&Member) -> bool) -> Option<Member> {
        if let Some(bearer) = self.bearers.get(reference) {
            return Some(*bearer).filter(referable);
        }
        if self.looked_up.contains(reference) {
            let claimants = self.claimants.get(reference)?;
            return claimants.first().copied().filter(|first| claimants.len() == 1 && referable(first));
        }
        known.get(reference).copied().flatten()
    }
}

/// The login that an entry claims, by which groups may refer to it. What is no person claims none. One that cannot be used claims it too: who else
/// does is not certain to be meant. (That it gave up such a claim is noticed by the next full read alone; until
/// then nobody is let in.)
#[must_use]
pub fn claimed_login<'a>(settings: &Settings, entry: &'a Entry) -> Option<&'a str> {
    let person = entry.kind == Kind::Person && not_a_person(settings, entry).is_none();
    let claims = person && !settings.mapping.member_login.is_empty();
    let login = claims.then(|| entry.attributes.text(&settings.mapping.login)).flatten();
    login.filter(|login| login.len() <= settings.mapping.max_name_bytes)
}

/// The login by which groups may refer to somebody stored.
#[must_use]
pub fn login_of<'a>(settings: &Settings, entity: &'a Entity) -> Option<&'a str> {
    match entity {
        Entity::User(user) if !settings.mapping.member_login.is_empty() => Some(&user.login),
        _ => None,
    }
}

/// How groups may refer to somebody stored.
#[must_use]
pub fn references_to(settings: &Settings, entity: &Entity) -> Vec<RefHash> {
    let by_dn = entity.origin().dn.parse::<Dn>().ok().map(|dn| reference::by_dn(&dn));
    by_dn.into_iter().chain(login_of(settings, entity).map(reference::by_login)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserId;

    #[test]
    fn a_login_counts_once_all_were_asked_for_and_means_nobody_when_two_claim_it() {
        let [ann, eve] = [1, 2].map(|n| Member::User(UserId::from_bytes([n; 16])));
        let (login, stored) = (reference::by_login("ann"), reference::by_login("stored"));
        let known = Known::from([(login, Some(eve)), (stored, Some(eve))]);
        let mut meanings = Meanings::default();
        let of = |meanings: &Meanings, one: &RefHash| meanings.of(one, &known, |_| true);
        meanings.came(ann, &"uid=ann,dc=example".parse().unwrap(), Some("ann"));
        assert_eq!(of(&meanings, &login), Some(eve), "as stored, until all were asked for");
        meanings.looked_up("Ann");
        assert_eq!(of(&meanings, &login), Some(ann));
        meanings.came(eve, &"uid=eve,dc=example".parse().unwrap(), Some("ANN"));
        assert_eq!(of(&meanings, &login), None);
        assert_eq!(meanings.rivals().collect::<Vec<_>>(), [&ann, &eve]);
        meanings.forget(&ann);
        assert_eq!(of(&meanings, &login), Some(eve));
        assert_eq!(of(&meanings, &stored), Some(eve));
    }

    #[test]
    fn a_dn_means_who_came_last_under_it_if_that_may_be_referred_to() {
        let [old, new] = [1, 2].map(|n| Member::User(UserId::from_bytes([n; 16])));
        let dn: Dn = "uid=ann,dc=example".parse().unwrap();
        let by_dn = reference::by_dn(&dn);
        let known = Known::from([(by_dn, Some(old))]);
        let mut meanings = Meanings::default();
        assert_eq!(meanings.of(&by_dn, &known, |_| true), Some(old));
        meanings.came(old, &dn, None);
        meanings.came(new, &dn, None);
        assert_eq!(meanings.of(&by_dn, &known, |_| true), Some(new));
        assert_eq!(meanings.of(&by_dn, &known, |member| *member != new), None, "and not whoever bore it before");
    }
}
