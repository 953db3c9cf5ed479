//! Brackets that belong together.
use super::{
    Buffer,
    language::{closer, opener},
};

/// Characters looked at on each side.
const REACH: usize = 10_000;

/// The bracket that belongs to the one at a place, if it is one and its partner is near.
pub fn partner(buffer: &Buffer, at: usize) -> Option<usize> {
    let here = buffer.char(at)?;
    if let Some(close) = closer(here) {
        let mut depth = 0;
        for (i, c) in buffer.chars_from(at).take(REACH).enumerate() {
            if c == here {
                depth += 1;
            } else if c == close {
                depth -= 1;
                if depth == 0 {
                    return Some(at + i);
                }
            }
        }
        return None;
    }
    let open = opener(here)?;
    let from = at.saturating_sub(REACH);
    let mut depth = 0;
    let text = buffer.slice(from..at + 1);
    let mut place = at + 1;
    for c in text.chars().rev() {
        place -= 1;
        if c == here {
            depth += 1;
        } else if c == open {
            depth -= 1;
            if depth == 0 {
                return Some(place);
            }
        }
    }
    None
}

/// A bracket beside the cursor, the one behind first, and the one it belongs to.
pub fn pair_at(buffer: &Buffer, at: usize) -> Option<(usize, usize)> {
    let found = |at: usize| partner(buffer, at).map(|other| (at.min(other), at.max(other)));
    found(at).or_else(|| found(at.checked_sub(1)?))
}

/// Where the cursor goes to meet the partner of the bracket beside it.
pub fn partner_near(buffer: &Buffer, at: usize) -> Option<usize> {
    partner(buffer, at).or_else(|| Some(partner(buffer, at.checked_sub(1)?)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_find_their_partner() {
        let b = Buffer::from("f(a[0], (b))\n{");
        assert_eq!(partner(&b, 1), Some(11));
        assert_eq!(partner(&b, 11), Some(1));
        assert_eq!((partner(&b, 3), partner(&b, 5), partner(&b, 0), partner(&b, 13)), (Some(5), Some(3), None, None));
        assert_eq!((pair_at(&b, 12), pair_at(&b, 2), pair_at(&b, 7)), (Some((1, 11)), Some((1, 11)), None));
        assert_eq!((partner_near(&b, 1), partner_near(&b, 12)), (Some(11), Some(2)));
    }
}
