//! Who is in which group, through which; and what somebody's rights rest on.
//!
//! The one implementation of the membership closure: computed from stored rows at the moment of the
//! question, never written down. Several parents and cycles are fine; a group that is gone or frozen
//! gives nothing and leads nowhere. On it stand the documents that have a say about a principal, each with its way. What
//! they say together is for `policy`.
//!
//! ```text
//!  ways      from a member to its groups, step by step: what a group lists, a primary group, another directory's group
//!  survey    from a group to the members it has no edge for
//!  find      what is meant by a name, an id or an ARN
//!  holds     whether a group is one of people or of machines
//!  effective what a user's or role's rights rest on: policies, boundary, tags
//!  library   reads that, for one or for many: groups and documents once
//!  known     what was read of a principal before, where it is the same
//!  shelf     documents that were parsed once
//!  acting    somebody who asks, in whatever session, with all that this rests on
//!  contacts  how old what is known of a directory may be
//!  assume    whether they may begin a session of a role
//!  assume_root whether they may begin one as root of another account
//!  guardrails the maximum permissions of an account, by level
//!  granted   whether a grant counts, with what it was agreed for, and who is of another firm
//!  assigned  roles by assignment or by a group's name, as the policies these stand for
//!  prospect  a store as it is and as it would be: what both say about people
//!  below     everybody a group holds, where either state says so
//!  position  what one of the two says about one person
//!  effects   who gains and loses what from one state to the other
//!  reach     from groups to the people in them, for all groups at once
//!  who_can   from a question to those who could be allowed it at all
//!  alike     those of whom the same was said before
//! ```

pub mod acting;
mod alike;
pub mod assigned;
pub mod assume;
pub mod assume_root;
mod below;
pub mod contacts;
pub mod effective;
pub mod effects;
pub mod find;
pub mod granted;
pub mod guardrails;
mod holds;
mod known;
mod library;
pub mod position;
mod prospect;
mod reach;
mod shelf;
mod survey;
mod ways;
pub mod who_can;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

pub use acting::{Acting, ActingError};
pub use alike::Alike;
pub use assigned::Assigned;
pub use assume::{Asked, AssumeError, Assumed, Way, may_assume, may_assume_granted};
pub use assume_root::may_assume_root;
pub use below::{Below, Roots};
pub use contacts::{Ages, Contacts, Heard, Stale};
pub use effective::{Effective, Facts, Held, root_context};
pub use effects::Effects;
pub use find::{FindError, HolderKind};
pub use granted::Granted;
pub use guardrails::{Guardrails, Sides};
pub use holds::Holds;
pub use library::{EVERYBODY, Library, Reading};
pub use prospect::Prospect;
pub use shelf::Shelf;
pub use survey::{Primaries, Survey};
pub use ways::How;

use crate::base::{GroupId, Timestamp};
use crate::model::{
    AccountId, Accounts, DirectoryLabel, Domains, Entity, Group, GroupRules, GroupScope, Member, Zone, grant,
};
use crate::store::{Snapshot, StoreError, rows};
use ways::Graph;

/// Longest chain of nested groups followed. Real directories stay below ten; a chain this long is a mistake or an attack.
pub const DEEPEST: usize = 64;

/// Most edges looked at for one member.
pub const MOST_EDGES: usize = 100_000;

/// On what terms memberships count.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Directories that are no longer configured: their groups do not count, and nobody of them is a member elsewhere.
    pub frozen: HashSet<DirectoryLabel>,
    /// Directories whose groups may hold members of each other. Empty: no directory's groups hold anybody of another.
    pub domains: Domains,
    /// What names of groups say about roles.
    pub rules: GroupRules,
    /// Accounts whose roles count; `None` is all of them.
    pub accounts: Option<Accounts>,
    /// Who may be granted what, and where the hours of policies are those of the clock on the wall.
    pub grants: GrantTerms,
    /// When directories answered last.
    pub heard: Heard,
    /// The moment.
    pub now: Timestamp,
}

/// What is configured of grants.
#[derive(Debug, Clone, Default)]
pub struct GrantTerms {
    /// Who may be granted what.
    pub rules: grant::Rules,
    /// Where hours are those of.
    pub zone: Zone,
}

/// Terms at any moment, by what is configured and stored then.
pub type TermsAt = Arc<dyn Fn(Timestamp) -> Result<Terms, StoreError> + Send + Sync>;

