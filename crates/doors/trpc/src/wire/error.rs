//! Errors as tRPC sends them: `{"message":…,"code":-326xx,"data":{"code":KEY,"httpStatus":H,"path":…?}}`.
//!
//! The peers also send `data.stack` outside production; no client reads it and it would tell file names, so it is left out.

use std::borrow::Cow;
use std::fmt;

use super::reply::RequestId;
use super::text::{self, JsonText};

/// tRPC's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named by its key in the protocol")]
pub enum Code {
    ParseError,
    BadRequest,
    InternalServerError,
    NotImplemented,
    BadGateway,
    ServiceUnavailable,
    GatewayTimeout,
    Unauthorized,
    PaymentRequired,
    Forbidden,
    NotFound,
    MethodNotSupported,
    Timeout,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    UnprocessableContent,
    PreconditionRequired,
    TooManyRequests,
    ClientClosedRequest,
}

// === impl Code ===

impl Code {
    /// Every code, in the order of tRPC's own table.
    pub const ALL: [Self; 21] = [
        Self::ParseError,
        Self::BadRequest,
        Self::InternalServerError,
        Self::NotImplemented,
        Self::BadGateway,
        Self::ServiceUnavailable,
        Self::GatewayTimeout,
        Self::Unauthorized,
        Self::PaymentRequired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotSupported,
        Self::Timeout,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::UnprocessableContent,
        Self::PreconditionRequired,
        Self::TooManyRequests,
        Self::ClientClosedRequest,
    ];

    const fn row(self) -> (&'static str, i32, u16) {
        match self {
            Self::ParseError => ("PARSE_ERROR", -32700, 400),
            Self::BadRequest => ("BAD_REQUEST", -32600, 400),
            Self::InternalServerError => ("INTERNAL_SERVER_ERROR", -32603, 500),
            Self::NotImplemented => ("NOT_IMPLEMENTED", -32603, 501),
            Self::BadGateway => ("BAD_GATEWAY", -32603, 502),
            Self::ServiceUnavailable => ("SERVICE_UNAVAILABLE", -32603, 503),
            Self::GatewayTimeout => ("GATEWAY_TIMEOUT", -32603, 504),
            Self::Unauthorized => ("UNAUTHORIZED", -32001, 401),
            Self::PaymentRequired => ("PAYMENT_REQUIRED", -32002, 402),
            Self::Forbidden => ("FORBIDDEN", -32003, 403),
            Self::NotFound => ("NOT_FOUND", -32004, 404),
            Self::MethodNotSupported => ("METHOD_NOT_SUPPORTED", -32005, 405),
            Self::Timeout => ("TIMEOUT", -32008, 408),
            Self::Conflict => ("CONFLICT", -32009, 409),
            Self::PreconditionFailed => ("PRECONDITION_FAILED", -32012, 412),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", -32013, 413),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", -32015, 415),
            Self::UnprocessableContent => ("UNPROCESSABLE_CONTENT", -32022, 422),
            Self::PreconditionRequired => ("PRECONDITION_REQUIRED", -32028, 428),
            Self::TooManyRequests => ("TOO_MANY_REQUESTS", -32029, 429),
            Self::ClientClosedRequest => ("CLIENT_CLOSED_REQUEST", -32099, 499),
        }
    }

    /// The name in `data.code`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.row().0
    }

    /// The JSON-RPC number in `code`. Several keys share −32603.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.row().1
    }

    /// The HTTP status in `data.httpStatus`.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.row().2
    }
}

/// An error for a client. Both texts are kept as JSON tokens, so that what the client itself wrote comes back unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrpcError {
    code: Code,
    message: Box<str>,
    path: Option<Box<str>>,
}

// === impl TrpcError ===

impl TrpcError {
    /// An error with a message for the caller, not tied to a call.
    #[must_use]
    pub fn new(code: Code, message: &str) -> Self {
        Self::with_token(code, text::encode(message))
    }

    fn with_token(code: Code, message: String) -> Self {
        Self { code, message: message.into(), path: None }
    }

