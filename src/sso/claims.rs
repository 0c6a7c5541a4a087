//! What is told of somebody: by the scopes that a client has, by claims that it asks for one by one, and by those that it is
//! registered with (OpenID Connect Core 1.0, sections 5.4 and 5.5).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::person::Person;
use super::{OauthError, Sso};
use crate::base::Timestamp;
use crate::model::User;
use crate::model::client::{ClaimSource, Client};
use crate::model::token_family::{Consent, RequestedClaims};

/// Claims that can be asked for one by one, each with the scope that the client has to be registered with for it.
const ONE_BY_ONE: [(&str, &str); 5] = [
    ("name", "profile"),
    ("preferred_username", "profile"),
    ("email", "email"),
    ("groups", "groups"),
    ("roles", "roles"),
];

/// Where something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    IdToken,
    Userinfo,
}

/// The parameter `claims` of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClaimsAsked {
    /// What is to be told besides.
    pub(super) requested: RequestedClaims,
    /// How surely the person has to be signed in: in one of these ways. Empty is in any.
    pub(super) acr: BTreeSet<String>,
    /// Whom the client expects, by what it knows them by.
    pub(super) sub: Option<String>,
}

impl ClaimsAsked {
    /// Reads `text`. What is not known here is passed over (section 5.5.1), and so is what would only be nice to have and is not
    /// ours to choose.
    ///
    /// # Errors
    /// When it is of another form, or expects two people.
    pub(super) fn read(text: Option<&str>) -> Result<Self, &'static str> {
        let Some(text) = text else { return Ok(Self::default()) };
        let members: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "claims is no JSON object (OpenID Connect Core, section 5.5)")?;
        let mut asked = Self::default();
        for (place, name) in [(Place::IdToken, "id_token"), (Place::Userinfo, "userinfo")] {
            let mut told = BTreeSet::new();
            let claims = match members.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(claims)) => claims,
                Some(_) => return Err("a member of claims is no object"),
            };
            for (claim, how) in claims {
                let values = values(how)?;
                let is_essential = how.get("essential") == Some(&Value::Bool(true));
                match (claim.as_str(), place) {
                    ("acr", Place::IdToken) if is_essential => asked.acr = values,
                    // A person who is expected is expected whatever else is said (section 5.5.1).
                    ("sub", _) => asked.expect(values)?,
                    (claim, _) if ONE_BY_ONE.iter().any(|(known, _)| *known == claim) => {
                        told.insert(claim.to_owned());
                    }
                    _ => {}
                }
            }
            match place {
                Place::IdToken => asked.requested.id_token = told,
                Place::Userinfo => asked.requested.userinfo = told,
            }
        }
        Ok(asked)
    }

    fn expect(&mut self, values: BTreeSet<String>) -> Result<(), &'static str> {
        let mut values = values.into_iter();
        let (Some(sub), None) = (values.next(), values.next()) else { return Ok(()) };
        match self.sub.replace(sub) {
            Some(other) if self.sub.as_ref() != Some(&other) => Err("claims expects two people"),
            _ => Ok(()),
        }
    }
}

