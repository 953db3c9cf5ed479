//! A page in a frame without a display.
#![allow(dead_code, reason = "each test binary uses its part")]
use egui_kittest::Harness;

/// A harness of `state`, drawn by `page` at 1024×700.
pub fn page<'a, S>(state: S, page: impl FnMut(&mut egui::Ui, &mut S) + 'a) -> Harness<'a, S> {
    Harness::builder().with_size(egui::vec2(1024.0, 700.0)).build_ui_state(page, state)
}

#[test]
fn a_label_is_found_by_its_text() {
    use egui_kittest::kittest::Queryable;
    let harness = page((), |ui, ()| {
        ui.label("Needs a person");
    });
    harness.get_by_label("Needs a person");
}
