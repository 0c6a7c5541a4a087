//! A domain controller that plays Windows where Samba differs: it sends `member` in slices of its own accord, pages no
//! more than it likes, tells DirSync in parts, and does to its database what only a backup does.
//!
//! Its objects are in memory and changed by the test. Searches are answered by evaluating their filter.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bailey::base::{Guid, Secret};
use bailey::directory::Settings;
use bailey::directory::filter::Filter;
use bailey::directory::settings::{Bind, Family, Scope};
use lber::structure::StructureTag;

use super::ber::{self, bytes, control, integer, message, number, octets, parts, result, sequence, text};
use super::scripted::{Asked, Reply, Request, Script, Scripted, Served, entry_operation};

pub(crate) const DOMAIN: &str = "DC=win,DC=test";
const CONFIGURATION: &str = "CN=Configuration,DC=win,DC=test";
const SERVICE: &str = "CN=NTDS Settings,CN=DC1,CN=Configuration,DC=win,DC=test";
pub(crate) const DIRSYNC: &str = "1.2.840.113556.1.4.841";
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const PAGED: &str = "1.2.840.113556.1.4.319";

/// An object and the update sequence numbers it carries.
#[derive(Debug, Clone)]
struct Object {
    dn: String,
    /// By lower-case name.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
    usn: u64,
    created: u64,
    deleted: bool,
}

/// What the controller has, and its whims.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    objects: BTreeMap<Guid, Object>,
    pub(crate) usn: u64,
    pub(crate) invocation: [u8; 16],
    /// `yyyymmddhhmmss.0Z`
    pub(crate) time: String,
    pub(crate) tombstone_days: u32,
    /// Values of one attribute sent at a time.
    pub(crate) slice: usize,
    /// Slices of which the second is forgotten.
    pub(crate) drops_a_slice: bool,
    /// A change to the object between two slices, this many times.
    pub(crate) changes_between_slices: u32,
    /// Entries an answer at most, paged or not, and objects a DirSync answer (`MaxPageSize`).
    pub(crate) page: usize,
    /// The Windows error a bind is refused with, in hexadecimal.
    pub(crate) refuses_bind: Option<&'static str>,
    /// What is answered to DirSync instead of changes.
    pub(crate) refuses_dirsync: Option<u32>,
    /// The account may follow everything; otherwise only what it may read.
    pub(crate) may_follow_everything: bool,
    pub(crate) sees_deletions: bool,
    pub(crate) catching_up: bool,
}

