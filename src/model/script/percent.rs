//! Scripts with `# %%` lines (jupytext's `percent` format, as Spyder, VS Code and PyCharm know it).
use serde_json::{Map, Value};

use super::{
    super::notebook::{Cell, CellKind},
    Dress, Form, Piece, Script, options, without_gap,
};

/// Languages of whole-cell magics that are kept as comments with `language=`.
const OTHERS: [&str; 10] = ["bash", "sh", "perl", "ruby", "html", "javascript", "js", "latex", "sql", "R"];

/// The words behind the marker, when the line is one: `# %% load` gives `load`.
fn marker(line: &str) -> Option<&str> {
    let rest = line.trim_end().strip_prefix('#')?.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix("%%")?.trim_start_matches('%');
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// Reads a script; none when no line of it begins a cell.
pub(super) fn read(text: &str, language: &str) -> Option<Script> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|n| lines.get(*n).is_some_and(|l| marker(l).is_some())).collect();
    let first = *starts.first()?;
    let join = |from: usize, to: usize| -> String { lines.get(from..to).unwrap_or_default().concat() };
    let mut script = Script {
        form: Form::Percent,
        language: language.into(),
        head: String::new(),
        pieces: Vec::new(),
        crlf: false,
        places: None,
    };
    let lead = join(0, first);
    let head = head_end(&lead);
    lead.get(..head).unwrap_or_default().clone_into(&mut script.head);
    let loose = lead.get(head..).unwrap_or_default();
    if loose.trim().is_empty() {
        script.head.push_str(loose);
    } else {
        script.pieces.push(piece(String::new(), loose, CellKind::Code, Map::new()));
    }
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(lines.len());
        let opening = join(*start, start + 1);
        let (kind, metadata) = read_marker(marker(&opening).unwrap_or_default());
        script.pieces.push(piece(opening, &join(start + 1, end), kind, metadata));
    }
    Some(script)
}

/// Where the comments with the file's own words end: `# ---` to `# ---`, at the very top.
fn head_end(text: &str) -> usize {
    let mut at = 0;
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let is_edge = line.trim_end() == "# ---";
        match (inside, is_edge) {
            (false, false) if at == 0 && (line.starts_with("#!") || line.contains("-*-")) => {}
            (false, false) => return 0,
            (false, true) => inside = true,
            (true, true) => {
                let end = at + line.len();
                let blank = text.get(end..).unwrap_or_default();
                return end + (blank.len() - blank.trim_start_matches('\n').len());
            }
            (true, false) if !line.starts_with('#') => return 0,
            (true, false) => {}
        }
        at += line.len();
    }
    0
}

fn read_marker(words: &str) -> (CellKind, Map<String, Value>) {
    let (title, metadata) = options::read(words);
    let kind = match title.rsplit_once('[').and_then(|(_, k)| k.trim_end().strip_suffix(']')) {
        Some("markdown" | "md") => CellKind::Markdown,
        Some("raw") => CellKind::Raw,
        _ => CellKind::Code,
    };
    (kind, metadata)
}

fn piece(opening: String, body: &str, kind: CellKind, metadata: Map<String, Value>) -> Piece {
    let (own, gap) = without_gap(body);
    let text = own.strip_suffix('\n').unwrap_or(own);
    let (source, dress) = match kind {
        CellKind::Code => (code(text, &metadata), Dress::Plain),
        _ => prose(text),
    };
    let metadata = match kind {
        CellKind::Code => metadata.into_iter().filter(|(k, _)| k != "language" && k != "magic_args").collect(),
        _ => metadata,
    };
    Piece {
        text: format!("{opening}{body}"),
        opening,
        closing: String::new(),
        gap: gap.to_owned(),
        kind,
        source,
        metadata,
        dress,
    }
}

fn code(text: &str, metadata: &Map<String, Value>) -> String {
    let word = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|w| !w.contains('\n'));
    if let Some(language) = word("language") {
        let args = word("magic_args").map(|a| format!(" {a}")).unwrap_or_default();
        return format!("%%{language}{args}\n{}", uncommented(text));
    }
    let lines = text.split('\n').map(|l| l.strip_prefix("# ").filter(|bare| is_magic(bare)).unwrap_or(l));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line that Python cannot read: `%matplotlib inline`, `!ls`, `?print`.
