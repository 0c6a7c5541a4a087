//! What a service provider would be told of somebody.

use std::collections::BTreeSet;

use crate::admin::{Admin, AdminError};
use crate::base::text::printable;
use crate::gate::Authorized;
use crate::model::client::ClaimSource;
use crate::model::saml_sp::{AttributeValue, NameId};
use crate::model::{Entity, MemberKind, SamlSp, User};
use crate::rights::Library;
use crate::rights::find::by_name_or_id;

impl Admin {
    /// What `sp` would be told of the person that is asked about, a sentence each: whether they may sign in to it by their groups, and
    /// what stands in an assertion. What policies say is known when they sign in. Blocks.
    ///
    /// # Errors
    /// When there is no such service provider or person, or the store cannot be read.
    pub fn sp_told_of(&self, asked: &Authorized, sp: &str) -> Result<Vec<String>, AdminError> {
        let (sp, _) = self.answered_sp(sp)?;
        let terms = self.terms(self.now())?;
        let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
        let (user, groups) = self.store.read(|snapshot| {
            let found = by_name_or_id(snapshot, MemberKind::User, asked.resource())?;
            let Entity::User(user) = found else {
                return Err(AdminError::NotFound { kind: "user", who: printable(asked.resource()).into_owned() });
            };
            let groups = library.at(snapshot).group_names(&user)?;
            Ok::<_, AdminError>((user, groups))
        })?;
        let groups: BTreeSet<&str> = groups.iter().map(|name| &**name).collect();
        self.told_of(&sp, &user, &groups)
    }

    fn told_of(&self, sp: &SamlSp, user: &User, groups: &BTreeSet<&str>) -> Result<Vec<String>, AdminError> {
        let allowed = |wanted: &String| groups.iter().any(|own| own.eq_ignore_ascii_case(wanted));
        let may = sp.allowed_groups.is_empty() || sp.allowed_groups.iter().any(allowed);
        let mut told = vec![match may {
            true => format!("{} may sign in to it, if policies let them", user.name),
            false => format!("{} may not sign in to it: they are in none of its groups", user.name),
        }];
        let shown = |source: &ClaimSource| {
            let values = self.values(source, user, groups);
            values.map(|values| {
                values.iter().map(|value| format!("`{}`", printable(value))).collect::<Vec<_>>().join(", ")
            })
        };
        let nothing = |source: &ClaimSource| format!("nothing: there is no {source} of them");
        told.push(match &sp.name_id {
            NameId::Persistent => "NameID: a name for them that it alone has".to_owned(),
            NameId::Transient => "NameID: another name each time".to_owned(),
            NameId::EmailAddress(source) | NameId::Unspecified(source) => match source.text_of(user, &self.account) {
                Some(value) if self.is_others_too(source, &value)? => {
                    format!("no NameID, and so no assertion: somebody else has the same {source}")
                }
                Some(value) => format!("NameID: `{}`", printable(&value)),
                None => format!("no NameID, and so no assertion: there is no {source} of them"),
            },
        });
        for rule in &sp.attributes {
            let value = match &rule.value {
                AttributeValue::Text(words) => format!("`{}`", printable(words)),
                AttributeValue::Of(ClaimSource::Roles) => "the roles that they may take then".to_owned(),
                AttributeValue::Of(source) => shown(source).unwrap_or_else(|| nothing(source)),
            };
            told.push(format!("{}: {value}", printable(&rule.name)));
        }
        if sp.aws.is_some() {
            told.push("Role: those of its accounts that they are assigned, one of which they choose".to_owned());
        }
        Ok(told)
    }

    fn values(&self, source: &ClaimSource, user: &User, groups: &BTreeSet<&str>) -> Option<Vec<String>> {
        if *source == ClaimSource::Groups {
            let all: Vec<String> = groups.iter().map(|name| (*name).to_owned()).collect();
            return Some(all).filter(|all| !all.is_empty());
        }
        source.text_of(user, &self.account).map(|text| vec![text])
    }
}
