//! Whether somebody has begun to decide a text with marks, against what real git leaves there.
use std::{fs, process::Command};

use andon::{engine::git::is_as_git_left_it, model::merge::TextPlan};

/// Numbers that are the same in every run.
struct Rng(u64);

impl Rng {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }
}

const WORDS: [&str; 12] =
    ["load", "limit = 3", "", "frame", "# note", "return", "  x += 1", "}", "end", "print(x)", "\"a\": 1,", "keep"];

/// A text with blank and repeated lines, as programs have them.
fn text(rng: &mut Rng) -> Vec<String> {
    (0..8 + rng.next(30))
        .map(|n| {
            let word = WORDS[rng.next(WORDS.len())];
            if rng.next(3) == 0 { word.to_owned() } else { format!("{word} {n}") }
        })
        .collect()
}

fn edited(rng: &mut Rng, base: &[String], side: &str) -> Vec<String> {
    let mut lines = base.to_vec();
    for n in 0..1 + rng.next(5) {
        let at = rng.next(lines.len().max(1)).min(lines.len().saturating_sub(1));
        match rng.next(4) {
            0 => lines.insert(at, format!("{side} puts in {n}")),
            1 if lines.len() > 3 => drop(lines.remove(at)),
            2 => lines[at] = String::from(WORDS[rng.next(WORDS.len())]),
            _ => lines[at] = format!("{} {side}", lines[at]),
        }
    }
    lines
}

/// The same as a notebook has it: many lines that are alike.
fn notebook(lines: &[String]) -> Vec<String> {
    let mut all = vec!["{".to_owned(), " \"cells\": [".to_owned()];
    for cell in lines.chunks(3) {
        all.extend(
            ["  {", "   \"cell_type\": \"code\",", "   \"metadata\": {},", "   \"source\": ["].map(str::to_owned),
        );
        all.extend(cell.iter().map(|l| format!("    {l:?},")));
        all.extend(["   ]", "  },"].map(str::to_owned));
    }
    all.extend([" ],", " \"nbformat\": 4", "}"].map(str::to_owned));
    all
}

#[test]
fn what_git_leaves_is_never_taken_for_somebodys_work_and_work_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    // Of texts and of notebooks, as git merges and with the algorithm it takes for whole merges.
    let (mut conflicts, mut wrong, mut missed, mut changes, mut lost) = ([0; 4], [0; 4], 0, 0, 0);
    for seed in 0..240u64 {
        let mut rng = Rng(seed * 7919 + 1);
        let base = text(&mut rng);
        let (ours, theirs) = (edited(&mut rng, &base, "ours"), edited(&mut rng, &base, "theirs"));
        let json = seed % 2 == 1;
        let form = |lines: &[String]| (if json { notebook(lines) } else { lines.to_vec() }).join("\n") + "\n";
        let all = [form(&base), form(&ours), form(&theirs)];
        for (name, text) in ["base", "ours", "theirs"].iter().zip(&all) {
            write(name, text);
        }
        let versions = [all[0].as_str(), &all[1], &all[2]];
        let plan = TextPlan::new(versions[0], versions[1], versions[2]);
        let begun = |now: &str| !is_as_git_left_it(now, versions) && plan.touched(now, versions);
        for (n, algorithm) in [&[][..], &["--diff-algorithm=histogram"]].into_iter().enumerate() {
            let style: &[&str] = [&[][..], &["--diff3"], &["--zdiff3"]][(seed % 3) as usize];
            let words = [&["merge-file", "-p"], style, algorithm, &["ours", "base", "theirs"]].concat();
            let made = Command::new("git").args(words).current_dir(dir.path()).output().unwrap();
            let merged = String::from_utf8(made.stdout).unwrap();
            if !merged.contains("\n>>>>>>> ") {
                // No conflict, or a git that does not know the option.
                continue;
            }
            let kind = usize::from(json) * 2 + n;
            conflicts[kind] += 1;
            wrong[kind] += usize::from(begun(&merged));
            if n == 0 {
                let by_hand = by_hand(&merged);
                changes += by_hand.len();
                missed += by_hand.iter().filter(|text| !begun(text)).count();
                // A side that is taken by hand can be what git takes by another algorithm; what is typed never is.
                let typed = by_hand.iter().filter(|text| text.contains("by hand"));
                lost += typed.filter(|text| is_as_git_left_it(text, versions) || !begun(text)).count();
            }
        }
    }
    println!("{wrong:?} of {conflicts:?} taken for somebody's work, {missed} of {changes} not seen");
    assert!(conflicts[0] > 50 && conflicts[2] > 50, "{conflicts:?}");
    assert_eq!((wrong[0], wrong[2]), (0, 0), "{wrong:?} of {conflicts:?} taken for somebody's work");
    assert!(wrong[1] * 20 <= conflicts[1], "{wrong:?} of {conflicts:?} taken for somebody's work");
    assert!(missed * 10 <= changes, "{missed} of {changes} not seen");
    assert_eq!(lost, 0);
}

/// Somebody writes a line, or between marks, or decides the first of several conflicts.
fn by_hand(merged: &str) -> Vec<String> {
    let mut all = vec![format!("by hand\n{merged}"), merged.replacen("\n>>>>>>> ", " by hand\n>>>>>>> ", 1)];
    if merged.matches("\n>>>>>>> ").count() > 1 {
        let start = merged.find("<<<<<<< ").unwrap();
        let end = start + merged[start..].find("\n>>>>>>> ").unwrap() + 1;
        let end = end + merged[end..].find('\n').unwrap() + 1;
        let block: Vec<&str> = merged[start..end].lines().collect();
        let cut = |mark: &str| block.iter().position(|l| l.starts_with(mark));
        let middle = cut("=======").unwrap();
        let mine = block[1..cut("|||||||").unwrap_or(middle)].join("\n");
        let theirs = block[middle + 1..block.len() - 1].join("\n");
        all.extend([mine, theirs].map(|kept| format!("{}{kept}\n{}", &merged[..start], &merged[end..])));
    }
    all
}
