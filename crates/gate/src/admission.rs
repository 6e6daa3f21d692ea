//! Who is let in by a route, and as whom.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hall::{Hall, Identity};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use model::Principal;

use crate::rate::{Allowance, Rates};
use crate::{limits, query};

/// What a route asks of whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Nothing: the route says nothing that is worth hiding.
    Anybody,
    /// A token, in the header `Authorization: Bearer`.
    Token,
    /// A token in that header, or in the client's first message on a WebSocket that is opened with
    /// `?connectionParams=1`.
    TokenOrFirstMessage,
    /// Nothing, for clients that cannot carry a token and come over loopback; a token in the header or as `?token=`
    /// is honoured, and a bad one refused.
    Compatibility,
}

/// Somebody at the gate.
#[derive(Clone)]
pub struct Caller {
    /// Who they are by what they showed with the request; nobody if the route lets them say so in their first message.
    pub identity: Option<Identity>,
    /// Whether their first message names connection parameters, as `?connectionParams=1` says it does. A token in it
    /// counts before everything that was shown with the request.
    pub introduces: bool,
    /// Where they come from.
    pub address: IpAddr,
    gate: Arc<Checks>,
}

/// What checking tokens needs.
pub(crate) struct Checks {
    pub(crate) hall: Hall,
    pub(crate) rates: Arc<Rates>,
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is missing, unknown, expired or revoked.
    Unauthorized,
    /// Too many bad ones came from this address.
    TooMany,
}

// === impl Caller ===

impl Caller {
    /// Lets a request in, or says why not.
    pub(crate) fn admit(
        checks: &Arc<Checks>,
        policy: Policy,
        address: IpAddr,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Self, Refused> {
        let introduces = query::parameter(uri, "connectionParams").as_deref() == Some("1");
        let mut caller = Self { identity: None, introduces, address, gate: checks.clone() };
        let shown = match (bearer(headers), policy) {
            (Some(token), _) => Some(Cow::Borrowed(token)),
            (None, Policy::Compatibility) => query::parameter(uri, "token"),
            (None, _) => None,
        };
        caller.identity = match (policy, shown) {
            (Policy::Anybody, _) => None,
            (_, Some(token)) => Some(caller.identify(&token)?),
            (Policy::Compatibility, None) => Some(Identity::compat()),
            (Policy::TokenOrFirstMessage, None) if introduces => None,
            (Policy::Token | Policy::TokenOrFirstMessage, None) => return Err(Refused::Unauthorized),
        };
        Ok(caller)
    }

    /// Finds out who shows this token.
    ///
    /// # Errors
    /// If it does not open; that is counted against the caller's address.
    pub fn identify(&self, token: &str) -> Result<Identity, Refused> {
        let Checks { hall, rates } = &*self.gate;
        let known = (token.len() <= limits::TOKEN_BYTES).then(|| hall.identify(token)).flatten();
        // The credential in the owner's file is for the local socket, where it is known which process shows it. An agent
        // could read the file as well as its owner can.
        let known = known.filter(|identity| identity.principal != Principal::owner());
        // A good token is good, however many bad ones came from the same address: they may share a proxy.
        known.ok_or_else(|| {
            if !rates.may_try(self.address) {
                return Refused::TooMany;
            }
            rates.failed(self.address);
            Refused::Unauthorized
        })
    }

    /// How much somebody may do from here.
    pub fn allowance(&self, identity: &Identity) -> Allowance {
        self.gate.rates.allowance(&identity.principal, self.address)
    }
}

// === impl Refused ===

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => {
                let mut response = (StatusCode::UNAUTHORIZED, "a token is needed\n").into_response();
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many bad tokens\n").into_response(),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
