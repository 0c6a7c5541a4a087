//! What is printed of credentials: JSON for `credential_process`, lines for a shell.

use serde_json::json;
use zeroize::Zeroizing;

use super::role::Given;

/// The document that AWS SDKs read from a `credential_process`, of version 1 ("Process credential provider", AWS SDKs and Tools
/// Reference Guide). It has an end, or an SDK would never ask again.
#[must_use]
pub fn process(given: &Given) -> Zeroizing<String> {
    let keys = &given.keys;
    Zeroizing::new(
        json!({
            "Version": 1,
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret.expose(),
            "SessionToken": keys.token.expose(),
            "Expiration": expiration(given),
        })
        .to_string(),
    )
}

/// When they end, to the second: some SDKs read no fraction.
#[must_use]
pub fn expiration(given: &Given) -> String {
    given.keys.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Lines that a shell takes in: `eval "$(bailey credentials --role NAME --env)"`.
#[must_use]
pub fn shell(given: &Given) -> Zeroizing<String> {
    let keys = &given.keys;
    let expiration = expiration(given);
    let lines = [
        ("AWS_ACCESS_KEY_ID", keys.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret.expose()),
        ("AWS_SESSION_TOKEN", keys.token.expose()),
        ("AWS_CREDENTIAL_EXPIRATION", &expiration),
    ];
    Zeroizing::new(lines.map(|(name, value)| format!("export {name}={}", quoted(value))).join("\n"))
}

/// One word of a POSIX shell, whatever is in it (XCU 2.2.2).
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_written() {
        for text in ["plain", "a'b", "$(x) `y` \"z\" \\ \n", "''"] {
            let script = format!("printf %s {}", quoted(text));
            let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(said.stdout, text.as_bytes());
        }
    }
}
