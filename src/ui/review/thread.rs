//! A thread below its line, output or cell: what was said, the field for an answer, a comment being written.
use std::{collections::HashMap, sync::Arc};

use egui::{
    Align, Align2, Frame, Key, Layout, Margin, Modifiers, Rect, RichText, Sense, Stroke, TextEdit, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};

use crate::{
    app::review::{
        Command,
        threads::{self, Talk},
    },
    base::{
        text::{count, shorten},
        time,
    },
    model::{
        board::initials,
        diff::FileShape,
        review::{About, At, Comment, Draft, Fit, Spot, Thread},
        textdiff::{RowKind, Stretch, TextDiff},
    },
    ui::{
        PageCx,
        theme::{CONTROL, SMALL, Theme, icon},
        widgets::{
            Btn, Row,
            output::{Prose, prose_ui},
            tag,
        },
    },
};

/// Space at the left of what is said, for the round mark.
const INDENT: f32 = 28.0;
/// Height of a line of a suggestion.
const LINE: f32 = 18.0;

/// What only the drawing of threads needs to remember.
#[derive(Default)]
pub(super) struct Voices {
    prose: Prose,
    /// Links that were clicked.
    pub(super) links: Vec<String>,
    /// Suggestions against what they would change.
    diffs: HashMap<String, Arc<TextDiff>>,
    /// The draft that was last given the focus, and which time.
    focused: Option<(String, u64)>,
}

/// The height something is likely to have before it was ever drawn.
pub(super) fn estimate(talk: &Talk, id: &str, width: f32) -> f32 {
    let cols = ((width - INDENT - 40.0) / 6.6).max(20.0) as usize;
    let lines = |text: &str| text.lines().map(|l| l.chars().count() / cols + 1).sum::<usize>().max(1) as f32;
    let editor = |d: &Draft| {
        let source = d.suggestion.as_ref().map_or(0.0, |s| s.lines().count().max(2) as f32 * LINE + 40.0);
        98.0 + lines(&d.text).max(2.0) * 16.0 + source
    };
    let Some(thread) = talk.thread(id) else { return talk.drafts.get(id).map_or(60.0, editor) };
    let answer = talk.answer(id).map(editor);
    if is_folded(talk, thread) {
        return 36.0;
    }
    let said = |c: &Comment| {
        let diff = c.suggestion.as_ref().map_or(0.0, |s| (s.lines().count() + 4) as f32 * LINE + 40.0);
        30.0 + if c.text.is_empty() { 0.0 } else { lines(&c.text) * 18.0 } + diff
    };
    20.0 + thread.comments.iter().map(said).sum::<f32>() + answer.unwrap_or(36.0)
}

/// A resolved thread is one row until somebody opens it.
pub(super) fn is_folded(talk: &Talk, thread: &Thread) -> bool {
    thread.resolved && !talk.unfolded.contains(&thread.id) && talk.answer(&thread.id).is_none()
}

/// What draws a thread or draft.
pub(super) struct Desk<'a, 'b> {
    pub cx: &'a PageCx<'b>,
    pub send: &'a mut Vec<Command>,
    pub voices: &'a mut Voices,
    /// Outside any cell: what it was about is told.
    pub loose: bool,
}

impl Desk<'_, '_> {
    fn say(&mut self, command: threads::Command) {
        self.send.push(Command::Talk(command));
    }
    fn talk(&self) -> &Talk {
        &self.cx.state.review.talk
    }

