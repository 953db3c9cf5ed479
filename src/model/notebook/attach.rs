//! Pictures and other files that a text cell carries with it. Each change is one step of the history, text included.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::json::{Json, encode_str},
    Cell, CellKey, CellKind, Field, Notebook,
    edit::{Step, Transaction},
    layout::Template,
};
use crate::{
    base::{Error, Result},
    model::json::Bytes,
};

/// A file to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub mime: String,
    pub bytes: Vec<u8>,
}

impl Attachment {
    /// What Markdown calls it: an address that names it.
    pub fn reference(name: &str) -> String {
        let mut out = String::from("attachment:");
        for c in name.chars() {
            match c {
                ' ' => out.push_str("%20"),
                '(' => out.push_str("%28"),
                ')' => out.push_str("%29"),
                '%' => out.push_str("%25"),
                c => out.push(c),
            }
        }
        out
    }
}

/// Why a name cannot be given; none when it can.
pub fn bad_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("An attachment needs a name")
    } else if name.contains(['/', '\\', '"', '<', '>', '\n']) {
        Some("A name of an attachment holds no slashes, quotes or angle brackets")
    } else {
        None
    }
}

impl Notebook {
    /// Attaches files to a text cell and shows pictures at its end. A name that is taken by other bytes gets a number.
    /// Gives the names.
    ///
    /// # Errors
    /// For cells of code, which carry no files.
    pub fn attach(&mut self, key: CellKey, files: &[Attachment]) -> Result<Vec<String>> {
        let cell = self.text_cell(key)?;
        let (value, names) = with_files(&cell, files, self.ascii);
        let mut text = cell.source.to_string();
        if cell.kind == CellKind::Markdown {
            for (name, file) in names.iter().zip(files) {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                let sign = if file.mime.starts_with("image/") { "!" } else { "" };
                text.push_str(&format!("{sign}[{name}]({})", Attachment::reference(name)));
            }
        }
        let mut steps = vec![Step::Field { key, field: Field::Attachments, value: Some(Bytes::from(value)) }];
        if *cell.source != *text {
            steps.extend(self.source_steps(&cell, &text));
        }
        self.end_typing();
        self.commit(Transaction { label: "Attach files", steps, focus: Some(key) }, None)?;
        Ok(names)
    }

    /// Puts a new text cell with these files in at `at`, as one step.
    ///
    /// # Errors
    /// When the notebook cannot be changed.
    pub fn insert_attached(&mut self, at: usize, files: &[Attachment]) -> Result<CellKey> {
        let at = at.min(self.cells.len());
        let mut names: Vec<String> = Vec::new();
        for file in files {
            names.push(free_name(&file.name, |n| names.iter().any(|k| k == n)));
        }
        let lines = names.iter().map(|name| format!("![{name}]({})", Attachment::reference(name)));
        let source = lines.collect::<Vec<_>>().join("\n");
        let raw = self.look_at(at).cell(CellKind::Markdown, &source, self.fresh_id().as_deref());
        let key = self.fresh_key();
        let cell = Cell::from_raw(key, Bytes::from(raw))?;
        let (value, _) = with_files(&cell, files, self.ascii);
        let cell = cell.with_field(Field::Attachments, Some(&value), self.ascii)?;
        let steps = vec![self.splice(at, 0, vec![Arc::new(cell)])];
        self.commit(Transaction { label: "Insert a picture", steps, focus: Some(key) }, None)?;
        Ok(key)
    }