impl Domain {
    pub(crate) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            usn: 1_000,
            invocation: [0x11; 16],
            time: "20260312120000.0Z".to_owned(),
            tombstone_days: 180,
            slice: 1_500,
            drops_a_slice: false,
            changes_between_slices: 0,
            page: 1_000,
            refuses_bind: None,
            refuses_dirsync: None,
            may_follow_everything: true,
            sees_deletions: true,
            catching_up: false,
        }
    }

    /// Adds an object of this class with these attributes.
    pub(crate) fn add(&mut self, number: u32, rdn: &str, classes: &[&str], attributes: &[(&str, &str)]) -> Guid {
        let usn = self.count();
        let guid = guid(number);
        let one = |value: &str| vec![value.as_bytes().to_vec()];
        let mut held: BTreeMap<String, Vec<Vec<u8>>> =
            attributes.iter().map(|(name, value)| (name.to_ascii_lowercase(), one(value))).collect();
        held.insert("objectclass".to_owned(), classes.iter().map(|class| class.as_bytes().to_vec()).collect());
        held.insert("objectguid".to_owned(), vec![mixed_endian(guid)]);
        held.insert("name".to_owned(), one(rdn.split(',').next().unwrap()));
        let object = Object { dn: format!("{rdn},{DOMAIN}"), attributes: held, usn, created: usn, deleted: false };
        self.objects.insert(guid, object);
        guid
    }

    pub(crate) fn person(&mut self, number: u32) -> Guid {
        let login = format!("u{number}");
        let attributes = [
            ("sAMAccountName", login.as_str()),
            ("sAMAccountType", "805306368"),
            ("userAccountControl", "512"),
            ("displayName", "Somebody"),
        ];
        let guid =
            self.add(number, &format!("CN={login}"), &["top", "person", "organizationalPerson", "user"], &attributes);
        let sid = [&[1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0][..], &[7; 12], &(number + 1_000).to_le_bytes()].concat();
        self.objects.get_mut(&guid).unwrap().attributes.insert("objectsid".to_owned(), vec![sid]);
        guid
    }

    /// A group that lists these people.
    pub(crate) fn group(&mut self, number: u32, members: impl Iterator<Item = u32>) -> Guid {
        let name = format!("g{number}");
        let attributes = [("sAMAccountName", name.as_str()), ("groupType", "-2147483646")];
        let guid = self.add(number, &format!("CN={name}"), &["top", "group"], &attributes);
        self.set(guid, "member", members.map(|n| format!("CN=u{n},{DOMAIN}").into_bytes()).collect());
        guid
    }

    pub(crate) fn set(&mut self, guid: Guid, name: &str, values: Vec<Vec<u8>>) {
        let usn = self.count();
        self.show(usn, guid, name, values);
    }

    /// Counts an update without showing it, as a domain controller does for a moment.
    pub(crate) fn count(&mut self) -> u64 {
        self.usn += 1;
        self.usn
    }

    /// Shows an update that was counted as `usn`.
    pub(crate) fn show(&mut self, usn: u64, guid: Guid, name: &str, values: Vec<Vec<u8>>) {
        let object = self.objects.get_mut(&guid).unwrap();
        object.attributes.insert(name.to_ascii_lowercase(), values);
        object.usn = usn;
    }

    /// As a domain controller deletes: renamed, moved, stripped of most, kept as a tombstone.
    pub(crate) fn delete(&mut self, guid: Guid) {
        let usn = self.count();
        let object = self.objects.get_mut(&guid).unwrap();
        let rdn = object.dn.split(',').next().unwrap().to_owned();
        object.dn = format!("{rdn}\\0ADEL:{guid},CN=Deleted Objects,{DOMAIN}");
        object.attributes.retain(|name, _| ["objectclass", "objectguid", "name"].contains(&name.as_str()));
        object.attributes.insert("isdeleted".to_owned(), vec![b"TRUE".to_vec()]);
        (object.usn, object.deleted) = (usn, true);
        let gone = format!("{rdn},{DOMAIN}").into_bytes();
        for other in self.objects.values_mut() {
            if let Some(members) = other.attributes.get_mut("member") {
                // No change of the group is told.
                members.retain(|member| *member != gone);
            }
        }
    }
}

pub(crate) fn guid(number: u32) -> Guid {
    let mut bytes = [0x5a; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Guid::from_bytes(bytes)
}

/// The first three fields of an objectGUID are little-endian.
fn mixed_endian(guid: Guid) -> Vec<u8> {
    uuid::Uuid::from_bytes(*guid.as_bytes()).to_bytes_le().to_vec()
}

/// A running controller.
pub(crate) struct Controller {
    server: Scripted,
    domain: Arc<Mutex<Domain>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Controller {
    /// Serves a domain in which nothing was committed for long.
    pub(crate) async fn start(mut domain: Domain) -> Self {
        domain.usn += 1_000;
        let domain = Arc::new(Mutex::new(domain));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (theirs, log) = (Arc::clone(&domain), Arc::clone(&asked));
        let script = Script::serving(Vec::new()).faults(move |request, replies| match (&request.kind, &request.tag) {
            (Asked::Bind { .. }, _) => match theirs.lock().unwrap().refuses_bind {
                None => replies,
                Some(code) => vec![Reply::Result { code: 49, text: refusal(code) }],
            },
            (Asked::StartTls, _) | (_, None) => replies,
            (_, Some(tag)) => Search::of(tag).map_or(replies, |search| {
                log.lock().unwrap().push(search.describe());
                search.answer(request, &mut theirs.lock().unwrap())
            }),
        });
        Self { server: Scripted::start(script).await, domain, asked }
    }

    /// The domain, to be changed.
    pub(crate) fn domain(&self) -> MutexGuard<'_, Domain> {
        self.domain.lock().unwrap()
    }

    /// Every search so far: base, scope and the control it came with.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn settings(&self) -> Settings {
        let scope = |class: &str| Scope { object_classes: vec![class.to_owned()], filter: None };
        let normal: Filter = "(sAMAccountType=805306368)".parse().unwrap();
        Settings {
            family: Family::ActiveDirectory,
            bind: Bind::Simple { dn: format!("CN=svc,{DOMAIN}"), password: Secret::new("svc-secret".to_owned()) },
            people: Scope { filter: Some(normal), ..scope("user") },
            groups: scope("group"),
            machines: scope("computer"),
            id_attribute: "objectGUID".to_owned(),
            login_attribute: "sAMAccountName".to_owned(),
            attributes: ["sAMAccountName", "displayName", "member", "userAccountControl", "objectSid", "groupType"]
                .map(str::to_owned)
                .to_vec(),
            notified: false,
            follow_every: std::time::Duration::from_millis(20),
            ..super::settings("win", &self.server.url("ldap"), DOMAIN)
        }
    }
}

