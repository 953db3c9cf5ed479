//! Draws a chart in the look of the window: panels with axes, a legend that hides series, tooltips, zoom.
//!
//! Dragging zooms into what was dragged over, Ctrl and the wheel zoom at the pointer, a double click shows all again;
//! the wheel alone belongs to the page.
mod axes;
mod hover;
mod legend;
mod paint;
mod raster;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use egui::{Color32, Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::link;
use crate::{
    model::{
        chart::{self, Figure, Frame, Ink, Panel},
        output::{Pixels, Table},
    },
    ui::theme::{SMALL, Theme, mix, rgba},
};

/// Heights of a chart that says none.
const HEIGHT: f32 = 340.0;
const LEAST: f32 = 180.0;
const MOST: f32 = 1400.0;
/// The widest a chart becomes that says nothing.
const WIDEST: f32 = 860.0;
/// A drag shorter than this is a click.
const DRAG: f32 = 5.0;

/// One chart's own state.
#[derive(Default)]
pub struct ChartView {
    /// Shown ranges of zoomed axes, by their link.
    ranges: HashMap<usize, [f64; 2]>,
    /// Entries of the legend that are switched over from how the figure has them.
    hidden: HashSet<usize>,
    drag: Option<(usize, Pos2)>,
    cache: HashMap<usize, paint::Painted>,
    /// Panels of very many marks are made into shapes on a thread.
    pending: HashMap<usize, paint::Pending>,
    /// The figure the state belongs to.
    of: Option<Arc<Figure>>,
    name: String,
    /// The data is shown as a table below.
    pub open: bool,
    table: Option<Arc<Table>>,
    capture: Option<Capture>,
}

impl std::fmt::Debug for ChartView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChartView").field("zoomed", &self.ranges.len()).finish_non_exhaustive()
    }
}

impl ChartView {
    /// The data as a table, made when it is asked for first.
    pub fn table(&mut self, figure: &Figure) -> Arc<Table> {
        self.table.get_or_insert_with(|| Arc::new(chart::table(figure))).clone()
    }
    /// True when an axis is zoomed.
    pub fn is_zoomed(&self) -> bool {
        !self.ranges.is_empty()
    }

    fn range(&self, figure: &Figure, axis: usize) -> [f64; 2] {
        let Some(axis) = figure.axes.get(axis) else { return [0.0, 1.0] };
        self.ranges.get(&axis.link).copied().unwrap_or(axis.range)
    }

    fn is_hidden(&self, figure: &Figure, entry: Option<usize>) -> bool {
        entry.is_some_and(|e| self.hidden.contains(&e) != figure.legend.get(e).is_some_and(|l| l.off))
    }
}

/// What a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Put this on the clipboard.
    Copy(String),
    /// Keep this picture, a PNG in base64, as a file.
    Save(Arc<str>),
    /// Show it in a browser.
    Browse,
}

/// A picture of the chart as it is seen, wanted for the clipboard or a file.
struct Capture {
    save: bool,
    /// Frames until the menu is gone.
    left: u8,
    /// The picture of the window, when it has come.
    shot: Shot,
}

type Shot = Arc<egui::mutex::Mutex<Option<Arc<egui::ColorImage>>>>;

/// The figure with the colours it is drawn in.
struct Sheet<'a> {
    figure: &'a Figure,
    theme: &'a Theme,
    ground: Color32,
    text: Color32,
    muted: Color32,
    grid: Color32,
}

impl<'a> Sheet<'a> {
    fn new(figure: &'a Figure, theme: &'a Theme) -> Self {
        let paper = figure.paper.map(rgba);
        let ground = figure.ground.map(rgba).or(paper).unwrap_or(theme.bg);
        let on = |ground: [u8; 4]| {
            if chart::color::lightness(ground) > 0.55 { [31, 35, 43, 255] } else { [232, 235, 240, 255] }
        };
        let own = figure.paper.or(figure.ground);
        let readable =
            |c: [u8; 4], ground: [u8; 4]| (chart::color::lightness(c) - chart::color::lightness(ground)).abs() > 0.35;
        let text = match own {
            Some(g) => figure.font.filter(|f| readable(*f, g)).map_or_else(|| rgba(on(g)), rgba),
            None => theme.text,
        };
        let (muted, grid) = match own {
            Some(_) => (mix(ground, text, 0.75), mix(ground, text, 0.16)),
            None => (theme.muted, theme.hair),
        };
        Self { figure, theme, ground, text, muted, grid }
    }

    fn ink(&self, ink: Ink) -> Color32 {
        match ink {
            Ink::Auto(i) => self.theme.series(usize::from(i)),
            Ink::Text => self.text,
            Ink::Muted => self.muted,
            Ink::Ground => self.ground,
            Ink::Own(c) => rgba(c),
        }
    }
}

