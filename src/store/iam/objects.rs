//! What has a row and a name of its own: which rows they are, in which account, and what must be unique there.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::Named;
use crate::model::{AccountId, Guardrail, InstanceProfile, ManagedPolicy, OidcProvider, Role, SamlProvider};

/// What has a name of its own in an account.
pub trait Object: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: Named;

    /// Its id's bytes.
    fn id_bytes(&self) -> &[u8; 16];

    /// The account it belongs to; `None` is every one.
    fn account(&self) -> Option<&AccountId>;

    /// What must be unique there.
    fn folded(&self) -> String;
}

/// An object of this kind by its account, and by the member that is its name.
macro_rules! object {
    ($object:ty, $kind:ident, $account:expr, $name:ident) => {
        impl Object for $object {
            const KIND: Named = Named::$kind;

            fn id_bytes(&self) -> &[u8; 16] {
                self.id.as_bytes()
            }

            fn account(&self) -> Option<&AccountId> {
                let account: fn(&Self) -> Option<&AccountId> = $account;
                account(self)
            }

            fn folded(&self) -> String {
                self.$name.folded()
            }
        }
    };
}

object!(Role, Role, |role| Some(&role.account), name);
// Those that are ready-made belong to every account.
object!(ManagedPolicy, Policy, |policy| policy.account.as_ref(), name);
object!(InstanceProfile, InstanceProfile, |profile| Some(&profile.account), name);
// Attached to any number of accounts.
object!(Guardrail, Guardrail, |_| None, name);
object!(OidcProvider, OidcProvider, |provider| Some(&provider.account), issuer);
object!(SamlProvider, SamlProvider, |provider| Some(&provider.account), name);
