//! The REST interface of a Jupyter Server, and words for everything that can be wrong with one.
use std::time::Duration;

use base64::Engine as _;
use reqwest::{
    Method, Response, StatusCode, Upgraded,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::frames::{Protocol, V1};
use crate::{
    base::{Error, Result, text},
    engine::secrets::Secret,
    model::jupyter::{Address, Listing, too_old},
};

/// How long a server may take to take a connection, to answer, and to start a kernel.
const CONNECT_PATIENCE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(20);
const START_PATIENCE: Duration = Duration::from_mins(1);
/// Longest answer that is read.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// One server. The token goes into a header, never into an address, so that no log or message shows it.
pub(in crate::engine::kernel) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<HeaderValue>,
}

/// What the server says of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KernelState {
    /// `idle`, `busy`, `starting`, `dead`.
    pub state: String,
}

impl Client {
    /// A client of the server at `url`, as [`Address`] gives it. Nothing is sent yet.
    pub(super) fn new(url: &str, token: Option<&Secret>) -> Result<Self> {
        let token = token.filter(|t| !t.0.trim().is_empty()).map(|t| header(t.0.trim())).transpose()?;
        // A redirect would be followed to a page for people; its place says more.
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
            .user_agent(concat!("andon/", env!("CARGO_PKG_VERSION")));
        if Address::is_loopback(url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| Error::remote("Could not prepare a connection").because(&e))?;
        Ok(Self { http, url: url.to_owned(), token })
    }

    /// Asks the server what it is and what it has. The first thing that is wrong is the error.
    pub(super) async fn listing(&self) -> Result<Listing> {
        let greeting = self.json(Method::GET, "", None, PATIENCE).await?;
        let version = greeting.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
        if version.is_empty() {
            return Err(self.no_jupyter("its answer names no version"));
        }
        if let Some(why) = too_old(&version) {
            return Err(Error::remote(format!("The Jupyter server at {} is too old", self.url))
                .because_of(why)
                .hint("Update it: pip install --upgrade jupyter-server"));
        }
        let specs = self.json(Method::GET, "/kernelspecs", None, PATIENCE).await?;
        let kernels = self.json(Method::GET, "/kernels", None, PATIENCE).await?;
        // Only the names of notebooks come from there.
        let sessions = self.json(Method::GET, "/sessions", None, PATIENCE).await.unwrap_or(Value::Null);
        Ok(Listing::read(&self.url, &version, &specs, &kernels, &sessions))
    }

    /// Starts a kernel and gives its id. `label` is the notebook's path: the kernel starts in its folder where the
    /// server has it, and the server's own pages show the name.
    pub(super) async fn start(&self, name: &str, label: &str) -> Result<String> {
        let title = label.rsplit('/').next().filter(|t| !t.is_empty()).unwrap_or("Andon");
        // A path of its own for each: the server gives a second session of the same path the same kernel.
        let unique: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
        let body = json!({
            "kernel": {"name": name}, "type": "notebook", "name": title,
            "path": format!("{}-andon-{unique}", if label.is_empty() { "andon" } else { label }),
        });
        let answer = self.json(Method::POST, "/sessions", Some(body), START_PATIENCE).await.map_err(|e| {
            let causes = std::iter::once(e.what).chain(e.causes).collect();
            Error { what: format!("The server did not start the kernel {name}"), causes, ..e }
        })?;
        let id = answer.pointer("/kernel/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| self.no_jupyter("it started a kernel and gave no id"))
    }

    /// How a kernel is; none when the server has it no more.
    pub(super) async fn state(&self, id: &str) -> Result<Option<KernelState>> {
        let response = self.send(Method::GET, &format!("/kernels/{}", escaped(id)), None, PATIENCE).await?;
        if response.status() == StatusCode::NOT_FOUND && self.is_json(&response) {
            return Ok(None);
        }
        let answer = self.read(response).await?;
        let state = answer.get("execution_state").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        Ok(Some(KernelState { state }))
    }
    /// Interrupts it.
    pub(super) async fn interrupt(&self, id: &str) -> Result<()> {
        self.act(Method::POST, &format!("/kernels/{}/interrupt", escaped(id)), PATIENCE).await
    }
    /// A new process in place of the old one, under the same id.
    pub(super) async fn restart(&self, id: &str) -> Result<()> {
        self.act(Method::POST, &format!("/kernels/{}/restart", escaped(id)), START_PATIENCE).await
    }
    /// Ends it. One that is gone already is fine.
    pub(super) async fn stop(&self, id: &str) -> Result<()> {
        let response = self.send(Method::DELETE, &format!("/kernels/{}", escaped(id)), None, PATIENCE).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => Ok(()),
            _ => self.read(response).await.map(drop),
        }
    }

