//! Colours as figures write them, and the named colour scales.
use std::sync::Arc;

use serde_json::Value;

/// Red, green, blue and opacity, not premultiplied.
pub type Rgba = [u8; 4];

/// Reads `#f00`, `#ff0000`, `rgb(..)`, `rgba(..)`, `hsl(..)` and CSS names.
pub fn parse(text: &str) -> Option<Rgba> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix('#') {
        return parse_hex(hex);
    }
    let lower = text.to_ascii_lowercase();
    if let Some((kind, rest)) = lower.split_once('(') {
        let parts: Vec<&str> =
            rest.trim_end_matches(')').split([',', '/', ' ']).map(str::trim).filter(|p| !p.is_empty()).collect();
        let alpha = match parts.get(3) {
            Some(a) => (number(a, 1.0)? * 255.0).round().clamp(0.0, 255.0) as u8,
            None => 255,
        };
        let [a, b, c] = [parts.first()?, parts.get(1)?, parts.get(2)?];
        return match kind.trim() {
            "rgb" | "rgba" => {
                let byte = |t: &str| Some(number(t, 255.0)?.round().clamp(0.0, 255.0) as u8);
                Some([byte(a)?, byte(b)?, byte(c)?, alpha])
            }
            "hsl" | "hsla" => {
                let [r, g, b] = from_hsl(number(a.trim_end_matches("deg"), 360.0)?, number(b, 1.0)?, number(c, 1.0)?);
                Some([r, g, b, alpha])
            }
            _ => None,
        };
    }
    if lower == "transparent" || lower == "none" {
        return Some([0, 0, 0, 0]);
    }
    named(&lower)
}

fn parse_hex(hex: &str) -> Option<Rgba> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let d = digits?;
    Some(match d.as_slice() {
        [r, g, b] => [r * 17, g * 17, b * 17, 255],
        [r, g, b, a] => [r * 17, g * 17, b * 17, a * 17],
        [r, r2, g, g2, b, b2] => [r * 16 + r2, g * 16 + g2, b * 16 + b2, 255],
        [r, r2, g, g2, b, b2, a, a2] => [r * 16 + r2, g * 16 + g2, b * 16 + b2, a * 16 + a2],
        _ => return None,
    })
}

/// A number, or a share of `whole` when it ends in a percent sign.
fn number(text: &str, whole: f64) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(share) => Some(share.parse::<f64>().ok()? / 100.0 * whole),
        None => text.parse().ok(),
    }
}

fn from_hsl(h: f64, s: f64, l: f64) -> [u8; 3] {
    let c = (1.0 - (2.0 * l - 1.0).abs()) * s;
    let h = h.rem_euclid(360.0) / 60.0;
    let x = c * (1.0 - (h % 2.0 - 1.0).abs());
    let (r, g, b) = match h as u8 {
        0 => (c, x, 0.0),
        1 => (x, c, 0.0),
        2 => (0.0, c, x),
        3 => (0.0, x, c),
        4 => (x, 0.0, c),
        _ => (c, 0.0, x),
    };
    [r, g, b].map(|v| ((v + l - c / 2.0) * 255.0).round().clamp(0.0, 255.0) as u8)
}

fn named(name: &str) -> Option<Rgba> {
    NAMES.iter().find(|(n, _)| *n == name).and_then(|(_, hex)| parse_hex(hex))
}

