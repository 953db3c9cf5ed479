use proptest::prelude::*;

use super::*;

/// An editor over a text in which `|` is a cursor and `[`..`]` were replaced by `«` and `»` for a selection.
fn given(text: &str, language: &str) -> Document {
    let mut plain = String::new();
    let mut all = Vec::new();
    let mut open = None;
    for c in text.chars() {
        let at = plain.chars().count();
        match c {
            '|' => all.push(Selection::at(at)),
            '\u{ab}' => open = Some(at),
            '\u{bb}' => all.push(Selection::span(open.take().unwrap(), at)),
            c => plain.push(c),
        }
    }
    let mut doc = Document::new(&plain, Language::named(language));
    doc.editor.select(Selections::new(all, 0));
    doc
}

/// The text with its cursors, as `given` reads it.
fn shown(doc: &Document) -> String {
    let mut marks: Vec<(usize, u8, char)> = Vec::new();
    for s in doc.editor.selections().iter() {
        if s.is_empty() {
            marks.push((s.head, 1, '|'));
        } else {
            marks.push((s.start(), 2, '\u{ab}'));
            marks.push((s.end(), 0, '\u{bb}'));
        }
    }
    marks.sort_unstable();
    let mut out = String::new();
    let text: Vec<char> = doc.editor.buffer().to_string().chars().collect();
    for at in 0..=text.len() {
        out.extend(marks.iter().filter(|m| m.0 == at).map(|m| m.2));
        out.extend(text.get(at));
    }
    out
}

#[track_caller]
fn after(text: &str, language: &str, acts: &[Act], expected: &str) {
    let mut doc = given(text, language);
    let first = doc.editor.buffer().to_string();
    for act in acts {
        doc.act(act, 0);
    }
    assert_eq!(shown(&doc), expected);
    while doc.undo() {}
    assert_eq!(doc.editor.buffer().to_string(), first, "undo");
    while doc.redo() {}
    assert_eq!(doc.editor.buffer().to_string(), expected.replace(['|', '\u{ab}', '\u{bb}'], ""), "redo");
}

fn types(text: &str) -> Vec<Act> {
    text.chars().map(|c| if c == '\n' { Act::NewLine } else { Act::Type(c.into()) }).collect()
}

#[test]
fn brackets_and_quotes_come_in_pairs_and_are_stepped_over() {
    after("|", "py", &types("f(\"a\")"), "f(\"a\")|");
    after("|x", "py", &types("("), "(|x");
    after("it|", "py", &types("'s"), "it's|");
    after("|", "py", &types("f'a"), "f'a|'");
    after("|", "py", &types("\"\"\""), "\"\"\"|");
    after("|", "sql", &types("count(*)"), "count(*)|");
    after("f(g(x|)", "py", &types(")"), "f(g(x)|)");
    after("\u{ab}ab\u{bb} \u{ab}c\u{bb}", "py", &types("["), "[\u{ab}ab\u{bb}] [\u{ab}c\u{bb}]");
    after("\u{ab}ab\u{bb} \u{ab}c\u{bb}", "py", &types("[]"), "[ab]| [c]|");
    after("\u{ab}ab\u{bb}", "py", &types("({})"), "({ab})|");
    after("\u{ab}ab\u{bb}", "py", &types("{x}."), "{x}.|");
    after("\u{ab}ab\u{bb}", "py", &types("\"x\"."), "\"x\".|");
    after("\u{ab}a\nb\u{bb}", "py", &types("(x)"), "(x)|");
    after("\u{ab}ab\u{bb})", "py", &types(")"), ")|)");
    after("|", "txt", &types("(\"a"), "(\"a|");
    after("|", "py", &[&types("((")[..], &[Act::Delete(Motion::Left)]].concat(), "(|)");
    after("(|)", "py", &[Act::Delete(Motion::Left)], "|)");
}

