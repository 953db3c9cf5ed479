//! What window and owner say to one another, and how it is written: on the socket and in the log alike.
//!
//! A frame is its length, a checksum and its bytes. The first byte says what it is: a message in JSON, or a record of
//! the log. What a kernel prints stands in a record as it is, since that is what comes in hundreds of megabytes.
use std::{io::Read, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    base::{Error, Result},
    model::kernel::{
        Bundle, CellTag, Comm, Completions, ExecEvent, ExecId, ExecOptions, KernelInfo, KernelSpec, Label, Past, Plan,
        SessionEvent, SessionState,
    },
};

/// Version of all that is said after the greeting. Greeting, status and stop stay as they are for ever.
pub const PROTOCOL: u32 = 2;
/// No frame is longer.
const LONGEST: usize = 1 << 30;
/// Length and checksum.
pub const HEAD: usize = 8;

/// The first thing a client says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub version: String,
    /// `status`, `stop` or `attach`.
    pub op: String,
    #[serde(default)]
    pub attach: Value,
}

/// A window asks for the kernel of a notebook.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attach {
    /// Relative to the workspace.
    pub notebook: String,
    /// This one, alive or not.
    pub id: Option<String>,
    /// Starts one when none runs.
    pub start: Option<Launch>,
    /// The first record that is wanted; 0: all that is not in the file yet.
    pub from: u64,
    /// How long a kernel that does nothing is kept without a window.
    pub keep_seconds: u64,
}

/// How a kernel is started.
#[derive(Debug, Serialize, Deserialize)]
pub struct Launch {
    pub spec: KernelSpec,
    pub cwd: PathBuf,
}

/// The answer to a greeting.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Welcome {
    pub protocol: u32,
    pub version: String,
    pub pid: u32,
    #[serde(default)]
    pub error: Option<Error>,
    #[serde(default)]
    pub status: Value,
    #[serde(default)]
    pub attached: Option<Box<Attached>>,
}

/// A kernel as it is when a window comes to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attached {
    /// Of the kernel: the name of its folder.
    pub id: String,
    pub spec: KernelSpec,
    pub state: SessionState,
    pub info: Option<KernelInfo>,
    pub pid: Option<i32>,
    /// Counts the starts of its process.
    pub life: u32,
    /// This window may run cells.
    pub drives: bool,
    /// What ran before, oldest first.
    pub past: Vec<Past>,
    /// What still waits.
    pub plan: Plan,
    /// The last record there is; what comes after it is live.
    pub head: u64,
}

/// What a window says once it is attached.
#[derive(Debug, Serialize, Deserialize)]
pub enum Say {
    Execute {
        id: ExecId,
        code: String,
        options: ExecOptions,
        label: Option<Label>,
    },
    Withdraw(Option<ExecId>),
    Interrupt,
    Answer(String),
    /// Something about a widget; what comes of it has this number.
    Comm {
        id: ExecId,
        comm: Comm,
    },
    Restart,
    Shutdown(u64),
    Kill,
    Complete {
        ask: u64,
        code: String,
        cursor: usize,
    },
    Inspect {
        ask: u64,
        code: String,
        cursor: usize,
    },
    History {
        ask: u64,
        count: usize,
    },
    Plan(Plan),
    Settled(Vec<ExecId>),
    /// This window runs the cells from now on.
    Drive,
    /// The notebook is this file now.
    Rename(String),
}

/// What the owner says besides records.
#[derive(Debug, Serialize, Deserialize)]
pub enum Tell {
    Completions(u64, Completions),
    Help(u64, Bundle),
    Inputs(u64, Vec<String>),
    Stopped(u64),
    /// The window may not do it.
    Refused(Option<ExecId>, Error),
    /// Whether the window may run cells from now on, and what was to run next.
    Drives(bool, Plan),
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Counts up by one within a log.
    pub serial: u64,
    /// Which execution it belongs to; 0: the kernel as a whole.
    pub exec: u64,
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Begin(Begin),
    Event(ExecEvent),
    Session(SessionNews),
    /// These are in the file.
    Settled(Vec<ExecId>),
}

