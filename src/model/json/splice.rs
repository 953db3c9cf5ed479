//! Members of an object replaced, added and taken out by changing only the bytes that mean them.
use std::ops::Range;

use super::{Member, Value};

/// Bytes to be put in the place of others.
pub type Splice = (Range<usize>, Vec<u8>);

/// How the member `key` of an object gets `value`, or goes (`None`). A member that is not there yet goes where `added`
/// says, which is given all members. `None` when nothing is to be done; of members with one name the last one is meant.
pub fn member(
    object: Value<'_>,
    key: &str,
    value: Option<&[u8]>,
    added: impl FnOnce(&[Member<'_>], &[u8]) -> Splice,
) -> Option<Splice> {
    let members: Vec<_> = object.members().collect();
    let at = members.iter().rposition(|m| m.key.is(key));
    match (at.and_then(|i| Some((i, members.get(i)?))), value) {
        (None, None) => None,
        (None, Some(value)) => Some(added(&members, value)),
        (Some((_, member)), Some(value)) => Some((member.value.span(), value.to_vec())),
        (Some((i, member)), None) => {
            let place = match i.checked_sub(1).and_then(|before| members.get(before)) {
                Some(before) => before.value.span().end..member.value.span().end,
                // The first goes with the comma after it, the only one with all blanks.
                None => member.key.span().start..members.get(1).map_or(object.span().end - 1, |m| m.key.span().start),
            };
            Some((place, Vec::new()))
        }
    }
}

/// The bytes with this change. In place where nobody else has them.
pub fn apply(mut bytes: Vec<u8>, (range, new): Splice) -> Vec<u8> {
    if range.start <= range.end && range.end <= bytes.len() {
        bytes.splice(range, new);
    }
    bytes
}
