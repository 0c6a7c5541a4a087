//! Kerberos: keys of accounts, and a service that has the server's address for a name.

use std::path::PathBuf;
use std::process::Command;

use super::{Account, Samba, run};

impl Samba {
    /// The realm's name for an account.
    pub(crate) fn principal(&self, account: Account) -> String {
        let (dn, _) = self.credentials(account);
        let name = dn.trim_start_matches("CN=").split(',').next().unwrap();
        format!("{name}@{}", self.options.domain.realm())
    }

    /// Adds the keys of an account to the keytab `file`.
    pub(crate) fn export_key(&self, account: Account, file: &std::path::Path) {
        run(Command::new("samba-tool")
            .args(["domain", "exportkeytab"])
            .arg(file)
            .arg(format!("--principal={}", self.principal(account)))
            .arg(format!("--configfile={}", self.configuration_file().display())));
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
