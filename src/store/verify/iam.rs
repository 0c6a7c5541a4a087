//! The rows of roles, policies and what hangs on whom.

use super::{expect, plain, there};
use crate::model::{
    Assignment, Entitlements, Guardrail, InstanceProfile, ManagedPolicy, OidcProvider, Role, SamlProvider,
};
use crate::store::iam::{self, Object};
use crate::store::schema::iam as keys;
use crate::store::schema::iam::Named;
use crate::store::schema::saml;
use crate::store::{Snapshot, execute, schema};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    match key.first() {
        Some(b'L') => object::<Role>(snapshot, key, value).map(drop),
        Some(b'o') => object::<OidcProvider>(snapshot, key, value).map(drop),
        Some(b'i') => {
            let provider = object::<SamlProvider>(snapshot, key, value)?;
            for held in provider.encryption.iter().flat_map(|encryption| &encryption.keys) {
                let found = there(snapshot, &saml::provider_key(&provider.id, &held.id))?;
                expect(found, &format!("its private key {} is not there", held.id))?;
            }
            Ok(())
        }
        Some(b'W') => {
            let profile = object::<InstanceProfile>(snapshot, key, value)?;
            let role = profile.role.map(|role| there(snapshot, &keys::role(&role))).transpose()?;
            expect(role != Some(false), "its role is not there")
        }
        Some(b'r') => object::<Guardrail>(snapshot, key, value).map(drop),
        Some(b'Y') => {
            let policy = object::<ManagedPolicy>(snapshot, key, value)?;
            expect(
                policy.versions.contains_key(&policy.default_version),
                "its default version is none of its versions",
            )?;
            for number in policy.versions.keys() {
                let found = there(snapshot, &keys::policy_version(&policy.id, *number))?;
                expect(found, &format!("its version {number} is not there"))?;
            }
            Ok(())
        }
        Some(b'V') => {
            let (policy, number) = keys::parse_policy_version(key).ok_or(SHAPE)?;
            let policy = plain(iam::policy(snapshot, &policy))?.ok_or("its policy is not there")?;
            expect(policy.versions.contains_key(&number), "its policy knows of no such version")
        }
        Some(b'Z') => name(snapshot, key, value),
        Some(b'T') => {
            let holder = keys::parse_entitlements(key).ok_or(SHAPE)?;
            let held = plain(execute::from_json::<Entitlements>(key, value))?;
            expect(there(snapshot, &keys::holder_row(&holder))?, "whose they are is not there")?;
            for policy in held.policies() {
                expect(there(snapshot, &keys::policy(&policy))?, &format!("its policy {policy} is not there"))?;
                let back = there(snapshot, &keys::held_by(&policy, &holder))?;
                expect(back, &format!("its policy {policy} does not lead back to it"))?;
            }
            Ok(())
        }
        Some(b'X') => {
            let (policy, holder) = keys::parse_held_by(key).ok_or(SHAPE)?;
            let held = plain(iam::entitlements(snapshot, &holder))?.value;
            expect(held.policies().contains(&policy), "its holder does not hold it")
        }
        Some(b'Q') => {
            let (to, role) = keys::parse_assignment(key).ok_or(SHAPE)?;
            check_alone(key, value)?;
            expect(there(snapshot, &schema::entity(&to))?, "whom it is to is not there")?;
            expect(there(snapshot, &keys::role(&role))?, "its role is not there")?;
            expect(there(snapshot, &keys::assignment_back(&role, &to))?, "its role does not lead back to it")
        }
        Some(b'g') => {
            let row = keys::parse_claims(key).ok_or(SHAPE)?;
            expect(there(snapshot, row)?, "the row they are of is not there")
        }
        _ => {
            let (role, to) = keys::parse_assignment_back(key).ok_or(SHAPE)?;
            expect(there(snapshot, &keys::assignment(&to, &role))?, "there is no such assignment")
        }
    }
}

/// What does not fit about the value alone, as in history.
pub(super) fn check_alone(key: &[u8], value: &[u8]) -> Result<(), String> {
    let parse = || -> Result<(), crate::store::StoreError> {
        match key.first() {
            Some(b'L') => execute::from_json::<Role>(key, value).map(drop),
            Some(b'Y') => execute::from_json::<ManagedPolicy>(key, value).map(drop),
            Some(b'W') => execute::from_json::<InstanceProfile>(key, value).map(drop),
            Some(b'r') => execute::from_json::<Guardrail>(key, value).map(drop),
            Some(b'o') => execute::from_json::<OidcProvider>(key, value).map(drop),
            Some(b'i') => execute::from_json::<SamlProvider>(key, value).map(drop),
            Some(b'T') => execute::from_json::<Entitlements>(key, value).map(drop),
            Some(b'Q') => execute::from_json::<Assignment>(key, value).map(drop),
            _ => Ok(()),
        }
    };
    plain(parse())
}

fn object<T: Object>(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<T, String> {
    let object = plain(execute::from_json::<T>(key, value))?;
    expect(keys::object(T::KIND, object.id_bytes()) == key, "it holds the object of another key")?;
    let named = plain(iam::named::<T>(snapshot, object.account(), &object.folded()))?;
    let ours = named.is_some_and(|found| found.value.id_bytes() == object.id_bytes());
    expect(ours, "its name leads to something else, or to nothing")?;
    Ok(object)
}

fn name(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, ..) = keys::parse_name(key).ok_or(SHAPE)?;
    let id: [u8; 16] = value.try_into().map_err(|_| "it leads to no id")?;
    let borne = match kind {
        Named::Role => bears::<Role>(snapshot, &id, key),
        Named::Policy => bears::<ManagedPolicy>(snapshot, &id, key),
        Named::InstanceProfile => bears::<InstanceProfile>(snapshot, &id, key),
        Named::Guardrail => bears::<Guardrail>(snapshot, &id, key),
        Named::OidcProvider => bears::<OidcProvider>(snapshot, &id, key),
        Named::SamlProvider => bears::<SamlProvider>(snapshot, &id, key),
    }?;
    expect(borne, "nothing it leads to bears this name")
}

fn bears<T: Object>(snapshot: &dyn Snapshot, id: &[u8; 16], key: &[u8]) -> Result<bool, String> {
    let found = plain(iam::object::<T>(snapshot, id))?;
    Ok(found.is_some_and(|found| keys::name(T::KIND, found.value.account(), &found.value.folded()) == key))
}
