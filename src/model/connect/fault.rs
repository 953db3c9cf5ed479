//! What a server means when it refuses: many shapes, one sentence and one next step.
//!
//! Seen shapes: `FastAPI`'s `detail` as text, as a list of places and as an object (Airflow 3, Prefect 3), `error` alone
//! (Airflow's unknown routes, Prometheus), problem documents (Airflow 2), `exception_message` (Prefect), `error_code`
//! with `message` (`MLflow`), pages of HTML from whatever stands in between, and plain text.
use serde_json::Value;

use super::Connection;
use crate::base::{Error, text};

/// What kind of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 401, or a token that is not valid any more.
    Login,
    /// Known, and not allowed.
    Forbidden,
    Missing,
    /// It is there already, or in a state that does not allow it.
    Conflict,
    /// What was sent is not what is wanted.
    Invalid,
    /// Come back later.
    Busy,
    /// The server failed.
    Broken,
    /// It is not the system it was taken for.
    Other,
}

/// An answer that is a no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub reason: Reason,
    /// What the server said, one line; empty when it said nothing readable.
    pub said: String,
}

impl Refused {
    /// Reads an answer of `status`.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.get(..body.len().min(1 << 16)).unwrap_or_default());
        let value: Option<Value> = serde_json::from_slice(body).ok();
        let said = match &value {
            Some(value) => said(value).unwrap_or_default(),
            None if is_page(&text) => page_title(&text),
            None => text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default().to_owned(),
        };
        let said = text::shorten(&text::visible(&said.replace(['\n', '\r', '\t'], " ")), 300);
        let token = status == 403 && said.contains("Invalid JWT token");
        let reason = match status {
            401 => Reason::Login,
            403 if token => Reason::Login,
            403 => Reason::Forbidden,
            404 | 410 => Reason::Missing,
            409 | 412 | 423 => Reason::Conflict,
            400 | 405..=408 | 411 | 413..=422 => Reason::Invalid,
            429 | 502..=504 => Reason::Busy,
            500.. => Reason::Broken,
            _ => Reason::Other,
        };
        Self { status, reason, said }
    }

    /// The sentence and the next step. `signed_in` is whether a secret was sent at all.
    pub fn error(&self, to: &Connection, signed_in: bool) -> Error {
        let (name, system) = (&to.name, to.system.word());
        let error = match self.reason {
            Reason::Login if signed_in => Error::remote(format!("{name} does not take this secret"))
                .hint(format!("Set it anew: andon connect secret {name}")),
            Reason::Login => Error::remote(format!("{name} asks who you are"))
                .hint(format!("Give it a token or user:password: andon connect secret {name}")),
            Reason::Forbidden => Error::user(format!("{name} does not allow this to you"))
                .hint(format!("Ask who runs this {system} for the right, or use another account")),
            Reason::Missing => Error::user(format!("{name} does not know this"))
                .hint("It may be gone there since it was last seen here: refresh"),
            Reason::Conflict => Error::user(format!("{name} says that this is done or under way already"))
                .hint("Refresh to see how it stands"),
            Reason::Invalid => {
                Error::user(format!("{name} refuses what was asked")).hint("Mend what it names and try again")
            }
            Reason::Busy => Error::remote(format!("{name} is too busy to answer")).hint("Try again in a while"),
            Reason::Broken => {
                Error::remote(format!("{name} failed to answer")).hint(format!("The log of that {system} says more"))
            }
            Reason::Other => Error::remote(format!("There is no {system} at {}", to.url))
                .hint("Check the address; a login page or a proxy may stand in between"),
        };
        let error = if self.said.is_empty() { error } else { error.because_of(self.said.clone()) };
        error.because_of(format!("HTTP {}", self.status))
    }
}

fn said(value: &Value) -> Option<String> {
    let text = |v: &Value| v.as_str().filter(|s| !s.trim().is_empty()).map(|s| s.trim().to_owned());
    match value {
        Value::String(_) => return text(value),
        Value::Object(_) => {}
        _ => return None,
    }
    if let Some(detail) = value.get("detail").or_else(|| value.get("exception_detail")) {
        match detail {
            Value::Array(places) => {
                let all: Vec<String> = places.iter().take(5).filter_map(place).collect();
                if !all.is_empty() {
                    return Some(all.join("; "));
                }
            }
            Value::Object(_) => {
                let (reason, message) = (detail.get("reason").and_then(text), detail.get("message").and_then(text));
                // A database's own statement is for nobody's eyes.
                if let Some(said) = reason.or(message) {
                    return Some(said);
                }
            }
            other => {
                if let Some(said) = text(other) {
                    return Some(said);
                }
            }
        }
    }
    // GraphQL's own, of a question that the server does not understand.
    if let Some(first) = value.get("errors").and_then(Value::as_array).and_then(|e| e.first()) {
        return first.get("message").and_then(text);
    }
    let keys = ["exception_message", "message", "error", "title"];
    // Of a message that goes on with a statement or a traceback the first line is enough.
    keys.iter().find_map(|k| value.get(*k).and_then(text)).and_then(|s| s.lines().next().map(str::to_owned))
}

