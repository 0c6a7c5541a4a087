//! From a request to what policies can speak of: which action on which resource it is.
//!
//! A mapping has applications, an application has hosts and rules, and a rule says what methods on paths of one form mean. The
//! most specific form counts, whatever the order; what no rule means is denied.

use std::collections::BTreeMap;
use std::fmt;

use super::target;
use crate::policy::{Context, Principal, Request};

/// All applications.
#[derive(Debug, Default)]
pub struct Mapping {
    hosts: BTreeMap<String, usize>,
    applications: Vec<Application>,
}

/// An application.
#[derive(Debug)]
pub struct Application {
    name: String,
    forms: BTreeMap<String, Vec<Rule>>,
    router: matchit::Router<String>,
}

/// What some methods on paths of one form mean.
#[derive(Debug)]
struct Rule {
    methods: Methods,
    action: String,
    resource: Template,
}

#[derive(Debug, PartialEq, Eq)]
enum Methods {
    Any,
    These(Vec<String>),
}

/// A resource whose ARN takes parts of the path in.
#[derive(Debug)]
struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Name(String),
}

/// What a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The application.
    pub application: String,
    /// The action.
    pub action: String,
    /// What it is about.
    pub resource: String,
}

/// Which part of a rule is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// `methods`, `path`, `action` or `resource`.
    pub part: &'static str,
    /// Why, and what to write instead.
    pub why: String,
}

/// Why a request means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// No application has the host.
    #[error("no application of the mapping has the host `{0}`")]
    Host(String),
    /// The proxy says that it is for another application.
    #[error("the proxy asks for application `{asked}`, and the host `{host}` is that of `{found}`")]
    Application {
        /// What the proxy said.
        asked: String,
        /// The host of the request.
        host: String,
        /// Whose that is.
        found: String,
    },
    /// No rule is about it.
    #[error("no rule of application `{application}` is about {method} {path}")]
    Rule {
        /// The application.
        application: String,
        /// The method.
        method: String,
        /// The path, decoded.
        path: String,
    },
}

impl Mapping {
    /// Adds an application that is reached by `hosts`, names or addresses in lower case and without ports.
    ///
    /// # Errors
    /// With the first host that another one has.
    pub fn add(&mut self, application: Application, hosts: Vec<String>) -> Result<(), String> {
        if let Some(taken) = hosts.iter().find(|host| self.hosts.contains_key(*host)) {
            return Err(taken.clone());
        }
        let at = self.applications.len();
        self.hosts.extend(hosts.into_iter().map(|host| (host, at)));
        self.applications.push(application);
        Ok(())
    }

