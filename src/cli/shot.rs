//! `andon shot PAGE`: renders a page to a PNG without a person.
use std::path::PathBuf;

use super::out::{Common, document, finish, say};
use crate::{
    app::shell::Page,
    base::{Error, Result, text},
    ui::run::{Start, run as window},
};

/// Arguments of `andon shot`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// home, notebook, data, board, runs, quality, review, conflicts or settings; or a document: notebook:PATH, conflicts:PATH
    pub page: String,
    /// Where the picture goes
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Size in points
    #[arg(long, value_name = "WxH", default_value = "1440x900")]
    pub size: String,
    /// dark, light, or a theme of your own
    #[arg(long, default_value = "dark")]
    pub theme: String,
    #[command(flatten)]
    pub common: Common,
}

/// Renders it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let (name, document_path) = match args.page.split_once(':') {
        Some((name, path)) => (name, Some(path.to_owned())),
        None => (args.page.as_str(), None),
    };
    // Conflicts are shown on the review page.
    let resolve = (name == "conflicts").then(|| document_path.clone());
    let page = if resolve.is_some() { Page::Review } else { Page::parse(name).ok_or_else(|| unknown(name))? };
    let size = size(&args.size)?;
    if std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none() {
        return Err(Error::user("No display to draw on").hint("Run it under Xvfb: xvfb-run -a andon shot ..."));
    }
    let out =
        std::path::absolute(&args.out).map_err(|e| Error::user("The path of the picture is wrong").because(&e))?;
    // An old picture must not pass for a new one.
    let _ = std::fs::remove_file(&out);
    window(Start {
        path: Some(args.common.root()?),
        page: Some(page),
        document: if resolve.is_some() { None } else { document_path },
        resolve,
        compare: None,
        theme: Some(args.theme.clone()),
        size: Some(size),
        shot: Some(out.clone()),
        describe: None,
    })?;
    if !out.exists() {
        return Err(
            Error::io(format!("The picture {} was not written", out.display())).hint("Check that the folder exists")
        );
    }
    if args.common.json {
        document(
            "andon.shot/1",
            serde_json::json!({ "page": args.page, "out": out, "width": size.0, "height": size.1 }),
        );
    } else {
        say(&format!("Wrote {}", out.display()));
    }
    Ok(0)
}

fn unknown(name: &str) -> Error {
    let all = ["home", "notebook", "data", "board", "runs", "quality", "review", "conflicts", "settings"];
    let error = Error::user(format!("There is no page {name}"));
    match text::nearest(name, all) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint(format!("Pages are {}", all.join(", "))),
    }
}

fn size(text: &str) -> Result<(f32, f32)> {
    let wrong = || Error::user(format!("{text} is not a size such as 1440x900"));
    let (w, h) = text.split_once('x').ok_or_else(wrong)?;
    let (w, h): (u16, u16) = (w.parse().map_err(|_| wrong())?, h.parse().map_err(|_| wrong())?);
    if (320..=8000).contains(&w) && (240..=8000).contains(&h) { Ok((f32::from(w), f32::from(h))) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        assert_eq!(size("1024x700").unwrap(), (1024.0, 700.0));
        for wrong in ["1024", "1x1", "99999x5", "axb"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(unknown("bord").hint.as_deref(), Some("Did you mean board?"));
    }
}
