//! Text that a run writes anew each time and that says nothing: addresses, times, durations, progress bars, paths of
//! temporary files, identifiers. One list for diff, merge and review, which `[diff]` in andon.toml extends:
//!
//! ```toml
//! [diff]
//! off = ["date"]              # kinds that are shown as changes after all, of those in KINDS
//! tolerance = 1e-6            # relative difference of two decimal numbers in a table that is no change (1e-9)
//!
//! [[diff.noise]]
//! name = "job id"             # what the count calls it
//! pattern = 'job-([0-9]+)'    # a regular expression; its first group is masked, else the whole of what it finds
//! in = ["stream"]             # stream, error, result; all of them when left out
//! ```
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, LazyLock, OnceLock},
};

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::base::{Error, Result, error::Context, text};

/// Where a text comes from; some noise is noise only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scope {
    Stream,
    Error,
    /// Text, HTML and the like of results and displays.
    Result,
    /// JSON and other values: only addresses can be told from data there.
    #[serde(skip)]
    Data,
}

impl Scope {
    /// Of an output's class.
    pub fn of(class: &str) -> Self {
        match class {
            c if c.starts_with("stream:") => Self::Stream,
            "error" => Self::Error,
            c if c.starts_with("text/") => Self::Result,
            _ => Self::Data,
        }
    }
}

/// Kind, its plural, where it is noise, and what it looks like. A date or time alone may well be data, and so may a
/// span of time: those are masked only in streams and where their place tells that they are about the run.
const KINDS: &[(&str, &str, &[Scope], &str)] = &[
    (
        "memory address",
        "memory addresses",
        &[Scope::Stream, Scope::Error, Scope::Result, Scope::Data],
        r"\b0x([0-9a-fA-F]{6,16})\b",
    ),
    (
        "uuid",
        "uuids",
        &[Scope::Stream, Scope::Error, Scope::Result],
        r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
    ),
    (
        "temporary path",
        "temporary paths",
        &[Scope::Stream, Scope::Error, Scope::Result],
        r"(?:/private)?(?:/tmp|/var/tmp|/var/folders/[^/\s]+/[^/\s]+/T|/dev/shm)/[^\s'\x22:,;)>\]]+|[A-Za-z]:\\[^\s'\x22]*\\Temp\\[^\s'\x22:,;)>\]]+|<ipython-input-\d+-[0-9a-f]+>",
    ),
    (
        "progress bar",
        "progress bars",
        &[Scope::Stream],
        r"\|[\x{2588}-\x{258F}#=>\-. ]*\||\[[=>.\-#]{4,}\]|\[\d+:\d\d(?::\d\d)?<[^\]\n]*\]",
    ),
    (
        "time",
        "times",
        &[Scope::Stream, Scope::Error],
        r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d(?: [A-Z]{3,5})? \d{4}",
    ),
    (
        "time",
        "times",
        &[Scope::Stream],
        r"(?im)(?:^[\[(]?|\b(?:at|time|now|started|finished|done|ended|begin|end|since|until|updated|timestamp)\b[:= ]{1,3})(\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M)?)\b",
    ),
    (
        "date",
        "dates",
        &[Scope::Stream],
        r"(?im)(?:^[\[(]?|\b(?:today|generated|created|run|ran|started|finished|executed|updated|built|now)(?: on| at)?[:= ]{1,3})(\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4})\b",
    ),
    (
        "duration",
        "durations",
        &[Scope::Stream, Scope::Error],
        r"(?i)\b(?:took|in|after|elapsed|time|times|runtime|duration|wall|user|sys|system|total|cpu|eta|finished|done|finished in|spent)[:= ]{1,3}~?((?:\d+(?:[.,]\d+)?(?:e[+-]?\d+)? ?(?:ns|\x{b5}s|\x{3bc}s|us|ms|s|sec|secs|seconds?|min|mins|minutes?|h|hours?)\b,? ?)+)",
    ),
    (
        "duration",
        "durations",
        &[Scope::Stream],
        r"\d+(?:\.\d+)? ?(?:ns|\x{b5}s|\x{3bc}s|us|ms|s|min) (?:\x{b1}|\+-) \d+(?:\.\d+)? ?(?:ns|\x{b5}s|\x{3bc}s|us|ms|s|min)\b|\b\d+(?:\.\d+)?(?:ns|\x{b5}s|\x{3bc}s|us|ms|s)?/(?:step|it|epoch|iter|batch|sample)\b|\b\d+(?:\.\d+)? ?(?:it|steps?|batches|examples|rows)/s\b|(?:- )\d+s\b",
    ),
    (
        "duration",
        "durations",
        &[Scope::Stream],
        r"(?i)\b(?:elapsed|took|duration|runtime|wall time|eta|remaining)[:= ]{1,3}(\d+:\d\d(?::\d\d)?(?:\.\d+)?)\b",
    ),
    ("cell number", "cell numbers", &[Scope::Error], r"\b(?:Cell |Input )?In ?\[(\d+)\]"),
    ("process id", "process ids", &[Scope::Stream, Scope::Error], r"(?i)\b(?:pid|process)[ :=#]{1,3}(\d{2,7})\b"),
    ("port", "ports", &[Scope::Stream, Scope::Result], r"\b(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\]):(\d{4,5})\b"),
];

