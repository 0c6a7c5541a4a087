//! `bailey user try-login`.

use std::path::PathBuf;

use serde_json::json;

use super::Exit;
use super::iam::factors;
use super::output::Column;
use super::session::Session;
use crate::admin::logins::TriedLogin;

const TRIED: &[Column<TriedLogin>] = &[
    Column { title: "outcome", cell: |tried| tried.outcome.clone() },
    Column { title: "user", cell: |tried| tried.user.clone().unwrap_or_default() },
    Column { title: "by", cell: |tried| tried.amr.join(" ") },
    Column { title: "detail", cell: |tried| tried.detail.clone().unwrap_or_default() },
    Column { title: "they are told", cell: |tried| tried.told.clone().unwrap_or_default() },
];

/// Tries a name and a password; exit code 1 where they let nobody in.
///
/// # Errors
/// When the password cannot be read, or the operation fails.
pub(super) async fn try_login(
    session: &mut Session,
    name: &str,
    code: Option<String>,
    password_file: Option<PathBuf>,
) -> anyhow::Result<Exit> {
    let password = factors::given_password(password_file)?;
    let body = json!({ "login": name, "password": *password, "code": code });
    let tried: TriedLogin = session.client.post("/v1/logins/try", &body).await?;
    session.output.record(&tried, TRIED)?;
    Ok(if tried.signed_in { Exit::Done } else { Exit::Failed })
}
