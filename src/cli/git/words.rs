//! The state of the entries in words.
use std::path::Path;

use crate::{
    base::text::count,
    engine::{
        dirs::{self, Dirs},
        git::entries::{LineState, ScopeState, Share, Status},
    },
    model::entries::program_of,
};

/// Values of attributes by which other tools claim notebooks, and whose they are.
const OTHERS: [(&str, &str); 6] = [
    ("jupyternotebook", "nbdime"),
    ("ipynb", "nbstripout"),
    ("nbstripout", "nbstripout"),
    ("nbdev-merge", "nbdev"),
    ("jupyter", "jupyter"),
    ("lfs", "Git LFS"),
];

/// What is active, line by line.
pub(super) fn status(status: &Status) -> Vec<String> {
    let mut all = vec![format!("git {}", status.git)];
    for scope in &status.scopes {
        all.extend(scope_words(scope));
    }
    for line in status.committed.iter().filter(|l| l.ours) {
        all.push(format!("committed   {}", place(line)));
    }
    let of = |yes: bool| if yes { "by cells" } else { "as git does by itself" };
    let whose = match status.notebooks {
        Some(0) => "a notebook here".to_owned(),
        Some(n) => format!("{} here", count(n as u64, "notebook")),
        None => "notebooks".to_owned(),
    };
    all.push(format!("{whose}: shown {}, merged {}", of(status.diff_active), of(status.merge_active)));
    all
}

fn scope_words(scope: &ScopeState) -> Vec<String> {
    let name = match scope.scope {
        crate::engine::git::entries::Scope::Global => "global",
        crate::engine::git::entries::Scope::Local => "local",
    };
    let keys: Vec<&str> = scope.keys.iter().filter(|k| k.ours).map(|k| part(&k.key)).collect();
    let mut parts: Vec<&str> = keys.into_iter().filter(|p| !p.is_empty()).collect();
    parts.dedup();
    let file = scope.config_file.as_deref().map_or_else(String::new, |f| format!("{}: ", f.display()));
    let mut all = Vec::new();
    if parts.is_empty() {
        all.push(format!("{name:<11} not enabled"));
    } else {
        all.push(format!("{name:<11} {file}{}", parts.join(", ")));
    }
    for line in scope.lines.iter().filter(|l| l.ours) {
        all.push(format!("{:<11} {}", "", place(line)));
    }
    all
}

fn part(key: &str) -> &'static str {
    match key {
        "diff.andon.command" => "diff",
        "diff.andon.textconv" => "log and blame",
        "merge.andon.driver" => "merge",
        "difftool.andon.cmd" => "difftool",
        "mergetool.andon.cmd" => "mergetool",
        _ => "",
    }
}

fn place(line: &LineState) -> String {
    format!("{} line {}: {}", line.file.display(), line.line, line.text)
}

/// What stands in the way, or will surprise.
pub(super) fn warnings(status: &Status) -> Vec<String> {
    let mut all = Vec::new();
    let enabled = status.scopes.iter().any(|s| s.keys.iter().any(|k| k.ours));
    let lines: Vec<&LineState> = status.scopes.iter().flat_map(|s| &s.lines).chain(&status.committed).collect();
    for share in &status.shares {
        all.extend(claimed(share, &lines, enabled));
    }
    if !enabled && lines.iter().any(|l| l.ours) {
        all.push("the attributes name Andon, but no config says how to call it; run: andon git enable".to_owned());
    }
    for scope in &status.scopes {
        for key in &scope.keys {
            if !key.ours {
                all.push(format!("{} is set to something that Andon did not write: {}", key.key, key.value));
            } else if !key.current {
                all.push(format!("{} is as an older Andon wrote it; run: andon git enable", key.key));
            }
        }
    }
    let commands = [&status.diff_command, &status.textconv, &status.merge_driver];
    if let Some(missing) = commands.into_iter().flatten().find_map(|c| missing(c)) {
        all.push(missing);
    }
    all
}

/// What another attribute than Andon's means for notebooks.
fn claimed(share: &Share, lines: &[&LineState], enabled: bool) -> Option<String> {
    let whose = OTHERS.iter().find(|(v, _)| *v == share.value).map(|(_, tool)| *tool);
    let from = lines.iter().rfind(|l| !l.ours && l.text.contains(&format!("{}={}", share.attribute, share.value)));
    let from = from.map_or_else(String::new, |l| format!(", by {} line {}", l.file.display(), l.line));
    let n = count(share.notebooks.max(1) as u64, "notebook");
    let one = share.notebooks <= 1;
    let (has, is) = if one { ("has", "is") } else { ("have", "are") };
    let them = if one { "it" } else { "them" };
    // One that stands for itself needs no example.
    let example = if one && share.notebooks == 0 { String::new() } else { format!(", such as {}", share.example) };
    let tool = whose.map(|t| format!(" ({t})")).unwrap_or_default();
    match (share.attribute.as_str(), share.value.as_str()) {
        ("filter", "nbstripout") => Some(format!(
            "nbstripout takes outputs out of {n} before they are committed{from}: what git compares has none"
        )),
        ("filter", _) if whose == Some("nbstripout") || whose.is_none() => {
            Some(format!("the filter {} changes {n} on the way into git{from}", share.value))
        }
        ("filter", _) | (_, "andon") => None,
        (_, "unspecified") if !enabled => None,
        (attribute, "unspecified") => Some(format!("{n} {has} no {attribute} attribute for Andon{example}")),
        (attribute, "unset") => Some(format!("{n} {is} marked as binary (-{attribute}){from}{example}")),
        (attribute, value) => {
            let verb = if attribute == "diff" { "show" } else { "merge" };
            let end = if enabled { format!(": Andon does not {verb} {them}") } else { String::new() };
            Some(format!("{n} {has} {attribute}={value}{tool}{from}{example}{end}"))
        }
    }
}

/// An entry of ours whose program is not to be found.
fn missing(command: &str) -> Option<String> {
    if !command.contains("a=andon") {
        return None;
    }
    let named = Dirs::on_path("andon").is_some();
    match program_of(command) {
        Some(path) if dirs::is_program(Path::new(&path)) => None,
        Some(path) if named => Some(format!("{path} is gone; git takes the andon on the search path instead")),
        Some(path) => Some(format!("{path} is gone: git works without Andon; run: andon git enable")),
        None if named => None,
        None => Some("andon is not on the search path: git works without it".to_owned()),
    }
}