impl Terms {
    /// Terms at `now` under which every directory stands for itself.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            frozen: HashSet::new(),
            domains: Domains::default(),
            rules: GroupRules::default(),
            accounts: None,
            grants: GrantTerms::default(),
            heard: Heard::default(),
            now,
        }
    }

    /// Whether roles of `account` count.
    #[must_use]
    pub fn holds(&self, account: &AccountId) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.holds(account))
    }
}

/// The groups a member is effectively in.
#[derive(Debug, Default)]
pub struct Closure {
    /// Every group, nearest first, each with the way to it.
    pub groups: Vec<Reached>,
    /// Set when a limit ended the search: what lies beyond counts for nothing.
    pub cut_short: Option<String>,
    /// Whether the clock alone may make another one of it: a group that was met ends, or has hours.
    pub timed: bool,
}

/// A group reached.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The group.
    pub group: Arc<Group>,
    /// The groups passed on the way, nearest to the member first; empty for direct membership.
    pub through: Vec<GroupId>,
    /// What makes the last step of the way a membership.
    pub how: How,
}

impl Closure {
    /// Each group with the way to it in words, such as `user/ann`, `group/team`: `own`, then every group passed and itself.
    pub(crate) fn ways<'a>(&'a self, own: &'a [String]) -> impl Iterator<Item = (&'a Reached, Arc<[String]>)> {
        let names: HashMap<GroupId, String> =
            self.groups.iter().map(|reached| (reached.group.id, format!("group/{}", reached.group.name))).collect();
        self.groups.iter().map(move |reached| {
            let passed = reached.through.iter().chain([&reached.group.id]).filter_map(|id| names.get(id));
            (reached, own.iter().chain(passed).cloned().collect())
        })
    }
}

/// The groups that `member` is effectively in.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn effective_groups(snapshot: &dyn Snapshot, member: &Member, terms: &Terms) -> Result<Closure, StoreError> {
    let start = rows::entity(snapshot, member)?.map(|(_, entity)| entity);
    up(&mut Graph::default(), snapshot, (member, start.as_ref()), terms, |_| true)
}

/// The groups that Active Directory would put into the token of `member`, which is of `directory`: security groups,
/// reached through security groups alone, and domain-local ones of the own domain only (MS-ADTS 3.1.1.4.5.19).
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn token_groups(
    snapshot: &dyn Snapshot,
    member: &Member,
    directory: &DirectoryLabel,
    terms: &Terms,
) -> Result<Closure, StoreError> {
    let start = rows::entity(snapshot, member)?.map(|(_, entity)| entity);
    up(&mut Graph::default(), snapshot, (member, start.as_ref()), terms, |group| {
        group.security && (group.scope != Some(GroupScope::DomainLocal) || group.origin.directory == *directory)
    })
}

