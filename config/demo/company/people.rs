//! The company's people: staff, contractors with an end date, and leavers whose account is locked.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::draw::{Draw, Seed};
use crate::ldif::Ldif;
use crate::names::{COUNTRIES, Country, Name};
use crate::org::{self, Team};

/// A person.
pub(crate) struct Person {
    pub(crate) login: String,
    pub(crate) standing: Standing,
    /// Index into [`org::teams`].
    pub(crate) team: usize,
    /// The first of each team leads it.
    pub(crate) leads: bool,
    number: u32,
    org: Team,
    country: &'static Country,
    given: Name,
    family: Name,
    title: &'static str,
}

/// How somebody stands to the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Staff,
    /// Until a day, in days since 1970 as `shadowExpire` counts them.
    Contractor {
        until: u32,
    },
    /// Gone. The account stays, locked for good (draft-behera-ldap-password-policy 5.3.3).
    Leaver,
}

/// 30 June 2024: over.
const OVER: u32 = 19_904;
/// 1 January 2060: still running.
const RUNNING: u32 = 32_872;

/// Hires everyone. The first person of each team is its lead, so no team is empty.
pub(crate) fn hire(seed: Seed, count: u32) -> Vec<Person> {
    let teams = org::teams();
    let mut logins = HashMap::new();
    (0..count).map(|number| Person::new(seed.of("person", number.into()), number, &teams, &mut logins)).collect()
}

impl Person {
    fn new(draw: Draw, number: u32, teams: &[Team], logins: &mut HashMap<String, u32>) -> Self {
        let leads = (number as usize) < teams.len();
        let team = if leads { number as usize } else { draw.below("team", teams.len()) };
        let country = &COUNTRIES[draw.below("country", COUNTRIES.len() + 4).saturating_sub(4)];
        let given = *draw.one("given", country.given);
        let family = *draw.one("family", country.family);
        let org = teams[team];
        Self {
            login: login(given, family, logins),
            standing: if leads { Standing::Staff } else { standing(draw) },
            team,
            leads,
            number,
            org,
            country,
            given,
            family,
            title: if leads { "Team Lead" } else { *draw.one("title", org.department.titles) },
        }
    }

    pub(crate) fn rdn(&self) -> String {
        match self.standing {
            Standing::Contractor { .. } => format!("uid={},ou=contractors,ou=people", self.login),
            Standing::Staff | Standing::Leaver => format!("uid={},ou=people", self.login),
        }
    }

    /// At work: neither gone nor past the end of a contract.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.standing, Standing::Staff | Standing::Contractor { until: RUNNING })
    }

    pub(crate) fn write(&self, ldif: &mut Ldif<impl Write>, domain: &str, groups: &[String]) -> io::Result<()> {
        ldif.entry(&self.rdn())?;
        ldif.value("objectClass", "inetOrgPerson")?;
        if let Standing::Contractor { until } = self.standing {
            ldif.value("objectClass", "shadowAccount")?;
            ldif.value("shadowExpire", &until.to_string())?;
        }
        ldif.value("uid", &self.login)?;
        ldif.value("cn", &self.full_name())?;
        ldif.value("displayName", &self.full_name())?;
        ldif.value("givenName", self.given.0)?;
        ldif.value("sn", self.family.0)?;
        ldif.value("mail", &format!("{}@{domain}", self.login))?;
        ldif.value("employeeNumber", &format!("{:06}", 100_000 + self.number))?;
        ldif.value("employeeType", self.employee_type())?;
        ldif.value("departmentNumber", self.org.department.code)?;
        ldif.value("ou", self.org.department.name)?;
        ldif.value("title", self.title)?;
        ldif.value("l", self.country.city)?;
        if self.standing == Standing::Leaver {
            ldif.value("pwdAccountLockedTime", "000001010000Z")?;
        }
        groups.iter().try_for_each(|group| ldif.name("memberOf", group))
    }

    fn full_name(&self) -> String {
        let (given, family) = (self.given.0, self.family.0);
        if self.country.family_first { format!("{family} {given}") } else { format!("{given} {family}") }
    }

    fn employee_type(&self) -> &'static str {
        match self.standing {
            Standing::Staff => "staff",
            Standing::Contractor { .. } => "contractor",
            Standing::Leaver => "former",
        }
    }
}

/// Initial and family name; a number where that is taken.
fn login(given: Name, family: Name, taken: &mut HashMap<String, u32>) -> String {
    let wanted: String = given.1.chars().take(1).chain(family.1.chars()).collect();
    let uses = taken.entry(wanted.clone()).and_modify(|uses| *uses += 1).or_insert(1);
    if *uses == 1 { wanted } else { format!("{wanted}{uses}") }
}

fn standing(draw: Draw) -> Standing {
    match draw.below("standing", 100) {
        0..79 => Standing::Staff,
        79..89 => Standing::Contractor { until: RUNNING },
        89..93 => Standing::Contractor { until: OVER },
        _ => Standing::Leaver,
    }
}
