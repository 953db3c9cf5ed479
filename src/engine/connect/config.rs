//! Where connections are written: andon.toml for everybody who works in the folder, the settings for one person.
use std::{fs, path::Path};

use crate::{
    base::{Error, Result, fsx, text},
    engine::dirs::Dirs,
    model::connect::{Connection, Environment},
};

/// The connections that can be used in a folder, those of andon.toml first, and what is wrong with some.
pub fn load(root: &Path, dirs: &Dirs) -> (Vec<Connection>, Vec<String>) {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    let files = [(root.join("andon.toml"), "andon.toml", true), (dirs.config.join("settings.toml"), "settings", false)];
    for (path, name, shared) in files {
        if fs::symlink_metadata(&path).is_err() {
            continue;
        }
        let read = fsx::read_text(&path).and_then(|t| {
            t.parse::<toml::Table>().map_err(|e| Error::config(format!("{name} is not TOML")).because(&e))
        });
        match read {
            Err(e) => problems.push(e.to_string()),
            Ok(table) => {
                let Some(connections) = table.get("connections").and_then(toml::Value::as_table) else { continue };
                let (found, bad) = Connection::all(connections, shared);
                problems.extend(bad.into_iter().map(|p| format!("{name}: {p}")));
                for connection in found {
                    if all.iter().all(|c: &Connection| c.name != connection.name) {
                        all.push(connection);
                    }
                }
            }
        }
    }
    (all, problems)
}

/// The connection of this name.
pub fn find(root: &Path, dirs: &Dirs, name: &str) -> Result<Connection> {
    let (all, problems) = load(root, dirs);
    if let Some(found) = all.iter().find(|c| c.name == name) {
        return Ok(found.clone());
    }
    let error = Error::user(format!("There is no connection {name}"));
    let error = problems
        .iter()
        .filter(|p| p.contains(&format!("connections.{name}:")))
        .fold(error, |e, p| e.because_of(p.clone()));
    let names: Vec<&str> = all.iter().map(|c| c.name.as_str()).collect();
    Err(match text::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None if names.is_empty() => error.hint("Add one: andon connect add NAME URL"),
        None => error.hint(format!("There are {}", names.join(", "))),
    })
}

/// Writes a connection into andon.toml, in place of one of the same name; everything else in the file stays as it is.
pub fn save(root: &Path, connection: &Connection) -> Result<()> {
    edit(root, |table| {
        let mut entry = toml_edit::Table::new();
        entry.insert("kind", toml_edit::value(connection.system.name()));
        entry.insert("url", toml_edit::value(connection.url.as_str()));
        if connection.environment != Environment::None {
            entry.insert("environment", toml_edit::value(connection.environment.name()));
        }
        if connection.read_only {
            entry.insert("read_only", toml_edit::value(true));
        }
        for (key, value) in [("ca_file", &connection.ca_file), ("proxy", &connection.proxy)] {
            if let Some(value) = value {
                entry.insert(key, toml_edit::value(value.as_str()));
            }
        }
        table.insert(&connection.name, toml_edit::Item::Table(entry));
    })
}

/// Takes a connection out of andon.toml.
pub fn remove(root: &Path, name: &str) -> Result<()> {
    edit(root, |table| drop(table.remove(name)))
}

fn edit(root: &Path, change: impl FnOnce(&mut dyn toml_edit::TableLike)) -> Result<()> {
    let path = root.join("andon.toml");
    let source = if path.exists() { fsx::read_text(&path)? } else { String::new() };
    let mut doc: toml_edit::DocumentMut = source.parse().map_err(|e: toml_edit::TomlError| {
        Error::config("andon.toml is not TOML, so nothing is written into it").because(&e).hint("Mend it first")
    })?;
    let connections = doc.entry("connections").or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        toml_edit::Item::Table(table)
    });
    let Some(table) = connections.as_table_like_mut() else {
        return Err(Error::config("connections in andon.toml is no table").hint("Write [connections.NAME] tables"));
    };
    change(table);
    fsx::write_atomic(&path, doc.to_string().as_bytes())
}
