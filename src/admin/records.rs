//! Records of the audit log about somebody, a role or a session, found by the names people know.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::iam::sessions::session_of;
use super::{Admin, AdminError};
use crate::audit::query::{Filter, Names};
use crate::base::Timestamp;
use crate::model::{Arn, Entity, Member, MemberKind, UniqueId};
use crate::rights::find;

/// Which records are meant. What is said has to hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// By or about this person: name, ARN or id.
    pub person: Option<String>,
    /// About this role, and what was done for it: name or ARN.
    pub role: Option<String>,
    /// About this session, and what was done in it: its id or access key.
    pub session: Option<String>,
    /// About this assertion of SAML, which was made here or not: its ID.
    pub assertion: Option<String>,
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Written before then.
    pub until: Option<Timestamp>,
}

/// Keys of records under which a person's plain name stands.
const PERSON: &[&str] = &["userName", "user", "who", "to"];
/// Keys of records under which a role's plain name stands.
const ROLE: &[&str] = &["role", "resource"];

impl Admin {
    /// What records are to be looked for by. Blocks.
    ///
    /// # Errors
    /// When there is nobody and nothing of that name, or the store cannot be read.
    pub fn records_about(&self, wanted: &Wanted) -> Result<Filter, AdminError> {
        let set = |texts: Vec<String>| texts.into_iter().collect::<BTreeSet<String>>();
        self.store.read(|snapshot| {
            let mut about = Vec::new();
            if let Some(person) = &wanted.person {
                let found = find::entity(snapshot, &self.account, MemberKind::User, person)?;
                let arn = Arn::entity(&self.account, &found).to_string();
                let member: Member = found.member();
                let id = hex::encode(member.id_bytes());
                let whole = set(vec![id, arn, UniqueId::of_member(&member).to_string()]);
                let name = match &found {
                    Entity::User(user) => Some((PERSON, user.name.to_string())),
                    _ => None,
                };
                about.push(Names { whole, within: BTreeSet::new(), name });
            }
            if let Some(role) = &wanted.role {
                let role = find::role(snapshot, &self.account, role)?.value;
                let arn = Arn::role(&role.account, &role.path, &role.name).to_string();
                let within = set(vec![format!("::{}:assumed-role/{}/", role.account, role.name)]);
                let whole = set(vec![arn, UniqueId::of_role(&role.id).to_string()]);
                about.push(Names { whole, within, name: Some((ROLE, role.name.to_string())) });
            }
            if let Some(which) = &wanted.session {
                let session = session_of(snapshot, which)?.value;
                let whole = set(vec![session.id.to_string(), session.key().to_string()]);
                about.push(Names { whole, ..Names::default() });
            }
            if let Some(assertion) = &wanted.assertion {
                about.push(Names { whole: set(vec![assertion.clone()]), ..Names::default() });
            }
            Ok(Filter { about, since: wanted.since, until: wanted.until })
        })
    }
}
