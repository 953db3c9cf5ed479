//! Markdown whose code cells stand in fences: jupytext's `md`, MyST's `{code-cell}`, Quarto and R Markdown.
use serde_json::{Map, Value};

use super::{
    super::notebook::{Cell, CellKind},
    Dress, Form, Piece, Script, options, without_gap,
};

/// Begins and ends text that holds fences of its own and is one cell.
const REGION: &str = "<!-- #region";
const END_REGION: &str = "<!-- #endregion -->";
/// Parts two Markdown cells in MyST.
const BREAK: &str = "+++";

/// Reads Markdown; none when it does not say that it is a notebook.
pub(super) fn read(text: &str, path: &str) -> Option<Script> {
    let head = text.get(..head_end(text)?)?;
    let form = form_of(head, text, path)?;
    let language = language(head, super::language_of(path));
    let mut script = Script { form, language, head: head.to_owned(), pieces: Vec::new(), crlf: false, places: None };
    let mut reader = Reader { script: &mut script, prose: String::new() };
    let mut lines = text.get(head.len()..)?.split_inclusive('\n').peekable();
    let mut fence: Option<(String, String, String)> = None;
    let mut other: Option<String> = None;
    let mut region: Option<String> = None;
    while let Some(line) = lines.next() {
        let bare = line.trim_end();
        if let Some((mark, opening, body)) = &mut fence {
            if is_close(bare, mark) {
                let (opening, body) = (std::mem::take(opening), std::mem::take(body));
                fence = None;
                reader.code(opening, body, line);
            } else {
                body.push_str(line);
            }
            continue;
        }
        if let Some(body) = &mut region {
            body.push_str(line);
            if bare == END_REGION {
                reader.prose.push_str(&std::mem::take(body));
                region = None;
                reader.flush();
            }
            continue;
        }
        if let Some(mark) = &other {
            if is_close(bare, mark) {
                other = None;
            }
            reader.prose.push_str(line);
            continue;
        }
        match opens(bare) {
            Some((mark, info)) if is_code(reader.script, info) => {
                reader.flush();
                fence = Some((mark.to_owned(), line.to_owned(), String::new()));
            }
            Some((mark, _)) => {
                other = Some(mark.to_owned());
                reader.prose.push_str(line);
            }
            None if bare.starts_with(REGION) => {
                reader.flush();
                region = Some(line.to_owned());
            }
            None if form == Form::Myst && (bare == BREAK || bare.starts_with("+++ ")) => {
                reader.prose.push_str(line);
                reader.flush();
            }
            None => {
                // Two empty lines part Markdown cells.
                let parts = form == Form::Markdown && bare.is_empty() && reader.prose.ends_with("\n\n");
                reader.prose.push_str(line);
                if parts && lines.peek().is_some_and(|l| !l.trim().is_empty()) {
                    reader.flush();
                }
            }
        }
    }
    // What is not closed is text.
    let rest = fence.map(|(_, opening, body)| opening + &body).into_iter().chain(region);
    rest.for_each(|text| reader.prose.push_str(&text));
    reader.flush();
    Some(script)
}

struct Reader<'a> {
    script: &'a mut Script,
    prose: String,
}

