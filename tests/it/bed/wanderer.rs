//! A browser without a screen and without scripts that goes from site to site: curl, which follows no rules about cookies but those of
//! addresses. It shows what lies between two sites, and hands it in a second time.

use std::process::{Command, Stdio};

use tempfile::TempDir;
use url::Url;

/// More redirections than any site of ours makes.
const MOST: usize = 20;

/// A browser.
pub(crate) struct Wanderer {
    jar: TempDir,
    at: Option<Url>,
}

/// Where it has come to.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) html: String,
}

/// A form on a page, as it would be sent if nobody typed anything.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) to: Url,
    pub(crate) fields: Vec<(String, String)>,
}

impl Wanderer {
    pub(crate) fn new() -> Self {
        Self { jar: tempfile::tempdir().unwrap(), at: None }
    }

    /// Goes to an address, and wherever it leads.
    pub(crate) fn go(&mut self, url: &str) -> Place {
        self.follow(Url::parse(url).unwrap(), None)
    }

    /// Sends a form, with these fields changed or added, and goes wherever that leads.
    pub(crate) fn sends(&mut self, form: &Form, typed: &[(&str, &str)]) -> Place {
        let mut fields = form.fields.clone();
        for (name, value) in typed {
            fields.retain(|(known, _)| known != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.follow(form.to.clone(), Some(fields))
    }

    /// Sends on what pages post by themselves to sign somebody in or out, until there is a page that does not.
    pub(crate) fn sends_on(&mut self, mut place: Place) -> Place {
        for _ in 0..MOST {
            let Some(form) = ["SAMLResponse", "SAMLRequest"].into_iter().find_map(|field| place.try_form(field)) else {
                return place;
            };
            place = self.sends(&form, &[]);
        }
        panic!("it goes round and round: {:?}", self.at);
    }

    fn follow(&mut self, mut url: Url, mut fields: Option<Vec<(String, String)>>) -> Place {
        for _ in 0..MOST {
            let (place, location) = self.ask(url, fields.as_deref());
            self.at = Some(place.url.clone());
            let Some(location) = location else { return place };
            (url, fields) = (place.url.join(&location).unwrap(), None);
        }
        panic!("it goes round and round: {:?}", self.at);
    }

    fn ask(&self, url: Url, fields: Option<&[(String, String)]>) -> (Place, Option<String>) {
        let jar = self.jar.path().join("jar");
        let site = |url: &Url| url.host_str().map(str::to_owned);
        let from = self.at.as_ref();
        let own = from.is_none_or(|at| site(at) == site(&url));
        let mut curl = Command::new("curl");
        curl.args(["-sSik", "--noproxy", "*", "-w", "\n%{http_code}", "-H", "accept: text/html"]);
        curl.arg("-b").arg(&jar).arg("-c").arg(&jar);
        curl.args(["-H", if own { "sec-fetch-site: same-origin" } else { "sec-fetch-site: cross-site" }]);
        if let Some(fields) = fields {
            let origin = from.unwrap_or(&url).origin().ascii_serialization();
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            curl.args(["-H", &format!("origin: {origin}"), "--data-raw", &body]);
        }
        let output = curl.arg(url.as_str()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (text, status) = text.rsplit_once('\n').unwrap();
        let (head, html) = text.split_once("\r\n\r\n").unwrap();
        let location = head.lines().filter_map(|line| line.split_once(": "));
        let mut location = location.filter(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value);
        let location = location.next_back().map(str::to_owned).filter(|_| status.starts_with('3'));
        (Place { url, status: status.parse().unwrap(), html: html.to_owned() }, location)
    }
}

impl Place {
    /// Its first form that has a field of this name.
    pub(crate) fn form(&self, field: &str) -> Form {
        self.try_form(field).unwrap_or_else(|| panic!("no form with {field}: {self:?}"))
    }

    fn try_form(&self, field: &str) -> Option<Form> {
        let forms = self.html.split("<form").skip(1).filter_map(|form| form.split("</form>").next());
        forms.map(|form| self.form_of(form)).find(|form| form.value(field).is_some())
    }

    fn form_of(&self, form: &str) -> Form {
        let (head, body) = form.split_once('>').unwrap_or_default();
        let to = self.url.join(&attribute(head, "action").unwrap_or_default()).unwrap();
        let tags = ["<input", "<button"].into_iter().flat_map(|tag| body.split(tag).skip(1));
        let fields = tags.filter_map(|tag| {
            let tag = tag.split('>').next()?;
            Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
        });
        Form { to, fields: fields.collect() }
    }

    pub(crate) fn says(&self, status: u16, text: &str) {
        assert!(self.status == status && self.html.contains(text), "{text}: {self:?}");
    }
}

impl Form {
    pub(crate) fn value(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }
}

/// What an attribute of a tag says.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(plain(rest.split('"').next()?))
}

/// Text without the escapes of HTML that stand in addresses and values.
pub(crate) fn plain(text: &str) -> String {
    let pieces = text.split('&').enumerate().map(|(at, piece)| match piece.split_once(';') {
        Some((name, rest)) if at > 0 => {
            let digits = name.strip_prefix("#x").map(|digits| (digits, 16));
            let digits = digits.or_else(|| name.strip_prefix('#').map(|digits| (digits, 10)));
            let number = digits.and_then(|(digits, radix)| u32::from_str_radix(digits, radix).ok());
            let letter = number.and_then(char::from_u32).or(match name {
                "amp" => Some('&'),
                "quot" => Some('"'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                _ => None,
            });
            letter.map_or_else(|| format!("&{piece}"), |letter| format!("{letter}{rest}"))
        }
        _ if at > 0 => format!("&{piece}"),
        _ => piece.to_owned(),
    });
    pieces.collect()
}
