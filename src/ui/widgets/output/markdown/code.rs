//! A piece of code between fences, in the colours of its language.
use egui::{Frame, Label, Margin, ScrollArea, TextFormat, Ui, text::LayoutJob};

use super::{super::menu, Text};
use crate::ui::{theme::MONO, widgets::highlight};

impl Text<'_, '_, '_> {
    pub(super) fn code(&mut self, ui: &mut Ui, language: &str, text: &str) {
        let theme = self.theme();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let spans = grammar(language).and_then(|l| highlight::spans(ui.ctx(), l, text));
        let mut job = LayoutJob::default();
        job.wrap.max_width = f32::INFINITY;
        let format =
            |color| TextFormat { font_id: theme.mono(MONO), color, line_height: Some(18.0), ..TextFormat::default() };
        let mut at = 0;
        for (end, ink) in spans.iter().flat_map(|s| s.iter()) {
            job.append(text.get(at..*end as usize).unwrap_or_default(), 0.0, format(ink.color(&theme)));
            at = *end as usize;
        }
        job.append(text.get(at..).unwrap_or_default(), 0.0, format(theme.text));
        Frame::NONE.fill(theme.sunken).corner_radius(4).inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ScrollArea::horizontal().id_salt(ui.next_auto_id()).show(ui, |ui| {
                let response = ui.add(Label::new(job).selectable(self.setting.selectable));
                if self.setting.selectable {
                    menu(&response, &theme, self.draw.acts, || text.to_owned());
                }
            });
        });
    }
}

/// The grammar for a word behind the fence.
fn grammar(language: &str) -> Option<&'static str> {
    Some(match language {
        "py" | "python" | "python3" | "ipython" | "ipython3" => "Python",
        "sql" => "SQL",
        "json" => "JSON",
        "toml" => "TOML",
        "yaml" | "yml" => "YAML",
        "sh" | "bash" | "shell" | "console" | "zsh" => "Bourne Again Shell (bash)",
        "r" => "R",
        "js" | "javascript" => "JavaScript",
        "html" => "HTML",
        "css" => "CSS",
        "c" => "C",
        "cpp" | "c++" => "C++",
        "rust" | "rs" => "Rust",
        "java" => "Java",
        "scala" => "Scala",
        "xml" => "XML",
        "diff" => "Diff",
        "tex" | "latex" => "LaTeX",
        _ => return None,
    })
}