    /// The same error, telling in `data.path` which procedure was called.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(text::encode(path).into());
        self
    }

    /// As [`TrpcError::at`], in the client's own spelling.
    #[must_use]
    pub fn at_token(mut self, path: JsonText<'_>) -> Self {
        self.path = Some(path.token().into());
        self
    }

    /// There is no procedure of the kind `method` at `path`.
    #[must_use]
    pub fn no_procedure(method: &str, path: JsonText<'_>) -> Self {
        let message = format!(r#""No \"{method}\"-procedure on path \"{}\"""#, path.inner());
        Self::with_token(Code::NotFound, message).at_token(path)
    }

    /// A subscription was asked for under the id of one that is running; the running one goes on.
    ///
    /// This is to be checked before [`super::procedure::parse`]: it also answers unknown paths and bad inputs.
    #[must_use]
    pub fn duplicate_id(id: &RequestId<'_>, path: JsonText<'_>) -> Self {
        let token = id.token();
        let bare = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(token);
        Self::with_token(Code::BadRequest, format!(r#""Duplicate id {bare}""#)).at_token(path)
    }

    /// A question was answered that does not exist. The peers let the handler throw, hence the code.
    #[must_use]
    pub fn question_not_found(id: &str) -> Self {
        Self::new(Code::InternalServerError, &format!("Question not found: {id}")).at("questions.answer")
    }

    /// A message came under the id `null`. It is answered alone; others of its batch are served.
    #[must_use]
    pub fn id_required() -> Self {
        Self::new(Code::ParseError, "`id` is required")
    }

    /// A binary frame came; the protocol is text.
    #[must_use]
    pub fn binary_frame() -> Self {
        Self::new(Code::ParseError, "Binary frames are not understood: messages are JSON in text frames")
    }

    pub(super) fn bad_json(error: &serde_json::Error) -> Self {
        Self::new(Code::ParseError, &format!("Invalid JSON: {error}"))
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Its message, decoded.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        JsonText::parse(&self.message).map_or(Cow::Borrowed(""), JsonText::decode)
    }

    /// Appends the error object.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (key, number, http_status) = self.code.row();
        out.extend_from_slice(b"{\"message\":");
        out.extend_from_slice(self.message.as_bytes());
        out.extend_from_slice(
            format!(r#","code":{number},"data":{{"code":"{key}","httpStatus":{http_status}"#).as_bytes(),
        );
        if let Some(path) = &self.path {
            out.extend_from_slice(b",\"path\":");
            out.extend_from_slice(path.as_bytes());
        }
        out.extend_from_slice(b"}}");
    }
}

impl fmt::Display for TrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.key(), self.message())
    }
}

impl std::error::Error for TrpcError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &TrpcError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_error_names_its_call_if_it_has_one() {
        assert_eq!(
            written(&TrpcError::id_required()),
            r#"{"message":"`id` is required","code":-32700,"data":{"code":"PARSE_ERROR","httpStatus":400}}"#
        );
        assert_eq!(
            written(&TrpcError::question_not_found("00000000-0000-0000-0000-000000000000")),
            r#"{"message":"Question not found: 00000000-0000-0000-0000-000000000000","code":-32603,"data":{"code":"INTERNAL_SERVER_ERROR","httpStatus":500,"path":"questions.answer"}}"#
        );
    }

    #[test]
    fn a_path_comes_back_as_the_client_spelt_it() {
        let path = JsonText::parse(r#""no\"\ud83e""#).unwrap();
        assert_eq!(
            written(&TrpcError::no_procedure("query", path)),
            r#"{"message":"No \"query\"-procedure on path \"no\"\ud83e\"","code":-32004,"data":{"code":"NOT_FOUND","httpStatus":404,"path":"no\"\ud83e"}}"#
        );
    }

    #[test]
    fn a_duplicate_id_is_named_without_quotes() {
        let path = JsonText::parse(r#""a.b""#).unwrap();
        for (token, message) in [("7", "Duplicate id 7"), (r#""x\"y""#, "Duplicate id x\"y")] {
            let raw = serde_json::from_str(token).unwrap();
            let error = TrpcError::duplicate_id(&RequestId::of(raw, 64).unwrap(), path);
            assert_eq!(error.message(), message);
            assert_eq!(error.code(), Code::BadRequest);
        }
    }

    #[test]
    fn every_code_writes_valid_json_with_its_status() {
        for code in Code::ALL {
            let json: serde_json::Value =
                serde_json::from_str(&written(&TrpcError::new(code, "x\n"))).unwrap();
            assert_eq!(json["data"]["code"], code.key());
            assert_eq!(json["data"]["httpStatus"], code.http_status());
            assert_eq!(json["code"], code.number());
            assert_eq!(json["message"], "x\n");
        }
    }
}
