//! The SQL of the table: coloured, editable, run with Ctrl+Enter.
use egui::{
    FontId, TextEdit, Ui,
    epaint::text::{LayoutJob, TextFormat},
};

use crate::{
    app::data::{Command, Tab},
    base::time::duration_ms,
    model::table::lex::{self, Token},
    ui::{
        PageCx,
        theme::Theme,
        widgets::{Btn, hair_x},
    },
};

/// The text being edited and the query it started from.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    text: String,
    base: String,
}

/// The bar below the chips.
pub(super) fn query_ui(ui: &mut Ui, cx: &mut PageCx<'_>, draft: &mut Draft, tab: &Tab) {
    let theme = cx.theme;
    // A change of the steps shows in the text; what is being typed wins until it is run or put back.
    if draft.base != tab.sql {
        draft.base.clone_from(&tab.sql);
        draft.text.clone_from(&tab.sql);
    }
    let edited = draft.text.trim() != tab.sql.trim();
    let mut run = false;
    let frame = egui::Frame::NONE.fill(theme.bg).inner_margin(egui::Margin { left: 12, right: 12, top: 6, bottom: 6 });
    frame.show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.vertical(|ui| {
                ui.add_space(2.0);
                ui.label(egui::RichText::new("SQL").font(theme.mono(11.5)).color(theme.faint));
            });
            let side = if edited { 210.0 } else { 170.0 };
            let width = (ui.available_width() - side).max(120.0);
            let lines = draft.text.lines().count().clamp(2, 8);
            egui::ScrollArea::vertical()
                .id_salt("data-sql")
                .max_height(8.0 * 18.0)
                .auto_shrink([false, true])
                .max_width(width)
                .show(ui, |ui| {
                    let font = theme.mono(12.0);
                    let mut layout = |ui: &Ui, text: &dyn egui::TextBuffer, wrap: f32| {
                        let mut job = highlight(theme, text.as_str(), &font);
                        job.wrap.max_width = wrap;
                        ui.painter().layout_job(job)
                    };
                    let edit = TextEdit::multiline(&mut draft.text)
                        .id_salt(("data-sql", tab.id))
                        .desired_width(width)
                        .desired_rows(lines)
                        .frame(egui::Frame::NONE)
                        .margin(egui::Margin::symmetric(0, 2))
                        .layouter(&mut layout);
                    let response = ui.add(edit);
                    response.widget_info(|| {
                        let mut info = egui::WidgetInfo::text_edit(true, "", draft.text.as_str(), "");
                        info.label = Some("Query".to_owned());
                        info
                    });
                    if response.has_focus() {
                        run |= crate::ui::keys::hit(ui, &crate::app::keymap::data::RUN).is_some();
                    }
                });
            let rest = egui::vec2(ui.available_width(), 24.0);
            ui.allocate_ui_with_layout(rest, egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if tab.loading {
                    if Btn::new("Stop").icon("square").show(ui, theme).clicked() {
                        cx.send(Command::Stop(tab.id));
                    }
                } else {
                    run |= Btn::new("Run").icon("play").key("Ctrl Enter").show(ui, theme).clicked();
                }
                if edited && Btn::new("").icon("undo-2").quiet().name("Put the query back").show(ui, theme).clicked() {
                    draft.text.clone_from(&tab.sql);
                }
                if let Some(ms) = tab.elapsed_ms.filter(|_| !edited && !tab.loading) {
                    ui.label(theme.faint(duration_ms(ms)));
                }
            });
        });
    });
    hair_x(ui, theme);
    if run {
        cx.send(Command::RunSql { tab: tab.id, sql: draft.text.clone() });
    }
}

/// SQL in the colours of source.
pub(crate) fn highlight(theme: &Theme, sql: &str, font: &FontId) -> LayoutJob {
    let mut job = LayoutJob::default();
    for span in lex::lex(sql) {
        let text = &sql[span.at.clone()];
        let color = match span.token {
            Token::Word if lex::is_keyword(text) => theme.kw,
            Token::Text => theme.str,
            Token::Number => theme.num,
            Token::Comment => theme.com,
            Token::Param => theme.num,
            Token::Punct => theme.op,
            _ => theme.text,
        };
        job.append(
            text,
            0.0,
            TextFormat { font_id: font.clone(), color, line_height: Some(18.0), ..TextFormat::default() },
        );
    }
    job
}
