//! `andon board`: cards by command, kept on their own branch.
use crate::support::Home;

#[test]
fn cards_are_added_moved_and_told_of_without_touching_the_work_tree() {
    let home = Home::new();
    home.git(&["init", "-q"]);
    home.write("a.txt", "a");
    home.git(&["add", "."]);
    home.git(&["commit", "-qm", "First"]);
    home.git(&["config", "user.name", "Mara Okafor"]);
    home.git(&["config", "user.email", "mara@example.org"]);
    home.andon(&["board", "add", "Parse the new feed", "--label", "Feed", "--link", "pipeline:nightly"]).code(0);
    home.andon(&["board", "add", "Second card"]).code(0);
    home.andon(&["board", "move", "AND-1", "--to", "In progress"]).code(0);
    let board = home.andon(&["board", "list", "--json"]).code(0).json("andon.board/1");
    let text = board.to_string();
    assert!(text.contains("Parse the new feed") && text.contains("in-progress"), "{board:#}");
    assert_eq!(home.git(&["status", "--porcelain"]), "");
    assert_eq!(home.git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "main");
    assert!(home.git(&["ls-tree", "-r", "--name-only", "andon/board"]).contains("log/"));
    let log = home.andon(&["board", "log", "--json"]).code(0);
    assert!(log.out.contains("Mara Okafor"), "{}", log.out);
    home.andon(&["board", "move", "AND-99", "--to", "Done"]).code(2);
    home.andon(&["board", "move", "AND-2", "--to", "Nowhere"]).code(2);
}

#[test]
fn the_samples_board_has_a_past() {
    let home = Home::with_sample("airport-weather");
    let board = home.andon(&["board", "list", "--json"]).code(0).json("andon.board/1");
    let cards = board["cards"].as_array().map_or_else(|| board.to_string().matches("AND-").count(), Vec::len);
    assert!(cards >= 20, "{board:#}");
    let people = home.andon(&["board", "log", "--json"]).code(0).out;
    for name in ["Mara Okafor", "Tomo Sato", "Ines Duarte", "Jonas Weber"] {
        assert!(people.contains(name), "{name}");
    }
    assert_eq!(home.git(&["status", "--porcelain"]), "");
}
