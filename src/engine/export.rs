//! Notebooks as other files; PDF by whichever program of the machine can print a page.
use std::{path::Path, process::Stdio, time::Duration};

use super::process;
use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    model::{
        export::{self, Form},
        notebook::Notebook,
    },
};

/// Programs that print an HTML file to PDF, and what they are told; `{in}` and `{out}` are files.
const PRINTERS: [(&str, &[&str]); 6] = [
    ("weasyprint", &["{in}", "{out}"]),
    ("chromium", &["--headless", "--disable-gpu", "--no-pdf-header-footer", "--print-to-pdf={out}", "{in}"]),
    ("chromium-browser", &["--headless", "--disable-gpu", "--no-pdf-header-footer", "--print-to-pdf={out}", "{in}"]),
    ("google-chrome", &["--headless", "--disable-gpu", "--no-pdf-header-footer", "--print-to-pdf={out}", "{in}"]),
    ("wkhtmltopdf", &["--quiet", "{in}", "{out}"]),
    ("prince", &["{in}", "-o", "{out}"]),
];
/// The longest a page may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The notebook in another form; `title` is its name.
pub fn export(book: &Notebook, form: Form, title: &str, cx: &JobCtx) -> Result<Vec<u8>> {
    let bytes = export::export(book, form, title)?;
    if form == Form::Pdf { print(&bytes, cx) } else { Ok(bytes) }
}

fn print(page: &[u8], cx: &JobCtx) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().io(|| "Could not make a folder for the page".to_owned())?;
    let (from, to) = (folder.path().join("page.html"), folder.path().join("page.pdf"));
    std::fs::write(&from, page).io(|| "Could not write the page".to_owned())?;
    for (program, words) in PRINTERS {
        let place = |word: &&str| word.replace("{in}", &from.to_string_lossy()).replace("{out}", &to.to_string_lossy());
        let words: Vec<String> = words.iter().map(place).collect();
        if let Some(result) = run(program, &words, folder.path(), cx) {
            result?;
            return std::fs::read(&to).io(|| format!("{program} made no PDF"));
        }
    }
    let names = "weasyprint, Chromium, Chrome, wkhtmltopdf or Prince";
    Err(Error::user("There is no program here that makes a PDF of a page")
        .because_of(format!("None of {names} was found"))
        .hint("Install one of them (`pip install weasyprint`), or export as HTML and print it from a browser"))
}

/// Runs a program to its end; none when there is no such program.
fn run(program: &str, words: &[String], folder: &Path, cx: &JobCtx) -> Option<Result<()>> {
    // Into a file: nobody has to read along.
    let said = folder.join("said.txt");
    let words_of_it = std::fs::File::create(&said).map_or_else(|_| Stdio::null(), Stdio::from);
    let mut command = std::process::Command::new(program);
    command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(words_of_it);
    // In a group of its own: a browser has children.
    process::group(&mut command);
    let mut child = command.spawn().ok()?;
    let begun = std::time::Instant::now();
    let failed = |why: String| Err(Error::config(format!("{program} could not make the PDF")).because_of(why));
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Some(Ok(())),
            Ok(Some(status)) => {
                let text = String::from_utf8_lossy(&std::fs::read(&said).unwrap_or_default()).into_owned();
                let last = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing").to_owned();
                return Some(failed(format!("{last} ({status})")));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(30)),
            Err(e) => return Some(failed(e.to_string())),
        }
        let stop = cx.check().err().or_else(|| {
            (begun.elapsed() > PATIENCE).then(|| Error::config(format!("{program} did not end within two minutes")))
        });
        if let Some(error) = stop {
            process::signal(i64::from(child.id()), true);
            _ = child.wait();
            return Some(Err(error));
        }
    }
}