    /// Gives an attachment another name, in the text as well.
    ///
    /// # Errors
    /// When there is none of that name, or the new name is taken or no name.
    pub fn rename_attachment(&mut self, key: CellKey, old: &str, new: &str) -> Result<()> {
        let cell = self.text_cell(key)?;
        let json = Json::parse(cell.raw().clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
        let Some(all) = json.root().get("attachments") else { return Err(none_such(old)) };
        if old == new {
            return Ok(());
        }
        if let Some(why) = bad_name(new) {
            return Err(Error::user(why).hint("Type another one"));
        }
        if all.members().any(|m| m.key.is(new)) {
            return Err(Error::user(format!("There is an attachment {new} already")).hint("Type another name"));
        }
        let member = all.members().find(|m| m.key.is(old)).ok_or_else(|| none_such(old))?;
        let mut quoted = Vec::new();
        encode_str(new, self.ascii, &mut quoted);
        let base = all.span().start;
        let mut value = all.raw().to_vec();
        let place = member.key.span();
        value.splice(place.start - base..place.end - base, quoted);
        let text = renamed(&cell.source, old, new);
        let mut steps = vec![Step::Field { key, field: Field::Attachments, value: Some(Bytes::from(value)) }];
        if *cell.source != *text {
            steps.extend(self.source_steps(&cell, &text));
        }
        self.end_typing();
        self.commit(Transaction { label: "Rename attachment", steps, focus: Some(key) }, None)
    }

    /// Takes an attachment out, with the places of the text that show it.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn remove_attachment(&mut self, key: CellKey, name: &str) -> Result<()> {
        let cell = self.text_cell(key)?;
        let json = Json::parse(cell.raw().clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
        let all = json.root().get("attachments").ok_or_else(|| none_such(name))?;
        if !all.members().any(|m| m.key.is(name)) {
            return Err(none_such(name));
        }
        let last = all.members().all(|m| m.key.is(name));
        let own = Json::parse(all.raw()).map_err(|e| Error::bug("Attachments became unreadable").because(&e))?;
        let value = super::super::json::splice::member(own.root(), name, None, |_, _| (0..0, Vec::new()))
            .map(|change| super::super::json::splice::apply(all.raw().to_vec(), change));
        let value = value.filter(|_| !last).map(Bytes::from);
        let text = without_picture(&cell.source, name);
        let mut new = cell.with_field(Field::Attachments, value.as_deref(), self.ascii)?;
        if *cell.source != *text {
            new = new.with_field(Field::Source, Some(&cell.source_bytes(&text, self.ascii)), self.ascii)?;
        }
        // The whole cell, since a field that is taken out would come back in another place.
        let steps = vec![Step::Raw { key, raw: new.raw().clone() }];
        self.end_typing();
        self.commit(Transaction { label: "Remove attachment", steps, focus: Some(key) }, None)
    }

    fn text_cell(&self, key: CellKey) -> Result<Arc<Cell>> {
        let cell = self.cell(key).cloned().ok_or_else(|| Error::user("The cell is not there any more"))?;
        if cell.kind == CellKind::Code {
            return Err(Error::user("A cell of code carries no files").hint("Attach it to a text cell"));
        }
        Ok(cell)
    }
}

fn none_such(name: &str) -> Error {
    Error::user(format!("The cell has no attachment {name}"))
}

/// A name nobody has: `plot.png`, `plot-2.png`.
fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let name: String =
        name.chars().map(|c| if bad_name(&c.to_string()).is_some() && c != ' ' { '-' } else { c }).collect();
    let name = if name.trim().is_empty() { "file".to_owned() } else { name };
    let (stem, ending) = name.rsplit_once('.').map_or((name.as_str(), String::new()), |(s, e)| (s, format!(".{e}")));
    let mut all = (2u32..).map(|n| format!("{stem}-{n}{ending}"));
    if taken(&name) { all.find(|n| !taken(n)).unwrap_or_default() } else { name }
}

