//! A text with git's marks as it lies on disk: read by its marks, and whether somebody has begun to decide it.
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::Chunk;

/// A stretch of a marked text, by lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Lines(Vec<String>),
    /// Between marks.
    Open {
        local: Vec<String>,
        /// Where git was told to write it (`merge.conflictStyle` diff3 or zdiff3).
        base: Option<Vec<String>>,
        remote: Vec<String>,
    },
}

const OURS: &str = "<<<<<<<";
const BASE: &str = "|||||||";
const MIDDLE: &str = "=======";
const THEIRS: &str = ">>>>>>>";

/// How many characters the mark that begins a conflict has in this line: git's seven, or as many more as the attribute
/// `conflict-marker-size` says.
fn width_of(line: &[u8]) -> Option<usize> {
    let width = line.iter().take_while(|b| **b == b'<').count();
    let ends = matches!(line.get(width..), Some([] | [b'\r'] | [b' ', ..]));
    (width >= OURS.len() && ends).then_some(width)
}

/// True when a line of this text begins a conflict, however wide its marks are.
pub fn is_marked(text: &[u8]) -> bool {
    text.split(|b| *b == b'\n').any(|line| width_of(line).is_some())
}

/// How wide the marks of a text are, as the first one says: wider ones inside belong to the merge of several common
/// ancestors, and narrower ones are lines of the text.
fn width_in(text: &str) -> usize {
    text.split('\n').find_map(|l| width_of(l.as_bytes())).unwrap_or(OURS.len())
}

/// The mark that a line is, when the marks have this width; a line that is nothing but the mark and a name.
fn mark_of(line: &str, width: usize) -> Option<&'static str> {
    [OURS, BASE, MIDDLE, THEIRS].into_iter().find(|mark| {
        let rest = line.get(width..).filter(|_| line.bytes().take(width).all(|b| mark.as_bytes().first() == Some(&b)));
        rest.is_some_and(|rest| matches!(rest, "" | "\r") || (*mark != MIDDLE && rest.starts_with(' ')))
    })
}

/// The text with marks of git's usual width.
pub fn narrowed(text: &str) -> Cow<'_, str> {
    let width = width_in(text);
    if width == OURS.len() {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| match mark_of(line, width) {
        Some(mark) => format!("{mark}{}", line.get(width..).unwrap_or_default()),
        None => line.to_owned(),
    };
    Cow::Owned(text.split('\n').map(line).collect::<Vec<_>>().join("\n"))
}

/// True when a line begins or ends a conflict.
pub(super) fn has_marks(text: &str) -> bool {
    let width = width_in(text);
    text.split('\n').any(|l| matches!(mark_of(l, width), Some(OURS | THEIRS)))
}

/// The text with marks that name nobody: git names the sides in more than one way.
pub fn without_names(text: &str) -> String {
    let width = width_in(text);
    let bare = |line: &str| match mark_of(line, width) {
        Some(mark) if line.ends_with('\r') => format!("{mark}\r"),
        Some(mark) => mark.to_owned(),
        None => line.to_owned(),
    };
    text.split('\n').map(bare).collect::<Vec<_>>().join("\n")
}

