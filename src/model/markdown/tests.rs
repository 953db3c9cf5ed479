use proptest::prelude::*;

use super::*;

fn doc(source: &str) -> Document {
    read(source, &Context::default())
}

fn words(block: &Block) -> &[Inline] {
    match block {
        Block::Paragraph { words, .. } | Block::Heading { words, .. } => words,
        other => panic!("{other:?}"),
    }
}

fn style_of<'a>(d: &'a Document, text: &str) -> &'a Style {
    let mut found = None;
    each(&d.blocks, &mut |line| {
        for inline in line {
            if let Inline::Text(t, s) = inline
                && t.contains(text)
            {
                found = found.or(Some(s));
            }
        }
    });
    found.unwrap_or_else(|| panic!("no {text} in {d:?}"))
}

#[test]
fn the_blocks_of_gfm_are_read() {
    let d = doc(
        "# One *two*\n\ntext **bold** ~~gone~~ `code`  \nnext\n\n> [!WARNING]\n> careful\n\n- [x] done\n- [ ] open\n  - deep\n\n3. three\n\n| a | b |\n|:-:|--:|\n| 1 | $x|y$ |\n\n```py\nx = 1\n```\n\n---\n",
    );
    assert!(matches!(&d.blocks[0], Block::Heading { level: 1, anchor, .. } if anchor == "One-two"));
    assert!(style_of(&d, "bold").bold && style_of(&d, "gone").strike && style_of(&d, "code").code);
    assert!(words(&d.blocks[1]).contains(&Inline::Break));
    assert!(matches!(&d.blocks[2], Block::Quote { kind: Some(Alert::Warning), .. }));
    let Block::List { items, tight: true, first: None } = &d.blocks[3] else { panic!("{:?}", d.blocks[3]) };
    assert_eq!([items[0].checked, items[1].checked], [Some(true), Some(false)]);
    assert!(matches!(&items[1].blocks[1], Block::List { .. }));
    assert!(matches!(&d.blocks[4], Block::List { first: Some(3), .. }));
    let Block::Table(grid) = &d.blocks[5] else { panic!() };
    assert_eq!(grid.sides, [Side::Center, Side::Right]);
    assert!(matches!(&grid.rows[0][1][..], [Inline::Math(m)] if &*m.source == "x|y"), "{grid:?}");
    assert!(matches!(&d.blocks[6], Block::Code { language, text } if language == "py" && &**text == "x = 1\n"));
    assert_eq!(d.blocks[7], Block::Rule);
}

#[test]
fn formulas_survive_markdown() {
    let d = doc(
        "a $x_1 * y_2 * z$ b\n\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}\n\ncosts $5 and $6, `$n$`\n\n$$\nq\n\nr\n$$",
    );
    let formulas: Vec<_> = d.formulas().iter().map(|m| (m.source.to_string(), m.display)).collect();
    assert_eq!(formulas.len(), 3, "{formulas:?}");
    assert_eq!(formulas[0], ("x_1 * y_2 * z".into(), false));
    assert!(formulas[1].0.contains("\\\\\nc") && formulas[1].1 && formulas[2].1);
    let text = d.plain();
    assert!(text.contains("costs $5 and $6") && text.contains("$n$"), "{text}");
    let own = doc("\u{F0000} $x$ \u{F0001}");
    assert_eq!(own.plain().trim(), "\u{F0000} x \u{F0001}");
}

#[test]
fn the_html_of_notebooks_is_read() {
    let d = doc(
        "<span style=\"color:red\">red</span> H<sub>2</sub>O <font color='green'>g</font> <kbd>x</kbd><br>n\n\n<div align=\"center\">\n\n# Title\n\n<img src=\"a.png\" width=\"30\">\n</div>\n\nafter",
    );
    assert_eq!(style_of(&d, "red").ink, Some(Ink::Rgb(255, 0, 0)));
    assert_eq!((style_of(&d, "2").script, style_of(&d, "x").code), (-1, true));
    assert!(d.blocks.iter().any(|b| matches!(b, Block::Heading { .. })));
    let picture = d.blocks.iter().find_map(|b| match b {
        Block::Paragraph { words, centered: true } => words.iter().find_map(|w| match w {
            Inline::Picture(p) => Some(p),
            _ => None,
        }),
        _ => None,
    });
    assert_eq!(picture.map(|p| (&p.from, p.width)), Some((&From::File("a.png".into()), Some(30.0))));
    assert!(matches!(d.blocks.last(), Some(Block::Paragraph { centered: false, .. })));
    let d = doc("<details><summary>More <b>here</b></summary>\n\nhidden *words*\n\n</details>\n\nafter");
    let [Block::Fold { title, open: false, blocks }, Block::Paragraph { .. }] = d.blocks.as_slice() else {
        panic!("{d:?}")
    };
    assert_eq!((title.as_str(), blocks.len()), ("More here", 1));
    let d = doc("<table><tr><th>h</th></tr><tr><td>1</td></tr></table>\n\n<script>alert(1)</script>\n\n<!-- no -->");
    assert!(matches!(d.blocks.as_slice(), [Block::Page(_)]), "{d:?}");
}

#[test]
fn pictures_are_found_and_never_fetched() {
    let image = |name: &str| (name == "my pic.png").then(|| Image::new("image/png", "AAAA", None));
    let cx = Context { attachments: &image, ..Context::default() };
    let from = |source: &str| {
        let d = read(source, &cx);
        let mut found = None;
        each(&d.blocks, &mut |line| {
            for inline in line {
                if let Inline::Picture(p) = inline {
                    found = Some(p.from.clone());
                }
            }
        });
        found.unwrap()
    };
    assert!(matches!(from("![a](attachment:my%20pic.png)"), From::Here(_)));
    assert_eq!(from("![a](attachment:gone.png)"), From::Missing);
    assert_eq!(from("![a](img/x%20y.png)"), From::File("img/x y.png".into()));
    assert_eq!(from("![a](https://example.org/x.png)"), From::Address("https://example.org/x.png".into()));
    assert_eq!(from("![a](file:///etc/passwd)"), From::Missing);
    assert!(matches!(from("![a](data:image/png;base64,AAAA)"), From::Here(_)));
}

