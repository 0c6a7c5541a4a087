//! What a server says of itself (RFC 4512 5.1; for Active Directory MS-ADTS 3.1.1.3.2).

use super::ldap::{Connection, Question};
use super::{DirectoryError, Dn};

/// Capability that every Active Directory domain controller lists (MS-ADTS 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// A server's root DSE, as far as anything here asks.
#[derive(Debug, Default)]
pub(super) struct RootDse {
    pub(super) controls: Vec<String>,
    /// Suffixes the server holds.
    pub(super) contexts: Vec<Dn>,
    capabilities: Vec<String>,
    /// Operations beyond those of LDAP itself.
    extensions: Vec<String>,
    /// Where a domain keeps what concerns the forest.
    pub(super) configuration: Option<Dn>,
    /// The object that stands for this domain controller's database.
    pub(super) ds_service: Option<String>,
    /// The highest update sequence number the domain controller has given out.
    pub(super) highest_usn: Option<u64>,
    /// The server's clock, as generalized time.
    pub(super) current_time: Option<String>,
    /// A domain controller that has not yet received everything from the others says so.
    pub(super) is_catching_up: bool,
}

impl RootDse {
    /// Asks the server at the other end.
    pub(super) async fn read(connection: &mut Connection) -> Result<Self, DirectoryError> {
        const ASKED: [&str; 9] = [
            "supportedControl",
            "supportedCapabilities",
            "supportedExtension",
            "namingContexts",
            "configurationNamingContext",
            "dsServiceName",
            "highestCommittedUSN",
            "currentTime",
            "isSynchronized",
        ];
        let (entries, outcome) = connection.search(&Question::entry("", &ASKED)).await?.all().await?;
        outcome.success(connection.server(), "reading its root DSE")?;
        let Some(entry) = entries.first() else { return Ok(Self::default()) };
        let texts = |name: &str| -> Vec<String> {
            entry.values(name).iter().filter_map(|value| String::from_utf8(value.to_vec()).ok()).collect()
        };
        let text = |name: &str| texts(name).into_iter().next();
        Ok(Self {
            controls: texts("supportedControl"),
            contexts: texts("namingContexts").into_iter().filter_map(|dn| dn.parse().ok()).collect(),
            capabilities: texts("supportedCapabilities"),
            extensions: texts("supportedExtension"),
            configuration: text("configurationNamingContext").and_then(|dn| dn.parse().ok()),
            ds_service: text("dsServiceName"),
            highest_usn: text("highestCommittedUSN").and_then(|number| number.parse().ok()),
            current_time: text("currentTime"),
            is_catching_up: text("isSynchronized").is_some_and(|said| said.eq_ignore_ascii_case("false")),
        })
    }

    pub(super) fn supports(&self, control: &str) -> bool {
        self.controls.iter().any(|held| held == control)
    }

    /// True when the server lists the operation with this OID.
    pub(super) fn offers(&self, extension: &str) -> bool {
        self.extensions.iter().any(|held| held == extension)
    }

    /// True for a domain controller of Active Directory, Samba's included.
    pub(super) fn is_active_directory(&self) -> bool {
        self.capabilities.iter().any(|held| held == ACTIVE_DIRECTORY)
    }

    /// The suffix that `base` lies under: the longest, where they are nested.
    pub(super) fn context_of(&self, base: &Dn) -> Option<&Dn> {
        self.contexts.iter().filter(|context| base.is_under(context)).max_by_key(|dn| dn.as_str().len())
    }
}