/// Draws the chart with its foot.
///
/// `browser`: whoever draws it can show it in a browser.
pub fn chart_ui(ui: &mut Ui, theme: &Theme, figure: &Arc<Figure>, view: &mut ChartView, browser: bool) -> Vec<Ask> {
    if view.of.as_ref().is_none_or(|of| !Arc::ptr_eq(of, figure)) {
        *view = ChartView { name: chart::label(figure), open: !figure.is_drawn(), ..ChartView::default() };
        view.of = Some(figure.clone());
    }
    let mut asks = Vec::new();
    if figure.is_drawn() {
        let width = figure.width.unwrap_or(WIDEST).min(ui.available_width()).max(120.0);
        let height = match figure.panels.as_slice() {
            // A table is as high as its rows.
            [only] if only.frame == Frame::Table && figure.height.is_none() => {
                let rows = only.series.iter().map(|s| s.data.rows()).max().unwrap_or(0);
                ((rows.min(100) + 2) as f32 * 24.0).min(HEIGHT)
            }
            _ => figure.height.unwrap_or(HEIGHT).clamp(LEAST, MOST),
        };
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
        let name = view.name.clone();
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
        response.context_menu(|ui| menu(ui, figure, view, browser, &mut asks));
        capture(ui, view, rect, &mut asks);
        if ui.is_rect_visible(rect) {
            draw(ui, theme, figure, view, rect);
        }
    }
    foot(ui, theme, figure, view, browser, &mut asks);
    asks
}

fn menu(ui: &mut Ui, figure: &Figure, view: &mut ChartView, browser: bool, asks: &mut Vec<Ask>) {
    if ui.button("Copy data").clicked() {
        asks.push(Ask::Copy(chart::tsv(figure)));
        ui.close();
    }
    if ui.button(if view.open { "Hide data" } else { "Show data as a table" }).clicked() {
        view.open = !view.open;
        ui.close();
    }
    if view.is_zoomed() && ui.button("Show all").clicked() {
        view.ranges.clear();
        ui.close();
    }
    for (label, save) in [("Copy image", false), ("Save image\u{2026}", true)] {
        if ui.button(label).clicked() {
            view.capture = Some(Capture { save, left: 3, shot: Shot::default() });
            ui.close();
        }
    }
    if browser && ui.button("Open in browser").on_hover_text(BROWSER).clicked() {
        asks.push(Ask::Browse);
        ui.close();
    }
}

const BROWSER: &str = "A page with this chart opens in your browser; it loads its library from the network";

/// Takes the picture of the chart out of one of the window.
fn capture(ui: &Ui, view: &mut ChartView, rect: Rect, asks: &mut Vec<Ask>) {
    let Some(wanted) = &mut view.capture else { return };
    if wanted.left > 0 {
        ui.ctx().request_repaint();
        wanted.left -= 1;
        if wanted.left == 0 {
            let (slot, ctx) = (wanted.shot.clone(), ui.ctx().clone());
            ui.ctx().request_screenshot(move |image| {
                *slot.lock() = Some(image);
                ctx.request_repaint();
            });
        }
        return;
    }
    let Some(shot) = wanted.shot.lock().take() else { return };
    let save = wanted.save;
    view.capture = None;
    let seen = rect.intersect(ui.clip_rect());
    let part = shot.region(&seen, Some(ui.ctx().pixels_per_point()));
    if save {
        let rgba = part.pixels.iter().flat_map(|c| c.to_srgba_unmultiplied()).collect();
        let pixels = Pixels { width: part.size[0] as u32, height: part.size[1] as u32, rgba };
        asks.extend(pixels.to_png().map(|png| Ask::Save(png.into())));
    } else {
        ui.ctx().copy_image(part);
    }
}

/// What is not drawn, and what can be done.
fn foot(ui: &mut Ui, theme: &Theme, figure: &Figure, view: &mut ChartView, browser: bool, asks: &mut Vec<Ask>) {
    for note in &figure.notes {
        ui.horizontal_wrapped(|ui| {
            ui.label(theme.icon("info", 14.0));
            ui.label(theme.small(format!("Not drawn: {}.", chart::inside(note))));
        });
    }
    // What is missing here is seen elsewhere.
    let browser = browser && !figure.notes.is_empty();
    let data = figure.series().any(|s| s.data.rows() > 0);
    if !data && !browser {
        return;
    }
    ui.horizontal(|ui| {
        ui.set_min_height(22.0);
        if browser && link(ui, theme, "Open in browser").on_hover_text(BROWSER).clicked() {
            asks.push(Ask::Browse);
        }
        if !data {
            return;
        }
        if link(ui, theme, if view.open { "Hide data" } else { "Show data" }).clicked() {
            view.open = !view.open;
        }
        if link(ui, theme, "Copy data").clicked() {
            asks.push(Ask::Copy(chart::tsv(figure)));
        }
        if view.is_zoomed() && link(ui, theme, "Show all").clicked() {
            view.ranges.clear();
        }
    });
}

