//! SimpleSAMLphp as an identity provider of outside people, in an Apache of its own: zoe signs in there.

use std::path::Path;

use super::apache::{Apache, folder, load, open_to_all, tls};
use super::service_provider::{filled, keys};
use super::{Authority, free_port};

/// Her password there.
pub(crate) const PASSWORD: &str = "vq7-Torf-Lampe";

/// A provider; gone when dropped.
pub(crate) struct SimpleSaml {
    apache: Apache,
    port: u16,
    _authority: Authority,
}

impl SimpleSaml {
    pub(crate) fn start() -> Self {
        let (port, authority, folder) = (free_port(), Authority::new("Auditors"), folder());
        let leaf = authority.issue("provider", &["127.0.0.1"]);
        let at = folder.path();
        for name in ["metadata", "known", "writes"] {
            std::fs::create_dir(at.join(name)).unwrap();
        }
        // It runs as Apache's own account, which keeps sessions here.
        open_to_all(&at.join("writes"), 0o777);
        keys(at, "idp");
        let (root, port_text) = (at.display().to_string(), port.to_string());
        let filled = |text: &str| filled(text, &[("ROOT", root.as_str()), ("PORT", port_text.as_str())]);
        for (name, text) in [
            ("config.php", include_str!("saml/simplesaml/config.php")),
            ("authsources.php", include_str!("saml/simplesaml/authsources.php")),
            ("metadata/saml20-idp-hosted.php", include_str!("saml/simplesaml/saml20-idp-hosted.php")),
        ] {
            std::fs::write(at.join(name), filled(text)).unwrap();
        }
        let more = tls(&leaf) + &load("php_module", &php(Path::new("/usr/lib/apache2/modules")));
        let more = more + &filled(include_str!("saml/simplesaml/apache.conf"));
        Self { apache: Apache::start(folder, port, "prefork", &more), port, _authority: authority }
    }

    /// An address of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}/simplesaml/{path}", self.port)
    }

    /// What it calls itself by, and where it says who it is.
    pub(crate) fn entity_id(&self) -> String {
        self.url("saml2/idp/metadata.php")
    }

    /// What it says of itself.
    pub(crate) fn metadata(&self) -> String {
        super::service_provider::fetched(&self.entity_id())
    }

    /// Makes it know a service provider by this metadata.
    pub(crate) fn knows(&self, name: &str, metadata: &str) {
        std::fs::write(self.apache.path("known").join(format!("{name}.xml")), metadata).unwrap();
    }

    /// From now on it knows people by names that change, whatever it is asked for.
    pub(crate) fn forgets_names(&self) {
        self.changes("'class' => 'saml:PersistentNameID'", "'class' => 'saml:TransientNameID'");
    }

    /// From now on assertions are encrypted for whom they are for.
    pub(crate) fn encrypts(&self) {
        self.changes("'sign.logout' => true,", "'sign.logout' => true, 'assertion.encryption' => true,");
    }

    fn changes(&self, from: &str, to: &str) {
        let file = self.apache.path("metadata/saml20-idp-hosted.php");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.apache.path("writes/log")).unwrap_or_default()
    }
}

/// The name of the file of Apache's module for PHP, which has the version in it.
fn php(modules: &Path) -> String {
    let names = std::fs::read_dir(modules).unwrap().filter_map(|file| file.unwrap().file_name().into_string().ok());
    let mut found = names.filter_map(|name| Some(name.strip_prefix("libphp")?.strip_suffix(".so")?.to_owned()));
    format!("libphp{}", found.next().expect("libapache2-mod-php, which simplesamlphp comes with"))
}
