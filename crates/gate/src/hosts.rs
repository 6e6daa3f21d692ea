//! Host and Origin, against fixed lists.
//!
//! A page on a foreign site can make a browser send requests here, and by rebinding its own name to this address it
//! can even read the replies. The first shows in `Origin`, the second in `Host`. That both name the same host proves
//! nothing; both must be on a list that was written down here.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

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
    /// It comes from a page that is not on the list.
    Origin,
}

impl Names {
    /// Checks Host and Origin. Clients that are no browsers send no Origin.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = headers.get(HOST).map(|value| value.to_str().unwrap_or_default());
        if !host.is_some_and(|host| self.knows(host)) {
            return Err(Foreign::Host);
        }
        match headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
            None => Ok(()),
            Some(origin) if self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) => Ok(()),
            Some(_) => Err(Foreign::Origin),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        host.map(|host| headers.insert(HOST, host.parse().unwrap()));
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        let names =
            Names { hosts: vec!["hall.example".into()], origins: vec!["https://hall.example".into()] };
        names.check(&headers)
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
}