impl Body {
    /// True for what a window need not hear at once: that a cell begins, and that the kernel is at work or at rest. Mostly
    /// something follows at once, and both are told together.
    pub fn has_time(&self) -> bool {
        match self {
            Self::Begin(_) | Self::Event(ExecEvent::Started { .. }) => true,
            Self::Session(news) => matches!(news.event, SessionEvent::State(SessionState::Busy | SessionState::Idle)),
            Self::Event(_) | Self::Settled(_) => false,
        }
    }
}

/// An execution was given to the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    pub tag: Option<CellTag>,
    pub code: String,
    pub options: ExecOptions,
    pub life: u32,
    pub at: Timestamp,
}

/// News of the kernel as a whole, with its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionNews {
    pub event: SessionEvent,
    pub pid: Option<i32>,
}

/// What a frame holds.
#[derive(Debug)]
pub enum Frame {
    Message(Vec<u8>),
    Record(Record),
}

fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let body = frame.get(HEAD..).unwrap_or_default();
    let (length, sum) = (body.len() as u32, checksum(body));
    frame.splice(..HEAD, length.to_le_bytes().into_iter().chain(sum.to_le_bytes()));
    frame
}

/// Of the bytes after the head.
pub fn checksum(body: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(body) as u32
}

/// Length and checksum of the frame that begins here.
pub fn head(bytes: &[u8]) -> Option<(usize, u32)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((word(0)? as usize, word(4)?)).filter(|(length, _)| *length <= LONGEST)
}

/// A message as a frame.
pub fn message(message: &impl Serialize) -> Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    frame.push(b'm');
    serde_json::to_writer(&mut frame, message)
        .map_err(|e| Error::bug("A message to the kernels' owner").because(&e))?;
    Ok(sealed(frame))
}

/// A message out of its bytes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::remote("What the kernels' owner said is not understood").because(&e))
}

impl Record {
    /// As a frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = vec![0; HEAD];
        frame.push(b'r');
        frame.extend(self.serial.to_le_bytes());
        frame.extend(self.exec.to_le_bytes());
        let json = |frame: &mut Vec<u8>, kind: u8, value: &dyn erased::Json| {
            frame.push(kind);
            value.write(frame);
        };
        match &self.body {
            Body::Event(ExecEvent::Stream { stderr, text }) => {
                frame.push(if *stderr { b'2' } else { b'1' });
                frame.extend(text.as_bytes());
            }
            Body::Event(event) => json(&mut frame, b'e', event),
            Body::Begin(begin) => json(&mut frame, b'b', begin),
            Body::Session(news) => json(&mut frame, b's', news),
            Body::Settled(ids) => json(&mut frame, b'f', ids),
        }
        sealed(frame)
    }

    /// The same of bytes that nobody else needs: a text stays where it is.
    fn of(mut body: Vec<u8>) -> Option<Self> {
        let (serial, exec, kind) = Self::peek(&body)?;
        if !matches!(kind, b'1' | b'2') {
            return Self::decode(&body);
        }
        body.drain(..18);
        let text = String::from_utf8(body).ok()?;
        Some(Self { serial, exec, body: Body::Event(ExecEvent::Stream { stderr: kind == b'2', text }) })
    }

    /// Out of the bytes after the head, whose checksum was right.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (serial, exec, kind) = Self::peek(body)?;
        let rest = body.get(18..)?;
        let text = || String::from_utf8(rest.to_vec()).ok();
        let body = match kind {
            b'1' => Body::Event(ExecEvent::Stream { stderr: false, text: text()? }),
            b'2' => Body::Event(ExecEvent::Stream { stderr: true, text: text()? }),
            b'e' => Body::Event(serde_json::from_slice(rest).ok()?),
            b'b' => Body::Begin(serde_json::from_slice(rest).ok()?),
            b's' => Body::Session(serde_json::from_slice(rest).ok()?),
            b'f' => Body::Settled(serde_json::from_slice(rest).ok()?),
            _ => return None,
        };
        Some(Self { serial, exec, body })
    }

    /// Serial, execution and kind, without reading the rest.
    pub fn peek(body: &[u8]) -> Option<(u64, u64, u8)> {
        let number = |at: usize| Some(u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?));
        (body.first() == Some(&b'r')).then_some(())?;
        Some((number(1)?, number(9)?, *body.get(17)?))
    }
}