    /// Draws it at the top of `band`; gives the height it takes.
    pub fn show(&mut self, ui: &mut Ui, id: &str, band: Rect) -> f32 {
        let theme = self.cx.theme;
        let talk = &self.cx.state.review.talk;
        let (thread, draft) = (talk.thread(id).cloned(), talk.drafts.get(id));
        let front = talk.front.as_deref() == Some(id);
        let fill = Rect::from_min_max(band.min + vec2(1.0, 0.0), band.max - vec2(1.0, 0.0));
        let painter = ui.painter();
        painter.rect_filled(fill, 0.0, theme.panel);
        let resolved = thread.as_ref().is_some_and(|t| t.resolved);
        let bar = Rect::from_min_size(fill.min, vec2(2.0, fill.height()));
        painter.rect_filled(bar, 0.0, if resolved { theme.border } else { theme.accent });
        if front {
            painter.rect_stroke(fill, 0.0, Stroke::new(1.0, theme.focus), egui::StrokeKind::Inside);
        }
        painter.hline(fill.x_range(), fill.top() + 0.5, theme.hairline());
        let inner = Rect::from_min_max(band.min + vec2(18.0, 0.0), pos2(band.right() - 16.0, f32::INFINITY));
        let builder = UiBuilder::new().id_salt(("voice", id)).max_rect(inner).layout(Layout::top_down(Align::Min));
        let mut child = ui.new_child(builder);
        child.set_clip_rect(band.intersect(ui.clip_rect()));
        child.spacing_mut().item_spacing = vec2(8.0, 4.0);
        let ui = &mut child;
        match (&thread, draft) {
            (Some(thread), _) if is_folded(talk, thread) => self.folded(ui, thread),
            (Some(thread), _) => self.thread(ui, thread),
            (None, Some(draft)) => {
                ui.add_space(10.0);
                self.draft_head(ui, draft);
                self.editor(ui, draft);
                ui.add_space(10.0);
            }
            (None, None) => {}
        }
        (ui.min_rect().bottom() - band.top()).ceil()
    }

