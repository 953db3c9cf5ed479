//! Order keys: text that sorts, with room between any two, so that moving one card writes one key.
//!
//! A key is an integer part (its first letter tells its length, so that appending a thousand cards stays three letters
//! long) and a base-62 fraction ending in four random letters, so that two people who drop cards into the same gap
//! do not choose the same key. Cards dropped together share one key and nest below it, so their run stays together.
use crate::base::ids;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A column whose keys have grown longer than this is spaced anew.
pub const MAX_LEN: usize = 40;

fn digit(c: u8) -> usize {
    DIGITS.iter().position(|d| *d == c).unwrap_or(0)
}

/// Length of the integer part by its first letter; 0 for a key that is none of ours.
fn int_len(head: u8) -> usize {
    match head {
        b'a'..=b'z' => (head - b'a') as usize + 2,
        b'A'..=b'Z' => (b'Z' - head) as usize + 2,
        _ => 0,
    }
}

fn split(key: &str) -> Option<(&str, &str)> {
    let n = int_len(*key.as_bytes().first()?);
    (n > 0 && key.len() >= n && key.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| key.split_at(n))
}

/// The next integer part; `None` past the last.
fn increment(int: &str) -> Option<String> {
    let mut all = int.as_bytes().to_vec();
    for at in (1..all.len()).rev() {
        let d = digit(all[at]) + 1;
        if d < 62 {
            all[at] = DIGITS[d];
            return String::from_utf8(all).ok();
        }
        all[at] = b'0';
    }
    let head = match all[0] {
        b'Z' => b'a',
        b'z' => return None,
        head => head + 1,
    };
    Some(std::iter::once(char::from(head)).chain(std::iter::repeat_n('0', int_len(head) - 1)).collect())
}

/// The integer part before; `None` before the first.
fn decrement(int: &str) -> Option<String> {
    let mut all = int.as_bytes().to_vec();
    for at in (1..all.len()).rev() {
        if let Some(d) = digit(all[at]).checked_sub(1) {
            all[at] = DIGITS[d];
            return String::from_utf8(all).ok();
        }
        all[at] = b'z';
    }
    let head = match all[0] {
        b'a' => b'Z',
        b'A' => return None,
        head => head - 1,
    };
    Some(std::iter::once(char::from(head)).chain(std::iter::repeat_n('z', int_len(head) - 1)).collect())
}

/// Digits strictly between two fractions; `b` empty stands for the end.
fn midpoint(a: &[u8], b: &[u8]) -> Vec<u8> {
    if !b.is_empty() {
        let common = b.iter().enumerate().take_while(|(i, d)| a.get(*i).unwrap_or(&b'0') == *d).count();
        if common > 0 {
            let mut out = b[..common].to_vec();
            out.extend(midpoint(a.get(common..).unwrap_or(&[]), &b[common..]));
            return out;
        }
    }
    let low = a.first().map_or(0, |d| digit(*d));
    let high = b.first().map_or(62, |d| digit(*d));
    if high.saturating_sub(low) > 1 {
        return vec![DIGITS[usize::midpoint(low, high)]];
    }
    if b.len() > 1 {
        return b[..1].to_vec();
    }
    let mut out = vec![DIGITS[low]];
    out.extend(midpoint(a.get(1..).unwrap_or(&[]), &[]));
    out
}

/// A new key strictly between `a` and `b` (either may be missing). `None` when there is none: the two are equal, in the
/// wrong order, or not keys. Then the column is spaced anew.
pub fn between(a: Option<&str>, b: Option<&str>) -> Option<String> {
    if let (Some(a), Some(b)) = (a, b)
        && a >= b
    {
        return None;
    }
    let (a_parts, b_parts) = (a.map(split), b.map(split));
    let base = match (a_parts, b_parts) {
        (Some(None), _) | (_, Some(None)) => return None,
        (None, None) => "a0".to_owned(),
        (Some(Some((int, _))), None) => increment(int)?,
        (None, Some(Some((int, fraction)))) => {
            if fraction.is_empty() || decrement(int).is_some() {
                decrement(int)?
            } else {
                int.to_owned()
            }
        }
        (Some(Some((ai, af))), Some(Some((bi, bf)))) => {
            let next = increment(ai)?;
            if ai == bi {
                return narrow(ai, af, bf, a, b);
            }
            if next.as_str() < bi { next } else { return narrow(ai, af, "", a, b) }
        }
    };
    Some(base + &jitter()).filter(|k| a.is_none_or(|a| k.as_str() > a) && b.is_none_or(|b| k.as_str() < b))
}

