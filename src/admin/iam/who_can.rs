//! Who may do that, by what is stored now: users and roles, and users who may assume such a role.
//!
//! Candidates are found from the documents' side ([`Candidates`]); each is then asked as a simulation would ask it, so the two
//! never differ; and whoever is allowed it by nothing that stands written may be by a grant ([`Question::by_grant`]). People are asked a page at a time, in the order of their ids, as their rows lie, and commits go on in between:
//! somebody who comes while the answer is put together may be missed, and nobody is told by two states at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::people::{LARGEST_PAGE, PAGE};
use super::super::{Admin, AdminError};
use super::question::{Posed, Question, Subject, inactive};
use super::simulate::Because;
use super::views::role_arn;
use crate::base::{RoleId, Timestamp, UserId};
use crate::gate::Authorized;
use crate::model::{Entity, Member, Role, User};
use crate::policy::{Detail, Effect, Layer, Principal, Reason, RequestError, Verdict};
use crate::rights::who_can::{Candidates, Sought};
use crate::rights::{Alike, Library};
use crate::store::{Snapshot, iam, rows};

/// Rows read under one snapshot.
const SCAN: usize = 1_000;

/// People asked at a time, where a page holds few.
const LEAST: usize = 64;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoCan {
    /// What is to be done.
    pub action: String,
    /// To what; nothing in particular, if nothing is said.
    #[serde(default = "anything")]
    pub resource: String,
    /// Context keys and their values, in the place of those known; of the request, and of the one that assumes a role for it.
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Sort>,
    /// Principals a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A user.
    User,
    /// A role.
    Role,
}

/// Who may.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Able {
    /// Users, of one page by name, then roles by account and name.
    pub items: Vec<AblePrincipal>,
    /// What to go on behind, when there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The ARN of the account's root, where it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// People met on the way to the page's end who may not act at all, and could do it otherwise.
    pub inactive: u64,
    /// Those met who may not do it, and might with values for keys that were asked for in vain.
    pub undecided: u64,
    /// These keys.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing: BTreeSet<String>,
}

/// Somebody who may.
#[derive(Debug, Serialize, Deserialize)]
pub struct AblePrincipal {
    /// What it is.
    pub kind: Sort,
    /// Its name; of a role of another account, `ACCOUNT/NAME`.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// By which ways.
    pub ways: Vec<Way>,
}

/// A way by which somebody may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Way {
    /// The statement that allows it, and from the principal to what its policy hangs on.
    #[serde(flatten)]
    pub because: Because,
    /// By which statement the role on the way may be assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assuming: Option<Because>,
    /// Context keys that were asked for and had no value: it is so as long as they have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

fn anything() -> String {
    "*".to_owned()
}

/// A role that may.
struct AbleRole {
    role: Role,
    ways: Vec<Way>,
}

/// What users are asked: the question itself, or whether they may assume a role that may.
struct Asked<'a> {
    question: Question<'a>,
    by: Option<&'a AbleRole>,
}

/// Where a page begins.
enum Mark {
    Start,
    /// Behind the user with this id.
    User(UserId),
    /// Behind the role of this account and name.
    Role(String, String),
}

/// Asks people, beside another who asks others.
struct Asker<'a, 't> {
    search: (&'a Admin, Timestamp),
    questions: (&'a [Asked<'a>], &'a [Sought]),
    candidates: &'a Candidates,
    library: Library<'t>,
    alike: Alike,
}

/// What was found of somebody.
enum Met {
    Able(AblePrincipal),
    Inactive,
    Undecided(Vec<String>),
}

/// A page that is being filled.
struct Search<'a, 't> {
    admin: &'a Admin,
    wanted: &'a WhoCan,
    now: Timestamp,
    limit: usize,
    library: Library<'t>,
    able: Able,
}

impl Admin {
    /// A page of those who may. Blocks.
    ///
    /// # Errors
    /// When the question makes no sense, or the store cannot be read.
    pub fn who_can(&self, asked: &Authorized, wanted: &WhoCan) -> Result<Able, AdminError> {
        let limit = wanted.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(AdminError::OutOfBounds { what: "limit".to_owned(), limit: format!("1 to {LARGEST_PAGE}") });
        }
        let mark = wanted.after.as_deref().map_or(Ok(Mark::Start), Mark::parse)?;
        let terms = self.terms(asked.at())?;
        let library = Library::with(self.shelf.clone(), &self.account, &terms);
        let search = Search { admin: self, wanted, now: asked.at(), limit, library, able: Able::default() };
        search.run(&mark)
    }
}

