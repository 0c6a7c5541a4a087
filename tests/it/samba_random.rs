//! Followed for a thousand random edits, a domain ends where a full read of it begins.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::bed::daemon::{Bailey, UNGUARDED, same_as_a_fresh_read, same_as_a_fresh_read_once_settled};
use crate::bed::samba::SHOW_DELETED;
use crate::bed::{Account, Samba, SambaOptions};

/// Where an OU is: below another of ours, or below the domain.
struct Unit {
    name: String,
    parent: Option<usize>,
}

struct Somebody {
    name: String,
    unit: usize,
    /// Which of the groups is the primary one, if not Domain Users. It must not list its member, too.
    primary: Option<usize>,
}

/// Edits a domain, and knows what is in it.
pub(crate) struct Editor {
    rng: StdRng,
    base: String,
    units: Vec<Unit>,
    people: Vec<Somebody>,
    groups: Vec<Somebody>,
    /// Relative ids of the first groups, which may become somebody's primary group.
    primary: Vec<String>,
    deleted: Vec<String>,
    next: usize,
}

impl Editor {
    /// An editor of `samba`, with units, people and groups to begin with.
    pub(crate) fn new(samba: &Samba, seed: u64) -> Self {
        let mut editor = Self {
            rng: StdRng::seed_from_u64(seed),
            base: samba.base(),
            units: Vec::new(),
            people: Vec::new(),
            groups: Vec::new(),
            primary: Vec::new(),
            deleted: Vec::new(),
            next: 0,
        };
        let mut ldif = String::new();
        for _ in 0..6 {
            ldif.push_str(&editor.add_unit());
        }
        for n in 0..10 {
            ldif.push_str(&editor.add_group(if n < 3 { "-2147483646" } else { "-2147483640" }));
        }
        for _ in 0..40 {
            ldif.push_str(&editor.add_person());
        }
        samba.modify(&ldif);
        editor.primary = (editor.groups.iter().take(3))
            .map(|group| {
                let rid = samba.values(&editor.dn(group), "primaryGroupToken").first().cloned();
                rid.expect("a group has a relative id")
            })
            .collect();
        editor
    }

    fn unit_dn(&self, unit: usize) -> String {
        let Unit { name, parent } = &self.units[unit];
        let parent = parent.map_or_else(|| self.base.clone(), |parent| self.unit_dn(parent));
        format!("OU={name},{parent}")
    }

    fn dn(&self, object: &Somebody) -> String {
        format!("CN={},{}", object.name, self.unit_dn(object.unit))
    }

    fn some(&mut self, of: usize) -> usize {
        self.rng.random_range(0..of)
    }

