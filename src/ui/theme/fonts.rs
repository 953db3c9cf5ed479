//! The bundled fonts.
use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// Inter, weight 500.
pub fn family_medium() -> FontFamily {
    FontFamily::Name("medium".into())
}

/// Inter, weight 600.
pub fn family_semibold() -> FontFamily {
    FontFamily::Name("semibold".into())
}

/// The icons.
pub fn family_icons() -> FontFamily {
    FontFamily::Name("icons".into())
}

/// Gives the context our fonts; egui's own stay behind them for emoji and rare symbols.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let ours: [(&str, &'static [u8]); 6] = [
        ("inter", include_bytes!("../../../assets/fonts/Inter-Regular.ttf")),
        ("inter-500", include_bytes!("../../../assets/fonts/Inter-Medium.ttf")),
        ("inter-600", include_bytes!("../../../assets/fonts/Inter-SemiBold.ttf")),
        ("mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")),
        ("mono-500", include_bytes!("../../../assets/fonts/JetBrainsMono-Medium.ttf")),
        ("lucide", include_bytes!("../../../assets/fonts/lucide-subset.ttf")),
    ];
    for (name, bytes) in ours {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let fallbacks = |first: &[&str], rest: &[String]| -> Vec<String> {
        first.iter().map(|s| (*s).to_owned()).chain(rest.iter().cloned()).collect()
    };
    let mut proportional = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    // The icons come last: they have the two symbols of the Markdown widget's copy button.
    proportional.push("lucide".to_owned());
    let monospace = fonts.families.get(&FontFamily::Monospace).cloned().unwrap_or_default();
    let families = [
        (FontFamily::Proportional, fallbacks(&["inter", "mono"], &proportional)),
        (family_medium(), fallbacks(&["inter-500", "mono-500"], &proportional)),
        (family_semibold(), fallbacks(&["inter-600", "mono-500"], &proportional)),
        (FontFamily::Monospace, fallbacks(&["mono", "inter"], &monospace)),
        (family_icons(), fallbacks(&["lucide", "inter"], &[])),
    ];
    fonts.families.extend(families);
    fonts
}
