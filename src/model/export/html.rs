//! A notebook as one HTML file: no scripts, nothing is fetched, and what outputs hold is written anew from what the
//! window shows of them, so that no markup of an output reaches the page.
use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pulldown_cmark::{Event, Options, Parser, Tag, html as push};

use crate::{
    base::text::escape_html,
    model::{
        notebook::{Cell, CellKind, Notebook},
        output::{
            self, Output,
            html::Block,
            text::{Ink, Style, Text},
        },
        table,
    },
};

/// Lines of one text that are written; a page is to be read.
const MOST_LINES: usize = 5_000;
/// Rows of one table.
const MOST_ROWS: usize = 2_000;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n";

const STYLE: &str = "<style>\
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d9dee3;--ground:#fff;--code:#f5f7f9;--bad:#b42318}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4ae;--line:#343a41;--ground:#16181b;--code:#1f2226;--bad:#ff8a7a}}\
body{font:15px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:60em;margin:2em auto;padding:0 1.2em}\
pre,code{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}\
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}\
.code{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.6em .8em;margin:1em 0 .4em}\
.cell{position:relative}.n{color:var(--soft);font:12px ui-monospace,monospace;margin:1em 0 -.7em}\
.out{margin:.4em 0 1em .8em;overflow-x:auto}.err{color:var(--bad)}.note{color:var(--soft);font-size:13px}\
table{border-collapse:collapse;font-size:13px}th,td{padding:.25em .7em;border-bottom:1px solid var(--line);text-align:left}\
td.num{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%}\
blockquote{margin:0;padding-left:1em;border-left:3px solid var(--line);color:var(--soft)}</style>\n";

/// The 16 colours of a terminal, readable on light and dark ground.
const PALETTE: [&str; 16] = [
    "#57606a", "#cf222e", "#1a7f37", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#8c959f", "#6e7781", "#e5534b",
    "#2da44e", "#bf8700", "#218bff", "#a475f9", "#3192aa", "#afb8c1",
];

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The whole page.
pub(super) fn write(book: &Notebook, title: &str) -> String {
    let mut out = format!("{HEAD}<title>{}</title>\n{STYLE}</head><body>\n", escape_html(title));
    for cell in book.cells() {
        self::cell(&mut out, cell);
    }
    out.push_str("</body></html>\n");
    out
}

fn cell(out: &mut String, cell: &Cell) {
    match cell.kind {
        CellKind::Markdown => {
            out.push_str("<section class=\"text\">\n");
            prose(out, &cell.source, &cell.attachments());
            out.push_str("</section>\n");
        }
        CellKind::Raw => _ = writeln!(out, "<pre class=\"code\">{}</pre>", escape_html(&cell.source)),
        CellKind::Code => {
            if cell.source.trim().is_empty() && !cell.has_outputs() {
                return;
            }
            out.push_str("<section class=\"cell\">\n");
            if let Some(n) = cell.execution_count {
                _ = writeln!(out, "<div class=\"n\">[{n}]</div>");
            }
            _ = writeln!(out, "<pre class=\"code\">{}</pre>", escape_html(&cell.source));
            let outputs: Vec<String> = cell.outputs().map(|o| String::from_utf8_lossy(&o).into_owned()).collect();
            for output in output::view(outputs.iter().map(String::as_str)) {
                out.push_str("<div class=\"out\">");
                shown(out, &output);
                out.push_str("</div>\n");
            }
            out.push_str("</section>\n");
        }
    }
}

