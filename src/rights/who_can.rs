//! From a question to those who could be allowed it at all.
//!
//! Documents are few and people are many. So it is asked first which documents could allow it, then on whom those hang, and
//! then who is in those groups. Whether somebody found so may do it is not said here: [`super::Library`] tells what has a say about
//! them, and `policy` decides. Whoever is not found is allowed nothing by anybody's document.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use super::assigned::implied_role;
use super::{Library, Terms, reach};
use crate::base::{GroupId, PolicyId, RoleId, UserId};
use crate::model::{AccountId, Entitlements, Entity, Holder, Member, MemberKind, Role};
use crate::policy::{Document, Request, Whom};
use crate::store::schema::iam::member_of;
use crate::store::{KeyRange, Store, StoreError, iam, rows, schema};

/// Rows read under one snapshot.
const PAGE: usize = 1_000;

/// A question for whose answer people are sought.
#[derive(Debug)]
pub struct Sought {
    /// What is asked; who asks in it, and the context, do not matter.
    pub request: Request,
    /// The role that is the resource, where its trust has a say.
    pub role: Option<Role>,
}

/// People who could be allowed what was asked.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Users and groups on whom something hangs that could allow it, and which of the questions it is about.
    by: HashMap<Member, BTreeSet<usize>>,
    /// Questions that anybody could be allowed: the role trusts everybody.
    open: BTreeSet<usize>,
    /// Users who have a grant of one of the roles, or had one: whether it counts is not said here.
    granted: HashSet<UserId>,
    /// All of them, in the order of their ids.
    people: BTreeSet<UserId>,
}