/// `#rrggbb`, with the opacity behind it when it is not full.
pub fn hex(c: Rgba) -> String {
    match c[3] {
        255 => format!("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]),
        a => format!("#{:02x}{:02x}{:02x}{a:02x}", c[0], c[1], c[2]),
    }
}

/// How light a colour is, 0 to 1.
pub fn lightness(c: Rgba) -> f32 {
    (0.299 * f32::from(c[0]) + 0.587 * f32::from(c[1]) + 0.114 * f32::from(c[2])) / 255.0
}

/// The colour at a share of the way along stops that ascend.
pub fn along(stops: &[(f32, Rgba)], share: f32) -> Rgba {
    let share = if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) };
    let after = stops.iter().position(|(at, _)| *at >= share).unwrap_or(stops.len().saturating_sub(1));
    let Some((to, b)) = stops.get(after) else { return [128, 128, 128, 255] };
    let Some((from, a)) = after.checked_sub(1).and_then(|i| stops.get(i)) else { return *b };
    let t = if to > from { (share - from) / (to - from) } else { 1.0 };
    std::array::from_fn(|i| (f32::from(a[i]) + (f32::from(b[i]) - f32::from(a[i])) * t).round() as u8)
}

/// Stops at equal distances.
fn even(colors: &[Rgba]) -> Arc<[(f32, Rgba)]> {
    let last = colors.len().saturating_sub(1).max(1) as f32;
    colors.iter().enumerate().map(|(i, c)| (i as f32 / last, *c)).collect()
}

/// A scale from a figure: its name, `[[0, "#fff"], [1, "red"]]` or a list of colours.
pub fn scale(value: &Value) -> Option<Arc<[(f32, Rgba)]>> {
    match value {
        Value::String(name) => named_scale(name),
        Value::Array(list) if list.len() >= 2 && list.len() <= 1024 => {
            let mut stops = Vec::with_capacity(list.len());
            for item in list {
                match item {
                    Value::Array(pair) => {
                        let at = pair.first()?.as_f64()?;
                        stops.push((at as f32, parse(pair.get(1)?.as_str()?)?));
                    }
                    Value::String(color) => stops.push((f32::NAN, parse(color)?)),
                    _ => return None,
                }
            }
            if stops.iter().any(|(at, _)| at.is_nan()) {
                return Some(even(&stops.iter().map(|(_, c)| *c).collect::<Vec<_>>()));
            }
            stops.sort_by(|a, b| a.0.total_cmp(&b.0));
            Some(stops.into())
        }
        _ => None,
    }
}

/// A scale by its name in plotly, vega or d3; `_r` or `reversed` turns it round.
pub fn named_scale(name: &str) -> Option<Arc<[(f32, Rgba)]>> {
    let lower = name.to_ascii_lowercase().replace([' ', '-'], "");
    let (base, turned) = match lower.strip_suffix("_r") {
        Some(base) => (base, true),
        None => (lower.as_str(), false),
    };
    let (_, colors) = SCALES.iter().find(|(names, _)| names.split(' ').any(|n| n == base))?;
    let mut colors: Vec<Rgba> = colors.split(' ').filter_map(parse_hex).collect();
    if turned {
        colors.reverse();
    }
    Some(even(&colors))
}

/// Colours of a categorical scheme of vega.
pub fn scheme(name: &str) -> Option<Vec<Rgba>> {
    let (_, colors) = SCHEMES.iter().find(|(n, _)| *n == name)?;
    Some(colors.split(' ').filter_map(parse_hex).collect())
}

