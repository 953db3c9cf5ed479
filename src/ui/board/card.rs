//! One card: id and tag, title, what is wrong with it, what it is bound to, its age.
use std::sync::Arc;

use egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    UiBuilder, WidgetInfo, pos2, text::LayoutJob, vec2,
};

use super::{PageCx, States, age, days, is_ageing, plan::title_rows, worst};
use crate::{
    app::board::{
        Command,
        filter::today,
        live::{self, Live, Standing, Tone},
    },
    model::board::{Card, ColumnKind, Fact},
    ui::{
        theme::{BODY, Mark, SMALL, icon, paint_mark},
        widgets::{Btn, focus_ring},
    },
};

/// How a card is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Normal,
    /// The card the keyboard acts on; the ring shows only after a key.
    Focused {
        ring: bool,
        /// One of several chosen together.
        chosen: bool,
    },
    /// Where a carried card came from.
    Ghost,
    /// Under the pointer.
    Carried,
}

/// The mark of a live state.
pub fn mark(tone: Tone) -> Mark {
    match tone {
        Tone::Failed => Mark::Failed,
        Tone::Running => Mark::Running,
        Tone::Warning => Mark::Warning,
        Tone::Success => Mark::Success,
        Tone::Cancelled => Mark::Cancelled,
        Tone::Queued => Mark::Queued,
        Tone::Unknown => Mark::Unknown,
    }
}

/// Text in at most `rows` rows of `width`, ending in an ellipsis.
pub fn fit(painter: &Painter, text: &str, font: FontId, color: Color32, width: f32, rows: usize) -> Arc<Galley> {
    let mut job = LayoutJob::simple(text.to_owned(), font, color, width.max(8.0));
    job.wrap.max_rows = rows;
    job.wrap.break_anywhere = rows == 1;
    job.break_on_newline = false;
    painter.layout_job(job)
}

/// Draws a card and makes it answer to pointer and screen reader.
pub fn card_ui(ui: &mut Ui, cx: &mut PageCx<'_>, rect: Rect, card: &Card, states: &States, look: Look) -> Response {
    let response = ui.interact(rect, egui::Id::unique(("board-card", &card.id)), Sense::click_and_drag());
    let column = cx.state.board.board.column(&card.column).map_or("", |c| c.name.as_str());
    response.widget_info(|| {
        let blocked = card.blocked.as_ref().map_or(String::new(), |b| format!(", blocked: {b}"));
        let name = format!("{} {}, {column}{blocked}", card.label, card.title);
        WidgetInfo::selected(Role::ListItem, true, matches!(look, Look::Focused { .. }), name)
    });
    let look = if look == Look::Normal && response.hovered() { Look::Normal } else { look };
    paint(ui.painter(), cx, rect, card, states, look, response.hovered());
    if look != Look::Ghost
        && let Some(live) = worst(states, card)
    {
        live_ui(ui, cx, rect, card, live);
    }
    if let Look::Focused { chosen: true, .. } = look {
        let center = rect.right_bottom() - vec2(2.0, 2.0);
        ui.painter().circle_filled(center, 8.0, cx.theme.accent);
        ui.painter().text(center, Align2::CENTER_CENTER, icon("check"), cx.theme.icon_font(11.0), cx.theme.on);
    }
    if let Look::Focused { ring: true, .. } = look {
        focus_ring(ui, cx.theme, rect, 6.0);
    }
    response
}

