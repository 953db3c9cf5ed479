//! Text for people: counts, sizes, cuts, nearest names, fuzzy match.

/// `1284` as `1,284`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `2 rows`, with thousands marked. The plural adds an s.
pub fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(n))
}

/// Bytes in decimal units: `214 kB`, `1.9 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit < 4 {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// At most `max` characters, the last one an ellipsis when something was cut.
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    out.push('\u{2026}');
    out
}

/// Control characters as pictures, so that no text of a file can command the terminal.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => '\t',
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            '\u{7f}'..='\u{9f}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A text for HTML, also inside of quoted attributes. Control characters that no page may hold become signs.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Edit distance with swaps of neighbours counted once (optimal string alignment), by characters.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The known name nearest to a mistyped one, if it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 2).clamp(1, 4);
    known
        .into_iter()
        .map(|k| (distance(&wrong.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, k)| (*d, k.len()))
        .map(|(_, k)| k)
}

/// A match of `query` in `text` with its score (higher is better) and the matched character positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fuzzy {
    pub score: i32,
    pub positions: Vec<usize>,
}

/// Subsequence match that prefers word starts and runs; every blank-separated word of the query must match.
pub fn fuzzy(query: &str, text: &str) -> Option<Fuzzy> {
    let chars: Vec<char> = text.chars().collect();
    let lower: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let mut all = Fuzzy { score: 0, positions: Vec::new() };
    for word in query.split_whitespace() {
        let word: Vec<char> = word.to_lowercase().chars().collect();
        let best = (0..lower.len())
            .filter(|&i| Some(&lower[i]) == word.first())
            .filter_map(|start| match_from(&word, &lower, &chars, start))
            .max_by_key(|m| m.score)?;
        all.score += best.score;
        all.positions.extend(best.positions);
    }
    all.score -= i32::try_from(chars.len() / 8).unwrap_or(0);
    all.positions.sort_unstable();
    all.positions.dedup();
    Some(all)
}

fn match_from(word: &[char], lower: &[char], chars: &[char], start: usize) -> Option<Fuzzy> {
    let (mut at, mut score, mut positions) = (start, 0, Vec::with_capacity(word.len()));
    for (n, c) in word.iter().enumerate() {
        let found = (at..lower.len()).find(|&i| lower[i] == *c)?;
        let boundary = found == 0 || !chars[found - 1].is_alphanumeric();
        score += 1 + if boundary { 8 } else { 0 } + if n > 0 && found == at { 6 } else { 0 };
        score -= i32::try_from((found - at).min(8)).unwrap_or(8);
        positions.push(found);
        at = found + 1;
    }
    Some(Fuzzy { score, positions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(18_732), "18,732");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!([bytes(999), bytes(214_000), bytes(1_940_000)], ["999 B", "214 kB", "1.9 MB"]);
    }

    #[test]
    fn no_text_is_markup_in_a_page() {
        assert_eq!(
            escape_html("<a href=\"x\" on='y'>&\u{1b}\n\té"),
            "&lt;a href=&quot;x&quot; on=&#39;y&#39;&gt;&amp;\u{fffd}\n\té"
        );
    }

    #[test]
    fn a_typing_slip_finds_its_key() {
        assert_eq!(nearest("retires", ["retries", "timeout_secs"]), Some("retries"));
        assert_eq!(nearest("zzzz", ["retries"]), None);
    }

    #[test]
    fn fuzzy_prefers_word_starts() {
        let a = fuzzy("rf", "Rerun failed").unwrap();
        let b = fuzzy("rf", "Surf").unwrap();
        assert!(a.score > b.score);
        assert_eq!(a.positions, [0, 6]);
        assert!(fuzzy("xyz", "Rerun").is_none());
    }
}