    /// Whether there is an application of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.applications.iter().any(|application| application.name == name)
    }

    /// What `method` on `path`, decoded, of `host` means. `asked` is the application that the proxy says it is for, if it does.
    ///
    /// # Errors
    /// When it means nothing.
    pub fn find(&self, host: &str, asked: Option<&str>, method: &str, path: &str) -> Result<Mapped, Unmapped> {
        let found = self.hosts.get(host).and_then(|at| self.applications.get(*at));
        let application = found.ok_or_else(|| Unmapped::Host(host.to_owned()))?;
        let name = &application.name;
        // A proxy's default server takes hosts that are none of its own: then host and application do not go together.
        if let Some(asked) = asked.filter(|asked| asked != name) {
            let (asked, host, found) = (asked.to_owned(), host.to_owned(), name.clone());
            return Err(Unmapped::Application { asked, host, found });
        }
        application.find(method, path).ok_or_else(|| Unmapped::Rule {
            application: name.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Application {
    /// An application without rules.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), forms: BTreeMap::new(), router: matchit::Router::new() }
    }

    /// Adds a rule: `methods` (or `ANY`) on paths of the form `path`, in which `{name}` stands for a segment and `{*name}` at
    /// the end for all that follows, are `action` on `resource`, an ARN that may take those in by `{name}`.
    ///
    /// # Errors
    /// When a part makes no sense, or another rule is about the same.
    pub fn add(&mut self, methods: &[String], path: &str, action: &str, resource: &str) -> Result<(), RuleError> {
        let wrong = |part, why: String| RuleError { part, why };
        let methods = Methods::read(methods).map_err(|why| wrong("methods", why))?;
        let names = names(path).map_err(|why| wrong("path", why))?;
        let resource = Template::read(resource, &names).map_err(|why| wrong("resource", why))?;
        check_action(action).map_err(|why| wrong("action", why))?;
        if !self.forms.contains_key(path) {
            let inserted = self.router.insert(path, path.to_owned());
            inserted.map_err(|error| wrong("path", format!("`{path}`: {error}")))?;
        }
        let rules = self.forms.entry(path.to_owned()).or_default();
        if let Some(method) = rules.iter().find_map(|rule| rule.methods.shared(&methods)) {
            return Err(wrong("methods", format!("another rule is about {method} {path}")));
        }
        rules.push(Rule { methods, action: action.to_owned(), resource });
        Ok(())
    }

    fn find(&self, method: &str, path: &str) -> Option<Mapped> {
        let matched = self.router.at(path).ok()?;
        // Many applications take `/a/` for `/a`, which may have a rule of its own that says more.
        if path.ends_with('/') && !matched.value.ends_with('/') {
            return None;
        }
        let rules = self.forms.get(matched.value)?;
        let rule = rules.iter().find(|rule| rule.methods.contain(method))?;
        let resource = rule.resource.filled(|name| matched.params.get(name));
        Some(Mapped { application: self.name.clone(), action: rule.action.clone(), resource })
    }
}

impl Methods {
    fn read(written: &[String]) -> Result<Self, String> {
        if written.is_empty() {
            return Err("is empty; write [\"GET\", \"HEAD\"], or [\"ANY\"]".to_owned());
        }
        if written == ["ANY"] {
            return Ok(Self::Any);
        }
        let is_method = |word: &String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase());
        match written.iter().find(|word| !is_method(word) || *word == "ANY") {
            Some(word) if word == "ANY" => Err("`ANY` stands alone".to_owned()),
            Some(word) => Err(format!("`{word}` is no method; write it in capitals")),
            None => Ok(Self::These(written.to_vec())),
        }
    }

    fn contain(&self, method: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(these) => these.iter().any(|this| this == method),
        }
    }

    /// A method that both have.
    fn shared(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Any, Self::Any) => Some("ANY".to_owned()),
            (Self::Any, Self::These(these)) | (Self::These(these), Self::Any) => these.first().cloned(),
            (Self::These(these), other) => these.iter().find(|method| other.contain(method)).cloned(),
        }
    }
}

/// The names in the form of a path. A form is held to what requests are held to, or no request would ever have it.
fn names(path: &str) -> Result<Vec<String>, String> {
    if !path.starts_with('/') {
        return Err("has to begin with a slash".to_owned());
    }
    let mut names = Vec::new();
    let pieces = pieces(path)?;
    let sample = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_str(),
        Piece::Name(_) => "x",
    });
    if let Some(what) = target::doubtful(&sample.collect::<String>()) {
        return Err(format!("has {what}, which no request may have"));
    }
    for name in pieces.into_iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Name(name) => Some(name.strip_prefix('*').map(str::to_owned).unwrap_or(name)),
    }) {
        if names.contains(&name) {
            return Err(format!("has `{{{name}}}` twice"));
        }
        names.push(name);
    }
    Ok(names)
}

/// Text, and the names between braces in it.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or("has a `{` that nothing closes")?;
        let bare = name.strip_prefix('*').unwrap_or(name);
        if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("has `{{{name}}}`: a name is letters, digits and `_`"));
        }
        pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') {
        return Err("has a `}` that nothing opens".to_owned());
    }
    pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
    Ok(pieces)
}

/// Colons of an ARN before its resource.
const COLONS: usize = 5;