fn shown(out: &mut String, output: &Output) {
    match output {
        Output::Text(text) => lines(out, text),
        Output::Table(table) => grid(out, table),
        Output::Page(blocks) => blocks.iter().for_each(|b| block(out, b)),
        Output::Image(image) => picture(out, image),
        Output::Markdown(text) => prose(out, text, &[]),
        Output::Error(failure) => {
            if failure.traceback.is_empty() {
                _ = write!(out, "<pre class=\"err\">{}</pre>", escape_html(&failure.summary()));
            } else {
                lines(out, &failure.traceback);
            }
        }
        Output::Gap(gap) => {
            _ = write!(out, "<p class=\"note\">{}</p>", escape_html(&gap.to_text()));
        }
        Output::Later(later) => shown(out, later.read()),
        Output::Note(note) => {
            _ = write!(out, "<p class=\"note\">{}</p>", escape_html(&note.what));
            if let Some(instead) = &note.fallback {
                shown(out, instead);
            }
        }
        other => {
            let told = output::describe::shown(other);
            let title = told.title.map(|t| format!(": {t}")).unwrap_or_default();
            if !matches!(other, Output::Json(_)) {
                let what = format!("{} (drawn in Andon){title}", told.kind);
                _ = write!(out, "<p class=\"note\">{}</p>", escape_html(&what));
            }
            _ = write!(out, "<pre>{}</pre>", escape_html(&told.text));
        }
    }
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => lines(out, text),
        Block::Table(table) => grid(out, table),
        Block::Image(image) => picture(out, image),
        Block::Fold(fold) => {
            let open = if fold.open { " open" } else { "" };
            _ = write!(out, "<details{open}><summary>{}</summary>", escape_html(&fold.title));
            fold.blocks.iter().for_each(|b| self::block(out, b));
            out.push_str("</details>");
        }
        Block::Media(media) => _ = write!(out, "<p class=\"note\">{}</p>", escape_html(&media.what())),
    }
}

fn picture(out: &mut String, image: &output::Image) {
    let Ok(bytes) = image.bytes() else {
        out.push_str("<p class=\"note\">A picture that cannot be read</p>");
        return;
    };
    let size = image.natural_size().map(|(w, _)| format!(" width=\"{}\"", w.round())).unwrap_or_default();
    let known = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
    let mime = if known.contains(&image.mime.as_str()) { &image.mime } else { "image/png" };
    _ = write!(out, "<img alt=\"output\"{size} src=\"data:{mime};base64,{}\">", base64(&bytes));
}

fn lines(out: &mut String, text: &Text) {
    let class = if text.stderr { " class=\"err\"" } else { "" };
    _ = write!(out, "<pre{class}>");
    for line in text.lines().iter().take(MOST_LINES) {
        for (part, style) in line.runs() {
            run(out, text, part, style);
        }
        out.push('\n');
    }
    out.push_str("</pre>");
    let left = text.total_lines().saturating_sub(MOST_LINES as u64);
    if left > 0 {
        _ = write!(out, "<p class=\"note\">{left} more lines are in the notebook</p>");
    }
}

fn run(out: &mut String, text: &Text, part: &str, style: Style) {
    let css = css(style);
    let link = style.link.checked_sub(1).and_then(|_| text.link(style.link)).filter(|l| is_safe(l));
    if let Some(link) = link {
        _ = write!(out, "<a href=\"{}\">", escape_html(link));
    }
    if css.is_empty() {
        out.push_str(&escape_html(part));
    } else {
        _ = write!(out, "<span style=\"{css}\">{}</span>", escape_html(part));
    }
    if link.is_some() {
        out.push_str("</a>");
    }
}

fn css(style: Style) -> String {
    let ink = |ink: Ink| match ink {
        Ink::Default => None,
        Ink::Palette(n) => PALETTE.get(usize::from(n)).map(|c| (*c).to_owned()),
        Ink::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
    };
    let (fg, bg) = if style.inverse { (style.bg, style.fg) } else { (style.fg, style.bg) };
    let mut all = Vec::new();
    all.extend(ink(fg).map(|c| format!("color:{c}")));
    all.extend(ink(bg).map(|c| format!("background:{c}")));
    for (on, rule) in [
        (style.bold, "font-weight:600"),
        (style.faint, "opacity:.7"),
        (style.italic, "font-style:italic"),
        (style.underline, "text-decoration:underline"),
        (style.strike, "text-decoration:line-through"),
    ] {
        all.extend(on.then(|| rule.to_owned()));
    }
    all.join(";")
}