/// Between two fractions of one integer part, lengthened until the random letters fit in as well.
fn narrow(int: &str, af: &str, bf: &str, a: Option<&str>, b: Option<&str>) -> Option<String> {
    let mut low = af.as_bytes().to_vec();
    for _ in 0..64 {
        let mid = midpoint(&low, bf.as_bytes());
        let key = format!("{int}{}{}", std::str::from_utf8(&mid).ok()?, jitter());
        if a.is_none_or(|a| key.as_str() > a) && b.is_none_or(|b| key.as_str() < b) {
            return Some(key);
        }
        low = mid;
    }
    None
}

/// Four random letters, the last never the zero, below which nothing would fit.
fn jitter() -> String {
    let mut text = ids::random(4);
    if text.ends_with('0') {
        text.pop();
        text.push('k');
    }
    text
}

/// `count` new keys between `a` and `b`, in order; more than one share a stem that nobody else will choose.
pub fn run(a: Option<&str>, b: Option<&str>, count: usize) -> Option<Vec<String>> {
    let stem = between(a, b)?;
    if count <= 1 {
        return Some(vec![stem]);
    }
    let width = if count < 60 { 1 } else { 3 };
    let nest = |i: usize| {
        let mut n = i + 1;
        let mut digits = vec![0u8; width];
        for d in digits.iter_mut().rev() {
            *d = DIGITS[n % 62];
            n /= 62;
        }
        // The closing letter keeps a zero from ending a key.
        format!("{stem}{}V", String::from_utf8_lossy(&digits))
    };
    let keys: Vec<_> = (0..count).map(nest).collect();
    let fits = b.is_none_or(|b| keys.last().is_some_and(|k| k.as_str() < b));
    (fits && count < 200_000).then_some(keys)
}

/// Fresh keys for a whole column.
pub fn spaced(count: usize) -> Vec<String> {
    let mut int = "a0".to_owned();
    (0..count)
        .map(|_| {
            let key = format!("{int}{}", jitter());
            int = increment(&int).unwrap_or_else(|| "a0".to_owned());
            key
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn ten_thousand_random_reorders_keep_keys_short_and_sorted() {
        for (seed, cards) in [(1, 5), (2, 60), (3, 500)] {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut keys = spaced(cards);
            let (mut longest, mut respaced) = (0, 0);
            for _ in 0..10_000 {
                keys.remove(rng.random_range(0..keys.len()));
                let to = rng.random_range(0..=keys.len());
                let (a, b) = (to.checked_sub(1).and_then(|i| keys.get(i)), keys.get(to));
                match between(a.map(String::as_str), b.map(String::as_str)).filter(|k| k.len() <= MAX_LEN) {
                    Some(key) => keys.insert(to, key),
                    None => {
                        respaced += 1;
                        keys = spaced(cards);
                    }
                }
                longest = longest.max(keys[to.min(keys.len() - 1)].len());
                assert!(keys.is_sorted());
            }
            assert!(longest <= MAX_LEN, "{cards} cards: {longest}");
            assert!(respaced < 400, "{cards} cards: {respaced}");
        }
    }

    #[test]
    fn a_thousand_inserts_at_either_end_stay_short() {
        let (mut top, mut end) = (between(None, None).unwrap(), between(None, None).unwrap());
        for _ in 0..1000 {
            let (up, down) = (between(None, Some(&top)).unwrap(), between(Some(&end), None).unwrap());
            assert!(up < top && down > end);
            (top, end) = (up, down);
        }
        assert!(top.len() <= 8 && end.len() <= 8, "{top} {end}");
    }

    #[test]
    fn one_gap_takes_many_before_it_must_be_spaced_anew() {
        let all = spaced(2);
        let (a, mut b) = (all[0].clone(), all[1].clone());
        let mut n = 0;
        while let Some(key) = between(Some(&a), Some(&b)).filter(|k| k.len() <= MAX_LEN) {
            assert!(a < key && key < b);
            b = key;
            n += 1;
        }
        assert!(n > 100, "{n}");
    }

    #[test]
    fn two_runs_dropped_into_one_gap_never_mix() {
        let all = spaced(2);
        for _ in 0..300 {
            let (x, y) = (run(Some(&all[0]), Some(&all[1]), 5).unwrap(), run(Some(&all[0]), Some(&all[1]), 5).unwrap());
            assert!(x.is_sorted() && y.is_sorted());
            assert!(x[4] < y[0] || y[4] < x[0], "{x:?} {y:?}");
        }
        assert!(run(None, None, 100).unwrap().is_sorted());
    }

    #[test]
    fn what_is_no_gap_or_no_key_gives_none() {
        assert!(between(Some("a1"), Some("a1")).is_none());
        assert!(between(Some("a2"), Some("a1")).is_none());
        assert!(between(Some("ä"), None).is_none());
    }
}
