//! Where formulas stand in a text: `$x$`, `$$x$$`, `\(x\)`, `\[x\]`, `\begin{align}..\end{align}`, outside of code.

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `whole` with its signs.
    Math {
        source: &'a str,
        display: bool,
        whole: &'a str,
    },
}

/// Formulas of a text are no more than this.
const MOST: usize = 20_000;

/// Cuts a text; the pieces together are the text.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let (mut at, mut from, mut found) = (0, 0, 0);
    // A sign that was never closed is looked for once.
    let mut open = Missing::default();
    while let Some(step) = memchr::memchr3(b'$', b'\\', b'`', &bytes[at..]).map(|n| at + n).or_else(|| tilde(bytes, at))
    {
        let step = tilde(bytes, at).filter(|t| *t < step).unwrap_or(step);
        let (end, math) = match bytes[step] {
            b'`' | b'~' => (code_end(text, step), None),
            b'$' => dollar(text, step, &mut open),
            _ => backslash(text, step, &mut open),
        };
        if let Some((source, display)) = math
            && found < MOST
        {
            found += 1;
            if from < step {
                out.push(Piece::Text(&text[from..step]));
            }
            out.push(Piece::Math { source, display, whole: &text[step..end] });
            from = end;
        }
        at = end;
    }
    if from < text.len() {
        out.push(Piece::Text(&text[from..]));
    }
    out
}

/// How far the end of a span of code or of a formula in a line is looked for.
const FAR: usize = 20_000;

/// Ends that are known not to come.
#[derive(Default)]
struct Missing {
    double: bool,
    round: bool,
    square: bool,
    environments: Vec<&'static str>,
}

/// The next fence of `~~~`.
fn tilde(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(&bytes[from..], b"~~~").map(|n| from + n)
}

/// The end of code that begins at `at`: of a span between backticks, or of a fenced block.
fn code_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let sign = bytes[at];
    let run = bytes[at..].iter().take_while(|b| **b == sign).count();
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let begins = text[line..at].bytes().all(|b| b == b' ' || b == b'\t' || b == b'>');
    if run >= 3 && begins {
        let mut next = at + run;
        while let Some(n) = text[next..].find('\n') {
            let begin = next + n + 1;
            let content = text[begin..].split('\n').next().unwrap_or_default().trim().trim_start_matches(['>', ' ']);
            let fence = content.bytes().take_while(|b| *b == sign).count();
            next = begin;
            if fence >= run && content.len() == fence {
                return begin + text[begin..].find('\n').unwrap_or(text.len() - begin);
            }
        }
        return text.len();
    }
    if sign == b'~' {
        return at + run;
    }
    // A span ends with as many; else the signs stand for themselves.
    let mut next = at + run;
    let reach = (at + run + FAR).min(bytes.len());
    let reach = memchr::memmem::find(&bytes[at..reach], b"\n\n").map_or(reach, |n| at + n).max(next);
    while let Some(n) = memchr::memchr(b'`', &bytes[next..reach]) {
        let begin = next + n;
        let other = bytes[begin..].iter().take_while(|b| **b == b'`').count();
        if other == run {
            return begin + other;
        }
        next = begin + other;
        if next >= reach {
            break;
        }
    }
    at + run
}

type Found<'a> = (usize, Option<(&'a str, bool)>);

fn dollar<'a>(text: &'a str, at: usize, missing: &mut Missing) -> Found<'a> {
    let after = &text[at + 1..];
    if let Some(inside) = after.strip_prefix('$') {
        if missing.double {
            return (at + 2, None);
        }
        return match end_of(inside, "$$") {
            Some(end) if !inside[..end].trim().is_empty() => (at + end + 4, Some((&inside[..end], true))),
            Some(end) => (at + end + 4, None),
            None => {
                missing.double = true;
                (at + 2, None)
            }
        };
    }
    // `US$5` and a price are no formulas.
    let mut next = 0;
    let sign = |b: &u8| matches!(b, b'$' | b'\n' | b'\\' | b'`');
    while let Some(n) = after.as_bytes().get(next..).and_then(|rest| rest.iter().take(FAR).position(sign)) {
        let end = next + n;
        if end > FAR {
            break;
        }
        match after.as_bytes()[end] {
            // Code comes first.
            b'`' => {
                let run = after.as_bytes()[end..].iter().take_while(|b| **b == b'`').count();
                if code_end(text, at + 1 + end) > at + 1 + end + run {
                    break;
                }
                next = end + run;
            }
            b'\\' => next = (end + 2).min(after.len()),
            b'\n' => {
                if after[end + 1..].trim_start_matches([' ', '\t']).starts_with('\n') {
                    break;
                }
                next = end + 1;
            }
            _ => {
                let inside = &after[..end];
                let begins = inside.starts_with([' ', '\t', '\n']);
                let ends = inside.ends_with([' ', '\t', '\n']);
                let digit = after[end + 1..].starts_with(|c: char| c.is_ascii_digit());
                if inside.trim().is_empty() || digit || begins != ends {
                    // Not this one; a later one may end it.
                    if inside.trim().is_empty() {
                        break;
                    }
                    next = end + 1;
                    continue;
                }
                return (at + end + 2, Some((inside, false)));
            }
        }
        if !after.is_char_boundary(next) {
            break;
        }
    }
    (at + 1, None)
}

