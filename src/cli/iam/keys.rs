//! The keys that seal secrets and sign tokens.

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::admin::sealing::SealingView;
use crate::admin::signing::{Rotation, SamlStep, SigningKeyView};
use crate::cli::Exit;
use crate::cli::output::{Column, moment};
use crate::cli::session::{Session, remark};
use crate::keys::Algorithm;

/// `bailey key`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// List the keys that sign tokens and messages of SAML, and those that seal secrets
    List,
    /// Publish the next key that signs tokens: it signs a day from now, and the old one goes a day after
    Rotate {
        /// Only the keys of this algorithm: ES256, EdDSA or RS256
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<Algorithm>,
        /// Somebody may have the keys: new ones sign at once, and no token of the old ones is believed any more; with --saml nobody
        /// signs in at an application until it has our new metadata
        #[arg(long)]
        emergency: bool,
        /// In place of those of tokens, publish the next key that signs messages of SAML: it is in our metadata then, for every
        /// service provider to be told, and does not sign before `--sign`
        #[arg(long, conflicts_with = "algorithm")]
        saml: bool,
        /// The published key of SAML signs from now on, and the old one leaves our metadata a day later
        #[arg(long, requires = "saml", conflicts_with = "emergency")]
        sign: bool,
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
    /// `sign`, `sign SAML` or `seal`.
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
        KeyVerb::Rotate { algorithm, emergency, saml, sign } => {
            let step = if sign { SamlStep::Sign } else { SamlStep::Publish };
            rotate(session, Rotation { algorithm, emergency, saml: saml.then_some(step) }).await?;
        }
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
    let is_asked = |key: &SigningKeyView| {
        key.saml == rotation.saml.is_some() && rotation.algorithm.is_none_or(|one| one == key.algorithm)
    };
    let keys: Vec<SigningKeyView> = keys.into_iter().filter(is_asked).collect();
    if rotation.saml.is_some() {
        tell_saml(&rotation, &keys)?;
    } else if rotation.emergency {
        remark("the old keys are destroyed: whoever holds a token of theirs has to get a new one,")?;
        remark("and whoever verifies tokens by keys it has kept has to fetch them anew")?;
    } else {
        for key in keys.iter().filter(|key| key.state == "next") {
            let from = key.signs_from.map(moment).unwrap_or_default();
            remark(&format!("{} signs by {} from {from} on", key.kid, key.algorithm))?;
        }
    }
    session.output.listing(&keys.into_iter().map(Listed::from).collect::<Vec<_>>(), LIST)?;
    Ok(())
}

/// What to do about a key of SAML, which service providers have to be told of.
fn tell_saml(rotation: &Rotation, keys: &[SigningKeyView]) -> anyhow::Result<()> {
    let waits = keys.iter().any(|key| key.state == "next");
    if rotation.emergency {
        remark("the old keys are destroyed: no service provider signs anybody in before it has our new metadata")?;
    } else if waits {
        remark(
            "the next key is in our metadata (/saml/metadata): tell every service provider, then rotate with --saml --sign",
        )?;
    }
    Ok(())
}

impl From<SigningKeyView> for Listed {
    fn from(key: SigningKeyView) -> Self {
        Self {
            key: key.kid,
            purpose: if key.saml { "sign SAML" } else { "sign" },
            algorithm: Some(key.algorithm),
            state: key.state,
            from: key.signs_from.map(moment),
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
