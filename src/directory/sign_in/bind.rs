//! The try itself: a connection of its own, a bind with the DN that was found, and who the server then says is there.

use tokio::time::Instant;

use super::super::ldap::{Connection, Question, WHO_AM_I, WhoAmI};
use super::super::root_dse::RootDse;
use super::super::source::LdapSource;
use super::super::{DirectoryError, settings::Family};
use super::{Person, Refusal, RefusalKind, SignedIn, VerifyError, refusal};
use crate::base::Secret;

/// Results that say that the server looked at nothing: busy, unavailable (RFC 4511 4.1.9).
const NOT_NOW: [u32; 2] = [51, 52];

/// Signs `person` in.
pub(super) async fn verify(
    source: &LdapSource,
    person: &Person,
    password: &Secret<String>,
) -> Result<SignedIn, VerifyError> {
    // RFC 4513 5.1.2: with an empty password a server says yes to anybody, and some take a NUL for the end of it.
    let text = password.expose();
    if text.trim().is_empty() || text.contains('\0') || person.dn.as_str().is_empty() {
        return Err(Refusal::of(RefusalKind::WrongPassword).into());
    }
    source.refresh_servers().await?;
    let mut reasons = Vec::new();
    for url in source.servers.in_order(Instant::now()) {
        let mut connection = match connect(source, &url).await {
            Ok(connection) => connection,
            Err(error @ DirectoryError::Setup { .. }) => return Err(error.into()),
            Err(error) => {
                reasons.push(super::super::source::reason(&url, &error));
                continue;
            }
        };
        // From here on the server may have counted it: whatever happens, nobody else hears the password.
        let answer = connection.bind_person(person.dn.as_str(), password).await;
        let answer = answer.inspect_err(|error| source.note_failure(&url, error))?;
        if NOT_NOW.contains(&answer.code) {
            reasons.push(format!("{url}: {}", answer.text));
            continue;
        }
        refusal::judge(source.settings.family, &answer)?;
        confirm(source, &mut connection, person).await?;
        return Ok(SignedIn { guid: person.guid, dn: person.dn.clone(), server: url });
    }
    Err(DirectoryError::AllServersDown { label: source.settings.label.clone(), reasons }.into())
}

/// As far as [`verify`] goes without a password.
pub(super) async fn pretend(source: &LdapSource) {
    for url in source.servers.in_order(Instant::now()) {
        if let Ok(mut connection) = connect(source, &url).await {
            let _ = connection.who_am_i().await;
            return;
        }
    }
}

async fn connect(source: &LdapSource, url: &str) -> Result<Connection, DirectoryError> {
    let connected = Connection::open_for_person(url, &source.settings).await;
    match &connected {
        Ok(_) => source.servers.worked(url),
        Err(error) => source.servers.failed(url, &error.to_string(), Instant::now()),
    }
    connected
}

/// Whether the connection is `person`'s now: of somebody at all, and of the object that was found. Names change hands
/// between a search and a bind, and a server that says yes to everything says it here as well.
async fn confirm(source: &LdapSource, connection: &mut Connection, person: &Person) -> Result<(), VerifyError> {
    let server = connection.server().to_owned();
    let not = |why: &str| VerifyError::NotConfirmed { server: server.clone(), why: why.to_owned() };
    match connection.who_am_i().await? {
        WhoAmI::Somebody => {}
        WhoAmI::Nobody => return Err(not("the connection is nobody's (RFC 4532)")),
        // Samba does not offer it; whoever offers it has to answer.
        WhoAmI::NotOffered if RootDse::read(connection).await?.offers(WHO_AM_I) => {
            return Err(not("it offers to say whose the connection is, and does not"));
        }
        WhoAmI::NotOffered => {}
    }
    let question = Question::entry(person.dn.as_str(), &[&source.settings.id_attribute]);
    let (entries, outcome) = connection.search(&question).await?.all().await?;
    let name = &source.settings.id_attribute;
    let remedy = match source.settings.family {
        Family::ActiveDirectory => "",
        Family::Ldap => "; OpenLDAP: `by self read` for `entry`, `objectClass` and `entryUUID`",
        Family::Ds389 => {
            "; 389-DS: an aci (targetattr=\"nsUniqueId || objectClass\") that allows (read, search) to \
             userdn = \"ldap:///self\""
        }
    };
    let id = match entries.as_slice() {
        [entry] if outcome.code == 0 => source.intake.id_of(entry).ok(),
        _ => None,
    };
    match id {
        Some(id) if id == person.guid => Ok(()),
        Some(id) => Err(not(&format!("the object there has the id {id}, and {} was found", person.guid))),
        None => Err(not(&format!(
            "the id of the entry cannot be read over that connection: let people read their own `{name}`{remedy}"
        ))),
    }
}
