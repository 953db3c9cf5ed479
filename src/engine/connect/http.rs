//! HTTP to a connected system: bounded in time and bytes, with one kind of error, and always clear about whether a
//! request that failed can have been carried out.
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde_json::Value;

use crate::{
    base::{Error, Result, job::JobCtx, text},
    model::{
        connect::{
            Connection,
            fault::{Reason, Refused},
        },
        jupyter::Address,
    },
};

/// How long a system may take to take a connection, and to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read into memory.
pub const MOST_BYTES: usize = 64 << 20;
/// A `Retry-After` is heeded up to here; beyond it the error is told.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why there is no answer to use.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The request did not leave, or nobody took it: it has not been carried out.
    NotSent(Error),
    /// The system said no: it has not been carried out.
    Refused(Refused, Error),
    /// It left and no answer came back: it may have been carried out.
    Unknown(Error),
}

impl Fault {
    /// The sentence.
    pub fn into_error(self) -> Error {
        match self {
            Self::NotSent(e) | Self::Refused(_, e) | Self::Unknown(e) => e,
        }
    }
    /// What kind of no, where it is one.
    pub fn reason(&self) -> Option<Reason> {
        if let Self::Refused(refused, _) = self { Some(refused.reason) } else { None }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        fault.into_error()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub method: Method,
    /// Below the connection's address.
    pub path: &'a str,
    pub query: Vec<(&'a str, String)>,
    pub body: Option<&'a Value>,
    pub accept: &'a str,
}

impl<'a> Ask<'a> {
    /// A `GET` of JSON.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, query: Vec::new(), body: None, accept: "application/json" }
    }
    /// A `POST` of JSON.
    pub fn post(path: &'a str, body: &'a Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }
    /// With this in the address.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }
}

/// A request that brought nothing, and after what time the system wants to be asked again.
struct Failed {
    fault: Fault,
    again: Option<Duration>,
}

impl Failed {
    fn of(fault: Fault) -> Box<Self> {
        Box::new(Self { fault, again: None })
    }
}

/// The way to one connection.
pub struct Http {
    to: Connection,
    client: reqwest::Client,
    header: Mutex<Option<HeaderValue>>,
    /// Name of the header that carries the secret.
    carrier: HeaderName,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("to", &self.to.name).finish_non_exhaustive()
    }
}

/// Threads for sockets, shared by all connections: they wait, they do not work.
fn runtime() -> Result<&'static tokio::runtime::Runtime> {
    static RUNTIME: OnceLock<Option<tokio::runtime::Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("andon-http")
            .enable_all()
            .build()
            .ok()
    });
    made.as_ref().ok_or_else(|| Error::io("No thread could be started to reach the network"))
}

impl Http {
    /// A client; nothing is sent yet. `root` is where a relative certificate file lies.
    pub fn new(to: &Connection, root: &std::path::Path) -> Result<Self> {
        // A redirect would be followed to a page for people; its place says more.
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
            .gzip(true)
            .user_agent(concat!("andon/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &to.ca_file {
            let path = root.join(file);
            let pem = std::fs::read(&path).map_err(|e| {
                Error::config(format!("The certificate file of {} cannot be read", to.name))
                    .because(&e)
                    .hint(format!("It is looked for at {}", path.display()))
            })?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| {
                Error::config(format!("The certificate file of {} holds no certificate", to.name)).because(&e)
            })?;
            for certificate in bundle {
                builder = builder.add_root_certificate(certificate);
            }
        }
        builder = match &to.proxy {
            Some(proxy) => builder.proxy(
                reqwest::Proxy::all(proxy)
                    .map_err(|e| Error::config(format!("The proxy of {} is no address", to.name)).because(&e))?,
            ),
            None if Address::is_loopback(&to.url) => builder.no_proxy(),
            None => builder,
        };
        let client = builder.build().map_err(|e| Error::remote("Could not prepare a connection").because(&e))?;
        Ok(Self { to: to.clone(), client, header: Mutex::default(), carrier: reqwest::header::AUTHORIZATION })
    }

    /// Sends the secret in this header instead of `Authorization`.
    pub fn carried_by(&mut self, header: &'static str) {
        self.carrier = HeaderName::from_static(header);
    }

    /// The connection it leads to.
    pub fn to(&self) -> &Connection {
        &self.to
    }

