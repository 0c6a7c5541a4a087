//! How messages travel: in an address, deflated and signed beside (SAML bindings, section 3.4), or in a form (section 3.5).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::SamlError;
use super::response::Delivery;
use crate::base::text::printable_within;
use crate::keys::SamlSigner;
use crate::saml_xml::{Asked, Asking, Asks, PinnedKeys, RSA_SHA256, deflate, inflate};

/// Bytes of a relay state, at most. An application can rely on 80 (sections 3.4.3 and 3.5.3); mod_auth_mellon and others send the whole
/// address where somebody wanted to go. It means nothing here and lies in an address of ours until it is given back, which has to have
/// room for it.
const LONGEST_RELAY_STATE: usize = 512;

/// Parameters that mean something; each may stand once.
const KNOWN: [&str; 6] = ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"];

/// The one encoding of addresses that there is.
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// A message as it came.
#[derive(Debug)]
pub struct Sent {
    xml: String,
    relay_state: Option<String>,
    beside: Option<Beside>,
}

/// A signature beside a message.
#[derive(Debug)]
struct Beside {
    algorithm: String,
    signature: Vec<u8>,
    /// What is signed, letter by letter as it came: to encode it again would be to sign something else.
    octets: String,
}

/// A message whose signature holds, if it has one.
pub struct Verified {
    /// What it says.
    pub message: Asked,
    /// Whether it is signed, in itself or beside it.
    pub signed: bool,
    /// What is to be given back with the answer.
    pub relay_state: Option<String>,
}

impl Sent {
    /// A message that stands in an address, behind the question mark.
    ///
    /// # Errors
    /// When it is none.
    pub fn in_address(query: &str) -> Result<Self, SamlError> {
        let pairs: Vec<(&str, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        let raw = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        once(pairs.iter().map(|(name, _)| *name))?;
        if raw("SAMLEncoding").map(plain).transpose()?.is_some_and(|encoding| encoding != DEFLATE) {
            return Err(SamlError::asked("The application's message is encoded in a way that is not known here."));
        }
        let (name, message) = one_of(raw)?;
        let deflated = decoded(&plain(message)?)?;
        let xml = inflate(&deflated).map_err(|error| unreadable(&error))?;
        let relay_state = relay_state(raw("RelayState").map(plain).transpose()?)?;
        let beside = match (raw("SigAlg"), raw("Signature")) {
            (None, None) => None,
            (Some(algorithm), Some(signature)) => {
                let said = raw("RelayState").map(|said| format!("&RelayState={said}")).unwrap_or_default();
                let octets = format!("{name}={message}{said}&SigAlg={algorithm}");
                let (algorithm, signature) = (plain(algorithm)?.into_owned(), decoded(&plain(signature)?)?);
                Some(Beside { algorithm, signature, octets })
            }
            _ => return Err(SamlError::asked("The application's message has half a signature.")),
        };
        Ok(Self { xml, relay_state, beside })
    }

    /// A message that came in a form.
    ///
    /// # Errors
    /// When it is none.
    pub fn in_form(body: &[u8]) -> Result<Self, SamlError> {
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = url::form_urlencoded::parse(body).collect();
        once(pairs.iter().map(|(name, _)| name.as_ref()))?;
        let said = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref());
        let (_, message) = one_of(said)?;
        let text = decoded(&message.split_ascii_whitespace().collect::<String>())?;
        let xml = String::from_utf8(text).map_err(|_| {
            SamlError::asked("The application's message is not UTF-8. In a form, as here, it is not compressed.")
        })?;
        Ok(Self { xml, relay_state: relay_state(said("RelayState").map(Cow::Borrowed))?, beside: None })
    }

    /// The message, if it is one of `allowed`: nothing in it is verified.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn asking(&self, allowed: &[Asks]) -> Result<Asking<'_>, SamlError> {
        Asking::parse(&self.xml, allowed).map_err(|error| unreadable(&error))
    }

    /// Verifies `asking`, which is this message, by the keys of whoever sent it: every signature that there is.
    ///
    /// # Errors
    /// When one does not hold.
    pub fn verified(&self, asking: Asking<'_>, keys: &PinnedKeys) -> Result<Verified, SamlError> {
        let issuer = printable_within(asking.issuer(), 200).into_owned();
        let why = |error: &dyn std::fmt::Display| {
            tracing::info!(%error, issuer, "a message of SAML is refused");
            SamlError::asked("The signature of the application's message does not hold.")
        };
        if let Some(beside) = &self.beside {
            keys.verify(&beside.algorithm, beside.octets.as_bytes(), &beside.signature).map_err(|error| why(&error))?;
        }
        let message = asking.verified(keys).map_err(|error| why(&error))?;
        let signed = self.beside.is_some() || message.signed();
        Ok(Verified { message, signed, relay_state: self.relay_state.clone() })
    }
}

