//! Embeds the sample workspaces, so that one binary can open them anywhere.
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("workspaces");
    println!("cargo::rerun-if-changed=workspaces");
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::from("static SHIPPED: &[(&str, Files)] = &[\n");
    let mut samples: Vec<PathBuf> = fs::read_dir(&root)?.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    samples.sort();
    for sample in samples {
        let mut files = Vec::new();
        walk(&sample, &mut files)?;
        files.sort();
        let name = sample.file_name().unwrap_or_default().to_string_lossy();
        writeln!(code, "({name:?}, &[")?;
        for file in files {
            let inside = file.strip_prefix(&sample)?.to_string_lossy().replace('\\', "/");
            writeln!(code, "({inside:?}, include_bytes!({:?})),", file.to_string_lossy())?;
        }
        code.push_str("]),\n");
    }
    code.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("samples.rs"), code)?;
    Ok(())
}

/// Every file below `dir` but what running a sample in place leaves behind.
fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != ".git" && name != ".andon" && name != "out" {
                println!("cargo::rerun-if-changed={}", path.display());
                walk(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
