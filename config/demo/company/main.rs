//! Makes up a company and writes it as LDIF: the demo's directory, and large ones for `make bench`.
//!
//! ```text
//! cargo run --example company                                       # config/demo/company.ldif, to the byte
//! cargo run --example company -- --people 100000 --groups 2000      # for a bench
//! ```
//!
//! The same arguments always give the same bytes, on every machine and with every release of
//! every library: all that looks random is a hash of the seed (`draw.rs`). Nobody in it exists.
//! Given names and family names are drawn from lists (`names.rs`), mail addresses and machines
//! live in domains and networks that are reserved for examples (RFC 2606, RFC 5737).
//!
//! The output is for `slapadd`, which runs no overlays: `memberOf` is written out, as the memberof
//! overlay would have done. `--format ldif` leaves it out, for `ldapadd` and for other servers. Neither
//! holds a password; whoever loads it sets some.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a development program over its own fixed lists and counts far below 2^32"
)]

mod draw;
mod groups;
mod ldif;
mod machines;
mod names;
mod org;
mod people;

use std::io::{self, BufWriter, Write};

use clap::{Parser, ValueEnum};

use crate::draw::Seed;
use crate::groups::Group;
use crate::ldif::Ldif;
use crate::machines::Machine;
use crate::people::Person;

/// Makes up a company and writes it to standard output.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// People: staff, contractors and leavers together.
    #[arg(long, default_value_t = 340, value_parser = clap::value_parser!(u32).range(300..=5_000_000))]
    people: u32,
    /// Groups: departments, teams and roles first, projects for the rest.
    #[arg(long, default_value_t = 70, value_parser = clap::value_parser!(u32).range(60..=100_000))]
    groups: u32,
    /// Another seed, another company.
    #[arg(long, default_value_t = 22)]
    seed: u64,
    /// Where the company stands in the directory.
    #[arg(long, default_value = "dc=example,dc=test", value_parser = Base::parse)]
    base: Base,
    /// For whom to write.
    #[arg(long, value_enum, default_value = "slapadd")]
    format: Format,
}

/// For whom to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// slapadd: with what overlays would add.
    Slapadd,
    /// Any server, over the wire.
    Ldif,
}

/// The DN everything stands under, made of `dc=` parts.
#[derive(Debug, Clone)]
struct Base {
    dn: String,
    domain: String,
}

impl Base {
    fn parse(dn: &str) -> Result<Self, String> {
        let labels: Option<Vec<_>> = dn.split(',').map(|rdn| rdn.strip_prefix("dc=")).collect();
        match labels {
            Some(labels) if labels.iter().all(|label| !label.is_empty()) => {
                Ok(Self { dn: dn.to_owned(), domain: labels.join(".") })
            }
            _ => Err(format!("`{dn}` is not a base: write it like dc=example,dc=test")),
        }
    }
}

/// Everything in the directory.
struct Company {
    base: Base,
    format: Format,
    people: Vec<Person>,
    machines: Vec<Machine>,
    groups: Vec<Group>,
}

impl Company {
    fn found(args: &Args) -> Self {
        let seed = Seed(args.seed);
        let people = people::hire(seed, args.people);
        let machines = machines::rack();
        let groups = groups::form(seed, &people, &machines, args.groups as usize);
        Self { base: args.base.clone(), format: args.format, people, machines, groups }
    }

    fn write(&self, out: impl Write) -> io::Result<()> {
        let mut ldif = Ldif::new(out, &self.base.dn)?;
        self.write_tree(&mut ldif)?;
        let member_of = groups::member_of(&self.groups, self.people.len(), self.machines.len());
        for (person, groups) in self.people.iter().zip(&member_of.people) {
            person.write(&mut ldif, &self.base.domain, &self.member_of(groups))?;
        }
        for (machine, groups) in self.machines.iter().zip(&member_of.machines) {
            machine.write(&mut ldif, &self.member_of(groups))?;
        }
        for (group, parents) in self.groups.iter().zip(&member_of.groups) {
            group.write(&mut ldif, self, &self.member_of(parents))?;
        }
        ldif.finish()
    }

    /// The organisation and its units.
    fn write_tree(&self, ldif: &mut Ldif<impl Write>) -> io::Result<()> {
        let dc = self.base.domain.split('.').next().unwrap_or_default();
        ldif.entry("")?;
        ldif.values("objectClass", ["organization", "dcObject"])?;
        ldif.value("dc", dc)?;
        ldif.value("o", "Example Instruments")?;
        for unit in ["people", "contractors,ou=people", "groups", "machines"] {
            let name = unit.split(',').next().unwrap_or_default();
            ldif.entry(&format!("ou={unit}"))?;
            ldif.value("objectClass", "organizationalUnit")?;
            ldif.value("ou", name)?;
        }
        Ok(())
    }

    /// The values of `memberOf`, where they are wanted.
    fn member_of(&self, groups: &[u32]) -> Vec<String> {
        if self.format == Format::Ldif {
            return Vec::new();
        }
        groups.iter().map(|index| self.groups[*index as usize].rdn()).collect()
    }
}