/// The text by its marks; none when they do not belong together.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece>> {
    #[derive(PartialEq)]
    enum In {
        Text,
        Local,
        Base,
        Remote,
    }
    let mut all = Vec::new();
    let mut place = In::Text;
    let (mut lines, mut local, mut base, mut remote) = (Vec::new(), Vec::new(), None, Vec::new());
    let width = width_in(text);
    for line in text.split('\n') {
        let mark = mark_of(line, width);
        match (&place, mark) {
            (In::Text, Some(OURS)) => {
                all.push(Piece::Lines(std::mem::take(&mut lines)));
                place = In::Local;
            }
            (In::Text, Some(THEIRS | BASE)) | (_, Some(OURS)) | (In::Local | In::Base, Some(THEIRS)) => return None,
            (In::Local, Some(BASE)) => {
                base = Some(Vec::new());
                place = In::Base;
            }
            (In::Local | In::Base, Some(MIDDLE)) => place = In::Remote,
            (In::Remote, Some(THEIRS)) => {
                let (local, remote) = (std::mem::take(&mut local), std::mem::take(&mut remote));
                all.push(Piece::Open { local, base: base.take(), remote });
                place = In::Text;
            }
            // A line of this look is a heading's underline in more than one language.
            (In::Text, _) => lines.push(line.to_owned()),
            (In::Local, _) => local.push(line.to_owned()),
            (In::Base, _) => base.get_or_insert_default().push(line.to_owned()),
            (In::Remote, _) => remote.push(line.to_owned()),
        }
    }
    all.push(Piece::Lines(lines));
    (place == In::Text).then_some(all)
}

type Count<'a> = HashMap<&'a str, usize>;

fn count<'a>(lines: impl IntoIterator<Item = &'a str>) -> Count<'a> {
    let mut all = Count::new();
    for line in lines {
        *all.entry(line).or_default() += 1;
    }
    all
}

fn of(counts: &Count<'_>, line: &str) -> usize {
    counts.get(line).copied().unwrap_or_default()
}

/// True when the text can be what git wrote of the three versions: `chunks` is how they merge. git's merge differs from
/// ours in where a conflict begins and ends, so it is not compared line by line; what a person does to it shows
/// elsewhere: lines of no version, lines of a side that are gone, conflicts without marks.
pub(super) fn is_as_git_left_it(pieces: &[Piece], chunks: &[Chunk], versions: [&str; 3]) -> bool {
    let [base, ours, theirs] = versions.map(|v| v.split('\n').collect::<Vec<_>>());
    let [b, l, r] = [&base, &ours, &theirs].map(|v| count(v.iter().copied()));
    // The text with every conflict taken from one side.
    let side = |remote: bool| -> Vec<&str> {
        let lines = pieces.iter().flat_map(move |p| match p {
            Piece::Lines(lines) => lines,
            Piece::Open { remote: lines, .. } if remote => lines,
            Piece::Open { local, .. } => local,
        });
        lines.map(String::as_str).collect()
    };
    let (first, second) = (side(false), side(true));
    let no_version = |line: &&str| of(&l, line) + of(&r, line) == 0;
    if first.iter().chain(&second).any(no_version) {
        return false;
    }
    for (text, (own, other)) in [(&first, (&l, &r)), (&second, (&r, &l))] {
        let now = count(text.iter().copied());
        // What nobody changed is there, and what this side alone put in.
        let gone = |line: &str| {
            let common = of(&b, line).min(of(own, line)).min(of(other, line));
            let added = if of(&b, line) + of(other, line) == 0 { of(own, line) } else { 0 };
            of(&now, line) < common.max(added)
        };
        if own.keys().any(|line| gone(line)) || !in_order(text, [&base, &ours, &theirs]) {
            return false;
        }
    }
    are_marked(pieces, chunks)
}

/// Lines that stand once in each version and in one order in all of them still have this order.
fn in_order(text: &[&str], versions: [&Vec<&str>; 3]) -> bool {
    let once = |lines: &[&str]| -> HashSet<String> {
        count(lines.iter().copied()).into_iter().filter(|(_, n)| *n == 1).map(|(l, _)| l.to_owned()).collect()
    };
    let mut common = once(text);
    for version in versions {
        let here = once(version);
        common.retain(|l| here.contains(l));
    }
    let only = |lines: &[&str]| -> Vec<String> {
        lines.iter().filter(|l| common.contains(**l)).map(|l| (*l).to_owned()).collect()
    };
    let [base, ours, theirs] = versions.map(|v| only(v));
    base != ours || base != theirs || base == only(text)
}