/// The value of the attachments with these files in it, and their names there.
fn with_files(cell: &Cell, files: &[Attachment], ascii: bool) -> (Vec<u8>, Vec<String>) {
    let style = Template::of(cell, ascii).style;
    let known = cell.attachments();
    let old = cell.field(Field::Attachments).filter(|b| b.first() == Some(&b'{'));
    let mut value = old.map_or_else(|| b"{}".to_vec(), |b| b.to_vec());
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let base64 = STANDARD.encode(&file.bytes);
        let same = |forms: &Vec<(String, String)>| forms.iter().any(|(_, t)| t.trim_end() == base64);
        if let Some((name, _)) = known.iter().find(|(name, forms)| *name == file.name && same(forms)) {
            names.push(name.clone());
            continue;
        }
        let taken = |n: &str| known.iter().any(|(k, _)| k == n) || names.iter().any(|k| k == n);
        let name = free_name(&file.name, taken);
        let mut member = style.newline(1).into_bytes();
        encode_str(&name, ascii, &mut member);
        member.extend(style.colon.bytes());
        member.push(b'{');
        member.extend(style.newline(2).bytes());
        encode_str(&file.mime, ascii, &mut member);
        member.extend(style.colon.bytes());
        encode_str(&base64, ascii, &mut member);
        member.extend(style.newline(1).bytes());
        member.push(b'}');
        // In front of the closing bracket and the blanks before it.
        let end = value.iter().rposition(|b| *b == b'}').unwrap_or(value.len());
        let text = value.get(..end).unwrap_or_default();
        let last = text.iter().rposition(|b| !b.is_ascii_whitespace()).map_or(0, |p| p + 1);
        let empty = text.get(last.saturating_sub(1)) == Some(&b'{');
        let mut new = value.get(..last).unwrap_or_default().to_vec();
        if !empty {
            new.push(b',');
            if style.indent.is_none() {
                new.push(b' ');
            }
        }
        new.extend(member);
        let shut = value.get(last..).unwrap_or_default();
        new.extend(if empty { style.newline(0).into_bytes() } else { Vec::new() });
        new.extend_from_slice(if empty { value.get(end..).unwrap_or_default() } else { shut });
        value = new;
        names.push(name);
    }
    (value, names)
}

/// Places of an address in the text, each with its end: the name as it is or with its blanks and brackets escaped.
fn places(text: &str, name: &str) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    let escaped = Attachment::reference(name);
    let plain = format!("attachment:{name}");
    let blanks = plain.replace(' ', "%20");
    let mut forms = vec![escaped, plain, blanks];
    forms.sort();
    forms.dedup();
    for form in forms {
        for (at, _) in text.match_indices(&form) {
            let end = at + form.len();
            let ends = text
                .get(end..)
                .and_then(|r| r.chars().next())
                .is_none_or(|c| c.is_whitespace() || matches!(c, ')' | '>' | '"' | '\'' | ']' | '?' | '#'));
            if ends && !all.iter().any(|r: &std::ops::Range<usize>| r.start == at) {
                all.push(at..end);
            }
        }
    }
    all.sort_by_key(|r| r.start);
    all
}

fn renamed(text: &str, old: &str, new: &str) -> String {
    let mut out = text.to_owned();
    for place in places(text, old).into_iter().rev() {
        out.replace_range(place, &Attachment::reference(new));
    }
    out
}