fn main() -> io::Result<()> {
    let company = Company::found(&Args::parse());
    match company.write(BufWriter::new(io::stdout().lock())) {
        // `| head` is a fine way to look at it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const COMMITTED: &str = include_str!("../company.ldif");

    fn made(arguments: &[&str]) -> String {
        let args = Args::try_parse_from(["company"].iter().chain(arguments)).unwrap();
        let mut out = Vec::new();
        Company::found(&args).write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The entries whose DN ends in `suffix`, each as its lines.
    fn entries<'a>(ldif: &'a str, suffix: &str) -> Vec<&'a str> {
        let under = |entry: &&str| entry.lines().next().is_some_and(|dn| dn.starts_with("dn:") && dn.ends_with(suffix));
        ldif.split("\n\n").filter(under).collect()
    }

    fn counting(entries: &[&str], line: &str) -> usize {
        entries.iter().filter(|entry| entry.lines().any(|held| held.starts_with(line))).count()
    }

    #[test]
    fn the_committed_company_is_what_the_generator_makes() {
        let made = made(&[]);
        if let Some((number, (held, now))) = (1..).zip(COMMITTED.lines().zip(made.lines())).find(|(_, (a, b))| a != b) {
            panic!(
                "config/demo/company.ldif line {number} is `{held}`, the generator makes `{now}`; \
                 run `cargo run --example company > config/demo/company.ldif`"
            );
        }
        assert_eq!(COMMITTED.len(), made.len(), "run `cargo run --example company > config/demo/company.ldif`");
    }

    #[test]
    fn the_company_has_what_the_demo_promises() {
        let people = entries(COMMITTED, "ou=people,dc=example,dc=test");
        let people: Vec<_> = people.into_iter().filter(|entry| entry.contains("\nuid: ")).collect();
        let groups = entries(COMMITTED, "ou=groups,dc=example,dc=test");
        let machines = entries(COMMITTED, "ou=machines,dc=example,dc=test");
        assert!(people.len() >= 300, "{} people", people.len());
        assert!(counting(&people, "employeeType: contractor") >= 20, "contractors");
        assert!(counting(&people, "shadowExpire: ") >= 20, "people with an end date");
        assert!(counting(&people, "pwdAccountLockedTime: 000001010000Z") >= 10, "leavers");
        assert!(counting(&people, "cn:: ") >= 50, "names beyond ASCII");
        assert!(counting(&machines, "ipHostNumber: 192.0.2.") >= 20, "machines");
        assert!(counting(&groups, "objectClass: groupOfUniqueNames") >= 3);
        assert!(counting(&groups, "memberUid: ") >= 3);
        assert_eq!(counting(&groups, "cn: aws-123456789012-readonly"), 1);
        for required in ["employeeNumber: ", "departmentNumber: ", "mail: ", "title: "] {
            assert_eq!(counting(&people, required), people.len(), "{required}");
        }
    }

    #[test]
    fn groups_nest_with_several_parents_and_one_cycle() {
        let parents = nesting(COMMITTED);
        assert!(parents.values().filter(|parents| parents.len() > 1).count() >= 5, "several parents");
        let on_a_cycle: Vec<_> =
            parents.keys().copied().filter(|group| above(&parents, group).contains(group)).collect();
        assert_eq!(on_a_cycle, ["project-atlas", "project-atlas-delivery", "project-atlas-partners"]);
    }

    /// Group to the groups that name it as a member.
    fn nesting(ldif: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for group in entries(ldif, "ou=groups,dc=example,dc=test") {
            let parent = group.lines().find_map(|line| line.strip_prefix("cn: "));
            let members = group.lines().filter_map(|line| line.strip_prefix("member: cn="));
            for child in members.filter_map(|dn| dn.strip_suffix(",ou=groups,dc=example,dc=test")) {
                parents.entry(child).or_default().extend(parent);
            }
        }
        parents
    }

    fn above<'a>(parents: &BTreeMap<&'a str, BTreeSet<&'a str>>, group: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![group];
        while let Some(group) = open.pop() {
            open.extend(parents.get(group).into_iter().flatten().filter(|parent| seen.insert(**parent)));
        }
        seen
    }

    #[test]
    fn every_name_a_group_uses_is_an_entry() {
        let dns: BTreeSet<_> = COMMITTED.lines().filter_map(|line| line.strip_prefix("dn: ")).collect();
        let uids: BTreeSet<_> = COMMITTED.lines().filter_map(|line| line.strip_prefix("uid: ")).collect();
        for line in COMMITTED.lines() {
            if let Some(dn) =
                ["member: ", "uniqueMember: ", "memberOf: "].iter().find_map(|name| line.strip_prefix(name))
            {
                assert!(dns.contains(dn), "{line}");
            }
            if let Some(uid) = line.strip_prefix("memberUid: ") {
                assert!(uids.contains(uid), "{line}");
            }
        }
        let people = COMMITTED.lines().filter(|line| line.starts_with("uid: ")).count();
        assert_eq!(people, uids.len(), "logins are unique");
    }

    #[test]
    fn options_do_what_they_say() {
        let larger = made(&["--people", "1000", "--groups", "200", "--base", "dc=big,dc=example"]);
        assert_eq!(larger.lines().filter(|line| line.starts_with("uid: ")).count(), 1_000);
        assert_eq!(entries(&larger, "ou=groups,dc=big,dc=example").len() - 1, 200, "the unit itself aside");
        assert_eq!(made(&["--seed", "8"]), made(&["--seed", "8"]));
        assert_ne!(made(&["--seed", "8"]), COMMITTED);
        let portable = made(&["--format", "ldif"]);
        let without: Vec<_> = COMMITTED.lines().filter(|line| !line.starts_with("memberOf: ")).collect();
        assert_eq!(portable.lines().collect::<Vec<_>>(), without);
        assert!(Args::try_parse_from(["company", "--base", "ou=people"]).is_err());
    }
}
