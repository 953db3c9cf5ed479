//! `andon sql`
use std::{io::Read, path::PathBuf};

use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::out::{self, Common, finish};
use crate::{
    base::{Error, Result, text},
    engine::sql::{Frame, Params, Session},
    model::table::Page,
};

/// Arguments of `andon sql`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The query, such as "SELECT * FROM 'data/a.parquet'"; - reads it from standard input
    pub query: String,
    /// Print CSV on stdout
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Value of $name in the query; numbers, true, false and null are read as such
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Most rows to print; 0 prints all [default: 200 for people, all with --json and --csv]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Write the result to a file instead; its ending says the format (.parquet, .csv, .tsv, .json, .ndjson, .arrow)
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

/// `NAME=VALUE` arguments as parameters.
pub fn params(all: &[String]) -> Result<Params> {
    let one = |p: &String| {
        let (name, value) = p
            .split_once('=')
            .ok_or_else(|| Error::user(format!("-p {p} is not NAME=VALUE")).hint("Write it like -p day=2026-11-16"))?;
        let plain = serde_json::from_str::<serde_json::Value>(value).ok().filter(|v| !v.is_object() && !v.is_string());
        Ok((name.trim_start_matches('$').to_owned(), plain.unwrap_or_else(|| value.into())))
    };
    all.iter().map(one).collect()
}

fn execute(args: &Args) -> Result<i32> {
    let sql = if args.query == "-" {
        let mut sql = String::new();
        let read = std::io::stdin().read_to_string(&mut sql);
        read.map_err(|e| Error::io("Could not read the query from standard input").because(&e))?;
        sql
    } else {
        args.query.clone()
    };
    let cx = out::context(false);
    let frame = Session::new(&args.common.root()?).query_with(&sql, &params(&args.param)?, &cx)?;
    for note in frame.notes() {
        out::say(note);
    }
    if let Some(path) = &args.out {
        frame.write(path)?;
        out::say(&format!("{} written to {}", text::count(frame.rows(), "row"), path.display()));
        if args.common.json {
            out::document(
                "andon.sql/1",
                json!({ "out": path, "total_rows": frame.rows(), "columns": columns(&frame) }),
            );
        }
        return Ok(0);
    }
    let all = frame.rows();
    let limit = match args.limit {
        Some(0) => all,
        Some(n) => n,
        None if args.common.json || args.csv => all,
        None => 200,
    };
    let rows = usize::try_from(limit.min(all)).unwrap_or(usize::MAX);
    if args.common.json {
        out::document(
            "andon.sql/1",
            json!({
                "columns": columns(&frame),
                "rows": frame.to_json_rows(rows)?,
                "total_rows": all,
                "elapsed_ms": frame.elapsed_ms(),
                "notes": frame.notes(),
            }),
        );
    } else if args.csv {
        print_csv(&frame, rows as u64, &cx)?;
    } else {
        print_table(&frame.page(0, rows)?);
        let shown = if limit < all { format!("{} of ", text::thousands(limit)) } else { String::new() };
        out::say(&format!(
            "{shown}{}, {}",
            text::count(all, "row"),
            crate::base::time::duration_ms(frame.elapsed_ms())
        ));
    }
    Ok(0)
}

fn columns(frame: &Frame) -> serde_json::Value {
    frame.columns().iter().map(|c| json!({ "name": c.name, "type": c.dtype, "kind": c.kind })).collect()
}

fn print_csv(frame: &Frame, rows: u64, cx: &crate::base::job::JobCtx) -> Result<()> {
    let names: Vec<String> = frame.columns().iter().map(|c| csv_field(&c.name, false)).collect();
    out::line(&names.join(","));
    let mut first = 0;
    while first < rows {
        cx.check()?;
        let count = (rows - first).min(5_000);
        let page = frame.page(first, count as usize)?;
        for row in &page.rows {
            let fields: Vec<String> = row.iter().map(|c| csv_field(&c.plain(), !c.is_null())).collect();
            out::line(&fields.join(","));
        }
        first += count;
    }
    Ok(())
}

/// Quotes where needed; an empty text is quoted so that it can be told from null.
fn csv_field(text: &str, is_value: bool) -> String {
    let needs = text.contains(['"', ',', '\n', '\r']) || (text.is_empty() && is_value);
    if needs { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Prints rows in aligned columns: numbers to the right, long texts cut.
pub fn print_table(page: &Page) {
    let show = |text: &str| text::shorten(&text.replace(['\n', '\r', '\t'], " "), 48);
    let head: Vec<String> = page.columns.iter().map(|c| show(&c.name)).collect();
    let body: Vec<Vec<String>> = page.rows.iter().map(|r| r.iter().map(|c| show(&c.show(false))).collect()).collect();
    let width = |i: usize| {
        let cells = body.iter().map(|r| r[i].width()).max().unwrap_or(0);
        cells.max(head[i].width())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(page.columns.iter()).map(|((text, width), column)| {
            let space = " ".repeat(width.saturating_sub(text.width()));
            if column.kind.is_number() { format!("{space}{text}") } else { format!("{text}{space}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    out::line(&line(&head));
    out::line(&widths.iter().map(|w| "\u{2500}".repeat(*w)).collect::<Vec<_>>().join("  "));
    for row in &body {
        out::line(&line(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_type() {
        let all = params(&["n=3".into(), "day=2026-11-16".into(), "$ok=true".into(), "s=\"3\"".into()]).unwrap();
        assert_eq!(all["n"], json!(3));
        assert_eq!(all["day"], json!("2026-11-16"));
        assert_eq!(all["ok"], json!(true));
        assert!(params(&["n".into()]).is_err());
    }

    #[test]
    fn csv_fields_are_quoted_only_when_they_must_be() {
        assert_eq!(csv_field("a,b", true), "\"a,b\"");
        assert_eq!(csv_field("say \"hi\"", true), "\"say \"\"hi\"\"\"");
        assert_eq!((csv_field("", true), csv_field("", false)), ("\"\"".into(), String::new()));
    }
}
