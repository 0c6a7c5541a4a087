//! Whether the ticket that somebody names as their reason is one: something of the company's own is asked, a command or a webhook,
//! before a grant counts.
//!
//! Owns how it is asked and what an answer is. Only a clear yes is one: whatever does not answer within [`WHOLE`], says too much, or
//! cannot be asked at all has not agreed. Whoever asks does so outside of any transaction, and looks at everything anew with the answer
//! in hand: seconds may have passed, and it is about what was asked, word by word ([`Question`]), and nothing else.
//!
//! What is asked about was written by people. It reaches a command as JSON on its standard input and never as an argument, where a
//! ticket called `--help` would be an option, nor as a line of a shell.

mod command;
mod webhook;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::base::Secret;
use crate::base::network::Networks;
use crate::base::text::{hidden, printable, printable_within};
use crate::fetch::Client;

/// Time for everything: somebody waits for what comes of it.
const WHOLE: Duration = Duration::from_secs(5);

/// Most that are asked at the same time; others wait, within their time.
const AT_ONCE: usize = 8;

/// Longest word of an answer that is shown, in characters.
const LONGEST_WORD: usize = 200;

/// Something that is asked about tickets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What rules call it.
    pub name: String,
    /// How it is asked.
    pub way: Way,
}

/// How it is asked.
#[derive(Debug, Clone)]
pub enum Way {
    /// This program with these arguments agrees by ending with 0.
    Command {
        /// Where it is.
        program: PathBuf,
        /// What it is given; nothing of the question.
        arguments: Vec<String>,
    },
    /// This address answers whether it agrees.
    Webhook {
        /// The address.
        url: Url,
        /// Networks that are not public and are meant all the same.
        networks: Networks,
        /// The file with the authorities of its certificate, instead of the system's.
        ca_file: Option<PathBuf>,
        /// What we show it to be let in (RFC 6750).
        token: Option<Arc<Secret<String>>>,
    },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Whom, by the name that a rule gives.
    #[serde(skip)]
    pub check: String,
    /// Which ticket.
    pub ticket: String,
    /// The ARN of the role that is to be granted.
    pub role: String,
    /// The name of whoever is to have it.
    pub person: String,
    /// The digest of all that is asked for.
    pub digest: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What was asked.
    pub question: Question,
    /// What was answered.
    pub answer: Answer,
}

/// An answer, with words for whoever waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Agrees(String),
    /// No.
    Refuses(String),
    /// None that counts.
    Silent(String),
}

impl Answer {
    /// `agrees`, `refuses`, `silent`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Agrees(_) => "agrees",
            Self::Refuses(_) => "refuses",
            Self::Silent(_) => "silent",
        }
    }

    /// What was said to it, or why nothing was.
    #[must_use]
    pub fn said(&self) -> &str {
        let (Self::Agrees(said) | Self::Refuses(said) | Self::Silent(said)) = self;
        said
    }
}

/// Why there is no answer: in words for whoever waits, which tell nothing of this machine, and for whoever runs it.
struct Failure {
    said: String,
    why: String,
}

impl Failure {
    fn new(said: impl Into<String>, why: impl Into<String>) -> Self {
        Self { said: said.into(), why: why.into() }
    }
}

/// All that can be asked. Clones share it; a reload exchanges it.
#[derive(Debug, Clone)]
pub struct Checks {
    settings: Arc<RwLock<Vec<Settings>>>,
    fetcher: Client,
    room: Arc<Semaphore>,
}

impl Default for Checks {
    fn default() -> Self {
        Self::new(Vec::new(), Client::default())
    }
}

impl Checks {
    /// These; webhooks are asked by `fetcher`.
    #[must_use]
    pub fn new(settings: Vec<Settings>, fetcher: Client) -> Self {
        Self { settings: Arc::new(RwLock::new(settings)), fetcher, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// From now on, these.
    pub fn replace(&self, with: Vec<Settings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = with;
    }

    /// Asks. Blocks for [`WHOLE`] at most, and never on a thread that serves: it is for work that a runtime put aside.
    #[must_use]
    pub fn ask(&self, question: &Question) -> Answered {
        let answer = match self.asked(question) {
            Ok(answer @ Answer::Agrees(_)) => answer,
            Ok(answer) => {
                warn(question, answer.word(), answer.said());
                answer
            }
            Err(Failure { said, why }) => {
                let answer = Answer::Silent(said);
                warn(question, answer.word(), &why);
                answer
            }
        };
        Answered { question: question.clone(), answer }
    }

    fn asked(&self, question: &Question) -> Result<Answer, Failure> {
        let unable = |why: &str| Failure::new("it could not be asked", why);
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        let way = settings.iter().find(|settings| settings.name == question.check).map(|settings| settings.way.clone());
        drop(settings);
        let way = way.ok_or_else(|| unable("no [[ticket_check]] has that name"))?;
        let asked = serde_json::to_vec(question).map_err(|error| unable(&error.to_string()))?;
        let runtime = Handle::try_current().map_err(|error| unable(&error.to_string()))?;
        let deadline = Instant::now() + WHOLE;
        runtime.block_on(async {
            let busy = |_| Failure::new("too much is asked at the same time", "others took all the time there was");
            // It is never closed, so what can go wrong is the time alone.
            let _room = timeout_at(deadline, self.room.acquire()).await.map_err(busy)?;
            match &way {
                Way::Command { program, arguments } => command::ask(program, arguments, &asked, deadline).await,
                Way::Webhook { .. } => {
                    let asking = webhook::ask(&self.fetcher, &way, &asked);
                    timeout_at(deadline, asking).await.unwrap_or_else(|_| Err(slow()))
                }
            }
        })
    }
}

fn slow() -> Failure {
    let what = format!("it gave no answer within {} s", WHOLE.as_secs());
    Failure::new(what.clone(), what)
}

fn warn(question: &Question, answer: &str, why: &str) {
    let Question { check, ticket, role, person, .. } = question;
    let (ticket, why) = (printable(ticket), printable(why));
    tracing::warn!(check, %ticket, role, person, answer, %why, "a ticket was not agreed to");
}

/// The first line of `text` that says something.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| line.chars().any(|c| !hidden(c) && !c.is_whitespace()));
    printable_within(line.unwrap_or_default(), LONGEST_WORD).into_owned()
}
