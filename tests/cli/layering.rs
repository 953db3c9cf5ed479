//! Holds the sources to the table of ARCHITECTURE.md: which floor may use which, and what is out of bounds on each.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A floor's rules, as in ARCHITECTURE.md.
struct Floor {
    name: &'static str,
    /// Our own modules it may name.
    may: &'static [&'static str],
    /// Paths it must not name, with what to do instead.
    never: &'static [(&'static str, &'static str)],
}

const DISK: (&str, &str) = ("std::fs", "the engine reads and writes files");
const NET: (&str, &str) = ("std::net", "the engine talks to the network");
const PROCESS: (&str, &str) = ("std::process", "the engine starts processes");
const ENVIRONMENT: (&str, &str) = ("std::env", "the environment is read in engine::dirs and handed on");
const EGUI: (&str, &str) = ("egui", "only the ui draws");
const EFRAME: (&str, &str) = ("eframe", "only the ui draws");
const POLARS: (&str, &str) = ("polars", "polars is named in the engine only");
const GIT: (&str, &str) = ("git2", "git2 is named in the engine only");
const TOKIO: (&str, &str) = ("tokio", "asynchronous work lives in the engine");
const SQLITE: (&str, &str) = ("rusqlite", "the store lives in the engine");

const FLOORS: &[Floor] = &[
    Floor { name: "base", may: &["base"], never: &[EGUI, EFRAME, POLARS, GIT, TOKIO, SQLITE] },
    Floor {
        name: "model",
        may: &["base", "model"],
        never: &[DISK, NET, PROCESS, ENVIRONMENT, EGUI, EFRAME, POLARS, GIT, TOKIO, SQLITE],
    },
    Floor { name: "engine", may: &["base", "model", "engine"], never: &[EGUI, EFRAME, ENVIRONMENT] },
    Floor {
        name: "app",
        may: &["base", "model", "engine", "app"],
        never: &[NET, PROCESS, EGUI, EFRAME, POLARS, GIT, SQLITE],
    },
    Floor {
        name: "ui",
        may: &["base", "model", "app", "ui"],
        never: &[DISK, NET, PROCESS, POLARS, GIT, TOKIO, SQLITE],
    },
    Floor { name: "cli", may: &["base", "model", "engine", "app", "cli"], never: &[EGUI, EFRAME, POLARS, GIT, SQLITE] },
];

/// Exceptions, each with its reason: (file or folder, path, why).
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("engine/dirs.rs", "std::env", "finds the person's folders"),
    ("engine/secrets", "std::env", "secrets may come from the environment"),
    ("engine/kernel", "std::env", "kernels are found by PATH and JUPYTER_PATH"),
    ("engine/runner", "std::env", "commands inherit the environment"),
    ("cli/open.rs", "crate::ui", "starts the window"),
    ("cli/shot.rs", "crate::ui", "renders a page"),
    ("ui/run.rs", "crate::engine::dirs", "hands the folders of the person to the host"),
    ("ui/run.rs", "crate::engine::sample", "names the sample that opens by itself"),
    ("engine/workspace.rs", "std::env::home_dir", "a leading tilde is the home folder"),
];

#[test]
fn every_floor_uses_only_what_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.sort();
    assert!(files.len() > 30, "the walk found {} files", files.len());
    let mut faults = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        let Some(floor) = FLOORS.iter().find(|f| inside.starts_with(&format!("{}/", f.name))) else { continue };
        faults.extend(check(floor, &inside, &fs::read_to_string(file).unwrap()));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_table_in_the_architecture_names_the_same_floors() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
    let floors: Vec<&str> = FLOORS.iter().map(|f| f.name).collect();
    assert_eq!(rows, floors);
}

