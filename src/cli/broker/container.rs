//! The container endpoint ("Container credential provider", AWS SDKs and Tools Reference Guide): credentials at one path, for
//! whoever shows what is in the token file.

use std::path::{Path, PathBuf};

use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, StatusCode};
use rand::{Rng, RngExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::print::expiration;
use super::role::Given;
use super::serve::{Answer, Asked};
use crate::base::Secret;
use crate::cli::login::cache::{CacheError, read_closed, replace_closed};

/// Where the credentials are.
pub const PATH: &str = "/credentials";

/// What a token begins with, by which a file is known that was written here.
const MARK: &str = "bailey-broker-";

/// The token file, and what has to be shown.
pub struct Container {
    file: PathBuf,
    token: [u8; 32],
}

impl Container {
    /// Writes a new token into `file`, closed to others. SDKs read it again at every refresh.
    ///
    /// # Errors
    /// When it cannot be written, or holds something else.
    pub fn new(file: &Path, rng: &mut impl Rng) -> anyhow::Result<Self> {
        let ours = |bytes: &[u8]| bytes.starts_with(MARK.as_bytes());
        match read_closed(file) {
            Ok(Some(bytes)) if !ours(&bytes) => anyhow::bail!("{} holds something else: name another", file.display()),
            Err(error @ CacheError::Open { .. }) => return Err(error.into()),
            _ => {}
        }
        let token = Secret::new(format!("{MARK}{}", hex::encode(rng.random::<[u8; 32]>())));
        replace_closed(file, token.expose().as_bytes())?;
        Ok(Self { file: file.to_owned(), token: hashed(token.expose().as_bytes()) })
    }

    /// Removes the token file.
    pub fn end(&self) {
        // Nothing depends on it: what is in it opens nothing any more.
        let _ = std::fs::remove_file(&self.file);
    }

    /// What a request asks for.
    #[must_use]
    pub fn asked<B>(&self, request: &Request<B>) -> Asked {
        if !self.shown(request) {
            return Asked::Answer(Answer::words(
                StatusCode::UNAUTHORIZED,
                "the token in the token file must be shown in `Authorization`",
            ));
        }
        match (request.method(), request.uri().path_and_query().map(|path| path.as_str())) {
            (&Method::GET, Some(PATH)) => Asked::Credentials,
            (_, Some(PATH)) => {
                Asked::Answer(Answer::words(StatusCode::METHOD_NOT_ALLOWED, "credentials are asked for by GET"))
            }
            _ => Asked::Answer(Answer::words(StatusCode::NOT_FOUND, "credentials are at /credentials")),
        }
    }

    /// Compared in a time that does not depend on how much is right. Hashed first, so that no length tells either.
    fn shown<B>(&self, request: &Request<B>) -> bool {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let shown = hashed(value.as_bytes());
        let differing = self.token.iter().zip(shown).fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

/// Credentials as the container endpoint tells them.
#[must_use]
pub fn told(given: &Given) -> serde_json::Value {
    json!({
        "RoleArn": given.role,
        "AccessKeyId": given.keys.access_key_id,
        "SecretAccessKey": given.keys.secret.expose(),
        "Token": given.keys.token.expose(),
        "Expiration": expiration(given),
    })
}

/// What is kept of a secret that is only ever compared.
pub(super) fn hashed(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_token_is_new_every_time_and_closed_to_others() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let first = Container::new(&file, &mut rng).unwrap();
        let token = std::fs::read_to_string(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let second = Container::new(&file, &mut rng).unwrap();
        assert_ne!((first.token, token.clone()), (second.token, std::fs::read_to_string(&file).unwrap()));
        let short = token.get(..token.len() - 1).unwrap();
        let shows = |token: &[&str]| {
            let request =
                token.iter().fold(Request::get(PATH), |request, token| request.header("authorization", *token));
            first.shown(&request.body(()).unwrap())
        };
        assert!(shows(&[&token]));
        for wrong in [&[][..], &[""], &[short], &["Bearer x"], &[token.as_str(), token.as_str()]] {
            assert!(!shows(wrong), "{wrong:?}");
        }
        second.end();
        assert!(!file.exists());
    }

    #[test]
    fn nothing_else_is_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("id_ed25519");
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        std::fs::write(&file, "a key").unwrap();
        for mode in [0o600, 0o644] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(Container::new(&file, &mut rng).is_err());
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a key");
    }
}
