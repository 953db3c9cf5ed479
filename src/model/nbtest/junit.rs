//! JUnit's XML, as CI systems read it: a suite for each notebook, a case for each cell.
use super::{CellResult, NotebookResult, Verdict};
use crate::model::{output::text::Text, textdiff::RowKind};

/// The whole file.
pub fn junit(all: &[NotebookResult]) -> String {
    let secs = |ms: u64| format!("{:.3}", ms as f64 / 1_000.0);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let count =
        |wanted: &[Verdict]| -> usize { all.iter().map(|n| wanted.iter().map(|v| n.count(*v)).sum::<usize>()).sum() };
    let broken = all.iter().filter(|n| n.error.is_some()).count();
    let cases: usize = all.iter().map(|n| n.cells.len()).sum::<usize>() + broken;
    out.push_str(&format!(
        "<testsuites name=\"andon test\" tests=\"{cases}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        count(&[Verdict::Differs]),
        count(&[Verdict::Failed]) + broken,
        count(&[Verdict::Skipped, Verdict::NotRun]),
        secs(all.iter().map(|n| n.ms).sum()),
    ));
    for notebook in all {
        suite(&mut out, notebook, &secs);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, notebook: &NotebookResult, secs: &impl Fn(u64) -> String) {
    let broken = usize::from(notebook.error.is_some());
    let name = escape(&notebook.path);
    out.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        notebook.cells.len() + broken,
        notebook.count(Verdict::Differs),
        notebook.count(Verdict::Failed) + broken,
        notebook.count(Verdict::Skipped) + notebook.count(Verdict::NotRun),
        secs(notebook.ms),
    ));
    let class = escape(&notebook.path.trim_end_matches(".ipynb").replace('/', "."));
    if let Some(error) = &notebook.error {
        let hint = error.hint.as_deref().unwrap_or_default();
        out.push_str(&format!(
            "    <testcase classname=\"{class}\" name=\"notebook\" file=\"{name}\" time=\"0.000\">\n      \
             <error message=\"{}\" type=\"could not be tested\">{}</error>\n    </testcase>\n",
            escape(&error.to_string()),
            escape(hint),
        ));
    }
    for cell in &notebook.cells {
        let title = escape(&format!("Cell {}: {}", cell.cell + 1, cell.title));
        out.push_str(&format!(
            "    <testcase classname=\"{class}\" name=\"{title}\" file=\"{name}\" time=\"{}\"",
            secs(cell.ms)
        ));
        let inner = inner(cell);
        if inner.is_empty() {
            out.push_str("/>\n");
        } else {
            out.push_str(&format!(">\n{inner}    </testcase>\n"));
        }
    }
    out.push_str("  </testsuite>\n");
}

fn inner(cell: &CellResult) -> String {
    let reason = escape(&cell.reason);
    match cell.verdict {
        Verdict::Passed | Verdict::Ran => String::new(),
        Verdict::Skipped | Verdict::NotRun => format!("      <skipped message=\"{reason}\"/>\n"),
        Verdict::Differs => {
            format!("      <failure message=\"{reason}\" type=\"outputs differ\">{}</failure>\n", escape(&told(cell)))
        }
        Verdict::Failed => {
            let kind = cell.reason.split(':').next().filter(|k| k.chars().all(char::is_alphanumeric));
            let body = Text::parse(&cell.traceback).plain();
            format!(
                "      <error message=\"{reason}\" type=\"{}\">{}</error>\n",
                escape(kind.unwrap_or("failed")),
                escape(&body)
            )
        }
    }
}

/// All differences of a cell as text: `-` is stored, `+` was put out.
pub(super) fn told(cell: &CellResult) -> String {
    let mut out = String::new();
    for difference in &cell.differences {
        out.push_str(&format!("output {}, {}\n", difference.output, difference.words));
        for line in &difference.lines {
            let mark = match line.kind {
                RowKind::Same => ' ',
                RowKind::Removed => '-',
                RowKind::Added => '+',
                RowKind::Changed => '~',
            };
            out.push_str(&format!("{mark} {}\n", line.text));
        }
    }
    out
}

/// Text for XML: marks escaped, and characters that XML 1.0 does not know shown by their number.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if c < ' ' || matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}') => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_does_not_know_is_escaped() {
        assert_eq!(
            escape("a<b>&\"'\u{1b}[31m\u{0}\u{fffe} é\t\n"),
            "a&lt;b&gt;&amp;&quot;&apos;\\x1b[31m\\x00\\xfffe é&#9;&#10;"
        );
    }
}