/// Progress written over itself, of which only the last state is compared.
pub(super) const OVERWRITTEN: &str = "overwritten progress line";
/// A picture of the same pixels in another file.
pub(super) const REENCODED: &str = "re-encoded picture";
/// A number that differs by less than the tolerance.
pub(super) const WITHIN: &str = "number within the tolerance";

/// Longest text that is searched for noise.
const MAX_TEXT: usize = 2_000_000;
/// What no text holds in place of what was masked.
const MARK: u8 = 0;

/// How much noise of each kind was found: hidden, never lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Noise(BTreeMap<String, u64>);

impl Noise {
    pub(super) fn add(&mut self, kind: &str, count: u64) {
        if count > 0 {
            *self.0.entry(kind.to_owned()).or_default() += count;
        }
    }
    pub(super) fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|(kind, n)| self.add(kind, *n));
    }
    /// Counts numbers that differ by no more than the tolerance.
    pub fn within(&mut self, count: u64) {
        self.add(WITHIN, count);
    }
    /// Counts rows that stand elsewhere in a table without an order.
    pub fn moved(&mut self, rows: u64) {
        self.add("moved row", rows);
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// `12 times, 3 memory addresses`, the most frequent first.
    pub fn words(&self) -> String {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(kind, n)| (std::cmp::Reverse(**n), kind.as_str()));
        let one = |(kind, n): (&String, &u64)| match (KINDS.iter().find(|k| k.0 == kind), kind.as_str()) {
            (Some(k), _) => format!("{} {}", text::thousands(*n), if *n == 1 { k.0 } else { k.1 }),
            (None, WITHIN) if *n > 1 => format!("{} numbers within the tolerance", text::thousands(*n)),
            (None, kind) => text::count(*n, kind),
        };
        all.into_iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Debug)]
struct Mask {
    kind: String,
    scopes: Vec<Scope>,
    source: String,
    /// Made when a text is first searched: most comparisons never do, and it takes milliseconds.
    pattern: OnceLock<Option<Regex>>,
}

impl Mask {
    fn pattern(&self) -> Option<&Regex> {
        self.pattern.get_or_init(|| compile(&self.source).ok()).as_ref()
    }
}

/// What counts for nothing, ready to be used.
#[derive(Debug, Clone)]
pub struct Rules {
    masks: Arc<Vec<Mask>>,
    /// Relative difference of two decimal numbers in a table that is no change.
    pub tolerance: f64,
}

impl Default for Rules {
    fn default() -> Self {
        static SHIPPED: LazyLock<Arc<Vec<Mask>>> = LazyLock::new(|| Arc::new(shipped(&[])));
        Self { masks: SHIPPED.clone(), tolerance: TOLERANCE }
    }
}

const TOLERANCE: f64 = 1e-9;

fn shipped(off: &[String]) -> Vec<Mask> {
    let on = KINDS.iter().filter(|k| !off.iter().any(|o| o == k.0));
    let mask = |(kind, _, scopes, pattern): &(&str, &str, &[Scope], &str)| Mask {
        kind: (*kind).to_owned(),
        scopes: scopes.to_vec(),
        // ASCII digits and word ends, which are much smaller and faster than those of Unicode.
        source: pattern.replace(r"\d", "[0-9]").replace(r"\b", r"(?-u:\b)"),
        pattern: OnceLock::new(),
    };
    on.map(mask).collect()
}

fn compile(pattern: &str) -> std::result::Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(1 << 21).build()
}

#[derive(Deserialize)]
struct File {
    diff: Option<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    off: Vec<String>,
    tolerance: Option<f64>,
    #[serde(default)]
    noise: Vec<Own>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    name: String,
    pattern: String,
    #[serde(rename = "in", default)]
    scopes: Vec<Scope>,
}

impl Rules {
    /// Nothing counts for nothing.
    pub fn exact() -> Self {
        Self { masks: Arc::default(), tolerance: 0.0 }
    }