/// The values that a claim may have.
fn values(how: &Value) -> Result<BTreeSet<String>, &'static str> {
    let Value::Object(how) = how else {
        return if how.is_null() { Ok(BTreeSet::new()) } else { Err("a claim is asked for by null or by an object") };
    };
    let one = how.get("value").into_iter();
    let several = match how.get("values") {
        None => [].as_slice(),
        Some(Value::Array(values)) => values,
        Some(_) => return Err("the values of a claim are no list"),
    };
    Ok(one.chain(several).filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// All tags of a person for a session in AWS (IAM User Guide, "Passing session tags using AssumeRoleWithWebIdentity"): one value each,
/// in a list. All of them go on to sessions that such a session begins, so that the team is known however far the chain goes.
fn aws_tags(user: &User) -> Option<Value> {
    let tags: Map<String, Value> = user.tags.iter().map(|(key, value)| (key.clone(), json!([value]))).collect();
    let keys: Vec<&String> = user.tags.keys().collect();
    (!keys.is_empty()).then(|| json!({ "principal_tags": tags, "transitive_tag_keys": keys }))
}

impl Sso {
    /// What is told of `person` in this place. Whether the mail address was verified is not known here, and so not said. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn claims_of(
        &self,
        person: &Person,
        client: &Client,
        consent: &Consent,
        place: Place,
        now: Timestamp,
    ) -> Result<Map<String, Value>, OauthError> {
        let user = &person.user;
        let asked = match place {
            Place::IdToken => &consent.claims.id_token,
            Place::Userinfo => &consent.claims.userinfo,
        };
        let tells = |claim: &str| {
            let scope = ONE_BY_ONE.iter().find(|(known, _)| *known == claim).map_or("", |(_, scope)| *scope);
            let may = client.scopes.iter().any(|own| own.as_str() == scope);
            consent.has(scope) || may && asked.contains(claim)
        };
        // Each role is a question to policies: they are asked where somebody wants to know.
        let is_for_roles = tells("roles") || client.claims.values().any(|source| *source == ClaimSource::Roles);
        let roles = if is_for_roles { self.roles_of(user, &consent.whence, now)? } else { None };
        let told = |source: &ClaimSource| match source {
            ClaimSource::Groups => Some(json!(person.groups.as_ref())),
            ClaimSource::Roles => roles.as_ref().map(|roles| json!(roles)),
            ClaimSource::AwsTags => aws_tags(user),
            source => source.text_of(user, &self.admin.account).map(Value::from),
        };
        let standard = [
            ("name", ClaimSource::DisplayName),
            ("preferred_username", ClaimSource::Name),
            ("email", ClaimSource::Mail),
            ("groups", ClaimSource::Groups),
            ("roles", ClaimSource::Roles),
        ];
        let mut claims = Map::new();
        let standard = standard.iter().filter(|(claim, _)| tells(claim)).map(|(claim, source)| (*claim, source));
        for (claim, source) in standard.chain(client.claims.iter().map(|(claim, source)| (claim.as_str(), source))) {
            if let Some(value) = told(source) {
                claims.insert(claim.to_owned(), value);
            }
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClaimsAsked, &'static str> {
        ClaimsAsked::read(Some(text))
    }

    #[test]
    fn what_is_known_is_taken_and_the_rest_passed_over() {
        let asked = read(
            r#"{"id_token": {"email": null, "acr": {"essential": true, "values": ["mfa", "loa4"]}, "picture": {"essential": true},
                "auth_time": {"essential": true}, "sub": {"value": "s-1"}},
                "userinfo": {"groups": {"essential": true}, "http://example.com/x": null, "sub": {"value": "s-1"}},
                "verified_claims": {}}"#,
        )
        .unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(asked.requested.id_token, set(&["email"]));
        assert_eq!(asked.requested.userinfo, set(&["groups"]));
        assert_eq!((asked.acr, asked.sub.as_deref()), (set(&["mfa", "loa4"]), Some("s-1")));
        assert_eq!(
            read(r#"{"id_token": {"acr": {"values": ["mfa"]}}}"#).unwrap(),
            ClaimsAsked::default(),
            "it would be nice"
        );
        assert_eq!(read("{}").unwrap(), ClaimsAsked::default());
        assert_eq!(ClaimsAsked::read(None).unwrap(), ClaimsAsked::default());
    }

    #[test]
    fn what_is_of_another_form_is_refused() {
        for bad in [
            "",
            "null",
            "[]",
            "{",
            r#"{"id_token": []}"#,
            r#"{"id_token": {"email": "yes"}}"#,
            r#"{"userinfo": {"acr": {"values": "mfa"}}}"#,
            r#"{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
