//! What others script against: the names of the subcommands, their help, and the shape of an error.
use crate::support::Home;

const SUBCOMMANDS: &[&str] = &[
    "open", "run", "runs", "rerun", "check", "sql", "profile", "diff", "patch", "merge", "cat", "review", "blame",
    "log", "show", "search", "outputs", "git", "board", "shot", "sample", "test", "connect", "logs", "trigger",
    "cancel", "metrics",
];

#[test]
fn every_subcommand_of_the_contract_has_help() {
    let home = Home::new();
    for name in SUBCOMMANDS {
        if cfg!(not(feature = "gui")) && ["open", "shot"].contains(name) {
            continue;
        }
        let help = home.andon(&[name, "--help"]).code(0);
        assert!(help.out.contains("Usage: andon"), "{name}:\n{}", help.out);
    }
    let all = home.andon(&["--help"]).code(0).out;
    assert!(SUBCOMMANDS.iter().all(|name| all.contains(&format!("  {name} "))), "{all}");
}

#[test]
fn the_manual_names_every_subcommand() {
    let manual = Home::new().andon(&["man"]).code(0).out;
    assert!(manual.starts_with(".ie"), "roff: {}", &manual[..manual.len().min(80)]);
    assert!(SUBCOMMANDS.iter().all(|name| manual.contains(&format!("andon\\-{name}(1)"))), "{manual}");
    for section in [".SH ANDON CHECK\n", ".SH ANDON BOARD ADD\n", "\\-\\-strict", "could not be evaluated"] {
        assert!(manual.contains(section), "{section}");
    }
}

#[test]
fn an_unknown_option_ends_with_two_and_says_so_on_stderr() {
    let answer = Home::new().andon(&["runs", "--colour"]).code(2);
    assert!(answer.out.is_empty());
    assert!(answer.err.contains("--colour"));
}