#[test]
fn a_line_break_keeps_and_deepens_the_indentation() {
    after("  if a:|", "py", &types("\nb"), "  if a:\n    b|");
    after("    return x|", "py", &types("\n"), "    return x\n|");
    after("    returned|", "py", &types("\n"), "    returned\n    |");
    after("x = 1  # note:|", "py", &types("\n"), "x = 1  # note:\n|");
    after("f(|)", "py", &types("\n"), "f(\n    |\n)");
    after("if a:|", "sql", &types("\n"), "if a:\n|");
    after("    |\nb", "py", &types("\n"), "\n    |\nb");
    after("\tif a {|", "rs", &types("\nx"), "\tif a {\n\t\tx|");
    after("f(\n    a\n    |", "py", &types(")"), "f(\n    a\n)|");
}

#[test]
fn tab_goes_to_the_next_stop_and_lines_go_deeper_together() {
    after("a|b", "py", &[Act::Indent], "a   |b");
    after("\u{ab}a\n\nb\u{bb}\nc", "py", &[Act::Indent], "    \u{ab}a\n\n    b\u{bb}\nc");
    after("\u{ab}a\nb\n\u{bb}c", "py", &[Act::Indent], "    \u{ab}a\n    b\n\u{bb}c");
    after("    a\n  \u{ab}b\u{bb}", "py", &[Act::Outdent], "    a\n\u{ab}b\u{bb}");
    after("\ta|", "py", &[Act::Outdent], "a|");
    after("        |x", "py", &[Act::Delete(Motion::Left)], "    |x");
    after("  a\n  b\n   |", "py", &[Act::Delete(Motion::Left)], "  a\n  b\n  |");
}

#[test]
fn comments_go_out_and_in() {
    let lines = "\u{ab}if a:\n    b\n\n    \u{e9}\u{bb}";
    after(lines, "py", &[Act::Comment], "# \u{ab}if a:\n#     b\n\n#     \u{e9}\u{bb}");
    after(lines, "py", &[Act::Comment, Act::Comment], lines);
    after("  a|", "sql", &[Act::Comment], "  -- a|");
    after("#a|", "py", &[Act::Comment], "a|");
    after("x|", "json", &[Act::Comment], "x|");
    after("a \u{ab}b\u{bb}", "sql", &[Act::BlockComment], "a /* \u{ab}b\u{bb} */");
    after("  /* b */|", "sql", &[Act::BlockComment], "  b|");
    after("text|", "md", &[Act::Comment], "<!-- text| -->");
}

#[test]
fn whole_lines_move_double_go_and_join() {
    after("a\nb|c\nd", "py", &[Act::MoveLines { up: true }], "b|c\na\nd");
    after("a\nb|c\nd", "py", &[Act::MoveLines { up: false }], "a\nd\nb|c");
    after("a|\nb", "py", &[Act::MoveLines { up: true }], "a|\nb");
    after("\u{ab}a\nb\u{bb}\nc\r\nd|\r\ne", "py", &[Act::MoveLines { up: false }], "c\n\u{ab}a\nb\u{bb}\r\ne\r\nd|");
    after("a|b\nc", "py", &[Act::DoubleLines { up: false }], "ab\na|b\nc");
    after("a|b\nc", "py", &[Act::DoubleLines { up: true }], "a|b\nab\nc");
    after("ab\ncd|\nefg", "py", &[Act::DeleteLines], "ab\nef|g");
    after("ab\ncd|", "py", &[Act::DeleteLines], "ab|");
    after("a|b", "py", &[Act::Cut], "|");
    after("a|\n    b\nc", "py", &[Act::JoinLines], "a| b\nc");
    after("\u{ab}a\n  b\nc\u{bb}", "py", &[Act::JoinLines], "\u{ab}a b c\u{bb}");
}