impl Candidates {
    /// Those who could be allowed any of what is sought.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn find(
        store: &Store,
        account: &AccountId,
        library: &mut Library<'_>,
        sought: &[Sought],
    ) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let mut by_documents = BTreeSet::new();
        for (number, question) in sought.iter().enumerate() {
            // A role is assumed by whom it trusts; what anybody's own policies say is not enough.
            if found.trusted(store, library, number, question)? {
                by_documents.insert(number);
            }
        }
        found.by_documents(store, library, sought, &by_documents)?;
        found.by_names(store, account, library.terms(), sought)?;
        found.by_grants(store, library.terms(), sought)?;
        let groups = found.by.keys().filter_map(|member| match member {
            Member::Group(id) => Some(*id),
            Member::User(_) | Member::Resource(_) => None,
        });
        found.people.extend(reach::people_in(store, library.terms(), groups)?);
        let themselves = found.by.keys().filter_map(user);
        found.people.extend(themselves);
        if !found.open.is_empty() {
            store.visit(&KeyRange::prefix(&schema::all(MemberKind::User)), |key, _| {
                found.people.extend(schema::parse_entity(key).as_ref().and_then(user));
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Those behind `after`, in the order of their ids: as their rows lie in the store.
    #[must_use]
    pub fn people(&self, after: Option<&UserId>) -> Vec<UserId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.people.range((from, Bound::Unbounded)).copied().collect()
    }

    /// Which of the questions a user who is in these groups could be allowed.
    #[must_use]
    pub fn questions(&self, user: &UserId, groups: &[GroupId]) -> BTreeSet<usize> {
        let members = groups.iter().map(|group| Member::Group(*group)).chain([Member::User(*user)]);
        members.filter_map(|member| self.by.get(&member)).flatten().chain(&self.open).copied().collect()
    }

    /// Whether somebody has a grant that they could be allowed it by.
    #[must_use]
    pub fn is_granted(&self, user: &UserId) -> bool {
        self.granted.contains(user)
    }

    fn add(&mut self, member: Member, question: usize) {
        self.by.entry(member).or_default().insert(question);
    }

    /// Notes whom the resource itself lets do it; true when the policies of somebody could besides.
    fn trusted(
        &mut self,
        store: &Store,
        library: &mut Library<'_>,
        number: usize,
        question: &Sought,
    ) -> Result<bool, StoreError> {
        let Some(role) = &question.role else { return Ok(true) };
        for member in store.read(|snapshot| iam::assigned_to(snapshot, &role.id, usize::MAX))? {
            self.add(member, number);
        }
        let Some(trust) = &role.trust else { return Ok(false) };
        let document = library.trust_of(role, &trust.document)?;
        let bound: HashMap<&str, &Holder> = trust.bound.iter().map(|(id, holder)| (id.as_str(), holder)).collect();
        let mut others = false;
        for whom in document.could_allow_to(&question.request) {
            others |= !matches!(whom, Whom::Other(_));
            match whom {
                Whom::Everybody => drop(self.open.insert(number)),
                Whom::One(name) => match bound.get(name) {
                    Some(holder) => {
                        if let Some(member) = member_of(holder) {
                            self.add(member, number);
                        }
                    }
                    None if names_a_role(name) => {}
                    // An id tells nobody's name, so everybody is asked whether it is theirs.
                    None => drop(self.open.insert(number)),
                },
                Whom::Account(_) | Whom::Other(_) => {}
            }
        }
        Ok(others)
    }

    /// Notes on whom documents hang that could allow one of `questions`.
    fn by_documents(
        &mut self,
        store: &Store,
        library: &mut Library<'_>,
        sought: &[Sought],
        questions: &BTreeSet<usize>,
    ) -> Result<(), StoreError> {
        if questions.is_empty() {
            return Ok(());
        }
        let answers = |document: &Document| -> Vec<usize> {
            let could = |number: &usize| sought.get(*number).is_some_and(|one| document.could_allow(&one.request));
            questions.iter().copied().filter(could).collect()
        };
        let mut managed: HashMap<PolicyId, Arc<[usize]>> = HashMap::new();
        let mut after: Option<Holder> = None;
        loop {
            let (page, allowing) = store.read(|snapshot| {
                let page = iam::all_entitlements(snapshot, after.as_ref(), PAGE)?;
                let mut reading = library.at(snapshot);
                let mut allowing = Vec::new();
                for (holder, Entitlements { attached, inline, .. }) in &page {
                    let Some(member) = member_of(holder) else { continue };
                    for id in attached {
                        let numbers = match managed.get(id) {
                            Some(known) => Arc::clone(known),
                            None => answers(&reading.managed(id)?.written.document).into(),
                        };
                        allowing.extend(numbers.iter().map(|number| (member, *number)));
                        managed.insert(*id, numbers);
                    }
                    for (name, text) in inline {
                        let document = reading.parsed(text, name.as_str())?;
                        allowing.extend(answers(&document).into_iter().map(|number| (member, number)));
                    }
                }
                Ok::<_, StoreError>((page, allowing))
            })?;
            allowing.into_iter().for_each(|(member, number)| self.add(member, number));
            match page.last() {
                Some((last, _)) if page.len() == PAGE => after = Some(*last),
                _ => return Ok(()),
            }
        }
    }

    /// Notes the groups whose names say that their members may assume one of the roles.
    fn by_names(
        &mut self,
        store: &Store,
        account: &AccountId,
        terms: &Terms,
        sought: &[Sought],
    ) -> Result<(), StoreError> {
        let roles = by_role(sought);
        if roles.is_empty() || terms.rules.rules().is_empty() {
            return Ok(());
        }
        store.for_each(&KeyRange::prefix(&schema::all(MemberKind::Group)), |key, row| {
            let Entity::Group(group) = rows::decode(key, row.value)? else { return Ok(()) };
            let Some(implied) = terms.rules.of(&group) else { return Ok(()) };
            let role =
                store.read(|snapshot| implied_role(snapshot, account, implied.account.as_deref(), &implied.role))?;
            for number in role.and_then(|role| roles.get(&role.id)).into_iter().flatten() {
                self.add(Member::Group(group.id), *number);
            }
            Ok::<_, StoreError>(())
        })
    }

    /// Notes who has a grant of one of the roles that is not over. The rows say whose and of what by their keys alone.
    fn by_grants(&mut self, store: &Store, terms: &Terms, sought: &[Sought]) -> Result<(), StoreError> {
        let roles = by_role(sought);
        if roles.is_empty() || terms.grants.rules.all().is_empty() {
            return Ok(());
        }
        store.visit(&KeyRange::prefix(&schema::grants::open_grants()), |key, _| {
            if let Some((person, role, _)) = schema::grants::parse_open_grant_of(key)
                && let Some(numbers) = roles.get(&role)
            {
                self.granted.insert(person);
                numbers.iter().for_each(|number| self.add(Member::User(person), *number));
            }
            Ok(())
        })
    }
}

/// Which of the questions are about which role.
fn by_role(sought: &[Sought]) -> HashMap<RoleId, Vec<usize>> {
    let mut roles: HashMap<RoleId, Vec<usize>> = HashMap::new();
    for (number, question) in sought.iter().enumerate() {
        if let Some(role) = &question.role {
            roles.entry(role.id).or_default().push(number);
        }
    }
    roles
}

pub(super) fn user(member: &Member) -> Option<UserId> {
    match member {
        Member::User(id) => Some(*id),
        Member::Group(_) | Member::Resource(_) => None,
    }
}

/// Whether a principal in a trust policy is a role or a session of one, which is no person.
fn names_a_role(principal: &str) -> bool {
    principal.starts_with("AROA") || principal.starts_with("arn:aws:sts:") || principal.contains(":role/")
}
