//! What is in a workspace: andon.toml and the files worth showing.
use serde::Deserialize;

use super::{connect::Connection, jupyter::Server};
use crate::base::{Error, Result, error::Context, text};

/// andon.toml; everything is optional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub name: Option<String>,
    /// Page shown first: `home`, `board`, ...
    pub default_page: Option<String>,
    /// Jupyter Servers of everybody who works here.
    pub servers: Vec<Server>,
    /// Systems that run pipelines elsewhere, of everybody who works here.
    pub connections: Vec<Connection>,
    /// Sentences about keys nobody reads; shown, never fatal.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Raw {
    name: Option<String>,
    default_page: Option<String>,
}

/// Tables of andon.toml that other parts read.
const TABLES: &[&str] =
    &["name", "default_page", "connections", "policies", "board", "alerts", "python", "description", "diff"];

impl Config {
    /// Reads andon.toml.
    pub fn parse(source: &str) -> Result<Self> {
        let table: toml::Table = source.parse().config(|| "andon.toml is not TOML".to_owned())?;
        let mut warnings = Vec::new();
        for key in table.keys().filter(|k| !TABLES.contains(&k.as_str())) {
            let near = text::nearest(key, TABLES.iter().copied());
            let hint = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            warnings.push(format!("andon.toml: nothing reads the key {key}{hint}"));
        }
        let (mut servers, mut connections, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(table) = table.get("connections").and_then(toml::Value::as_table) {
            (servers, problems) = Server::all(table, true);
            let (found, more) = Connection::all(table, true);
            connections = found;
            problems.extend(more);
        }
        warnings.extend(problems.iter().map(|p| format!("andon.toml: {p}")));
        let raw: Raw =
            table.try_into().map_err(|e| Error::config("andon.toml has a value of the wrong type").because(&e))?;
        Ok(Self { name: raw.name, default_page: raw.default_page, servers, connections, warnings })
    }
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    Folder,
    Notebook,
    /// A table: CSV, Parquet, JSON lines, Arrow.
    Data,
    Pipeline,
    Check,
    Sql,
    Python,
    Markdown,
    Other,
}

impl FileKind {
    /// Of a workspace-relative path with `/`.
    pub fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let ext = name.rsplit_once('.').map_or("", |(_, e)| e);
        match ext {
            "ipynb" => Self::Notebook,
            "csv" | "tsv" | "parquet" | "pq" | "arrow" | "ipc" | "feather" | "ndjson" | "jsonl" => Self::Data,
            "json" if path.starts_with("data/") => Self::Data,
            "toml" if path.starts_with("pipelines/") => Self::Pipeline,
            "toml" if path.starts_with("checks/") => Self::Check,
            "sql" => Self::Sql,
            "py" => Self::Python,
            "md" | "markdown" => Self::Markdown,
            _ => Self::Other,
        }
    }
    /// Icon in lists.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Notebook => "notebook-text",
            Self::Data => "table-2",
            Self::Pipeline => "workflow",
            Self::Check => "shield-check",
            Self::Sql => "file-code",
            Self::Python => "file-code",
            Self::Markdown => "file-text",
            Self::Other => "file",
        }
    }
}

/// A file or folder below the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Relative to the root, with `/`.
    pub path: String,
    pub kind: FileKind,
    /// Bytes; 0 for folders.
    pub size: u64,
    /// Seconds since 1970.
    pub modified: i64,
    /// Folders above it.
    pub depth: usize,
}

impl Entry {
    /// Last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
    /// The folder it lies in; empty for the root.
    pub fn parent(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(p, _)| p)
    }
}

/// A workspace opened before.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recent {
    pub path: String,
    pub name: String,
    #[serde(default)]
    pub trusted: bool,
    /// Seconds since 1970.
    #[serde(default)]
    pub opened: i64,
    /// What was red when it was left.
    #[serde(default)]
    pub red: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_warns_of_keys_nobody_reads() {
        let config = Config::parse("name = 'a'\ndefault_pgae = 'board'").unwrap();
        assert_eq!(config.warnings, ["andon.toml: nothing reads the key default_pgae; did you mean default_page?"]);
        assert!(Config::parse("name = ").is_err());
        assert!(Config::parse("name = 3").is_err());
    }

    #[test]
    fn kinds_follow_names_and_folders() {
        let kinds: Vec<_> =
            ["a/b.IPYNB", "x.csv.gz", "pipelines/p.toml", "checks/c.toml", "p.toml", "data/x.json", "x.json"]
                .map(FileKind::of)
                .into();
        use FileKind::*;
        assert_eq!(kinds, [Notebook, Data, Pipeline, Check, Other, Data, Other]);
    }
}