mod erased {
    /// Anything that can be written as JSON; what cannot be is left out, and reading it fails by itself.
    pub trait Json {
        fn write(&self, to: &mut Vec<u8>);
    }
    impl<T: serde::Serialize> Json for T {
        fn write(&self, to: &mut Vec<u8>) {
            let _ = serde_json::to_writer(to, self);
        }
    }
}

/// Reads one frame; none at the end. Memory grows only with what really comes.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Frame>> {
    let mut first = [0u8; HEAD];
    match from.read_exact(&mut first).await {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(torn().because(&e)),
    }
    let (length, sum) = length_of(first)?;
    let mut body = Vec::with_capacity(length.min(1 << 16));
    let got = from.take(length as u64).read_to_end(&mut body).await.map_err(|e| torn().because(&e))?;
    if got == length { frame(body, sum).map(Some) } else { Ok(None) }
}

/// The same on a thread of its own.
pub fn read_here(from: &mut impl Read) -> Result<Option<Frame>> {
    let mut first = [0u8; HEAD];
    match from.read_exact(&mut first) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(torn().because(&e)),
    }
    let (length, sum) = length_of(first)?;
    let mut body = Vec::with_capacity(length.min(1 << 16));
    let got = from.take(length as u64).read_to_end(&mut body).map_err(|e| torn().because(&e))?;
    if got == length { frame(body, sum).map(Some) } else { Ok(None) }
}

fn torn() -> Error {
    Error::remote("The connection to the kernels' owner broke off")
}

fn length_of(first: [u8; HEAD]) -> Result<(usize, u32)> {
    head(&first).ok_or_else(|| torn().because_of("a frame that is too long"))
}

fn frame(mut body: Vec<u8>, sum: u32) -> Result<Frame> {
    if checksum(&body) != sum {
        return Err(torn().because_of("a frame with a wrong checksum"));
    }
    if body.first() == Some(&b'm') {
        body.remove(0);
        return Ok(Frame::Message(body));
    }
    match Record::of(body) {
        Some(record) => Ok(Frame::Record(record)),
        None => Err(torn().because_of("a record of an unknown kind")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let bodies = [
            Body::Event(ExecEvent::Stream { stderr: true, text: "caf\u{e9}\n\u{0}".into() }),
            Body::Event(ExecEvent::Clear { wait: true }),
            Body::Session(SessionNews { event: SessionEvent::State(SessionState::Idle), pid: Some(7) }),
            Body::Settled(vec![ExecId(u64::from(u32::MAX) << 20)]),
            Body::Begin(Begin {
                tag: Some(CellTag { id: Some("a".into()), index: 3 }),
                code: "1".into(),
                options: ExecOptions::default(),
                life: 2,
                at: Timestamp::UNIX_EPOCH,
            }),
        ];
        for (n, body) in bodies.into_iter().enumerate() {
            let record = Record { serial: n as u64 + 1, exec: 9, body };
            let frame = record.encode();
            let (length, sum) = head(&frame).unwrap();
            assert_eq!(length, frame.len() - HEAD);
            assert_eq!(sum, checksum(&frame[HEAD..]));
            assert_eq!(Record::decode(&frame[HEAD..]).unwrap(), record);
            let Ok(Some(Frame::Record(read))) = read_here(&mut frame.as_slice()) else { panic!("{record:?}") };
            assert_eq!(read, record);
        }
    }

    #[tokio::test]
    async fn a_frame_that_lies_about_itself_is_refused_without_its_memory() {
        let mut frame = message(&Say::Interrupt).unwrap();
        assert!(matches!(read(&mut frame.as_slice()).await, Ok(Some(Frame::Message(_)))));
        assert!(matches!(read_here(&mut frame.as_slice()), Ok(Some(Frame::Message(_)))));
        assert!(matches!(read_here(&mut &frame[..frame.len() - 1]), Ok(None)));
        let last = frame.len() - 1;
        frame[last] ^= 1;
        assert!(read(&mut frame.as_slice()).await.unwrap_err().to_string().contains("checksum"));
        let mut huge = (1u32 << 30).to_le_bytes().to_vec();
        huge.extend([0; 100]);
        assert!(read(&mut huge.as_slice()).await.unwrap().is_none(), "it ends before its length");
        huge[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&mut huge.as_slice()).await.unwrap_err().to_string().contains("too long"));
    }
}
