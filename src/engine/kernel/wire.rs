//! The five sockets of a kernel and its messages.
//!
//! Messages are kept as JSON values in the kernel's own order: the typed structs of the protocol crate pass MIME
//! bundles through a hash map and refuse a whole message over one odd field.
use std::{fs, path::Path, time::Duration};

use jupyter_protocol::{ConnectionInfo, Header, JupyterMessage, JupyterMessageContent, connection_info::Transport};
use jupyter_zmq_client as zmq;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use zeromq::SocketRecv;

use crate::base::{Error, Result, error::Context, ids};

/// The channels that speak to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    IoPub,
    Shell,
    Control,
    Stdin,
    /// No message, but why one was refused; `kind` says it.
    Refused,
}

/// One message from the kernel.
#[derive(Debug)]
pub(super) struct Message {
    pub channel: Channel,
    pub kind: String,
    /// Id of the request it belongs to.
    pub parent: Option<String>,
    pub content: Value,
    /// Bytes behind the content.
    pub buffers: Vec<Vec<u8>>,
    header: Value,
}

impl Message {
    fn parse(channel: Channel, raw: &zmq::RawMessage) -> Option<Self> {
        let part = |i: usize| raw.jparts.get(i).and_then(|p| serde_json::from_slice::<Value>(p).ok());
        let message = Self::of(channel, part(0)?, part(1).as_ref(), part(3).unwrap_or(Value::Null))?;
        Some(Self { buffers: raw.jparts.iter().skip(4).map(|b| b.to_vec()).collect(), ..message })
    }
    /// Of its parts, wherever they came from; none without a type.
    pub fn of(channel: Channel, header: Value, parent: Option<&Value>, content: Value) -> Option<Self> {
        let kind = header.get("msg_type")?.as_str()?.to_owned();
        let parent = parent.and_then(|p| p.get("msg_id")?.as_str().map(str::to_owned));
        Some(Self { channel, kind, parent, content, buffers: Vec::new(), header })
    }
    /// Its header as the kernel wrote it: the parent of an answer.
    pub fn header(&self) -> &Value {
        &self.header
    }
    fn refused(why: String) -> Self {
        Self {
            channel: Channel::Refused,
            kind: why,
            parent: None,
            content: Value::Null,
            buffers: Vec::new(),
            header: Value::Null,
        }
    }
    /// A string field of the content.
    pub fn text(&self, field: &str) -> String {
        self.content.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Where a kernel is to be reached; the folder is private and goes with it.
pub(super) struct Address {
    pub info: ConnectionInfo,
    pub dir: tempfile::TempDir,
    /// TCP ports are held until the kernel has been spawned.
    pub held: Vec<tokio::net::TcpListener>,
}

impl Address {
    /// Sockets in a private folder; TCP on the loopback where a path would be too long for a socket or `tcp` asks.
    pub async fn new(kernel_name: &str, tcp: bool) -> Result<Self> {
        let dir = private_dir()?;
        let prefix = dir.path().join("s").to_string_lossy().into_owned();
        // sockaddr_un holds 108 bytes; other systems have 104.
        let ipc = cfg!(unix) && !tcp && prefix.len() + 4 < 100;
        let (ip, ports, held) = if ipc {
            (prefix, vec![1, 2, 3, 4, 5], Vec::new())
        } else {
            let local = std::net::IpAddr::from([127, 0, 0, 1]);
            let (ports, held) = zmq::peek_ports_with_listeners(local, 5)
                .await
                .io(|| "Could not find free ports for the kernel".to_owned())?;
            ("127.0.0.1".to_owned(), ports, held)
        };
        let port = |i: usize| ports.get(i).copied().unwrap_or_default();
        let info = ConnectionInfo {
            ip,
            transport: if ipc { Transport::IPC } else { Transport::TCP },
            shell_port: port(0),
            iopub_port: port(1),
            stdin_port: port(2),
            control_port: port(3),
            hb_port: port(4),
            key: ids::random(40),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: Some(kernel_name.to_owned()),
        };
        let address = Self { info, dir, held };
        address.write()?;
        Ok(address)
    }

    /// Path of the connection file.
    pub fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("kernel.json")
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.info).map_err(|e| Error::bug("Connection file").because(&e))?;
        let what = || "Could not write the kernel's connection file".to_owned();
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(self.file()).io(what)?;
        std::io::Write::write_all(&mut file, &text).io(what)
    }
}

