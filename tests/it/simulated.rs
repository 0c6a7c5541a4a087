//! A directory in memory, as treacherous as a real one.
//!
//! Edits change objects and leave events behind, as OpenLDAP would send them: with `refint` the groups
//! that referred to somebody deleted or renamed are rewritten, and no event says so.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use async_trait::async_trait;
use bailey::base::Guid;
use bailey::directory::{
    Arrival, Attributes, Changes, Completeness, Cursor, DirectoryError, Dn, Entry, Finding, Following, Kind, Method,
    Reading, ServerHealth, Source, Unusable, Wanted,
};
use tokio::sync::mpsc;

const BASE: &str = "dc=example,dc=test";

/// Entries a page of a read.
const PAGE: usize = 7;

/// A handle; clones share the tree.
#[derive(Clone, Default)]
pub(crate) struct Simulated(Arc<Mutex<Tree>>);

/// What is in it, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) objects: BTreeMap<Guid, Object>,
    /// True when references follow whoever is renamed or deleted.
    pub(crate) refint: bool,
    /// References are rewritten only once groups were looked up so many times.
    pub(crate) refint_lags: usize,
    behind: Option<(String, String)>,
    pub(crate) faults: Faults,
    /// SIDs the server works out for somebody's token. `None`: it has no such thing.
    pub(crate) tokens: Option<BTreeMap<Guid, Vec<Vec<u8>>>>,
    events: Vec<Guid>,
    drawn: u128,
    cursor: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) dn: String,
    pub(crate) attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

/// What goes wrong with reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Says so of itself.
    pub(crate) doubt: Option<String>,
    /// Ends with an error behind so many entries.
    pub(crate) break_after: Option<usize>,
    /// Entries that do not come.
    pub(crate) withheld: BTreeSet<Guid>,
    /// Entries that come in pieces: with their id, or without.
    pub(crate) garbled: BTreeMap<Guid, bool>,
    /// Entries that come a second time under another name.
    pub(crate) twins: BTreeSet<Guid>,
    /// Nothing comes, and that is called a success.
    pub(crate) empty: bool,
}

impl Simulated {
    pub(crate) fn new(refint: bool) -> Self {
        let simulated = Self::default();
        simulated.tree().refint = refint;
        simulated
    }

    pub(crate) fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap()
    }

    /// A person in `ou=people`.
    pub(crate) fn person(&self, login: &str) -> Guid {
        self.tree().add(Kind::Person, format!("uid={login},ou=people,{BASE}"), &[("uid", login), ("cn", login)])
    }

    pub(crate) fn people(&self, prefix: &str, count: usize) -> Vec<Guid> {
        (0..count).map(|n| self.person(&format!("{prefix}{n}"))).collect()
    }

    /// A group with these members.
    pub(crate) fn group(&self, name: &str, members: &[Guid]) -> Guid {
        let mut tree = self.tree();
        let group = tree.add(Kind::Group, format!("cn={name},ou=groups,{BASE}"), &[("cn", name)]);
        members.iter().for_each(|member| tree.join(group, *member));
        group
    }

    pub(crate) fn machine(&self, name: &str) -> Guid {
        self.tree().add(Kind::Machine, format!("cn={name},ou=machines,{BASE}"), &[("cn", name)])
    }

    pub(crate) fn delete(&self, guid: Guid) {
        self.tree().delete(guid);
    }

    /// Gives a person another login, and with it another DN.
    pub(crate) fn rename(&self, guid: Guid, login: &str) {
        let mut tree = self.tree();
        let (_, parent) =
            tree.objects[&guid].dn.split_once(',').map(|(rdn, rest)| (rdn.to_owned(), rest.to_owned())).unwrap();
        tree.renamed(guid, format!("uid={login},{parent}"), &[("uid", login)]);
    }

    pub(crate) fn join(&self, group: Guid, member: Guid) {
        self.tree().join(group, member);
    }

    pub(crate) fn leave(&self, group: Guid, member: Guid) {
        self.tree().leave(group, member);
    }

    pub(crate) fn disable(&self, guid: Guid) {
        self.tree().set(guid, "pwdAccountLockedTime", &[b"000001010000Z"]);
    }

    pub(crate) fn enable(&self, guid: Guid) {
        self.tree().set(guid, "pwdAccountLockedTime", &[]);
    }

    /// Everything that happened since the last time this was asked.
    pub(crate) fn take_events(&self) -> Changes {
        let mut tree = self.tree();
        let events = std::mem::take(&mut tree.events);
        let mut last: Vec<Guid> = Vec::new();
        for guid in events {
            last.retain(|earlier| *earlier != guid);
            last.push(guid);
        }
        let (there, gone): (Vec<Guid>, Vec<Guid>) = last.into_iter().partition(|guid| tree.objects.contains_key(guid));
        let arrivals = there.into_iter().map(|guid| tree.arrival(guid)).collect();
        Changes::Delta { arrivals, gone, former: Vec::new(), cursor: tree.next_cursor(), received: Instant::now() }
    }

    /// What changed and what is left, where the server forgot what it deleted (RFC 4533 3.3.1).
    pub(crate) fn take_present(&self) -> [Changes; 2] {
        let Changes::Delta { arrivals, received, .. } = self.take_events() else { panic!("events are a delta") };
        let mut tree = self.tree();
        let present: HashSet<Guid> = tree.objects.keys().copied().collect();
        let cursor = tree.next_cursor();
        let delta = Changes::Delta { arrivals, gone: Vec::new(), former: Vec::new(), cursor: cursor.clone(), received };
        [delta, Changes::Present { present, cursor, received }]
    }
}

