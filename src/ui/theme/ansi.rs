//! Colours of terminal text: the 16 names from the theme, others kept readable on the ground they stand on.
use egui::Color32;

use super::{Theme, mix};

/// Contrast that terminal text keeps.
const FLOOR: f32 = 4.5;

impl Theme {
    /// Terminal colour 0 to 15 as text on `ground`.
    pub fn ansi(&self, number: u8, ground: Color32) -> Color32 {
        let color = match number {
            0 | 8 => self.muted,
            1 | 9 => self.fail,
            2 | 10 => self.ok,
            3 | 11 => self.warn,
            4 | 12 => self.accent,
            5 | 13 => self.canc,
            6 | 14 => mix(self.ok, self.accent, 0.5),
            _ => self.text,
        };
        self.readable(color, ground)
    }
    /// Terminal colour 0 to 15 as a ground.
    pub fn ansi_ground(&self, number: u8) -> Color32 {
        match number {
            0 => self.sunken,
            8 => self.raised,
            1 | 9 => self.fail_t,
            2 | 10 => self.ok_t,
            3 | 11 => self.warn_t,
            4 | 12 => self.sel,
            5 | 13 => self.canc_t,
            6 | 14 => self.run_t,
            _ => self.hover,
        }
    }
    /// A colour the program asked for.
    pub fn rgb(&self, r: u8, g: u8, b: u8) -> Color32 {
        Color32::from_rgb(r, g, b)
    }
    /// `color`, moved towards black or white until it can be read on `ground`.
    pub fn readable(&self, color: Color32, ground: Color32) -> Color32 {
        let dark_ground = luminance(ground) < 0.18;
        let towards = if dark_ground { Color32::WHITE } else { Color32::BLACK };
        let steps = (0..=10).map(|i| mix(color, towards, i as f32 / 10.0));
        steps.into_iter().find(|c| contrast(*c, ground) >= FLOOR).unwrap_or(towards)
    }
    /// White or black pixels, for pictures.
    pub fn untinted(&self) -> Color32 {
        Color32::WHITE
    }
}

fn luminance(c: Color32) -> f32 {
    let lin = |v: u8| {
        let v = f32::from(v) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * lin(c.r()) + 0.7152 * lin(c.g()) + 0.0722 * lin(c.b())
}

fn contrast(a: Color32, b: Color32) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_terminal_colour_can_be_read_on_every_ground() {
        for theme in [Theme::dark(), Theme::light()] {
            for n in 0..16 {
                assert!(contrast(theme.ansi(n, theme.bg), theme.bg) >= FLOOR, "{n} on bg");
                for ground in 0..16 {
                    let ground = theme.ansi_ground(ground);
                    assert!(contrast(theme.ansi(n, ground), ground) >= FLOOR, "{n} on {ground:?}");
                }
            }
            for value in [0, 60, 128, 200, 255] {
                let c = theme.readable(theme.rgb(value, 255 - value, value / 2), theme.bg);
                assert!(contrast(c, theme.bg) >= FLOOR);
            }
        }
    }
}
