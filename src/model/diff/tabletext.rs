//! Tables printed as text: pandas frames and series, polars boxes, Andon's own results.
use super::table::TableData;

/// Longest text that is read.
const MAX_TEXT: usize = 4_000_000;

/// The table a text is; none when it is anything else, or more than a table.
pub(super) fn parse(text: &str) -> Option<TableData> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let text = text.trim_end();
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if lines.len() < 3 {
        return None;
    }
    let mut note = None;
    if lines.first().is_some_and(|l| l.starts_with("shape: (")) {
        note = Some(lines.remove(0).to_owned());
    }
    let table = if lines.first().is_some_and(|l| l.starts_with('\u{250c}')) {
        boxed(&lines)
    } else if note.is_some() {
        own(&lines)
    } else if lines.last().is_some_and(|l| l.contains("dtype: ")) {
        series(&lines)
    } else {
        if lines.last().is_some_and(|l| l.starts_with('[') && l.ends_with(" columns]")) {
            note = lines.pop().map(|l| l.trim_matches(['[', ']']).to_owned());
            while lines.last().is_some_and(|l| l.is_empty()) {
                lines.pop();
            }
        }
        frame(&lines)
    }?;
    Some(TableData { note: note.or(table.note.clone()), ..table }.with_numbers())
}

/// Cells between two or more blanks.
fn split(line: &str) -> Vec<String> {
    line.split("  ").map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect()
}

fn boxed(lines: &[&str]) -> Option<TableData> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.strip_prefix('\u{2502}')?.strip_suffix('\u{2502}')?;
        Some(inner.split(['\u{2506}', '\u{2502}']).map(|c| c.trim().to_owned()).collect())
    };
    let end = lines.iter().position(|l| l.starts_with('\u{255e}') || l.starts_with('\u{251c}'))?;
    let head: Vec<Vec<String>> = lines.get(1..end)?.iter().filter_map(|l| cells(l)).collect();
    let columns = head.first()?.clone();
    // Names, dashes, types.
    let types = head.iter().skip_while(|r| !r.iter().all(|c| c == "---")).nth(1).cloned().unwrap_or_default();
    let rows = lines.get(end + 1..lines.len() - 1)?.iter().map(|l| cells(l)).collect::<Option<Vec<_>>>()?;
    let even = rows.iter().all(|r| r.len() == columns.len());
    (even && lines.last()?.starts_with('\u{2514}')).then(|| TableData { columns, rows, types, ..TableData::default() })
}

fn own(lines: &[&str]) -> Option<TableData> {
    let columns = split(lines.first()?);
    let rows: Vec<_> = lines.get(1..)?.iter().map(|l| split(l)).collect();
    let even = columns.len() > 1 && rows.iter().all(|r| r.len() == columns.len());
    (even && !rows.is_empty()).then(|| TableData { columns, rows, ..TableData::default() })
}

fn frame(lines: &[&str]) -> Option<TableData> {
    let head = lines.first()?;
    if !head.starts_with(' ') || head.ends_with('\\') {
        return None;
    }
    let mut columns = vec![String::new()];
    columns.extend(split(head));
    let mut body = lines.get(1..)?;
    // The name of the index stands alone on a line.
    if let Some(first) = body.first()
        && split(first).len() == 1
        && columns.len() > 1
        && body.len() > 1
    {
        columns = [vec![first.trim().to_owned()], columns.split_off(1)].concat();
        body = body.get(1..)?;
    }
    let rows: Vec<_> = body.iter().map(|l| split(l)).collect();
    let even = columns.len() > 1 && rows.iter().all(|r| r.len() == columns.len());
    let index = 1;
    (even && rows.len() > 1).then(|| TableData { columns, rows, index, ..TableData::default() })
}

fn series(lines: &[&str]) -> Option<TableData> {
    let (last, body) = lines.split_last()?;
    let name = last.split(", ").find_map(|p| p.strip_prefix("Name: ")).unwrap_or("value");
    let known = last.split(", ").all(|p| ["Name: ", "Length: ", "Freq: ", "dtype: "].iter().any(|k| p.starts_with(k)));
    let mut first = String::new();
    let mut rows = Vec::new();
    for (n, line) in body.iter().enumerate() {
        match split(line).as_slice() {
            [index, value] => rows.push(vec![index.clone(), value.clone()]),
            [one] if n == 0 => first.clone_from(one),
            _ => return None,
        }
    }
    let columns = vec![first, name.to_owned()];
    let note = Some((*last).to_owned()).filter(|l| l.contains("Length: "));
    (known && rows.len() > 1).then(|| TableData { columns, rows, index: 1, note, ..TableData::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_pandas_are_read() {
        let t =
            parse("   city name  amount\n0  New York    -1.5\n1      Oslo     2.0\n\n[2 rows x 2 columns]").unwrap();
        assert_eq!(
            (t.columns, t.index, t.note),
            (vec![String::new(), "city name".into(), "amount".into()], 1, Some("2 rows x 2 columns".into()))
        );
        assert_eq!(t.rows[0], ["0", "New York", "-1.5"]);
        assert_eq!(t.numbers, [true, false, true]);
        let named = parse("      mean  max\ncity\nOslo   1.5    3\nBern   2.5    4").unwrap();
        assert_eq!((named.columns[0].as_str(), named.rows.len()), ("city", 2));
    }

    #[test]
    fn series_of_pandas_are_read() {
        let t = parse("Oslo    3\nBern    4\nName: n, Length: 2, dtype: int64").unwrap();
        assert_eq!((t.columns, t.rows.len()), (vec![String::new(), "n".into()], 2));
    }

    #[test]
    fn boxes_of_polars_and_own_results_are_read() {
        let t = parse(
            "shape: (2, 2)\n\u{250c}\u{2500}\u{2510}\n\u{2502} a   \u{2506} b   \u{2502}\n\u{2502} --- \u{2506} --- \u{2502}\n\u{2502} i64 \u{2506} str \u{2502}\n\u{255e}\u{2550}\u{2561}\n\u{2502} 1   \u{2506} x   \u{2502}\n\u{2502} 2   \u{2506} y   \u{2502}\n\u{2514}\u{2500}\u{2518}",
        )
        .unwrap();
        assert_eq!((t.columns, t.types), (vec!["a".into(), "b".into()], vec!["i64".into(), "str".into()]));
        assert_eq!(t.rows, [["1", "x"], ["2", "y"]]);
        let own = parse("shape: (2, 2)\nstation  n\nEHAM     3\nEGLL     4").unwrap();
        assert_eq!((own.columns, own.rows.len()), (vec!["station".into(), "n".into()], 2));
    }

    #[test]
    fn prose_and_broken_tables_are_not() {
        for text in [
            "one line\nanother line\nand a third",
            "   a  b\n0  1\n1  2  3",
            "   a  b \\\n0  1  2\n1  2  3",
            "loss 1\nloss 2\nloss 3",
            "",
            "\u{250c}\n\u{2502}\n\u{2514}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
