//! Which kernel was chosen for which notebook, kept beside the workspace and out of git.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    base::{Error, Result, fsx},
    engine::workspace::dot_andon,
    model::jupyter::Choices,
};

fn file(root: &Path) -> PathBuf {
    root.join(".andon/kernels.toml")
}

/// What was chosen; nothing where no choice was made.
pub fn load(root: &Path) -> Result<Choices> {
    let path = file(root);
    if !path.is_file() {
        return Ok(Choices::default());
    }
    let text = fsx::read_text(&path)?;
    toml::from_str(&text).map_err(|e| {
        Error::config(".andon/kernels.toml cannot be read, so no kernel is chosen")
            .because(&e)
            .hint("Choose the kernels again")
    })
}

/// Changes it. What cannot be read is set aside first.
pub fn change(root: &Path, change: impl FnOnce(&mut Choices)) -> Result<Choices> {
    let mut all = match load(root) {
        Ok(all) => all,
        Err(_) => {
            fsx::set_aside(&file(root))?;
            Choices::default()
        }
    };
    change(&mut all);
    dot_andon(root)?;
    let text = toml::to_string(&all).map_err(|e| Error::bug("Could not write the chosen kernels").because(&e))?;
    fsx::write_atomic(&file(root), text.as_bytes())?;
    Ok(all)
}

/// When servers have answered: kept in the person's cache, since it is worth nothing elsewhere.
pub fn servers_seen(cache: &Path) -> BTreeMap<String, Timestamp> {
    let text = fsx::read(&cache.join("servers.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// A server has answered.
pub fn saw_server(cache: &Path, url: &str, at: Timestamp) {
    let mut all = servers_seen(cache);
    all.insert(url.to_owned(), at);
    let written = std::fs::create_dir_all(cache).is_ok()
        && serde_json::to_vec(&all).is_ok_and(|text| fsx::write_atomic(&cache.join("servers.json"), &text).is_ok());
    if !written {
        tracing::info!("when the server {url} answered could not be kept");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::jupyter::Choice;

    #[test]
    fn when_servers_answered_outlives_the_window() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        assert!(servers_seen(&cache).is_empty());
        let at = |s| Timestamp::from_second(s).unwrap();
        saw_server(&cache, "http://a/", at(5));
        saw_server(&cache, "http://b/", at(6));
        saw_server(&cache, "http://a/", at(7));
        assert_eq!(servers_seen(&cache), [("http://a/".into(), at(7)), ("http://b/".into(), at(6))].into());
        std::fs::write(cache.join("servers.json"), "torn").unwrap();
        assert!(servers_seen(&cache).is_empty());
    }

    #[test]
    fn choices_are_kept_and_a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let choice = Choice { id: "/x/python".into(), name: "Python".into(), language: "python".into() };
        change(dir.path(), |all| _ = all.notebooks.insert("a b/\u{e9}.ipynb".into(), choice.clone())).unwrap();
        let all = change(dir.path(), |all| all.workspace = Some(choice.clone())).unwrap();
        assert_eq!(load(dir.path()).unwrap(), all);
        assert_eq!(all.notebooks["a b/\u{e9}.ipynb"], choice);
        assert!(dir.path().join(".andon/.gitignore").is_file(), "git does not see it");
        fs::write(file(dir.path()), "notebooks = 3").unwrap();
        assert!(load(dir.path()).unwrap_err().hint.is_some());
        assert_eq!(change(dir.path(), |_| {}).unwrap(), Choices::default());
    }
}