impl Controller {
    /// The section of a configuration that reads this domain, with `more` in it.
    pub(crate) fn section(&self, label: &str, more: &str) -> String {
        format!(
            "[[directory]]\nlabel = \"{label}\"\nkind = \"active-directory\"\nurls = [\"{}\"]\nbind_dn = \"CN=svc,{DOMAIN}\"\n\
             bind_password = \"svc-secret\"\nbases = [\"{DOMAIN}\"]\n{more}\n",
            self.server.url("ldap")
        )
    }
}

/// What Windows says when it refuses a bind.
fn refusal(code: &str) -> String {
    format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563")
}

/// A search as it was asked.
struct Search<'a> {
    base: String,
    scope: u32,
    filter: &'a StructureTag,
    attributes: Vec<String>,
    controls: BTreeMap<String, Vec<u8>>,
}

impl<'a> Search<'a> {
    fn of(tag: &'a StructureTag) -> Option<Self> {
        let [_, operation, rest @ ..] = parts(tag) else { return None };
        let arguments = parts(operation);
        if operation.id != 3 {
            return None;
        }
        let value = |parts: &[StructureTag]| parts.last().filter(|_| parts.len() > 1).map(|v| bytes(v).to_vec());
        let controls = rest.first().map(parts).unwrap_or_default().iter().map(parts);
        Some(Self {
            base: text(&arguments[0]),
            scope: number(&arguments[1]),
            filter: &arguments[6],
            attributes: parts(&arguments[7]).iter().map(text).collect(),
            controls: controls.map(|parts| (text(&parts[0]), value(parts).unwrap_or_default())).collect(),
        })
    }

    fn describe(&self) -> String {
        let special = [DIRSYNC, SHOW_DELETED, PAGED].iter().find(|oid| self.controls.contains_key(**oid));
        format!("{} {} {}", self.base, self.scope, special.copied().unwrap_or_default())
    }

    fn answer(&self, request: &Request, domain: &mut Domain) -> Vec<Reply> {
        let done = |code: u32| Reply::Done { code, text: String::new(), page: None };
        if self.scope == 0 {
            return match self.at_base(domain) {
                Some(entry) => vec![Reply::Entry(entry), done(0)],
                None => vec![done(32)],
            };
        }
        if let Some(value) = self.controls.get(DIRSYNC) {
            return self.dirsync(request, value, domain);
        }
        let shows_deleted = self.controls.contains_key(SHOW_DELETED) && domain.sees_deletions;
        let base = self.base.to_lowercase();
        let below = |object: &&Object| object.dn.to_lowercase().ends_with(&base);
        let found: Vec<&Object> = (self.candidates(domain).into_iter())
            .filter(|object| !object.deleted || shows_deleted)
            .filter(|object| matches(self.filter, object))
            .filter(below)
            .collect();
        let Some(value) = self.controls.get(PAGED) else {
            // sizeLimitExceeded, behind as many as there may be.
            let end = done(if found.len() > domain.page { 4 } else { 0 });
            let some = found.iter().take(domain.page).map(|object| Reply::Entry(self.shown(object, domain)));
            return some.chain([end]).collect();
        };
        let (_, value) = lber::Parser::new().parse(value).unwrap();
        let size = (number(&parts(&value)[0]) as usize).min(domain.page);
        let start: usize = text(&parts(&value)[1]).parse().unwrap_or(0);
        let end = (start + size).min(found.len());
        let next = if end < found.len() { end.to_string().into_bytes() } else { Vec::new() };
        let page = found[start..end].iter().map(|object| Reply::Entry(self.shown(object, domain)));
        page.chain([Reply::Done { code: 0, text: String::new(), page: Some(next) }]).collect()
    }