impl Template {
    fn read(text: &str, names: &[String]) -> Result<Self, String> {
        let template = Self(pieces(text)?);
        let mut colons = 0;
        for piece in &template.0 {
            match piece {
                Piece::Text(text) => colons += text.matches(':').count(),
                Piece::Name(name) if !names.contains(name) => {
                    return Err(format!("has `{{{name}}}`, which the path does not have"));
                }
                // A request may say which page it wants, and not in whose account.
                Piece::Name(name) if colons < COLONS => {
                    return Err(format!("has `{{{name}}}` before the resource, the sixth field of an ARN"));
                }
                Piece::Name(_) => {}
            }
        }
        let sample = template.filled(|_| Some("x"));
        if sample.contains(['*', '?']) {
            return Err("has a wildcard: a request is about one thing".to_owned());
        }
        Request::new(anybody()?, "x:Y", &sample, Context::default()).map_err(|error| error.to_string())?;
        Ok(template)
    }

    fn filled<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Name(name) => value(name).unwrap_or_default().to_owned(),
        };
        self.0.iter().map(piece).collect()
    }
}

/// An action is asked about, so it has no wildcard, and neither has a resource.
fn check_action(action: &str) -> Result<(), String> {
    let checked = Request::new(anybody()?, action, "*", Context::default());
    checked.map(drop).map_err(|error| error.to_string())
}

