//! Host and Origin, against fixed lists.
//!
//! A page on a foreign site can make a browser send requests here, and by rebinding its own name to this address it
//! can even read the replies. The first shows in `Origin`, the second in `Host`. That both name the same host proves
//! nothing; both must be on a list that was written down here.
//!
//! A request that names its host in several ways must name one host: whoever stands between, a proxy say, may have gone
//! by another of them.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};

/// The names this server goes by.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Hosts a request may be for besides this machine itself, without a port.
    pub hosts: Vec<String>,
    /// Origins a browser may send, such as `https://hall.example`.
    pub origins: Vec<String>,
}

/// Why a request is not for this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Its Host is not on the list.
    Host,
    /// It names more than one host.
    Ambiguous,
    /// It comes from a page that is not on the list.
    Origin,
}

impl Names {
    /// Checks Host and Origin, and the host in the address if there is one, as in requests meant for a proxy. Clients that
    /// are no browsers send no Origin.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let mut hosts = headers.get_all(HOST).iter().map(text);
        let host = hosts.next().ok_or(Foreign::Host)?;
        if hosts.next().is_some() {
            return Err(Foreign::Ambiguous);
        }
        let named = uri.authority().map(|authority| authority.as_str());
        if !self.knows(host) || !named.is_none_or(|named| self.knows(named)) {
            return Err(Foreign::Host);
        }
        if named.is_some_and(|named| !named.eq_ignore_ascii_case(host)) {
            return Err(Foreign::Ambiguous);
        }
        let known = |origin: &str| self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
        if headers.get_all(ORIGIN).iter().map(text).all(known) { Ok(()) } else { Err(Foreign::Origin) }
    }

    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let own = ["localhost", "127.0.0.1", "[::1]"].into_iter();
        own.chain(self.hosts.iter().map(String::as_str)).any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A header as text; what is none is on no list.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names { hosts: vec!["hall.example".into()], origins: vec!["https://hall.example".into()] }
    }

    fn check(host: Option<&str>, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        host.map(|host| headers.insert(HOST, host.parse().unwrap()));
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        names().check(&Uri::from_static("/trpc"), &headers)
    }

    #[test]
    fn a_program_on_this_machine_comes_in() {
        for host in ["localhost", "LOCALHOST:7420", "127.0.0.1:1", "[::1]:7420", "Hall.Example"] {
            assert_eq!(check(Some(host), None), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_does_not_even_from_its_own_origin() {
        for host in [None, Some("evil.example"), Some("127.0.0.1.evil.example"), Some("")] {
            assert_eq!(check(host, None), Err(Foreign::Host), "{host:?}");
        }
        assert_eq!(check(Some("evil.example"), Some("http://evil.example")), Err(Foreign::Host));
    }

    #[test]
    fn a_foreign_page_does_not() {
        for origin in ["http://evil.example", "null", "http://localhost:7420", ""] {
            assert_eq!(check(Some("localhost"), Some(origin)), Err(Foreign::Origin), "{origin}");
        }
        assert_eq!(check(Some("localhost"), Some("https://hall.example")), Ok(()));
    }

    #[test]
    fn a_second_host_does_not_even_if_it_is_the_same() {
        for second in ["evil.example", "localhost"] {
            let mut headers = HeaderMap::new();
            headers.append(HOST, HeaderValue::from_static("localhost"));
            headers.append(HOST, second.parse().unwrap());
            assert_eq!(names().check(&Uri::from_static("/"), &headers), Err(Foreign::Ambiguous), "{second}");
        }
    }

    #[test]
    fn a_host_in_the_address_must_be_known_and_the_same() {
        for (address, told) in [
            ("http://localhost:7420/trpc", Ok(())),
            ("http://LOCALHOST:7420/", Ok(())),
            ("http://evil.example/trpc", Err(Foreign::Host)),
            ("http://evil.example@localhost:7420/", Err(Foreign::Host)),
            ("http://hall.example/trpc", Err(Foreign::Ambiguous)),
            ("http://localhost/trpc", Err(Foreign::Ambiguous)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:7420"));
            assert_eq!(names().check(&address.parse().unwrap(), &headers), told, "{address}");
        }
    }

    #[test]
    fn a_foreign_page_does_not_behind_a_known_one() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        headers.append(ORIGIN, HeaderValue::from_static("https://hall.example"));
        headers.append(ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert_eq!(names().check(&Uri::from_static("/"), &headers), Err(Foreign::Origin));
    }
}