/// Paints a card without making it answer.
pub fn paint(p: &Painter, cx: &PageCx<'_>, rect: Rect, card: &Card, states: &States, look: Look, hovered: bool) {
    let theme = cx.theme;
    let live = worst(states, card);
    // An incident stays red until what it is bound to has succeeded again.
    let is_red = live::standing(&cx.state.board, card, live) == Standing::Red;
    let fill = match look {
        Look::Ghost => theme.panel,
        Look::Carried => theme.raised,
        Look::Focused { .. } => theme.selsoft,
        Look::Normal if hovered => theme.hover,
        Look::Normal => theme.raised,
    };
    let edge = match look {
        Look::Ghost => theme.hair,
        _ if is_red => theme.fail,
        Look::Carried => theme.border,
        Look::Focused { .. } => theme.accent,
        Look::Normal => theme.hair,
    };
    if look == Look::Carried {
        p.add(theme.shadow().as_shape(rect, CornerRadius::same(6)));
    }
    p.rect(rect, CornerRadius::same(6), fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    if look == Look::Ghost {
        return;
    }
    if is_red {
        let bar = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
        p.rect_filled(bar, CornerRadius { nw: 6, sw: 6, ne: 0, se: 0 }, theme.fail);
    }
    let p = p.with_clip_rect(p.clip_rect().intersect(rect));
    let inner = rect.shrink2(vec2(10.0, 8.0));
    top_row(&p, cx, inner, card);
    let mut y = inner.top() + 22.0;
    let rows = title_rows(&card.title, rect.width());
    let title = fit(&p, &card.title, theme.medium(BODY), theme.text, inner.width(), rows);
    p.galley(pos2(inner.left(), y), title, theme.text);
    y += 18.0 * rows as f32;
    if let Some(reason) = &card.blocked {
        let strip = Rect::from_min_size(pos2(inner.left(), y + 4.0), vec2(inner.width(), 22.0));
        p.rect_filled(strip, 4.0, theme.fail_t);
        p.text(
            strip.left_center() + vec2(13.0, 0.0),
            Align2::CENTER_CENTER,
            icon("ban"),
            theme.icon_font(12.0),
            theme.fail,
        );
        let text = fit(&p, &format!("Blocked: {reason}"), theme.font(SMALL), theme.fail, strip.width() - 30.0, 1);
        p.galley(pos2(strip.left() + 24.0, strip.center().y - text.size().y * 0.5), text, theme.fail);
        y += 28.0;
    } else if is_ageing(cx, card) {
        let p85 = cx.state.board.figures.p85_ms.map_or(String::new(), days);
        let text = fit(&p, &format!("Ageing: 85 % done in {p85}"), theme.font(SMALL), theme.warn, inner.width(), 1);
        p.galley(pos2(inner.left(), y + 1.0), text, theme.warn);
        y += 18.0;
    }
    let note = card.also_set.first().map(|a| format!("{} also set to {} by {}", a.field, a.value, a.by));
    if let Some(note) = note.or_else(|| card.over_reason.as_ref().map(|r| format!("Over the limit: {r}"))) {
        let text = fit(&p, &note, theme.font(SMALL), theme.warn, inner.width(), 1);
        p.galley(pos2(inner.left(), y + 1.0), text, theme.warn);
        y += 18.0;
    }
    if let Some(error) = live.filter(|l| is_red && l.tone == Tone::Failed).and_then(|l| l.error.as_ref()) {
        let text = fit(&p, error, theme.font(SMALL), theme.muted, inner.width(), 1);
        p.galley(pos2(inner.left(), y + 1.0), text, theme.muted);
    }
    badge_row(&p, cx, inner, card, live);
}

fn top_row(p: &Painter, cx: &PageCx<'_>, inner: Rect, card: &Card) {
    let theme = cx.theme;
    let mid = inner.top() + 9.0;
    let label = p.layout_no_wrap(card.label.clone(), theme.font(SMALL), theme.faint);
    let mut x = inner.left() + label.size().x + 6.0;
    p.galley(pos2(inner.left(), mid - label.size().y * 0.5), label, theme.faint);
    let mut right = inner.right();
    let hidden = &cx.state.board.board.hidden;
    if let Some(initials) = card.initials().filter(|_| !hidden.contains(&Fact::Person)) {
        let center = pos2(right - 10.0, mid);
        p.circle_filled(center, 10.0, theme.idle_t);
        p.text(center, Align2::CENTER_CENTER, initials, theme.semibold(9.0), theme.text);
        right -= 26.0;
    }
    let incident = card.labels.iter().find(|l| l.eq_ignore_ascii_case("incident"));
    let shown = !hidden.contains(&Fact::Labels);
    let rest = card.labels.iter().filter(|l| shown && !l.eq_ignore_ascii_case("incident"));
    for (label, red) in incident.into_iter().map(|l| (l, true)).chain(rest.map(|l| (l, false))) {
        let room = right - x;
        let (ink, tint, lead) = if red { (theme.fail, theme.fail_t, 14.0) } else { (theme.muted, theme.idle_t, 0.0) };
        if room < 34.0 + lead {
            break;
        }
        let text = fit(p, label, theme.medium(SMALL), ink, room - 12.0 - lead, 1);
        let tag = Rect::from_min_size(pos2(x, mid - 9.0), vec2(text.size().x + 12.0 + lead, 18.0));
        p.rect_filled(tag, 4.0, tint);
        if red {
            paint_mark(p, theme, Mark::Failed, tag.left_center() + vec2(11.0, 0.0), 11.0);
        }
        p.galley(pos2(tag.left() + 6.0 + lead, mid - text.size().y * 0.5), text, ink);
        x = tag.right() + 4.0;
    }
}

/// What the card is bound to at the left; checklist and age at the right.
fn badge_row(p: &Painter, cx: &PageCx<'_>, inner: Rect, card: &Card, live: Option<&Live>) {
    let theme = cx.theme;
    let mid = inner.bottom() - 8.0;
    let shows = |fact| !cx.state.board.board.hidden.contains(&fact);
    let mut right = inner.right() + 8.0;
    // What it is bound to needs room for a name; only age and checklist may take some of that.
    let name: f32 = if card.links.is_empty() || !shows(Fact::Bound) { 0.0 } else { 120.0 };
    for (i, (text, ink)) in facts(cx, card).into_iter().enumerate() {
        let text = p.layout_no_wrap(text, theme.font(SMALL), ink);
        let kept = if i < 2 { name.min(60.0) } else { name };
        if right - text.size().x - 8.0 < inner.left() + kept {
            break;
        }
        right -= text.size().x + 8.0;
        p.galley(pos2(right, mid - text.size().y * 0.5), text, ink);
    }
    let room = right - 8.0 - inner.left() - 18.0;
    // What is red is told whatever was chosen.
    let red = live::standing(&cx.state.board, card, live) == Standing::Red;
    if !shows(Fact::Bound) && !red {
        return;
    }
    if let Some(live) = live {
        let m = mark(live.tone);
        paint_mark(p, theme, m, pos2(inner.left() + 6.0, mid), 12.0);
        let since = live::standing(&cx.state.board, card, Some(live)) == Standing::FailedSince;
        let ink = if m == Mark::Success || since { theme.muted } else { theme.mark_text(m) };
        let words = if since { format!("{} failed since", live.text) } else { live.text.clone() };
        let text = fit(p, &words, theme.font(SMALL), ink, room, 1);
        p.galley(pos2(inner.left() + 18.0, mid - text.size().y * 0.5), text, ink);
    } else if let Some(link) = card.links.first() {
        p.text(pos2(inner.left() + 6.0, mid), Align2::CENTER_CENTER, icon("link"), theme.icon_font(12.0), theme.faint);
        let text = fit(p, live::name_of(&link.target), theme.font(SMALL), theme.muted, room, 1);
        p.galley(pos2(inner.left() + 18.0, mid - text.size().y * 0.5), text, theme.muted);
    }
}

/// Short words for the right end of the last line, the rightmost first.
fn facts(cx: &PageCx<'_>, card: &Card) -> Vec<(String, Color32)> {
    let theme = cx.theme;
    let shows = |fact| !cx.state.board.board.hidden.contains(&fact);
    let mut out = Vec::new();
    if shows(Fact::Age) {
        out.push((age(cx, card), theme.muted));
    }
    let (done, all) = card.checks();
    if all > 0 && shows(Fact::Checklist) {
        out.push((format!("{done}/{all}"), theme.muted));
    }
    if let Some(due) = card.due.filter(|_| shows(Fact::Due)) {
        let finished = cx.state.board.board.column(&card.column).is_some_and(|c| c.kind == ColumnKind::Done);
        let late = !finished && due < today(cx.now);
        out.push((format!("due {}", due.strftime("%-d %b")), if late { theme.warn } else { theme.muted }));
    }
    if let Some(points) = card.estimate.filter(|_| shows(Fact::Estimate)) {
        out.push((format!("{points} pt"), theme.muted));
    }
    if !card.comments.is_empty() && shows(Fact::Comments) {
        out.push((crate::base::text::count(card.comments.len() as u64, "comment"), theme.faint));
    }
    out
}

/// The state chip that opens the run, and the buttons of a red card.
fn live_ui(ui: &mut Ui, cx: &mut PageCx<'_>, rect: Rect, card: &Card, live: &Live) {
    let theme = cx.theme;
    let inner = rect.shrink2(vec2(10.0, 8.0));
    let chip =
        Rect::from_min_max(pos2(inner.left(), inner.bottom() - 16.0), pos2(inner.right() - 64.0, inner.bottom()));
    let id = egui::Id::unique(("board-chip", &card.id));
    let response = ui.interact(chip, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, format!("Open {} of {}", live.text, card.label)));
    if response.hovered() {
        ui.painter().hline(chip.left() + 18.0..=chip.right().min(chip.left() + 120.0), chip.bottom(), theme.hairline());
    }
    let standing = live::standing(&cx.state.board, card, Some(live));
    let mut response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if standing == Standing::FailedSince {
        response =
            response.on_hover_text("Failed after this card was finished: the card stays done, Home has the failure");
    }
    if response.clicked() {
        cx.send(live::open_command(live));
    }
    if live.tone != Tone::Failed || standing != Standing::Red {
        return;
    }
    let row = Rect::from_min_max(pos2(inner.left(), chip.top() - 26.0), pos2(inner.right(), chip.top() - 4.0));
    let mut child =
        ui.new_child(UiBuilder::new().max_rect(row).layout(egui::Layout::left_to_right(egui::Align::Center)));
    child.spacing_mut().item_spacing.x = 4.0;
    child.set_clip_rect(ui.clip_rect().intersect(rect));
    let open = format!("Open the run of {}", card.label);
    if Btn::new("Open run").height(20.0).name(&open).show(&mut child, theme).clicked() {
        cx.send(live::open_command(live));
    }
    if live.can_rerun {
        let name = format!("Rerun for {}", card.label);
        if Btn::new("Rerun").icon("rotate-cw").height(20.0).name(&name).show(&mut child, theme).clicked() {
            cx.send(Command::Rerun(card.id.clone()));
        }
    }
}

/// Where the drop would put the card, with what it does to the limits.
pub fn cue(p: &Painter, cx: &PageCx<'_>, rect: Rect, words: &str, mark: Mark) {
    let theme = cx.theme;
    let (edge, fill) = match mark {
        Mark::Failed => (theme.fail, theme.fail_t),
        Mark::Warning => (theme.warn, theme.warn_t),
        _ => (theme.accent, theme.selsoft),
    };
    p.rect_filled(rect, 6.0, fill);
    let corners: [Pos2; 5] =
        [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    p.extend(egui::Shape::dashed_line(&corners, Stroke::new(1.5, edge), 5.0, 4.0));
    let text = fit(p, words, theme.font(SMALL), edge, rect.width() - 16.0, 2);
    p.galley(rect.center() - text.size() * 0.5, text, edge);
}