#[test]
fn many_cursors_work_at_once() {
    after("a|b\nc|d", "txt", &types("xy"), "axy|b\ncxy|d");
    after("a|b\nc|d", "txt", &[Act::Delete(Motion::Left)], "|b\n|d");
    after("a|b|", "txt", &[Act::Delete(Motion::WordLeft)], "|");
    after("|\n|", "txt", &[Act::Paste("one\ntwo\n".into())], "one|\ntwo|");
    after("|\n|", "txt", &[Act::Paste("one".into())], "one|\none|");
    after("a\r\nb|", "txt", &[Act::Paste("x\r\ny".into())], "a\r\nbx\ny|");
    let mut doc = given("x = x|1\nx1 + x + x1", "py");
    doc.act(&Act::NextOccurrence, 0);
    assert_eq!(shown(&doc), "x = \u{ab}x1\u{bb}\nx1 + x + x1");
    doc.act(&Act::NextOccurrence, 0);
    doc.act(&Act::NextOccurrence, 0);
    doc.act(&Act::NextOccurrence, 0);
    assert_eq!(shown(&doc), "x = \u{ab}x1\u{bb}\n\u{ab}x1\u{bb} + x + \u{ab}x1\u{bb}");
    assert_eq!(doc.editor.copied(), "x1\nx1\nx1");
    doc.act(&Act::Single, 0);
    assert_eq!(doc.editor.selections().count(), 1);
    let mut doc = given("a|b\nc\nde", "py");
    doc.act(&Act::AddCursor { up: false }, 0);
    doc.act(&Act::AddCursor { up: false }, 0);
    assert_eq!(shown(&doc), "a|b\nc|\nd|e");
    doc.act(&Act::AllOccurrences, 0);
    doc.act(&Act::SelectLine, 0);
    assert_eq!(shown(&doc), "ab\nc\n\u{ab}de\u{bb}");
}

#[test]
fn words_are_undone_one_by_one_and_bring_their_cursors_back() {
    let mut doc = given("|", "txt");
    for (n, act) in types("ab cd").iter().enumerate() {
        doc.act(act, n as i64 * 100);
    }
    doc.undo();
    assert_eq!(shown(&doc), "ab |");
    doc.undo();
    assert_eq!(shown(&doc), "|");
    assert!(!doc.undo());
    doc.redo();
    doc.redo();
    assert_eq!(shown(&doc), "ab cd|");
    assert!(!doc.redo());
    doc.act(&Act::Delete(Motion::Left), 1000);
    doc.act(&Act::Delete(Motion::Left), 1100);
    doc.act(&Act::Delete(Motion::Left), 2200);
    doc.undo();
    assert_eq!(shown(&doc), "ab |", "a pause ends a step");
    doc.undo();
    assert_eq!(shown(&doc), "ab cd|");
    doc.act(&Act::SelectAll, 0);
    doc.act(&Act::Paste("x".into()), 0);
    doc.undo();
    assert_eq!(shown(&doc), "\u{ab}ab cd\u{bb}", "what was selected is selected again");
}

#[test]
fn typing_elsewhere_is_another_step() {
    let mut doc = given("|ab", "txt");
    doc.act(&Act::Type("x".into()), 0);
    doc.act(&Act::Move { motion: Motion::End, extend: false }, 0);
    doc.act(&Act::Type("y".into()), 0);
    doc.undo();
    assert_eq!(shown(&doc), "xab|");
}

#[test]
fn what_was_saved_is_clean_again_after_undo() {
    let mut doc = given("a|", "txt");
    assert_eq!(doc.history.state(), doc.history.saved());
    doc.act(&Act::Type("b".into()), 0);
    doc.history.mark_saved(doc.history.state());
    doc.act(&Act::Type("c".into()), 0);
    assert_ne!(doc.history.state(), doc.history.saved());
    doc.undo();
    assert_eq!((shown(&doc).as_str(), doc.history.state() == doc.history.saved()), ("ab|", true), "saving ends a step");
    doc.history.mark_changed();
    assert_ne!(doc.history.state(), doc.history.saved());
}

#[test]
fn a_text_set_from_outside_keeps_what_is_equal() {
    let mut doc = given("one two| three", "txt");
    doc.editor.sync("one 2 two three");
    assert_eq!(shown(&doc), "one 2 two| three");
    let splices = doc.editor.splices_since(0).unwrap();
    assert_eq!(splices, [Splice { line: 0, removed: 0, added: 0 }]);
    doc.editor.sync("\n\none");
    assert!(doc.editor.splices_since(1).unwrap().iter().map(|s| s.added).sum::<usize>() == 2);
    assert!(doc.editor.splices_since(9).is_none());
    doc.act(&Act::SetText("last".into()), 0);
    assert!(doc.editor.selections().primary().head <= 4, "no cursor lies beyond the end");
}