    /// What the filter may match: a server has an index of ids.
    fn candidates<'d>(&self, domain: &'d Domain) -> Vec<&'d Object> {
        let mut ids = Vec::new();
        ids_in(self.filter, &mut ids);
        if ids.is_empty() {
            return domain.objects.values().collect();
        }
        ids.iter().filter_map(|id| domain.objects.get(id)).collect()
    }

    fn at_base(&self, domain: &mut Domain) -> Option<Served> {
        let one = |text: String| vec![text.into_bytes()];
        let empty = |dn: &str| Served { dn: dn.as_bytes().to_vec(), attributes: Vec::new() };
        match self.base.as_str() {
            "" => Some(
                empty("")
                    .with(
                        "supportedControl",
                        [PAGED, DIRSYNC, SHOW_DELETED].map(|oid| oid.as_bytes().to_vec()).to_vec(),
                    )
                    .with("supportedCapabilities", one("1.2.840.113556.1.4.800".to_owned()))
                    .with("namingContexts", vec![DOMAIN.as_bytes().to_vec(), CONFIGURATION.as_bytes().to_vec()])
                    .with("configurationNamingContext", one(CONFIGURATION.to_owned()))
                    .with("dsServiceName", one(SERVICE.to_owned()))
                    .with("highestCommittedUSN", one(domain.usn.to_string()))
                    .with("currentTime", one(domain.time.clone()))
                    .with("isSynchronized", one(if domain.catching_up { "FALSE" } else { "TRUE" }.to_owned())),
            ),
            SERVICE => Some(empty(SERVICE).with("invocationId", vec![domain.invocation.to_vec()])),
            DOMAIN => Some(empty(DOMAIN)),
            base if base.starts_with("CN=Directory Service,") => {
                Some(empty(base).with("tombstoneLifetime", one(domain.tombstone_days.to_string())))
            }
            base if base.starts_with("CN=Deleted Objects,") && domain.sees_deletions => {
                Some(empty(base).with("name", one("Deleted Objects".to_owned())))
            }
            base => {
                let by_guid = base.strip_prefix("<GUID=").and_then(|rest| rest.strip_suffix('>'));
                let wanted = |object: &(&Guid, &Object)| match by_guid {
                    Some(guid) => object.0.to_string() == guid,
                    None => object.1.dn.eq_ignore_ascii_case(base),
                };
                let found = domain.objects.iter().find(wanted).map(|(guid, object)| (*guid, object.clone()));
                let (guid, object) = found.filter(|(_, object)| !object.deleted)?;
                let shown = self.shown(&object, domain);
                if self.attributes.iter().any(|name| name.contains(";range=")) && domain.changes_between_slices > 0 {
                    domain.changes_between_slices -= 1;
                    domain.set(guid, "description", vec![b"changed".to_vec()]);
                }
                Some(shown)
            }
        }
    }

    /// What is sent of an object: what was asked for, and of many values the first slice.
    fn shown(&self, object: &Object, domain: &Domain) -> Served {
        let mut served = Served { dn: object.dn.clone().into_bytes(), attributes: Vec::new() };
        for asked in &self.attributes {
            let (name, range) =
                asked.split_once(";range=").map_or((asked.as_str(), None), |(name, range)| (name, Some(range)));
            let held = name.to_ascii_lowercase();
            let values = match held.as_str() {
                "usnchanged" => vec![object.usn.to_string().into_bytes()],
                "usncreated" => vec![object.created.to_string().into_bytes()],
                "whenchanged" => vec![domain.time.clone().into_bytes()],
                held => object.attributes.get(held).cloned().unwrap_or_default(),
            };
            let start: usize = range.map_or(0, |range| range.split('-').next().unwrap().parse().unwrap());
            if values.is_empty() || start >= values.len() || domain.drops_a_slice && start > 0 {
                continue;
            }
            let end = (start + domain.slice).min(values.len());
            let slice = values[start..end].to_vec();
            served = match (range, end == values.len()) {
                (None, true) => served.with(name, slice),
                (_, true) => served.with(&format!("{name};range={start}-*"), slice),
                // As Windows does: the attribute itself comes too, without a value.
                (_, false) => served.with(name, Vec::new()).with(&format!("{name};range={start}-{}", end - 1), slice),
            };
        }
        served
    }

    fn dirsync(&self, request: &Request, value: &[u8], domain: &Domain) -> Vec<Reply> {
        let (_, value) = lber::Parser::new().parse(value).unwrap();
        let [flags, _, cookie] = parts(&value) else { panic!("a DirSync request of three parts") };
        let raw = |code: u32, more: bool, cookie: &str| {
            let value = sequence(&[integer(u32::from(more)), integer(0), octets(cookie)]);
            let controls: Vec<Vec<u8>> = if code == 0 { vec![control(DIRSYNC, value)] } else { Vec::new() };
            Reply::Raw(message(request.id, result(0x65, code, "scripted"), &controls))
        };
        if number(flags) & 1 == 0 && !domain.may_follow_everything {
            return vec![raw(50, false, "")];
        }
        if let Some(code) = domain.refuses_dirsync.filter(|_| !bytes(cookie).is_empty()) {
            return vec![raw(code, false, "")];
        }
        let since: u64 = text(cookie).parse().unwrap_or(0);
        let mut told: Vec<&Object> = (domain.objects.values())
            .filter(|object| {
                object.usn > since && (!object.deleted || domain.sees_deletions) && matches(self.filter, object)
            })
            .collect();
        told.sort_by_key(|object| object.usn);
        let more = told.len() > domain.page;
        told.truncate(domain.page);
        let cookie = if more { told.last().unwrap().usn } else { domain.usn };
        let entries = told.iter().map(|object| {
            let new = object.created > since;
            let always = |name: &str| ["objectGUID", "isDeleted"].iter().any(|one| one.eq_ignore_ascii_case(name));
            let told = |name: &&String| always(name) || new || object.deleted;
            let names: Vec<String> = self.attributes.iter().filter(told).cloned().collect();
            let search = Search { attributes: names, base: String::new(), controls: BTreeMap::new(), ..*self };
            let operation = entry_operation(&search.shown(object, &Domain { slice: usize::MAX, ..Domain::new() }));
            Reply::Raw(message(request.id, operation, &[]))
        });
        entries.chain([raw(0, more, &cookie.to_string())]).collect()
    }
}

