//! `bailey policy`: decides and examines policies on their own, without a store or a daemon. What it does with those in the
//! store is in [`super::iam::policies`] and [`super::iam::services`].

mod actions;
mod eval;
mod lint;
mod print;
mod templates;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Exit;
use super::args::Global;
use super::iam::policies::{self, Managed};
use super::iam::services::{self, Services};
use super::session::Session;
use crate::policy::Kind;

/// `bailey policy`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// List what policies can say about Bailey itself: actions, resources, condition keys
    Actions {
        /// Only those that have this in their name
        search: Option<String>,
    },
    /// Decide cases from standard input
    ///
    /// A case a line, as JSON: {"id", "request": {"principal", "action", "resource", "resourceAccount", "context"},
    /// "identity": [POLICY], "boundary": [POLICY], "session": POLICY, "scps": [[POLICY]], "rcps": [[POLICY]],
    /// "resourcePolicy": POLICY}. A result a line, in the same order: {"id", "decision", "reasons"}, where the decision
    /// is Allowed, ExplicitlyDenied, ImplicitlyDenied or, of a case that cannot be decided, Error. Nothing is added to a
    /// case: what conditions ask for has to stand in its context.
    Eval {
        /// Read and write JSON lines, the one form there is
        #[arg(long, required = true)]
        jsonl: bool,
    },
    /// Show a ready-made policy, or list them
    Template {
        /// Which one, such as `ReadOnlyAccess`
        name: Option<String>,
    },
    /// Say what is wrong with a policy, and what it allows that was hardly meant
    Lint {
        /// The policy; `-` is standard input
        file: PathBuf,
        /// What it is to be attached to [default: what its elements say]
        #[arg(long = "as", value_name = "KIND")]
        kind: Option<KindName>,
        /// Exit with 1 when there is a warning, too
        #[arg(long)]
        strict: bool,
    },
    /// Show a policy as it was understood
    ///
    /// Everything is written out: the version, every list as a list, ARNs in all their fields, names in one case, networks,
    /// numbers and times in one form each. In version 2012-10-17 what is no wildcard and no variable stands as `${*}`, `${?}` or
    /// `${$}`. The output is a policy that decides the same.
    Print {
        /// The policy; `-` is standard input
        file: PathBuf,
        /// What it is to be attached to [default: what its elements say]
        #[arg(long = "as", value_name = "KIND")]
        kind: Option<KindName>,
    },
    /// Policies in the store.
    #[command(flatten)]
    Managed(Managed),
    /// Services that they are about.
    #[command(flatten)]
    Services(Services),
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// A user, group or role, as a permissions boundary or a session policy, too
    Identity,
    /// A resource
    Resource,
    /// A role: who may assume it
    Trust,
    /// An account: what its principals may do at most
    Scp,
    /// An account: what may be done to its resources at most
    Rcp,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Identity => Self::Identity,
            KindName::Resource => Self::Resource,
            KindName::Trust => Self::Trust,
            KindName::Scp => Self::ServiceControl,
            KindName::Rcp => Self::ResourceControl,
        }
    }
}

/// Does the verb.
///
/// # Errors
/// When what is to be read cannot be, the reader is gone, or an operation fails.
pub async fn run(global: &Global, verb: Policy) -> anyhow::Result<Exit> {
    match verb {
        Policy::Actions { search } => tokio::task::block_in_place(|| actions::run(global, search.as_deref())),
        Policy::Eval { jsonl: _ } => tokio::task::block_in_place(eval::run),
        Policy::Template { name } => tokio::task::block_in_place(|| templates::run(global, name.as_deref())),
        Policy::Lint { file, kind, strict } => tokio::task::block_in_place(|| lint::run(global, &file, kind, strict)),
        Policy::Print { file, kind } => tokio::task::block_in_place(|| print::run(&file, kind)),
        Policy::Managed(verb) => policies::run(&mut Session::open(global).await?, verb).await,
        Policy::Services(verb) => services::run(&mut Session::open(global).await?, verb).await,
    }
}

/// What the policy `text` is for: what was said, or else what one with its elements can only be for; a person's mistakes are
/// told by the parser.
fn kind_of(text: &str, said: Option<KindName>) -> Kind {
    if let Some(kind) = said {
        return kind.into();
    }
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let statement = value.get("Statement");
    let statements = match statement {
        Some(serde_json::Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let has = |name: &str| {
        let not = format!("Not{name}");
        statements.iter().any(|statement| statement.get(name).is_some() || statement.get(&not).is_some())
    };
    match (has("Principal"), has("Resource")) {
        (true, true) => Kind::Resource,
        (true, false) => Kind::Trust,
        (false, _) => Kind::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_say_what_it_is_for() {
        let with = |elements: &str| format!(r#"{{"Statement": [{{"Effect": "Allow"{elements}}}]}}"#);
        assert_eq!(kind_of(&with(r#", "Resource": "*""#), None), Kind::Identity);
        assert_eq!(kind_of(&with(r#", "Resource": "*", "NotPrincipal": "*""#), None), Kind::Resource);
        assert_eq!(kind_of(&with(r#", "Principal": "*""#), None), Kind::Trust);
        assert_eq!(kind_of("no JSON", None), Kind::Identity);
        assert_eq!(kind_of(&with(r#", "Resource": "*""#), Some(KindName::Scp)), Kind::ServiceControl);
    }
}
