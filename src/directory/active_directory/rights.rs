//! What the account may see, and the commands that let it see enough.
//!
//! Two rights matter, both to read only. With *Replicating Directory Changes* DirSync tells everything; without it, what
//! the account may read, which is enough where that is everything. With a look into *CN=Deleted Objects* deletions are
//! told; by default only administrators have it, and whoever lacks it gets a polite answer with nobody in it.

use super::super::filter::Filter;
use super::super::ldap::{Connection, Question, Scope, extension};
use super::super::root_dse::RootDse;
use super::super::settings::Bind;
use super::super::source::LdapSource;
use super::super::{Cursor, DirectoryError, Dn, Finding, Method, Severity};
use super::{contexts, position};
use crate::base::Sid;

/// The control access right DS-Replication-Get-Changes (MS-ADTS 5.1.3.2.1).
const GET_CHANGES: &str = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2";

/// What the container of deleted objects allows by default, as Samba makes it: the system everything, administrators a look.
const DEFAULT_ACCESS: &str = "(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLC;;;BA)";

/// True when the account sees what was deleted from `context`: it can read the container of tombstones, and the tombstones.
///
/// Samba gives a tombstone that came from another controller only the rights that it inherits from the container. One that
/// the account cannot read is in no answer to what was deleted; of those there are, as many as fit on a page are looked at.
pub(super) async fn sees_deletions(
    source: &LdapSource,
    connection: &mut Connection,
    context: &Dn,
) -> Result<bool, DirectoryError> {
    let container = format!("CN=Deleted Objects,{context}");
    let question = Question::entry(&container, &["name"]).with(extension::show_deleted());
    let (entries, _) = connection.search(&question).await?.all().await?;
    if entries.first().is_none_or(|entry| entry.values("name").is_empty()) {
        return Ok(false);
    }
    let tombstones = Question {
        base: container,
        scope: Scope::OneLevel,
        filter: Filter::any(source.intake.classes().collect()),
        ..Question::entry("", &["isDeleted"]).with(extension::show_deleted())
    };
    let some = connection.search_page(&tombstones, source.settings.page_size, &[]).await?;
    let (entries, _) = some.all().await?;
    Ok(entries.iter().all(|entry| !entry.values("isDeleted").is_empty()))
}

/// How changes would be followed, and which right is missing.
pub(in crate::directory) async fn findings(
    source: &LdapSource,
    connection: &mut Connection,
    root: &RootDse,
) -> Result<Vec<Finding>, DirectoryError> {
    let Some(contexts) = contexts(source, root) else {
        let what = "a base lies in no partition that this domain controller holds";
        let remedy = "correct `bases`, or name a domain controller of that domain in a directory of its own";
        return Ok(vec![Finding::new(Severity::Fault, "follow changes", what, remedy)]);
    };
    let account = Account::find(source, connection, &contexts).await?;
    let cursor = super::position(source, connection, root).await?;
    let mut findings = vec![following(source, cursor.as_ref(), &contexts, &account)];
    for context in &contexts {
        findings.push(if sees_deletions(source, connection, context).await? {
            Finding::new(Severity::Fine, "deletions", "the account sees what is deleted", "")
        } else {
            let what = "the account does not see all that is deleted: until it does, everything is read every \
                        `reconcile_blind_every` to notice who left";
            let remedy = "let the account read `CN=Deleted Objects` (commands below)";
            let commands = account.let_see_deletions(context);
            Finding { commands, ..Finding::new(Severity::Warning, "deletions", what, remedy) }
        });
    }
    Ok(findings)
}

fn following(source: &LdapSource, cursor: Option<&Cursor>, contexts: &[Dn], account: &Account) -> Finding {
    let found = |severity, what: &str, remedy: &str| Finding::new(severity, "follow changes", what, remedy);
    match cursor {
        None if source.settings.method == Some(Method::Polling) => {
            found(Severity::Warning, "`method` is `polling`: everything is read each time", "leave `method` out")
        }
        None => found(
            Severity::Fault,
            "the domain controller does not say what is needed to follow it (its invocationId cannot be read), or `method` \
             asks for something it does not offer",
            "leave `method` out, and let the account read the configuration partition",
        ),
        Some(cursor) if cursor.method == position::USN => found(
            if source.settings.method.is_some() { Severity::Fine } else { Severity::Warning },
            "by update numbers (uSNChanged), which tell more than matters",
            "use a domain controller that offers DirSync",
        ),
        Some(cursor) if cursor.state.get("everything").and_then(serde_json::Value::as_bool) == Some(true) => {
            found(Severity::Fine, "by DirSync, with the right to everything that changes", "")
        }
        Some(_) => Finding {
            commands: contexts.iter().flat_map(|context| account.let_follow(context)).collect(),
            ..found(
                Severity::Fine,
                "by DirSync, limited to what the account may read; enough where it may read all people and groups",
                "the right to everything is granted by the commands below",
            )
        },
    }
}

/// Who we are to the domain, as far as commands need it.
#[derive(Debug, Default)]
struct Account {
    /// How `dsacls` takes it.
    name: String,
    sid: Option<Sid>,
}