    fn folded(&mut self, ui: &mut Ui, thread: &Thread) {
        let theme = self.cx.theme;
        let first = thread.comments.first();
        let words = first.map_or("", |c| if c.text.is_empty() { "a suggestion" } else { c.text.as_str() });
        let by = first.map_or("", |c| c.by.as_str());
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_height(36.0);
            ui.label(theme.icon("circle-check", 14.0).color(theme.ok));
            ui.label(theme.muted("Resolved"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let more = count(thread.comments.len() as u64, "comment");
                if Btn::new("Reopen").quiet().show(ui, theme).clicked() {
                    self.say(threads::Command::Resolve { thread: thread.id.clone(), on: false });
                }
                if let Some((_, applied)) = self.talk().applied.clone().filter(|(id, _)| *id == thread.id) {
                    let button = Btn::new("Take out again").quiet().icon("undo-2").show(ui, theme);
                    if button.on_hover_text("Puts back what the suggestion replaced").clicked() {
                        self.say(threads::Command::TakeBack { thread: thread.id.clone(), applied });
                    }
                }
                let name = format!("Show the resolved thread, {more}");
                if Btn::new("Show").quiet().name(&name).show(ui, theme).clicked() {
                    self.say(threads::Command::Unfold(thread.id.clone()));
                }
                ui.label(theme.faint(more));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                    let line = format!("{by}: {}", shorten(&words, 160));
                    ui.add(egui::Label::new(theme.faint(line)).truncate());
                });
            });
        });
    }

    fn thread(&mut self, ui: &mut Ui, thread: &Arc<Thread>) {
        ui.add_space(10.0);
        if self.loose {
            self.about(ui, thread);
        }
        let last = thread.comments.len().saturating_sub(1);
        for (n, comment) in thread.comments.iter().enumerate() {
            if n > 0 {
                ui.add_space(6.0);
            }
            self.comment(ui, thread, comment, n == 0, n == last);
        }
        ui.add_space(2.0);
        match self.talk().answer(&thread.id).cloned() {
            Some(draft) => self.editor(ui, &draft),
            None => self.reply_field(ui, thread),
        }
        ui.add_space(10.0);
    }

    /// What a thread was about, where that is not above it.
    fn about(&self, ui: &mut Ui, thread: &Thread) {
        let theme = self.cx.theme;
        let text = thread.cell.is_text();
        let what = match (text, thread.line) {
            (true, Some(n)) => format!("About what was line {}:", n + 1),
            (true, None) => "About the file as a whole".to_owned(),
            (false, Some(n)) => format!("About line {} of what was cell {}:", n + 1, thread.cell.index + 1),
            (false, None) => format!("About what was cell {}:", thread.cell.index + 1),
        };
        ui.label(theme.small(what));
        let mut lines: Vec<&str> = thread.cell.source.lines().collect();
        if let (false, Some(n)) = (text, thread.line) {
            let from = n.saturating_sub(1).min(lines.len());
            lines = lines.split_off(from);
            lines.truncate(3);
        }
        lines.truncate(6);
        let quoted = lines.iter().map(|l| shorten(l, 160)).collect::<Vec<_>>().join("\n");
        if !quoted.is_empty() {
            let frame = Frame::NONE.fill(theme.bg).corner_radius(4).inner_margin(Margin::symmetric(8, 6));
            frame.show(ui, |ui| ui.add(egui::Label::new(theme.code(quoted)).wrap().selectable(true)));
        }
        ui.add_space(4.0);
    }

    fn comment(&mut self, ui: &mut Ui, thread: &Arc<Thread>, comment: &Comment, first: bool, last: bool) {
        let theme = self.cx.theme;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            avatar(ui, theme, &comment.by, 20.0);
            let width = ui.available_width() - if last { 112.0 } else { 0.0 };
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                ui.set_width(width);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(theme.label(comment.by.as_str()));
                    let mut note = time::when(comment.at, self.cx.now);
                    if first && !self.loose {
                        note.push_str(&place_words(self.talk(), thread));
                    }
                    ui.label(theme.faint(note)).on_hover_text(time::day_hhmm(comment.at));
                    if let Some(words) = outdated(self.talk(), thread, self.loose).filter(|_| first) {
                        tag(ui, theme, words);
                    }
                });
                if !comment.text.is_empty() {
                    let Voices { prose, links, .. } = &mut *self.voices;
                    links.extend(prose_ui(ui, theme, &comment.text, prose));
                }
            });
            if last {
                ui.with_layout(Layout::right_to_left(Align::Min), |ui| self.settle(ui, thread));
            }
        });
        if let Some(source) = &comment.suggestion {
            self.suggestion(ui, thread, comment, source);
        }
    }

    fn settle(&mut self, ui: &mut Ui, thread: &Thread) {
        let theme = self.cx.theme;
        let (label, glyph) = if thread.resolved { ("Reopen", "rotate-ccw") } else { ("Resolve", "check") };
        if Btn::new(label).icon(glyph).show(ui, theme).clicked() {
            self.say(threads::Command::Resolve { thread: thread.id.clone(), on: !thread.resolved });
        }
        let idle = thread.resolved && self.talk().answer(&thread.id).is_none();
        if idle && Btn::new("Hide").quiet().name("Fold the resolved thread").show(ui, theme).clicked() {
            self.say(threads::Command::Unfold(thread.id.clone()));
        }
    }

    /// A proposed source as a small comparison, with what puts it in.
    fn suggestion(&mut self, ui: &mut Ui, thread: &Arc<Thread>, comment: &Comment, source: &str) {
        let theme = self.cx.theme;
        let diff = self
            .voices
            .diffs
            .entry(comment.id.clone())
            .or_insert_with(|| Arc::new(TextDiff::new(thread.cell.source.as_str(), source)));
        let diff = diff.clone();
        ui.horizontal_top(|ui| {
            ui.add_space(INDENT);
            ui.vertical(|ui| {
                ui.horizontal(|ui| {
                    ui.label(theme.small("Suggested change"));
                    ui.label(theme.faint(format!("+{} \u{2212}{}", diff.added, diff.removed)));
                });
                small_diff(ui, theme, &diff);
                let fits = self.talk().placing.fit(&thread.id);
                let reason = match fits {
                    _ if thread.resolved => Some("The thread is resolved; reopen it to apply the change"),
                    Some(Fit::Same) => None,
                    _ => Some("The source has changed since this was suggested; change it by hand"),
                };
                ui.horizontal(|ui| {
                    let button = Btn::new("Apply").icon("check").disabled(reason).name("Apply the suggested change");
                    if button.show(ui, theme).clicked() {
                        let (thread, comment) = (thread.id.clone(), comment.id.clone());
                        self.say(threads::Command::Apply { thread, comment });
                    }
                    if reason.is_none() {
                        ui.label(theme.faint(format!("Writes to {}", thread.path)));
                    }
                });
            });
        });
    }

    /// Looks like a field and becomes one.
    fn reply_field(&mut self, ui: &mut Ui, thread: &Thread) {
        let theme = self.cx.theme;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::click());
        let who = thread.comments.first().map_or("", |c| c.by.as_str());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("Reply to {who}")));
        let edge = if response.hovered() { theme.muted } else { theme.border };
        let painter = ui.painter();
        painter.rect(rect, 4.0, theme.bg, Stroke::new(1.0, edge), egui::StrokeKind::Inside);
        let at = pos2(rect.left() + 8.0, rect.center().y);
        let words = "Reply, or press S to suggest a change";
        painter.text(at, Align2::LEFT_CENTER, words, theme.font(CONTROL), theme.faint);
        super::canvas::ring(painter, theme, rect, response.has_focus());
        if response.on_hover_cursor(egui::CursorIcon::Text).clicked() {
            self.say(threads::Command::Reply { thread: thread.id.clone(), suggest: false });
        }
    }

    fn draft_head(&mut self, ui: &mut Ui, draft: &Draft) {
        let theme = self.cx.theme;
        ui.horizontal(|ui| {
            let me = self.cx.state.board.person().unwrap_or("You");
            avatar(ui, theme, me, 20.0);
            let noun = if draft.suggestion.is_some() { "New suggestion" } else { "New comment" };
            ui.label(theme.label(noun));
            match &draft.about {
                About::New(spot) => self.aim_ui(ui, draft, spot),
                About::Reply(_) => {
                    ui.label(theme.faint("answering a thread that is gone"));
                }
            }
            if self.loose {
                tag(ui, theme, "No longer here");
            }
        });
    }

    /// What a new comment is about, and a menu to aim it elsewhere in its cell or file.
    fn aim_ui(&mut self, ui: &mut Ui, draft: &Draft, spot: &Spot) {
        let theme = self.cx.theme;
        let words = |at: At| match at {
            At::Line { line, .. } => format!("on line {}", line + 1),
            At::Output(n) => format!("on output {}", n + 1),
            At::Whole if spot.cell.is_text() => "on the file".to_owned(),
            At::Whole => format!("on cell {}", spot.cell.index + 1),
        };
        let at = match (spot.line, spot.output) {
            (Some(line), _) => At::Line { old: false, line },
            (_, Some(n)) => At::Output(n),
            _ => At::Whole,
        };
        let mut shown = words(at);
        if at != At::Whole && !spot.cell.is_text() {
            shown.push_str(&format!(" of cell {}", spot.cell.index + 1));
        }
        let (lines, outputs) = self.parts(draft, spot);
        if self.loose || draft.suggestion.is_some() || lines.is_empty() {
            ui.label(theme.faint(shown));
            return;
        }
        let button = Btn::new(&shown).quiet().icon("chevron-down").show(ui, theme);
        let button = button.on_hover_text("Speak of another line or output");
        egui::Popup::menu(&button).width(360.0).show(|ui| {
            egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let mut choices = vec![(At::Whole, String::new())];
                choices.extend((0..outputs).map(|n| (At::Output(n), String::new())));
                choices
                    .extend(lines.iter().enumerate().map(|(line, text)| (At::Line { old: false, line }, text.clone())));
                for (choice, text) in choices {
                    let name = words(choice);
                    let row = Row::new(&name).padding(8.0).soft(choice == at).show(ui, theme, |ui| {
                        ui.label(theme.body(&name));
                        ui.add(egui::Label::new(theme.code(text)).truncate());
                    });
                    if row.clicked() {
                        self.say(threads::Command::Aim { draft: draft.id.clone(), at: choice });
                        ui.close();
                    }
                }
            });
        });
    }

    /// Lines and the number of outputs that a new comment could be about, of what is there now.
    fn parts(&self, draft: &Draft, spot: &Spot) -> (Vec<String>, usize) {
        const MOST: usize = 500;
        let Some(shown) = self.cx.state.review.shown.as_ref().filter(|s| s.path == draft.path) else {
            return (Vec::new(), 0);
        };
        match &shown.diff.shape {
            FileShape::Notebook(book) => {
                let seat = self.talk().placing.seat(&draft.id);
                let cell = seat.and_then(|s| book.cells.get(s.row)).and_then(|row| book.new_cell(row));
                // Lines of another version would be counted wrongly.
                let same = cell.filter(|c| *c.source == *spot.cell.source);
                same.map_or((Vec::new(), 0), |c| {
                    (c.source.lines().take(MOST).map(str::to_owned).collect(), c.outputs.len())
                })
            }
            FileShape::Text(text) => (text.new.iter().take(MOST).map(str::to_owned).collect(), 0),
            _ => (Vec::new(), 0),
        }
    }

    fn editor(&mut self, ui: &mut Ui, draft: &Draft) {
        let theme = self.cx.theme;
        let wanted = self.talk().asked.clone().filter(|a| a.0 == draft.id && self.voices.focused.as_ref() != Some(a));
        let mut typed = None;
        let mut proposed = None;
        let mut inside = false;
        if let Some(source) = &draft.suggestion {
            let mut text = source.clone();
            let id = ui.make_persistent_id(("propose", &draft.id));
            ui.label(theme.small("The source with your change"));
            let edit = TextEdit::multiline(&mut text)
                .id(id)
                .font(theme.mono(CONTROL))
                .code_editor()
                .desired_rows(2)
                .desired_width(f32::INFINITY)
                .margin(Margin::symmetric(8, 5))
                .background_color(theme.bg);
            let response = bordered(ui, theme, edit);
            named(&response, &text, "Suggested source");
            inside |= response.has_focus();
            if response.changed() {
                proposed = Some(text);
            }
            if wanted.is_some() {
                response.request_focus();
            }
        }
        let mut text = draft.text.clone();
        let hint =
            if draft.suggestion.is_some() { "Why? (may be left empty)" } else { "Write a comment. Markdown works." };
        let id = ui.make_persistent_id(("draft", &draft.id));
        let edit = TextEdit::multiline(&mut text)
            .id(id)
            .font(theme.font(13.0))
            .hint_text(RichText::new(hint).color(theme.faint))
            .desired_rows(2)
            .desired_width(f32::INFINITY)
            .margin(Margin::symmetric(8, 5))
            .background_color(theme.bg);
        let response = bordered(ui, theme, edit);
        named(&response, &text, if draft.answers().is_some() { "Reply" } else { "Comment" });
        inside |= response.has_focus();
        if response.changed() {
            typed = Some(text);
        }
        if let Some(asked) = wanted {
            if draft.suggestion.is_none() {
                response.request_focus();
            }
            self.voices.focused = Some(asked);
        }
        if let Some(text) = typed {
            self.say(threads::Command::Type { draft: draft.id.clone(), text });
        }
        if let Some(text) = proposed {
            self.say(threads::Command::Propose { draft: draft.id.clone(), source: Some(text) });
        }
        if let Some(error) = self.talk().errors.get(&draft.id) {
            let mut words = error.to_string();
            words.retain(|c| c != '\r');
            ui.add(egui::Label::new(theme.small(words).color(theme.fail)).wrap().selectable(true));
        }
        let post = inside && ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
        self.buttons(ui, draft, post);
    }

    fn buttons(&mut self, ui: &mut Ui, draft: &Draft, post: bool) {
        let theme = self.cx.theme;
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            let reason = draft.is_blank().then_some("Write something first");
            let label = match (&draft.suggestion, draft.answers()) {
                (Some(_), _) => "Suggest",
                (None, Some(_)) => "Reply",
                (None, None) => "Comment",
            };
            let name = format!("Send: {label}");
            let clicked = Btn::new(label).key("Ctrl+Enter").disabled(reason).name(&name).show(ui, theme).clicked();
            if (clicked || post) && reason.is_none() {
                self.say(threads::Command::Post(draft.id.clone()));
            }
            match &draft.suggestion {
                Some(_) => {
                    if Btn::new("Without a suggestion").quiet().show(ui, theme).clicked() {
                        self.say(threads::Command::Propose { draft: draft.id.clone(), source: None });
                    }
                }
                None => {
                    if let Some(command) = suggest_more(draft)
                        && Btn::new("Suggest a change").quiet().show(ui, theme).clicked()
                    {
                        self.say(command);
                    }
                }
            }
            if Btn::new("Discard").quiet().name("Discard this comment").show(ui, theme).clicked() {
                self.say(threads::Command::Discard(draft.id.clone()));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint("Kept until you send or discard it"));
            });
        });
    }
}

