//! Design tokens, fonts and egui's own style: the only place that makes colours.
mod ansi;
mod fonts;
pub mod icon_names;
mod marks;
mod tokens;

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontFamily, FontId, Margin, RichText, Shadow, Stroke, TextStyle, Vec2,
    style::{Selection, WidgetVisuals},
};

pub use fonts::{family_icons, family_medium, family_semibold, install as install_fonts};
pub use marks::{CLEAR, Mark, paint_grid_mark, paint_logo, paint_mark};
pub use tokens::{DARK, LIGHT, Tokens};

/// A theme: its tokens plus helpers for text. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Theme(Arc<Tokens>);

impl std::ops::Deref for Theme {
    type Target = Tokens;
    fn deref(&self) -> &Tokens {
        &self.0
    }
}

/// Body text, points.
pub const BODY: f32 = 13.0;
/// Text of controls.
pub const CONTROL: f32 = 12.0;
/// Small text: notes, section heads, status bar.
pub const SMALL: f32 = 11.5;
/// Source and logs.
pub const MONO: f32 = 12.5;

impl Theme {
    /// The shipped dark theme.
    pub fn dark() -> Self {
        Self(Arc::new(tokens::shipped(DARK)))
    }
    /// The shipped light theme.
    pub fn light() -> Self {
        Self(Arc::new(tokens::shipped(LIGHT)))
    }
    /// A theme from TOML; missing tokens come from the shipped theme of the same darkness.
    pub fn parse(text: &str) -> crate::base::Result<Self> {
        tokens::parse(text).map(|t| Self(Arc::new(t)))
    }
    /// Regular UI font.
    pub fn font(&self, size: f32) -> FontId {
        FontId::new(size, FontFamily::Proportional)
    }
    /// Weight 500.
    pub fn medium(&self, size: f32) -> FontId {
        FontId::new(size, family_medium())
    }
    /// Weight 600.
    pub fn semibold(&self, size: f32) -> FontId {
        FontId::new(size, family_semibold())
    }
    /// Monospace.
    pub fn mono(&self, size: f32) -> FontId {
        FontId::new(size, FontFamily::Monospace)
    }
    /// Icons; `size` is the box: 14, 16 or 18.
    pub fn icon_font(&self, size: f32) -> FontId {
        FontId::new(size, family_icons())
    }
    /// Body text in the text colour.
    pub fn body(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.font(BODY)).color(self.text)
    }
    /// Body text, weight 600.
    pub fn strong(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.semibold(BODY)).color(self.text)
    }
    /// Body text, weight 500.
    pub fn label(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.medium(BODY)).color(self.text)
    }
    /// Body text in the muted colour.
    pub fn muted(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.font(BODY)).color(self.muted)
    }
    /// Small muted text.
    pub fn small(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.font(SMALL)).color(self.muted)
    }
    /// Small faint text: times, units.
    pub fn faint(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.font(SMALL)).color(self.faint)
    }
    /// Page title, 15/600.
    pub fn heading(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.semibold(15.0)).color(self.text)
    }
    /// The one big number or title of a page, 20/600.
    pub fn display(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.semibold(20.0)).color(self.text)
    }
    /// Section head, 11.5/600 muted.
    pub fn section(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.semibold(SMALL)).color(self.muted)
    }
    /// Monospaced text.
    pub fn code(&self, text: impl Into<String>) -> RichText {
        RichText::new(text).font(self.mono(CONTROL)).color(self.text)
    }
    /// An icon as text.
    pub fn icon(&self, name: &str, size: f32) -> RichText {
        RichText::new(icon(name).to_string()).font(self.icon_font(size)).color(self.muted)
    }
    /// Colour of a mark.
    pub fn mark(&self, mark: Mark) -> Color32 {
        match mark {
            Mark::Success => self.ok,
            Mark::Failed => self.fail,
            Mark::Running => self.run,
            Mark::Warning => self.warn,
            Mark::Cancelled => self.canc,
            Mark::Queued | Mark::Skipped | Mark::Unknown => self.idle,
        }
    }
    /// Colour of the word beside a mark: grey states use muted, which has more contrast.
    pub fn mark_text(&self, mark: Mark) -> Color32 {
        match mark {
            Mark::Queued | Mark::Skipped | Mark::Unknown => self.muted,
            _ => self.mark(mark),
        }
    }
    /// Flat tint behind a mark.
    pub fn tint(&self, mark: Mark) -> Color32 {
        match mark {
            Mark::Success => self.ok_t,
            Mark::Failed => self.fail_t,
            Mark::Running => self.run_t,
            Mark::Warning => self.warn_t,
            Mark::Cancelled => self.canc_t,
            Mark::Queued | Mark::Skipped | Mark::Unknown => self.idle_t,
        }
    }
    /// Success in grids: 55 % over the ground, so that one failure is found at once.
    pub fn ok_grid(&self) -> Color32 {
        mix(self.bg, self.ok, 0.55)
    }
    /// Series colour number `index`, eight in turn.
    pub fn series(&self, index: usize) -> Color32 {
        let all = [self.s1, self.s2, self.s3, self.s4, self.s5, self.s6, self.s7, self.s8];
        all[index % all.len()]
    }
    /// 1 px decorative line.
    pub fn hairline(&self) -> Stroke {
        Stroke::new(1.0, self.hair)
    }
    /// `color` with this share of opacity.
    pub fn fade(&self, color: Color32, share: f32) -> Color32 {
        color.gamma_multiply(share)
    }
    /// Sets egui's own style so that stock widgets fit in.
    pub fn apply(&self, ctx: &egui::Context) {
        let theme = if self.dark { egui::Theme::Dark } else { egui::Theme::Light };
        ctx.set_theme(theme);
        ctx.all_styles_mut(|style| {
            style.text_styles = [
                (TextStyle::Small, self.font(SMALL)),
                (TextStyle::Body, self.font(BODY)),
                (TextStyle::Button, self.medium(CONTROL)),
                (TextStyle::Heading, self.semibold(15.0)),
                (TextStyle::Monospace, self.mono(MONO)),
            ]
            .into();
            style.animation_time = 0.0;
            style.interaction.tooltip_delay = 0.4;
            style.interaction.selectable_labels = false;
            self.spacing(&mut style.spacing);
            self.visuals(&mut style.visuals);
        });
    }

    fn spacing(&self, spacing: &mut egui::Spacing) {
        spacing.item_spacing = Vec2::new(8.0, 4.0);
        spacing.button_padding = Vec2::new(8.0, 3.0);
        spacing.interact_size = Vec2::new(24.0, 24.0);
        spacing.menu_margin = Margin::same(4);
        spacing.window_margin = Margin::same(16);
        spacing.icon_width = 14.0;
        spacing.scroll = egui::style::ScrollStyle {
            bar_width: 8.0,
            floating_allocated_width: 0.0,
            ..egui::style::ScrollStyle::thin()
        };
    }

    fn visuals(&self, v: &mut egui::Visuals) {
        v.dark_mode = self.dark;
        v.override_text_color = None;
        v.panel_fill = self.bg;
        v.window_fill = self.raised;
        v.window_stroke = Stroke::new(1.0, self.border);
        v.window_corner_radius = CornerRadius::same(8);
        v.menu_corner_radius = CornerRadius::same(8);
        v.window_shadow = self.shadow();
        v.popup_shadow = self.shadow();
        v.extreme_bg_color = self.bg;
        v.text_edit_bg_color = Some(self.bg);
        v.code_bg_color = self.panel;
        v.faint_bg_color = self.panel;
        v.hyperlink_color = self.accent;
        v.warn_fg_color = self.warn;
        v.error_fg_color = self.fail;
        v.selection = Selection { bg_fill: self.sel, stroke: Stroke::new(1.0, self.text) };
        v.text_cursor.stroke = Stroke::new(2.0, self.text);
        v.weak_text_color = Some(self.muted);
        let face = |fill: Color32, line: Color32, text: Color32| WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: Stroke::new(1.0, line),
            corner_radius: CornerRadius::same(4),
            fg_stroke: Stroke::new(1.0, text),
            expansion: 0.0,
        };
        v.widgets.noninteractive = face(self.panel, self.hair, self.text);
        v.widgets.inactive = face(self.raised, self.hair, self.text);
        v.widgets.hovered = face(self.hover, self.hair, self.text);
        v.widgets.active = face(self.sel, self.hair, self.text);
        v.widgets.open = face(self.hover, self.hair, self.text);
    }

    /// Shadow of what floats.
    pub fn shadow(&self) -> Shadow {
        Shadow {
            offset: [0, 8],
            blur: 24,
            spread: 0,
            color: Color32::from_black_alpha(if self.dark { 115 } else { 40 }),
        }
    }
}

/// A colour that a document asks for: red, green, blue and opacity.
pub fn rgba([r, g, b, a]: [u8; 4]) -> Color32 {
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

/// Linear mix of two colours in sRGB.
pub fn mix(a: Color32, b: Color32, share: f32) -> Color32 {
    let part = |x: u8, y: u8| (f32::from(x) + (f32::from(y) - f32::from(x)) * share).round() as u8;
    Color32::from_rgb(part(a.r(), b.r()), part(a.g(), b.g()), part(a.b(), b.b()))
}

/// The glyph of an icon; an unknown name gives the square, which a test finds.
pub fn icon(name: &str) -> char {
    icon_names::ICONS.binary_search_by(|(n, _)| (*n).cmp(name)).map_or('\u{25a1}', |i| icon_names::ICONS[i].1)
}
