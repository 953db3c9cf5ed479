//! One websocket to a kernel's channels: a reader that hands messages on, and a writer.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use reqwest::Upgraded;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as Frame,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    frames::{Outgoing, Protocol, decode, encode},
    rest::Client,
};
use crate::{
    base::{Error, Result},
    engine::kernel::wire::Message,
};

/// A connection on which nothing was heard for so long is taken for broken; the server answers our pings.
const SILENCE: Duration = Duration::from_secs(40);
/// How often we ping.
pub(super) const PING: Duration = Duration::from_secs(12);
/// How long a message may take to be sent.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// Largest message that is taken: pictures and tables come whole.
const MOST_BYTES: usize = 512 * 1024 * 1024;

type Stream = WebSocketStream<Upgraded>;

/// An open connection.
pub(super) struct Link {
    send: SplitSink<Stream, Frame>,
    pub messages: mpsc::Receiver<Message>,
    pub protocol: Protocol,
    session: String,
    heard: Arc<Mutex<Instant>>,
    /// Why the reader ended.
    ended: Arc<Mutex<Option<String>>>,
    reader: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Link {
    /// Connects. The same `session` again gets what the server kept for it meanwhile.
    pub async fn open(client: &Client, kernel: &str, session: &str) -> Result<Self> {
        let (upgraded, protocol) = client.channels(kernel, session).await?;
        let config = WebSocketConfig::default().max_message_size(Some(MOST_BYTES)).max_frame_size(Some(MOST_BYTES));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        let (send, receive) = stream.split();
        let heard = Arc::new(Mutex::new(Instant::now()));
        let ended = Arc::new(Mutex::new(None));
        let (tx, messages) = mpsc::channel(2048);
        let reader = tokio::spawn(read(receive, protocol, tx, heard.clone(), ended.clone()));
        Ok(Self { send, messages, protocol, session: session.to_owned(), heard, ended, reader })
    }

    /// Sends a request and returns its id.
    pub async fn request(&mut self, channel: &'static str, kind: &str, content: Value) -> Result<String> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.message(channel, kind, &id, json!({}), content).await?;
        Ok(id)
    }

    /// Answers an `input_request` on the channel it came by.
    pub async fn answer(&mut self, request: &Message, value: &str) -> Result<()> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let content = json!({"value": value, "status": "ok"});
        self.message("stdin", "input_reply", &id, request.header().clone(), content).await
    }

    async fn message(
        &mut self,
        channel: &'static str,
        kind: &str,
        id: &str,
        parent: Value,
        content: Value,
    ) -> Result<()> {
        let header = json!({
            "msg_id": id, "session": self.session, "username": "andon", "msg_type": kind, "version": "5.3",
            "date": jiff::Timestamp::now().to_string(),
        });
        let frame = encode(self.protocol, &Outgoing { channel, header, parent, content });
        self.send_frame(frame).await
    }

    /// Asks for a sign of life; the answer counts as heard.
    pub async fn ping(&mut self) -> Result<()> {
        self.send_frame(Frame::Ping(Vec::new().into())).await
    }

    async fn send_frame(&mut self, frame: Frame) -> Result<()> {
        let lost = |why: String| Error::remote("Could not send to the Jupyter server").because_of(why);
        match timeout(SEND_PATIENCE, self.send.send(frame)).await {
            Ok(sent) => sent.map_err(|e| lost(e.to_string())),
            Err(_) => Err(lost(format!("it takes nothing since {} s", SEND_PATIENCE.as_secs()))),
        }
    }

    /// Nothing came for so long that the connection must be broken, though nobody said so.
    pub fn is_silent(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > SILENCE
    }

    /// Why it ended, in words.
    pub fn why_ended(&self) -> String {
        let why = self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        why.unwrap_or_else(|| "the connection broke off".to_owned())
    }

    /// Says goodbye, so that the server need not find out by itself.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_secs(1), self.send.close()).await;
    }
}

/// Reads until the connection ends; a message that cannot be read is logged and passed over.
async fn read(
    mut from: SplitStream<Stream>,
    protocol: Protocol,
    to: mpsc::Sender<Message>,
    heard: Arc<Mutex<Instant>>,
    ended: Arc<Mutex<Option<String>>>,
) {
    let end = |why: String| *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    loop {
        let frame = match from.next().await {
            Some(Ok(Frame::Close(frame))) => {
                let why = frame.map(|f| f.reason.to_string()).filter(|r| !r.is_empty());
                return end(why.unwrap_or_else(|| "the server closed the connection".to_owned()));
            }
            Some(Ok(frame)) => frame,
            Some(Err(e)) => return end(e.to_string()),
            None => return end("the connection broke off".to_owned()),
        };
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        match decode(protocol, &frame) {
            Ok(Some(message)) => {
                if to.send(message).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(why) => tracing::warn!("a message of the Jupyter server was passed over: {why}"),
        }
    }
}