/// What turns a comment into a suggestion.
fn suggest_more(draft: &Draft) -> Option<threads::Command> {
    match &draft.about {
        About::Reply(thread) => Some(threads::Command::Reply { thread: thread.clone(), suggest: true }),
        About::New(spot) if spot.cell.is_text() && spot.line.is_none() => None,
        About::New(_) if draft.base.is_empty() => None,
        About::New(_) => Some(threads::Command::Propose { draft: draft.id.clone(), source: Some(draft.base.clone()) }),
    }
}

fn bordered(ui: &mut Ui, theme: &Theme, edit: TextEdit<'_>) -> egui::Response {
    ui.scope(|ui| {
        let v = &mut ui.visuals_mut().widgets;
        v.inactive.bg_stroke = Stroke::new(1.0, theme.border);
        v.hovered.bg_stroke = Stroke::new(1.0, theme.border);
        ui.visuals_mut().selection.stroke = Stroke::new(2.0, theme.focus);
        ui.add(edit)
    })
    .inner
}

fn named(response: &egui::Response, text: &str, name: &str) {
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", text, name);
        info.label = Some(name.to_owned());
        info
    });
}

/// `, on line 2`.
fn place_words(talk: &Talk, thread: &Thread) -> String {
    match talk.placing.seat(&thread.id).map(|s| s.at) {
        Some(At::Line { old: false, line }) => format!(", on line {}", line + 1),
        Some(At::Line { old: true, line }) => format!(", on old line {}", line + 1),
        Some(At::Output(n)) => format!(", on output {}", n + 1),
        _ => match (thread.line, thread.cell.is_text()) {
            (Some(n), _) => format!(", on what was line {}", n + 1),
            (None, true) => ", on the file".to_owned(),
            (None, false) => String::new(),
        },
    }
}

