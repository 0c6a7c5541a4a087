//! Machines that show a Kerberos ticket: computers of a domain, by the account that they signed in to it with.
//!
//! A ticket has a name in it and no id, and a name has no one owner over time: a computer is deleted, another one joins under its
//! name, and the first one's ticket is good for hours more. So a name counts if it means one machine in the store, if its
//! directory says at this moment that this machine, by its id, has it, and if nobody else is known to have had it within
//! [`LONGEST_TICKET`]. The DNS name is never looked at: a computer's own account may write that (CVE-2022-26923).

use std::time::Duration;

use jiff::SignedDuration;

use super::identify::{active, unknown};
use super::refused::MachineRefused;
use super::{Credential, Machine};
use crate::authn::Caller;
use crate::authn::kerberos::Principal;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::directory::{Arrival, Entry, Kind, Source, Wanted};
use crate::model::{AccountId, DirectoryLabel, Domains, Entity, MemberKind, Presence, Resource, reference};
use crate::store::{KeyRange, Snapshot, Store, StoreError, history, rows, schema};

/// No ticket that a domain gives out is good for longer: 10 hours if nobody changed that, and a day with room to spare.
pub const LONGEST_TICKET: SignedDuration = SignedDuration::from_hours(24);

/// Longest wait for the directory.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bits of `userAccountControl` (MS-ADTS 2.2.16): UF_ACCOUNTDISABLE; UF_WORKSTATION_TRUST_ACCOUNT and UF_SERVER_TRUST_ACCOUNT, of
/// which every computer has one.
const DISABLED: i64 = 0x2;
const COMPUTER: i64 = 0x1000 | 0x2000;

/// The account of a computer, of a domain that is one of our directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    principal: Principal,
    directory: DirectoryLabel,
}

