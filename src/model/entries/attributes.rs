//! Lines of a git attributes file: ours put in and taken out without touching anybody else's.
use super::Parts;

/// Stands above our line, so that it is known again.
pub const COMMENT: &str =
    "# Notebooks by cells, by \"andon git enable\"; \"andon git disable\" takes these two lines out";
/// The files that are notebooks.
pub const PATTERN: &str = "*.ipynb";

/// The line for `parts`.
pub fn line(parts: Parts) -> String {
    let mut line = PATTERN.to_owned();
    if parts.diff {
        line.push_str(" diff=andon");
    }
    if parts.merge {
        line.push_str(" merge=andon");
    }
    line
}

/// What a file says about notebooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// From 1.
    pub line: usize,
    pub text: String,
    /// Values of `diff`, `merge` and `filter`, where the line sets them.
    pub sets: Vec<(String, String)>,
    /// Written by Andon.
    pub ours: bool,
}

/// The lines that are about notebooks and set one of `diff`, `merge` and `filter`.
pub fn claims(text: &str) -> Vec<Claim> {
    let mut all = Vec::new();
    let mut above = "";
    for (n, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let pattern = words.next().unwrap_or_default();
        let sets: Vec<(String, String)> = words.filter_map(set).collect();
        if is_about_notebooks(pattern) && !sets.is_empty() {
            let ours = above == COMMENT && is_our_line(line);
            all.push(Claim { line: n + 1, text: line.trim().to_owned(), sets, ours });
        }
        above = line;
    }
    all
}

fn set(word: &str) -> Option<(String, String)> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, value),
        None => match word.strip_prefix('-') {
            Some(name) => (name, "unset"),
            None => word.strip_prefix('!').map_or((word, "set"), |name| (name, "unspecified")),
        },
    };
    match name {
        "diff" | "merge" | "filter" => Some((name.to_owned(), value.to_owned())),
        "binary" => Some(("diff".to_owned(), "unset".to_owned())),
        _ => None,
    }
}

fn is_about_notebooks(pattern: &str) -> bool {
    !pattern.starts_with('#')
        && (pattern.trim_matches('"').ends_with(".ipynb") || matches!(pattern, "*" | "**" | "*.*"))
}

fn is_our_line(line: &str) -> bool {
    let all = [Parts::ALL, Parts { merge: false, ..Parts::ALL }, Parts { diff: false, ..Parts::ALL }];
    all.iter().any(|p| super::attributes::line(*p) == line)
}

/// The text with our line in it, in force: put at the end, since the last line wins. The same text when it
/// stands there and nothing below it says otherwise.
pub fn with(text: &str, parts: Parts) -> String {
    let wanted = line(parts);
    let claims = claims(text);
    let last = claims.last().filter(|c| c.ours && c.text == wanted);
    if last.is_some() && claims.iter().filter(|c| c.ours).count() == 1 {
        return text.to_owned();
    }
    let mut out = without(text);
    let end = if out.contains("\r\n") { "\r\n" } else { "\n" };
    // A file without a final line feed gets none, so that taking the lines out gives it back as it was.
    if out.is_empty() || out.ends_with('\n') {
        out.push_str(&format!("{COMMENT}{end}{wanted}{end}"));
    } else {
        out.push_str(&format!("{end}{COMMENT}{end}{wanted}"));
    }
    out
}

/// The text without our lines; everything else byte for byte.
pub fn without(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let bare = |i: usize| lines.get(i).map_or("", |l| l.trim_end_matches(['\n', '\r']));
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < lines.len() {
        if bare(i) == COMMENT && is_our_line(bare(i + 1)) {
            // The line feed before lines that end without one came with them.
            if i + 2 >= lines.len() && !text.ends_with('\n') {
                let kept = out.trim_end_matches('\n').len();
                if out.len() - kept > 0 {
                    out.truncate(out.len() - 1);
                    if out.ends_with('\r') {
                        out.pop();
                    }
                }
            }
            i += 2;
            continue;
        }
        out.push_str(lines.get(i).copied().unwrap_or_default());
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: &str = "# ours since 2019\n*.csv text\n\n*.ipynb filter=nbstripout\n*.ipynb diff=ipynb\n";

    #[test]
    fn lines_go_in_once_and_out_without_a_trace() {
        for text in ["", OTHERS, "*.csv text", "a\r\nb\r\n", "a\r\nb", "\n\n", "# only a comment\n", "x\n\n"] {
            let once = with(text, Parts::ALL);
            assert!(once.starts_with(text), "{once:?}");
            assert!(once.contains("*.ipynb diff=andon merge=andon"));
            assert_eq!(with(&once, Parts::ALL), once, "twice is once");
            assert_eq!(without(&once), text, "{once:?}");
            let merge = with(&once, Parts { diff: false, ..Parts::ALL });
            assert!(merge.contains("*.ipynb merge=andon") && !merge.contains("diff=andon"), "{merge:?}");
            assert_eq!(without(&merge), text);
        }
    }

    #[test]
    fn our_line_moves_to_the_end_when_another_one_came_after_it() {
        let text = format!("{}*.ipynb diff=jupyternotebook\n", with(OTHERS, Parts::ALL));
        let again = with(&text, Parts::ALL);
        assert!(again.ends_with("*.ipynb diff=andon merge=andon\n"), "{again}");
        assert_eq!(without(&again), format!("{OTHERS}*.ipynb diff=jupyternotebook\n"));
    }

    #[test]
    fn what_others_wrote_about_notebooks_is_named_and_kept() {
        let found = claims(&with(OTHERS, Parts::ALL));
        let short: Vec<_> = found.iter().map(|c| (c.line, c.ours, c.sets.len())).collect();
        assert_eq!(short, [(4, false, 1), (5, false, 1), (7, true, 2)]);
        // A line somebody wrote by hand, or changed, is theirs.
        let own = "*.ipynb diff=andon merge=andon\n";
        assert_eq!(without(own), own);
        let changed = format!("{COMMENT}\n*.ipynb diff=andon merge=andon eol=lf\n");
        assert_eq!(without(&changed), changed);
        assert_eq!(claims("*.ipynb binary\n* text=auto\n")[0].sets, [("diff".into(), "unset".into())]);
    }
}
