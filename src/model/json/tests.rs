use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn accepts_what_real_notebooks_hold() {
    let doc =
        parse("\u{feff}{\"a\": NaN, \"b\": [-Infinity, Infinity, 1E5, -0, 123456789012345678901234567890], \"a\": 2}");
    let root = doc.root();
    assert_eq!(root.duplicate_keys(), ["a"]);
    assert_eq!(root.get("a").unwrap().as_i64(), Some(2), "the last one counts");
    let b: Vec<_> = root.get("b").unwrap().items().collect();
    assert_eq!(b[0].as_f64(), Some(f64::NEG_INFINITY));
    assert_eq!(b[4].number(), Some("123456789012345678901234567890"));
    assert_eq!(b[4].as_i64(), None);
    assert_eq!(root.members().count(), 3);
}

#[test]
fn decodes_escapes_and_keeps_lone_surrogates_apart() {
    let doc = parse(r#"["a\u00e9\n\"\\\/", "\ud83d\ude00", "\ud83d", "\ude00x", "\ud83d\u0041"]"#);
    let all: Vec<_> = doc.root().items().map(|v| v.as_str().unwrap().into_owned()).collect();
    assert_eq!(all, ["aé\n\"\\/", "😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}A"]);
    let raw: Vec<_> = doc.root().items().map(|v| v.as_wtf8().unwrap().into_owned()).collect();
    assert_eq!(raw[2], [0xed, 0xa0, 0xbd]);
    assert_ne!(raw[2], raw[3][..3]);
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("{\"a\": 1,\n \"b\": }", (2, 7)),
        ("[1, 2", (1, 6)),
        ("{\"a\" 1}", (1, 6)),
        ("[\"abc", (1, 2)),
        ("[01]", (1, 4)),
        ("[1,]", (1, 4)),
        ("{\"a\":1,}", (1, 8)),
        ("[\"a\nb\"]", (1, 4)),
        ("[] x", (1, 4)),
        ("", (1, 1)),
        ("[\"\\u12\"]", (1, 3)),
        ("[nul]", (1, 2)),
    ];
    for (text, place) in cases {
        let e = Json::parse(text.as_bytes()).expect_err(text);
        assert_eq!(e.line_col(text.as_bytes()), place, "{text}: {e}");
    }
    let bad = b"[\"\xff\"]";
    assert_eq!(Json::parse(&bad[..]).unwrap_err().what, "not UTF-8 text");
    let marks = "[\n<<<<<<< HEAD\n1,\n=======";
    let e = Json::parse(marks.as_bytes()).unwrap_err().about("a.ipynb", marks.as_bytes());
    assert!(e.hint.unwrap().contains("merge"));
}

#[test]
fn depth_is_limited_and_not_by_the_stack() {
    let deep = "[".repeat(100_000);
    assert_eq!(Json::parse(deep.as_bytes()).unwrap_err().what, "nested too deeply");
    let fine = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(Json::parse(fine.as_bytes()).is_ok());
}

#[test]
fn joined_takes_lists_and_strings() {
    let doc = parse(r#"{"a": ["x\n", "y"], "b": "x\ny", "c": [1], "d": []}"#);
    let get = |k| doc.root().get(k).unwrap().joined().map(|c| c.into_owned());
    assert_eq!(
        [get("a"), get("b"), get("c"), get("d")],
        [Some("x\ny".into()), Some("x\ny".into()), None, Some(String::new())]
    );
}

#[test]
fn formats_like_python_with_indent_one() {
    let doc = parse(r#"{"a":[1,{"b":"\u00e9"}],"c":{},"d":[]}"#);
    let mut out = Vec::new();
    format_value(doc.root(), &Style::default(), 0, &mut out);
    let expect = "{\n \"a\": [\n  1,\n  {\n   \"b\": \"\\u00e9\"\n  }\n ],\n \"c\": {},\n \"d\": []\n}";
    assert_eq!(String::from_utf8(out).unwrap(), expect);
    let one_line = Style { indent: None, comma: ", ".into(), ..Style::default() };
    let mut out = Vec::new();
    format_value(doc.root(), &one_line, 0, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"a": [1, {"b": "\u00e9"}], "c": {}, "d": []}"#);
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("NaN".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|s| {
            let mut out = Vec::new();
            encode_str(&s, s.len() % 2 == 0, &mut out);
            String::from_utf8(out).unwrap()
        }),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(" ,\n"))),
            prop::collection::vec(("[a-c]{1,2}", inner), 0..5).prop_map(|v| {
                let all: Vec<_> = v.into_iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                format!("{{ {} }}", all.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn strings_round_trip(text in any::<String>(), ascii: bool) {
        let mut out = Vec::new();
        encode_str(&text, ascii, &mut out);
        if ascii { prop_assert!(out.is_ascii()); }
        let doc = Json::parse(out).unwrap();
        prop_assert_eq!(doc.root().as_str().unwrap(), text);
    }

    #[test]
    fn spans_nest_and_cover(text in any_json()) {
        let doc = Json::parse(text.as_bytes()).unwrap();
        for value in doc.root().subtree() {
            let outer = value.span();
            for inner in value.items().chain(value.members().flat_map(|m| [m.key, m.value])) {
                prop_assert!(outer.start < inner.span().start && inner.span().end < outer.end);
            }
            prop_assert!(Json::parse(value.raw()).is_ok(), "every value stands on its own");
        }
    }

    #[test]
    fn mutants_never_panic(text in any_json(), at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at); } else { bytes[at] = byte; }
        match Json::parse(&bytes[..]) {
            Ok(doc) => for v in doc.root().subtree() { let _ = (v.as_str(), v.as_wtf8(), v.joined(), v.as_f64(), v.duplicate_keys()); },
            Err(e) => { let _ = e.about("x", &bytes); }
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(prop::sample::select(br#"{}[]",:\u0d8eE+-.1ntfNI "#.to_vec()), 0..60)) {
        let _ = Json::parse(&bytes[..]);
    }
}
