//! What an editor knows of a language beside its colours: comments, pairs, and where a line goes deeper.

/// Rules of a language.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// The grammar that colours it, by its name; none for plain text.
    pub grammar: Option<&'static str>,
    /// What makes the rest of a line a comment; empty where there is no such sign.
    pub comment: &'static str,
    /// What stands around a comment of several lines.
    pub block: Option<(&'static str, &'static str)>,
    /// Quotes that come in pairs.
    pub quotes: &'static [char],
    /// Brackets are closed as they are opened.
    pub brackets: bool,
    /// A line that ends with one of these is followed by a deeper one.
    pub deeper: &'static [char],
    /// A line that begins with one of these words ends its block.
    pub leaves: &'static [&'static str],
}

const PLAIN: Language =
    Language { grammar: None, comment: "", block: None, quotes: &[], brackets: false, deeper: &[], leaves: &[] };
const OPEN: &[char] = &['(', '[', '{'];
const QUOTES: &[char] = &['"', '\''];
const C_LIKE: Language =
    Language { comment: "//", block: Some(("/*", "*/")), quotes: QUOTES, brackets: true, deeper: OPEN, ..PLAIN };
const HASH: Language = Language { comment: "#", quotes: QUOTES, brackets: true, deeper: OPEN, ..PLAIN };

static ALL: &[Language] = &[
    Language {
        grammar: Some("Python"),
        deeper: &[':', '(', '[', '{'],
        leaves: &["return", "pass", "break", "continue", "raise"],
        block: Some(("\"\"\"", "\"\"\"")),
        ..HASH
    },
    Language { grammar: Some("SQL"), comment: "--", block: Some(("/*", "*/")), ..HASH },
    Language { grammar: Some("R"), ..HASH },
    Language { grammar: Some("Markdown"), block: Some(("<!--", "-->")), brackets: true, ..PLAIN },
    Language { grammar: Some("JSON"), quotes: &['"'], brackets: true, deeper: OPEN, ..PLAIN },
    Language { grammar: Some("JavaScript"), quotes: &['"', '\'', '`'], ..C_LIKE },
    Language { grammar: Some("Bourne Again Shell (bash)"), ..HASH },
    Language { grammar: Some("YAML"), deeper: &[':', '[', '{'], ..HASH },
    Language { grammar: Some("Rust"), quotes: &['"'], ..C_LIKE },
    Language { grammar: Some("TOML"), ..HASH },
    Language { grammar: Some("HTML"), block: Some(("<!--", "-->")), quotes: QUOTES, brackets: true, ..PLAIN },
    Language { grammar: Some("C"), ..C_LIKE },
    Language { grammar: Some("C++"), ..C_LIKE },
    Language { grammar: Some("Scala"), ..C_LIKE },
    Language { grammar: Some("Ruby"), ..HASH },
    Language { grammar: Some("Java"), ..C_LIKE },
    Language { grammar: Some("Go"), quotes: &['"', '\'', '`'], ..C_LIKE },
];
static NONE: Language = PLAIN;

impl Language {
    /// The rules that go with a grammar.
    pub fn of(grammar: Option<&str>) -> &'static Self {
        ALL.iter().find(|l| grammar.is_some() && l.grammar == grammar).unwrap_or(&NONE)
    }
    /// The grammar of a language as notebooks name it, or of a file by its extension.
    pub fn grammar(language: &str) -> Option<&'static str> {
        Some(match language.to_lowercase().as_str() {
            "python" | "ipython" | "py" | "python3" => "Python",
            "sql" => "SQL",
            "r" => "R",
            "markdown" | "md" => "Markdown",
            "json" | "ipynb" => "JSON",
            "javascript" | "js" => "JavaScript",
            "bash" | "sh" | "shell" => "Bourne Again Shell (bash)",
            "yaml" | "yml" => "YAML",
            "rust" | "rs" => "Rust",
            "toml" => "TOML",
            "html" => "HTML",
            "c" => "C",
            "c++" | "cpp" => "C++",
            "scala" => "Scala",
            "ruby" | "rb" => "Ruby",
            "java" => "Java",
            "go" => "Go",
            _ => return None,
        })
    }
    /// The rules of a language by a notebook's name for it, or of a file by its extension.
    pub fn named(name: &str) -> &'static Self {
        Self::of(Self::grammar(name))
    }
}

/// What closes an opened bracket.
pub fn closer(open: char) -> Option<char> {
    Some(match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        _ => return None,
    })
}

/// What opens a closed bracket.
pub fn opener(close: char) -> Option<char> {
    Some(match close {
        ')' => '(',
        ']' => '[',
        '}' => '{',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_their_signs() {
        assert_eq!(Language::named("py").comment, "#");
        assert_eq!(Language::named("SQL").comment, "--");
        assert_eq!(Language::named("rs").comment, "//");
        assert_eq!((Language::named("txt").grammar, Language::of(None).comment), (None, ""));
        for language in ALL {
            assert!(std::ptr::eq(Language::of(language.grammar), language));
        }
    }
}