    /// Reads the `[diff]` table of andon.toml.
    pub fn parse(source: &str) -> Result<Self> {
        let file: File =
            toml::from_str(source).config(|| "The table [diff] of andon.toml cannot be read".to_owned())?;
        let Some(table) = file.diff else { return Ok(Self::default()) };
        for kind in &table.off {
            if !KINDS.iter().any(|k| k.0 == kind) {
                let near = text::nearest(kind, KINDS.iter().map(|k| k.0));
                let mut names: Vec<&str> = KINDS.iter().map(|k| k.0).collect();
                names.dedup();
                let hint = near.map_or_else(|| names.join(", "), |n| format!("Did you mean {n}?"));
                return Err(Error::config(format!("andon.toml, diff.off: no noise is called {kind:?}")).hint(hint));
            }
        }
        let tolerance = table.tolerance.unwrap_or(TOLERANCE);
        if !(0.0..1.0).contains(&tolerance) {
            return Err(Error::config(format!("andon.toml, diff.tolerance is {tolerance}"))
                .hint("It is a share of the number: 0 for none, below 1"));
        }
        let mut masks = Vec::new();
        for own in table.noise {
            let pattern = compile(&own.pattern)
                .config(|| format!("andon.toml: the pattern of the noise {:?} is no regular expression", own.name))?;
            if pattern.is_match(b"") {
                return Err(Error::config(format!(
                    "andon.toml: the pattern of the noise {:?} fits no text at all",
                    own.name
                ))
                .because_of("It also matches where there is nothing".to_owned())
                .hint("Use + instead of *"));
            }
            let all = [Scope::Stream, Scope::Error, Scope::Result];
            let scopes = if own.scopes.is_empty() { all.to_vec() } else { own.scopes };
            masks.push(Mask { kind: own.name, scopes, source: own.pattern, pattern: OnceLock::from(Some(pattern)) });
        }
        masks.extend(shipped(&table.off));
        Ok(Self { masks: Arc::new(masks), tolerance })
    }

    /// Where noise is in a text, in order and apart from each other; the number names the kind.
    fn find(&self, text: &[u8], scope: Scope) -> Vec<(Range<usize>, usize)> {
        let mut found = Vec::new();
        if text.len() > MAX_TEXT {
            return found;
        }
        for (n, mask) in self.masks.iter().enumerate().filter(|(_, m)| m.scopes.contains(&scope)) {
            let Some(pattern) = mask.pattern() else { continue };
            if pattern.captures_len() == 1 {
                found.extend(pattern.find_iter(text).map(|m| (m.range(), n)));
            } else {
                let group = pattern.captures_iter(text).filter_map(|c| Some((c.get(1).or(c.get(0))?.range(), n)));
                found.extend(group);
            }
        }
        found.sort_by_key(|(range, n)| (range.start, std::cmp::Reverse(range.end), *n));
        let mut end = 0;
        found.retain(|(range, _)| {
            let apart = range.start >= end && !range.is_empty();
            if apart {
                end = range.end;
            }
            apart
        });
        found
    }

    /// Byte ranges of noise in a line.
    pub(super) fn ranges(&self, line: &str, scope: Scope) -> Vec<Range<u32>> {
        let found = self.find(line.as_bytes(), scope).into_iter();
        found.map(|(r, _)| r.start as u32..r.end as u32).collect()
    }

    /// The noise two texts differ in, when they differ in nothing else.
    pub(super) fn only_noise(&self, a: &[u8], b: &[u8], scope: Scope) -> Option<Noise> {
        let (x, y) = (self.find(a, scope), self.find(b, scope));
        let kinds = |f: &[(Range<usize>, usize)]| -> Vec<usize> { f.iter().map(|f| f.1).collect() };
        // Kinds are compared by name: a date and a time are found by patterns of their own.
        if x.is_empty() || kinds(&x).len() != kinds(&y).len() || masked(a, &x) != masked(b, &y) {
            return None;
        }
        let mut noise = Noise::default();
        for ((p, n), (q, m)) in x.iter().zip(&y) {
            let (Some(kind), Some(other)) = (self.masks.get(*n), self.masks.get(*m)) else { continue };
            if kind.kind != other.kind {
                return None;
            }
            noise.add(&kind.kind, u64::from(a.get(p.clone()) != b.get(q.clone())));
        }
        Some(noise)
    }
}