#[test]
fn links_are_safe_and_bare_addresses_lead_on() {
    let d = doc(
        "[a](https://a.org) [b](javascript:alert(1)) see https://c.org/x_(y). <https://d.org> [e](#part) [f](data.csv)",
    );
    let links: Vec<&str> = d.links.iter().map(|l| &**l).collect();
    assert_eq!(links, ["https://a.org", "https://c.org/x_(y)", "https://d.org", "#part", "data.csv"]);
    assert_eq!(style_of(&d, "b").link, 0);
    assert!(is_anchor("Part-Two", "part-two") && is_anchor("What's-new?", "whats-new") && !is_anchor("a", "b"));
}

#[test]
fn footnotes_stand_at_the_end() {
    let d = doc("a[^x] b[^y]\n\n[^y]: second\n\n[^x]: first\n\nlast");
    let notes: Vec<_> = d
        .blocks
        .iter()
        .filter_map(|b| if let Block::Footnote { number, .. } = b { Some(*number) } else { None })
        .collect();
    assert_eq!(notes, [1, 2]);
    assert!(matches!(d.blocks.last(), Some(Block::Footnote { .. })));
}

#[test]
fn latex_is_formulas_between_words() {
    let none = Macros::default();
    let d = latex("$\\displaystyle x^2$", &none).unwrap();
    assert_eq!(d.formulas().len(), 1);
    let d = latex("The area is $\\pi r^2$:\n$$a$$\nend", &none).unwrap();
    assert_eq!((d.formulas().len(), d.formulas()[1].display), (2, true));
    assert!(latex("\\begin{tabular}{l} x \\end{tabular}", &none).is_none());
}

#[test]
fn deep_and_long_texts_do_no_harm() {
    let begun = std::time::Instant::now();
    for source in [
        "> ".repeat(20_000) + "x",
        "- ".repeat(5_000) + "x",
        "*a ".repeat(20_000),
        "<div>".repeat(20_000),
        "<details>".repeat(5_000) + "x",
        "[".repeat(20_000),
    ] {
        doc(&source).plain();
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn no_input_breaks_it(text in "([#*_>|`~\\[\\]()!$<>/\\\\a-c \n-]|<details>|</details>|<p align=center>|</p>|\\[\\^a\\]:?){0,80}", raw in any::<String>()) {
        doc(&text).plain();
        doc(&raw).plain();
    }
}

#[test]
fn sentences_of_a_page_become_blocks() {
    let html = "<h2>Title</h2><p>Some <b>bold</b> and <a href='https://e.org'>a link</a></p><p>more</p>\
                <ul><li>one<li>two<ol><li>deep</ol></ul><hr><p>end</p>";
    let Some(output::html::Block::Text(text)) = output::html::parse(html).blocks.into_iter().next() else { panic!() };
    let d = of_text(&text);
    assert!(matches!(&d.blocks[0], Block::Heading { level: 2, words, .. } if words_of(words) == "Title"));
    let Block::Paragraph { words, .. } = &d.blocks[1] else { panic!() };
    assert_eq!(words_of(words), "Some bold and a link\nmore");
    assert_eq!(d.link(1).map(|l| &**l), Some("https://e.org"));
    let Block::List { items, first: None, .. } = &d.blocks[2] else { panic!("{:?}", d.blocks) };
    assert_eq!(items.len(), 2);
    assert!(matches!(&items[1].blocks[1], Block::List { first: Some(1), items, .. } if items.len() == 1));
    assert_eq!(d.blocks.len(), 5);
    assert!(matches!(d.blocks[3], Block::Rule));
}

#[test]
fn what_is_too_large_to_be_laid_out_is_shown_in_part() {
    let page = |source: &str| {
        let d = read(source, &Context::default());
        matches!(d.blocks.as_slice(), [Block::Page(_)])
    };
    assert!(page(&"word ".repeat(10_000)) && page(&format!("```\n{}```", "x = 1\n".repeat(10_000))));
    assert!(page(&format!("|a|b|\n|---|---|\n{}", "|1|2|\n".repeat(2_000))));
    assert!(page(&"x\n\n".repeat(MAX_SOURCE)));
    assert!(!page("|a|b|\n|---|---|\n|1|2|\n"));
}

#[test]
fn hostile_texts_cost_little() {
    let begun = std::time::Instant::now();
    for source in [
        "> ".repeat(5000) + "x",
        "- ".repeat(2000) + "x",
        "*a **b ".repeat(5000),
        "[".repeat(10000),
        "![a](".repeat(5000),
        "$".repeat(10_001),
        "\\begin{align}".repeat(2000),
        "`".repeat(10000) + "x",
        "| ".repeat(5000) + "\n" + &"|-".repeat(5000) + "\n",
        "<details>".repeat(2000),
        "[a]: x\n".repeat(5000),
        "[^1]: x\n\n".repeat(3000),
        (0..3_000).map(|n| format!("$x_{n}$ ")).collect(),
    ] {
        let d = read(&source, &Context::default());
        assert!(d.plain().len() <= 2 * source.len() + 1_000);
    }
    // Unoptimised, and beside other tests.
    assert!(begun.elapsed() < std::time::Duration::from_secs(100), "{:?}", begun.elapsed());
}