impl<'a> Search<'a, '_> {
    fn run(mut self, mark: &Mark) -> Result<Able, AdminError> {
        let question = self.question(&self.wanted.action, &self.wanted.resource)?;
        self.able.root = self.root(&question)?;
        let (roles, undecided) = self.roles(&question)?;
        if self.wanted.kind != Some(Sort::Role) && !matches!(mark, Mark::Role(..)) {
            let mut asked = vec![Asked { question, by: None }];
            for able in &roles {
                let question = self.question("sts:AssumeRole", role_arn(&able.role).as_str())?;
                asked.push(Asked { question, by: Some(able) });
            }
            self.people(&asked, mark)?;
        }
        if self.wanted.kind != Some(Sort::User) && self.able.items.len() < self.limit {
            self.list_roles(roles, mark);
            // They were met on the page on which roles begin.
            let begin = !matches!(mark, Mark::Role(..));
            undecided.into_iter().filter(|_| begin).for_each(|missing| self.undecided(missing));
        }
        Ok(self.able)
    }

    fn question(&self, action: &str, resource: &str) -> Result<Question<'a>, AdminError> {
        let (account, context) = (&self.admin.account, &self.wanted.context);
        self.admin.store.read(|snapshot| Question::new(snapshot, account, (action, resource), context))
    }

    fn root(&mut self, question: &Question<'_>) -> Result<Option<String>, AdminError> {
        let admin = self.admin;
        admin.store.read(|snapshot| {
            let mut reading = self.library.at(snapshot);
            let root = Subject::root(&mut reading, &admin.account)?;
            let decision = question.about(&mut reading, &root, self.now)?.decide(Detail::Deciding);
            Ok((decision.verdict == Verdict::Allowed).then(|| root.acting.principal.arn().to_owned()))
        })
    }

    /// Every role that may, by account and name; and what those lacked that might. There are few enough to ask each.
    fn roles(&mut self, question: &Question<'_>) -> Result<(Vec<AbleRole>, Vec<Vec<String>>), AdminError> {
        let (mut able, mut undecided) = (Vec::new(), Vec::new());
        let mut after: Option<RoleId> = None;
        let admin = self.admin;
        loop {
            let (last, count) = admin.store.read(|snapshot| {
                let roles = iam::all_roles(snapshot, after.as_ref(), SCAN)?;
                let end = (roles.last().map(|role| role.id), roles.len());
                let mut reading = self.library.at(snapshot);
                for role in roles {
                    if !reading.terms().holds(&role.account) {
                        continue;
                    }
                    let principal = Principal::parse(role_arn(&role).as_str()).map_err(RequestError::from)?;
                    let subject = Subject::of_role(&mut reading, &role, None, principal)?;
                    match ways(&question.about(&mut reading, &subject, self.now)?, &subject) {
                        Ok(ways) => able.push(AbleRole { role, ways }),
                        Err(missing) => undecided.push(missing),
                    }
                }
                Ok::<_, AdminError>(end)
            })?;
            after = last;
            if count < SCAN {
                break;
            }
        }
        able.sort_by_cached_key(|one| place(&one.role));
        Ok((able, undecided))
    }

    fn list_roles(&mut self, roles: Vec<AbleRole>, mark: &Mark) {
        for AbleRole { role, ways } in roles {
            if matches!(mark, Mark::Role(account, name) if place(&role) <= (account.clone(), name.clone())) {
                continue;
            }
            if self.able.items.len() == self.limit {
                return;
            }
            let at_home = role.account == self.admin.account;
            let name = if at_home { role.name.to_string() } else { format!("{}/{}", role.account, role.name) };
            self.able.items.push(AblePrincipal { kind: Sort::Role, name, arn: role_arn(&role).to_string(), ways });
            self.able.next =
                (self.able.items.len() == self.limit).then(|| format!("role/{}/{}", role.account, role.name));
        }
    }

    /// Asks people, in the order of their ids, until the page is full.
    fn people(&mut self, asked: &[Asked<'_>], mark: &Mark) -> Result<(), AdminError> {
        let admin = self.admin;
        let sought = asked.iter().map(|one| one.question.sought(&admin.account)).collect::<Result<Vec<_>, _>>()?;
        let candidates = Candidates::find(&admin.store, &admin.account, &mut self.library, &sought)?;
        let after = match mark {
            Mark::User(id) => Some(id),
            Mark::Start | Mark::Role(..) => None,
        };
        let asker = || Asker {
            search: (admin, self.now),
            questions: (asked, &sought),
            candidates: &candidates,
            library: self.library.beside(),
            alike: Alike::default(),
        };
        let (mut one, mut other) = (asker(), asker());
        // A page of answers is put together from few more people than it will hold.
        for page in candidates.people(after).chunks(self.limit.clamp(LEAST, SCAN)) {
            let (first, second) = page.split_at(page.len() / 2);
            let (first, second) = rayon::join(|| one.ask(first), || other.ask(second));
            for (id, met) in first?.into_iter().chain(second?) {
                if self.able.items.len() < self.limit {
                    self.meet(met);
                    self.able.next = (self.able.items.len() == self.limit).then(|| format!("user/{id}"));
                }
            }
            if self.able.items.len() == self.limit {
                break;
            }
        }
        self.able.items.sort_by_cached_key(|item| item.name.to_lowercase());
        Ok(())
    }

    fn meet(&mut self, met: Met) {
        match met {
            Met::Able(found) => self.able.items.push(found),
            Met::Inactive => self.able.inactive += 1,
            Met::Undecided(missing) => self.undecided(missing),
        }
    }

    /// Counts somebody who may not, where that is for want of values.
    fn undecided(&mut self, missing: Vec<String>) {
        self.able.undecided += u64::from(!missing.is_empty());
        self.able.missing.extend(missing);
    }
}

