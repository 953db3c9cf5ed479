//! Formulas in LaTeX: rewritten to what the typesetter knows, laid out in em, drawn as pixels. Pure, and bounded in all
//! that a source can ask for.
mod cut;
mod draw;
mod rewrite;

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use ratex_layout::{
    FallbackGlyphMetrics, LayoutOptions, layout_with_fallback_metrics, to_display_list, validate_layout,
};
use ratex_types::{DisplayList, MathStyle};

pub use self::{
    cut::{Piece, pieces},
    draw::{MARGIN, draw, faces},
};
use crate::base::fsx;

/// Sources longer than this are shown as text.
pub const MAX_SOURCE: usize = 20_000;
/// Bytes of a formula, with what is defined for it, that are laid out where it is drawn.
const SHORT: usize = 600;
/// Sides of a formula in em.
const MAX_WIDTH: f64 = 400.0;
const MAX_HEIGHT: f64 = 200.0;
/// Glyphs and lines of one formula.
const MAX_ITEMS: usize = 8_000;
/// Definitions of a notebook together.
const MAX_MACROS: usize = 20_000;

/// The macros that a notebook defines: one text of definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Macros(Arc<str>);

impl Macros {
    /// All that texts define, in their order; a later definition wins.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = String::new();
        for text in texts {
            if !["\\newcommand", "\\renewcommand", "\\def\\", "\\DeclareMathOperator", "\\providecommand"]
                .iter()
                .any(|w| text.contains(w))
            {
                continue;
            }
            for piece in pieces(text) {
                if let Piece::Math { source, .. } = piece {
                    for definition in rewrite::definitions(source) {
                        if all.len() + definition.len() <= MAX_MACROS {
                            all.push_str(&definition);
                        }
                    }
                }
            }
        }
        Self(all.into())
    }
    /// True when nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A formula that has been laid out.
#[derive(Debug, Clone)]
pub struct Formula {
    /// Width, and what stands above and below the line of the text, in em.
    pub width: f32,
    pub height: f32,
    pub depth: f32,
    list: Arc<DisplayList>,
}

/// A formula in a text: its source, laid out when it is first looked at.
#[derive(Debug, Clone)]
pub struct Math {
    pub source: Arc<str>,
    /// On a line of its own.
    pub display: bool,
    macros: Macros,
    /// Names the content, for caches.
    pub hash: u64,
    laid: Arc<OnceLock<Result<Formula, String>>>,
}

impl PartialEq for Math {
    fn eq(&self, other: &Self) -> bool {
        (self.hash, &self.source, self.display) == (other.hash, &other.source, other.display)
    }
}

impl Math {
    /// A formula, without the signs around it.
    pub fn new(source: &str, display: bool, macros: &Macros) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        (fsx::hash(source.as_bytes()), display, fsx::hash(macros.0.as_bytes())).hash(&mut hasher);
        let (source, macros) = (Arc::from(source), macros.clone());
        Self { source, display, macros, hash: hasher.finish(), laid: Arc::default() }
    }
    /// True once it has been laid out.
    pub fn is_ready(&self) -> bool {
        self.laid.get().is_some()
    }
    /// Names it while it lives; clones share their layout.
    pub fn name(&self) -> usize {
        Arc::as_ptr(&self.laid) as usize
    }
    /// True for one that is laid out in no time.
    pub fn is_short(&self) -> bool {
        self.source.len() + self.macros.0.len() <= SHORT
    }
    /// Its layout, or why there is none. The first time it takes about a millisecond.
    pub fn formula(&self) -> Result<&Formula, &str> {
        let laid = self.laid.get_or_init(|| typeset(&self.source, self.display, &self.macros));
        laid.as_ref().map_err(String::as_str)
    }
}

/// Lays a formula out; the error says what is wrong with it.
pub fn typeset(source: &str, display: bool, macros: &Macros) -> Result<Formula, String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("The formula is too long to be typeset ({} characters)", source.len()));
    }
    let source = rewrite::formula(source);
    let laid = match lay(&format!("{}{source}", macros.0), display) {
        // Definitions elsewhere in the notebook must not take this one with them.
        Err(why) if !macros.is_empty() => lay(&source, display).map_err(|_| why),
        laid => laid,
    };
    let list = laid?;
    if list.width > MAX_WIDTH || list.height + list.depth > MAX_HEIGHT || list.items.len() > MAX_ITEMS {
        return Err("The formula is too large to be drawn".to_owned());
    }
    let sides = [list.width, list.height, list.depth].map(|n| if n.is_finite() { n as f32 } else { 0.0 });
    Ok(Formula { width: sides[0], height: sides[1], depth: sides[2], list: Arc::new(list) })
}

fn lay(source: &str, display: bool) -> Result<DisplayList, String> {
    let nodes = ratex_parser::Parser::new(source).parse().map_err(|e| e.message)?;
    let style = if display { MathStyle::Display } else { MathStyle::Text };
    let options = LayoutOptions { style, ..LayoutOptions::default() };
    let laid = layout_with_fallback_metrics(&nodes, &options, widths(source));
    if laid.width > MAX_WIDTH * 4.0 || laid.height + laid.depth > MAX_HEIGHT * 4.0 {
        return Err("The formula is too large to be drawn".to_owned());
    }
    validate_layout(&laid)?;
    Ok(to_display_list(&laid))
}

