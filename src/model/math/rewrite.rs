//! From the LaTeX that MathJax takes to the LaTeX that the typesetter takes.
use std::borrow::Cow;

/// A formula without what only numbers, names or loads.
pub(super) fn formula(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source.trim();
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let name = command(from);
        let after = from.get(name.len()..).unwrap_or_default();
        rest = match name {
            "\\label" | "\\require" | "\\pagestyle" => skip_group(after).unwrap_or(after),
            "\\usepackage" => skip_group(skip_option(after)).unwrap_or(after),
            "\\ref" | "\\eqref" => match group(after) {
                Some((inside, next)) => {
                    let inside = inside.replace(['_', '^', '$', '&', '#', '%'], " ");
                    out.push_str(&if name == "\\ref" {
                        format!("\\text{{{inside}}}")
                    } else {
                        format!("\\text{{({inside})}}")
                    });
                    next
                }
                None => after,
            },
            "\\mbox" | "\\hbox" => {
                out.push_str("\\text");
                after
            }
            "\\newcommand" | "\\renewcommand" => {
                out.push_str("\\providecommand");
                after.strip_prefix('*').unwrap_or(after)
            }
            "\\DeclareMathOperator" => match operator(after) {
                Some((definition, next)) => {
                    out.push_str(&definition);
                    next
                }
                None => after,
            },
            "\\begin" | "\\end" => match group(after) {
                Some((kind, next)) => {
                    let now = environment(kind);
                    if !now.is_empty() {
                        out.push_str(&format!("{name}{{{now}}}"));
                    }
                    if name == "\\begin" && kind.trim_end_matches('*') == "eqnarray" {
                        let end = next.find("\\end{eqnarray").unwrap_or(next.len());
                        let (inside, next) = next.split_at(end);
                        out.push_str(&formula(&one_mark(inside)));
                        next
                    } else {
                        next
                    }
                }
                None => {
                    out.push_str(name);
                    after
                }
            },
            _ => {
                out.push_str(name);
                after
            }
        };
    }
    out.push_str(rest);
    out
}

/// `\name`, or a backslash with the sign behind it.
fn command(from: &str) -> &str {
    let mut chars = from.char_indices().skip(1);
    match chars.next() {
        Some((_, c)) if c.is_ascii_alphabetic() => {
            let end = chars.find(|(_, c)| !c.is_ascii_alphabetic()).map_or(from.len(), |(at, _)| at);
            from.get(..end).unwrap_or(from)
        }
        Some((at, c)) => from.get(..at + c.len_utf8()).unwrap_or(from),
        None => from,
    }
}

/// Jupyter numbers no equations by itself.
fn environment(kind: &str) -> &str {
    match kind.trim() {
        "equation" => "equation*",
        "align" | "flalign" | "flalign*" | "eqnarray" | "eqnarray*" => "align*",
        "gather" | "multline" | "multline*" => "gather*",
        "alignat" => "alignat*",
        "displaymath" | "math" => "",
        other => other,
    }
}

/// Rows of an eqnarray have a mark on both sides of the relation.
fn one_mark(inside: &str) -> Cow<'_, str> {
    let rows = inside.split("\\\\").map(|row| match row.match_indices('&').nth(1) {
        Some((at, _)) => format!("{} {}", &row[..at], &row[at + 1..]),
        None => row.to_owned(),
    });
    Cow::Owned(rows.collect::<Vec<_>>().join("\\\\"))
}

/// The inside of the braces that come next, and what follows them.
fn group(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut depth = 0usize;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((text.get(1..at)?, text.get(at + 1..)?));
                }
            }
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

fn skip_group(text: &str) -> Option<&str> {
    group(text).map(|(_, next)| next)
}

fn skip_option(text: &str) -> &str {
    let inner = text.trim_start();
    match (inner.starts_with('['), inner.find(']')) {
        (true, Some(at)) => &inner[at + 1..],
        _ => text,
    }
}

/// `{\name}{words}` after `\DeclareMathOperator`.
fn operator(after: &str) -> Option<(String, &str)> {
    let (star, after) = after.strip_prefix('*').map_or(("", after), |rest| ("*", rest));
    let (name, after) = name_of(after)?;
    let (words, after) = group(after)?;
    Some((format!("\\providecommand{{{name}}}{{\\operatorname{star}{{{words}}}}}"), after))
}

/// `{\name}` or `\name`.
fn name_of(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.starts_with('\\') {
        let name = command(text);
        return Some((name, text.get(name.len()..)?));
    }
    group(text).map(|(name, next)| (name.trim(), next))
}

/// The definitions in a formula, each complete, rewritten so that a name may be defined again.
pub(super) fn definitions(source: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('\\') {
        let from = &rest[at..];
        let name = command(from);
        let after = from.get(name.len()..).unwrap_or_default();
        let found = match name {
            "\\newcommand" | "\\renewcommand" | "\\providecommand" => new_command(after),
            "\\DeclareMathOperator" => operator(after),
            "\\def" => plain_definition(after),
            _ => None,
        };
        rest = match found {
            Some((definition, next)) => {
                out.push(definition);
                next
            }
            None => after,
        };
    }
    out
}

fn new_command(after: &str) -> Option<(String, &str)> {
    let (name, after) = name_of(after.strip_prefix('*').unwrap_or(after))?;
    let options = {
        let rest = skip_option(skip_option(after));
        after.get(..after.len() - rest.len())?
    };
    let (body, after) = group(&after[options.len()..])?;
    Some((format!("\\providecommand{{{name}}}{options}{{{body}}}"), after))
}

fn plain_definition(after: &str) -> Option<(String, &str)> {
    let (name, after) = name_of(after).filter(|_| after.trim_start().starts_with('\\'))?;
    let brace = after.find('{')?;
    let (parameters, from) = after.split_at(brace);
    if parameters.len() > 40 || parameters.contains(['\\', '}', '\n']) {
        return None;
    }
    let (body, after) = group(from)?;
    Some((format!("\\def{name}{parameters}{{{body}}}"), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_typesetter_refuses_is_rewritten() {
        assert_eq!(formula(r"a \label{x} b \mbox{c}"), r"a  b \text{c}");
        assert_eq!(formula(r"\eqref{eq:a_b}"), r"\text{(eq:a b)}");
        assert_eq!(formula(r"\begin{eqnarray}a&=&b\\c&=&d\end{eqnarray}"), r"\begin{align*}a&= b\\c&= d\end{align*}");
        assert_eq!(formula(r"\begin{align}\labelx\end{align}\\"), r"\begin{align*}\labelx\end{align*}\\");
        assert_eq!(formula(r"\usepackage[x]{y}\require{z}k\"), r"k\");
        assert_eq!(formula(r"\label{never closed"), r"{never closed");
    }

    #[test]
    fn definitions_are_found_whole() {
        assert_eq!(
            definitions(
                r"x \newcommand{\R}{\mathbb{R}} \newcommand\v[1]{\mathbf{#1}} \def\e#1{e^{#1}} \DeclareMathOperator{\tr}{tr}"
            ),
            [
                r"\providecommand{\R}{\mathbb{R}}",
                r"\providecommand{\v}[1]{\mathbf{#1}}",
                r"\def\e#1{e^{#1}}",
                r"\providecommand{\tr}{\operatorname{tr}}",
            ]
        );
        assert_eq!(definitions(r"\newcommand{\a}{never \def \x"), Vec::<String>::new());
    }
}