fn is_magic(line: &str) -> bool {
    let name = line.trim_start_matches("# ").trim_start_matches('%');
    let percents = line.trim_start_matches("# ").len() - name.len();
    let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    matches!(percents, 1 | 2) && letter
        || percents == 0
            && name.strip_prefix('!').is_some_and(|n| n.starts_with(|c: char| !c.is_whitespace() && c != '='))
        || percents == 0 && name.strip_prefix('?').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn uncommented(text: &str) -> String {
    text.split('\n')
        .map(|l| l.strip_prefix("# ").or_else(|| l.strip_prefix('#')).unwrap_or(l))
        .collect::<Vec<_>>()
        .join("\n")
}

fn commented(text: &str) -> String {
    text.split('\n')
        .map(|l| if l.is_empty() { "#".to_owned() } else { format!("# {l}") })
        .collect::<Vec<_>>()
        .join("\n")
}

fn prose(text: &str) -> (String, Dress) {
    for quotes in ["\"\"\"", "'''"] {
        let inner = text.strip_prefix(quotes).and_then(|t| t.strip_suffix(quotes)).filter(|t| !t.contains(quotes));
        if let Some(inner) = inner {
            let inner = inner.strip_prefix('\n').unwrap_or(inner);
            return (inner.strip_suffix('\n').unwrap_or(inner).to_owned(), Dress::Quoted(quotes));
        }
    }
    if text.split('\n').all(|l| l.starts_with('#') || l.trim().is_empty()) {
        return (uncommented(text), Dress::Commented);
    }
    (text.to_owned(), Dress::Plain)
}

/// The cell as it is written; `known` is its piece when its marker stays.
pub(super) fn render(cell: &Cell, metadata: &Map<String, Value>, known: Option<&Piece>, language: &str) -> String {
    let magic = other_language(&cell.source, language).filter(|_| cell.kind == CellKind::Code);
    let was_other = known.is_some_and(|p| p.opening.contains(" language="));
    let opening = match known {
        Some(p) if !p.opening.is_empty() && magic.is_none() && !was_other => p.opening.clone(),
        // Code in front of the first marker needs none.
        Some(p) if p.opening.is_empty() && magic.is_none() => String::new(),
        _ => {
            let title = known.map(|p| title_of(&p.opening)).unwrap_or_default();
            opening(cell.kind, &title, metadata, magic.as_ref())
        }
    };
    let body = match (cell.kind, known.map(|p| p.dress)) {
        (CellKind::Code, _) => match &magic {
            Some(magic) => commented(magic.body),
            None => cell.source.split('\n').map(dressed).collect::<Vec<_>>().join("\n"),
        },
        (_, Some(Dress::Quoted(quotes))) if !cell.source.contains(quotes) => {
            format!("{quotes}\n{}\n{quotes}", cell.source)
        }
        _ => commented(&cell.source),
    };
    if body.is_empty() { opening } else { format!("{opening}{body}\n") }
}

fn dressed(line: &str) -> String {
    if is_magic(line) { format!("# {line}") } else { line.to_owned() }
}

fn title_of(opening: &str) -> String {
    let (title, _) = options::read(marker(opening).unwrap_or_default());
    title.rsplit_once('[').map_or(title.clone(), |(t, _)| t.trim().to_owned())
}

struct Magic<'a> {
    language: &'a str,
    arguments: &'a str,
    body: &'a str,
}

fn other_language<'a>(source: &'a str, language: &str) -> Option<Magic<'a>> {
    let (first, body) = source.strip_prefix("%%")?.split_once('\n').unwrap_or((source.get(2..)?, ""));
    let (name, arguments) = first.split_once(' ').unwrap_or((first, ""));
    OTHERS
        .contains(&name)
        .then_some(Magic { language: name, arguments: arguments.trim(), body })
        .filter(|m| m.language != language)
}

fn opening(kind: CellKind, title: &str, metadata: &Map<String, Value>, magic: Option<&Magic<'_>>) -> String {
    let mut all = metadata.clone();
    if let Some(magic) = magic {
        all.insert("language".to_owned(), magic.language.into());
        if !magic.arguments.is_empty() {
            all.insert("magic_args".to_owned(), magic.arguments.into());
        }
    }
    let title = if title.is_empty() { String::new() } else { format!(" {title}") };
    let kind = match kind {
        CellKind::Code => "",
        CellKind::Markdown => " [markdown]",
        CellKind::Raw => " [raw]",
    };
    format!("# %%{title}{kind}{}\n", options::write(&all))
}
