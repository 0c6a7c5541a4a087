//! Bailey: a bridge between a company's directory and short-lived access.
//!
//! This is the map. Modules stand in the order data meets them; each imports lower ranks only, and
//! `tests/architecture.rs` holds them to it.
//!
//! ```text
//!   AD / LDAP                                   people at this machine          programs and people that sign
//!       |                                                 |                                |
//!   directory --> sync: plan, guard, apply --> store    authn <---------------------- http: socket,
//!    entries,      drift becomes a safe         rows      who is calling               HTTPS, health
//!    cursors       change of the model          and        |                               ^
//!                                               history    gate --> admin <-- iam ---------+
//!    keys seal what is secret in it                        yes/no   operations, API
//!                          \__________ audit: begun before, completed after __________/
//!
//!   rights reads the store, policy decides; daemon wires it all; config and cli stand outside
//! ```
//!
//! | rank | module | what it owns |
//! |---|---|---|
//! | 0 | [`base`] | time, randomness, secrets, typed ids, whose fault an error is |
//! | 1 | [`telemetry`] | logs, metrics, how the parts of the daemon are |
//! | 1 | [`model`] | what exists: people, groups, machines, edges, roles, policies, names; pure values |
//! | 1 | [`directory`] | speaks LDAP, has never heard of IAM |
//! | 1 | [`saml_xml`] | the only parser of XML that others wrote: limits, signatures; yields only what a signature covered |
//! | 1 | [`fetch`] | the only outbound HTTP client, and what it may reach |
//! | 2 | [`store`] | persistence with history, behind one narrow trait |
//! | 2 | [`policy`] | the policy language: a request and documents in, a decision with reasons out; pure |
//! | 3 | [`audit`] | the chained record of what was done |
//! | 3 | [`rights`] | who is in which group, through which, and what somebody's rights rest on: policies, assignments, grants |
//! | 4 | [`keys`] | sealing keys: what lies in the store as a secret, and what opens it; signing keys |
//! | 4 | [`notify`] | notices: the outbox, the mail server, webhooks |
//! | 4 | [`sync`] | turns a directory's drift into safe changes of the model |
//! | 4 | [`ticket`] | whether a ticket is one: a command or a webhook is asked |
//! | 5 | [`sessions`] | whether a session counts now, and how one ends |
//! | 6 | [`authn`] | who is calling, how surely: by signature, password, passkey, ticket, or an outside provider's word (OpenID Connect, SAML) |
//! | 7 | [`gate`] | the only yes |
//! | 8 | [`admin`] | all operations on the model and their listings: people, roles, grants, engagements, applications |
//! | 8 | [`issue`] | the only mint: begins sessions, within every limit |
//! | 8 | [`query`] | the form of the Query APIs: parameters, answers, errors |
//! | 9 | [`access`] | decisions for applications: may somebody do something, may a request pass |
//! | 9 | [`iam`] | the IAM Query API: names, parameters and answers of its actions |
//! | 9 | [`sso`] | single sign-on: sign-ins by browser, what a person is shown of themselves; OpenID Connect and SAML for applications |
//! | 9 | [`sts`] | the STS Query API: who begins a session of what, and for how long |
//! | 10 | [`http`] | listeners, TLS, routes, and what outsiders learn of an error |
//! | 11 | [`config`] | one file, checked whole, every fault told at once |
//! | 12 | [`daemon`] | wires the parts, serves until told to end |
//! | 13 | [`cli`] | words in, a verb done, an exit code out |
//! | - | [`manual`] | documentation only: known failures, what stops each, why each default |

pub mod access;
pub mod admin;
pub mod audit;
pub mod authn;
pub mod base;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod directory;
pub mod fetch;
pub mod gate;
pub mod http;
pub mod iam;
pub mod issue;
pub mod keys;
pub mod manual;
pub mod model;
pub mod notify;
pub mod policy;
pub mod query;
pub mod rights;
pub mod saml_xml;
pub mod sessions;
pub mod sso;
pub mod store;
pub mod sts;
pub mod sync;
pub mod telemetry;
pub mod ticket;
