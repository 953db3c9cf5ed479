//! Large outputs of running cells: kept as they came, read by whoever has the time.
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::Output;

/// Outputs of more than about so many bytes are read later.
pub(super) const HEAVY: usize = 96 * 1024;

const HUGE: usize = 8 * 1024 * 1024;

/// An output that has not been read. Clones share what was read.
#[derive(Clone)]
pub struct Later {
    value: Arc<Value>,
    read: Arc<OnceLock<Output>>,
}

impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Later").field("read", &self.read.get().is_some()).finish_non_exhaustive()
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.read, &other.read) || self.value == other.value
    }
}

impl Later {
    /// The output when it is small, else a promise of it.
    pub fn output(value: &Arc<Value>) -> Output {
        if !is_heavy(value) {
            return Output::from_value(value);
        }
        Output::Later(Self { value: value.clone(), read: Arc::default() })
    }
    /// Too large to be held once more than needed.
    pub(super) fn is_huge(&self) -> bool {
        !fits(&self.value, &mut { HUGE })
    }
    /// Names it while it lives.
    pub fn name(&self) -> usize {
        Arc::as_ptr(&self.read) as usize
    }
    /// The output, when somebody has read it.
    pub fn ready(&self) -> Option<&Output> {
        self.read.get()
    }
    /// Reads it, unless somebody has. Takes up to seconds: not for the window's thread.
    pub fn read(&self) -> &Output {
        self.read.get_or_init(|| Output::from_value(&self.value))
    }
}

/// True for a value that takes long to read.
pub(super) fn is_heavy(value: &Value) -> bool {
    !fits(value, &mut { HEAVY })
}

/// The same for an object.
pub(super) fn is_heavy_map(map: &Map<String, Value>) -> bool {
    let mut left = HEAVY;
    !map.values().all(|value| fits(value, &mut left))
}

/// False when a value is larger than what is left; it is then not looked at any further.
pub(super) fn fits(value: &Value, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len(),
        _ => 4,
    };
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    match value {
        // What a reader of JSON lets in lies no deeper than its own limit.
        Value::Array(items) => items.iter().all(|item| fits(item, left)),
        Value::Object(map) => map.values().all(|item| fits(item, left)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn large_outputs_wait_and_small_ones_do_not() {
        let bundle = |text: String| {
            Arc::new(json!({ "output_type": "display_data", "data": { "text/plain": text }, "metadata": {} }))
        };
        assert!(matches!(Later::output(&bundle("x".into())), Output::Text(_)));
        let large = Later::output(&bundle("x".repeat(HEAVY + 1)));
        let Output::Later(later) = &large else { panic!("{large:?}") };
        assert!(later.ready().is_none());
        assert_eq!(large.to_text().len(), HEAVY + 1);
        assert!(matches!(later.clone().ready(), Some(Output::Text(_))), "clones share what was read");
    }
}