#[test]
fn files_stay_under_nine_hundred_lines() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let long: Vec<String> = files
        .iter()
        .map(|f| (f, fs::read_to_string(f).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > 900)
        .map(|(f, lines)| format!("{} has {lines} lines; make it a folder", f.display()))
        .collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn the_reader_of_paths_sees_through_groups_and_skips_what_is_no_code() {
    let source = "use crate::{base::Result, engine::{git, sql::Session}};\n// crate::ui::run\nlet a = \"crate::ui\";\n\
                  std::fs::read(x);\n/* egui:: */ let r = r#\"std::net\"#; let c = '\"'; egui::Ui::new();\n";
    let seen: BTreeSet<String> = paths(source).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    let expected = [
        "1 crate::base::Result",
        "1 crate::engine::git",
        "1 crate::engine::sql::Session",
        "4 std::fs::read",
        "5 egui::Ui::new",
    ];
    for path in expected {
        assert!(seen.contains(path), "{path} in {seen:?}");
    }
    assert!(!seen.iter().any(|p| p.contains("crate::ui") || p.contains("std::net")), "{seen:?}");
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The faults of one file, as `ui/runs/mod.rs:12 uses engine::git; what to do instead`.
fn check(floor: &Floor, file: &str, source: &str) -> Vec<String> {
    // Tests may touch files: what follows the test module is not held to the table.
    let code = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or(source);
    if Path::new(file)
        .file_stem()
        .is_some_and(|s| s == "test" || s == "tests" || s.to_string_lossy().ends_with("_test"))
    {
        return Vec::new();
    }
    let mut faults = BTreeSet::new();
    for (line, path) in paths(code) {
        let excused = |what: &str| EXCEPTIONS.iter().any(|(f, p, _)| file.starts_with(f) && what.starts_with(p));
        if let Some(ours) = path.strip_prefix("crate::") {
            let module = ours.split("::").next().unwrap_or_default();
            let known = FLOORS.iter().any(|f| f.name == module);
            if known && !floor.may.contains(&module) && !excused(&path) {
                faults.insert((
                    line,
                    format!("src/{file}:{line} uses {ours}; {} may use {}", floor.name, floor.may.join(", ")),
                ));
            }
        }
        for (never, instead) in floor.never {
            let hit = path == *never || path.strip_prefix(never).is_some_and(|rest| rest.starts_with("::"));
            if hit && !excused(&path) {
                faults.insert((line, format!("src/{file}:{line} uses {path}; {instead}")));
            }
        }
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// Every path of the source with its line: `use` trees are spread out, expressions are taken as they stand.
fn paths(source: &str) -> Vec<(usize, String)> {
    let code = without_text(source);
    let mut found = Vec::new();
    let bytes: Vec<char> = code.chars().collect();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let c = bytes[at];
        if c == '\n' {
            line += 1;
            at += 1;
            continue;
        }
        let starts = (c.is_alphabetic() || c == '_') && (at == 0 || !is_word(bytes[at - 1]) && bytes[at - 1] != ':');
        if !starts {
            at += 1;
            continue;
        }
        let mut prefix = String::new();
        at = tree(&bytes, at, &mut line, &mut prefix, &mut found);
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads a path from `at`, spreading `{...}` groups; gives where it ended.
fn tree(
    code: &[char],
    mut at: usize,
    line: &mut usize,
    prefix: &mut String,
    found: &mut Vec<(usize, String)>,
) -> usize {
    let base = prefix.len();
    let first_line = *line;
    loop {
        while at < code.len() && is_word(code[at]) {
            prefix.push(code[at]);
            at += 1;
        }
        if at + 1 < code.len() && code[at] == ':' && code[at + 1] == ':' {
            at += 2;
            prefix.push_str("::");
            if at < code.len() && code[at] == '{' {
                at = group(code, at + 1, line, prefix, found);
                prefix.truncate(base);
                return at;
            }
            if at < code.len() && is_word(code[at]) {
                continue;
            }
            let len = prefix.len() - 2;
            prefix.truncate(len);
        }
        break;
    }
    // Single words are names, not paths; inside a group they complete one.
    if prefix.contains("::") {
        found.push((first_line, prefix.clone()));
    }
    prefix.truncate(base);
    at
}

fn group(code: &[char], mut at: usize, line: &mut usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    while at < code.len() {
        match code[at] {
            '}' => return at + 1,
            '\n' => {
                *line += 1;
                at += 1;
            }
            c if is_word(c) => {
                let mut inner = prefix.to_owned();
                at = tree(code, at, line, &mut inner, found);
                // `x as y`: the new name is no path.
                while at < code.len() && !matches!(code[at], ',' | '}') {
                    if code[at] == '\n' {
                        *line += 1;
                    }
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The source with comments and the inside of strings blanked, lines kept.
fn without_text(source: &str) -> String {
    let c: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let keep = |ch: char| if ch == '\n' { '\n' } else { ' ' };
    while at < c.len() {
        let next = c.get(at + 1).copied().unwrap_or(' ');
        match c[at] {
            '/' if next == '/' => {
                while at < c.len() && c[at] != '\n' {
                    at += 1;
                }
            }
            '/' if next == '*' => {
                while at < c.len() && !(c[at] == '*' && c.get(at + 1) == Some(&'/')) {
                    out.push(keep(c[at]));
                    at += 1;
                }
                at += 2;
            }
            'r' if (next == '"' || next == '#') && (at == 0 || !is_word(c[at - 1])) => {
                let hashes = c[at + 1..].iter().take_while(|h| **h == '#').count();
                if c.get(at + 1 + hashes) != Some(&'"') {
                    out.push(c[at]);
                    at += 1;
                    continue;
                }
                at += hashes + 2;
                while at < c.len()
                    && !(c[at] == '"' && c[at + 1..].iter().take(hashes).filter(|h| **h == '#').count() == hashes)
                {
                    out.push(keep(c[at]));
                    at += 1;
                }
                at += hashes + 1;
            }
            '"' => {
                at += 1;
                while at < c.len() && c[at] != '"' {
                    if c[at] == '\\' {
                        at += 1;
                    }
                    out.push(keep(c.get(at).copied().unwrap_or(' ')));
                    at += 1;
                }
                at += 1;
            }
            '\'' if c.get(at + 2) == Some(&'\'') => at += 3,
            '\'' if next == '\\' => {
                at += 2;
                while at < c.len() && c[at] != '\'' {
                    at += 1;
                }
                at += 1;
            }
            other => {
                out.push(other);
                at += 1;
            }
        }
    }
    out
}

#[test]
fn the_window_is_built_with_the_clipboard_of_the_system() {
    let manifest: toml::Table = std::fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let features = manifest["dependencies"]["eframe"]["features"].as_array().unwrap();
    // Without it copying and pasting work inside the window, and only there.
    assert!(features.iter().any(|f| f.as_str() == Some("clipboard")));
}
