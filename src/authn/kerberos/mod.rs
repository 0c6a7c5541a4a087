//! Kerberos tickets that somebody shows (RFC 4120, 4121; SPNEGO, RFC 4178), one token and no more rounds.
//!
//! Owns the answer to "whose ticket is this, and is it shown for the first time": whoever asks about the holder, a machine or
//! later a person, goes on from the [`Principal`]. Makes no caller. That a ticket is for us, and good, is MIT Kerberos' business
//! ([`accept`]), which knows our keys by `KRB5_KTNAME` and what it has taken by `KRB5RCACHENAME`; `cli::kerberos` sets both.
//!
//! ```text
//!  Authorization: Negotiate --Token: size, no NTLM--> accept: our key, its time, not taken before --once--> Accepted
//!                                                      blocks, writes the replay cache to the disk
//! ```
//!
//! The name is what the realm's servers put into the ticket, and nothing else is known of its holder: not the SID, which they put
//! in too (MS-PAC) and which the library does not hand out to safe code. A name may have been somebody else's an hour ago.

#[cfg(feature = "gssapi")]
mod accept;
#[cfg(not(feature = "gssapi"))]
#[path = "no_accept.rs"]
mod accept;
mod once;
mod principal;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub use accept::AVAILABLE;
pub use principal::Principal;

#[cfg(any(feature = "gssapi", test))]
use crate::base::text::printable_within;
use crate::base::{Fault, Faulty, Secret, Timestamp};
use once::{Once, Taken};

/// Longest token, in bytes. A ticket with the privileges of an account in a thousand groups takes some 48 KiB (Windows'
/// `MaxTokenSize`). One of more than some 11 KiB does not come here while heads of requests have at most
/// 16 KiB; that of a computer in no group has 1.4.
pub const LONGEST_TOKEN: usize = 64 * 1024;

/// Tokens looked at together: each takes a thread, and waits for the disk.
const AT_ONCE: usize = 8;

/// What every message of NTLM begins with (MS-NLMP 2.2.1), whatever it is wrapped in.
const NTLM: &[u8] = b"NTLMSSP\0";

/// What somebody shows: it is worth a sign-in until it is taken, so it is a secret.
pub struct Token(Secret<Vec<u8>>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token in the value of an `Authorization` header (RFC 4559 4.2); `None` where it is of another scheme.
    ///
    /// # Errors
    /// When it is of this one and holds no token of Kerberos.
    pub fn in_header(value: &str) -> Option<Result<Self, KerberosRefused>> {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme.eq_ignore_ascii_case("Negotiate").then(|| Self::read(token.trim()))
    }

    fn read(text: &str) -> Result<Self, KerberosRefused> {
        if text.len() / 4 * 3 > LONGEST_TOKEN + 3 {
            return Err(KerberosRefused::TooLong);
        }
        let token = STANDARD.decode(text).map_err(|_| KerberosRefused::Malformed("it is not base64"))?;
        if token.is_empty() {
            return Err(KerberosRefused::Malformed("it is empty"));
        }
        if token.len() > LONGEST_TOKEN {
            return Err(KerberosRefused::TooLong);
        }
        // One is no proof of anything before three rounds, and can be relayed from any other service of the company.
        if token.windows(NTLM.len()).any(|window| window == NTLM) {
            return Err(KerberosRefused::Ntlm);
        }
        Ok(Self(Secret::new(token)))
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }
}

/// A ticket that was taken.
#[derive(Debug)]
pub struct Accepted {
    /// Who the realm's servers say its holder is.
    pub principal: Principal,
    /// What proves us to the holder, if they asked for that.
    pub answer: Option<Vec<u8>>,
}

impl Accepted {
    /// The value of the `WWW-Authenticate` header that says so (RFC 4559 4.1).
    #[must_use]
    pub fn header(answer: &[u8]) -> String {
        format!("Negotiate {}", STANDARD.encode(answer))
    }
}

