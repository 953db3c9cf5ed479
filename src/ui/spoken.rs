//! What the window says: the controls a screen reader would be told of, as a file that follows the window.
//!
//! It is the same tree that is given to assistive technology, so a script that reads it knows what is on the screen, and
//! where: nothing is said here that is not shown.
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use egui::{
    Context, FullOutput,
    accesskit::{Node, NodeId, Role, Toggled, TreeUpdate},
    plugin::Plugin,
};
use serde::Serialize;

use crate::base::{Result, fsx};

/// Something on the screen that has a role and says something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The role in the words of AccessKit: `Button`, `Label`, `ListItem`.
    pub role: String,
    pub name: String,
    /// Text in a field; else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Left, top, width, height in points.
    pub rect: [f32; 4],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub selected: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub focused: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// What the window says in one frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Said {
    pub schema: &'static str,
    /// From top to bottom as drawn, what is behind first.
    pub controls: Vec<Control>,
}

/// Reads the tree of a frame.
pub fn said(update: &TreeUpdate) -> Said {
    let nodes: BTreeMap<NodeId, &Node> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
    let mut controls = Vec::new();
    let mut todo: Vec<NodeId> = update.tree.iter().map(|t| t.root).collect();
    while let Some(id) = todo.pop() {
        let Some(node) = nodes.get(&id) else { continue };
        // Lines of a field repeat what the field says.
        if node.role() == Role::TextRun {
            continue;
        }
        controls.extend(control(node, id == update.focus));
        todo.extend(node.children().iter().rev());
    }
    Said { schema: "andon.window/1", controls }
}

fn control(node: &Node, focused: bool) -> Option<Control> {
    let (label, value) = (node.label().map(str::to_owned), node.value().map(str::to_owned));
    let (name, value) = match (label, value) {
        (None, Some(value)) if node.role() == Role::Label => (value, None),
        (label, value) => (label.unwrap_or_default(), value),
    };
    if name.is_empty() && value.as_ref().is_none_or(String::is_empty) {
        return None;
    }
    let b = node.bounds()?;
    Some(Control {
        role: format!("{:?}", node.role()),
        name,
        value,
        rect: [b.x0 as f32, b.y0 as f32, (b.x1 - b.x0) as f32, (b.y1 - b.y0) as f32],
        selected: node.toggled() == Some(Toggled::True),
        focused,
        disabled: node.is_disabled(),
    })
}

/// The newest text to be written, and whether there is one.
type Slot = Arc<(Mutex<Option<String>>, Condvar)>;

/// Writes what the window says to a file whenever it changes.
#[derive(Debug)]
struct Teller {
    last: Said,
    slot: Slot,
}

impl Plugin for Teller {
    fn debug_name(&self) -> &'static str {
        "what the window says"
    }
    fn setup(&mut self, ctx: &Context) {
        ctx.enable_accesskit();
    }
    fn output_hook(&mut self, ctx: &Context, output: &mut FullOutput) {
        // A screen reader that goes away switches the tree off for everybody.
        ctx.enable_accesskit();
        let Some(update) = &output.platform_output.accesskit_update else { return };
        let said = said(update);
        if said == self.last {
            return;
        }
        let text = serde_json::to_string_pretty(&said).unwrap_or_default();
        self.last = said;
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        self.slot.1.notify_one();
    }
}

/// Keeps `file` in step with the window from now on. A file that cannot be written is an error at once.
pub fn tell(ctx: &Context, file: &Path) -> Result<()> {
    fsx::write_atomic(file, b"{}\n")?;
    let slot: Slot = Arc::default();
    let (theirs, file) = (slot.clone(), file.to_path_buf());
    let _ = std::thread::Builder::new().name("andon-describe".to_owned()).spawn(move || write(&theirs, &file));
    ctx.add_plugin(Teller { last: Said::default(), slot });
    Ok(())
}

fn write(slot: &Slot, file: &Path) {
    let mut waiting = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(text) = waiting.take() {
            drop(waiting);
            if let Err(e) = fsx::write_atomic(file, text.as_bytes()) {
                tracing::warn!("{e}");
            }
            waiting = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        } else {
            waiting = slot.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_said_with_its_place_and_state() {
        let ctx = Context::default();
        ctx.enable_accesskit();
        let mut text = "SELECT 1".to_owned();
        let mut on = true;
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            ui.label("Seven points");
            ui.add_enabled(false, egui::Button::new("Rerun"));
            ui.checkbox(&mut on, "Viewed");
            ui.text_edit_singleline(&mut text);
        });
        // No texture is drawn here.
        output.textures_delta.clear();
        let said = said(output.platform_output.accesskit_update.as_ref().unwrap());
        let find = |name: &str| said.controls.iter().find(|c| c.name == name).unwrap();
        assert_eq!(find("Seven points").role, "Label");
        assert!(find("Rerun").disabled && find("Rerun").rect[2] > 10.0);
        assert!(find("Viewed").selected);
        assert!(said.controls.iter().any(|c| c.value.as_deref() == Some("SELECT 1")));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(tell(&Context::default(), &dir.path().join("no/such/folder.json")).is_err());
    }
}
