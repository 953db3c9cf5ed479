//! What the names of a Python kernel stand for, read without touching them.
//!
//! The reader runs silently in a namespace of its own, so it leaves no name, no history and no execution count behind.
//! It never calls what a person wrote: only values of known types are measured or shown, all others by their type.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::bounded;

use crate::{
    engine::kernel::{ExecEvent, ExecOptions, Session},
    model::kernel::Variable,
};

/// Nothing waits longer for it.
const PATIENCE: Duration = Duration::from_secs(3);
const MARK: &str = "andon-variables:";

const READER: &str = r#"
import json, sys, types
def size_of(v, kind):
    try:
        if kind.startswith("polars."):
            return int(v.estimated_size())
        if kind.startswith("pandas."):
            m = v.memory_usage(deep=False)
            return int(m if isinstance(m, int) else m.sum())
        if kind.startswith("numpy."):
            return int(v.nbytes)
        if type(v) in BUILTIN:
            return int(sys.getsizeof(v))
    except Exception:
        return None
BUILTIN = (int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset, range)
def short(v):
    t = type(v)
    if v is None or t in (bool, float, complex):
        return repr(v)
    if t is int:
        return repr(v) if v.bit_length() < 200 else "%d bits" % v.bit_length()
    if t in (str, bytes):
        return repr(v[:80])
    return t.__name__
def items(v, n=6):
    out = []
    for i, x in enumerate(v):
        if i == n:
            out.append("\u2026")
            break
        out.append(short(x))
    return ", ".join(out)
def look(v):
    t = type(v)
    module, name = getattr(t, "__module__", ""), t.__name__
    top = module.split(".")[0] if isinstance(module, str) else ""
    for base in (dict, list, tuple, set, frozenset):
        # What is built on these is counted by their own code, not by what a person wrote over it.
        if isinstance(v, base):
            n = base.__len__(v)
            return name, "%d item%s" % (n, "" if n == 1 else "s"), items(base.__iter__(v))
    if t in (str, bytes, bytearray):
        return name, "%d" % len(v), repr(v[:80])
    if v is None or t in (bool, int, float, complex):
        return name, "", short(v)
    if t in (types.FunctionType, types.BuiltinFunctionType, types.MethodType):
        return "function", "", ""
    if isinstance(v, type):
        return "class", "", ""
    if top == "polars" and name == "LazyFrame":
        return name, "", ""
    if top in ("pandas", "polars") and name in ("DataFrame", "Series"):
        shape = v.shape
        if name == "Series":
            return name, "{:,}".format(shape[0]), str(v.dtype)
        return name, "{:,} \u00d7 {}".format(shape[0], shape[1]), ", ".join(str(c) for c in list(v.columns)[:8])
    if top == "numpy" and hasattr(v, "shape"):
        return name, " \u00d7 ".join("{:,}".format(n) for n in v.shape), "%s" % v.dtype if name == "ndarray" else repr(v)[:80]
    return name, "", ""
def main(ns):
    shell = ns.get("get_ipython")
    hidden = set()
    try:
        hidden = set(shell().user_ns_hidden)
    except Exception:
        pass
    rows = []
    for key, v in list(ns.items()):
        if not isinstance(key, str) or key.startswith("_") or key in hidden or isinstance(v, types.ModuleType):
            continue
        try:
            kind, size, preview = look(v)
            module = getattr(type(v), "__module__", "")
            full = "%s.%s" % (module.split(".")[0], kind) if isinstance(module, str) else kind
            rows.append([key, kind, size, preview, size_of(v, full)])
        except Exception:
            rows.append([key, type(v).__name__, "", "", None])
        if len(rows) == 400:
            break
    return json.dumps(rows)
"#;

/// The code that prints one marked line.
fn code() -> String {
    let reader = serde_json::Value::from(READER);
    format!(
        "__import__('builtins').exec({reader} + '\\nprint({} + main(ns), flush=True)', {{'ns': __import__('builtins').globals()}})",
        serde_json::Value::from(MARK).to_string().replace('\'', "\\'")
    )
}

/// Asks an idle Python kernel; none for other languages, or when it does not answer in time.
pub fn variables(session: &Session) -> Option<Vec<Variable>> {
    if session.spec().language != "python" || !session.state().is_alive() {
        return None;
    }
    let text = Arc::new(Mutex::new(String::new()));
    let (done, ended) = bounded(1);
    let into = text.clone();
    let sink = Arc::new(move |event: ExecEvent| match event {
        ExecEvent::Stream { stderr: false, text } => {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        }
        ExecEvent::Done { .. } => {
            let _ = done.try_send(());
        }
        _ => {}
    });
    let options = ExecOptions { silent: true, ..ExecOptions::default() };
    let id = session.execute(&code(), options, sink).ok()?;
    if ended.recv_timeout(PATIENCE).is_err() {
        session.withdraw(Some(id));
        return None;
    }
    let text = text.lock().unwrap_or_else(PoisonError::into_inner);
    parse(&text)
}

fn parse(text: &str) -> Option<Vec<Variable>> {
    let line = text.lines().find_map(|l| l.strip_prefix(MARK))?;
    let rows: Vec<(String, String, String, String, Option<u64>)> = serde_json::from_str(line).ok()?;
    let variable = |(name, kind, size, preview, bytes)| Variable { name, kind, size, preview, bytes };
    Some(rows.into_iter().map(variable).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_line_is_read() {
        let text = "noise\nandon-variables:[[\"day\", \"DataFrame\", \"3 \u{d7} 2\", \"a, b\", 48], [\"f\", \"function\", \"\", \"\", null]]\n";
        let all = parse(text).unwrap();
        assert_eq!((all[0].name.as_str(), all[0].bytes, all[1].kind.as_str()), ("day", Some(48), "function"));
        assert_eq!(parse("nothing"), None);
        assert!(!code().contains('\n'), "one line, so that it has no line numbers of its own");
    }
}