/// Why a token is not taken. The words are for whoever showed it, and for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KerberosRefused {
    /// It is none.
    #[error("the token in `Authorization: Negotiate` cannot be read: {0}")]
    Malformed(&'static str),
    /// It is too long.
    #[error("the token in `Authorization: Negotiate` has more than {LONGEST_TOKEN} bytes, which is the limit")]
    TooLong,
    /// It is not of Kerberos.
    #[error("NTLM is not taken: get a Kerberos ticket for `HTTP/` and this host's name, such as with kinit -k")]
    Ntlm,
    /// The library does not take it.
    #[error("the Kerberos ticket is not accepted: {0}")]
    Rejected(String),
    /// Its clock, or ours.
    #[error(
        "the Kerberos ticket is not accepted: the clocks of the client and of this server differ by more than Kerberos allows \
         (5 minutes, if krb5.conf says nothing else); set both by NTP"
    )]
    Clock,
    /// Its time is over.
    #[error("the Kerberos ticket has expired: get a new one, such as with kinit -k")]
    Expired,
    /// It would take another round.
    #[error("the token does not prove who holds it by itself: send one of Kerberos, which takes a single round")]
    Rounds,
    /// It was taken before.
    #[error("the Kerberos token was taken before: make a new one for each request")]
    Replayed,
    /// There is no room to remember it.
    #[error("too many Kerberos tokens were shown within the last minutes: try again later")]
    Full,
    /// The name in it could mean more than it says.
    #[error("the ticket is of `{0}`, which is no name of one part and a realm")]
    Name(String),
    /// Nobody can tell here and now.
    #[error("Kerberos tickets cannot be looked at: {0}")]
    Undecided(String),
}

impl KerberosRefused {
    /// A word for programs and the audit log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_token",
            Self::TooLong => "token_too_long",
            Self::Ntlm => "ntlm",
            Self::Rejected(_) => "ticket_rejected",
            Self::Clock => "clock_skew",
            Self::Expired => "expired",
            Self::Rounds => "too_many_rounds",
            Self::Replayed => "replayed",
            Self::Full => "too_many_tokens",
            Self::Name(_) => "wrong_name",
            Self::Undecided(_) => "undecided",
        }
    }

    /// What the library's words mean. They are the same in every language, and its numbers are lost on the way through SPNEGO.
    #[cfg(any(feature = "gssapi", test))]
    fn of_library(words: &str) -> Self {
        const MEANINGS: [(&str, KerberosRefused); 3] = [
            ("Clock skew too great", KerberosRefused::Clock),
            ("Ticket expired", KerberosRefused::Expired),
            ("Request is a replay", KerberosRefused::Replayed),
        ];
        if let Some((_, meaning)) = MEANINGS.into_iter().find(|(known, _)| words.contains(known)) {
            return meaning;
        }
        let said = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = printable_within(&said, 400).into_owned();
        // Ours to put right, whoever asks.
        let ours = ["(filename: ", "eplay cache", "Key table", "ermission denied", "No space left"];
        match ours.iter().any(|known| words.contains(known)) {
            true => Self::Undecided(said),
            false => Self::Rejected(said),
        }
    }
}

impl Faulty for KerberosRefused {
    fn fault(&self) -> Fault {
        match self {
            Self::Undecided(_) => Fault::Operator,
            _ => Fault::Caller,
        }
    }
}

/// Takes tickets, each token once. One for the whole daemon.
#[derive(Clone)]
pub struct Acceptor {
    once: Arc<Once>,
    /// Where the library notes what it took.
    replay_cache: Option<PathBuf>,
    turns: Arc<Semaphore>,
}

impl Default for Acceptor {
    /// With the library's own replay cache, wherever that is.
    fn default() -> Self {
        Self::new(None)
    }
}