impl Reader<'_> {
    fn code(&mut self, opening: String, body: String, closing: &str) {
        let info = opens(opening.trim_end()).map(|(_, info)| info).unwrap_or_default();
        let (mut own, mut metadata) = (body.as_str(), Map::new());
        let mut opening_lines = opening.clone();
        match self.script.form {
            Form::Markdown => metadata = options::read(info.split_once(' ').map_or("", |(_, rest)| rest)).1,
            Form::Myst => {
                // `:tags: [a, b]` lines in front of the code.
                while let Some((line, rest)) = own.split_once('\n') {
                    let Some((key, value)) = line.strip_prefix(':').and_then(|l| l.split_once(':')) else { break };
                    metadata.insert(key.to_owned(), yaml(value.trim()));
                    opening_lines.push_str(&format!("{line}\n"));
                    own = rest;
                }
                if let (false, Some(rest)) = (metadata.is_empty(), own.strip_prefix('\n')) {
                    opening_lines.push('\n');
                    own = rest;
                }
            }
            _ => {}
        }
        let language = word(info);
        let source = own.strip_suffix('\n').unwrap_or(own);
        let source = if language == self.script.language
            || self.script.form != Form::Markdown
            || same(&language, &self.script.language)
        {
            source.to_owned()
        } else {
            format!("%%{language}\n{source}")
        };
        self.script.pieces.push(Piece {
            text: format!("{opening}{body}{closing}"),
            opening: opening_lines,
            closing: closing.to_owned(),
            gap: String::new(),
            kind: CellKind::Code,
            source,
            metadata,
            dress: Dress::Plain,
        });
    }
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.prose);
        if text.is_empty() {
            return;
        }
        // Empty lines behind a cell belong to it; in front of all cells to the head.
        let blank = text.len() - text.trim_start_matches('\n').len();
        let (lead, text) = text.split_at(blank);
        match self.script.pieces.last_mut() {
            Some(last) => {
                last.text.push_str(lead);
                last.gap.push_str(lead);
            }
            None => self.script.head.push_str(lead),
        }
        if text.is_empty() {
            return;
        }
        let (own, gap) = without_gap(text);
        let (own, gap) = match (self.script.form, own.strip_suffix("+++\n")) {
            (Form::Myst, Some(rest)) => {
                let (before, blank) = without_gap(rest);
                (before, format!("{blank}+++\n{gap}"))
            }
            _ => (own, gap.to_owned()),
        };
        if own.is_empty() {
            if let Some(last) = self.script.pieces.last_mut() {
                last.text.push_str(text);
                last.gap.push_str(text);
            } else {
                self.script.head.push_str(text);
            }
            return;
        }
        let plain = own.strip_suffix('\n').unwrap_or(own);
        let region =
            plain.strip_prefix(REGION).and_then(|t| t.strip_suffix(END_REGION)).and_then(|t| t.split_once("-->\n"));
        let (opening, closing, source, metadata) = match region {
            Some((words, inner)) => {
                let opening = format!("{REGION}{words}-->\n");
                let inner = inner.strip_suffix('\n').unwrap_or(inner);
                (opening, format!("{END_REGION}\n"), inner, options::read(words).1)
            }
            None => (String::new(), String::new(), plain, Map::new()),
        };
        self.script.pieces.push(Piece {
            text: text.to_owned(),
            opening,
            closing,
            gap,
            kind: CellKind::Markdown,
            source: source.to_owned(),
            metadata,
            dress: Dress::Plain,
        });
    }
}

/// The end of the YAML between `---` lines that the file begins with.
fn head_end(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("---\n")?;
    let mut at = 4;
    for line in rest.split_inclusive('\n') {
        at += line.len();
        if matches!(line.trim_end(), "---" | "...") {
            return Some(at);
        }
    }
    None
}

fn form_of(head: &str, text: &str, path: &str) -> Option<Form> {
    let says = |word: &str| head.lines().any(|l| l.trim_start().starts_with(word));
    match Form::of_new(path)? {
        Form::Quarto => Some(Form::Quarto),
        _ if says("format_name: myst") || text.contains("\n```{code-cell}") => Some(Form::Myst),
        _ if says("jupyter:") || says("jupytext:") || says("kernelspec:") => Some(Form::Markdown),
        _ => None,
    }
}