const SCHEMES: &[(&str, &str)] = &[
    ("tableau10", "4c78a8 f58518 e45756 72b7b2 54a24b eeca3b b279a2 ff9da6 9d755d bab0ac"),
    ("category10", "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf"),
    (
        "tableau20",
        "4c78a8 9ecae9 f58518 ffbf79 54a24b 88d27a b79a20 f2cf5b 439894 83bcb6 e45756 ff9d98 79706e bab0ac d67195 fcbfd2 b279a2 d6a5c9 9e765f d8b5a5",
    ),
    (
        "category20",
        "1f77b4 aec7e8 ff7f0e ffbb78 2ca02c 98df8a d62728 ff9896 9467bd c5b0d5 8c564b c49c94 e377c2 f7b6d2 7f7f7f c7c7c7 bcbd22 dbdb8d 17becf 9edae5",
    ),
    ("accent", "7fc97f beaed4 fdc086 ffff99 386cb0 f0027f bf5b17 666666"),
    ("dark2", "1b9e77 d95f02 7570b3 e7298a 66a61e e6ab02 a6761d 666666"),
    ("paired", "a6cee3 1f78b4 b2df8a 33a02c fb9a99 e31a1c fdbf6f ff7f00 cab2d6 6a3d9a ffff99 b15928"),
    ("pastel1", "fbb4ae b3cde3 ccebc5 decbe4 fed9a6 ffffcc e5d8bd fddaec f2f2f2"),
    ("pastel2", "b3e2cd fdcdac cbd5e8 f4cae4 e6f5c9 fff2ae f1e2cc cccccc"),
    ("set1", "e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf 999999"),
    ("set2", "66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3"),
    ("set3", "8dd3c7 ffffb3 bebada fb8072 80b1d3 fdb462 b3de69 fccde5 d9d9d9 bc80bd ccebc5 ffed6f"),
    ("observable10", "4269d0 efb118 ff725c 6cc5b0 3ca951 ff8ab7 a463f2 97bbf5 9c6b4e 9498a0"),
];