#[test]
fn indentation_is_seen_in_the_text() {
    let of = |t: &str| Indent::of(&Buffer::from(t));
    assert_eq!(of("a\n  b\n  c\n    d\n"), Indent::Spaces(2));
    assert_eq!(of("a:\n    b\n        c\n"), Indent::Spaces(4));
    assert_eq!(of("a:\n\tb\n"), Indent::Tabs);
    assert_eq!(of(""), Indent::Spaces(4));
}

fn an_act() -> impl Strategy<Value = Act> {
    use Motion::*;
    let motion = prop::sample::select(vec![
        Left,
        Right,
        WordLeft,
        WordRight,
        LineStart,
        LineEnd,
        Start,
        End,
        Up(1),
        Down(1),
        Bracket,
    ]);
    let moves = (motion.clone(), any::<bool>()).prop_map(|(motion, extend)| Act::Move { motion, extend });
    let selects = prop::collection::vec((0usize..40, 0usize..40), 1..4)
        .prop_map(|all| Act::Select(Selections::new(all.into_iter().map(|(a, b)| Selection::span(a, b)).collect(), 0)));
    let fixed = prop::sample::select(vec![
        Act::NewLine,
        Act::Indent,
        Act::Outdent,
        Act::Cut,
        Act::DeleteLines,
        Act::MoveLines { up: true },
        Act::MoveLines { up: false },
        Act::DoubleLines { up: true },
        Act::DoubleLines { up: false },
        Act::JoinLines,
        Act::Comment,
        Act::BlockComment,
        Act::SelectAll,
        Act::SelectLine,
        Act::NextOccurrence,
        Act::AllOccurrences,
        Act::AddCursor { up: true },
        Act::AddCursor { up: false },
        Act::Single,
        Act::DeleteAround { before: 1, after: 2 },
    ]);
    prop_oneof![
        4 => "[a(\"' \u{e9}\u{1f600}\u{301})]".prop_map(Act::Type),
        1 => "[a\n\r\u{e9}]{0,5}".prop_map(Act::Paste),
        1 => "[a\u{e9}\n]{0,4}".prop_map(Act::SetText),
        2 => motion.prop_map(Act::Delete),
        3 => moves,
        2 => selects,
        4 => fixed,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Whatever is done, undo comes back to every state there was, and redo does it all again.
    #[test]
    fn anything_can_be_undone_and_done_again(
        text in "[ab(#\u{e9}\u{1f600}\u{301} \t\n\r]{0,40}",
        language in prop::sample::select(vec!["py", "sql", "md", "txt", "go"]),
        acts in prop::collection::vec(an_act(), 0..30),
    ) {
        let mut doc = Document::new(&text, Language::named(language));
        let mut texts = vec![text.clone()];
        for (n, act) in acts.iter().enumerate() {
            let mut preview = doc.editor.clone();
            preview.act(act, n as i64 * 2_000);
            // Far apart in time, so that each is a step.
            let changed = doc.act(act, n as i64 * 2_000);
            let now = doc.editor.buffer().to_string();
            prop_assert_eq!(preview.buffer().to_string(), now.clone(), "a copy does the same");
            prop_assert_eq!(preview.selections(), doc.editor.selections());
            if changed {
                texts.push(now.clone());
            } else {
                prop_assert_eq!(texts.last().unwrap(), &now);
            }
            let (buffer, mut last) = (doc.editor.buffer(), None);
            for s in doc.editor.selections().iter() {
                prop_assert!(s.end() <= buffer.len());
                prop_assert_eq!(buffer.snap(s.head), s.head, "between letters");
                prop_assert!(last.is_none_or(|l| l <= s.start()), "in order");
                last = Some(s.end());
            }
        }
        for text in texts.iter().rev().skip(1) {
            prop_assert!(doc.undo());
            prop_assert_eq!(&doc.editor.buffer().to_string(), text);
        }
        prop_assert!(!doc.undo());
        for text in texts.iter().skip(1) {
            prop_assert!(doc.redo());
            prop_assert_eq!(&doc.editor.buffer().to_string(), text);
        }
        prop_assert!(!doc.redo());
    }
}