/// Sizes of the letters that the fonts for formulas do not have, such as Cyrillic ones.
fn widths(source: &str) -> Arc<HashMap<char, FallbackGlyphMetrics>> {
    let letters = source.chars().filter(|c| !c.is_ascii());
    Arc::new(letters.filter_map(|c| Some((c, draw::fallback_metrics(c)?))).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn good(source: &str) -> Formula {
        typeset(source, true, &Macros::default()).unwrap_or_else(|e| panic!("{source}: {e}"))
    }

    #[test]
    fn what_notebooks_hold_is_typeset() {
        for source in [
            r"\frac{a}{b} + \sqrt[3]{x^2_i}",
            r"\begin{align} a &= b \label{eq:1} \\ c &= d \end{align}",
            r"\begin{eqnarray} a &=& b \\ c &=& d \end{eqnarray}",
            r"\begin{multline} a + b \\ + c \end{multline}",
            r"\displaystyle \left[\begin{matrix}1 & 2\\3 & 4\end{matrix}\right]",
            r"\mbox{if } x \in \mathbb{R}, \text{ see } \eqref{eq:1} \ref{b}",
            r"\require{mhchem} \ce{H2O} \usepackage[utf8]{inputenc}",
            r"\newcommand{\R}{\mathbb{R}} \R^n",
            r"\DeclareMathOperator*{\argmin}{arg\,min} \argmin_x f(x)",
            r"\begin{cases} 1 & x > 0 \\ 0 & \text{sonst} \end{cases}",
            r"\underbrace{a+b}_{n} \overline{x} \hat{\beta} \vec{v} \color{red}{r} \boxed{E=mc^2}",
            r"\begin{equation*} \sum_{i=1}^n \int_0^\infty \lim_{x\to 0} \tag{1} \end{equation*}",
            r"\text{größer ш}",
            r"\begin{flalign} a &= 1 \end{flalign}",
        ] {
            let f = good(source);
            assert!(f.width > 0.5 && f.height > 0.1, "{source}: {f:?}");
        }
        assert!(good(r"\newcommand{\a}{b}").width < 0.01, "definitions alone are nothing");
    }

    #[test]
    fn wrong_ones_say_why() {
        let wrong = |s: &str| typeset(s, false, &Macros::default()).unwrap_err();
        assert!(wrong(r"\frac{a").len() > 5);
        assert!(wrong(r"\nosuchthing x").contains("nosuchthing"));
        assert!(wrong(&"x".repeat(30_000)).contains("too long"));
    }

    #[test]
    fn macros_hold_for_the_whole_notebook() {
        let macros = Macros::of([
            "# T\n\n$\\newcommand{\\R}{\\mathbb{R}} \\def\\e{\\mathrm{e}}$",
            "no `$\\newcommand{\\x}{y}$`",
        ]);
        assert!(typeset(r"\R^n + \e", false, &macros).is_ok());
        assert!(typeset(r"\x", false, &macros).is_err(), "what stands in code defines nothing");
        let broken = Macros("\\def\\a{".into());
        assert!(typeset("x", false, &broken).is_ok());
        let twice = Macros::of(["$\\newcommand{\\a}{x}$", "$\\newcommand{\\a}{xxxxxx}$"]);
        assert!(typeset(r"\a", false, &twice).unwrap().width > 2.0, "the later one wins");
    }

    #[test]
    fn bombs_end_in_time() {
        let begun = Instant::now();
        let deep = |open: &str, close: &str| format!("{}x{}", open.repeat(500), close.repeat(500));
        for source in [
            deep("{", "}"),
            deep(r"\frac{", "}{y}"),
            deep(r"\sqrt{", "}"),
            deep(r"\left(", r"\right)"),
            r"\def\a{\a\a}\a".to_owned(),
            r"\def\a{\b\b}\def\b{\a\a}\a".to_owned(),
            r"\rule{100000em}{100000em}".to_owned(),
            r"\kern{1e30em}x".to_owned(),
            format!(r"\begin{{matrix}}{}\end{{matrix}}", r"1&".repeat(4_000)),
            "x+".repeat(9_000),
            "^".repeat(1_000),
            r"\hspace{-100000em}x".to_owned(),
        ] {
            if let Ok(formula) = typeset(&source, true, &Macros::default()) {
                let pixels = draw(&formula, 40.0, [0, 0, 0]);
                assert!(pixels.width <= 4096 && pixels.height <= 4096);
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    }

    #[test]
    fn formulas_take_the_colour_of_the_text_and_keep_their_own() {
        let formula = good(r"x \color{red}{y}");
        let pixels = draw(&formula, 40.0, [255, 255, 255]);
        let solid: Vec<_> = pixels.rgba.chunks(4).filter(|p| p[3] == 255).collect();
        assert!(solid.iter().any(|p| p[..3] == [255, 255, 255]) && solid.iter().any(|p| p[1] < 40 && p[0] > 200));
        let wide = pixels.width as f32 / 40.0;
        assert!((wide - formula.width).abs() < 0.3, "{wide} {}", formula.width);
    }
}