/// Somebody to try the words of a rule with.
fn anybody() -> Result<Principal, String> {
    Principal::parse("arn:aws:iam::123456789012:root").map_err(|error| error.to_string())
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiki() -> Application {
        let mut wiki = Application::new("wiki");
        for (methods, path, action, resource) in [
            (&["GET", "HEAD"][..], "/pages/{page}", "wiki:ReadPage", "arn:aws:wiki:::page/{page}"),
            (&["PUT"], "/pages/{page}", "wiki:WritePage", "arn:aws:wiki:::page/{page}"),
            (&["GET"], "/pages/new", "wiki:CreatePage", "arn:aws:wiki:::page/new"),
            (&["GET"], "/files/{*path}", "wiki:ReadFile", "arn:aws:wiki:::file/{path}"),
            (&["ANY"], "/admin/", "wiki:Administer", "arn:aws:wiki:::admin"),
        ] {
            let methods: Vec<String> = methods.iter().map(ToString::to_string).collect();
            wiki.add(&methods, path, action, resource).unwrap();
        }
        wiki
    }

    #[test]
    fn a_request_means_what_its_most_specific_rule_says() {
        let mut mapping = Mapping::default();
        mapping.add(wiki(), vec!["wiki.example.com".to_owned()]).unwrap();
        let find = |method: &str, path: &str| {
            let found = mapping.find("wiki.example.com", None, method, path);
            found.map(|mapped| format!("{} {}", mapped.action, mapped.resource)).map_err(|error| error.to_string())
        };
        for (method, path, meaning) in [
            ("GET", "/pages/7", "wiki:ReadPage arn:aws:wiki:::page/7"),
            ("GET", "/pages/a:b*", "wiki:ReadPage arn:aws:wiki:::page/a:b*"),
            ("PUT", "/pages/7", "wiki:WritePage arn:aws:wiki:::page/7"),
            ("GET", "/pages/new", "wiki:CreatePage arn:aws:wiki:::page/new"),
            ("GET", "/files/a/b.txt", "wiki:ReadFile arn:aws:wiki:::file/a/b.txt"),
            ("BREW", "/admin/", "wiki:Administer arn:aws:wiki:::admin"),
        ] {
            assert_eq!(find(method, path), Ok(meaning.to_owned()), "{method} {path}");
        }
        for (method, path) in [
            ("DELETE", "/pages/7"),
            ("get", "/pages/7"),
            ("GET", "/pages/"),
            ("GET", "/pages/7/"),
            ("GET", "/pages/7/8"),
            ("GET", "/admin"),
            ("GET", "/files/"),
            ("GET", "/files/a/"),
            ("GET", "/"),
        ] {
            let why = find(method, path).unwrap_err();
            assert_eq!(why, format!("no rule of application `wiki` is about {method} {path}"));
        }
        // A `PUT` of the page called `new`: the form that is more specific has no such method, and no other is asked.
        assert!(find("PUT", "/pages/new").is_err());
    }

    #[test]
    fn an_application_is_known_by_its_host_and_a_proxy_may_insist() {
        let mut mapping = Mapping::default();
        mapping.add(wiki(), vec!["wiki.example.com".to_owned(), "w.example.com".to_owned()]).unwrap();
        mapping.add(Application::new("shop"), vec!["shop.example.com".to_owned()]).unwrap();
        assert_eq!(
            mapping.add(Application::new("x"), vec!["w.example.com".to_owned()]),
            Err("w.example.com".to_owned())
        );
        let find = |host: &str, asked| mapping.find(host, asked, "GET", "/pages/7");
        assert!(find("w.example.com", Some("wiki")).is_ok());
        assert!(matches!(find("w.example.com", Some("shop")), Err(Unmapped::Application { .. })));
        assert!(matches!(find("shop.example.com", Some("wiki")), Err(Unmapped::Application { .. })));
        assert!(matches!(find("evil.example.com", None), Err(Unmapped::Host(_))));
    }

    #[test]
    fn a_rule_that_makes_no_sense_says_which_part() {
        for (methods, path, action, resource, said) in [
            (&[][..], "/a", "a:B", "*", "methods: is empty"),
            (&["get"], "/a", "a:B", "*", "methods: `get` is no method"),
            (&["GET", "ANY"], "/a", "a:B", "*", "methods: `ANY` stands alone"),
            (&["GET"], "a", "a:B", "*", "path: has to begin with a slash"),
            (&["GET"], "/a//b", "a:B", "*", "path: has `//`"),
            (&["GET"], "/a/../b", "a:B", "*", "path: has a segment that ends in a dot"),
            (&["GET"], "/{a}/{a}", "a:B", "*", "path: has `{a}` twice"),
            (&["GET"], "/{a", "a:B", "*", "path: has a `{` that nothing closes"),
            (&["GET"], "/{a-b}", "a:B", "*", "path: has `{a-b}`"),
            (&["GET"], "/{*a}/b", "a:B", "*", "path: `/{*a}/b`"),
            (&["GET"], "/x/{b}", "a:B", "*", "path: `/x/{b}`"),
            (&["GET"], "/a", "a", "*", "action: "),
            (&["GET"], "/a", "a:*", "*", "action: "),
            (&["GET"], "/{a}", "a:B", "arn:aws:{a}:::x", "resource: has `{a}` before the resource"),
            (&["GET"], "/{a}", "a:B", "arn:aws:a:::x/{b}", "resource: has `{b}`, which the path does not have"),
            (&["GET"], "/a", "a:B", "arn:aws:a:::x/*", "resource: has a wildcard"),
            (&["GET"], "/a", "a:B", "page/7", "resource: `page/7` is no resource"),
            (&["GET"], "/x/{a}", "a:B", "arn:aws:a:::x", "methods: another rule is about GET /x/{a}"),
            (&["ANY"], "/x/{a}", "a:B", "arn:aws:a:::x", "methods: another rule is about GET /x/{a}"),
        ] {
            let mut application = Application::new("a");
            application.add(&["GET".to_owned()], "/x/{a}", "a:A", "arn:aws:a:::x").unwrap();
            let methods: Vec<String> = methods.iter().map(ToString::to_string).collect();
            // `*` as a resource is a wildcard in a rule; the rows above are about other parts.
            let resource = if resource == "*" { "arn:aws:a:::x" } else { resource };
            let error = application.add(&methods, path, action, resource).unwrap_err().to_string();
            assert!(error.starts_with(said), "{path}: {error}");
        }
    }
}