    fn name(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    fn add_unit(&mut self) -> String {
        let name = self.name("unit");
        let parent = match self.units.len() {
            0 | 1 => None,
            units => Some(self.some(units)),
        };
        self.units.push(Unit { name, parent });
        format!("dn: {}\nchangetype: add\nobjectClass: organizationalUnit\n\n", self.unit_dn(self.units.len() - 1))
    }

    fn add_person(&mut self) -> String {
        let person = Somebody { name: self.name("p"), unit: self.some(self.units.len()), primary: None };
        let ldif = format!(
            "dn: {}\nchangetype: add\nobjectClass: user\nsAMAccountName: {}\nuserAccountControl: 544\n\n",
            self.dn(&person),
            person.name
        );
        self.people.push(person);
        ldif
    }

    fn add_group(&mut self, kind: &str) -> String {
        let group = Somebody { name: self.name("g"), unit: self.some(self.units.len()), primary: None };
        let ldif = format!(
            "dn: {}\nchangetype: add\nobjectClass: group\nsAMAccountName: {}\ngroupType: {kind}\n\n",
            self.dn(&group),
            group.name
        );
        self.groups.push(group);
        ldif
    }

    fn person_dn(&mut self) -> String {
        let at = self.some(self.people.len());
        self.dn(&self.people[at])
    }

    /// A rename, a move, or both.
    fn renamed(&mut self, person: bool) -> String {
        let (name, unit) = (self.name(if person { "r" } else { "h" }), self.some(self.units.len()));
        let all = if person { &self.people } else { &self.groups };
        let at = self.rng.random_range(0..all.len());
        let before = self.dn(&all[at]);
        let after = Somebody { name: name.clone(), unit, primary: all[at].primary };
        let parent = self.unit_dn(unit);
        *if person { &mut self.people[at] } else { &mut self.groups[at] } = after;
        format!("dn: {before}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\nnewsuperior: {parent}\n\n")
    }

    /// Renames a unit and moves it, with all in it, where that makes no circle.
    fn moved_unit(&mut self) -> String {
        let (at, to, name) = (self.some(self.units.len()), self.some(self.units.len()), self.name("unit"));
        let before = self.unit_dn(at);
        let mut above = Some(to);
        while let Some(unit) = above {
            if unit == at {
                break;
            }
            above = self.units[unit].parent;
        }
        let parent = if above == Some(at) { self.units[at].parent } else { Some(to) };
        self.units[at] = Unit { name: name.clone(), parent };
        let superior = parent.map_or_else(|| self.base.clone(), |parent| self.unit_dn(parent));
        format!("dn: {before}\nchangetype: modrdn\nnewrdn: OU={name}\ndeleteoldrdn: 1\nnewsuperior: {superior}\n\n")
    }

    fn members(&mut self) -> String {
        let at = self.some(self.groups.len());
        let group = self.dn(&self.groups[at]);
        let mut ldif = format!("dn: {group}\nchangetype: modify\nreplace: member\n");
        let mut members = Vec::new();
        for _ in 0..self.some(12) {
            let person = self.some(self.people.len());
            members.extend((self.people[person].primary != Some(at)).then(|| self.dn(&self.people[person])));
        }
        // Only a universal group may hold a universal one; circles are fine.
        if at >= 3 {
            for _ in 0..self.some(3) {
                let other = 3 + self.some(self.groups.len() - 3);
                members.extend((other != at).then(|| self.dn(&self.groups[other])));
            }
        }
        members.sort();
        members.dedup();
        for member in members {
            let _ = writeln!(ldif, "member: {member}");
        }
        ldif + "\n"
    }

    /// Somebody's primary group becomes another one, of which one must be a member first.
    fn primary_group(&mut self) -> String {
        let (person, at) = (self.some(self.people.len()), self.some(self.primary.len()));
        if self.people[person].primary == Some(at) {
            return String::new();
        }
        self.people[person].primary = Some(at);
        let (rid, person, group) = (&self.primary[at], self.dn(&self.people[person]), self.dn(&self.groups[at]));
        format!(
            "dn: {group}\nchangetype: modify\nreplace: member\nmember: {person}\n\n\
             dn: {person}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: {rid}\n\n"
        )
    }

    /// One edit, as LDIF.
    pub(crate) fn edit(&mut self) -> String {
        match self.some(14) {
            0 | 1 if self.people.len() < 120 => self.add_person(),
            0..=2 if self.people.len() > 20 => {
                let at = self.some(self.people.len());
                let gone = self.people.swap_remove(at);
                self.deleted.push(gone.name.clone());
                format!("dn: {}\nchangetype: delete\n\n", self.dn(&gone))
            }
            3 | 4 => self.renamed(true),
            5 => self.renamed(false),
            6 => self.moved_unit(),
            7 | 8 => {
                let control = if self.some(2) == 0 { "546" } else { "544" };
                let person = self.person_dn();
                format!(
                    "dn: {person}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {control}\n\n"
                )
            }
            9 => self.primary_group(),
            10 => {
                let (person, title) = (self.person_dn(), self.name("Title "));
                format!("dn: {person}\nchangetype: modify\nreplace: displayName\ndisplayName: {title}\n\n")
            }
            11 if self.groups.len() < 30 => self.add_group("-2147483640"),
            _ => self.members(),
        }
    }

    /// Brings somebody deleted back, with what the tombstone kept.
    pub(crate) fn restore(&mut self, samba: &Samba) {
        let Some(name) = self.deleted.pop() else { return };
        let filter = format!("(&(isDeleted=TRUE)(sAMAccountName={name}))");
        let found = samba.search(&["-E", SHOW_DELETED, "-b", &self.base, &filter, "objectGUID"]);
        let guid = crate::bed::ldap_tools::values(&found, "objectGUID");
        let Some(guid) = guid.first().and_then(|guid| guid.as_slice().try_into().ok()) else { return };
        let person = Somebody { name, unit: self.some(self.units.len()), primary: None };
        let dn = self.dn(&person);
        samba.restore(bailey::base::Guid::from_bytes(uuid::Uuid::from_bytes_le(guid).into_bytes()), &dn);
        self.people.push(person);
    }
}

/// For `make soak`: two controllers, one of which goes and comes, and a daemon that is killed; again and again with new ones.
#[test]
#[ignore = "takes an hour; `make soak` runs it"]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "who runs it says for how long, and reads what was done"
)]
fn an_hour_of_edits_on_two_controllers_ends_where_a_full_read_begins() {
    let minutes = std::env::var("BAILEY_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(minutes * 60);
    while std::time::Instant::now() < end {
        eprintln!("seed {seed}: {}", campaign(seed, end));
        seed += 1;
    }
}

/// Edits a new domain until `end`, or until Samba's replication is stuck for good, which happens under so many changes. Says
/// what was done.
fn campaign(seed: u64, end: std::time::Instant) -> String {
    let (first, second) = Samba::start_two(SambaOptions { partners: true, ..SambaOptions::default() });
    let mut pair = Pair { controllers: [first, second], down: None, stuck: None, rng: StdRng::seed_from_u64(seed) };
    let mut editor = Editor::new(&pair.controllers[0], seed);
    pair.replicate_from(0);
    let more = format!("primary = true\n{UNGUARDED}");
    let one = pair.controllers[0].section("corp", Account::Sync, &more);
    let urls = [0, 1].map(|n| format!("\"{}\"", pair.controllers[n].url()));
    let both = one.replace(&urls[0], &urls.join(", "));
    // Two controllers may disagree for a while about what both were told at once; the one that is followed counts.
    let as_followed = |bailey: &Bailey, pair: &Pair, when: &str| {
        let status = bailey.json(&["sync", "status"]);
        let followed = status[0]["cursor"]["server"].to_string();
        same_as_a_fresh_read_once_settled(bailey, &one.replace(&urls[0], &followed), when, |guid| {
            format!("followed: {status}\n{}", pair.say(guid))
        });
    };
    let mut bailey = Bailey::with(&both);
    bailey.start();
    let (mut rounds, mut edits, mut refused, mut kills, mut failovers) = (0, 0, 0, 0, 0);
    while std::time::Instant::now() < end && pair.stuck.is_none() {
        rounds += 1;
        let at = pair.one_that_is_up();
        let count = pair.rng.random_range(1..60);
        let ldif: String = (0..count).map(|_| editor.edit()).collect();
        // What was told by one and undone by the other may stand otherwise here than the editor thinks; such an edit is
        // passed over.
        let applied = pair.controllers[at].tools(Account::Administrator).try_modify(&["-c"], &ldif);
        refused += String::from_utf8_lossy(&applied.stderr).matches("ldap_").count();
        edits += count;
        pair.replicate_from(at);
        match pair.rng.random_range(0..6) {
            0 => {
                bailey.kill();
                bailey.spawn();
                kills += 1;
            }
            1 if pair.down.is_none() => {
                pair.stop_one();
                failovers += 1;
            }
            2 => pair.bring_back(),
            _ => {}
        }
        if rounds % 8 == 0 {
            pair.bring_back();
            as_followed(&bailey, &pair, &format!("in round {rounds}, seed {seed}"));
        }
    }
    pair.bring_back();
    as_followed(&bailey, &pair, &format!("at the end, seed {seed}"));
    assert!(bailey.terminate().success());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    let ended =
        pair.stuck.map(|said| format!("; ended as Samba does not replicate any more: {said}")).unwrap_or_default();
    format!(
        "{edits} edits ({refused} refused) in {rounds} rounds, {kills} kills of the daemon, {failovers} failovers{ended}"
    )
}

/// Two controllers of a domain, of which one may be down.
struct Pair {
    controllers: [Samba; 2],
    down: Option<usize>,
    /// What Samba said when it did not replicate any more.
    stuck: Option<String>,
    rng: StdRng,
}

impl Pair {
    fn one_that_is_up(&mut self) -> usize {
        match self.down {
            Some(down) => 1 - down,
            None => self.rng.random_range(0..2),
        }
    }

    /// Tells the other what happened here, if it is there.
    fn replicate_from(&mut self, at: usize) {
        if self.down.is_none() && self.stuck.is_none() {
            let replicated = Samba::try_replicate(&self.controllers[at], &self.controllers[1 - at]);
            self.stuck = replicated.err().map(|said| said.lines().next().unwrap_or_default().to_owned());
        }
    }

    /// What both hold of an object, deleted or not.
    fn say(&self, guid: &str) -> String {
        let of = |controller: &Samba| {
            let base = format!("<GUID={guid}>");
            let names = ["isDeleted", "uSNCreated", "uSNChanged", "whenChanged", "lastKnownParent"];
            let asked = ["-E", SHOW_DELETED, "-s", "base", "-b", &base, "(objectClass=*)"];
            let found = controller.search(&asked.iter().chain(&names).copied().collect::<Vec<_>>());
            format!("{}: {found:?}\n", controller.url())
        };
        self.controllers.iter().map(of).collect()
    }

    fn stop_one(&mut self) {
        let at = self.one_that_is_up();
        // Killed: one that waits for the other does not end when it is told to.
        self.controllers[at].kill();
        self.down = Some(at);
    }

    fn bring_back(&mut self) {
        if let Some(at) = self.down.take() {
            self.controllers[at].run();
            self.replicate_from(1 - at);
        }
    }
}

#[test]
fn a_thousand_edits_of_a_domain_followed_are_a_thousand_edits_read() {
    for (method, account, rounds) in [("dirsync", Account::Sync, 10), ("usn", Account::Sync, 3)] {
        let samba = Samba::start(SambaOptions::default());
        let mut editor = Editor::new(&samba, 20_260_312);
        let section = samba.section("corp", account, &format!("primary = true\nmethod = \"{method}\"\n{UNGUARDED}"));
        let mut bailey = Bailey::with(&section);
        bailey.start();
        for round in 0..rounds {
            let edits: String = (0..100).map(|_| editor.edit()).collect();
            samba.modify(&edits);
            editor.restore(&samba);
            if round % 3 == 2 {
                // What happens meanwhile is learnt from the position.
                assert!(bailey.terminate().success());
                let edits: String = (0..20).map(|_| editor.edit()).collect();
                samba.modify(&edits);
                bailey.start();
            }
            same_as_a_fresh_read(&bailey, &section, &format!("by {method} in round {round}"));
        }
        assert!(bailey.terminate().success());
        assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
        let log = bailey.log();
        let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        // How many steps a round takes is a matter of pace; that each takes one is not, as it changes something.
        let (full, followed) = (count("reading everything"), count("\"full\":false"));
        assert!(full <= 1 + rounds / 3 && followed >= rounds, "{full} full reads, {followed} steps:\n{log}");
    }
}
