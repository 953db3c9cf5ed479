//! The results of a run on their way into a code cell: made from the cell as it is, where there is time, and put in its
//! place at once.
use std::sync::Arc;

use super::{
    super::{
        json::{Bytes, Json},
        output::Fresh,
        settle,
    },
    Cell, CellKey, CellKind, Field, Notebook,
    layout::Template,
};
use crate::base::{Error, Result};

/// A code cell that is to get the results of a run.
#[derive(Debug, Clone)]
pub struct Receiver {
    cell: Arc<Cell>,
    ascii: bool,
}

/// The cell with them.
#[derive(Debug, Clone)]
pub struct Received {
    from: Arc<Cell>,
    cell: Arc<Cell>,
}

impl Receiver {
    /// Makes the cell with these outputs and this number. Takes as long as it takes to write them.
    pub fn take(&self, outputs: &[Fresh], count: Option<i64>) -> Result<Received> {
        let cell = self.cell.with_run(outputs, count, self.ascii)?;
        Ok(Received { from: self.cell.clone(), cell: Arc::new(cell) })
    }
}

impl Notebook {
    /// The cell as it is now, to be given the results of a run.
    pub fn receiver(&self, key: CellKey) -> Result<Receiver> {
        self.can_change()?;
        let cell = self.cell(key).ok_or_else(|| Error::bug("The cell is not there any more"))?;
        if cell.kind != CellKind::Code {
            return Err(Error::user("Only code cells have outputs"));
        }
        Ok(Receiver { cell: cell.clone(), ascii: self.ascii })
    }

    /// Puts the cell with its results in its place; false, and nothing done, when it was changed meanwhile. Not a step of
    /// the history: undoing an edit must not take a result away that came after it.
    pub fn receive(&mut self, done: Received) -> Result<bool> {
        self.can_change()?;
        let Some(slot) = self.cells.iter_mut().find(|c| Arc::ptr_eq(c, &done.from)) else { return Ok(false) };
        *slot = done.cell;
        self.happened();
        Ok(true)
    }
}

impl Cell {
    /// The cell after a run. Its outputs are written once, into the bytes it then has.
    fn with_run(&self, outputs: &[Fresh], count: Option<i64>, ascii: bool) -> Result<Self> {
        let json = Json::parse(self.raw().clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
        let look = Template::read(json.root(), ascii);
        let number = count.map_or_else(|| "null".to_owned(), |n| n.to_string());
        let metadata = settle::rerun(&self.metadata());
        let room = outputs.iter().map(Fresh::bytes).sum::<usize>() + self.source.len() + 4096;
        let place = |field: Field| {
            json.root().members().filter(|m| m.key.is(field.key())).last().map(|m| (m.value.span(), field))
        };
        let wanted = [Some(Field::ExecutionCount), Some(Field::Outputs), metadata.is_some().then_some(Field::Metadata)];
        let places: Option<Vec<_>> = wanted.into_iter().flatten().map(place).collect();
        let Some(mut places) = places else {
            // A cell that lacks one of them gets it where sorting puts it.
            let mut list = Vec::with_capacity(room);
            look.outputs(outputs, &mut list);
            let cell = self.with_field(Field::ExecutionCount, Some(number.as_bytes()), ascii)?;
            let cell = match metadata {
                Some(metadata) => cell.with_field(Field::Metadata, Some(metadata.as_ref()), ascii)?,
                None => cell,
            };
            return cell.with_field(Field::Outputs, Some(&list), ascii);
        };
        places.sort_by_key(|(span, _)| span.start);
        let mut out = Vec::with_capacity(room);
        let (raw, mut at) = (self.raw(), 0);
        for (span, field) in places {
            out.extend_from_slice(raw.get(at..span.start).unwrap_or_default());
            match field {
                Field::Outputs => look.outputs(outputs, &mut out),
                Field::Metadata => out.extend_from_slice(metadata.as_ref().map_or(&[][..], AsRef::as_ref)),
                _ => out.extend_from_slice(number.as_bytes()),
            }
            at = span.end;
        }
        out.extend_from_slice(raw.get(at..).unwrap_or_default());
        out.shrink_to_fit();
        drop(json);
        Self::from_raw(self.key, Bytes::from(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notebook::OutputJson;

    fn book(cell: &str) -> Notebook {
        let text = format!("{{\"cells\": [{cell}], \"metadata\": {{}}, \"nbformat\": 4, \"nbformat_minor\": 4}}");
        Notebook::parse(text.as_str()).unwrap()
    }

    #[test]
    fn results_go_where_the_fields_stand_and_are_written_as_outputs_are() {
        let stream = r#"{"name":"stdout","output_type":"stream","text":["a\n","b"]}"#;
        for cell in [
            r#"{"cell_type": "code", "execution_count": null, "metadata": {"x": 1}, "outputs": [], "source": "1"}"#,
            r#"{"source": "1", "outputs": [ ], "metadata": {}, "execution_count": 7, "cell_type": "code"}"#,
            r#"{"cell_type": "code", "metadata": {}, "source": "1"}"#,
        ] {
            let mut book = book(cell);
            let key = book.cells()[0].key;
            book.set_outputs(key, &[OutputJson::from(stream), "3".into()], Some(2)).unwrap();
            let cell = &book.cells()[0];
            assert_eq!((cell.execution_count, cell.outputs().len()), (Some(2), 1), "{}", cell.raw().text());
            let output: serde_json::Value = serde_json::from_str(cell.outputs().next().unwrap().text()).unwrap();
            assert_eq!(output, serde_json::from_str::<serde_json::Value>(stream).unwrap());
            assert!(Notebook::parse(book.to_bytes()).is_ok() && book.is_dirty());
            book.set_outputs(key, &[], None).unwrap();
            assert!(!book.cells()[0].has_outputs());
        }
    }

    #[test]
    fn a_cell_that_was_edited_meanwhile_is_not_overwritten() {
        let mut book =
            book(r#"{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": "1"}"#);
        let key = book.cells()[0].key;
        let made = book.receiver(key).unwrap().take(&[Fresh::Json(r#"{"output_type":"x"}"#.into())], Some(1)).unwrap();
        book.set_source(key, "2").unwrap();
        assert!(!book.receive(made).unwrap());
        let made = book.receiver(key).unwrap().take(&[Fresh::Json(r#"{"output_type":"x"}"#.into())], Some(1)).unwrap();
        assert!(book.receive(made).unwrap());
        assert_eq!((&*book.cells()[0].source, book.cells()[0].execution_count), ("2", Some(1)));
        book.undo().unwrap();
        assert_eq!((&*book.cells()[0].source, book.cells()[0].has_outputs()), ("1", true), "the result stays");
    }
}
