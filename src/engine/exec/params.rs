//! Puts the parameters of a run into a notebook.
use crate::{
    base::{Error, Result},
    model::{
        notebook::{CellKind, Notebook},
        params::{DECLARED, INJECTED, known, source, tagged},
        run::Params,
        table::sql_cell,
    },
};

/// Values by name, for SQL.
pub(super) type Values = crate::engine::sql::Params;

/// What a run starts with.
pub(super) struct Injected {
    /// Everything SQL cells can use: defaults first, given values over them.
    pub values: Values,
    /// The defaults that are known without running anything.
    pub defaults: Params,
    /// Where a cell was added.
    pub added: Option<usize>,
}

/// Puts the parameters in.
pub(super) fn inject(notebook: &mut Notebook, params: &Params) -> Result<Injected> {
    let cells = notebook.cells().to_vec();
    let all = known(&cells);
    let declared = tagged(&cells, DECLARED);
    let defaults = declared.and_then(|at| cells.get(at)).map_or_else(Params::new, |c| known(std::slice::from_ref(c)));
    let mut values: Values = all.into_iter().collect();
    if params.is_empty() {
        return Ok(Injected { values, defaults, added: None });
    }
    for name in params.keys() {
        if !crate::model::table::is_name(name) {
            return Err(Error::user(format!("{name:?} cannot be the name of a parameter"))
                .hint("Use letters, digits and _, with no digit first"));
        }
    }
    let language = notebook.language();
    let only_sql = cells.iter().all(|c| c.kind != CellKind::Code || sql_cell(&c.source).is_some());
    let Some(text) = source(params, if only_sql { "python" } else { &language }) else {
        return Err(Error::user(format!("Parameters cannot be put into a notebook in {language}"))
            .because_of("Its literals are known for Python, R, Julia and bash")
            .hint("Run it without parameters"));
    };
    let mut added = None;
    match tagged(&cells, INJECTED).and_then(|at| cells.get(at)) {
        Some(cell) => notebook.set_source(cell.key, &text)?,
        None => {
            let at = declared.map_or(0, |at| at + 1);
            let key = notebook.insert(at, CellKind::Code, &text)?;
            notebook.set_cell_metadata(key, &format!("{{\"tags\": [\"{INJECTED}\"]}}"))?;
            added = Some(at);
        }
    }
    values.extend(params.iter().map(|(k, v)| (k.clone(), v.clone())));
    Ok(Injected { values, defaults, added })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_injected_cell_follows_the_declared_one_and_is_replaced() {
        let mut notebook = Notebook::new_empty();
        notebook.insert(0, CellKind::Markdown, "# Title").unwrap();
        let declared = notebook.insert(1, CellKind::Code, "day = 'old'\nlimit = 5").unwrap();
        notebook.set_cell_metadata(declared, r#"{"tags": ["parameters"]}"#).unwrap();
        notebook.insert(2, CellKind::Code, "print(day)").unwrap();
        let params = |day: &str| json!({ "day": day }).as_object().cloned().unwrap();
        let done = inject(&mut notebook, &params("new")).unwrap();
        assert_eq!((done.values["day"].clone(), done.values["limit"].clone()), (json!("new"), json!(5)));
        assert_eq!((done.added, done.defaults["day"].clone()), (Some(2), json!("old")));
        assert_eq!(&*notebook.cells()[2].source, "# Parameters\nday = \"new\"");
        assert_eq!(notebook.cells()[2].tags(), [INJECTED]);
        let again = inject(&mut notebook, &params("newer")).unwrap();
        assert_eq!((notebook.cells().len(), again.added), (4, None));
        assert_eq!(&*notebook.cells()[2].source, "# Parameters\nday = \"newer\"");
        let bad = json!({ "1 x": 1 }).as_object().cloned().unwrap();
        assert!(inject(&mut notebook, &bad).is_err());
    }
}