fn draw(ui: &mut Ui, theme: &Theme, figure: &Figure, view: &mut ChartView, rect: Rect) {
    let sheet = Sheet::new(figure, theme);
    let painter = ui.painter_at(rect);
    if let Some(paper) = figure.paper {
        painter.rect_filled(rect, 6.0, rgba(paper));
    }
    let mut inner = rect.shrink2(vec2(if figure.paper.is_some() { 10.0 } else { 2.0 }, 4.0));
    for (words, font, color) in
        [(&figure.title, theme.semibold(14.0), sheet.text), (&figure.subtitle, theme.font(SMALL), sheet.muted)]
    {
        if !words.is_empty() {
            let galley = painter.layout(words.clone(), font, color, inner.width());
            inner.min.y += galley.size().y + 4.0;
            painter.galley(pos2(inner.left(), inner.min.y - galley.size().y - 3.0), galley, color);
        }
    }
    let mut inner = legend::legend(ui, &sheet, view, inner);
    legend::scales(&painter, &sheet, &mut inner);
    let places = axes::places(&painter, &sheet, view, inner);
    for (at, (panel, place)) in figure.panels.iter().zip(&places).enumerate() {
        if panel.frame == Frame::Axes && !panel.over {
            axes::back(&painter, &sheet, view, panel, *place);
        }
        if !panel.title.is_empty() {
            let font = theme.medium(12.0);
            painter.text(
                place.center_top() - vec2(0.0, 5.0),
                egui::Align2::CENTER_BOTTOM,
                one_line(&panel.title),
                font,
                sheet.text,
            );
        }
        paint::panel(ui, &sheet, view, at, *place);
        if panel.frame == Frame::Axes {
            axes::front(&painter, &sheet, view, panel, *place);
        }
    }
    for label in &figure.texts {
        let at = pos2(
            inner.left() + label.at[0] as f32 * inner.width(),
            inner.bottom() - label.at[1] as f32 * inner.height(),
        );
        paint::words(&painter, &sheet, label, at);
    }
    for (at, (panel, place)) in figure.panels.iter().zip(&places).enumerate() {
        // The panel on top of others of the same place takes the pointer for all of them.
        let top = places.iter().rposition(|p| p == place) == Some(at);
        if top {
            react(ui, &sheet, view, at, panel, &places, *place);
        }
    }
}

/// Panels that lie on the same place.
fn same<'a>(figure: &'a Figure, places: &'a [Rect], place: Rect) -> impl Iterator<Item = (usize, &'a Panel)> {
    figure.panels.iter().enumerate().zip(places).filter(move |(_, p)| **p == place).map(|(panel, _)| panel)
}

fn react(ui: &Ui, sheet: &Sheet<'_>, view: &mut ChartView, at: usize, panel: &Panel, places: &[Rect], place: Rect) {
    let figure = sheet.figure;
    let response = ui.interact(place, ui.scope_id().with(("panel", at)), Sense::click_and_drag());
    let pointer = response.hover_pos();
    if panel.frame == Frame::Axes {
        zoom(ui, sheet, view, at, &response, places, place);
    }
    if let Some(pointer) = pointer.filter(|_| view.drag.is_none()) {
        let found = same(figure, places, place).filter_map(|(i, p)| hover::find(sheet, view, (i, p), place, pointer));
        if let Some(tip) = found.min_by(|a, b| a.distance.total_cmp(&b.distance)) {
            hover::show(ui, sheet, &tip, place, pointer);
        }
    }
}