/// The first `sign` without a backslash before it.
fn end_of(text: &str, sign: &str) -> Option<usize> {
    text.match_indices(sign).map(|(at, _)| at).find(|at| {
        let slashes = text[..*at].bytes().rev().take_while(|b| *b == b'\\').count();
        slashes % 2 == 0
    })
}

fn backslash<'a>(text: &'a str, at: usize, missing: &mut Missing) -> Found<'a> {
    let after = &text[at + 1..];
    if let Some(name) = after.strip_prefix("begin{") {
        let kind = name.split('}').next().unwrap_or_default();
        let known = ENVIRONMENTS.into_iter().find(|k| kind.len() < 20 && *k == kind.trim_end_matches('*'));
        if let Some(known) = known.filter(|k| !missing.environments.contains(k)) {
            let close = format!("\\end{{{kind}}}");
            if let Some(n) = text[at..].find(&close) {
                let end = at + n + close.len();
                return (end, Some((&text[at..end], true)));
            }
            missing.environments.push(known);
        }
        return (at + 1, None);
    }
    // Markdown escapes the backslash itself: `\\(x\\)` is what Jupyter takes, too.
    let twice = after.starts_with('\\');
    let rest = if twice { &after[1..] } else { after };
    let signs = if twice { ["\\\\)", "\\\\]"] } else { ["\\)", "\\]"] };
    let skip = at + 1 + after.chars().next().map_or(0, char::len_utf8);
    let (close, display, gone) = match rest.as_bytes().first() {
        Some(b'(') => (signs[0], false, &mut missing.round),
        Some(b'[') => (signs[1], true, &mut missing.square),
        _ => return (skip, None),
    };
    if *gone {
        return (skip, None);
    }
    let inside = &rest[1..];
    let begin = text.len() - inside.len();
    match inside.find(close) {
        Some(n) if !inside[..n].contains("\n\n") && !inside[..n].trim().is_empty() => {
            (begin + n + close.len(), Some((&inside[..n], display)))
        }
        Some(_) => (skip, None),
        None => {
            *gone = true;
            (skip, None)
        }
    }
}

/// What is a formula without any sign around it.
const ENVIRONMENTS: [&str; 13] = [
    "equation",
    "align",
    "gather",
    "alignat",
    "multline",
    "eqnarray",
    "flalign",
    "displaymath",
    "math",
    "split",
    "aligned",
    "cases",
    "matrix",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn math(text: &str) -> Vec<(&str, bool)> {
        pieces(text)
            .into_iter()
            .filter_map(|p| match p {
                Piece::Math { source, display, .. } => Some((source, display)),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn all_the_signs_are_known() {
        assert_eq!(math("a $x$ b $$y$$ c"), [("x", false), ("y", true)]);
        assert_eq!(math(r"a \(x\) b \[y\] c \\(z\\)"), [("x", false), ("y", true), ("z", false)]);
        assert_eq!(math("$ a $ and $b$"), [(" a ", false), ("b", false)]);
        assert_eq!(math("$$\na\n\nb\n$$"), [("\na\n\nb\n", true)]);
        assert_eq!(math("\\begin{align}a\\\\b\\end{align} x"), [("\\begin{align}a\\\\b\\end{align}", true)]);
        assert_eq!(math("$a_1$, $b$ and $c$."), [("a_1", false), ("b", false), ("c", false)]);
        assert_eq!(math("$a \\$ b$"), [("a \\$ b", false)]);
    }

    #[test]
    fn prices_and_code_stay_what_they_are() {
        for text in [
            "costs $5 and $6",
            "\\$5 and \\$6",
            "`$x$` and ``$`y$``",
            "```\n$x$\n```",
            "~~~ sh\necho $HOME $PATH\n~~~\n",
            "one $\n\nother $",
            "$$ never closed $ x",
            "a $ b",
            "\\begin{tabular}x\\end{tabular}",
            "> ```\n> $x$\n> ```",
        ] {
            assert_eq!(math(text), [], "{text}");
        }
        assert_eq!(math("```\n$x$\n```\n$y$"), [("y", false)]);
        assert_eq!(math("`a $x$"), [("x", false)], "a lone backtick is no code");
    }

    #[test]
    fn many_open_signs_take_no_time() {
        let begun = std::time::Instant::now();
        for sign in ["$", "$$ ", "\\(", "\\[", "`", "\\begin{align}", "``` "] {
            pieces(&sign.repeat(20_000));
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(text in "([$`~\\\\()\\[\\]{}\nab é]|\\$\\$|begin\\{align\\}|end\\{align\\}){0,60}", raw in any::<String>()) {
            for text in [text, raw] {
                let whole: String = pieces(&text).into_iter().map(|p| match p {
                    Piece::Text(t) => t,
                    Piece::Math { whole, .. } => whole,
                }).collect();
                prop_assert_eq!(whole, text);
            }
        }
    }
}
