//! What depends on a system, the same colour wherever it shows.
use egui::{Response, Role, Sense, Ui, WidgetInfo, vec2};

use crate::{
    model::connect::Environment,
    ui::theme::{Mark, SMALL, Theme},
};

/// The label of an environment; nothing where there is none.
pub fn environment_tag(ui: &mut Ui, theme: &Theme, environment: Environment) -> Option<Response> {
    let (word, ink) = match environment {
        Environment::None => return None,
        Environment::Dev => ("dev", theme.mark_text(Mark::Success)),
        Environment::Test => ("test", theme.accent),
        Environment::Prod => ("production", theme.mark_text(Mark::Warning)),
    };
    let galley = ui.painter().layout_no_wrap(word.to_owned(), theme.medium(SMALL), ink);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 12.0, 20.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, word));
    ui.painter().rect_filled(rect, 4.0, theme.fade(ink, 0.14));
    ui.painter().galley(rect.center() - galley.size() * 0.5, galley, ink);
    Some(response)
}