impl Account {
    /// The account that binds, if it can see itself.
    async fn find(source: &LdapSource, connection: &mut Connection, contexts: &[Dn]) -> Result<Self, DirectoryError> {
        let (Bind::Simple { dn: name, .. } | Bind::Kerberos { principal: name }) = &source.settings.bind else {
            return Ok(Self::default());
        };
        let names = ["objectSid", "userPrincipalName"];
        let mut questions: Vec<Question> =
            name.parse::<Dn>().iter().map(|dn| Question::entry(dn.as_str(), &names)).collect();
        // `user@domain` need not be written anywhere: every account has the one of its login and its domain besides
        // (MS-ADTS 5.1.1.1.1), and that is the name Kerberos knows it by.
        let logins: Vec<(&str, &str)> = match (name.split_once('\\'), name.split_once('@')) {
            (Some((_, login)), _) => vec![("sAMAccountName", login)],
            (None, Some((login, _))) => vec![("userPrincipalName", name), ("sAMAccountName", login)],
            (None, None) => vec![("userPrincipalName", name)],
        };
        if questions.is_empty() {
            for (attribute, login) in logins {
                let Ok(attribute) = attribute.parse() else { continue };
                // A login is unique in its own domain alone, and what is printed grants rights.
                let contexts = contexts.iter().filter(|context| login == name || is_domain_of(context, name));
                let filter = Filter::equal(attribute, login.as_bytes());
                let asked: Vec<String> = names.map(str::to_owned).to_vec();
                questions.extend(contexts.map(|context| Question {
                    scope: Scope::Subtree,
                    ..Question::below(context, filter.clone(), asked.clone().into())
                }));
            }
        }
        for question in questions {
            let (entries, _) = connection.search(&question).await?.all().await?;
            if let Some(entry) = entries.first() {
                let text =
                    |name: &str| entry.values(name).first().map(|value| String::from_utf8_lossy(value).into_owned());
                let sid = entry.values("objectSid").first().and_then(|sid| Sid::from_bytes(sid).ok());
                return Ok(Self { name: text("userPrincipalName").unwrap_or_else(|| name.clone()), sid });
            }
        }
        Ok(Self { name: name.clone(), sid: None })
    }

    /// The commands that grant Replicating Directory Changes.
    fn let_follow(&self, context: &Dn) -> Vec<String> {
        let (name, sid, context) = (safe(&self.name), self.sid(), safe(context.as_str()));
        vec![
            "# Windows".to_owned(),
            format!("dsacls \"{context}\" /G \"{name}:CA;Replicating Directory Changes\""),
            "# Samba".to_owned(),
            format!("samba-tool dsacl set --objectdn=\"{context}\" --sddl=\"(OA;;CR;{GET_CHANGES};;{sid})\""),
        ]
    }

    /// The commands that grant a look at deleted objects. On Windows the container first needs an owner who may do that.
    fn let_see_deletions(&self, context: &Dn) -> Vec<String> {
        let (name, sid, context) = (safe(&self.name), self.sid(), safe(context.as_str()));
        let container = format!("CN=Deleted Objects,{context}");
        vec![
            "# Windows".to_owned(),
            format!("dsacls \"{container}\" /takeOwnership"),
            format!("dsacls \"{container}\" /I:T /G \"{name}:LCRP\""),
            "# Samba, on the domain controller; replaces what else was granted on this container".to_owned(),
            "ldbmodify -H /var/lib/samba/private/sam.ldb --controls=show_deleted:1 --controls=sd_flags:1:4 <<LDIF"
                .to_owned(),
            format!("dn: {container}"),
            "changetype: modify".to_owned(),
            "replace: nTSecurityDescriptor".to_owned(),
            format!("nTSecurityDescriptor: D:PAI(A;CI;RPLC;;;{sid}){DEFAULT_ACCESS}"),
            "LDIF".to_owned(),
        ]
    }

    fn sid(&self) -> String {
        self.sid.as_ref().map_or_else(|| "SID-OF-THE-ACCOUNT".to_owned(), Sid::to_string)
    }
}

/// Whether `context` is the head of the domain behind the `@` of `name`. A name without one is of this domain.
fn is_domain_of(context: &Dn, name: &str) -> bool {
    let Some((_, domain)) = name.split_once('@') else { return true };
    let head = domain.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",");
    head.parse::<Dn>().is_ok_and(|head| head.normalised() == context.normalised())
}

/// `name`, if a shell takes it for nothing but a name; otherwise a hint at what belongs there. Names come from a directory,
/// and administrators paste commands.
fn safe(name: &str) -> &str {
    let harmless = |c: char| c.is_alphanumeric() || " .,=@_-\\".contains(c);
    if !name.is_empty() && name.chars().all(harmless) { name } else { "NAME-IN-THE-DIRECTORY" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_counts_in_its_own_domain_alone() {
        let context: Dn = "DC=corp,DC=example".parse().unwrap();
        for (name, is) in
            [("svc@CORP.EXAMPLE", true), ("svc@lab.example", false), ("svc@example", false), ("CORP\\svc", true)]
        {
            assert_eq!(is_domain_of(&context, name), is, "{name}");
        }
    }

    #[test]
    fn commands_carry_names_and_nothing_a_shell_would_run() {
        let sid = "S-1-5-21-1-2-3-1104".parse().ok();
        let context: Dn = "DC=corp,DC=example".parse().unwrap();
        let account = |name: &str| Account { name: name.to_owned(), sid: sid.clone() };
        let commands = account("svc-bailey@corp.example").let_see_deletions(&context).join("\n");
        assert!(commands.contains("/I:T /G \"svc-bailey@corp.example:LCRP\""), "{commands}");
        assert!(commands.contains("(A;CI;RPLC;;;S-1-5-21-1-2-3-1104)"), "{commands}");
        for bad in ["$(reboot)", "a`b`", "a\"; b", "a\nb", ""] {
            assert!(account(bad).let_follow(&context).join("\n").contains("\"NAME-IN-THE-DIRECTORY:CA;"), "{bad}");
        }
    }
}
