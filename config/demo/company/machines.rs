//! The company's machines: what runs its services and could hold a role without a person.

use std::io::{self, Write};

use crate::ldif::Ldif;

/// What a machine is for, and how many there are.
const RACKS: [(&str, &str, u8); 6] = [
    ("web", "serves the customer portal", 8),
    ("database", "keeps orders and measurements", 6),
    ("build", "builds and tests releases", 5),
    ("backup", "takes the nightly backups", 3),
    ("monitor", "watches the others", 2),
    ("gateway", "joins the offices", 4),
];

/// A machine.
pub(crate) struct Machine {
    pub(crate) role: &'static str,
    name: String,
    description: String,
    /// In 192.0.2.0/24, which RFC 5737 keeps for examples.
    address: String,
    serial: String,
}

/// All machines.
pub(crate) fn rack() -> Vec<Machine> {
    let slots =
        RACKS.iter().flat_map(|(role, purpose, count)| (1..=*count).map(move |number| (*role, *purpose, number)));
    (10_u8..)
        .zip(slots)
        .map(|(host, (role, purpose, number))| Machine {
            role,
            name: format!("{role}-{number:02}"),
            description: format!("{role} machine {number}: {purpose}"),
            address: format!("192.0.2.{host}"),
            serial: format!("EX-{:05}", 40_000 + u32::from(host) * 17),
        })
        .collect()
}

impl Machine {
    pub(crate) fn rdn(&self) -> String {
        format!("cn={},ou=machines", self.name)
    }

    pub(crate) fn write(&self, ldif: &mut Ldif<impl Write>, groups: &[String]) -> io::Result<()> {
        ldif.entry(&self.rdn())?;
        ldif.values("objectClass", ["device", "ipHost"])?;
        ldif.value("cn", &self.name)?;
        ldif.value("description", &self.description)?;
        ldif.value("ipHostNumber", &self.address)?;
        ldif.value("serialNumber", &self.serial)?;
        groups.iter().try_for_each(|group| ldif.name("memberOf", group))
    }
}
