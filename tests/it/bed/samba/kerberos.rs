//! Kerberos: keys of accounts, and a service that has the server's address for a name.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Account, PASSWORD, Samba, run};

impl Samba {
    /// The realm's name for an account.
    pub(crate) fn principal(&self, account: Account) -> String {
        let (dn, _) = self.credentials(account);
        let name = dn.trim_start_matches("CN=").split(',').next().unwrap();
        format!("{name}@{}", self.options.domain.realm())
    }

    /// Adds the keys of an account to the keytab `file`.
    pub(crate) fn export_key(&self, account: Account, file: &Path) {
        self.export_key_of(&self.principal(account), file);
    }

    /// Adds the keys of whatever has this name to the keytab `file`.
    pub(crate) fn export_key_of(&self, principal: &str, file: &Path) {
        run(Command::new("samba-tool")
            .args(["domain", "exportkeytab"])
            .arg(file)
            .arg(format!("--principal={principal}"))
            .arg(format!("--configfile={}", self.configuration_file().display())));
    }

    /// Adds an account for the service `name`, such as `HTTP/localhost`.
    pub(crate) fn add_service(&self, account: &str, name: &str) {
        self.modify(&format!(
            "dn: CN={account},OU=Services,{}\nchangetype: add\nobjectClass: user\nsAMAccountName: {account}\n\
             servicePrincipalName: {name}\nmsDS-SupportedEncryptionTypes: 24\nuserAccountControl: 66048\nunicodePwd:: {}\n",
            self.base(),
            password()
        ));
    }

    /// Adds a computer under `OU=Machines`, as one that joins the domain does.
    pub(crate) fn add_computer(&self, name: &str) {
        self.modify(&format!(
            "dn: CN={name},OU=Machines,{}\nchangetype: add\nobjectClass: computer\nsAMAccountName: {name}$\n\
             userAccountControl: 4096\nunicodePwd:: {}\n",
            self.base(),
            password()
        ));
    }

    /// Gets a ticket to get tickets with, by the key of whatever is called `name` in the domain, into the file `cache`.
    pub(crate) fn sign_in(&self, name: &str, cache: &Path) {
        let keytab = cache.with_extension("keytab");
        let _ = std::fs::remove_file(&keytab);
        let principal = format!("{name}@{}", self.options.domain.realm());
        self.export_key_of(&principal, &keytab);
        let mut kinit = Command::new("kinit");
        kinit.arg("-k").arg("-t").arg(&keytab).arg("-c").arg(cache).arg(&principal);
        run(kinit.env("KRB5_CONFIG", self.krb5_conf()));
    }

    /// Lets tickets for LDAP name the server by its address: the names of test domains are in nobody's DNS.
    pub(crate) fn serve_by_address(&self) {
        let dn = format!("CN=DC{},OU=Domain Controllers,{}", self.number, self.base());
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: ldap/{}\n",
            self.address.ip
        ));
    }

    /// Where the realm's servers are.
    pub(crate) fn krb5_conf(&self) -> PathBuf {
        self.path().join("krb5.conf")
    }
}

/// Everybody's password, as `unicodePwd` takes it (MS-ADTS 3.1.1.3.1.5.1).
fn password() -> String {
    BASE64.encode(format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}
