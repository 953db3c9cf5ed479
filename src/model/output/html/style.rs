//! The few declarations of CSS that colour and weigh text.
use super::super::text::{Ink, Style};

pub(super) fn apply_css(style: &mut Style, css: &str) {
    for declaration in css.split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "color" => style.fg = colour(value).unwrap_or(style.fg),
            "background-color" | "background" => style.bg = colour(value).unwrap_or(style.bg),
            "font-weight" => style.bold = value == "bold" || value.parse::<u32>().is_ok_and(|n| n >= 600),
            "font-style" => style.italic = value == "italic" || value == "oblique",
            "text-decoration" => {
                style.underline |= value.contains("underline");
                style.strike |= value.contains("line-through");
            }
            _ => {}
        }
    }
}

/// `#rgb`, `#rrggbb`, `rgb(1, 2, 3)` and the common names.
pub fn colour(text: &str) -> Option<Ink> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        return match *digits.as_slice() {
            [r, g, b] | [r, g, b, _] if hex.len() <= 4 => Some(Ink::Rgb(r * 17, g * 17, b * 17)),
            [a, b, c, d, e, f, ..] if hex.len() == 6 || hex.len() == 8 => {
                Some(Ink::Rgb(a * 16 + b, c * 16 + d, e * 16 + f))
            }
            _ => None,
        };
    }
    if let Some(inside) = text.strip_prefix("rgb").and_then(|t| t.split_once('(')).map(|(_, t)| t) {
        let mut numbers = inside.split([',', ' ', ')', '/']).filter_map(|n| n.trim().parse::<f32>().ok());
        let mut next = || numbers.next().map(|n| n.clamp(0.0, 255.0) as u8);
        return Some(Ink::Rgb(next()?, next()?, next()?));
    }
    if let Some(inside) = text.strip_prefix("hsl").and_then(|t| t.split_once('(')).map(|(_, t)| t) {
        let mut numbers = inside
            .split([',', ' ', ')', '/'])
            .filter_map(|n| n.trim().trim_end_matches(['%']).trim_end_matches("deg").parse::<f32>().ok());
        let (hue, saturation, light) = (numbers.next()?, numbers.next()? / 100.0, numbers.next()? / 100.0);
        let (saturation, light) = (saturation.clamp(0.0, 1.0), light.clamp(0.0, 1.0));
        let part = |n: f32| {
            let k = (n + hue.rem_euclid(360.0) / 30.0) % 12.0;
            let value = light - saturation * light.min(1.0 - light) * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
            (value * 255.0).round() as u8
        };
        return Some(Ink::Rgb(part(0.0), part(8.0), part(4.0)));
    }
    const NAMED: &[(&str, u32)] = &[
        ("black", 0x00_0000),
        ("white", 0xff_ffff),
        ("red", 0xff_0000),
        ("green", 0x00_8000),
        ("blue", 0x00_00ff),
        ("yellow", 0xff_ff00),
        ("orange", 0xff_a500),
        ("purple", 0x80_0080),
        ("gray", 0x80_8080),
        ("grey", 0x80_8080),
        ("silver", 0xc0_c0c0),
        ("maroon", 0x80_0000),
        ("olive", 0x80_8000),
        ("lime", 0x00_ff00),
        ("aqua", 0x00_ffff),
        ("cyan", 0x00_ffff),
        ("teal", 0x00_8080),
        ("navy", 0x00_0080),
        ("fuchsia", 0xff_00ff),
        ("magenta", 0xff_00ff),
        ("gold", 0xff_d700),
        ("pink", 0xff_c0cb),
        ("brown", 0xa5_2a2a),
        ("crimson", 0xdc_143c),
        ("darkred", 0x8b_0000),
        ("darkgreen", 0x00_6400),
        ("darkblue", 0x00_008b),
        ("lightgreen", 0x90_ee90),
        ("lightblue", 0xad_d8e6),
        ("lightyellow", 0xff_ffe0),
        ("lightgray", 0xd3_d3d3),
        ("lightgrey", 0xd3_d3d3),
        ("tomato", 0xff_6347),
        ("coral", 0xff_7f50),
        ("salmon", 0xfa_8072),
        ("indigo", 0x4b_0082),
        ("violet", 0xee_82ee),
    ];
    let value = NAMED.iter().find(|(n, _)| *n == text).map(|(_, v)| *v)?;
    Some(Ink::Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8))
}
