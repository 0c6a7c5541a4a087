//! What a request over loopback must and must not have, before anybody looks at what it asks for.

use hyper::header::{FORWARDED, HOST, ORIGIN, VIA};
use hyper::{HeaderMap, Request};

/// Why a request is not looked at.
///
/// | sent by | what gives it away |
/// |---|---|
/// | a page whose name now means 127.0.0.1 (DNS rebinding) | `Host` is the page's |
/// | a page of another site | `Origin`, `Sec-Fetch-*`: browsers send them, and let no script leave them out |
/// | somebody elsewhere, through a proxy on this machine (server-side request forgery) | `Forwarded`, `X-Forwarded-*`, `Via` |
#[must_use]
pub fn refused<B>(request: &Request<B>, host: &str) -> Option<String> {
    // `GET http://other/ HTTP/1.1` names a host besides `Host` (RFC 9112, section 3.2.2).
    if request.uri().authority().is_some() {
        return Some("the target must be a path".to_owned());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let exact = hosts.next().is_some_and(|given| given.as_bytes() == host.as_bytes()) && hosts.next().is_none();
    if !exact {
        return Some(format!("`Host` must be {host}"));
    }
    let name = foreign(request.headers())?;
    Some(format!("no request with `{name}` is answered: programs of this machine have no reason to send it"))
}

/// A header that says it comes from a browser or through a proxy.
fn foreign(headers: &HeaderMap) -> Option<&str> {
    let names = [ORIGIN, FORWARDED, VIA];
    let foreign = |name: &&hyper::header::HeaderName| {
        let text = name.as_str();
        names.contains(name) || text.starts_with("sec-fetch-") || text.starts_with("x-forwarded") || text == "x-real-ip"
    };
    headers.keys().find(foreign).map(hyper::header::HeaderName::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let request = Request::get(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        refused(&request.body(()).unwrap(), "127.0.0.1:9911")
    }

    #[test]
    fn what_no_program_of_this_machine_sends_is_refused() {
        const OURS: (&str, &str) = ("host", "127.0.0.1:9911");
        assert_eq!(asked("/", &[OURS]), None);
        assert_eq!(asked("/", &[OURS, ("user-agent", "x"), ("accept", "application/json")]), None);
        for hosts in [
            &[][..],
            &[("host", "localhost:9911")],
            &[("host", "127.0.0.1")],
            &[("host", "127.0.0.1:9912")],
            &[("host", "127.0.0.1:9911.evil.example")],
            &[("host", "evil.example")],
            &[OURS, OURS],
            &[OURS, ("host", "evil.example")],
        ] {
            assert!(asked("/", hosts).is_some_and(|why| why.contains("`Host` must be")), "{hosts:?}");
        }
        assert!(asked("http://127.0.0.1:9911/", &[OURS]).is_some());
        for name in [
            "Origin",
            "Forwarded",
            "Via",
            "Sec-Fetch-Site",
            "Sec-Fetch-Mode",
            "Sec-Fetch-Dest",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Real-IP",
        ] {
            let told = asked("/", &[OURS, (name, "")]).unwrap_or_else(|| panic!("{name} was taken"));
            assert!(told.contains(&name.to_ascii_lowercase()), "{told}");
        }
    }
}