/// A folder only this person can enter, with a short path: the runtime folder, else the system's temporary one.
fn private_dir() -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("andon-k-");
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from).filter(|d| d.is_dir());
    let mut candidates = runtime.iter().map(std::path::PathBuf::as_path).chain([Path::new("/tmp")]);
    let short = candidates.find_map(|d| builder.tempdir_in(d).ok());
    let dir = match short {
        Some(dir) => dir,
        None => builder.tempdir().io(|| "Could not make a private folder for the kernel".to_owned())?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700));
    }
    Ok(dir)
}

/// Open sockets: writers here, readers as tasks that feed `messages`.
pub(super) struct Wire {
    shell: zmq::DealerSendConnection,
    control: zmq::DealerSendConnection,
    stdin: zmq::DealerSendConnection,
    pub messages: mpsc::Receiver<Message>,
    readers: Vec<JoinHandle<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

impl Wire {
    /// Connects everything, iopub first so that no output is missed. Waits until the kernel has bound its sockets.
    pub async fn connect(info: &ConnectionInfo) -> zmq::Result<Self> {
        let session = uuid::Uuid::new_v4().to_string();
        let identity = zmq::peer_identity_for_session(&session)?;
        let iopub = zmq::create_client_iopub_connection(info, "", &session).await?;
        let shell = zmq::create_client_shell_connection_with_identity(info, &session, identity.clone()).await?;
        let stdin = zmq::create_client_stdin_connection_with_identity(info, &session, identity).await?;
        let control = zmq::create_client_control_connection(info, &session).await?;
        let (shell, shell_in) = shell.split();
        let (stdin, stdin_in) = stdin.split();
        let (control, control_in) = control.split();
        let (tx, messages) = mpsc::channel(2048);
        let readers = vec![
            tokio::spawn(read(iopub, Channel::IoPub, tx.clone())),
            tokio::spawn(read(shell_in, Channel::Shell, tx.clone())),
            tokio::spawn(read(stdin_in, Channel::Stdin, tx.clone())),
            tokio::spawn(read(control_in, Channel::Control, tx)),
        ];
        Ok(Self { shell, control, stdin, messages, readers })
    }

    /// Sends a request on shell and returns its id.
    pub async fn request(&mut self, content: impl Into<JupyterMessageContent>) -> Result<String> {
        let message = JupyterMessage::new(content, None);
        let id = message.header.msg_id.clone();
        send(&mut self.shell, message).await?;
        Ok(id)
    }

    /// Sends a request on control and returns its id.
    pub async fn control(&mut self, content: impl Into<JupyterMessageContent>) -> Result<String> {
        let message = JupyterMessage::new(content, None);
        let id = message.header.msg_id.clone();
        send(&mut self.control, message).await?;
        Ok(id)
    }

    /// Answers an `input_request`.
    pub async fn answer(&mut self, request: &Message, value: String) -> Result<()> {
        let reply = jupyter_protocol::InputReply { value, ..Default::default() };
        let mut message = JupyterMessage::new(reply, None);
        message.parent_header = serde_json::from_value::<Header>(request.header.clone()).ok();
        send(&mut self.stdin, message).await
    }
}

async fn send(socket: &mut zmq::DealerSendConnection, message: JupyterMessage) -> Result<()> {
    match timeout(Duration::from_secs(5), socket.send(message)).await {
        Ok(sent) => sent.remote(|| "Could not send to the kernel".to_owned()),
        Err(_) => Err(Error::remote("The kernel does not take messages").hint("Restart the kernel")),
    }
}

/// Reads one socket until the session ends; a message that is false or cannot be read is told of and passed over.
async fn read<S: SocketRecv>(mut from: zmq::Connection<S>, channel: Channel, to: mpsc::Sender<Message>) {
    let mut failures = 0u32;
    loop {
        match from.socket.recv().await {
            Ok(parts) => {
                failures = 0;
                let message = match zmq::RawMessage::from_multipart(parts, &from.mac) {
                    Ok(raw) => Message::parse(channel, &raw).unwrap_or_else(|| {
                        Message::refused(format!("on {channel:?}: it is no message of the protocol"))
                    }),
                    Err(zmq::RuntimeError::VerifyError(_) | zmq::RuntimeError::DecodeError(_)) => Message::refused(
                        format!("on {channel:?}: its signature is wrong, so it may come from elsewhere"),
                    ),
                    Err(e) => Message::refused(format!("on {channel:?}: {e}")),
                };
                if to.send(message).await.is_err() {
                    return;
                }
            }
            Err(e) => {
                failures += 1;
                tracing::debug!("kernel socket {channel:?}: {e}");
                if failures > 20 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