/// `body.conf.n: Input should be greater than 0`.
fn place(value: &Value) -> Option<String> {
    let message = value.get("msg").and_then(Value::as_str)?;
    let parts = value.get("loc").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<String> = parts
        .map(|p| p.as_str().map_or_else(|| p.to_string(), str::to_owned))
        .filter(|p| p != "body" && p != "query" && p != "path")
        .collect();
    Some(if parts.is_empty() { message.to_owned() } else { format!("{}: {message}", parts.join(".")) })
}

/// True for HTML.
pub fn is_page(text: &str) -> bool {
    let start = text.trim_start().get(..200.min(text.trim_start().len())).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.contains("<head")
}

fn page_title(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower
        .find("<title>")
        .and_then(|from| Some((from + 7, lower[from..].find("</title>")? + from)))
        .and_then(|(from, to)| text.get(from..to));
    match title.map(str::trim).filter(|t| !t.is_empty()) {
        Some(title) => format!("a web page: {title}"),
        None => "a web page".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::System, *};

    fn said_of(status: u16, body: &Value) -> (Reason, String) {
        let refused = Refused::read(status, body.to_string().as_bytes());
        (refused.reason, refused.said)
    }

    #[test]
    fn every_shape_becomes_one_sentence() {
        let cases = [
            (401, json!({"detail": "Not authenticated"}), Reason::Login, "Not authenticated"),
            (403, json!({"detail": "Invalid JWT token"}), Reason::Login, "Invalid JWT token"),
            (403, json!({"detail": "Forbidden"}), Reason::Forbidden, "Forbidden"),
            (
                422,
                json!({"detail": [{"type": "missing", "loc": ["body", "logical_date"], "msg": "Field required", "input": {}}]}),
                Reason::Invalid,
                "logical_date: Field required",
            ),
            (
                409,
                json!({"detail": {"reason": "Unique constraint violation", "statement": "INSERT INTO dag_run", "orig_error": "x", "message": "y"}}),
                Reason::Conflict,
                "Unique constraint violation",
            ),
            (404, json!({"error": "/api/v1 has been removed"}), Reason::Missing, "/api/v1 has been removed"),
            (
                400,
                json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no such DAG"}),
                Reason::Invalid,
                "no such DAG",
            ),
            (401, json!({"exception_message": "Unauthorized"}), Reason::Login, "Unauthorized"),
            (
                400,
                json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "bad filter\n[SQL: SELECT 1]"}),
                Reason::Invalid,
                "bad filter",
            ),
            (
                503,
                json!({"status": "error", "errorType": "timeout", "error": "query timed out"}),
                Reason::Busy,
                "query timed out",
            ),
            (
                400,
                json!({"data": null, "errors": [{"message": "Cannot query field", "locations": []}]}),
                Reason::Invalid,
                "Cannot query field",
            ),
            (500, json!(null), Reason::Broken, ""),
        ];
        for (status, body, reason, said) in cases {
            assert_eq!(said_of(status, &body), (reason, said.to_owned()), "{body}");
        }
    }

    #[test]
    fn pages_and_texts_are_named_as_what_they_are() {
        let page = Refused::read(502, b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>");
        assert_eq!((page.reason, page.said.as_str()), (Reason::Busy, "a web page: Bad gateway"));
        let page = Refused::read(200, b"<html><body>Sign in</body></html>");
        assert_eq!((page.reason, page.said.as_str()), (Reason::Other, "a web page"));
        let text = Refused::read(404, b"\n no such app: x \n trace");
        assert_eq!(text.said, "no such app: x");
        let hostile = Refused::read(500, &[0x1b, b'[', b'2', b'J', 0xff, b'x']);
        assert!(!hostile.said.contains('\u{1b}'), "{:?}", hostile.said);
        assert!(Refused::read(500, &vec![b'a'; 1 << 20]).said.chars().count() <= 301);
    }

    #[test]
    fn the_sentence_names_the_connection_and_the_next_step() {
        let to = Connection::new("prod", System::Airflow, "http://h:1").unwrap();
        let error = Refused::read(401, br#"{"detail":"Not authenticated"}"#).error(&to, false);
        assert_eq!(error.to_string(), "prod asks who you are: Not authenticated: HTTP 401");
        assert!(error.hint.unwrap().contains("andon connect secret prod"));
        let error = Refused::read(401, b"").error(&to, true);
        assert_eq!(error.what, "prod does not take this secret");
    }
}
