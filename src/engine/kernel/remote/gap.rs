//! Marks in the output of a cell where a server left something out.
use crate::{
    engine::kernel::wire::{Channel, Message},
    model::{kernel::ExecEvent, output::Gap},
};

/// A mark as an output.
pub(super) fn mark(gap: &Gap) -> ExecEvent {
    ExecEvent::Display { bundle: gap.bundle(), display_id: None }
}

/// The mark that stands for the server's own note about output it dropped; none for any other message.
pub(super) fn instead_of(message: &Message) -> Option<Gap> {
    let stderr = message.channel == Channel::IoPub && message.kind == "stream" && message.text("name") == "stderr";
    if stderr { limit_of(&message.text("text")) } else { None }
}

/// What the server says in the place of the output it dropped, in shorter words.
fn limit_of(text: &str) -> Option<Gap> {
    let (unit, option) = if text.starts_with("IOPub data rate exceeded") {
        ("bytes", "iopub_data_rate_limit")
    } else if text.starts_with("IOPub message rate exceeded") {
        ("messages", "iopub_msg_rate_limit")
    } else {
        return None;
    };
    let value = |name: &str| {
        let line = text.lines().find(|l| l.contains(name) && l.contains('='))?;
        let number = line.rsplit_once('=')?.1.trim();
        number.split('(').next()?.trim().trim_end_matches(".0").parse::<u64>().ok()
    };
    let limit = value(option).map(|n| format!(" of {} {unit} per second", crate::base::text::thousands(n)));
    Some(Gap {
        what: format!("Its limit{} was exceeded", limit.unwrap_or_default()),
        hint: format!("Print less, or start the server with a higher --ServerApp.{option}"),
        dropped: true,
        ..Gap::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_note_on_its_limit_becomes_a_mark() {
        let note = "IOPub data rate exceeded.\nThe Jupyter server will temporarily stop sending output\n\
            to the client in order to avoid crashing it.\nTo change this limit, set the config variable\n\
            `--ServerApp.iopub_data_rate_limit`.\n\nCurrent values:\n\
            ServerApp.iopub_data_rate_limit=1000000.0 (bytes/sec)\nServerApp.rate_limit_window=3.0 (secs)\n\n";
        let gap = limit_of(note).unwrap();
        assert_eq!(gap.title(), "The server dropped output here");
        assert_eq!(gap.what, "Its limit of 1,000,000 bytes per second was exceeded");
        assert!(gap.hint.contains("--ServerApp.iopub_data_rate_limit"));
        assert!(limit_of("IOPub is a channel").is_none());
        let ExecEvent::Display { bundle, .. } = mark(&gap) else { panic!() };
        let plain = bundle.data["text/plain"].as_str().unwrap();
        assert!(plain.starts_with("[The server dropped output here. Its limit"), "{plain}");
    }
}
