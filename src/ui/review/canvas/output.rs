//! Results of a cell: their heads, numbers before and after, parts of charts, rows of tables.
use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{super::table, Pen, paint::hatch};
use crate::{
    app::review::{
        Command,
        threads::{self, Here},
    },
    model::{
        diff::{FileShape, Metric, OutputChange, OutputDetail},
        review::At,
    },
    ui::theme::{CONTROL, SMALL},
};

impl Pen<'_, '_> {
    pub(super) fn output_head(&mut self, ui: &Ui, band: Rect, row: usize, output: usize) {
        let theme = self.cx.theme;
        let FileShape::Notebook(diff) = &self.shown.diff.shape else { return };
        let Some(output) = diff.cells.get(row).and_then(|r| r.outputs.get(output)) else { return };
        let verb = match output.change {
            OutputChange::Added => "added",
            OutputChange::Removed => "removed",
            _ => "changed",
        };
        let painter = ui.painter();
        let rect = band.shrink2(vec2(1.0, 0.0));
        painter.rect_filled(rect, 0.0, theme.panel);
        painter.hline(rect.x_range(), rect.top() + 0.5, theme.hairline());
        let what = match output.class.as_str() {
            _ if matches!(output.detail, OutputDetail::Table(_)) => "table",
            _ if matches!(output.detail, OutputDetail::Chart(_)) => "chart",
            "stream:stdout" => "printed text",
            "stream:stderr" => "warnings and errors",
            "error" => "error",
            "text/html" => "HTML",
            c if c.starts_with("image/") => "image",
            "text/plain" => "text",
            "text/markdown" => "Markdown",
            other => other,
        };
        let y = rect.center().y;
        let number = output.new.or(output.old).map_or(0, |n| n + 1);
        let text = format!("Output {number}: {what} {verb}");
        painter.text(pos2(rect.left() + 12.0, y), Align2::LEFT_CENTER, text, theme.medium(SMALL), theme.muted);
        let now = output.new;
        let mut note = match &output.detail {
            OutputDetail::Table(t) => t.words(),
            OutputDetail::Chart(c) => c.words(),
            OutputDetail::Image { old, new } => self.picture_words(old.as_deref(), new.as_deref()),
            OutputDetail::Text(t) => format!("+{} \u{2212}{}", t.added, t.removed),
            OutputDetail::Same => String::new(),
        };
        if !output.noise.is_empty() {
            note.push_str(&format!("  \u{b7}  hidden: {}", output.noise.words()));
        }
        let right = rect.right() - if now.is_some() { 42.0 } else { 12.0 };
        painter.text(pos2(right, y), Align2::RIGHT_CENTER, note, theme.font(SMALL), theme.faint);
        if let Some(n) = now {
            let (name, key) = (format!("Comment on output {}", n + 1), ("say-output", row * 1_000 + n));
            let glyph = ("message-square-plus", theme.muted);
            if self.head_button(ui, pos2(rect.right() - 34.0, y), key, glyph, &name) {
                let here = Here { row, at: At::Output(n) };
                self.send.push(Command::Talk(threads::Command::Comment(Some(here))));
            }
        }
    }

    /// A number before and after, and by how much.
    pub(super) fn metric(&self, ui: &Ui, band: Rect, metric: &Metric) {
        let theme = self.theme();
        let rect = band.shrink2(vec2(1.0, 0.0));
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        let y = rect.center().y;
        let mut x = rect.left() + 12.0;
        let mut put = |text: &str, font, ink: Color32, ground: Option<Color32>| {
            let galley = painter.layout_no_wrap(text.to_owned(), font, ink);
            let pad = if ground.is_some() { 6.0 } else { 0.0 };
            let size = galley.size();
            if let Some(ground) = ground {
                let plate = Rect::from_min_size(pos2(x, y - 9.0), vec2(size.x + pad * 2.0, 18.0));
                painter.rect_filled(plate, 3.0, ground);
            }
            painter.galley(pos2(x + pad, y - size.y * 0.5), galley, ink);
            x += size.x + pad * 2.0 + 8.0;
        };
        put(&metric.label, theme.font(CONTROL), theme.text, None);
        put(&metric.old, theme.mono(CONTROL), theme.text, Some(theme.del));
        put("\u{2192}", theme.font(CONTROL), theme.muted, None);
        put(&metric.new, theme.mono(CONTROL), theme.text, Some(theme.add));
        let percent = metric.delta.percent();
        let by =
            if percent.is_empty() { metric.delta.words() } else { format!("{}  ({percent})", metric.delta.words()) };
        put(&by, theme.font(SMALL), theme.muted, None);
        let response = ui.interact(rect, ui.scope_id().with(("metric", self.index)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, metric.words()));
    }

    /// A part of a chart and what became of it.
    pub(super) fn part(&self, ui: &Ui, band: Rect, change: OutputChange, name: &str) {
        let theme = self.theme();
        let rect = band.shrink2(vec2(1.0, 0.0));
        let (sign, ground) = match change {
            OutputChange::Added => ("+", theme.add),
            OutputChange::Removed => ("\u{2212}", theme.del),
            _ => ("~", theme.mov),
        };
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.rect_filled(rect, 0.0, ground);
        let y = rect.center().y;
        painter.text(pos2(rect.left() + 16.0, y), Align2::CENTER_CENTER, sign, theme.mono(CONTROL), theme.muted);
        painter.text(pos2(rect.left() + 28.0, y), Align2::LEFT_CENTER, name, theme.medium(CONTROL), theme.text);
    }

    pub(super) fn table(&self, ui: &Ui, band: Rect, id: usize, index: Option<usize>) {
        let theme = self.theme();
        let (Some(table), Some(widths)) = (self.layout.tables.get(id), self.layout.widths.get(id)) else { return };
        let draw = |rect: Rect, old: bool, row: Option<usize>| {
            let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
            let half = table::Half { painter: &painter, theme, rect, shift: self.shift, widths };
            match row.and_then(|r| table.rows.get(r)) {
                None => half.head(table),
                Some(row) if (if old { &row.old } else { &row.new }).is_none() => hatch(&painter, theme, rect),
                Some(row) => half.row(table, row, old),
            }
        };
        let (left, right) = Self::halves(band);
        draw(left, true, index);
        draw(right, false, index);
        ui.painter().vline(left.right() + 0.5, band.y_range(), theme.hairline());
    }
}
