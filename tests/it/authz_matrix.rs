//! Who may do what on this machine, as a table that a person reviews.

use std::fmt::Write as _;

use bailey::audit::{Audit, Identity, tail};
use bailey::authn::local::{LocalRoles, Members, Peer, Role, from_peer};
use bailey::authn::{Caller, CallerKind};
use bailey::base::Timestamp;
use bailey::gate::{Gate, Operation};

use crate::golden;
use crate::tiny_store::Tiny;

/// This process in the role that `kind` asks for.
fn caller(kind: CallerKind) -> Caller {
    let me = Peer::this_process();
    let members = Members { uids: [me.uid()].into(), groups: Vec::new() };
    let nobody = LocalRoles { owner: u32::MAX, operators: Members::default(), viewers: Members::default() };
    let roles = match kind {
        CallerKind::Local(Role::Operator) => LocalRoles { operators: members, ..nobody },
        CallerKind::Local(Role::Viewer) => LocalRoles { viewers: members, ..nobody },
    };
    let caller = from_peer(me, &roles).unwrap();
    assert_eq!(caller.kind(), kind);
    caller
}

#[test]
fn the_table_says_what_the_gate_does_and_every_no_is_recorded() {
    let now: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
    let (tiny, state) = (Tiny::default(), tempfile::tempdir().unwrap());
    let identity = Identity { account: "123456789012".parse().unwrap(), build: String::new(), node: String::new() };
    let gate = Gate::new(Audit::open(tiny.store(), identity, state.path()).unwrap());
    let records = || tail::last(&tiny.store(), u64::MAX).unwrap();

    let mut table = format!("{:<32}{:<8}", "operation", "record");
    for kind in CallerKind::ALL {
        let _ = write!(table, "{:<16}", kind.to_string());
    }
    for operation in Operation::ALL {
        let record = if operation.recorded() { "yes" } else { "-" };
        let _ = write!(table, "\n{:<32}{record:<8}", operation.name());
        for kind in CallerKind::ALL {
            let before = records().len();
            let decision = match gate.authorize(caller(*kind), *operation, "x", now) {
                Ok(authorized) => {
                    assert_eq!((authorized.operation(), authorized.resource()), (*operation, "x"));
                    assert_eq!(authorized.audit_seq().is_some(), operation.recorded(), "{operation}");
                    authorized.complete(&bailey::audit::Outcome::success(), now);
                    let left = if operation.recorded() { 2 } else { 0 };
                    assert_eq!(records().len() - before, left, "{operation} {kind}");
                    "allow"
                }
                Err(error) => {
                    assert!(error.to_string().contains(operation.name()), "{error}");
                    let last = records().pop().unwrap().json;
                    assert!(last.contains("AccessDenied") && last.contains(operation.name()), "{last}");
                    "deny"
                }
            };
            let _ = write!(table, "{decision:<16}");
        }
    }
    let table: String = table.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    golden::assert_golden("authz-matrix.txt", &table);
}

#[test]
fn operations_stand_in_alphabetical_order() {
    let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert!(names.is_sorted(), "{names:?}");
}
