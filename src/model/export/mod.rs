//! A notebook as another file: a script, Markdown, a page for a browser, or `.ipynb` again.
mod html;
mod markdown;

use super::{notebook::Notebook, script::Script};
use crate::base::{Error, Result};

/// What a notebook can be made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A script with `# %%` cells in the notebook's language, without outputs.
    Script,
    /// Markdown to be read, with the outputs as text.
    Markdown,
    /// One HTML file with everything in it: no scripts, nothing fetched.
    Html,
    /// That page, to be printed.
    Pdf,
    /// A Quarto document, without outputs.
    Quarto,
    /// A notebook as Jupyter keeps it.
    Ipynb,
}

impl Form {
    /// All of them, as they are offered.
    pub const ALL: [Self; 6] = [Self::Html, Self::Pdf, Self::Markdown, Self::Script, Self::Quarto, Self::Ipynb];

    /// The form that the ending of a file's name asks for.
    pub fn of(path: &str) -> Option<Self> {
        match path.rsplit_once('.').map(|(_, e)| e.to_lowercase())?.as_str() {
            "py" | "r" | "jl" => Some(Self::Script),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "pdf" => Some(Self::Pdf),
            "qmd" | "rmd" => Some(Self::Quarto),
            "ipynb" => Some(Self::Ipynb),
            _ => None,
        }
    }
    /// The ending of its files: `html`.
    pub fn ending(self, language: &str) -> &'static str {
        match (self, language) {
            (Self::Script, "r") => "r",
            (Self::Script, "julia") => "jl",
            (Self::Script, _) => "py",
            (Self::Markdown, _) => "md",
            (Self::Html, _) => "html",
            (Self::Pdf, _) => "pdf",
            (Self::Quarto, _) => "qmd",
            (Self::Ipynb, _) => "ipynb",
        }
    }
    /// `a page for a browser`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Script => "a script with # %% cells",
            Self::Markdown => "Markdown with outputs",
            Self::Html => "a page for a browser",
            Self::Pdf => "PDF",
            Self::Quarto => "a Quarto document",
            Self::Ipynb => "a Jupyter notebook",
        }
    }
}

/// The notebook in another form; `title` is its name.
///
/// # Errors
/// When a script is asked for and the notebook's language has none here.
pub fn export(book: &Notebook, form: Form, title: &str) -> Result<Vec<u8>> {
    let language = book.language();
    let script = |ending: &str| {
        Script::for_path(&format!("a.{ending}"), &language)
            .map(|s| s.write(book.cells()).into_bytes())
            .ok_or_else(|| Error::user(format!("A notebook in {language} cannot be made into this kind of file")))
    };
    match form {
        Form::Script if !matches!(language.as_str(), "python" | "r" | "julia") => {
            Err(Error::user(format!("A notebook in {language} cannot be made into a script here"))
                .hint("Scripts of Python, R and Julia notebooks can be made; HTML and Markdown of any"))
        }
        Form::Script => script(form.ending(&language)),
        Form::Quarto => script("qmd"),
        Form::Markdown => Ok(markdown::write(book).into_bytes()),
        // The page that a program of the machine prints.
        Form::Html | Form::Pdf => Ok(html::write(book, title).into_bytes()),
        Form::Ipynb => {
            let mut plain = book.clone();
            plain.keep_as(None);
            Ok(plain.to_bytes())
        }
    }
}

#[cfg(test)]
mod tests;
