//! The keys that seal secrets and sign tokens.

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::admin::sealing::SealingView;
use crate::admin::signing::{Rotation, SigningKeyView};
use crate::cli::Exit;
use crate::cli::output::{Column, moment};
use crate::cli::session::{Session, remark};
use crate::keys::Algorithm;

/// `bailey key`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// List the keys that sign tokens and those that seal secrets
    List,
    /// Publish the next key that signs tokens: it signs a day from now, and the old one goes a day after
    Rotate {
        /// Only the keys of this algorithm: ES256, EdDSA or RS256
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<Algorithm>,
        /// Somebody may have the keys: new ones sign at once, and no token of the old ones is believed any more
        #[arg(long)]
        emergency: bool,
    },
    /// Which key seals secrets, and since when
    Status,
    /// Exchange the key that seals secrets, and seal every secret anew
    Reseal,
}

/// A key of either kind, as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    key: String,
    /// `sign` or `seal`.
    purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<Algorithm>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifies_until: Option<String>,
}

const LIST: &[Column<Listed>] = &[
    Column { title: "key", cell: |key| key.key.clone() },
    Column { title: "for", cell: |key| format!("to {}", key.purpose) },
    Column { title: "algorithm", cell: |key| key.algorithm.map(|one| one.to_string()).unwrap_or_default() },
    Column { title: "state", cell: |key| key.state.clone() },
    Column { title: "from", cell: |key| key.from.clone().unwrap_or_default() },
    Column { title: "until", cell: |key| key.until.clone().unwrap_or_default() },
    Column { title: "verifies until", cell: |key| key.verifies_until.clone().unwrap_or_default() },
];

const SEALING: &[Column<SealingView>] = &[
    Column { title: "sealing key", cell: |keys| keys.current.to_string() },
    Column { title: "seals since", cell: |keys| moment(keys.since) },
    Column { title: "retiring", cell: |keys| keys.retiring.iter().map(u32::to_string).collect::<Vec<_>>().join(", ") },
    Column { title: "sealed anew", cell: |keys| keys.resealed.map(|count| count.to_string()).unwrap_or_default() },
];

/// Does a verb of `bailey key`.
///
/// # Errors
/// When the operation fails.
pub async fn key(session: &mut Session, verb: KeyVerb) -> anyhow::Result<Exit> {
    match verb {
        KeyVerb::List => {
            let signing: Vec<SigningKeyView> = session.client.get("/v1/signing-keys").await?;
            let sealing: SealingView = session.client.get("/v1/sealing-keys").await?;
            let listed: Vec<Listed> = signing.into_iter().map(Listed::from).chain(of_sealing(&sealing)).collect();
            session.output.listing(&listed, LIST)?;
        }
        KeyVerb::Rotate { algorithm, emergency } => rotate(session, Rotation { algorithm, emergency }).await?,
        KeyVerb::Status => {
            let keys: SealingView = session.client.get("/v1/sealing-keys").await?;
            session.output.record(&keys, SEALING)?;
        }
        KeyVerb::Reseal => {
            let keys: SealingView = session.client.post("/v1/sealing-keys/rotate", &json!({})).await?;
            session.output.record(&keys, SEALING)?;
        }
    }
    Ok(Exit::Done)
}

async fn rotate(session: &mut Session, rotation: Rotation) -> anyhow::Result<()> {
    let keys: Vec<SigningKeyView> = session.client.post("/v1/signing-keys/rotate", &rotation).await?;
    let keys: Vec<SigningKeyView> =
        keys.into_iter().filter(|key| rotation.algorithm.is_none_or(|one| one == key.algorithm)).collect();
    if rotation.emergency {
        remark("the old keys are destroyed: whoever holds a token of theirs has to get a new one,")?;
        remark("and whoever verifies tokens by keys it has kept has to fetch them anew")?;
    } else {
        for key in keys.iter().filter(|key| key.state == "next") {
            remark(&format!("{} signs by {} from {} on", key.kid, key.algorithm, moment(key.signs_from)))?;
        }
    }
    session.output.listing(&keys.into_iter().map(Listed::from).collect::<Vec<_>>(), LIST)?;
    Ok(())
}

impl From<SigningKeyView> for Listed {
    fn from(key: SigningKeyView) -> Self {
        Self {
            key: key.kid,
            purpose: "sign",
            algorithm: Some(key.algorithm),
            state: key.state,
            from: Some(moment(key.signs_from)),
            until: key.signs_until.map(moment),
            verifies_until: key.verifies_until.map(moment),
        }
    }
}

fn of_sealing(keys: &SealingView) -> Vec<Listed> {
    let listed = |number: u32, state: &str, from| Listed {
        key: number.to_string(),
        purpose: "seal",
        algorithm: None,
        state: state.to_owned(),
        from,
        until: None,
        verifies_until: None,
    };
    let retiring = keys.retiring.iter().map(|number| listed(*number, "retiring", None));
    retiring.chain([listed(keys.current, "current", Some(moment(keys.since)))]).collect()
}