/// Why a thread may say what is no longer so.
fn outdated(talk: &Talk, thread: &Thread, loose: bool) -> Option<&'static str> {
    match talk.placing.fit(&thread.id) {
        _ if loose && !talk.placing.whole.contains(&thread.id) => Some("No longer here"),
        Some(Fit::LineGone) => Some("The line is gone"),
        Some(Fit::Edited) => Some("Edited since"),
        _ => None,
    }
}

/// A round mark with the letters of a name.
pub(super) fn avatar(ui: &mut Ui, theme: &Theme, name: &str, size: f32) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
    paint_avatar(ui.painter(), theme, name, rect);
    response
}

/// The same, at a place.
pub(super) fn paint_avatar(painter: &egui::Painter, theme: &Theme, name: &str, rect: Rect) {
    painter.circle_filled(rect.center(), rect.width() * 0.5, theme.idle_t);
    let letters = initials(name).unwrap_or_else(|| "?".to_owned());
    painter.text(rect.center(), Align2::CENTER_CENTER, letters, theme.semibold(9.0), theme.text);
}

/// Changed lines with one same line around them.
fn small_diff(ui: &mut Ui, theme: &Theme, diff: &TextDiff) {
    let width = ui.available_width();
    let mut lines: Vec<(Option<bool>, String)> = Vec::new();
    for stretch in diff.stretches(1) {
        let Stretch::Show(range) = stretch else {
            lines.push((None, "\u{22ef}".to_owned()));
            continue;
        };
        let rows = diff.rows.get(range).unwrap_or_default();
        let mut at = 0;
        while let Some(row) = rows.get(at) {
            if row.kind == RowKind::Same {
                lines.push((None, diff.new.line(row.new.unwrap_or_default() as usize).to_owned()));
                at += 1;
                continue;
            }
            let end = (at..rows.len()).find(|n| rows.get(*n).is_some_and(|r| r.kind == RowKind::Same));
            let part = rows.get(at..end.unwrap_or(rows.len())).unwrap_or_default();
            lines
                .extend(part.iter().filter_map(|r| r.old).map(|n| (Some(false), diff.old.line(n as usize).to_owned())));
            lines.extend(part.iter().filter_map(|r| r.new).map(|n| (Some(true), diff.new.line(n as usize).to_owned())));
            at = end.unwrap_or(rows.len());
        }
    }
    let more = lines.len().saturating_sub(40);
    lines.truncate(40);
    if more > 0 {
        lines.push((None, format!("{} more", count(more as u64, "line"))));
    }
    let galleys: Vec<_> = lines
        .iter()
        .map(|(_, text)| {
            let text = shorten(&text.replace('\t', "    "), 2_000);
            ui.painter().layout(text, theme.mono(CONTROL), theme.text, (width - 32.0).max(40.0))
        })
        .collect();
    let high = |galley: &Arc<egui::Galley>| galley.size().y.max(LINE - 2.0) + 2.0;
    let height = galleys.iter().map(high).sum::<f32>() + 8.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, "The suggested change, line by line"));
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.rect(rect, 4.0, theme.bg, theme.hairline(), egui::StrokeKind::Inside);
    let mut top = rect.top() + 4.0;
    for ((side, _), galley) in lines.iter().zip(galleys) {
        let bottom = top + high(&galley);
        let band = Rect::from_min_max(pos2(rect.left() + 1.0, top), pos2(rect.right() - 1.0, bottom));
        let (fill, sign) = match side {
            Some(true) => (Some(theme.add), "+"),
            Some(false) => (Some(theme.del), "\u{2212}"),
            None => (None, ""),
        };
        if let Some(fill) = fill {
            painter.rect_filled(band, 0.0, fill);
        }
        let y = top + LINE * 0.5;
        painter.text(pos2(band.left() + 10.0, y), Align2::CENTER_CENTER, sign, theme.mono(SMALL), theme.muted);
        painter.galley(pos2(band.left() + 22.0, top + 1.0), galley, theme.text);
        top = bottom;
    }
}

/// How many threads and unsent comments, for the head of a folded cell.
pub(super) fn paint_count(painter: &egui::Painter, theme: &Theme, right: egui::Pos2, n: usize) -> f32 {
    let text = painter.layout_no_wrap(n.to_string(), theme.font(SMALL), theme.muted);
    let x = right.x - text.size().x;
    painter.galley(pos2(x, right.y - text.size().y * 0.5), text, theme.muted);
    let at = pos2(x - 11.0, right.y);
    painter.text(at, Align2::CENTER_CENTER, icon("message-square"), theme.icon_font(13.0), theme.muted);
    x - 24.0
}
