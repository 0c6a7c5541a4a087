//! Actions on the credential report.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{text, time};
use super::{Action, Job, Params, QueryError, iam, reads};
use crate::admin::iam::reports::State;
use crate::gate::Operation as Op;

pub(super) const ACTIONS: &[Action] = &[
    iam("GenerateCredentialReport", Op::GenerateCredentialReport, super::account, generate),
    iam("GetCredentialReport", Op::GetCredentialReport, super::account, get),
];

fn generate(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let state = admin.generate_credential_report(asked)?;
        let mut answer = vec![text("State", state.word())];
        // AWS explains itself while there is none; whoever reads that asks again, and that is what drives it on.
        if state != State::Complete {
            answer.push(text("Description", "The report is being generated; ask again until its state is COMPLETE"));
        }
        Ok(answer)
    })
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let report = admin.credential_report(asked)?;
        Ok(vec![
            text("Content", STANDARD.encode(&report.content)),
            text("ReportFormat", "text/csv"),
            time("GeneratedTime", report.generated),
        ])
    })
}