fn masked(text: &[u8], found: &[(Range<usize>, usize)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (range, _) in found {
        out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        out.push(MARK);
        at = range.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(a: &str, b: &str, scope: Scope) -> Option<String> {
        Rules::default().only_noise(a.as_bytes(), b.as_bytes(), scope).map(|n| n.words())
    }

    #[test]
    fn every_shipped_pattern_compiles() {
        let masks = shipped(&[]);
        assert_eq!(masks.len(), KINDS.len());
        for mask in masks {
            assert!(!mask.pattern().unwrap().is_match(b""), "{}", mask.kind);
        }
    }

    #[test]
    fn what_a_run_writes_anew_is_noise_and_counted() {
        let pairs = [
            ("<A at 0x7f00aa11bb22>", "<A at 0x7f99aa11bb00>", "1 memory address"),
            ("id 0b1c2d3e-1111-2222-3333-444455556666", "id 9b1c2d3e-aaaa-2222-3333-444455556667", "1 uuid"),
            ("wrote /tmp/tmpab12/x.csv", "wrote /tmp/tmpzz99/x.csv", "1 temporary path"),
            ("2026-11-21 08:00:01,123 INFO start", "2026-11-22 09:10:11,999 INFO start", "1 time"),
            ("Tue Nov 17 09:08:00 UTC 2026", "Wed Nov 18 10:08:07 UTC 2026", "1 time"),
            ("[08:00:01] loaded", "[09:30:59] loaded", "1 time"),
            ("Report generated on 2026-11-21", "Report generated on 2026-11-22", "1 date"),
            ("fit took 3.21 s", "fit took 12.9 s", "1 duration"),
            ("Wall time: 3.2 s", "Wall time: 450 ms", "1 duration"),
            ("1.2 ms \u{b1} 30 \u{b5}s per loop", "1.9 ms \u{b1} 12 \u{b5}s per loop", "1 duration"),
            (
                "CPU times: user 12 ms, sys: 3 ms, total: 15 ms",
                "CPU times: user 14 ms, sys: 4 ms, total: 18 ms",
                "3 durations",
            ),
            (
                "100%|\u{2588}\u{2588}\u{258d} | 10/10 [00:03<00:00, 32.1it/s]",
                "100%|\u{2588}\u{2588}| 10/10 [00:04<00:00, 25.0it/s]",
                "2 progress bars",
            ),
            ("worker pid=4123 up", "worker pid=981 up", "1 process id"),
            ("at http://127.0.0.1:43211/status", "at http://127.0.0.1:39001/status", "1 port"),
        ];
        for (a, b, words) in pairs {
            assert_eq!(noise(a, b, Scope::Stream).as_deref(), Some(words), "{a}");
        }
        assert_eq!(noise("Cell In[3], line 1", "Cell In[17], line 1", Scope::Error).as_deref(), Some("1 cell number"));
    }

    #[test]
    fn data_is_not_noise() {
        let stream = [
            ("last day loaded: 2024-01-31", "last day loaded: 2024-02-29"),
            ("mean delay 134.2 min", "mean delay 11.8 min"),
            ("flags 0xff", "flags 0xfe"),
            ("10/10 [00:03<00:00, 3it/s] a", "12/12 [00:03<00:00, 3it/s] a"),
            ("accuracy 0.914", "accuracy 0.921"),
            ("wrote /data/a.csv", "wrote /data/b.csv"),
            ("fit took 3.21 s on 4 cores", "fit took 3.99 s on 8 cores"),
        ];
        for (a, b) in stream {
            assert_eq!(noise(a, b, Scope::Stream), None, "{a}");
        }
        let result = [("2026-11-21 08:00:01", "2026-11-22 08:00:01"), ("took 3 s", "took 4 s")];
        for (a, b) in result {
            assert_eq!(noise(a, b, Scope::Result), None, "{a}");
        }
        assert_eq!(
            noise("0b1c2d3e-1111-2222-3333-444455556666", "9b1c2d3e-1111-2222-3333-444455556666", Scope::Data),
            None
        );
    }

    #[test]
    fn a_workspace_adds_noise_and_turns_kinds_off() {
        let rules = Rules::parse(
            "name = 'x'\n[diff]\noff = ['duration']\ntolerance = 0.01\n\
             [[diff.noise]]\nname = 'job id'\npattern = 'job-([0-9]+)'\nin = ['stream']",
        )
        .unwrap();
        let words = |a: &str, b: &str, s| rules.only_noise(a.as_bytes(), b.as_bytes(), s).map(|n| n.words());
        assert_eq!(words("job-1 job-2", "job-8 job-9", Scope::Stream).as_deref(), Some("2 job ids"));
        assert_eq!(words("job-1", "job-8", Scope::Result), None);
        assert_eq!(words("took 3 s", "took 4 s", Scope::Stream), None, "turned off");
        assert_eq!(rules.tolerance, 0.01);
        assert_eq!(Rules::parse("name = 'x'").unwrap().tolerance, TOLERANCE);
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        let wrong = [
            ("[diff]\noff = ['durations']", "durations"),
            ("[diff]\ntolerance = 2", "tolerance"),
            ("[diff]\ntolernce = 0.1", "[diff]"),
            ("[[diff.noise]]\nname = 'a'\npattern = '('", "\"a\""),
            ("[[diff.noise]]\nname = 'b'\npattern = 'x*'", "\"b\""),
            ("[[diff.noise]]\nname = 'c'\npattern = 'x'\nin = ['tables']", "[diff]"),
        ];
        for (source, word) in wrong {
            let e = Rules::parse(source).unwrap_err();
            assert!(e.what.contains(word), "{source}: {e}");
        }
    }
}