impl Asker<'_, '_> {
    /// Asks these, on one state of the store.
    fn ask(&mut self, people: &[UserId]) -> Result<Vec<(UserId, Met)>, AdminError> {
        let (admin, _) = self.search;
        admin.store.read(|snapshot| {
            self.alike.begin(snapshot, people)?;
            let mut found = Vec::new();
            for id in people {
                if let Some((_, Entity::User(user))) = rows::entity(snapshot, &Member::User(*id))? {
                    found.extend(self.person(snapshot, &user)?.map(|met| (*id, met)));
                }
            }
            Ok(found)
        })
    }

    fn person(&mut self, snapshot: &dyn Snapshot, user: &User) -> Result<Option<Met>, AdminError> {
        let ((_, now), (asked, sought)) = (self.search, self.questions);
        let mut reading = self.library.at(snapshot);
        let class = self.alike.class(&mut reading, user, (sought, self.candidates))?;
        if let Some(missing) = class.as_ref().and_then(|class| self.alike.refused(class)) {
            let counts = inactive(reading.terms(), user).is_none();
            return Ok(counts.then(|| Met::Undecided(missing.to_vec())));
        }
        let subject = Subject::of_user(&mut reading, user)?;
        let groups = subject.acting.effective.as_ref().map(|effective| effective.groups.as_slice()).unwrap_or_default();
        let (mut all, mut lacking) = (Vec::new(), Vec::new());
        let questions = self.candidates.questions(&user.id, groups).into_iter();
        for one in questions.filter_map(|number| asked.get(number)) {
            match ways(&one.question.about(&mut reading, &subject, now)?, &subject) {
                Ok(found) => all.extend(one.lead(found)),
                Err(missing) if self.candidates.is_granted(&user.id) => {
                    match one.question.by_grant(&mut reading, &subject, now)? {
                        Ok(because) => all.extend(one.lead(vec![Way { because, assuming: None, missing: Vec::new() }])),
                        Err(more) => lacking.extend(missing.into_iter().chain(more)),
                    }
                }
                Err(missing) => lacking.extend(missing),
            }
        }
        if let Some(class) = class.filter(|_| all.is_empty()) {
            self.alike.refuse(class, lacking.clone());
        }
        Ok(match (all.is_empty(), subject.inactive.is_some()) {
            (true, true) => None,
            (true, false) => Some(Met::Undecided(lacking)),
            (false, true) => Some(Met::Inactive),
            (false, false) => {
                let (name, arn) = (user.name.to_string(), subject.acting.principal.arn().to_owned());
                Some(Met::Able(AblePrincipal { kind: Sort::User, name, arn, ways: all }))
            }
        })
    }
}

