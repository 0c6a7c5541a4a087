//! An application sends a browser to sign out (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Whoever is signed in is asked first: a link of any site leads here. Back to an application goes only who came with its name and an
//! address that it is registered with, letter by letter (OpenID Connect RP-Initiated Logout 1.0, section 3). The hint is an ID token of ours that may have ended; it says
//! which application it is, and lets nobody do anything.

use serde::Deserialize;

use super::{Form, Sso, id_token};
use crate::model::Client;
use crate::model::client::ClientId;

/// What an application asks for a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignOut {
    /// The application, if it says which one it is.
    pub client: Option<ClientId>,
    /// What people are shown of it.
    pub name: Option<String>,
    /// Where the browser goes when it is signed out; registered for the application.
    pub onward: Option<String>,
    /// What the application finds its request again by.
    pub state: Option<String>,
}

/// What is looked at of a hint.
#[derive(Debug, Deserialize)]
struct Hint {
    iss: String,
    aud: String,
}

impl Sso {
    /// What `form` asks for. Blocks.
    ///
    /// # Errors
    /// Why it cannot be, in words for the person: nobody is sent anywhere then.
    pub fn sign_out_asked(&self, form: &Form) -> Result<SignOut, String> {
        let client = self.named(form)?;
        let onward = match form.text("post_logout_redirect_uri") {
            None => None,
            Some(uri) => {
                let registered = client.as_ref().map(|client| &client.post_logout_redirect_uris);
                let is_one = registered.is_some_and(|all| all.iter().any(|registered| registered.as_str() == uri));
                let why = "The application wants you to be sent to an address that is not registered for it.";
                Some(is_one.then(|| uri.to_owned()).ok_or(why)?)
            }
        };
        let state = form.text("state").map(str::to_owned);
        let (id, name) = client.map(|client| (client.id, client.name)).unzip();
        Ok(SignOut { client: id, name, onward, state })
    }

    /// The application, by the hint or by its id; if both are there they agree (section 2).
    fn named(&self, form: &Form) -> Result<Option<Client>, String> {
        let hinted = match form.text("id_token_hint") {
            None => None,
            Some(token) => {
                let read = self.admin.keys.verify_ended_token::<Hint>(id_token::TYP, token);
                let hint = read.ok().filter(|hint| hint.iss == self.issuer.as_str());
                Some(hint.ok_or("The application shows what is no sign-in of here.")?.aud)
            }
        };
        let named = match (hinted, form.text("client_id")) {
            (Some(hinted), Some(named)) if hinted != named => {
                return Err("The application shows a sign-in of another one.".to_owned());
            }
            (Some(hinted), _) => hinted,
            (None, Some(named)) => named.to_owned(),
            (None, None) => return Ok(None),
        };
        let id: ClientId = named.parse().map_err(|_| "No such application is registered here.".to_owned())?;
        let known = self.admin.known_client(&id).map_err(|error| {
            tracing::error!(%error, "a client cannot be looked up");
            "Something of ours does not work; try again in a moment.".to_owned()
        })?;
        let known = known.map(|(client, _)| client);
        known.map(Some).ok_or_else(|| "No such application is registered here.".to_owned())
    }
}

impl SignOut {
    /// Where the browser goes, with what the application finds its request again by.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let onward = self.onward.as_ref()?;
        let Some(state) = &self.state else { return Some(onward.clone()) };
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
        let joint = if onward.contains('?') { '&' } else { '?' };
        Some(format!("{onward}{joint}{query}"))
    }

    /// The same as parameters of an address of ours, without the hint: it has said what it says.
    #[must_use]
    pub fn query(&self) -> String {
        let client = self.client.as_ref().map(ToString::to_string);
        let pairs = [("client_id", &client), ("post_logout_redirect_uri", &self.onward), ("state", &self.state)];
        let said = pairs.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish()
    }
}