impl Tree {
    /// A new object, with an id never used before.
    pub(crate) fn add(&mut self, kind: Kind, dn: String, attributes: &[(&str, &str)]) -> Guid {
        self.drawn += 1;
        // Ids are spread as real ones are.
        let guid = Guid::from_bytes((self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes());
        assert!(self.named(&dn).is_none(), "{dn} is taken");
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]));
        self.objects.insert(guid, Object { kind, dn, attributes: attributes.collect() });
        self.events.push(guid);
        guid
    }

    /// Brings a deleted object back under its old id.
    pub(crate) fn restore(&mut self, guid: Guid, object: Object) {
        self.objects.insert(guid, object);
        self.events.push(guid);
    }

    /// Who bears this DN.
    pub(crate) fn named(&self, dn: &str) -> Option<Guid> {
        self.objects.iter().find(|(_, object)| object.dn.eq_ignore_ascii_case(dn)).map(|(guid, _)| *guid)
    }

    pub(crate) fn delete(&mut self, guid: Guid) {
        let Some(object) = self.objects.remove(&guid) else { return };
        self.events.push(guid);
        if self.refint {
            self.rewrite(&object.dn, None);
        }
    }

    pub(crate) fn renamed(&mut self, guid: Guid, dn: String, attributes: &[(&str, &str)]) {
        assert!(self.named(&dn).is_none_or(|bearer| bearer == guid), "{dn} is taken");
        let object = self.objects.get_mut(&guid).unwrap();
        let old = std::mem::replace(&mut object.dn, dn.clone());
        for (name, value) in attributes {
            object.attributes.insert((*name).to_owned(), vec![value.as_bytes().to_vec()]);
        }
        self.events.push(guid);
        if self.refint && self.refint_lags > 0 {
            self.behind = Some((old, dn));
        } else if self.refint {
            self.rewrite(&old, Some(&dn));
        }
    }

    /// Sets an attribute; no values take it away.
    pub(crate) fn set(&mut self, guid: Guid, attribute: &str, values: &[&[u8]]) {
        let object = self.objects.get_mut(&guid).unwrap();
        if values.is_empty() {
            object.attributes.remove(attribute);
        } else {
            object.attributes.insert(attribute.to_owned(), values.iter().map(|value| value.to_vec()).collect());
        }
        self.events.push(guid);
    }

    pub(crate) fn join(&mut self, group: Guid, member: Guid) {
        let dn = self.objects[&member].dn.clone();
        self.list(group, "member", &dn);
    }

    /// Lists `value` in a group, whoever that may be.
    pub(crate) fn list(&mut self, group: Guid, attribute: &str, value: &str) {
        let values = self.objects.get_mut(&group).unwrap().attributes.entry(attribute.to_owned()).or_default();
        if !values.iter().any(|held| held == value.as_bytes()) {
            values.push(value.as_bytes().to_vec());
        }
        self.events.push(group);
    }

    pub(crate) fn leave(&mut self, group: Guid, member: Guid) {
        let dn = normalised(&self.objects[&member].dn);
        self.unlist(group, "member", |value| normalised(value) == dn);
        self.events.push(group);
    }

    pub(crate) fn unlist(&mut self, group: Guid, attribute: &str, which: impl Fn(&str) -> bool) {
        let attributes = &mut self.objects.get_mut(&group).unwrap().attributes;
        if let Some(values) = attributes.get_mut(attribute) {
            values.retain(|value| !which(std::str::from_utf8(value).unwrap()));
        }
    }

    /// True when nobody was told of it yet.
    pub(crate) fn is_new(&self, guid: Guid) -> bool {
        self.events.contains(&guid)
    }

    pub(crate) fn touch(&mut self, guid: Guid) {
        self.events.push(guid);
    }

    /// One look closer to what `refint` has yet to do.
    fn catch_up(&mut self) {
        if let Some((old, new)) = self.behind.take_if(|_| self.refint_lags == 0) {
            self.rewrite(&old, Some(&new));
        }
        self.refint_lags = self.refint_lags.saturating_sub(1);
    }

    /// What `refint` does: no event follows from it.
    fn rewrite(&mut self, old: &str, new: Option<&str>) {
        let old = normalised(old);
        for object in self.objects.values_mut().filter(|object| object.kind == Kind::Group) {
            let Some(values) = object.attributes.get_mut("member") else { continue };
            let is_old = |value: &Vec<u8>| normalised(std::str::from_utf8(value).unwrap()) == old;
            if values.iter().any(is_old) {
                values.retain(|value| !is_old(value));
                values.extend(new.map(|new| new.as_bytes().to_vec()));
            }
        }
    }

    pub(crate) fn arrival(&self, guid: Guid) -> Arrival {
        let object = &self.objects[&guid];
        if let Some(with_id) = self.faults.garbled.get(&guid) {
            return Arrival::Unusable(Unusable {
                dn: object.dn.clone(),
                guid: with_id.then_some(guid),
                why: "it came in pieces".to_owned(),
            });
        }
        Arrival::Entry(object.entry(guid))
    }

    fn next_cursor(&mut self) -> Cursor {
        self.cursor += 1;
        cursor(self.cursor)
    }

    fn everything(&self) -> Vec<Arrival> {
        let mut all = Vec::new();
        for guid in self.objects.keys().filter(|guid| !self.faults.withheld.contains(guid)) {
            all.push(self.arrival(*guid));
            if self.faults.twins.contains(guid) {
                let mut twin = self.objects[guid].clone();
                twin.dn = format!("cn=twin-{guid},{BASE}");
                all.push(Arrival::Entry(twin.entry(*guid)));
            }
        }
        if self.faults.empty { Vec::new() } else { all }
    }

    fn answers(&self, wanted: &Wanted) -> Vec<Guid> {
        let matching = |(guid, object): &(&Guid, &Object)| match wanted {
            Wanted::Guid(wanted) => *guid == wanted,
            Wanted::Dn(dn) => normalised(&object.dn) == dn.normalised(),
            Wanted::Login(login) => {
                let claims = |value: &Vec<u8>| value.eq_ignore_ascii_case(login.as_bytes());
                object.kind == Kind::Person && object.attributes.get("uid").is_some_and(|held| held.iter().any(claims))
            }
        };
        self.objects.iter().filter(matching).map(|(guid, _)| *guid).collect()
    }
}