    /// Sends this as `Authorization` from now on.
    pub fn authorize(&self, value: Option<&str>) -> Result<()> {
        let value = value
            .map(|v| {
                let mut value = HeaderValue::from_str(v).map_err(|_| {
                    Error::user(format!("The secret of {} holds characters that no secret has", self.to.name))
                        .hint(format!("Set it anew: andon connect secret {}", self.to.name))
                })?;
                value.set_sensitive(true);
                Ok::<_, Error>(value)
            })
            .transpose()?;
        *self.header.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for JSON. A busy system is asked again once when it says when.
    pub fn json(&self, ask: &Ask<'_>, cx: &JobCtx) -> Result<Value, Fault> {
        let answer = self.send(ask, cx)?;
        serde_json::from_slice(&answer.body).map_err(|_| {
            let refused = Refused::read(200, &answer.body);
            let error =
                Refused { reason: Reason::Other, ..refused.clone() }.error(&self.to, self.authorization().is_some());
            // A change may have been made by whatever answered so.
            if ask.method == Method::GET { Fault::Refused(refused, error) } else { Fault::Unknown(error) }
        })
    }

    /// Sends and reads the whole answer; anything but a success is a [`Fault`].
    pub fn send(&self, ask: &Ask<'_>, cx: &JobCtx) -> Result<Answer, Fault> {
        let failed = match self.once(ask, cx) {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        match failed.again {
            Some(wait) if wait <= LONGEST_WAIT => {
                // Busy is a no: nothing was carried out, so even a change may be sent again.
                pause(wait, cx).map_err(|_| failed.fault)?;
                self.once(ask, cx).map_err(|f| f.fault)
            }
            _ => Err(failed.fault),
        }
    }

    fn once(&self, ask: &Ask<'_>, cx: &JobCtx) -> Result<Answer, Box<Failed>> {
        let plain = |e: Error| Failed::of(Fault::NotSent(e));
        let runtime = runtime().map_err(plain)?;
        cx.check().map_err(plain)?;
        let request = self.request(ask).map_err(plain)?;
        runtime.block_on(async {
            let work = tokio::time::timeout(PATIENCE, self.exchange(request));
            tokio::select! {
                done = work => done.unwrap_or_else(|_| Err(Failed::of(Fault::Unknown(self.silent())))),
                () = cancelled(cx) => Err(Failed::of(Fault::Unknown(Error::cancelled()))),
            }
        })
    }

    fn request(&self, ask: &Ask<'_>) -> Result<RequestBuilder> {
        let mut url = reqwest::Url::parse(&format!("{}{}", self.to.url, ask.path))
            .map_err(|e| Error::config(format!("{} is no address", self.to.url)).because(&e))?;
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        let mut headers = HeaderMap::new();
        if let Ok(accept) = HeaderValue::from_str(ask.accept) {
            headers.insert(ACCEPT, accept);
        }
        if let Some(secret) = self.authorization() {
            headers.insert(self.carrier.clone(), secret);
        }
        let request = self.client.request(ask.method.clone(), url).headers(headers);
        Ok(match ask.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        })
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Box<Failed>> {
        let response = request.send().await.map_err(|e| Failed::of(self.unreachable(e)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await.map_err(|e| Failed::of(Fault::Unknown(e)))?;
        if status.is_success() {
            return Ok(Answer { status: status.as_u16(), headers, body });
        }
        let place = headers.get(LOCATION).filter(|_| status.is_redirection());
        let refused = Refused::read(status.as_u16(), &body);
        let error = match place {
            Some(place) => self.elsewhere(&String::from_utf8_lossy(place.as_bytes())),
            None => refused.error(&self.to, self.authorization().is_some()),
        };
        let wait = (refused.reason == Reason::Busy && status != StatusCode::GATEWAY_TIMEOUT)
            .then(|| headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs))
            .flatten();
        // A proxy that waited in vain does not know what became of the request.
        if matches!(status.as_u16(), 502 | 504 | 500) {
            return Err(Failed::of(Fault::Unknown(error)));
        }
        Err(Box::new(Failed { fault: Fault::Refused(refused, error), again: wait }))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Ok(body),
                Err(e) => {
                    return Err(Error::remote(format!("The answer of {} broke off", self.to.name))
                        .because(&e.without_url())
                        .hint("Try again; a proxy in between may cut long answers"));
                }
            }
            if body.len() > MOST_BYTES {
                return Err(Error::remote(format!(
                    "The answer of {} is longer than {}",
                    self.to.name,
                    text::bytes(MOST_BYTES as u64)
                ))
                .hint("What answers there may not be the system it was taken for"));
            }
        }
    }

    fn silent(&self) -> Error {
        Error::remote(format!("{} does not answer", self.to.name))
            .because_of(format!("nothing came from {} within {} s", self.to.url, PATIENCE.as_secs()))
            .hint("Check that it runs, and the network in between")
    }

    fn elsewhere(&self, place: &str) -> Error {
        let shown = text::shorten(place.split('?').next().unwrap_or_default(), 120);
        Error::remote(format!("{} sends to another address", self.to.name))
            .because_of(shown)
            .hint("Give the address it leads to; a page to sign in at means that a token is needed")
    }

    /// Why a request did not come through, and whether it can have arrived. The address is left out of the causes: it is
    /// said already.
    fn unreachable(&self, error: reqwest::Error) -> Fault {
        let (connecting, timed_out) = (error.is_connect(), error.is_timeout());
        let error = error.without_url();
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
        let name = &self.to.name;
        if has(&["certificate", "UnknownIssuer", "CaUsedAsEndEntity"]) {
            return Fault::NotSent(
                Error::remote(format!("The certificate of {name} is not trusted"))
                    .because_of(last)
                    .hint("Name the file of the authority that signed it as ca_file of the connection"),
            );
        }
        if has(&["InvalidContentType", "corrupt message"]) {
            return Fault::NotSent(
                Error::remote(format!("{name} does not speak https at {}", self.to.url))
                    .because_of(last)
                    .hint("Write http:// instead, if it is on this machine or behind a tunnel"),
            );
        }
        let hint = if has(&["dns error", "failed to lookup"]) {
            "Check the name of the host, and whether a VPN is needed to reach it"
        } else if has(&["Connection refused"]) {
            "Check that it runs there and that the port is right"
        } else {
            "Check the address and the network"
        };
        let said =
            Error::remote(format!("{name} does not answer")).because_of(format!("{}: {last}", self.to.url)).hint(hint);
        // Only what failed while connecting is sure to have reached nobody.
        match (connecting, timed_out) {
            (true, _) => Fault::NotSent(said),
            (false, true) => Fault::Unknown(self.silent()),
            (false, false) => Fault::Unknown(said),
        }
    }
}

async fn cancelled(cx: &JobCtx) {
    while !cx.cancel.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits, unless the person stops it.
pub fn pause(time: Duration, cx: &JobCtx) -> Result<()> {
    let end = std::time::Instant::now() + time;
    while std::time::Instant::now() < end {
        cx.check()?;
        std::thread::sleep(Duration::from_millis(50).min(end - std::time::Instant::now().min(end)));
    }
    cx.check()
}