/// Names (plotly's, vega's) and colours from the low to the high end.
const SCALES: &[(&str, &str)] = &[
    ("viridis", "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"),
    ("plasma", "0d0887 46039f 7201a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921"),
    ("inferno", "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4"),
    ("magma", "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf"),
    ("cividis", "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838"),
    (
        "turbo",
        "30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d f36315 d93806 b11901 7a0402",
    ),
    ("blues", "f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b"),
    ("greens", "f7fcf5 e5f5e0 c7e9c0 a1d99b 74c476 41ab5d 238b45 006d2c 00441b"),
    ("reds", "fff5f0 fee0d2 fcbba1 fc9272 fb6a4a ef3b2c cb181d a50f15 67000d"),
    ("oranges", "fff5eb fee6ce fdd0a2 fdae6b fd8d3c f16913 d94801 a63603 7f2704"),
    ("purples", "fcfbfd efedf5 dadaeb bcbddc 9e9ac8 807dba 6a51a3 54278f 3f007d"),
    ("greys grays", "ffffff f0f0f0 d9d9d9 bdbdbd 969696 737373 525252 252525 000000"),
    ("ylgnbu yellowgreenblue", "ffffd9 edf8b1 c7e9b4 7fcdbb 41b6c4 1d91c0 225ea8 253494 081d58"),
    ("ylgn yellowgreen", "ffffe5 f7fcb9 d9f0a3 addd8e 78c679 41ab5d 238443 006837 004529"),
    ("ylorrd yelloworangered", "ffffcc ffeda0 fed976 feb24c fd8d3c fc4e2a e31a1c bd0026 800026"),
    ("ylorbr yelloworangebrown", "ffffe5 fff7bc fee391 fec44f fe9929 ec7014 cc4c02 993404 662506"),
    ("bugn bluegreen", "f7fcfd e5f5f9 ccece6 99d8c9 66c2a4 41ae76 238b45 006d2c 00441b"),
    ("bupu bluepurple", "f7fcfd e0ecf4 bfd3e6 9ebcda 8c96c6 8c6bb1 88419d 810f7c 4d004b"),
    ("gnbu greenblue", "f7fcf0 e0f3db ccebc5 a8ddb5 7bccc4 4eb3d3 2b8cbe 0868ac 084081"),
    ("orrd orangered", "fff7ec fee8c8 fdd49e fdbb84 fc8d59 ef6548 d7301f b30000 7f0000"),
    ("pubu purpleblue", "fff7fb ece7f2 d0d1e6 a6bddb 74a9cf 3690c0 0570b0 045a8d 023858"),
    ("purd purplered", "f7f4f9 e7e1ef d4b9da c994c7 df65b0 e7298a ce1256 980043 67001f"),
    ("rdpu redpurple", "fff7f3 fde0dd fcc5c0 fa9fb5 f768a1 dd3497 ae017e 7a0177 49006a"),
    ("rdbu redblue", "67001f b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac 053061"),
    ("rdylbu redyellowblue", "a50026 d73027 f46d43 fdae61 fee090 ffffbf e0f3f8 abd9e9 74add1 4575b4 313695"),
    ("rdylgn redyellowgreen", "a50026 d73027 f46d43 fdae61 fee08b ffffbf d9ef8b a6d96a 66bd63 1a9850 006837"),
    ("spectral", "9e0142 d53e4f f46d43 fdae61 fee08b ffffbf e6f598 abdda4 66c2a5 3288bd 5e4fa2"),
    ("piyg pinkyellowgreen", "8e0152 c51b7d de77ae f1b6da fde0ef f7f7f7 e6f5d0 b8e186 7fbc41 4d9221 276419"),
    ("prgn purplegreen", "40004b 762a83 9970ab c2a5cf e7d4e8 f7f7f7 d9f0d3 a6dba0 5aae61 1b7837 00441b"),
    ("brbg brownbluegreen", "543005 8c510a bf812d dfc27d f6e8c3 f5f5f5 c7eae5 80cdc1 35978f 01665e 003c30"),
    ("puor purpleorange", "7f3b08 b35806 e08214 fdb863 fee0b6 f7f7f7 d8daeb b2abd2 8073ac 542788 2d004b"),
    ("rdgy redgrey", "67001f b2182b d6604d f4a582 fddbc7 ffffff e0e0e0 bababa 878787 4d4d4d 1a1a1a"),
    ("blueorange", "134b85 2f78b3 5da2cb 9dcae1 d2e5ef f2f0eb fce0ba fbbf74 e8932f c5690d 994a07"),
    ("jet", "000083 003caa 05ffff ffff00 fa0000 800000"),
    ("hot", "000000 e60000 ffd200 ffffff"),
    ("blackbody", "000000 e60000 e6d200 ffffff a0c8ff"),
    ("portland", "0c3383 0a88ba f2d338 f28f38 d91e1e"),
    ("electric", "000000 1e0064 780064 a05a00 e6c800 fffadc"),
    ("bluered", "0000ff ff0000"),
    ("icefire", "bde7db 4c9abf 3a5ba8 1e1e1e 8d2a47 d56b3d ffe4a6"),
    ("rainbow", "96005a 0000c8 0019ff 0098ff 2cff96 97ff00 ffea00 ff6f00 ff0000"),
    ("sinebow", "ff4040 e78d0b a7d503 58fc2a 18f472 00bfbf 1872f4 582afc a703d5 e70b8d ff4040"),
    ("teal tealgrn teals", "d1eeea a8dbd9 85c4c9 68abb8 4f90a6 3b738f 2a5674"),
    ("sunset", "f3e79b fac484 f8a07e eb7f86 ce6693 a059a0 5c53a5"),
    ("warmgreys", "dcd4d0 cec5c1 c0b8b4 b3aaa7 a59c99 98908c 8b827f 7e7673 726866 665c5a"),
    ("tealblues", "bce4d8 95cecb 6bb7c0 48a0b6 3688a9 2c6f99 245785"),
    ("lightgreyred", "efe9e6 f9c9a7 f2a27a e37c5b cd5848 b53a3f"),
    ("goldgreen", "f4d166 cfc65e a3b958 79a95a 529560 2d8059 146c36"),
    ("tempo", "fef5f4 dee0d2 bdcea9 9bbf8e 6caf7c 3a9d76 108777 0e6f74 14516e 151d44"),
    ("haline", "292461 2a479b 14678c 2a7a86 3c8c84 4a9f80 5fb274 84c363 bdcf5c fdeda0"),
    ("thermal", "042333 2c3395 744992 b15f82 ebae53 ffe27a e8fa5b"),
    ("balance", "181c43 264fa6 3b8cc2 91b8c6 f1eceb dbaea0 c4694f a21e2f 3c0912"),
];