impl Object {
    pub(crate) fn entry(&self, guid: Guid) -> Entry {
        let mut attributes = Attributes::default();
        for (name, values) in &self.attributes {
            attributes.push(name, values.clone());
        }
        Entry { kind: self.kind, guid, dn: self.dn.parse().unwrap(), attributes }
    }
}

fn normalised(dn: &str) -> String {
    dn.parse::<Dn>().unwrap().normalised()
}

pub(crate) fn cursor(at: u64) -> Cursor {
    Cursor { server: "ldap://simulated".to_owned(), method: "syncrepl".to_owned(), state: at.into() }
}

#[async_trait]
impl Source for Simulated {
    async fn following(&self) -> Result<Following, DirectoryError> {
        Ok(Following::by(Method::Syncrepl))
    }

    async fn read(&self, into: mpsc::Sender<Vec<Arrival>>) -> Result<Reading, DirectoryError> {
        let (all, faults, position) = {
            let mut tree = self.tree();
            (tree.everything(), tree.faults.clone(), tree.next_cursor())
        };
        let count = all.len();
        let ends = faults.break_after.unwrap_or(count);
        let mut left = all.into_iter().take(ends).peekable();
        while left.peek().is_some() {
            let page = left.by_ref().take(PAGE).collect();
            into.send(page).await.map_err(|_| DirectoryError::Connection {
                server: "ldap://simulated".to_owned(),
                why: "the read was given up: its receiver is gone".to_owned(),
            })?;
        }
        if ends < count {
            let why = format!("gone behind {ends} entries");
            return Err(DirectoryError::Connection { server: "ldap://simulated".to_owned(), why });
        }
        let completeness = match faults.doubt {
            Some(doubt) => Completeness::Doubtful(vec![doubt]),
            None => Completeness::Complete,
        };
        let server = "ldap://simulated".to_owned();
        Ok(Reading { server, position: Some(position), completeness, count: count as u64, domain: None })
    }

    async fn follow(&self, _: Cursor, into: mpsc::Sender<Changes>) -> Result<(), DirectoryError> {
        let _ = into.send(self.take_events()).await;
        Ok(())
    }

    async fn look_up(&self, wanted: Vec<Wanted>) -> Result<Vec<Arrival>, DirectoryError> {
        let mut tree = self.tree();
        tree.catch_up();
        let found: Vec<Guid> = wanted.iter().flat_map(|one| tree.answers(one)).collect();
        Ok(found.into_iter().map(|guid| tree.arrival(guid)).collect())
    }

    async fn token_groups(&self, guid: &Guid) -> Result<Option<Vec<Vec<u8>>>, DirectoryError> {
        let tree = self.tree();
        Ok(tree.tokens.as_ref().map(|tokens| tokens.get(guid).cloned().unwrap_or_default()))
    }

    async fn estimate(&self) -> Option<u64> {
        None
    }

    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }

    fn servers(&self) -> Vec<ServerHealth> {
        Vec::new()
    }
}
