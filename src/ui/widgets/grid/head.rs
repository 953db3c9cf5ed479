//! Column heads: name and sort, histogram, null bar, type; clicks sort, drags at the edge resize.
use egui::{
    Align2, CursorIcon, Painter, Rect, Role, Sense, Ui, WidgetInfo,
    epaint::text::{LayoutJob, TextFormat, TextWrapping},
    pos2, vec2,
};

use super::{DataGrid, GridView, Head, Layout, Shown, paint};
use crate::{
    base::text::{count, thousands},
    model::table::{ColumnProfile, Shape},
    ui::theme::{Theme, icon},
};

const PAD: f32 = 8.0;

/// Draws the head line and hears clicks on it.
pub(super) fn head(
    ui: &Ui,
    theme: &Theme,
    grid: &DataGrid<'_>,
    layout: &Layout,
    view: &mut GridView,
    shown: &mut Shown,
) {
    let painter = ui.painter_at(layout.head);
    let rect = layout.head;
    painter.rect_filled(rect, 0.0, theme.panel);
    let clip = Rect::from_min_max(pos2(layout.body.left(), rect.top()), rect.max);
    let inner = painter.with_clip_rect(clip);
    for column in layout.columns(view) {
        let (left, right) = layout.x(view, column);
        let place = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
        interact(ui, grid, layout, view, shown, column, place.intersect(clip));
        one(&inner, theme, grid, column, place, ui.rect_contains_pointer(place.intersect(clip)));
        inner.vline(right - 0.5, rect.y_range(), theme.hairline());
        bars(ui, theme, &inner, grid, layout, shown, column, place, clip);
        resize(ui, layout, view, column, right, clip);
    }
    painter.hline(rect.x_range(), rect.bottom() - 0.5, theme.hairline());
    painter.vline(layout.body.left() - 0.5, rect.y_range(), theme.hairline());
}

fn interact(
    ui: &Ui,
    grid: &DataGrid<'_>,
    layout: &Layout,
    view: &mut GridView,
    shown: &mut Shown,
    column: usize,
    place: Rect,
) {
    let name_line = Rect::from_min_size(place.min, vec2(place.width(), place.height().min(26.0)));
    if name_line.width() <= 1.0 {
        return;
    }
    let response = ui.interact(name_line, layout.id.with(("head", column)), Sense::click());
    let about = &grid.columns[column];
    response.widget_info(|| {
        let order = match grid.sort.iter().find(|(c, _)| *c == column) {
            Some((_, true)) => ", largest first",
            Some((_, false)) => ", smallest first",
            None => "",
        };
        WidgetInfo::labeled(Role::ColumnHeader, true, format!("{}{order}", about.name))
    });
    if response.clicked() {
        let row = view.cursor.map_or(view.top.max(0.0) as u64, |c| c.0);
        view.cursor = (layout.total > 0).then_some((row, column));
        view.anchor = None;
        shown.moved = true;
        if grid.sortable {
            shown.sort = Some(column);
        }
    }
    if let Some(profile) = grid.profiles.get(column).and_then(Option::as_ref) {
        response.on_hover_text(format!("{}\n{}", about.name, profile.sentence()));
    }
}

fn one(painter: &Painter, theme: &Theme, grid: &DataGrid<'_>, index: usize, place: Rect, hovered: bool) {
    let column = &grid.columns[index];
    let sorted = grid.sort.iter().position(|(c, _)| *c == index);
    let mut room = place.width() - PAD * 2.0;
    let middle = place.top() + if grid.head == Head::Full { 14.0 } else { 12.0 };
    if let Some(at) = sorted {
        let name = if grid.sort[at].1 { "arrow-down" } else { "arrow-up" };
        let spot = pos2(place.right() - PAD - 6.0, middle);
        painter.text(spot, Align2::CENTER_CENTER, icon(name), theme.icon_font(14.0), theme.accent);
        room -= 16.0;
        if grid.sort.len() > 1 {
            let spot = pos2(place.right() - PAD - 14.0, middle);
            painter.text(spot, Align2::RIGHT_CENTER, (at + 1).to_string(), theme.font(10.0), theme.accent);
            room -= 8.0;
        }
    } else if hovered && grid.sortable {
        let spot = pos2(place.right() - PAD - 6.0, middle);
        painter.text(spot, Align2::CENTER_CENTER, icon("chevrons-up-down"), theme.icon_font(14.0), theme.faint);
        room -= 16.0;
    }
    let format = TextFormat { font_id: theme.medium(12.0), color: theme.text, ..TextFormat::default() };
    let mut job = LayoutJob::single_section(column.name.chars().take(200).collect(), format);
    job.wrap = TextWrapping::truncate_at_width(room.max(8.0));
    let galley = painter.layout_job(job);
    let name_width = galley.size().x;
    painter.galley(pos2(place.left() + PAD, middle - galley.size().y * 0.5), galley, theme.text);
    match grid.head {
        Head::Full => {
            let share = grid.profiles.get(index).and_then(Option::as_ref).map(ColumnProfile::null_share);
            let nulls = share.filter(|s| *s > 0.0).map_or_else(String::new, |s| format!(" \u{b7} {} null", percent(s)));
            let words = format!("{}{nulls}", column.dtype);
            paint::label(
                painter,
                theme,
                &words,
                theme.faint,
                pos2(place.left() + PAD, place.bottom() - 19.0),
                place.width() - PAD * 2.0,
            );
        }
        Head::Compact if name_width + 30.0 < room => {
            let at = pos2(place.left() + PAD + name_width + 6.0, middle - 7.0);
            paint::label(painter, theme, &column.dtype, theme.faint, at, room - name_width - 6.0);
        }
        Head::Compact => {}
    }
}

