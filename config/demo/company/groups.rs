//! The company's groups, with everything real directories have: nesting, several parents, one
//! cycle, three object classes, roles in a cloud account, and leavers nobody took out.

use std::io::{self, Write};

use crate::Company;
use crate::draw::Seed;
use crate::ldif::Ldif;
use crate::machines::Machine;
use crate::org::{self, DEPARTMENTS};
use crate::people::{Person, Standing};

/// A group.
pub(crate) struct Group {
    name: String,
    description: String,
    class: Class,
    members: Vec<Member>,
}

/// How a group lists its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `groupOfNames`: by DN.
    Names,
    /// `groupOfUniqueNames`: by DN, under another name.
    UniqueNames,
    /// `posixGroup` with this gidNumber: people by login (RFC 2307).
    Posix(usize),
}

/// A member, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    Person(u32),
    Machine(u32),
    Group(u32),
}

/// Forms `count` groups: the company's fixed ones, then projects until there are enough.
pub(crate) fn form(seed: Seed, people: &[Person], machines: &[Machine], count: usize) -> Vec<Group> {
    let mut forming = Forming { seed, people, groups: Vec::with_capacity(count) };
    forming.teams_and_departments();
    forming.roles();
    forming.cycle();
    forming.committees();
    forming.unix();
    forming.machines(machines);
    forming.projects(count);
    forming.groups
}

struct Forming<'a> {
    seed: Seed,
    people: &'a [Person],
    groups: Vec<Group>,
}

impl Forming<'_> {
    fn add(&mut self, name: &str, description: &str, class: Class, mut members: Vec<Member>) -> Member {
        members.sort_unstable();
        members.dedup();
        self.groups.push(Group { name: name.to_owned(), description: description.to_owned(), class, members });
        Member::Group(self.groups.len() as u32 - 1)
    }

    fn named(&mut self, name: &str, description: &str, members: Vec<Member>) -> Member {
        self.add(name, description, Class::Names, members)
    }

    /// The group called `name`, which has been formed before.
    fn called(&self, name: &str) -> Member {
        let found = self.groups.iter().position(|group| group.name == name);
        Member::Group(found.unwrap_or_default() as u32)
    }

    fn all_called(&self, names: &[&str]) -> Vec<Member> {
        names.iter().map(|name| self.called(name)).collect()
    }

    /// Everyone for whom `belongs` holds.
    fn everyone(&self, belongs: impl Fn(u32, &Person) -> bool) -> Vec<Member> {
        (0_u32..)
            .zip(self.people)
            .filter(|(index, who)| belongs(*index, who))
            .map(|(index, _)| Member::Person(index))
            .collect()
    }

    /// `percent` of those at work.
    fn some(&self, what: &str, percent: usize) -> Vec<Member> {
        self.everyone(|index, who| who.is_active() && self.seed.of("person", index.into()).chance(what, percent))
    }

    /// Team in department in all-staff. One leaver in three was forgotten in a team.
    fn teams_and_departments(&mut self) {
        let stays = |index: u32, who: &Person| {
            who.standing != Standing::Leaver || self.seed.of("person", index.into()).chance("forgotten", 33)
        };
        let mut by_team: Vec<Vec<Member>> = org::teams().iter().map(|_| Vec::new()).collect();
        for (index, who) in (0_u32..).zip(self.people).filter(|(index, who)| stays(*index, who)) {
            by_team[who.team].push(Member::Person(index));
        }
        for (team, members) in org::teams().into_iter().zip(by_team) {
            self.named(&team.group(), &format!("{}: team {}", team.department.name, team.key), members);
        }
        for department in DEPARTMENTS {
            let teams = department.teams.iter().map(|team| self.called(&format!("team-{team}"))).collect();
            self.named(&format!("dept-{}", department.key), department.name, teams);
        }
        let departments =
            DEPARTMENTS.iter().map(|department| self.called(&format!("dept-{}", department.key))).collect();
        self.named("all-staff", "Everyone, by department", departments);
        let leads = self.everyone(|_, who| who.leads);
        self.named("team-leads", "Whoever leads a team", leads);
        let contractors = self.everyone(|_, who| matches!(who.standing, Standing::Contractor { .. }));
        self.named("contractors", "Everyone on a contract with an end date", contractors);
    }

    /// Groups named after a role in a cloud account, as many companies do; they give teams several parents.
    fn roles(&mut self) {
        let on_call = self.some("on-call", 6);
        let on_call = self.named("on-call", "Who may be woken this quarter", on_call);
        for (name, description, groups) in [
            ("aws-123456789012-admin", "Administrators of the production account", &["team-platform"][..]),
            (
                "aws-123456789012-poweruser",
                "Builders in the production account",
                &["dept-engineering", "team-datacentre"],
            ),
            ("aws-123456789012-readonly", "May look at the production account", &["all-staff"]),
            ("aws-123456789012-billing", "Bills of the production account", &["dept-finance", "team-leads"]),
            ("aws-123456789012-auditor", "Reviews the production account", &["team-compliance", "team-security"]),
            ("aws-210987654321-poweruser", "Builders in the research account", &["dept-research", "team-firmware"]),
            ("aws-210987654321-readonly", "May look at the research account", &["dept-research", "dept-engineering"]),
        ] {
            let mut members = self.all_called(groups);
            if name.ends_with("2-admin") {
                members.push(on_call);
            }
            self.named(name, description, members);
        }
    }

    /// Three groups that contain each other in a ring: nobody meant it, and servers allow it.
    fn cycle(&mut self) {
        let first = self.groups.len() as u32;
        let names = ["project-atlas", "project-atlas-delivery", "project-atlas-partners"];
        for (step, name) in (0..).zip(names) {
            let mut members = self.some(name, 3);
            members.push(Member::Group(first + (step + 1) % 3));
            self.named(name, "Project Atlas", members);
        }
    }

    fn committees(&mut self) {
        for (name, description, percent) in [
            ("committee-safety", "Safety at work", 4),
            ("committee-architecture", "Decides on technology", 5),
            ("works-council", "Elected by the staff", 3),
        ] {
            let mut members = self.some(name, percent);
            members.push(Member::Person(0));
            self.add(name, description, Class::UniqueNames, members);
        }
    }

    fn unix(&mut self) {
        for (number, (name, description, percent)) in [
            ("unix-admins", "May become root", 3),
            ("unix-deploy", "May deploy releases", 8),
            ("unix-backup", "May read backups", 2),
            ("unix-lab", "Laboratory workstations", 10),
        ]
        .into_iter()
        .enumerate()
        {
            let mut members = self.some(name, percent);
            members.push(Member::Person(0));
            self.add(name, description, Class::Posix(20_000 + number), members);
        }
    }

    fn machines(&mut self, machines: &[Machine]) {
        for role in ["web", "database", "build"] {
            let of_role = (0..).zip(machines).filter(|(_, machine)| machine.role == role);
            let members = of_role.map(|(index, _)| Member::Machine(index)).collect();
            self.named(&format!("hosts-{role}"), &format!("All {role} machines"), members);
        }
        let hosts = self.all_called(&["hosts-web", "hosts-database", "hosts-build"]);
        self.named("hosts-backed-up", "Machines in the nightly backup", hosts);
    }

    /// Projects of 1 to 99 people, 50 on average; one in twenty is a programme of the five before it.
    fn projects(&mut self, count: usize) {
        for number in 1..=count.saturating_sub(self.groups.len()) {
            let draw = self.seed.of("project", number as u64);
            let size = 1 + draw.below("size", 99);
            let members = draw.many(size, self.people.len()).map(|index| Member::Person(index as u32));
            let mut members: Vec<_> = members.filter(|member| self.is_active(*member)).collect();
            members.push(Member::Person(draw.below("lead", org::teams().len()) as u32));
            if number % 20 == 0 {
                let next = self.groups.len() as u32;
                members.extend((next - 5..next).map(Member::Group));
            }
            self.named(&format!("project-{number:04}"), &format!("Project {number}"), members);
        }
    }

    fn is_active(&self, member: Member) -> bool {
        matches!(member, Member::Person(index) if self.people[index as usize].is_active())
    }
}