fn zoom(
    ui: &Ui,
    sheet: &Sheet<'_>,
    view: &mut ChartView,
    at: usize,
    response: &egui::Response,
    places: &[Rect],
    place: Rect,
) {
    let figure = sheet.figure;
    let axes: Vec<usize> = same(figure, places, place).flat_map(|(_, p)| [p.x, p.y]).collect();
    if response.double_clicked() {
        for axis in &axes {
            if let Some(axis) = figure.axes.get(*axis) {
                view.ranges.remove(&axis.link);
            }
        }
        view.drag = None;
        return;
    }
    let delta = ui.input(egui::InputState::zoom_delta);
    if let Some(pointer) = response.hover_pos().filter(|_| delta != 1.0) {
        narrow(figure, view, &axes, |is_x| {
            let share = if is_x { across(place, pointer.x) } else { up(place, pointer.y) };
            [share - share / f64::from(delta), share + (1.0 - share) / f64::from(delta)]
        });
    }
    if response.drag_started_by(egui::PointerButton::Primary) {
        view.drag = ui.input(|i| i.pointer.press_origin()).map(|p| (at, p));
    }
    let Some((_, from)) = view.drag.filter(|(panel, _)| *panel == at) else { return };
    let Some(to) = response.interact_pointer_pos() else { return };
    let to = place.clamp(to);
    let moved = to - from;
    // A drag along one side zooms along it only.
    let wide = moved.x.abs() > DRAG * 2.0;
    let high = moved.y.abs() > DRAG * 2.0;
    let chosen = Rect::from_two_pos(
        pos2(if wide { from.x } else { place.left() }, if high { from.y } else { place.top() }),
        pos2(if wide { to.x } else { place.right() }, if high { to.y } else { place.bottom() }),
    );
    if response.drag_stopped() {
        view.drag = None;
        if wide || high {
            narrow(figure, view, &axes, |is_x| match is_x {
                true if wide => [across(place, chosen.left()), across(place, chosen.right())],
                false if high => [up(place, chosen.bottom()), up(place, chosen.top())],
                _ => [0.0, 1.0],
            });
        }
    } else if wide || high {
        let color = sheet.theme.accent;
        ui.painter().rect(
            chosen,
            0.0,
            sheet.theme.fade(color, 0.12),
            egui::Stroke::new(1.0, color),
            egui::StrokeKind::Inside,
        );
    }
}

fn across(place: Rect, x: f32) -> f64 {
    f64::from((x - place.left()) / place.width().max(1.0))
}

fn up(place: Rect, y: f32) -> f64 {
    f64::from((place.bottom() - y) / place.height().max(1.0))
}

/// Shows only a part of some axes, given as shares; never so little that numbers run together.
fn narrow(figure: &Figure, view: &mut ChartView, axes: &[usize], part: impl Fn(bool) -> [f64; 2]) {
    let mut done = HashSet::new();
    for at in axes {
        let Some(axis) = figure.axes.get(*at).filter(|a| !a.key.is_empty()) else { continue };
        let [a, b] = part(axis.is_x());
        if !done.insert(axis.link) || (a == 0.0 && b == 1.0) {
            continue;
        }
        let shown = view.range(figure, *at);
        let (v, w) = (axis.value(shown, a), axis.value(shown, b));
        let range = [v.min(w), v.max(w)];
        let whole = axis.range[1] - axis.range[0];
        let width = range[1] - range[0];
        let fine = width > whole.abs() * 1e-9 && width > range[0].abs().max(range[1].abs()) * 1e-12;
        if fine && range.iter().all(|v| v.is_finite()) && width < whole.abs() * 1e6 {
            view.ranges.insert(axis.link, range);
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// Where a value of a panel is on the screen.
#[derive(Clone, Copy)]
struct Map<'a> {
    figure: &'a Figure,
    x: (usize, [f64; 2]),
    y: (usize, [f64; 2]),
    place: Rect,
}

impl<'a> Map<'a> {
    fn new(figure: &'a Figure, view: &ChartView, panel: &Panel, place: Rect) -> Self {
        Self { figure, x: (panel.x, view.range(figure, panel.x)), y: (panel.y, view.range(figure, panel.y)), place }
    }
    fn x(&self, v: f64) -> f32 {
        let share = self.figure.axes[self.x.0].share(self.x.1, v) as f32;
        self.place.left() + share * self.place.width()
    }
    fn y(&self, v: f64) -> f32 {
        let share = self.figure.axes[self.y.0].share(self.y.1, v) as f32;
        self.place.bottom() - share * self.place.height()
    }
    fn at(&self, p: [f64; 2]) -> Pos2 {
        pos2(self.x(p[0]), self.y(p[1]))
    }
    /// A rectangle of values; `NaN` gives nothing.
    fn rect(&self, [x0, y0, x1, y1]: [f64; 4]) -> Option<Rect> {
        let rect = Rect::from_two_pos(self.at([x0, y0]), self.at([x1, y1]));
        (rect.min.x.is_finite() && rect.min.y.is_finite() && rect.max.x.is_finite() && rect.max.y.is_finite())
            .then_some(rect)
    }
}

/// A circle in the middle of a place.
fn circle(place: Rect) -> (Pos2, f32) {
    let size: Vec2 = place.size();
    (place.center(), (size.min_elem() / 2.0 - 8.0).max(4.0))
}