/// What both sides changed is still between marks.
fn are_marked(pieces: &[Piece], chunks: &[Chunk]) -> bool {
    let open = |remote: bool| {
        let lines = pieces.iter().filter_map(move |p| match p {
            Piece::Open { local, remote: other, .. } => Some(if remote { other } else { local }),
            Piece::Lines(_) => None,
        });
        count(lines.flatten().map(String::as_str))
    };
    let (mine, theirs) = (open(false), open(true));
    chunks.iter().all(|chunk| {
        let Chunk::Conflict { local, remote, .. } = chunk else { return true };
        let (l, r) = (count(local.iter().map(String::as_str)), count(remote.iter().map(String::as_str)));
        let own = |one: &Count<'_>, other: &Count<'_>, open: &Count<'_>| {
            one.iter().all(|(line, n)| of(open, line) >= n.saturating_sub(of(other, line)))
        };
        own(&l, &r, &mine) && own(&r, &l, &theirs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::{Answer, Pick, TextPlan};

    const BASE_TEXT: &str = "# head\none\ntwo\nthree\nfour\nfive\nsix\nseven\n";
    const OUR_TEXT: &str = "# head\nours first\none\nTWO\nthree\nfour\nfive\nSIX\nseven\n";
    const THEIR_TEXT: &str = "# head\none\n2\nthree\nfour\nfive\n6\nseven\ntheirs last\n";
    const GIT: &str = "# head\nours first\none\n<<<<<<< HEAD\nTWO\n=======\n2\n>>>>>>> x\nthree\nfour\nfive\n<<<<<<< HEAD\nSIX\n=======\n6\n>>>>>>> x\nseven\ntheirs last\n";

    fn versions() -> [&'static str; 3] {
        [BASE_TEXT, OUR_TEXT, THEIR_TEXT]
    }

    fn touched(now: &str) -> bool {
        TextPlan::new(BASE_TEXT, OUR_TEXT, THEIR_TEXT).touched(now, versions())
    }

    /// `conflict-marker-size` in git's attributes makes marks wider, so that texts with lines of seven can be merged.
    #[test]
    fn wide_marks_are_read() {
        let wide = GIT.replace("<<<<<<<", &"<".repeat(12)).replace(">>>>>>>", &">".repeat(12));
        let wide = wide.replace("=======", &"=".repeat(12));
        assert_eq!(pieces(&wide), pieces(GIT));
        assert!(is_marked(wide.as_bytes()) && has_marks(&wide) && pieces(GIT).is_some_and(|p| p.len() == 5));
        assert_eq!(without_names(&wide), without_names(GIT));
        // A heading's underline of seven stands between wide marks.
        let heading = "<<<<<<<<<< HEAD\nName\n=======\n==========\nTitle\n=======\n>>>>>>>>>> x\n";
        let Some([_, Piece::Open { local, remote, .. }, _]) =
            pieces(heading).as_deref().and_then(|p| p.first_chunk::<3>().cloned())
        else {
            panic!("{:?}", pieces(heading))
        };
        assert_eq!(
            (local, remote),
            (vec!["Name".to_owned(), "=======".to_owned()], vec!["Title".to_owned(), "=======".to_owned()])
        );
        assert!(!is_marked(b"x <<<<<<< y\n<<<<<<\n<<<<<<<<x\n"));
    }

    #[test]
    fn what_git_left_is_known_in_all_its_styles() {
        assert!(!touched(GIT));
        assert!(!touched(&GIT.replace("=======\n2", "||||||| 1a2b3c4\ntwo\n=======\n2")), "diff3");
        assert!(!touched(OUR_TEXT), "no marks at all is another matter");
        let crlf = |t: &str| t.replace('\n', "\r\n");
        let texts = versions().map(crlf);
        let all = [texts[0].as_str(), &texts[1], &texts[2]];
        assert!(!TextPlan::new(all[0], all[1], all[2]).touched(&crlf(GIT), all));
        assert!(TextPlan::new(all[0], all[1], all[2]).touched(&crlf(GIT).replace("five", "5"), all));
        // One conflict that takes in more than it must.
        let wide = "# head\nours first\none\n<<<<<<< HEAD\nTWO\nthree\nfour\nfive\nSIX\n=======\n2\nthree\nfour\nfive\n6\n>>>>>>> x\nseven\ntheirs last\n";
        assert!(!touched(wide));
    }

    #[test]
    fn whatever_a_person_did_to_it_is_seen() {
        let first = "<<<<<<< HEAD\nTWO\n=======\n2\n>>>>>>> x\n";
        for (what, now) in [
            ("ours taken", GIT.replace(first, "TWO\n")),
            ("theirs taken", GIT.replace(first, "2\n")),
            ("both taken", GIT.replace(first, "TWO\n2\n")),
            ("neither", GIT.replace(first, "")),
            ("written anew", GIT.replace(first, "two, by hand\n")),
            ("a line changed elsewhere", GIT.replace("four", "vier")),
            ("a line put in", GIT.replace("four\n", "four\nand more\n")),
            ("a line taken out", GIT.replace("four\n", "")),
            ("a line of ours taken out", GIT.replace("ours first\n", "")),
            ("lines in another order", GIT.replace("three\nfour\n", "four\nthree\n")),
            ("written between the marks", GIT.replace("TWO", "TWO by hand")),
            ("written behind the middle", GIT.replacen("=======", "======= no", 1)),
            ("a mark taken out", GIT.replacen(">>>>>>> x\n", "", 1)),
            ("the middle taken out", GIT.replacen("=======\n", "", 1)),
            ("the first mark taken out", GIT.replacen("<<<<<<< HEAD\n", "", 1)),
        ] {
            assert!(touched(&now), "{what}");
        }
    }

    #[test]
    fn what_is_left_between_marks_is_decided_and_the_rest_is_as_it_was_written() {
        let now = GIT.replace("<<<<<<< HEAD\nTWO\n=======\n2\n>>>>>>> x\n", "two, by hand\n").replace("SIX", "SIX too");
        let whole = TextPlan::new(BASE_TEXT, OUR_TEXT, THEIR_TEXT);
        let plan = TextPlan::of_marked(&now, &whole, versions());
        let [entry] = plan.entries.as_slice() else { panic!("{:?}", plan.entries) };
        assert!(entry.base_unknown && entry.texts[0].is_none(), "written between the marks: nobody knows the base");
        let mut answer = Answer::new(entry);
        answer.pick(entry, Pick::Base);
        assert!(!answer.missing(entry).is_empty());
        answer.pick(entry, Pick::Both);
        let text = plan.decide(|_| Some(&answer)).unwrap();
        assert_eq!(text, "# head\nours first\none\ntwo, by hand\nthree\nfour\nfive\nSIX too\n6\nseven\ntheirs last\n");
        // A stretch nobody touched still has its base.
        let plan = TextPlan::of_marked(GIT, &whole, versions());
        let bases: Vec<_> = plan.entries.iter().map(|e| e.texts[0].as_deref()).collect();
        assert_eq!(bases, [Some("two"), Some("six")]);
    }

    #[test]
    fn marks_that_do_not_belong_together_leave_one_text_to_write() {
        let now = GIT.replacen("<<<<<<< HEAD\n", "", 1);
        assert_eq!(pieces(&now), None);
        let whole = TextPlan::new(BASE_TEXT, OUR_TEXT, THEIR_TEXT);
        let plan = TextPlan::of_marked(&now, &whole, versions());
        let [entry] = plan.entries.as_slice() else { panic!("{:?}", plan.entries) };
        let mut answer = Answer::new(entry);
        answer.write(super::super::answer::in_our_words(&now));
        assert!(!answer.missing(entry).is_empty());
        answer.write(OUR_TEXT.to_owned());
        assert_eq!(plan.decide(|_| Some(&answer)).as_deref(), Some(OUR_TEXT));
    }
}