impl Acceptor {
    /// One whose library notes in `replay_cache` what it took (`KRB5RCACHENAME`).
    #[must_use]
    pub fn new(replay_cache: Option<PathBuf>) -> Self {
        Self { once: Arc::default(), replay_cache, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Takes a token, once.
    ///
    /// # Errors
    /// Why it shows nothing.
    pub async fn accept(&self, token: Token, now: Timestamp) -> Result<Accepted, KerberosRefused> {
        let failed = |error: &dyn fmt::Display| KerberosRefused::Undecided(error.to_string());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| failed(&error))?;
        let acceptor = self.clone();
        let accepted = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            acceptor.taken(&token, now)
        });
        accepted.await.map_err(|error| failed(&error))?
    }

    /// Blocks.
    fn taken(&self, token: &Token, now: Timestamp) -> Result<Accepted, KerberosRefused> {
        let (holder, answer) = accept::accept(token.0.expose())?;
        // Behind the library, so that those who have no ticket cannot fill the memory. It knows a token by what is encrypted in
        // it, however that is wrapped, and holds beyond a restart; this one holds whatever its cache does.
        match self.once.take(token.digest(), now) {
            Taken::First => {}
            Taken::Before => return Err(KerberosRefused::Replayed),
            Taken::Full => return Err(KerberosRefused::Full),
        }
        self.noted()?;
        Ok(Accepted { principal: Principal::shown(&holder)?, answer })
    }

    /// What the library noted is on the disk: it does not wait for that itself.
    fn noted(&self) -> Result<(), KerberosRefused> {
        let Some(path) = &self.replay_cache else { return Ok(()) };
        let written = File::open(path).and_then(|file| file.sync_data());
        written.map_err(|error| KerberosRefused::Undecided(format!("{}: {error}", path.display())))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Result<(), KerberosRefused>> {
        Token::in_header(value).map(|read| read.map(|_| ()))
    }

    fn of(token: &[u8]) -> Option<Result<(), KerberosRefused>> {
        read(&format!("Negotiate {}", STANDARD.encode(token)))
    }

    #[test]
    fn a_token_is_read_from_its_own_scheme_alone() {
        assert_eq!(of(b"x"), Some(Ok(())));
        assert_eq!(read("negotiate eA=="), Some(Ok(())));
        for other in ["Bearer eA==", "NTLM eA==", "AWS4-HMAC-SHA256 Credential=x", "Negotiated eA==", ""] {
            assert_eq!(read(other), None, "{other}");
        }
        for malformed in ["Negotiate", "Negotiate ", "Negotiate e", "Negotiate eA== eA=="] {
            assert!(matches!(read(malformed), Some(Err(KerberosRefused::Malformed(_)))), "{malformed}");
        }
    }

    #[test]
    fn a_token_has_a_longest_length() {
        assert_eq!(of(&vec![7; LONGEST_TOKEN]), Some(Ok(())));
        for longer in [LONGEST_TOKEN + 1, LONGEST_TOKEN + 4, LONGEST_TOKEN * 3] {
            assert_eq!(of(&vec![7; longer]), Some(Err(KerberosRefused::TooLong)), "{longer}");
        }
    }

    #[test]
    fn ntlm_is_refused_however_it_is_wrapped() {
        assert_eq!(of(b"NTLMSSP\0\x01\0\0\0"), Some(Err(KerberosRefused::Ntlm)));
        assert_eq!(of(b"\x60\x28\x06\x06NTLMSSP\0\x01"), Some(Err(KerberosRefused::Ntlm)));
    }

    #[test]
    fn the_librarys_words_are_understood() {
        let of = |words: &str| KerberosRefused::of_library(words);
        assert_eq!(of("Unspecified GSS failure. Clock skew too great"), KerberosRefused::Clock);
        assert!(of("Clock skew too great").to_string().contains("set both by NTP"));
        assert_eq!(of("Request is a replay"), KerberosRefused::Replayed);
        assert_eq!(of("a\n  b"), KerberosRefused::Rejected("a b".to_owned()));
        // Where our files lie is nobody else's business (MIT Kerberos 1.20).
        for ours in ["No such file or directory (filename: /s/replays)", "Key table file '/k' not found"] {
            assert_eq!(of(ours).fault(), Fault::Operator, "{ours}");
        }
    }
}