fn grid(out: &mut String, table: &output::Table) {
    if let Some(caption) = &table.caption {
        _ = write!(out, "<p class=\"note\">{}</p>", escape_html(caption));
    }
    out.push_str("<table><thead>");
    let heads: Vec<Vec<String>> = match table.head.as_slice() {
        [] => vec![table.page.columns.iter().map(|c| c.name.clone()).collect()],
        rows => rows.to_vec(),
    };
    for row in &heads {
        out.push_str("<tr>");
        row.iter().for_each(|name| _ = write!(out, "<th>{}</th>", escape_html(name)));
        out.push_str("</tr>");
    }
    out.push_str("</thead><tbody>");
    for row in table.page.rows.iter().take(MOST_ROWS) {
        out.push_str("<tr>");
        for (n, cell) in row.iter().enumerate() {
            let text = if matches!(cell, table::Cell::Null) { String::new() } else { cell.plain().into_owned() };
            let number = !text.is_empty() && text.trim_end_matches('%').parse::<f64>().is_ok();
            let (tag, class) = match (n < table.index_columns, number) {
                (true, _) => ("th", ""),
                (false, true) => ("td", " class=\"num\""),
                (false, false) => ("td", ""),
            };
            _ = write!(out, "<{tag}{class}>{}</{tag}>", escape_html(&text));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    let left = table.page.rows.len().saturating_sub(MOST_ROWS) + table.dropped_rows;
    let notes =
        table.note.clone().into_iter().chain((left > 0).then(|| format!("{left} more rows are in the notebook")));
    notes.for_each(|note| _ = write!(out, "<p class=\"note\">{}</p>", escape_html(&note)));
}

/// Markdown; of raw HTML only harmless tags are kept, without attributes.
fn prose(out: &mut String, text: &str, attachments: &[(String, Vec<(String, String)>)]) {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    // What stands between the tags of a script in a line is no text either.
    let mut hidden = false;
    let shown = Parser::new_ext(text, options).filter(|event| {
        if let Event::InlineHtml(raw) = event {
            hidden = NO_TEXT.iter().any(|tag| raw.to_lowercase().starts_with(&format!("<{tag}")));
        }
        !hidden || !matches!(event, Event::Text(_) | Event::Code(_))
    });
    let safe = shown.map(|event| match event {
        Event::Html(raw) => Event::Html(plain_tags(&raw).into()),
        Event::InlineHtml(raw) => Event::InlineHtml(plain_tags(&raw).into()),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if is_safe(&dest_url) { dest_url } else { "#".into() };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let attached =
                dest_url.strip_prefix("attachment:").and_then(|name| attachments.iter().find(|(n, _)| n == name));
            let data = attached.and_then(|(_, forms)| forms.first()).map(|(mime, data)| {
                let clean: String = data.chars().filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect();
                format!("data:{mime};base64,{clean}")
            });
            Event::Start(Tag::Image { link_type, dest_url: data.map_or(dest_url, Into::into), title, id })
        }
        other => other,
    });
    push::push_html(out, safe);
}

/// Addresses that a click may follow: pages, mail, and places in this page or beside it.
fn is_safe(link: &str) -> bool {
    let lower: String =
        link.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>().to_lowercase();
    match lower.split_once(':') {
        Some((scheme, _)) if !scheme.contains(['/', '#', '?']) => matches!(scheme, "http" | "https" | "mailto"),
        _ => true,
    }
}

const TAGS: [&str; 34] = [
    "b",
    "i",
    "u",
    "s",
    "em",
    "strong",
    "small",
    "sub",
    "sup",
    "kbd",
    "mark",
    "code",
    "br",
    "hr",
    "p",
    "div",
    "span",
    "center",
    "details",
    "summary",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "del",
    "ins",
    "q",
];

/// What these hold is not shown.
const NO_TEXT: [&str; 6] = ["script", "style", "iframe", "template", "svg", "object"];

/// Raw HTML with the known tags alone, without attributes; the text between stays.
fn plain_tags(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw;
    while let Some(at) = rest.find('<') {
        out.push_str(&escape_html(rest.get(..at).unwrap_or_default()).replace("&amp;", "&"));
        let tag = rest.get(at + 1..).unwrap_or_default();
        let Some(end) = tag.find('>') else { return out };
        let inside = tag.get(..end).unwrap_or_default();
        let (slash, name) = inside.strip_prefix('/').map_or(("", inside), |n| ("/", n));
        let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        if TAGS.contains(&name.as_str()) {
            _ = write!(out, "<{slash}{name}>");
        }
        rest = tag.get(end + 1..).unwrap_or_default();
        if slash.is_empty() && NO_TEXT.contains(&name.as_str()) {
            let close = format!("</{name}");
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&close).and_then(|n| rest.get(n..)).unwrap_or_default();
        }
    }
    out.push_str(&escape_html(rest).replace("&amp;", "&"));
    out
}
