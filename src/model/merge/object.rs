//! JSON objects: members replaced, added and taken out by splicing, and three versions of an object merged by member.
use crate::model::{
    diff::{Form, canonical},
    json::{
        Bytes, Json, Member, Value, encode_str,
        splice::{self, Splice},
    },
};

/// The object `raw` with a member's value replaced, added at the end or (`None`) taken out. What is not an object stays
/// as it is. All other bytes are kept; a new member is set off as the first two are.
pub(super) fn with_member(raw: &Bytes, key: &str, value: Option<&[u8]>) -> Bytes {
    let change = Json::parse(raw.clone()).ok().and_then(|json| set(&json, key, value));
    change.map_or_else(|| raw.clone(), |change| Bytes::from(splice::apply(raw.to_vec(), change)))
}

/// The change of a scanned object.
pub(super) fn set(json: &Json, key: &str, value: Option<&[u8]>) -> Option<Splice> {
    let object = Some(json.root()).filter(Value::is_object)?;
    splice::member(object, key, value, |members, value| added(json.bytes(), &object, members, key, value))
}

/// Where a new member goes and its bytes: after the last one.
fn added(raw: &Bytes, object: &Value<'_>, members: &[Member<'_>], key: &str, value: &[u8]) -> Splice {
    let cut = |from: usize, to: usize| raw.get(from..to).unwrap_or_default().to_vec();
    let colon = members.first().map_or_else(|| b": ".to_vec(), |m| cut(m.key.span().end, m.value.span().start));
    let mut bytes = Vec::new();
    let place = match (members, members.last()) {
        ([first, second, ..], Some(last)) => {
            bytes = cut(first.value.span().end, second.key.span().start);
            last.value.span().end
        }
        ([only], _) => {
            bytes.push(b',');
            bytes.extend(cut(object.span().start + 1, only.key.span().start));
            if bytes.len() == 1 {
                bytes.push(b' ');
            }
            only.value.span().end
        }
        _ => object.span().start + 1,
    };
    encode_str(key, raw.is_ascii(), &mut bytes);
    bytes.extend(colon);
    bytes.extend_from_slice(value);
    (place..place, bytes)
}

/// Equal for values that mean the same; `None` for a member that is not there.
pub(super) fn meaning(value: Option<Value<'_>>, form: Form) -> Option<Vec<u8>> {
    value.map(|v| {
        let mut out = Vec::new();
        canonical(v, form, &mut out);
        out
    })
}

/// Keys of all three, each once, in the order of the first that has them.
pub(super) fn keys(versions: [Option<Value<'_>>; 3]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for member in versions.into_iter().flatten().flat_map(|v| v.members()) {
        let key = member.key.as_str().unwrap_or_default();
        if !all.iter().any(|k| *k == key) {
            all.push(key.into_owned());
        }
    }
    all
}

/// A merged object and where it could not be.
#[derive(Debug, Clone)]
pub(super) struct MergedObject {
    pub raw: Bytes,
    /// Paths of members that both sides changed, each in its way; the local value stands.
    pub conflicts: Vec<String>,
}

/// Which version (0 the base, 1 local, 2 remote) of a member stands where both sides changed it, by its path; none while
/// that is undecided.
pub(super) type Stand<'a> = &'a dyn Fn(&str) -> Option<usize>;

/// Nothing is decided.
pub(super) fn undecided(_: &str) -> Option<usize> {
    None
}

/// The path of a member: its key behind that of the object around it. A key with a dot stands in quotes, so that no two
/// members have one path.
pub(super) fn path(above: &str, key: &str) -> String {
    let plain = !key.is_empty() && !key.contains(['.', '"']) && !key.contains(char::is_whitespace);
    let own = if plain {
        key.to_owned()
    } else {
        let mut out = Vec::new();
        encode_str(key, false, &mut out);
        String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
    };
    if above.is_empty() { own } else { format!("{above}.{own}") }
}

/// Merges two changed versions of an object by member, objects inside by their members, lists of words as sets.
/// Members of `volatile` never conflict: what tools write at each run is not worth a question. Local bytes are kept
/// wherever remote changed nothing. Where both sides changed a member, `stand` says whose it is.
pub(super) fn merge(
    base: Option<Value<'_>>,
    local: Value<'_>,
    remote: Value<'_>,
    volatile: &[&str],
    stand: Stand<'_>,
) -> MergedObject {
    merge_below("", (base, local, remote), volatile, stand)
}

