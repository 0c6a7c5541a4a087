//! Every action there is, by boto3 and by the SDK for JavaScript.

use std::collections::BTreeSet;

use super::Company;
use super::acts::{account, credentials, people, policies, providers, reports, roles, sessions};
use super::client::{Caller, Client};

type Act = fn(&Caller<'_>);

const ACTS: [Act; 17] = [
    people::users,
    people::groups,
    policies::managed,
    roles::roles,
    credentials::access_keys,
    credentials::passwords,
    credentials::devices,
    account::alias_and_summary,
    account::simulation,
    reports::custom_simulation,
    reports::credentials,
    reports::details,
    reports::services,
    sessions::sessions,
    providers::openid,
    providers::saml,
    providers::tags_of_the_rest,
];

/// Does these acts as an administrator, and looks that no action was left out but those the client does not know of.
fn all_acts(company: &Company, client: &Client<'_>, acts: &[Act], unknown: &[&str]) {
    company.initialized();
    // A key may make so many calls at once and not more: several take turns.
    let keys = ["alice", "bob", "alice", "bob"].map(|who| company.key_of(who));
    for (act, key) in acts.iter().zip(keys.iter().cycle()) {
        act(&client.with(key).hurried());
    }
    let driven = client.driven();
    let sts = bailey::sts::actions().map(|action| action.name);
    let all = bailey::iam::actions().map(|action| action.name).chain(sts);
    let missing: BTreeSet<&str> = all.filter(|name| !driven.contains(*name) && !unknown.contains(name)).collect();
    assert!(missing.is_empty(), "nothing in `aws_clients/acts` does these: {missing:?}");
}

#[test]
fn boto3_does_every_action_and_reads_every_answer() {
    let company = Company::new();
    all_acts(&company, &Client::boto(&company), &ACTS, &["AssumeRoot", "GetMFADevice", "GetWebIdentityToken"]);
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn the_sdk_for_javascript_does_every_action_and_reads_every_answer() {
    let company = Company::new();
    all_acts(
        &company,
        &Client::javascript(&company),
        &[&ACTS[..], &[providers::newer, sessions::tokens, sessions::root]].concat(),
        &[],
    );
    company.ends_without_a_trace_of_secrets();
}
