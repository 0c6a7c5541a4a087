//! An Apache of our own, as whoever runs applications has it.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::authority::Leaf;
use super::{PATIENCE, converges};

/// What every one has, of what is not built in.
const MODULES: [&str; 9] =
    ["unixd", "authn_core", "authz_core", "authz_user", "alias", "dir", "mime", "include", "env"];

/// A server; gone when dropped, with its folder.
pub(crate) struct Apache {
    process: Child,
    folder: TempDir,
}

/// A folder that Apache's own account can read.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pages")).unwrap();
    open_to_all(folder.path(), 0o755);
    folder
}

pub(crate) fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// The directives for TLS with this certificate.
pub(crate) fn tls(leaf: &Leaf) -> String {
    format!(
        "LoadModule ssl_module {}\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n",
        module_file("mod_ssl").display(),
        leaf.certificate_file.display(),
        leaf.key_file.display()
    )
}

/// The directive that loads a module, from its file without the end.
pub(crate) fn load(module: &str, file: &str) -> String {
    format!("LoadModule {module} {}\n", module_file(file).display())
}

fn module_file(file: &str) -> PathBuf {
    Path::new("/usr/lib/apache2/modules").join(format!("{file}.so"))
}

impl Apache {
    /// One that listens at `port` and shows what is in `pages` of `folder`; `many` says how it does many things at once (`event`,
    /// `prefork`), and `more` what else it is told.
    pub(crate) fn start(folder: TempDir, port: u16, many: &str, more: &str) -> Self {
        let root = folder.path().display();
        let mut config = format!(
            "ServerRoot {root}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\nPidFile {root}/pid\nErrorLog {root}/log\n"
        );
        let many = format!("mpm_{many}");
        for module in MODULES.into_iter().chain([many.as_str()]) {
            let file = format!("mod_{module}");
            if module_file(&file).exists() {
                config.push_str(&load(&format!("{module}_module"), &file));
            }
        }
        config.push_str(&format!(
            "User www-data\nGroup www-data\nDocumentRoot {root}/pages\nDirectoryIndex index.html\nTypesConfig /etc/mime.types\n\
             AddDefaultCharset utf-8\n<Directory {root}/pages>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Directory>\n{more}"
        ));
        std::fs::write(folder.path().join("conf"), config).unwrap();
        let process = Command::new("/usr/sbin/apache2")
            .args(["-D", "FOREGROUND", "-f"])
            .arg(folder.path().join("conf"))
            .stdin(Stdio::null())
            // When it ends it ends its group, of which we are not to be.
            .process_group(0)
            .spawn()
            .expect("apache2 of the package of that name");
        let apache = Self { process, folder };
        let listens = converges(PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(listens, "{}", apache.log());
        apache
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // It has children, which only it ends.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
