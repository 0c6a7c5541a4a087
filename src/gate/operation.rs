//! Everything a caller can ask for, what it does, and who on this machine may do it. What follows from that for callers of each
//! sort stands in `rules`.

use std::fmt;

use crate::store::Intent;

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $name:ident: $effect:ident, $least:ident, $service:ident $about:expr;)+) => {
        /// Something a caller can ask for. Named as AWS names things, because audit readers know that style.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Operation {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in audit records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it does.
            pub(in crate::gate) const fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)+ }
            }

            /// The service in its name in policies: that of AWS for what AWS has, `sso` for applications and whatever is done to them,
            /// `signin` for pages of our own, and `bailey` for the rest, what we do to objects of IAM beyond AWS included.
            pub(in crate::gate) const fn service(self) -> &'static str {
                match self { $(Self::$name => stringify!($service),)+ }
            }

            /// What it does, in words.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_start(),)+ }
            }

            /// What it is about.
            #[must_use]
            pub const fn about(self) -> About {
                match self { $(Self::$name => $about,)+ }
            }

            /// The least role that may do it on this machine.
            pub(in crate::gate) const fn least(self) -> Role {
                match self { $(Self::$name => Role::$least,)+ }
            }
        }
    };
}

mod all;

pub use all::Operation;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Shows the model.
    Shows,
    /// Shows the audit log, which is itself recorded (PCI DSS 10.2.1.3).
    ShowsTheLog,
    /// Only takes access away, or changes nobody's.
    Narrows,
    /// May give somebody access.
    Widens,
    /// Gives somebody a session or a token in one commit, which its record is in.
    Mints,
}

impl Operation {
    /// True when it changes nothing.
    #[must_use]
    pub const fn read_only(self) -> bool {
        matches!(self.effect(), Effect::Shows | Effect::ShowsTheLog)
    }

    /// True when doing it leaves an audit record.
    #[must_use]
    pub const fn recorded(self) -> bool {
        !matches!(self.effect(), Effect::Shows)
    }

    /// True when its audit record is in the one commit that it is; of others one is written before and one behind.
    #[must_use]
    pub const fn is_one_commit(self) -> bool {
        matches!(self.effect(), Effect::Mints)
    }

    /// What it does to access, for the store.
    #[must_use]
    pub const fn intent(self) -> Intent {
        match self.effect() {
            Effect::Mints | Effect::Widens => Intent::Widen,
            Effect::Shows | Effect::ShowsTheLog | Effect::Narrows => Intent::Narrow,
        }
    }

    /// Its name in policies, such as `iam:CreateRole`.
    #[must_use]
    pub fn action(self) -> String {
        // Another operation has the name already.
        let name =
            if matches!(self, Self::AuthorizeClient | Self::IssueSamlResponse) { "Authorize" } else { self.name() };
        format!("{}:{name}", self.service())
    }

    /// What it does to access, in the words that AWS has for it.
    #[must_use]
    pub const fn access_level(self) -> &'static str {
        match self.effect() {
            Effect::Shows | Effect::ShowsTheLog => "read",
            Effect::Narrows | Effect::Mints | Effect::Widens => "write",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