/// Takes `![..](attachment:name)` out, and the line when nothing else stands on it.
fn without_picture(text: &str, name: &str) -> String {
    let mut out = text.to_owned();
    for place in places(text, name).into_iter().rev() {
        let before = out.get(..place.start).unwrap_or_default();
        let Some(open) = before.strip_suffix("](").and_then(|b| b.rfind("![")) else { continue };
        let after = out.get(place.end..).unwrap_or_default();
        let Some(shut) = after.find(')').filter(|at| !after.get(..*at).unwrap_or_default().contains('\n')) else {
            continue;
        };
        let (mut start, mut end) = (open, place.end + shut + 1);
        let alone = out.get(..start).is_some_and(|b| b.is_empty() || b.ends_with('\n'))
            && out.get(end..).is_some_and(|a| a.is_empty() || a.starts_with('\n'));
        if alone && out.get(end..end + 1) == Some("\n") {
            end += 1;
        } else if alone && start > 0 {
            start -= 1;
        }
        out.replace_range(start..end, "");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(cell: &str) -> Notebook {
        let text = format!(
            "{{\n \"cells\": [\n  {cell}\n ],\n \"metadata\": {{}},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}}\n"
        );
        Notebook::parse(text.into_bytes()).unwrap()
    }

    fn png(name: &str, bytes: &[u8]) -> Attachment {
        Attachment { name: name.into(), mime: "image/png".into(), bytes: bytes.to_vec() }
    }

    #[test]
    fn files_come_and_go_as_one_step_each_and_undo_brings_the_bytes_back() {
        let cell = "{\"cell_type\": \"markdown\", \"id\": \"m\", \"attachments\": {\"a b.png\": {\"image/png\":  \"AAAA\"}}, \"metadata\": {\"big\": 12345678901234567890123}, \"source\": [\"One ![a](attachment:a%20b.png) two\\n\", \"attachment:a b.pngs\"]}";
        let mut nb = book(cell);
        let key = nb.cells()[0].key;
        let before = nb.to_bytes();
        assert_eq!(nb.attach(key, &[png("plot.png", b"x"), png("a b.png", b"y")]).unwrap(), ["plot.png", "a b-2.png"]);
        let names = |nb: &Notebook| nb.cells()[0].attachments().into_iter().map(|a| a.0).collect::<Vec<_>>();
        assert_eq!(names(&nb), ["a b.png", "plot.png", "a b-2.png"]);
        assert!(
            nb.cells()[0].source.ends_with("![plot.png](attachment:plot.png)\n![a b-2.png](attachment:a%20b-2.png)")
        );
        let text = String::from_utf8(nb.to_bytes()).unwrap();
        assert!(text.contains("{\"image/png\":  \"AAAA\"}") && text.contains("12345678901234567890123"), "{text}");
        nb.rename_attachment(key, "a b.png", "c.png").unwrap();
        assert_eq!(names(&nb)[0], "c.png");
        assert!(nb.cells()[0].source.starts_with("One ![a](attachment:c.png) two\nattachment:a b.pngs"));
        assert!(nb.rename_attachment(key, "c.png", "plot.png").unwrap_err().what.contains("already"));
        assert!(nb.rename_attachment(key, "c.png", "a/b").is_err() && nb.rename_attachment(key, "no", "x").is_err());
        nb.remove_attachment(key, "c.png").unwrap();
        assert!(nb.cells()[0].source.starts_with("One  two\n"));
        nb.remove_attachment(key, "plot.png").unwrap();
        nb.remove_attachment(key, "a b-2.png").unwrap();
        assert!(names(&nb).is_empty() && !nb.cells()[0].raw().text().contains("attachments"));
        assert_eq!(&*nb.cells()[0].source, "One  two\nattachment:a b.pngs");
        for _ in 0..5 {
            nb.undo().unwrap().unwrap();
        }
        assert_eq!(nb.to_bytes(), before);
        assert!(nb.undo().unwrap().is_none(), "one step each");
    }

    #[test]
    fn a_picture_becomes_a_cell_and_code_carries_none() {
        let mut nb = book(
            "{\"cell_type\": \"code\", \"id\": \"c\", \"execution_count\": null, \"metadata\": {}, \"outputs\": [], \"source\": []}",
        );
        let before = nb.to_bytes();
        assert!(nb.attach(nb.cells()[0].key, &[png("a.png", b"1")]).is_err());
        let key = nb.insert_attached(1, &[png("a.png", b"1"), png("a.png", b"2")]).unwrap();
        let cell = nb.cell(key).unwrap();
        assert_eq!(&*cell.source, "![a.png](attachment:a.png)\n![a-2.png](attachment:a-2.png)");
        assert_eq!(cell.attachments().len(), 2);
        assert!(Notebook::parse(nb.to_bytes()).is_ok());
        nb.undo().unwrap();
        assert_eq!(nb.to_bytes(), before);
    }

    #[test]
    fn the_same_file_twice_is_one() {
        let mut nb = book("{\"cell_type\": \"markdown\", \"id\": \"m\", \"metadata\": {}, \"source\": \"\"}");
        let key = nb.cells()[0].key;
        nb.attach(key, &[png("a.png", b"1")]).unwrap();
        assert_eq!(nb.attach(key, &[png("a.png", b"1")]).unwrap(), ["a.png"]);
        assert_eq!(nb.cells()[0].attachments().len(), 1);
    }
}
