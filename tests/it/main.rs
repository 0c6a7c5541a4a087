//! Tests through real programs: servers, the shell, systemd. One binary, so that it links once.
//!
//! A program that is missing is a failure with its remedy, never a skip.
// Lets clippy see that this is test code, functions outside `#[test]` included.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test that meets the unexpected has to fail"
)]

mod audit_chain;
mod authorize;
mod authz_matrix;
mod aws_clients;
mod bed;
mod bed_itself;
mod broker_bed;
mod broker_credentials;
mod broker_login;
mod broker_restored;
mod broker_sdks;
mod broker_serve;
mod broker_sso;
mod cli_frame;
mod client;
mod clock;
mod config_files;
mod credentials;
mod demo;
mod directory_discovery;
mod directory_hostile;
mod directory_slapd;
mod directory_windows;
mod ds389;
mod e2e;
mod effects;
mod engagements;
mod fetch;
mod fixture;
mod forward_auth;
mod forward_auth_nginx;
mod golden;
mod grants;
mod grants_model;
mod guardrails;
mod health;
mod https;
mod iam;
mod iam_custom;
mod iam_reports;
#[cfg(feature = "gssapi")]
mod kerberos;
mod lifecycle;
mod local_socket;
mod login_hostile;
mod login_rules;
mod login_samba;
mod login_slapd;
mod machine_certificates;
#[cfg(feature = "gssapi")]
mod machine_kerberos;
mod machine_samba;
mod machines;
mod measure;
mod own_devices;
mod passkeys;
mod passkeys_browser;
mod passkeys_enrolled;
mod plan_page;
mod policy;
mod policy_naive;
mod policy_print;
mod portal;
mod portal_browser;
mod portal_factor;
mod portal_pages;
mod revocations;
mod role_tokens;
mod routes;
mod run;
mod samba;
mod samba_random;
mod secrets_kept;
mod sessions_killed;
mod several;
mod signing_keys;
mod sigv4;
mod simulated;
mod sso_again;
mod sso_authorize;
mod sso_browser;
mod sso_claims;
mod sso_clients;
mod sso_codes;
mod sso_command;
mod sso_desk;
mod sso_devices;
mod sso_dpop;
mod sso_exchange;
mod sso_faults;
mod sso_limits;
mod sso_logout;
mod sso_par;
mod sso_presets;
mod sso_register;
mod sso_rows;
mod sso_tokens;
mod store_conformance;
mod store_crash;
mod store_full;
mod store_history;
mod store_open;
mod store_text;
mod sts;
mod sts_chain;
mod sts_decode;
mod sts_full;
mod sts_office;
mod sts_races;
mod sts_root;
mod sts_templates;
mod sts_unsigned;
mod sync_crash;
mod sync_domains;
mod sync_doubt;
mod sync_guard;
mod sync_leavers;
mod sync_names;
mod sync_random;
mod sync_rights;
mod systemd;
mod tiny_store;
mod web_identity;
mod who_can;
mod world;