fn language(head: &str, otherwise: &str) -> String {
    let value =
        |key: &str| head.lines().find_map(|l| l.trim_start().strip_prefix(key)).map(|v| v.trim().to_lowercase());
    value("language:").filter(|l| !l.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

/// A fence that opens: its characters, and what stands behind them.
fn opens(line: &str) -> Option<(&str, &str)> {
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let width = line.len() - line.trim_start_matches(sign).len();
    let (mark, info) = line.split_at_checked(width)?;
    (width >= 3 && !info.contains('`')).then_some((mark, info.trim()))
}

fn is_close(line: &str, mark: &str) -> bool {
    line.starts_with(mark) && line.chars().all(|c| mark.starts_with(c))
}

/// The language a fence names: `python`, of `{python}` and `{code-cell} ipython3` too.
fn word(info: &str) -> String {
    let inner = info.strip_prefix('{').and_then(|i| i.split_once('}')).map(|(inner, _)| inner);
    let word = inner.unwrap_or(info).split([' ', ',']).next().unwrap_or_default();
    word.to_lowercase()
}

fn same(a: &str, b: &str) -> bool {
    let plain = |l: &str| match l {
        "py" | "python3" | "ipython3" | "ipython" => "python".to_owned(),
        other => other.to_owned(),
    };
    plain(a) == plain(b)
}

fn is_code(script: &Script, info: &str) -> bool {
    match script.form {
        Form::Myst => info.starts_with("{code-cell}"),
        Form::Quarto => info.starts_with('{') && !info.starts_with("{=") && !info.starts_with("{."),
        _ => {
            same(&word(info), &script.language)
                || matches!(word(info).as_str(), "bash" | "sql" | "r" | "julia" if !info.starts_with('{'))
        }
    }
}

/// A value of MyST's `:key: value` lines: a list in brackets, a word, a number.
fn yaml(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some(list) => {
            let words = list.split(',').map(|w| w.trim().trim_matches(['"', '\''])).filter(|w| !w.is_empty());
            Value::Array(words.map(Value::from).collect())
        }
        None => Value::from(text),
    }
}

/// The YAML in front of a notebook that is kept as Markdown for the first time.
pub(super) fn head(form: Form, language: &str) -> String {
    match form {
        Form::Quarto => "---\ntitle: \"\"\n---\n\n".to_owned(),
        _ => format!(
            "---\njupyter:\n  jupytext:\n    text_representation:\n      extension: .md\n      format_name: markdown\n  kernelspec:\n    language: {language}\n---\n\n"
        ),
    }
}

/// The cell as it is written; `known` is its piece when its first line stays.
pub(super) fn render(
    cell: &Cell,
    metadata: &Map<String, Value>,
    known: Option<&Piece>,
    form: Form,
    language: &str,
) -> String {
    match cell.kind {
        CellKind::Code => code(cell, metadata, known, form, language),
        _ => {
            let whole = |text: &str| format!("{}\n", text.trim_end_matches('\n'));
            let needs = cell.source.lines().any(|l| opens(l.trim_end()).is_some() || l.starts_with(REGION))
                || cell.source.contains("\n\n\n")
                || !metadata.is_empty();
            match known.filter(|p| !p.opening.is_empty()) {
                Some(p) => format!("{}{}{}", p.opening, whole(&cell.source), p.closing),
                None if needs => {
                    format!("{REGION}{} -->\n{}{END_REGION}\n", options::write(metadata), whole(&cell.source))
                }
                None => whole(&cell.source),
            }
        }
    }
}

fn code(cell: &Cell, metadata: &Map<String, Value>, known: Option<&Piece>, form: Form, language: &str) -> String {
    let magic = cell.source.strip_prefix("%%").and_then(|s| s.split_once('\n'));
    let magic = magic.filter(|(name, _)| form == Form::Markdown && matches!(*name, "bash" | "sql" | "r" | "julia"));
    let (word, body) = magic.unwrap_or((language, &cell.source));
    // A fence of as many signs as it takes to hold what is in it.
    let longest = body.lines().filter_map(|l| opens(l.trim_end())).map(|(mark, _)| mark.len()).max().unwrap_or(2);
    let fence = "`".repeat(3.max(longest + 1));
    let body = if body.is_empty() { String::new() } else { format!("{body}\n") };
    let fits = |p: &&Piece| {
        let (mark, info) = opens(p.opening.lines().next().unwrap_or_default().trim_end()).unwrap_or_default();
        (mark.len() >= fence.len() || longest < 3) && (form != Form::Markdown || same(&self::word(info), word))
    };
    if let Some(p) = known.filter(fits) {
        return format!("{}{body}{}", p.opening, p.closing);
    }
    let opening = match form {
        Form::Myst => {
            let lines: String = metadata.iter().map(|(k, v)| format!(":{k}: {v}\n")).collect();
            let parted = if lines.is_empty() { "" } else { "\n" };
            format!("{{code-cell}}\n{lines}{parted}")
        }
        Form::Quarto => format!("{{{word}}}\n"),
        _ => format!("{word}{}\n", options::write(metadata)),
    };
    format!("{fence}{opening}{body}{fence}\n")
}
