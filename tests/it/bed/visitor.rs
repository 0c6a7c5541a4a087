//! A browser without a screen and without scripts: cookies, pages and forms over HTTPS, blocking, with a connection of its own, so
//! that real threads send forms at once.

use std::collections::BTreeMap;
use std::io;

use super::counter::{Caller, Counter};

/// The one cookie of ours that goes along with forms of other sites.
const GOES_ALONG: &str = "__Host-bailey-saml";

/// Whose page leads to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    Ours,
    Another,
}

/// A browser.
pub(crate) struct Visitor {
    caller: Caller,
    cookies: BTreeMap<String, String>,
}

/// A page, or where it leads.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) html: String,
}

impl Page {
    /// The value of the first hidden field of this name.
    pub(crate) fn field(&self, name: &str) -> String {
        self.between(&format!("name=\"{name}\" value=\""), "\"")
    }

    /// What stands between these.
    pub(crate) fn between(&self, start: &str, end: &str) -> String {
        let (_, rest) = self.html.split_once(start).unwrap_or_else(|| panic!("no {start} in {self:?}"));
        rest.split_once(end).unwrap().0.to_owned()
    }

    pub(crate) fn says(&self, status: u16, text: &str) {
        assert!(self.status == status && self.html.contains(text), "{text}: {self:?}");
    }

    pub(crate) fn leads_to(&self, location: &str) {
        assert_eq!((self.status, self.location.as_deref()), (303, Some(location)), "{self:?}");
    }
}

impl Visitor {
    pub(crate) fn of(counter: &Counter) -> Self {
        Self { caller: counter.caller(), cookies: BTreeMap::new() }
    }

    /// Another window of the same browser, which has the cookies that there are now.
    pub(crate) fn window(&self, counter: &Counter) -> Self {
        Self { caller: counter.caller(), cookies: self.cookies.clone() }
    }

    /// Connects, so that the next form is one of the first to arrive.
    pub(crate) fn connect(&mut self) {
        self.caller.connect().unwrap();
    }

    /// What it holds under this name.
    pub(crate) fn cookie(&self, name: &str) -> &str {
        &self.cookies[name]
    }

    /// Closes its connection: one address may have so many.
    pub(crate) fn hang_up(&mut self) {
        self.caller.hang_up();
    }

    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.ask(("GET", Site::Ours), path, "").unwrap()
    }

    /// Is led to one of our pages from another site.
    pub(crate) fn led_to(&mut self, path: &str) -> Page {
        self.ask(("GET", Site::Another), path, "").unwrap()
    }

    /// Sends a form of a page of another site; what cookies stay behind then stays behind.
    pub(crate) fn posts_from_elsewhere(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.try_posting(Site::Another, path, form).unwrap()
    }

    /// Sends a form of one of our own pages.
    pub(crate) fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.try_post(path, form).unwrap()
    }

    /// An error is a connection that broke: nobody knows what became of the form.
    pub(crate) fn try_post(&mut self, path: &str, form: &[(&str, &str)]) -> io::Result<Page> {
        self.try_posting(Site::Ours, path, form)
    }

    /// An error is a connection that broke: nobody knows what became of the page.
    pub(crate) fn try_get(&mut self, path: &str) -> io::Result<Page> {
        self.ask_once(("GET", Site::Ours), path, "")
    }

    fn try_posting(&mut self, site: Site, path: &str, form: &[(&str, &str)]) -> io::Result<Page> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(("POST", site), path, &body)
    }

    /// A connection that the other side has closed meanwhile is made anew, where nothing was sent that counts.
    fn ask(&mut self, how: (&str, Site), path: &str, body: &str) -> io::Result<Page> {
        match self.ask_once(how, path, body) {
            Err(_) if how.0 == "GET" => self.ask_once(how, path, body),
            told => told,
        }
    }

    fn ask_once(&mut self, (method, site): (&str, Site), path: &str, body: &str) -> io::Result<Page> {
        let goes = |name: &str| site == Site::Ours || method == "GET" || name == GOES_ALONG;
        let cookies = self.cookies.iter().filter(|(name, _)| goes(name));
        let cookies: Vec<String> = cookies.map(|(name, value)| format!("{name}={value}")).collect();
        let site = if site == Site::Ours { "same-origin" } else { "cross-site" };
        let headers = [
            ("host", self.caller.host()),
            ("cookie", cookies.join("; ")),
            ("sec-fetch-site", site.to_owned()),
            ("accept", "text/html".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let (status, head, html) = self.caller.ask((method, path), &headers, body)?;
        let mut location = None;
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "location" => location = Some(value.to_owned()),
                "set-cookie" => self.take(value),
                _ => {}
            }
        }
        Ok(Page { status, location, html })
    }

    fn take(&mut self, cookie: &str) {
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        match value {
            "" => drop(self.cookies.remove(name)),
            value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
        }
    }
}