fn percent(share: f64) -> String {
    if share < 0.001 { "<0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

#[allow(clippy::too_many_arguments)]
fn bars(
    ui: &Ui,
    theme: &Theme,
    painter: &Painter,
    grid: &DataGrid<'_>,
    layout: &Layout,
    shown: &mut Shown,
    index: usize,
    place: Rect,
    clip: Rect,
) {
    let Some(profile) = grid.profiles.get(index).and_then(Option::as_ref) else { return };
    let (top, height) = if grid.head == Head::Full { (26.0, 24.0) } else { (24.0, 18.0) };
    let area =
        Rect::from_min_size(pos2(place.left() + PAD, place.top() + top), vec2(place.width() - PAD * 2.0, height));
    let line = Rect::from_min_size(pos2(area.left(), area.bottom() + 2.0), vec2(area.width(), 2.0));
    painter.rect_filled(line, 0.0, theme.bar);
    let share = profile.null_share() as f32;
    if share > 0.0 {
        let width = (line.width() * share).max(2.0);
        painter.rect_filled(Rect::from_min_max(pos2(line.right() - width, line.top()), line.max), 0.0, theme.warn);
    }
    let heights = profile.bars();
    if heights.is_empty() || area.width() < 4.0 {
        return;
    }
    let visible = area.intersect(clip);
    if visible.width() < 1.0 {
        return;
    }
    let response = ui.interact(visible, layout.id.with(("bars", index)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Histogram of {}", profile.column.name)));
    let step = area.width() / heights.len() as f32;
    let under = response.hover_pos().map(|p| (((p.x - area.left()) / step).max(0.0) as usize).min(heights.len() - 1));
    for (i, share) in heights.iter().enumerate() {
        if *share <= 0.0 {
            continue;
        }
        let gap = if step > 3.0 { 1.0 } else { 0.0 };
        let tall = (share * height).max(1.0);
        let left = area.left() + step * i as f32;
        let bar = Rect::from_min_max(pos2(left, area.bottom() - tall), pos2(left + step - gap, area.bottom()));
        painter.rect_filled(bar, 0.0, if under == Some(i) { theme.accent } else { theme.bar });
    }
    let Some(under) = under else { return };
    if profile.is_all_different() {
        response.on_hover_text(format!("{}\nEvery value is different", profile.sentence()));
        return;
    }
    if response.clicked() {
        shown.bar = Some((index, under));
    }
    let about = match profile.sampled {
        Some(all) => format!("\nSample of {} of {}", thousands(profile.rows), count(all, "row")),
        None => String::new(),
    };
    response.on_hover_text_at_pointer(format!("{}{about}\nClick to filter", bar_words(profile, under)));
}

/// What a bar stands for.
pub(crate) fn bar_words(profile: &ColumnProfile, index: usize) -> String {
    match &profile.shape {
        Shape::Histogram(bins) => {
            let Some(bin) = bins.get(index) else { return String::new() };
            format!("{} to {}: {}", profile.edge_text(bin.from), profile.edge_text(bin.to), count(bin.count, "row"))
        }
        Shape::Top(top) => {
            let Some(top) = top.get(index) else { return String::new() };
            format!("{}: {}", crate::base::text::shorten(&top.value.show(false), 60), count(top.count, "row"))
        }
        Shape::None => String::new(),
    }
}

fn resize(ui: &Ui, layout: &Layout, view: &mut GridView, column: usize, right: f32, clip: Rect) {
    let handle = Rect::from_min_max(pos2(right - 4.0, clip.top()), pos2(right + 4.0, clip.bottom())).intersect(clip);
    if handle.width() < 1.0 {
        return;
    }
    let response = ui.interact(handle, layout.id.with(("resize", column)), Sense::click_and_drag());
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeColumn);
    }
    if response.drag_started() {
        view.resizing = Some((column, view.widths[column]));
    }
    if let (true, Some((resized, from))) = (response.dragged(), view.resizing)
        && resized == column
    {
        let moved = response.total_drag_delta().unwrap_or_default().x;
        view.widths[column] = (from + moved).clamp(32.0, 1200.0);
    }
    if response.drag_stopped() {
        view.resizing = None;
    }
    if response.double_clicked() {
        // Measured again next frame.
        view.widths.clear();
    }
}
