//! The values of a theme, read from themes/*.toml.
use egui::Color32;

use crate::base::{Error, Result, error::Context, text};

/// Source of the shipped dark theme.
pub const DARK: &str = include_str!("../../../themes/dark.toml");
/// Source of the shipped light theme.
pub const LIGHT: &str = include_str!("../../../themes/light.toml");

macro_rules! tokens {
    ($($name:ident),* $(,)?) => {
        /// Colours by role; ARCHITECTURE.md says what each is for.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub struct Tokens { pub name: String, pub dark: bool, $(pub $name: Color32),* }

        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn build(name: String, dark: bool, get: &dyn Fn(&str) -> Color32) -> Tokens {
            Tokens { name, dark, $($name: get(stringify!($name))),* }
        }
    };
}

tokens!(
    bg, panel, raised, hover, sunken, text, muted, faint, hair, border, focus, accent, sel, selsoft, on, ok, fail, run,
    warn, canc, idle, ok_t, fail_t, run_t, warn_t, canc_t, idle_t, add, addw, del, delw, mov, movw, s1, s2, s3, s4, s5,
    s6, s7, s8, bar, barhi, kw, str, num, r#fn, com, op,
);

/// Reads a shipped theme, whose completeness a test proves.
pub fn shipped(source: &str) -> Tokens {
    parse(source).unwrap_or_else(|_| build("plain".to_owned(), true, &|_| Color32::GRAY))
}

/// Reads a theme file.
pub fn parse(source: &str) -> Result<Tokens> {
    let table: toml::Table = source.parse().config(|| "The theme is not TOML".to_owned())?;
    let name = table.get("name").and_then(toml::Value::as_str).unwrap_or("unnamed").to_owned();
    let dark = table.get("dark").and_then(toml::Value::as_bool).unwrap_or(true);
    let base: toml::Table =
        (if dark { DARK } else { LIGHT }).parse().map_err(|e| Error::bug("The shipped theme is broken").because(&e))?;
    for key in table.keys().filter(|k| !matches!(k.as_str(), "name" | "dark")) {
        if !NAMES.iter().any(|n| n.trim_start_matches("r#") == key) {
            let near = text::nearest(key, NAMES.iter().map(|n| n.trim_start_matches("r#")));
            let error = Error::config(format!("The theme {name} has an unknown token {key}"));
            return Err(match near {
                Some(near) => error.hint(format!("Did you mean {near}?")),
                None => error,
            });
        }
    }
    let mut wrong = None;
    for token in NAMES {
        let key = token.trim_start_matches("r#");
        if color(&table, key).or_else(|| color(&base, key)).is_none()
            || (table.contains_key(key) && color(&table, key).is_none())
        {
            wrong = Some(key);
        }
    }
    if let Some(key) = wrong {
        return Err(Error::config(format!("The theme {name}: {key} is not a colour such as \"#16181D\"")));
    }
    Ok(build(name, dark, &|token| {
        let key = token.trim_start_matches("r#");
        color(&table, key).or_else(|| color(&base, key)).unwrap_or(Color32::GRAY)
    }))
}

fn color(table: &toml::Table, key: &str) -> Option<Color32> {
    let hex = table.get(key)?.as_str()?.strip_prefix('#')?;
    if hex.len() != 6 || !hex.is_ascii() {
        return None;
    }
    let part = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).ok();
    Some(Color32::from_rgb(part(0)?, part(2)?, part(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f32 {
        let lin = |v: u8| {
            let v = f32::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * lin(c.r()) + 0.7152 * lin(c.g()) + 0.0722 * lin(c.b())
    }

    /// WCAG 2 contrast ratio.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn shipped_themes_are_complete_and_readable() {
        for source in [DARK, LIGHT] {
            let table: toml::Table = source.parse().unwrap();
            for token in NAMES {
                assert!(color(&table, token.trim_start_matches("r#")).is_some(), "{token} missing");
            }
            let t = parse(source).unwrap();
            for ground in [t.bg, t.panel] {
                assert!(contrast(t.text, ground) >= 7.0, "{}: text", t.name);
                for (what, c) in [
                    ("muted", t.muted),
                    ("faint", t.faint),
                    ("ok", t.ok),
                    ("fail", t.fail),
                    ("run", t.run),
                    ("warn", t.warn),
                    ("canc", t.canc),
                    ("accent", t.accent),
                ] {
                    assert!(contrast(c, ground) >= 4.5, "{}: {what} {}", t.name, contrast(c, ground));
                }
                for (what, c) in [("idle", t.idle), ("border", t.border), ("focus", t.focus)] {
                    assert!(contrast(c, ground) >= 3.0, "{}: {what}", t.name);
                }
            }
            assert!(contrast(t.on, t.accent) >= 4.5);
        }
    }

    #[test]
    fn a_mistyped_token_is_named() {
        let e = parse("name = \"x\"\npanle = \"#000000\"").unwrap_err();
        assert_eq!(e.hint.as_deref(), Some("Did you mean panel?"));
        assert!(parse("bg = \"blue\"").is_err());
        assert_eq!(parse("bg = \"#010203\"").unwrap().bg, Color32::from_rgb(1, 2, 3));
    }
}
