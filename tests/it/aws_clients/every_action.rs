//! Every action there is, by boto3 and by the SDK for JavaScript.

use std::collections::BTreeSet;

use super::Company;
use super::acts::{account, credentials, people, policies, roles};
use super::client::Client;

/// Does all acts as alice, and looks that no action was left out.
fn all_acts(company: &Company, client: &Client<'_>) {
    company.initialized();
    let key = company.key_of("alice");
    let alice = client.with(&key).hurried();
    for act in [
        people::users,
        people::groups,
        policies::managed,
        roles::roles,
        credentials::access_keys,
        credentials::passwords,
        credentials::devices,
        account::alias_and_summary,
        account::simulation,
    ] {
        act(&alice);
    }
    let driven = client.driven();
    let missing: BTreeSet<&str> =
        bailey::iam::actions().map(|action| action.name).filter(|name| !driven.contains(*name)).collect();
    assert!(missing.is_empty(), "no act of `aws_clients/acts` does these: {missing:?}");
}

#[test]
fn boto3_does_every_action_and_reads_every_answer() {
    let company = Company::new();
    all_acts(&company, &Client::boto(&company));
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn the_sdk_for_javascript_does_every_action_and_reads_every_answer() {
    let company = Company::new();
    all_acts(&company, &Client::javascript(&company));
    company.ends_without_a_trace_of_secrets();
}
