//! A mark where output is missing: what a Jupyter server dropped, or what was said while nobody could hear it.
//!
//! It stands in the notebook as an output of its own type ([`GAP_MIME`]) with plain text beside it, so that other
//! programs show it, too.
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::text::count,
    model::{jupyter::GAP_MIME, kernel::Bundle},
};

/// What is known of the hole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// Why something is missing, a sentence without a full stop.
    pub what: String,
    /// What can be done about it, without a full stop.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The server dropped it; else it was lost on the way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// How many messages of the kernel, where it numbers them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// When the connection was lost, and when it was back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<(Timestamp, Timestamp)>,
}

impl Gap {
    /// The mark in a bundle, if it is one.
    pub fn of(data: &Map<String, Value>) -> Option<Self> {
        serde_json::from_value(data.get(GAP_MIME)?.clone()).ok()
    }
    /// As it is stored.
    pub fn bundle(&self) -> Bundle {
        let mut data = Map::new();
        data.insert(GAP_MIME.to_owned(), serde_json::to_value(self).unwrap_or_default());
        data.insert("text/plain".to_owned(), format!("[{}]", self.to_text()).into());
        Bundle { data, metadata: Map::new() }
    }
    /// What is missing, without a full stop.
    pub fn title(&self) -> String {
        let how = if self.dropped { "The server dropped output here" } else { "Output is missing here" };
        match self.messages {
            Some(n) => format!("{how}: {}", count(n, "message")),
            None => how.to_owned(),
        }
    }
    /// `Disconnected from 10:02:03 to 10:02:09`, by the clock of this zone.
    pub fn when(&self, zone: &TimeZone) -> Option<String> {
        let (from, to) = self.away?;
        let (from, to) = (from.to_zoned(zone.clone()), to.to_zoned(zone.clone()));
        let clock = |t: &jiff::Zoned| t.strftime("%H:%M:%S").to_string();
        let day = if from.date() == to.date() { String::new() } else { to.strftime("%Y-%m-%d ").to_string() };
        Some(format!("Disconnected from {} to {day}{}", clock(&from), clock(&to)))
    }
    /// All of it in sentences.
    pub fn to_text(&self) -> String {
        let all = [Some(self.title()), Some(self.what.clone()), self.when(&TimeZone::UTC).map(|w| w + " UTC")];
        let all = all.into_iter().flatten().chain([self.hint.clone()]).filter(|s| !s.is_empty());
        all.map(|s| s + ".").collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::output::{Output, describe};

    #[test]
    fn a_mark_comes_back_from_the_notebook_and_older_ones_do_too() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let gap = Gap {
            what: "The connection to the server was lost for 6 seconds".into(),
            messages: Some(14),
            away: Some((at("2026-11-22T10:02:03Z"), at("2026-11-22T10:02:09Z"))),
            ..Gap::default()
        };
        let bundle = gap.bundle();
        assert_eq!(Gap::of(&bundle.data), Some(gap.clone()));
        assert_eq!(gap.title(), "Output is missing here: 14 messages");
        assert_eq!(gap.when(&TimeZone::UTC).unwrap(), "Disconnected from 10:02:03 to 10:02:09");
        let plain = bundle.data["text/plain"].as_str().unwrap();
        assert!(plain.starts_with("[Output is missing here: 14 messages. The connection"), "{plain}");
        let shown = Output::from_bundle(&bundle.data, &bundle.metadata);
        assert_eq!(shown, Output::Gap(Box::new(gap)));
        assert_eq!(describe::shown(&shown).kind, "gap");
        let old = serde_json::json!({ GAP_MIME: { "what": "It was lost", "hint": "" }, "text/plain": "[x]" });
        assert_eq!(Gap::of(old.as_object().unwrap()).unwrap().what, "It was lost");
        let broken = serde_json::json!({ GAP_MIME: 7, "text/plain": "as text" });
        assert_eq!(Output::from_bundle(broken.as_object().unwrap(), &Map::new()).to_text(), "as text");
    }
}
