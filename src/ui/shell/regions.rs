//! F6: from one part of the window to the next, for those who work without a mouse.
use egui::{Context, Id, Rect, Stroke, StrokeKind, Ui};

use crate::{app::shell::Page, ui::theme::Theme};

/// The parts of the window, in the order F6 takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    Bar,
    Rail,
    Navigator,
    Page,
    Inspector,
    Status,
}

const ORDER: [Region; 6] =
    [Region::Bar, Region::Rail, Region::Navigator, Region::Page, Region::Inspector, Region::Status];

/// Where the parts were drawn, and the one the keyboard went to last.
#[derive(Debug, Default)]
pub struct Regions {
    rects: [Option<Rect>; 6],
    current: Option<Region>,
}

impl Regions {
    /// Notes where a part lies in this frame.
    pub fn set(&mut self, region: Region, rect: Option<Rect>) {
        self.rects[region as usize] = rect.filter(|r| r.width() > 8.0 && r.height() > 8.0);
    }
    /// The part the keyboard went to last, for tests and for the frame around it.
    pub fn current(&self) -> Option<Region> {
        self.current
    }
    /// The middle is what the side panels leave of the page.
    pub fn set_page(&mut self, ctx: &Context, whole: Rect) {
        let side = |left| crate::ui::widgets::side_rect(ctx, left).filter(|r| whole.expand(2.0).contains_rect(*r));
        let (left, right) = (side(true), side(false));
        let mut middle = whole;
        left.iter().for_each(|r| middle.min.x = middle.min.x.max(r.right()));
        right.iter().for_each(|r| middle.max.x = middle.max.x.min(r.left()));
        self.set(Region::Navigator, left);
        self.set(Region::Inspector, right);
        self.set(Region::Page, Some(middle));
    }
}

/// Goes on to the next part that has something to focus.
pub fn step(ctx: &Context, page: Page, regions: &mut Regions, forward: bool) {
    let at = regions.current.or_else(|| of_focus(ctx, regions)).unwrap_or(if forward {
        Region::Bar
    } else {
        Region::Navigator
    });
    let start = at as usize;
    for n in 1..=ORDER.len() {
        let next = if forward { (start + n) % ORDER.len() } else { (start + ORDER.len() - n) % ORDER.len() };
        let (region, Some(rect)) = (ORDER[next], regions.rects[next]) else { continue };
        if region == Region::Page && plain_keys(page) {
            // The page's own keys work while nothing has the focus.
            if let Some(id) = ctx.memory(|m| m.focused()) {
                ctx.memory_mut(|m| m.surrender_focus(id));
            }
        } else {
            let Some(id) = target(ctx, rect, region == Region::Page) else { continue };
            ctx.memory_mut(|m| m.request_focus(id));
        }
        regions.current = Some(region);
        ctx.request_repaint();
        return;
    }
}

/// True for pages whose keys are letters and arrows of their own.
fn plain_keys(page: Page) -> bool {
    matches!(page, Page::Home | Page::Notebook | Page::Board | Page::Runs | Page::Review)
}

fn of_focus(ctx: &Context, regions: &Regions) -> Option<Region> {
    let id = ctx.memory(|m| m.focused())?;
    let at = ctx.viewport(|v| v.prev_pass.widgets.get(id).map(|w| w.rect.center()))?;
    ORDER.into_iter().find(|r| regions.rects[*r as usize].is_some_and(|rect| rect.contains(at)))
}

/// What gets the focus: in the middle the largest thing, which is its table or plot, elsewhere the first one.
fn target(ctx: &Context, rect: Rect, largest: bool) -> Option<Id> {
    let area = |r: Rect| r.width() * r.height();
    ctx.viewport(|v| {
        let widgets = &v.prev_pass.widgets;
        let inside = widgets
            .layer_ids()
            .filter(|layer| layer.order == egui::Order::Background)
            .flat_map(|layer| widgets.get_layer(layer))
            .filter(|w| w.enabled && w.sense.is_focusable() && rect.contains(w.interact_rect.center()))
            .filter(|w| w.interact_rect.is_positive() && area(w.interact_rect) < area(rect) * 0.98);
        if largest {
            inside.max_by(|a, b| area(a.interact_rect).total_cmp(&area(b.interact_rect))).map(|w| w.id)
        } else {
            inside
                .min_by(|a, b| {
                    (a.rect.top(), a.rect.left())
                        .partial_cmp(&(b.rect.top(), b.rect.left()))
                        .unwrap_or(std::cmp::Ordering::Equal)
                })
                .map(|w| w.id)
        }
    })
}

/// A frame around the part F6 went to, until another key or the mouse is used.
pub fn frame_ui(ui: &Ui, theme: &Theme, regions: &mut Regions) {
    let Some(region) = regions.current else { return };
    let used = |e: &egui::Event| match e {
        egui::Event::Key { key, pressed: true, .. } => !matches!(key, egui::Key::F6),
        egui::Event::PointerButton { pressed: true, .. } => true,
        _ => false,
    };
    if ui.input(|i| i.events.iter().any(used)) {
        regions.current = None;
        return;
    }
    if let Some(rect) = regions.rects[region as usize] {
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Middle, Id::unique("region")));
        painter.rect_stroke(rect.shrink(1.0), 2.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
}
