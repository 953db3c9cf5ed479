//! Kernel messages as a websocket carries them: the binary protocol v1, and the JSON of servers that do not know it.
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::engine::kernel::wire::{Channel, Message};

/// The subprotocol that is asked for.
pub(super) const V1: &str = "v1.kernel.websocket.jupyter.org";

/// Most parts of a message that are believed: channel, four of JSON, and buffers.
const MOST_PARTS: usize = 4096;

/// How a connection carries messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V1,
    Json,
}

/// One message to the kernel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outgoing {
    pub channel: &'static str,
    pub header: Value,
    pub parent: Value,
    pub content: Value,
}

/// The frame of a message.
pub(super) fn encode(protocol: Protocol, message: &Outgoing) -> Frame {
    let Outgoing { channel, header, parent, content } = message;
    if protocol == Protocol::Json {
        let all = json!({
            "channel": channel, "header": header, "parent_header": parent, "metadata": {}, "content": content,
            "buffers": [],
        });
        return Frame::text(all.to_string());
    }
    let parts = [
        (*channel).to_owned().into_bytes(),
        header.to_string().into_bytes(),
        parent.to_string().into_bytes(),
        b"{}".to_vec(),
        content.to_string().into_bytes(),
    ];
    // The number of offsets, where each part begins, and where the last one ends.
    let count = parts.len() + 1;
    let mut at = 8 * (count + 1);
    let mut bytes = (count as u64).to_le_bytes().to_vec();
    for part in &parts {
        bytes.extend((at as u64).to_le_bytes());
        at += part.len();
    }
    bytes.extend((at as u64).to_le_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Frame::binary(bytes)
}

/// The message in a frame; an error for what is none. Pings and closings are for others.
pub(super) fn decode(protocol: Protocol, frame: &Frame) -> Result<Option<Message>, String> {
    match (protocol, frame) {
        (Protocol::V1, Frame::Binary(bytes)) => v1(bytes).map(Some),
        (Protocol::Json, Frame::Text(text)) => from_json(text.as_bytes()).map(Some),
        // With buffers the old protocol is binary, too: its parts are JSON and then the buffers.
        (Protocol::Json, Frame::Binary(bytes)) => from_json(old_json(bytes)?).map(Some),
        (Protocol::V1, Frame::Text(_)) => Err("text where the protocol is binary".into()),
        _ => Ok(None),
    }
}

fn v1(bytes: &[u8]) -> Result<Message, String> {
    let number = |at: usize| {
        let raw = bytes.get(at * 8..at * 8 + 8)?;
        usize::try_from(u64::from_le_bytes(raw.try_into().ok()?)).ok()
    };
    let count = number(0).filter(|n| (6..=MOST_PARTS).contains(n)).ok_or("its table of parts is not readable")?;
    let part = |index: usize| {
        let (from, to) = (number(index + 1)?, number(index + 2)?);
        (index + 1 < count).then_some(())?;
        bytes.get(from..to)
    };
    let value = |index: usize| part(index).and_then(|p| serde_json::from_slice::<Value>(p).ok());
    let channel = part(0).and_then(|p| std::str::from_utf8(p).ok()).ok_or("it names no channel")?;
    let header = value(1).ok_or("its header is not readable")?;
    let content = value(4).ok_or("its content is not readable")?;
    let mut message = message(channel, header, value(2).as_ref(), content)?;
    message.buffers = (5..count - 1).filter_map(part).map(<[u8]>::to_vec).collect();
    Ok(message)
}

fn old_json(bytes: &[u8]) -> Result<&[u8], String> {
    let number = |at: usize| {
        let raw = bytes.get(at * 4..at * 4 + 4)?;
        Some(u32::from_be_bytes(raw.try_into().ok()?) as usize)
    };
    let count = number(0).filter(|n| (1..=MOST_PARTS).contains(n)).ok_or("its table of parts is not readable")?;
    let from = number(1).ok_or("its table of parts is cut off")?;
    let to = if count > 1 { number(2).ok_or("its table of parts is cut off")? } else { bytes.len() };
    bytes.get(from..to).ok_or_else(|| "its parts lie beyond its end".to_owned())
}

fn from_json(bytes: &[u8]) -> Result<Message, String> {
    let mut all: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let mut take = |field: &str| all.get_mut(field).map(Value::take).unwrap_or_default();
    let (header, parent, content) = (take("header"), take("parent_header"), take("content"));
    let channel = all.get("channel").and_then(Value::as_str).unwrap_or_default();
    message(channel, header, Some(&parent), content)
}

fn message(channel: &str, header: Value, parent: Option<&Value>, content: Value) -> Result<Message, String> {
    let channel = match channel {
        "iopub" => Channel::IoPub,
        "shell" => Channel::Shell,
        "control" => Channel::Control,
        "stdin" => Channel::Stdin,
        other => return Err(format!("it is of an unknown channel, {other:?}")),
    };
    Message::of(channel, header, parent, content).ok_or_else(|| "its header has no type".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> Outgoing {
        Outgoing {
            channel: "stdin",
            header: json!({"msg_id": "a_1", "msg_type": "input_reply"}),
            parent: json!({"msg_id": "b_2"}),
            content: json!({"value": "caf\u{e9}"}),
        }
    }

    #[test]
    fn both_protocols_carry_a_message_whole() {
        for protocol in [Protocol::V1, Protocol::Json] {
            let frame = encode(protocol, &outgoing());
            assert_eq!(frame.is_binary(), protocol == Protocol::V1);
            let back = decode(protocol, &frame).unwrap().unwrap();
            assert_eq!(back.channel, Channel::Stdin);
            assert_eq!((back.kind.as_str(), back.parent.as_deref()), ("input_reply", Some("b_2")));
            assert_eq!(back.content, outgoing().content);
        }
    }

    #[test]
    fn the_old_protocol_with_buffers_is_read() {
        let text =
            json!({"channel": "iopub", "header": {"msg_type": "comm_msg", "msg_id": "x"}, "content": {}}).to_string();
        let mut bytes = Vec::new();
        let at = 12u32;
        for n in [2u32, at, at + text.len() as u32] {
            bytes.extend(n.to_be_bytes());
        }
        bytes.extend(text.as_bytes());
        bytes.extend([1, 2, 3]);
        let message = decode(Protocol::Json, &Frame::binary(bytes)).unwrap().unwrap();
        assert_eq!((message.kind.as_str(), message.channel), ("comm_msg", Channel::IoPub));
    }

    #[test]
    fn hostile_frames_are_refused_without_harm() {
        let good = match encode(Protocol::V1, &outgoing()) {
            Frame::Binary(bytes) => bytes.to_vec(),
            _ => unreachable!(),
        };
        for cut in 0..good.len() {
            let _ = decode(Protocol::V1, &Frame::binary(good[..cut].to_vec()));
            let _ = decode(Protocol::Json, &Frame::binary(good[..cut].to_vec()));
        }
        for at in 0..good.len().min(72) {
            let mut bad = good.clone();
            bad[at] = 0xff;
            let _ = decode(Protocol::V1, &Frame::binary(bad));
        }
        let many = [u64::MAX.to_le_bytes(), 8u64.to_le_bytes()].concat();
        assert!(decode(Protocol::V1, &Frame::binary(many)).is_err());
        assert!(decode(Protocol::V1, &Frame::text("{}")).is_err());
        assert!(decode(Protocol::Json, &Frame::text("{\"channel\": \"mars\"}")).is_err());
        assert!(decode(Protocol::Json, &Frame::text("[]")).is_err());
        assert!(decode(Protocol::V1, &Frame::Ping(Vec::new().into())).unwrap().is_none());
    }
}
