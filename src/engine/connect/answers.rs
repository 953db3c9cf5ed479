//! A small server for tests: it answers what it is told to, and remembers what it was asked.
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;

/// A request as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    pub body: Value,
    /// The header `Authorization`.
    pub authorization: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum Says {
    Json(u16, Value),
    /// The line is cut without an answer.
    Nothing,
}

impl From<Value> for Says {
    fn from(value: Value) -> Self {
        Self::Json(200, value)
    }
}

/// Listens on loopback until it is dropped.
pub struct Answers {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
}

impl Answers {
    /// Answers every request with what `says` gives.
    pub fn serve(says: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = Self { port, asked: Arc::default(), over: Arc::default() };
        let (asked, over) = (made.asked.clone(), made.over.clone());
        thread::Builder::new()
            .name("test-answers".into())
            .spawn(move || {
                for client in listener.incoming().flatten() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let _ = answer(client, &says, &asked);
                }
            })
            .unwrap();
        made
    }
    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    /// What was asked at paths that end so.
    pub fn asked(&self, end: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|a| a.path.ends_with(end)).cloned().collect()
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut client: TcpStream, says: &impl Fn(&Asked) -> Says, all: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 1 << 14]);
    let (head, from) = loop {
        let n = client.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..n]);
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&bytes[..at]).into_owned(), at + 4);
        }
    };
    let header = |name: &str| {
        let found = head.lines().filter_map(|l| l.split_once(':')).find(|(k, _)| k.eq_ignore_ascii_case(name));
        found.map(|(_, v)| v.trim().to_owned())
    };
    let length: usize = header("content-length").map_or(0, |n| n.parse().unwrap());
    while bytes.len() < from + length {
        let n = client.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..n]);
    }
    let mut words = head.split(' ');
    let (method, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let one = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: serde_json::from_slice(&bytes[from..from + length]).unwrap_or_default(),
        authorization: header("authorization"),
    };
    all.lock().unwrap().push(one.clone());
    let Says::Json(status, body) = says(&one) else { return Ok(()) };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}