/// Ids asked for anywhere in a filter.
fn ids_in(filter: &StructureTag, ids: &mut Vec<Guid>) {
    if let (3, [name, value]) = (filter.id, parts(filter))
        && text(name).eq_ignore_ascii_case("objectGUID")
        && let Ok(bytes) = bytes(value).try_into()
    {
        ids.push(Guid::from_bytes(uuid::Uuid::from_bytes_le(bytes).into_bytes()));
    }
    parts(filter).iter().for_each(|part| ids_in(part, ids));
}

/// Evaluates a filter as it came over the wire (RFC 4511 4.5.1.7).
fn matches(filter: &StructureTag, object: &Object) -> bool {
    let usn = |name: &str| match name {
        "uSNChanged" => Some(object.usn),
        _ => None,
    };
    match filter.id {
        0 => parts(filter).iter().all(|part| matches(part, object)),
        1 => parts(filter).iter().any(|part| matches(part, object)),
        2 => !parts(filter).iter().any(|part| matches(part, object)),
        3 => {
            let [name, value] = parts(filter) else { panic!("an equality of two parts") };
            let held: HashSet<&Vec<u8>> =
                object.attributes.get(&text(name).to_ascii_lowercase()).into_iter().flatten().collect();
            held.iter().any(|held| held.eq_ignore_ascii_case(bytes(value)))
        }
        order @ (5 | 6) => {
            let [name, value] = parts(filter) else { panic!("a comparison of two parts") };
            let bound: u64 = text(value).parse().unwrap();
            usn(&text(name)).is_some_and(|usn| if order == 5 { usn >= bound } else { usn <= bound })
        }
        7 => object.attributes.contains_key(&ber::text(filter).to_ascii_lowercase()),
        other => panic!("a filter of kind {other}"),
    }
}