impl Named {
    /// Whom a ticket names, if that can be a machine of one of `domains`.
    ///
    /// # Errors
    /// When it is no computer's name, or of no domain that is read, or of one that several directories stand for.
    pub fn of(principal: Principal, domains: &Domains) -> Result<Self, MachineRefused> {
        if principal.machine().is_none() {
            return Err(MachineRefused::NoMachine(principal.to_string()));
        }
        match domains.called(principal.realm()).cloned() {
            Some(directory) => Ok(Self { principal, directory }),
            None => Err(MachineRefused::Realm(principal.realm().to_owned())),
        }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &DirectoryLabel {
        &self.directory
    }

    /// The account's name.
    fn account(&self) -> &str {
        self.principal.name()
    }
}

impl Machine {
    /// The machine of `account` whose ticket was taken at `now`, by the word of its directory, `source`, which is asked.
    ///
    /// # Errors
    /// When no machine, or more than one, has that name, or somebody else had it lately; when it may not act; when its directory
    /// says otherwise, or does not answer; when the store cannot be read.
    pub async fn with_ticket(
        (store, account): (&Store, &AccountId),
        named: Named,
        source: &dyn Source,
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Caller, MachineRefused> {
        let asked = named.clone();
        let resource = store.run(move |store| store.read(|snapshot| meant(snapshot, &asked, now))).await?;
        let guid = resource.origin.guid;
        let away = |why: String| MachineRefused::Away { directory: named.directory.to_string(), why };
        let answered = tokio::time::timeout(PATIENCE, source.look_up(vec![Wanted::Guid(guid)])).await;
        let answered = answered.map_err(|_| away(format!("no answer within {} s", PATIENCE.as_secs())))?;
        let found = answered.map_err(|error| away(error.to_string()))?;
        let live = found.into_iter().find_map(|arrival| match arrival {
            Arrival::Entry(entry) if entry.guid == guid => Some(entry),
            _ => None,
        });
        borne(live.as_ref(), &named)?;
        let shown =
            Credential::Kerberos { realm: named.principal.realm().to_owned(), principal: named.principal.to_string() };
        Ok(Self { account: account.clone(), resource, shown, at: now, from }.into())
    }
}

/// The one machine of the store with that account, if it may act and nobody else had its name lately.
fn meant(snapshot: &dyn Snapshot, named: &Named, now: Timestamp) -> Result<Resource, MachineRefused> {
    let known = reference::by_account(named.account());
    let mut found = rows::machines_known_by(snapshot, &named.directory, &known)?;
    found.retain(|machine| has(machine, named.account()));
    if found.len() > 1 {
        found.retain(|machine| machine.standing.is_present());
    }
    let told = || format!("account `{}` in directory `{}`", named.account(), named.directory);
    let resource = match (found.pop(), found.is_empty()) {
        (Some(resource), true) => active(resource, now)?,
        (None, _) => return Err(unknown(&told())),
        (Some(_), false) => return Err(MachineRefused::Ambiguous(told())),
    };
    match lately_of_another(snapshot, &resource, named, now)? {
        None => Ok(resource),
        Some(until) => Err(MachineRefused::NameReused { account: named.account().to_owned(), until }),
    }
}

fn has(machine: &Resource, account: &str) -> bool {
    machine.account_name.as_deref().is_some_and(|name| name.to_lowercase() == account.to_lowercase())
}

/// Until when a ticket of somebody else who had the name may be good. Whoever has had it for so long has had it alone; of the
/// others the history of all machines of the directory says who had it, those included that are stored no more.
fn lately_of_another(
    snapshot: &dyn Snapshot,
    resource: &Resource,
    named: &Named,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let Ok(since) = now.checked_sub(LONGEST_TICKET) else { return Ok(None) };
    let own = schema::resource(&resource.id);
    if has_had(snapshot, &own, named.account(), since)? {
        return Ok(None);
    }
    let machines = KeyRange::prefix(&schema::all_of_directory(MemberKind::Resource, &named.directory));
    let mut left: Option<Timestamp> = None;
    history::superseded_since(snapshot, &machines, since, |key, row, until| {
        if key != own
            && let Some(machine) = had(key, row.value, named.account())?
        {
            // One that is gone has left before its row did.
            left = left.max(Some(match machine.standing.presence {
                Presence::Gone { since } => since.min(until),
                _ => until,
            }));
        }
        Ok(())
    })?;
    Ok(left.and_then(|left| left.checked_add(LONGEST_TICKET).ok()).filter(|until| *until > now))
}

/// Whether the machine at `key`, which has the account now, has had it all the time since then.
fn has_had(snapshot: &dyn Snapshot, key: &[u8], account: &str, since: Timestamp) -> Result<bool, StoreError> {
    let Some(then) = history::as_of(snapshot, key, history::revision_at(snapshot, since)?)? else { return Ok(false) };
    let mut throughout = had(key, then.value, account)?.is_some();
    history::superseded_since(snapshot, &KeyRange::prefix(key), since, |key, row, _| {
        throughout &= had(key, row.value, account)?.is_some();
        Ok(())
    })?;
    Ok(throughout)
}

/// The machine of a row, if it had the account when the row was this.
fn had(key: &[u8], row: Vec<u8>, account: &str) -> Result<Option<Resource>, StoreError> {
    match rows::decode(key, row)? {
        Entity::Resource(machine) if has(&machine, account) => Ok(Some(machine)),
        _ => Ok(None),
    }
}

/// Whether the directory says of the object, now, that it is a computer with this account, and not switched off.
fn borne(live: Option<&Entry>, named: &Named) -> Result<(), MachineRefused> {
    let otherwise = |why: &str| {
        let (account, directory) = (named.account().to_owned(), named.directory.to_string());
        Err(MachineRefused::Otherwise { account, directory, why: why.to_owned() })
    };
    let Some(live) = live.filter(|live| live.kind == Kind::Machine) else {
        return otherwise("the computer that had it is not there");
    };
    let account = live.attributes.text("sAMAccountName").map(str::to_lowercase);
    if account != Some(named.account().to_lowercase()) {
        return otherwise("the computer that had it is called otherwise now");
    }
    let control = live.attributes.text("userAccountControl").and_then(|bits| bits.parse::<i64>().ok());
    match control {
        None => otherwise("whether it is switched off cannot be read"),
        Some(bits) if bits & DISABLED != 0 => otherwise("it is disabled"),
        Some(bits) if bits & COMPUTER == 0 => otherwise("it is not the account of a computer"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Guid;
    use crate::directory::Attributes;
    use crate::model::{Actor, Domain, IamName, Inactive, Origin, Standing, origin};
    use crate::store::memory::Memory;
    use crate::store::{Commit, Intent};

    fn domains() -> Domains {
        let domain = |label: &str, n: u32, base: &str| {
            let sid = format!("S-1-5-21-1-2-{n}").parse().unwrap();
            (label.parse().unwrap(), Domain { sid, base: base.to_owned() })
        };
        Domains::new([
            domain("corp", 1, "dc=ad,dc=test"),
            domain("lab", 2, "dc=lab,dc=ad,dc=test"),
            domain("one", 3, "dc=twice,dc=test"),
            domain("two", 3, "dc=twice,dc=test"),
        ])
    }

    fn named(text: &str) -> Result<Named, MachineRefused> {
        Named::of(Principal::shown(text).unwrap(), &domains())
    }

    #[test]
    fn a_realm_is_the_domain_of_one_directory_in_whatever_case() {
        for (text, label) in [("WEB1$@AD.TEST", "corp"), ("web1$@ad.Test", "corp"), ("WEB1$@LAB.AD.TEST", "lab")] {
            assert_eq!(named(text).unwrap().directory().as_str(), label, "{text}");
        }
        for foreign in ["WEB1$@TEST", "WEB1$@OTHER.TEST", "WEB1$@AD.TEST.", "WEB1$@AD,DC=TEST", "WEB1$@TWICE.TEST"] {
            assert!(matches!(named(foreign), Err(MachineRefused::Realm(_))), "{foreign}");
        }
        for person in ["alice@AD.TEST", "WEB1@AD.TEST"] {
            assert!(matches!(named(person), Err(MachineRefused::NoMachine(_))), "{person}");
        }
    }

    #[test]
    fn the_directory_has_the_last_word() {
        let asked = named("WEB1$@AD.TEST").unwrap();
        let entry = |kind, attributes: &[(&str, &str)]| {
            let mut held = Attributes::default();
            for (name, value) in attributes {
                held.push(name, vec![value.as_bytes().to_vec()]);
            }
            Entry {
                kind,
                guid: Guid::from_bytes([1; 16]),
                dn: "cn=web1,dc=ad,dc=test".parse().unwrap(),
                attributes: held,
            }
        };
        let of = |name: &str, control: &str| {
            entry(Kind::Machine, &[("sAMAccountName", name), ("userAccountControl", control)])
        };
        for (name, control) in [("WEB1$", "4096"), ("web1$", "69632"), ("WEB1$", "532480")] {
            assert!(borne(Some(&of(name, control)), &asked).is_ok(), "{name} {control}");
        }
        let person = entry(Kind::Person, &[("sAMAccountName", "WEB1$"), ("userAccountControl", "4096")]);
        let hidden = entry(Kind::Machine, &[("sAMAccountName", "WEB1$")]);
        let others =
            [of("WEB2$", "4096"), of("WEB1", "4096"), of("WEB1$", "4098"), of("WEB1$", "512"), of("WEB1$", "x")];
        for other in others.iter().chain([&person, &hidden]) {
            assert!(matches!(borne(Some(other), &asked), Err(MachineRefused::Otherwise { .. })), "{other:?}");
        }
        assert!(matches!(borne(None, &asked), Err(MachineRefused::Otherwise { .. })));
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap()
    }

    /// A machine of `corp`, which stands for an object with this number.
    fn machine(number: u8, account: &str, standing: Standing) -> Resource {
        let (label, guid): (DirectoryLabel, Guid) = ("corp".parse().unwrap(), Guid::from_bytes([number; 16]));
        let id = origin::resource_id(&label, &guid);
        Resource {
            id,
            name: IamName::mapped(&format!("m{number}"), None, id.as_bytes()),
            original_name: String::new(),
            origin: Origin::new(label, guid, ""),
            standing,
            description: None,
            account_name: Some(account.to_owned()),
            primary_group: None,
            tags: Default::default(),
            identities: Default::default(),
        }
    }

    /// Rows as a sync writes them: `before` goes, `after` comes.
    fn write(store: &Store, before: Option<&Resource>, after: Option<&Resource>, now: Timestamp) {
        let mut commit = Commit::new(Actor::task("sync/corp"), now, Intent::Widen);
        let ways = |machine: &Resource| {
            let way = |known| schema::machine_known_by(&machine.origin.directory, &known, &machine.id);
            machine.known_by().map(way).collect::<Vec<_>>()
        };
        let kept: Vec<Vec<u8>> = after.into_iter().flat_map(ways).collect();
        for way in before.into_iter().flat_map(ways).filter(|way| !kept.contains(way)) {
            commit.delete(way);
        }
        if let Some(before) = before.filter(|_| after.is_none()) {
            commit.delete(schema::resource(&before.id));
        }
        if let Some(after) = after {
            let json = serde_json::to_vec(after).unwrap();
            commit.put(schema::resource(&after.id), rows::encode(&rows::NO_DIGEST, &json));
            for way in kept {
                commit.put(way, Vec::new());
            }
        }
        store.commit(commit).unwrap();
    }

    fn meant_at(store: &Store, account: &str, now: Timestamp) -> Result<Resource, MachineRefused> {
        let named = named(&format!("{account}@AD.TEST"))?;
        store.read(|snapshot| meant(snapshot, &named, now))
    }

    fn is_reused(store: &Store, now: Timestamp, wanted: Timestamp) {
        match meant_at(store, "WEB1$", now) {
            Err(MachineRefused::NameReused { until, .. }) => assert_eq!(until, wanted),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_is_its_owners_alone_once_old_tickets_are_over() {
        let store = Store::new(Memory::new());
        let (first, second) = (machine(1, "web1$", Standing::default()), machine(2, "WEB1$", Standing::default()));
        write(&store, None, Some(&first), hour(0));
        assert_eq!(meant_at(&store, "WEB1$", hour(1)).unwrap().id, first.id, "whoever had it first has it at once");
        let gone = Standing { presence: Presence::Gone { since: hour(50) }, ..Standing::default() };
        let gone = machine(1, "web1$", gone);
        write(&store, Some(&first), Some(&gone), hour(50));
        let alone = meant_at(&store, "WEB1$", hour(50));
        assert!(matches!(alone, Err(MachineRefused::Inactive { why: Inactive::Gone, .. })), "{alone:?}");
        write(&store, None, Some(&second), hour(51));
        is_reused(&store, hour(51), hour(74));
        // That its row goes makes it leave no later.
        write(&store, Some(&gone), None, hour(60));
        is_reused(&store, hour(73), hour(74));
        assert_eq!(meant_at(&store, "WEB1$", hour(74)).unwrap().id, second.id);
        assert_eq!(meant_at(&store, "WEB1$", hour(200)).unwrap().id, second.id);
    }

    #[test]
    fn who_is_renamed_leaves_a_name_and_so_does_who_is_renamed_back() {
        let store = Store::new(Memory::new());
        let (first, renamed) = (machine(1, "web1$", Standing::default()), machine(1, "web7$", Standing::default()));
        let second = machine(2, "web1$", Standing::default());
        write(&store, None, Some(&first), hour(0));
        write(&store, Some(&first), Some(&renamed), hour(50));
        assert_eq!(meant_at(&store, "WEB7$", hour(50)).unwrap().id, first.id, "nobody else had that");
        assert!(matches!(meant_at(&store, "WEB1$", hour(50)), Err(MachineRefused::Unknown(_))));
        write(&store, None, Some(&second), hour(51));
        is_reused(&store, hour(52), hour(74));
        // The first one again, after the second had it.
        write(&store, Some(&second), None, hour(53));
        write(&store, Some(&renamed), Some(&first), hour(54));
        is_reused(&store, hour(55), hour(77));
        assert_eq!(meant_at(&store, "WEB1$", hour(78)).unwrap().id, first.id);
    }

    #[test]
    fn two_at_once_are_nobody() {
        let store = Store::new(Memory::new());
        for number in 1..=2 {
            write(&store, None, Some(&machine(number, "web1$", Standing::default())), hour(0));
        }
        assert!(matches!(meant_at(&store, "web1$", hour(100)), Err(MachineRefused::Ambiguous(_))));
        let disabled = Standing { disabled: true, ..Standing::default() };
        write(&store, None, Some(&machine(3, "web3$", disabled)), hour(0));
        assert!(matches!(meant_at(&store, "web3$", hour(100)), Err(MachineRefused::Inactive { .. })));
    }
}