fn merge_below(
    above: &str,
    (base, local, remote): (Option<Value<'_>>, Value<'_>, Value<'_>),
    volatile: &[&str],
    stand: Stand<'_>,
) -> MergedObject {
    let mut raw = Bytes::from(local.raw());
    let mut conflicts = Vec::new();
    for key in keys([Some(local), Some(remote), base]) {
        let [b, l, r] = [base.and_then(|b| b.get(&key)), local.get(&key), remote.get(&key)];
        let [x, y, z] = [b, l, r].map(|v| meaning(v, Form::Tree));
        if y == z || x == z {
            continue;
        }
        if x == y {
            raw = with_member(&raw, &key, r.map(|v| v.raw()));
        } else if let (Some(l), Some(r)) = (l.filter(Value::is_object), r.filter(Value::is_object)) {
            // Inside of what tools write at each run nothing is worth a question either.
            let stand: Stand<'_> = if volatile.contains(&key.as_str()) { &|_| Some(1) } else { stand };
            let inner = merge_below(&path(above, &key), (b.filter(Value::is_object), l, r), volatile, stand);
            raw = with_member(&raw, &key, Some(&inner.raw));
            conflicts.extend(inner.conflicts);
        } else if let Some(words) = sets(b, l, r) {
            raw = with_member(&raw, &key, Some(&words));
        } else if !volatile.contains(&key.as_str()) {
            let path = path(above, &key);
            match stand(&path).and_then(|i| [b, l, r].get(i).copied()) {
                Some(chosen) => raw = with_member(&raw, &key, chosen.map(|v| v.raw())),
                None => conflicts.push(path),
            }
        }
    }
    MergedObject { raw, conflicts }
}

/// Three lists of different words (tags): what either side added and nobody took out.
fn sets(base: Option<Value<'_>>, local: Option<Value<'_>>, remote: Option<Value<'_>>) -> Option<Vec<u8>> {
    let words = |v: Option<Value<'_>>| -> Option<Vec<String>> {
        let Some(v) = v else { return Some(Vec::new()) };
        let all: Vec<String> = v.items().filter_map(|i| i.as_str().map(|s| s.into_owned())).collect();
        let mut sorted = all.clone();
        sorted.sort();
        sorted.dedup();
        (v.is_array() && all.len() == v.items().count() && sorted.len() == all.len()).then_some(all)
    };
    let (b, l, r) = (words(base)?, words(local)?, words(remote)?);
    let mut kept: Vec<&String> = l.iter().filter(|w| r.contains(w) || !b.contains(w)).collect();
    kept.extend(r.iter().filter(|w| !b.contains(w) && !l.contains(w)));
    let mut out = vec![b'['];
    for (i, word) in kept.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b", " });
        encode_str(word, false, &mut out);
    }
    out.push(b']');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        Bytes::from(text.as_bytes())
    }

    #[test]
    fn members_come_and_go_without_touching_others() {
        let raw = bytes("{\n  \"a\": 1.0,\n  \"b\": \"\\u00e4\"\n}");
        let set = |raw: &Bytes, key: &str, value: Option<&str>| {
            with_member(raw, key, value.map(str::as_bytes)).text().to_owned()
        };
        assert_eq!(set(&raw, "b", Some("2")), "{\n  \"a\": 1.0,\n  \"b\": 2\n}");
        assert_eq!(set(&raw, "c", Some("[]")), "{\n  \"a\": 1.0,\n  \"b\": \"\\u00e4\",\n  \"c\": []\n}");
        assert_eq!(set(&raw, "a", None), "{\n  \"b\": \"\\u00e4\"\n}");
        assert_eq!(set(&raw, "b", None), "{\n  \"a\": 1.0\n}");
        assert_eq!(set(&bytes("{}"), "a", Some("1")), "{\"a\": 1}");
        assert_eq!(set(&bytes("{\n \"a\":1\n}"), "b", Some("2")), "{\n \"a\":1,\n \"b\":2\n}");
        assert_eq!(set(&bytes("{\"a\": 1}"), "a", None), "{}");
    }

    fn three(base: &str, local: &str, remote: &str) -> (String, Vec<String>) {
        let [b, l, r] = [base, local, remote].map(|t| Json::parse(bytes(t)).unwrap());
        let merged = merge(Some(b.root()), l.root(), r.root(), &["scrolled"], &undecided);
        (merged.raw.text().to_owned(), merged.conflicts)
    }

    #[test]
    fn objects_merge_by_member() {
        let base = r#"{"tags": ["a"], "deep": {"x": 1, "y": 1}, "n": 1.0}"#;
        let local = r#"{"tags": ["a", "b"], "deep": {"x": 2, "y": 1}, "n": 1, "scrolled": true}"#;
        let remote = r#"{"tags": ["c"], "deep": {"x": 1, "y": 3}, "new": null, "n": 1.0, "scrolled": false}"#;
        let (text, conflicts) = three(base, local, remote);
        assert_eq!(text, r#"{"tags": ["b", "c"], "deep": {"x": 2, "y": 3}, "n": 1, "scrolled": true, "new": null}"#);
        assert!(conflicts.is_empty());
        let (text, conflicts) = three(r#"{"k": {"n": 1}}"#, r#"{"k": {"n": 2}}"#, r#"{"k": {"n": 3}}"#);
        assert_eq!((text.as_str(), conflicts), (r#"{"k": {"n": 2}}"#, vec!["k.n".to_owned()]));
        let (_, conflicts) =
            three(r#"{"k.n": 1, "k": {"n": 1}}"#, r#"{"k.n": 2, "k": {"n": 2}}"#, r#"{"k.n": 3, "k": {"n": 3}}"#);
        assert_eq!(conflicts, ["\"k.n\"", "k.n"], "each member has a path of its own");
        let run = |n: u8| format!(r#"{{"scrolled": {{"at": {n}}}}}"#);
        assert_eq!(three(&run(1), &run(2), &run(3)), (run(2), Vec::new()), "what a tool wrote inside an object");
    }
}