    /// Opens the websocket of a kernel's channels.
    pub(super) async fn channels(&self, id: &str, session: &str) -> Result<(Upgraded, Protocol)> {
        let mut nonce = [0u8; 16];
        rand::fill(&mut nonce[..]);
        let key = base64::engine::general_purpose::STANDARD.encode(nonce);
        let url = format!("{}api/kernels/{}/channels?session_id={session}", self.url, escaped(id));
        let request = self
            .http
            .get(&url)
            .headers(self.headers())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key)
            .header(SEC_WEBSOCKET_PROTOCOL, V1);
        let response = match timeout(START_PATIENCE, request.send()).await {
            Ok(response) => response.map_err(|e| self.unreachable(e))?,
            Err(_) => return Err(self.silent(START_PATIENCE)),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let proxy = response.status().is_success() || response.status() == StatusCode::BAD_REQUEST;
            let error = self.read(response).await.err();
            let error = error.unwrap_or_else(|| self.no_jupyter("it opened no websocket"));
            return Err(if proxy {
                error.hint("A proxy in between may not let websockets through: ask who runs it")
            } else {
                error
            });
        }
        let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).and_then(|v| v.to_str().ok());
        if accept != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(self.no_jupyter("its websocket answered another question"));
        }
        let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|v| v.to_str().ok());
        let protocol = if chosen == Some(V1) { Protocol::V1 } else { Protocol::Json };
        let upgraded = response.upgrade().await.map_err(|e| self.unreachable(e))?;
        Ok((upgraded, protocol))
    }

    fn headers(&self) -> HeaderMap {
        self.token.iter().map(|token| (AUTHORIZATION, token.clone())).collect()
    }

    async fn act(&self, method: Method, path: &str, patience: Duration) -> Result<()> {
        let response = self.send(method, path, None, patience).await?;
        if response.status() == StatusCode::NO_CONTENT { Ok(()) } else { self.read(response).await.map(drop) }
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>, patience: Duration) -> Result<Value> {
        let response = self.send(method, path, body, patience).await?;
        self.read(response).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>, patience: Duration) -> Result<Response> {
        let request = self.http.request(method, format!("{}api{path}", self.url)).headers(self.headers());
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        };
        request.timeout(patience).send().await.map_err(|e| self.unreachable(e))
    }

    fn is_json(&self, response: &Response) -> bool {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        kind.is_some_and(|k| k.starts_with("application/json"))
    }

    /// The JSON of an answer, or why there is none.
    async fn read(&self, mut response: Response) -> Result<Value> {
        let (status, json) = (response.status(), self.is_json(&response));
        if let Some(place) = response.headers().get(LOCATION).filter(|_| status.is_redirection()) {
            return Err(self.sent_elsewhere(&String::from_utf8_lossy(place.as_bytes())));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| self.unreachable(e))? {
            body.extend_from_slice(&piece);
            if body.len() > MOST_BYTES {
                return Err(self.no_jupyter("its answer has no end"));
            }
        }
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_success() && (json || value.is_some()) {
            return value.ok_or_else(|| self.no_jupyter("its answer is not JSON"));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.refused());
        }
        if status.is_success() {
            return Err(self.page());
        }
        let message = value.as_ref().and_then(|v| v.get("message")).and_then(Value::as_str).filter(|m| !m.is_empty());
        match message {
            Some(message) => Err(Error::remote(format!("The Jupyter server at {} refused", self.url))
                .because_of(text::shorten(message, 300))
                .because_of(status.to_string())
                .hint("The server's own log says more")),
            None => Err(self.no_jupyter(&format!("it answered {status}"))),
        }
    }

    fn refused(&self) -> Error {
        let what = if self.token.is_some() {
            format!("The Jupyter server at {} does not take this token", self.url)
        } else {
            format!("The Jupyter server at {} asks for a token", self.url)
        };
        Error::remote(what).hint(
            "Copy the token anew: `jupyter server list` shows it on the server, and a JupyterHub makes one under Token",
        )
    }
    fn page(&self) -> Error {
        Error::remote(format!("{} answers with a web page instead of Jupyter's interface", self.url)).hint(
            "It may be a login page: on a JupyterHub the address ends with /user/NAME/ and the token is made under Token",
        )
    }
    fn sent_elsewhere(&self, place: &str) -> Error {
        let shown = text::shorten(place.split('?').next().unwrap_or_default(), 120);
        if place.contains("login") || place.contains("/hub/") || place.contains("oauth") {
            return self.page().because_of(format!("it leads to {shown}"));
        }
        Error::remote(format!("{} leads to another address", self.url))
            .because_of(shown)
            .hint("Give the address it leads to, without what follows the base path")
    }
    fn no_jupyter(&self, why: &str) -> Error {
        Error::remote(format!("There is no Jupyter server at {}", self.url))
            .because_of(why)
            .hint("Check the address: `jupyter server list` shows it on the server, with its base path")
    }
    fn silent(&self, patience: Duration) -> Error {
        Error::remote(format!("The Jupyter server at {} does not answer", self.url))
            .because_of(format!("nothing came within {} s", patience.as_secs()))
            .hint(if self.url.starts_with("https") {
                "Check that it runs and speaks https, and the network in between"
            } else {
                "Check that it runs, and the network in between"
            })
    }

    /// Why a request did not come through. The address is left out of the causes: it is said already.
    fn unreachable(&self, error: reqwest::Error) -> Error {
        let (timed_out, error) = (error.is_timeout(), error.without_url());
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(cause) = next {
            let text = cause.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        let last = causes.last().cloned().unwrap_or_else(|| error.to_string());
        let has = |words: &[&str]| causes.iter().any(|c| words.iter().any(|w| c.contains(w)));
        if has(&["certificate", "UnknownIssuer", "CaUsedAsEndEntity"]) {
            return Error::remote(format!("The certificate of {} is not trusted", self.url)).because_of(last).hint(
                "Let the system trust the authority that signed it, or name its file in SSL_CERT_FILE before starting Andon",
            );
        }
        if has(&["InvalidContentType", "corrupt message"]) {
            return Error::remote(format!("{} does not speak https", self.url))
                .because_of(last)
                .hint("Write http:// instead, if the server is on this machine or behind a tunnel");
        }
        if timed_out {
            return self.silent(PATIENCE);
        }
        let hint = if has(&["dns error", "failed to lookup"]) {
            "Check the name of the host, and whether a VPN is needed to reach it"
        } else if has(&["Connection refused"]) {
            "Check that the server runs and the port is right: `jupyter server list` shows both"
        } else {
            "Check the address and the network"
        };
        Error::remote(format!("No server answers at {}", self.url)).because_of(last).hint(hint)
    }
}

fn header(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("token {token}")).map_err(|_| {
        Error::user("This is no token: it holds characters that no token has")
            .hint("Copy the token alone, without quotes")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Ids are plain; what is not cannot lead to another path.
fn escaped(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
}
