//! What a cell says about its own test: tags and comments.

/// Marks of a cell. A comment counts more than a tag, the last one more than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Its outputs are to be compared, or not; none: as the rest.
    pub check: Option<bool>,
    /// It may raise.
    pub raises: bool,
    pub skip: bool,
}

impl Marks {
    /// Reads a cell's source and tags.
    pub fn of(source: &str, tags: &[String]) -> Self {
        let mut marks = Self::default();
        for tag in tags {
            match tag.as_str() {
                "raises-exception" => marks.raises = true,
                "skip-execution" => marks.skip = true,
                tag if tag.starts_with("nbval-") => marks.take(&tag.to_uppercase().replace('-', "_")),
                _ => {}
            }
        }
        for line in source.lines().map(str::trim) {
            // A comment of Python, R or bash, and one of SQL.
            let comment = line.strip_prefix('#').map(|l| l.trim_start_matches('#'));
            if let Some(comment) = comment.or_else(|| line.strip_prefix("--")) {
                marks.take(comment.trim());
            }
        }
        marks
    }

    fn take(&mut self, word: &str) {
        match word {
            "NBVAL_IGNORE_OUTPUT" | "PYTEST_VALIDATE_IGNORE_OUTPUT" => self.check = Some(false),
            "NBVAL_CHECK_OUTPUT" => self.check = Some(true),
            "NBVAL_RAISES_EXCEPTION" => self.raises = true,
            "NBVAL_SKIP" => self.skip = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_comments_are_read_as_nbval_and_nbclient_do() {
        let tags = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let of = |source: &str, all: &[&str]| Marks::of(source, &tags(all));
        assert_eq!(of("x = 1", &["other"]), Marks::default());
        assert_eq!(of("x", &["nbval-ignore-output"]).check, Some(false));
        assert_eq!(of("x", &["nbval-check-output", "raises-exception"]).check, Some(true));
        assert!(of("x", &["raises-exception"]).raises && of("x", &["nbval-raises-exception"]).raises);
        assert!(of("x", &["nbval-skip"]).skip && of("x", &["skip-execution"]).skip);
        assert_eq!(of("  ## NBVAL_IGNORE_OUTPUT  \nx", &["nbval-check-output"]).check, Some(false), "comments win");
        assert_eq!(of("# NBVAL_IGNORE_OUTPUT\n# NBVAL_CHECK_OUTPUT", &[]).check, Some(true), "the last one wins");
        assert!(of("%%sql\n-- NBVAL_SKIP\nSELECT 1", &[]).skip);
        assert_eq!(of("# NBVAL_IGNORE_OUTPUT please\ns = '# NBVAL_SKIP'", &[]), Marks::default());
    }
}