impl Group {
    pub(crate) fn rdn(&self) -> String {
        format!("cn={},ou=groups", self.name)
    }

    pub(crate) fn write(&self, ldif: &mut Ldif<impl Write>, company: &Company, parents: &[String]) -> io::Result<()> {
        ldif.entry(&self.rdn())?;
        ldif.value("objectClass", self.class.name())?;
        ldif.value("cn", &self.name)?;
        ldif.value("description", &self.description)?;
        if let Class::Posix(number) = self.class {
            ldif.value("gidNumber", &number.to_string())?;
        }
        for member in &self.members {
            match (self.class, *member) {
                (Class::Posix(_), Member::Person(index)) => {
                    ldif.value("memberUid", &company.people[index as usize].login)?
                }
                (Class::UniqueNames, member) => ldif.name("uniqueMember", &member.rdn(company))?,
                (_, member) => ldif.name("member", &member.rdn(company))?,
            }
        }
        parents.iter().try_for_each(|group| ldif.name("memberOf", group))
    }
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Names => "groupOfNames",
            Self::UniqueNames => "groupOfUniqueNames",
            Self::Posix(_) => "posixGroup",
        }
    }
}

impl Member {
    fn rdn(self, company: &Company) -> String {
        match self {
            Self::Person(index) => company.people[index as usize].rdn(),
            Self::Machine(index) => company.machines[index as usize].rdn(),
            Self::Group(index) => company.groups[index as usize].rdn(),
        }
    }
}

/// Who is in which groups, by index. The memberof overlay counts `groupOfNames` alone.
pub(crate) struct MemberOf {
    pub(crate) people: Vec<Vec<u32>>,
    pub(crate) machines: Vec<Vec<u32>>,
    pub(crate) groups: Vec<Vec<u32>>,
}

pub(crate) fn member_of(groups: &[Group], people: usize, machines: usize) -> MemberOf {
    let mut found =
        MemberOf { people: vec![vec![]; people], machines: vec![vec![]; machines], groups: vec![vec![]; groups.len()] };
    for (index, group) in (0_u32..).zip(groups).filter(|(_, group)| group.class == Class::Names) {
        for member in &group.members {
            match *member {
                Member::Person(who) => found.people[who as usize].push(index),
                Member::Machine(which) => found.machines[which as usize].push(index),
                Member::Group(which) => found.groups[which as usize].push(index),
            }
        }
    }
    found
}