/// A walk from `member`, which is `start`, up through all groups that count by `terms` and `also`, nearest first.
fn up(
    graph: &mut Graph,
    snapshot: &dyn Snapshot,
    (member, start): (&Member, Option<&Entity>),
    terms: &Terms,
    also: impl Fn(&Group) -> bool,
) -> Result<Closure, StoreError> {
    let mut closure = Closure::default();
    let mut seen: HashSet<GroupId> = HashSet::new();
    let mut ahead: VecDeque<(Option<Arc<Group>>, Vec<GroupId>)> = VecDeque::from([(None, Vec::new())]);
    let mut edges = 0;
    while let Some((from, through)) = ahead.pop_front() {
        if through.len() >= DEEPEST {
            closure.cut_short = Some(format!("groups nested deeper than {DEEPEST}"));
            continue;
        }
        let steps = match &from {
            None => ways::up(snapshot, member, start, terms)?.into(),
            Some(group) => graph.above(snapshot, group, terms)?,
        };
        for &(id, how) in &*steps {
            edges += 1;
            if edges > MOST_EDGES {
                closure.cut_short = Some(format!("more than {MOST_EDGES} memberships"));
                return Ok(closure);
            }
            if !seen.insert(id) {
                continue;
            }
            let Some(group) = graph.group(snapshot, &id)? else { continue };
            closure.timed |= group.standing.is_timed();
            if group.standing.active(terms.now).is_ok()
                && !terms.frozen.contains(&group.origin.directory)
                && also(&group)
            {
                let mut onward = through.clone();
                onward.push(id);
                ahead.push_back((Some(Arc::clone(&group)), onward));
                closure.groups.push(Reached { group, through: through.clone(), how });
            }
        }
    }
    Ok(closure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Guid, UserId};
    use crate::model::{Actor, IamName, Origin, Presence, Standing};
    use crate::store::{Commit, Intent, Store, memory, schema};

    fn group_id(n: u32) -> GroupId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        GroupId::from_bytes(bytes)
    }

    fn now() -> Timestamp {
        "2026-03-12T00:00:00Z".parse().unwrap()
    }

    /// A store with these groups and edges; groups in `gone` are gone.
    fn store(groups: u32, edges: &[(u32, Member)], gone: &[u32]) -> Store {
        let store = Store::new(memory::Memory::new());
        let mut commit = Commit::new(Actor::task("test"), now(), Intent::Widen);
        for n in 0..groups {
            let presence = if gone.contains(&n) { Presence::Gone { since: now() } } else { Presence::Present };
            let group = Group {
                id: group_id(n),
                name: IamName::mapped(&format!("g{n}"), None, &[0; 16]),
                path: crate::model::IamPath::default(),
                original_name: format!("g{n}"),
                origin: Origin::new("corp".parse().unwrap(), Guid::from_bytes([0; 16]), format!("cn=g{n}")),
                standing: Standing { presence, ..Standing::default() },
                description: None,
                scope: None,
                security: false,
            };
            commit.put(schema::group(&group.id), rows::encode(&rows::NO_DIGEST, &serde_json::to_vec(&group).unwrap()));
        }
        for (group, member) in edges {
            commit.put(schema::edge(&group_id(*group), member), vec![0; 16]);
            commit.put(schema::edge_back(member, &group_id(*group)), Vec::new());
        }
        store.commit(commit).unwrap();
        store
    }

    fn names(store: &Store, member: &Member) -> Vec<String> {
        let closure = store.read(|s| effective_groups(s, member, &Terms::at(now()))).unwrap();
        closure.groups.iter().map(|reached| reached.group.original_name.clone()).collect()
    }

    #[test]
    fn nesting_with_cycles_and_several_parents_ends() {
        let ann = Member::User(UserId::from_bytes([9; 16]));
        let nested = |n| Member::Group(group_id(n));
        let store =
            store(4, &[(0, ann), (1, nested(0)), (2, nested(1)), (0, nested(2)), (2, nested(0)), (3, nested(3))], &[]);
        assert_eq!(names(&store, &ann), ["g0", "g1", "g2"]);
        assert_eq!(names(&store, &nested(3)), ["g3"]);
    }

    #[test]
    fn a_group_that_is_gone_leads_nowhere() {
        let ann = Member::User(UserId::from_bytes([9; 16]));
        let store = store(3, &[(0, ann), (1, Member::Group(group_id(0))), (2, ann)], &[0]);
        assert_eq!(names(&store, &ann), ["g2"]);
    }

    #[test]
    fn a_frozen_directory_gives_nothing() {
        let ann = Member::User(UserId::from_bytes([9; 16]));
        let store = store(1, &[(0, ann)], &[]);
        let terms = Terms { frozen: HashSet::from(["corp".parse().unwrap()]), ..Terms::at(now()) };
        let closure = store.read(|s| effective_groups(s, &ann, &terms)).unwrap();
        assert!(closure.groups.is_empty());
    }

    #[test]
    fn a_chain_without_end_is_cut_short_and_says_so() {
        let ann = Member::User(UserId::from_bytes([9; 16]));
        let mut edges = vec![(0, ann)];
        edges.extend((1..1_000).map(|n| (n, Member::Group(group_id(n - 1)))));
        let store = store(1_000, &edges, &[]);
        let closure = store.read(|s| effective_groups(s, &ann, &Terms::at(now()))).unwrap();
        assert_eq!(closure.groups.len(), DEEPEST);
        assert!(closure.cut_short.unwrap().contains("64"));
    }

    #[test]
    fn three_hundred_groups_all_in_each_other_end() {
        let ann = Member::User(UserId::from_bytes([9; 16]));
        let mut edges = vec![(0, ann)];
        edges.extend((0..300).flat_map(|a| (0..300).map(move |b| (a, Member::Group(group_id(b))))));
        let store = store(300, &edges, &[]);
        assert_eq!(names(&store, &ann).len(), 300);
    }
}