const NAMES: &[(&str, &str)] = &[
    ("aliceblue", "f0f8ff"),
    ("antiquewhite", "faebd7"),
    ("aqua", "00ffff"),
    ("aquamarine", "7fffd4"),
    ("azure", "f0ffff"),
    ("beige", "f5f5dc"),
    ("bisque", "ffe4c4"),
    ("black", "000000"),
    ("blanchedalmond", "ffebcd"),
    ("blue", "0000ff"),
    ("blueviolet", "8a2be2"),
    ("brown", "a52a2a"),
    ("burlywood", "deb887"),
    ("cadetblue", "5f9ea0"),
    ("chartreuse", "7fff00"),
    ("chocolate", "d2691e"),
    ("coral", "ff7f50"),
    ("cornflowerblue", "6495ed"),
    ("cornsilk", "fff8dc"),
    ("crimson", "dc143c"),
    ("cyan", "00ffff"),
    ("darkblue", "00008b"),
    ("darkcyan", "008b8b"),
    ("darkgoldenrod", "b8860b"),
    ("darkgray", "a9a9a9"),
    ("darkgreen", "006400"),
    ("darkgrey", "a9a9a9"),
    ("darkkhaki", "bdb76b"),
    ("darkmagenta", "8b008b"),
    ("darkolivegreen", "556b2f"),
    ("darkorange", "ff8c00"),
    ("darkorchid", "9932cc"),
    ("darkred", "8b0000"),
    ("darksalmon", "e9967a"),
    ("darkseagreen", "8fbc8f"),
    ("darkslateblue", "483d8b"),
    ("darkslategray", "2f4f4f"),
    ("darkslategrey", "2f4f4f"),
    ("darkturquoise", "00ced1"),
    ("darkviolet", "9400d3"),
    ("deeppink", "ff1493"),
    ("deepskyblue", "00bfff"),
    ("dimgray", "696969"),
    ("dimgrey", "696969"),
    ("dodgerblue", "1e90ff"),
    ("firebrick", "b22222"),
    ("floralwhite", "fffaf0"),
    ("forestgreen", "228b22"),
    ("fuchsia", "ff00ff"),
    ("gainsboro", "dcdcdc"),
    ("ghostwhite", "f8f8ff"),
    ("gold", "ffd700"),
    ("goldenrod", "daa520"),
    ("gray", "808080"),
    ("green", "008000"),
    ("greenyellow", "adff2f"),
    ("grey", "808080"),
    ("honeydew", "f0fff0"),
    ("hotpink", "ff69b4"),
    ("indianred", "cd5c5c"),
    ("indigo", "4b0082"),
    ("ivory", "fffff0"),
    ("khaki", "f0e68c"),
    ("lavender", "e6e6fa"),
    ("lavenderblush", "fff0f5"),
    ("lawngreen", "7cfc00"),
    ("lemonchiffon", "fffacd"),
    ("lightblue", "add8e6"),
    ("lightcoral", "f08080"),
    ("lightcyan", "e0ffff"),
    ("lightgoldenrodyellow", "fafad2"),
    ("lightgray", "d3d3d3"),
    ("lightgreen", "90ee90"),
    ("lightgrey", "d3d3d3"),
    ("lightpink", "ffb6c1"),
    ("lightsalmon", "ffa07a"),
    ("lightseagreen", "20b2aa"),
    ("lightskyblue", "87cefa"),
    ("lightslategray", "778899"),
    ("lightslategrey", "778899"),
    ("lightsteelblue", "b0c4de"),
    ("lightyellow", "ffffe0"),
    ("lime", "00ff00"),
    ("limegreen", "32cd32"),
    ("linen", "faf0e6"),
    ("magenta", "ff00ff"),
    ("maroon", "800000"),
    ("mediumaquamarine", "66cdaa"),
    ("mediumblue", "0000cd"),
    ("mediumorchid", "ba55d3"),
    ("mediumpurple", "9370db"),
    ("mediumseagreen", "3cb371"),
    ("mediumslateblue", "7b68ee"),
    ("mediumspringgreen", "00fa9a"),
    ("mediumturquoise", "48d1cc"),
    ("mediumvioletred", "c71585"),
    ("midnightblue", "191970"),
    ("mintcream", "f5fffa"),
    ("mistyrose", "ffe4e1"),
    ("moccasin", "ffe4b5"),
    ("navajowhite", "ffdead"),
    ("navy", "000080"),
    ("oldlace", "fdf5e6"),
    ("olive", "808000"),
    ("olivedrab", "6b8e23"),
    ("orange", "ffa500"),
    ("orangered", "ff4500"),
    ("orchid", "da70d6"),
    ("palegoldenrod", "eee8aa"),
    ("palegreen", "98fb98"),
    ("paleturquoise", "afeeee"),
    ("palevioletred", "db7093"),
    ("papayawhip", "ffefd5"),
    ("peachpuff", "ffdab9"),
    ("peru", "cd853f"),
    ("pink", "ffc0cb"),
    ("plum", "dda0dd"),
    ("powderblue", "b0e0e6"),
    ("purple", "800080"),
    ("rebeccapurple", "663399"),
    ("red", "ff0000"),
    ("rosybrown", "bc8f8f"),
    ("royalblue", "4169e1"),
    ("saddlebrown", "8b4513"),
    ("salmon", "fa8072"),
    ("sandybrown", "f4a460"),
    ("seagreen", "2e8b57"),
    ("seashell", "fff5ee"),
    ("sienna", "a0522d"),
    ("silver", "c0c0c0"),
    ("skyblue", "87ceeb"),
    ("slateblue", "6a5acd"),
    ("slategray", "708090"),
    ("slategrey", "708090"),
    ("snow", "fffafa"),
    ("springgreen", "00ff7f"),
    ("steelblue", "4682b4"),
    ("tan", "d2b48c"),
    ("teal", "008080"),
    ("thistle", "d8bfd8"),
    ("tomato", "ff6347"),
    ("turquoise", "40e0d0"),
    ("violet", "ee82ee"),
    ("wheat", "f5deb3"),
    ("white", "ffffff"),
    ("whitesmoke", "f5f5f5"),
    ("yellow", "ffff00"),
    ("yellowgreen", "9acd32"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_all_their_forms() {
        assert_eq!(parse("#f00"), Some([255, 0, 0, 255]));
        assert_eq!(parse("#636efa"), Some([0x63, 0x6e, 0xfa, 255]));
        assert_eq!(parse("rgb(17,17,17)"), Some([17, 17, 17, 255]));
        assert_eq!(parse("rgba(0, 0, 0, 0.5)"), Some([0, 0, 0, 128]));
        assert_eq!(parse("hsl(120, 100%, 25%)"), Some([0, 128, 0, 255]));
        assert_eq!(parse("RebeccaPurple"), Some([0x66, 0x33, 0x99, 255]));
        assert_eq!(parse("no colour"), None);
        assert_eq!(parse("#ff"), None);
        assert_eq!(hex([17, 17, 17, 255]), "#111111");
    }

    #[test]
    fn scales_go_from_end_to_end() {
        let stops = scale(&serde_json::json!([[0, "#000000"], [1, "#ffffff"]])).unwrap();
        assert_eq!(along(&stops, 0.5), [128, 128, 128, 255]);
        assert_eq!(along(&stops, -3.0), [0, 0, 0, 255]);
        assert_eq!(along(&stops, f32::NAN), [128, 128, 128, 255]);
        let turned = named_scale("Viridis_r").unwrap();
        assert_eq!(along(&turned, 0.0), [0xfd, 0xe7, 0x25, 255]);
        assert!(SCALES.iter().all(|(_, c)| c.split(' ').all(|c| parse_hex(c).is_some())));
        assert!(NAMES.iter().all(|(_, c)| parse_hex(c).is_some()));
    }
}
