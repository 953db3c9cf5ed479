//! A line to a server that can be cut: before a request reaches it, or after it was carried out and before the answer is back.
use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Where the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never hears of the request.
    Before,
    /// The server has carried it out; nobody hears of that.
    After,
}

/// A proxy on loopback to one server. It ends with the test.
pub struct Proxy {
    port: u16,
    cuts: Arc<Mutex<VecDeque<Cut>>>,
    made: Arc<AtomicUsize>,
    /// Of each request that passed: method and path, and bytes that came back.
    passed: Arc<Mutex<Vec<(String, usize)>>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to `upstream` (`127.0.0.1:PORT`). `counts` says of method, path and body whether a request changes
    /// something: only those are cut.
    pub fn to(upstream: &str, counts: fn(&str, &str, &str) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy =
            Self { port, cuts: Arc::default(), made: Arc::default(), passed: Arc::default(), over: Arc::default() };
        let (cuts, made, over) = (proxy.cuts.clone(), proxy.made.clone(), proxy.over.clone());
        let passed = proxy.passed.clone();
        let upstream = upstream.to_owned();
        spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (cuts, made, passed, upstream) = (cuts.clone(), made.clone(), passed.clone(), upstream.clone());
                spawn(move || {
                    let _ = pass(client, &upstream, counts, &cuts, &made, &passed);
                });
            }
        });
        proxy
    }
    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    /// Cuts the next request that changes something, and the ones after it, like this.
    pub fn cut(&self, cuts: &[Cut]) {
        self.cuts.lock().unwrap().extend(cuts);
    }
    /// Requests that have passed since this was asked last, each with the bytes that came back.
    pub fn passed(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.passed.lock().unwrap())
    }
    /// How many cuts were made.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("test-proxy".into()).spawn(work).unwrap();
}

fn pass(
    mut client: TcpStream,
    upstream: &str,
    counts: fn(&str, &str, &str) -> bool,
    cuts: &Mutex<VecDeque<Cut>>,
    made: &AtomicUsize,
    passed: &Mutex<Vec<(String, usize)>>,
) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_mins(1)))?;
    let (head, body) = request(&mut client)?;
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let cut =
        if counts(method, path, &String::from_utf8_lossy(&body)) { cuts.lock().unwrap().pop_front() } else { None };
    if cut.is_some() {
        made.fetch_add(1, Ordering::SeqCst);
    }
    if cut == Some(Cut::Before) {
        return Ok(());
    }
    let mut server = TcpStream::connect(upstream)?;
    let lines = head.split("\r\n").filter(|l| !l.to_ascii_lowercase().starts_with("connection:"));
    let head = format!("{}\r\nConnection: close\r\n\r\n", lines.collect::<Vec<_>>().join("\r\n").trim_end());
    server.write_all(head.as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    passed.lock().unwrap().push((format!("{method} {path}"), answer.len()));
    if cut == Some(Cut::After) {
        return Ok(());
    }
    client.write_all(&answer)
}

/// Head without the empty line, and body.
fn request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let (mut all, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some(at) = all.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..at]).into_owned();
            let length = head
                .lines()
                .filter_map(|l| l.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, n)| n.trim().parse().unwrap());
            if all.len() >= at + 4 + length {
                return Ok((head, all[at + 4..at + 4 + length].to_vec()));
            }
        }
        let n = client.read(&mut buffer)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        all.extend_from_slice(&buffer[..n]);
    }
}