impl Asked<'_> {
    /// Where ways lead to: to the question itself, or on through the role.
    fn lead(&self, found: Vec<Way>) -> Vec<Way> {
        let Some(role) = self.by else { return found };
        let Some(onward) = role.ways.first() else { return Vec::new() };
        let through = |way: Way| {
            let mut because = onward.because.clone();
            because.through.splice(0..0, way.because.through.iter().cloned());
            let missing: BTreeSet<String> = way.missing.into_iter().chain(onward.missing.iter().cloned()).collect();
            Way { because, assuming: Some(way.because), missing: missing.into_iter().collect() }
        };
        found.into_iter().map(through).collect()
    }
}

impl Mark {
    fn parse(text: &str) -> Result<Self, AdminError> {
        let none =
            || AdminError::OutOfBounds { what: "after".to_owned(), limit: "the `next` of the page before".to_owned() };
        match text.split_once('/').ok_or_else(none)? {
            ("user", id) => Ok(Self::User(id.parse().map_err(|_| none())?)),
            ("role", rest) => {
                let (account, name) = rest.split_once('/').ok_or_else(none)?;
                Ok(Self::Role(account.to_owned(), name.to_ascii_lowercase()))
            }
            _ => Err(none()),
        }
    }
}

/// Where a role stands among roles.
fn place(role: &Role) -> (String, String) {
    (role.account.to_string(), role.name.folded())
}

/// By which ways somebody may; otherwise what was asked for in vain.
fn ways(posed: &Posed<'_>, subject: &Subject) -> Result<Vec<Way>, Vec<String>> {
    let decision = posed.decide(Detail::Deciding);
    let missing: Vec<String> = decision.missing.into_iter().map(String::from).collect();
    if decision.verdict != Verdict::Allowed {
        return Err(missing);
    }
    let all = posed.decide(Detail::Everything).reasons;
    let allows = |reason: &Reason, wanted| match reason {
        Reason::Statement { layer, effect: Effect::Allow, .. } => *layer == wanted,
        _ => false,
    };
    // What the policies of somebody with a boundary allow counts within it, however the decision came about.
    let bounded = subject.acting.effective.as_ref().is_some_and(|effective| effective.boundary.is_some());
    let within = !bounded || all.iter().any(|reason| allows(reason, Layer::Boundary));
    let mut found: Vec<Because> = Vec::new();
    for reason in all.iter().filter(|reason| within && allows(reason, Layer::Identity)) {
        let first = posed.because(reason.clone());
        let told = |because: &&Because| (&because.policy, because.statement) == (&first.policy, first.statement);
        // A policy that came by two ways is there twice, and so is its reason.
        if found.iter().any(|because| told(&because)) {
            continue;
        }
        let name = first.policy.as_deref().unwrap_or_default();
        let ways = subject.acting.effective.iter().flat_map(|effective| effective.ways(name));
        let each: Vec<_> = ways.map(|way| Because { through: way.to_vec(), ..first.clone() }).collect();
        found.extend(each);
    }
    if found.is_empty() || posed.resource_is_enough() {
        let itself = || subject.acting.effective.iter().map(|effective| effective.label.clone()).collect();
        let told = all.iter().filter(|reason| allows(reason, Layer::Resource));
        found.extend(told.map(|reason| Because { through: itself(), ..posed.because(reason.clone()) }));
    }
    Ok(found.into_iter().map(|because| Way { because, assuming: None, missing: missing.clone() }).collect())
}
