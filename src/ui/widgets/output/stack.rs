//! Things below each other, of which only those near the view are laid out; the heights of the others are remembered or
//! guessed.
use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, pos2};

/// How far beyond the view is laid out, so that scrolling meets what has its height.
const MARGIN: f32 = 500.0;

/// The heights of things.
#[derive(Debug, Clone, Default)]
pub(super) struct Stack {
    width: f32,
    heights: Vec<f32>,
}

impl Stack {
    /// Draws `count` things with so much between them. Gives how much those above the view have grown: what is read must not
    /// move because of it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        size: (usize, f32),
        guess: impl Fn(usize, f32) -> f32,
        draw: impl FnMut(&mut Ui, usize),
    ) -> f32 {
        self.show_with(ui, size, None, guess, draw)
    }

    /// The same with one that is drawn wherever it is.
    pub fn show_with(
        &mut self,
        ui: &mut Ui,
        (count, gap): (usize, f32),
        must: Option<usize>,
        guess: impl Fn(usize, f32) -> f32,
        mut draw: impl FnMut(&mut Ui, usize),
    ) -> f32 {
        if count == 0 {
            return 0.0;
        }
        let width = ui.available_width();
        if (self.width - width).abs() > 0.5 {
            self.width = width;
            self.heights.clear();
        }
        self.heights.truncate(count);
        self.heights.extend((self.heights.len()..count).map(|i| guess(i, width).max(1.0)));
        let begin = ui.cursor().min;
        let clip = ui.clip_rect();
        let near = clip.y_range().expand(MARGIN);
        let (mut y, mut grown, mut changed) = (begin.y, 0.0, false);
        for (i, height) in self.heights.iter_mut().enumerate() {
            let before = *height;
            if y <= near.max && y + before >= near.min || must == Some(i) {
                let place = Rect::from_min_max(pos2(begin.x, y), pos2(begin.x + width, y + 100_000.0));
                // By its own name and not by how many are drawn before it, so that what is selected in it stays selected.
                let builder = UiBuilder::new()
                    .max_rect(place)
                    .scope_id(ui.scope_id().with(("in stack", i)))
                    .layout(Layout::top_down(Align::Min));
                let mut child = ui.new_child(builder);
                draw(&mut child, i);
                let after = child.min_rect().height().ceil();
                if (after - before).abs() > 0.5 {
                    *height = after;
                    changed = true;
                    if y + before < clip.top() {
                        grown += after - before;
                    }
                }
            }
            // What draws nothing takes no room.
            y += *height + if *height > 0.0 { gap } else { 0.0 };
        }
        let end = (y - gap).max(begin.y);
        ui.allocate_rect(Rect::from_min_max(begin, pos2(begin.x + width, end)), Sense::hover());
        if changed {
            ui.ctx().request_repaint();
        }
        grown
    }
}