/// A message of ours as an address at `to`, signed beside.
pub(super) fn address(
    (to, field): (&str, &str),
    xml: &str,
    relay_state: Option<&str>,
    signer: &SamlSigner,
) -> Result<String, SamlError> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(field, &STANDARD.encode(deflate(xml)));
    if let Some(state) = relay_state {
        query.append_pair("RelayState", state);
    }
    let octets = query.append_pair("SigAlg", RSA_SHA256).finish();
    let signature = signer.sign(octets.as_bytes()).ok_or(SamlError::Ours(crate::base::Fault::Bug))?;
    let mut query = url::form_urlencoded::Serializer::new(octets);
    let query = query.append_pair("Signature", &STANDARD.encode(signature)).finish();
    let joint = if to.contains('?') { '&' } else { '?' };
    Ok(format!("{to}{joint}{query}"))
}

/// A message of ours in a form to `to`.
pub(super) fn form((to, field): (&str, &'static str), xml: &str, relay_state: Option<String>, title: &str) -> Delivery {
    let (message, title) = (STANDARD.encode(xml), title.to_owned());
    Delivery { to: to.to_owned(), field, message, relay_state, title, read_first: None }
}

/// Whoever sends a parameter twice may mean the other one, and so may whoever verified it.
fn once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), SamlError> {
    let mut seen = Vec::new();
    for name in names.filter(|name| KNOWN.contains(name)) {
        if seen.contains(&name) {
            return Err(SamlError::asked(format!("The application sent {name} twice.")));
        }
        seen.push(name);
    }
    Ok(())
}

fn one_of<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Result<(&'static str, &'a str), SamlError> {
    match (said("SAMLRequest"), said("SAMLResponse")) {
        (Some(request), None) => Ok(("SAMLRequest", request)),
        (None, Some(response)) => Ok(("SAMLResponse", response)),
        (None, None) if said("SAMLart").is_some() => Err(SamlError::asked(
            "The application uses HTTP-Artifact; messages are taken by HTTP-Redirect and HTTP-POST.",
        )),
        _ => Err(SamlError::asked("The application sent no message, or two of them.")),
    }
}

/// What is written for others in an address; a plus is a blank, as in forms.
fn plain(raw: &str) -> Result<Cow<'_, str>, SamlError> {
    let spaced = if raw.contains('+') { Cow::Owned(raw.replace('+', " ")) } else { Cow::Borrowed(raw) };
    let text = percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned);
    text.map(Cow::Owned).map_err(|_| SamlError::asked("The application's message is not UTF-8."))
}

fn decoded(base64: &str) -> Result<Vec<u8>, SamlError> {
    STANDARD.decode(base64).map_err(|_| SamlError::asked("The application's message is no base64."))
}

fn unreadable(error: &crate::saml_xml::XmlError) -> SamlError {
    SamlError::asked(format!("The application's message cannot be taken: {error}."))
}

fn relay_state(said: Option<Cow<'_, str>>) -> Result<Option<String>, SamlError> {
    match said {
        Some(state) if state.len() > LONGEST_RELAY_STATE => {
            let why = format!("The application's RelayState has more than {LONGEST_RELAY_STATE} bytes.");
            Err(SamlError::asked(why))
        }
        // An empty one says nothing, and is said by some.
        Some(state) => Ok((!state.is_empty()).then(|| state.into_owned())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml_xml::{LARGEST, Node};

    fn query(xml: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("SAMLRequest", &STANDARD.encode(deflate(xml))).finish()
    }

    fn ask() -> String {
        Node::new("samlp:AuthnRequest").with("ID", "_q").child(Node::text("saml:Issuer", "sp")).render()
    }

    fn why(result: Result<Sent, SamlError>) -> String {
        result.map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn messages_are_read_from_addresses_and_forms() {
        let sent = Sent::in_address(&format!("{}&RelayState=a%26b+c&x=1", query(&ask()))).unwrap();
        assert_eq!((sent.xml.as_str(), sent.relay_state.as_deref()), (ask().as_str(), Some("a&b c")));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("SAMLRequest", &STANDARD.encode(ask()))
            .append_pair("RelayState", "")
            .finish();
        let sent = Sent::in_form(form.as_bytes()).unwrap();
        assert_eq!((sent.xml.as_str(), sent.relay_state.as_deref()), (ask().as_str(), None));
    }

    #[test]
    fn what_is_odd_is_refused() {
        let good = query(&ask());
        for (bad, word) in [
            (String::new(), "no message"),
            (format!("{good}&{good}"), "twice"),
            (format!("{good}&SAMLResponse=x"), "two of them"),
            (format!("{good}&SigAlg=x"), "half a signature"),
            (format!("{good}&Signature=x"), "half a signature"),
            (format!("{good}&SAMLEncoding=zip"), "not known"),
            (format!("{good}&RelayState={}", "a".repeat(513)), "512 bytes"),
            ("SAMLart=x".to_owned(), "HTTP-Artifact"),
            ("SAMLRequest=%21".to_owned(), "no base64"),
            ("SAMLRequest=AAAA".to_owned(), "not deflated"),
            (query(&" ".repeat(LARGEST + 1)), "inflates to more"),
        ] {
            let said = why(Sent::in_address(&bad));
            assert!(said.contains(word), "{bad:.60}: {said}");
        }
    }
}
