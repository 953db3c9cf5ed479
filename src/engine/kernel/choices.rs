//! Which kernel was chosen for which notebook, kept beside the workspace and out of git.
use std::path::{Path, PathBuf};

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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::jupyter::Choice;

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
