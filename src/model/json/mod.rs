//! JSON with spans: every value knows its place in the original bytes, so that a file can be changed by splicing.
//!
//! One pass makes a flat table of nodes in document order; children are found by stepping over subtrees, so key
//! order and duplicate keys come for free. Accepts what real notebooks hold and strict parsers refuse: a byte order
//! mark, `NaN` and `Infinity`, lone surrogates, numbers of any length. Nothing is decoded until it is asked for.
mod graft;
mod scan;
pub mod splice;
mod write;

use std::{borrow::Cow, ops::Range, sync::Arc};

pub use graft::graft;
pub(crate) use scan::unit;
pub use scan::{JsonError, MAX_DEPTH};
pub(crate) use write::encode_inner;
pub use write::{Style, encode_str, format_value};

/// A cheap slice of shared bytes.
#[derive(Clone)]
pub struct Bytes {
    /// A vector, so that a file that was read becomes shared without a copy.
    buf: Arc<Vec<u8>>,
    start: u32,
    end: u32,
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        let one = Arc::ptr_eq(&self.buf, &other.buf) && (self.start, self.end) == (other.start, other.end);
        one || **self == **other
    }
}

impl Eq for Bytes {}

impl Bytes {
    /// The part `range` of these bytes; an impossible range gives no bytes.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let (start, end) = (self.start as usize + range.start, self.start as usize + range.end);
        if range.start > range.end || end > self.end as usize {
            return Self::from(Vec::new());
        }
        Self { buf: self.buf.clone(), start: start as u32, end: end as u32 }
    }
    /// The bytes as text; they came from checked UTF-8, anything else shows as nothing.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self).unwrap_or_default()
    }
    /// The bytes on their own; no copy when nobody else has them.
    pub fn into_vec(self) -> Vec<u8> {
        if self.start == 0 && self.end as usize == self.buf.len() {
            Arc::try_unwrap(self.buf).unwrap_or_else(|buf| buf.to_vec())
        } else {
            self.to_vec()
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { buf: Arc::new(bytes), start: 0, end }
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&Bytes> for Bytes {
    fn from(bytes: &Bytes) -> Self {
        bytes.clone()
    }
}

impl From<&Vec<u8>> for Bytes {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::from(bytes.clone())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.buf.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: String = self.text().chars().take(80).collect();
        write!(f, "Bytes({} B, {shown:?})", self.len())
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Object,
    Array,
    /// A string without escapes: its bytes between the quotes are its text.
    Str,
    /// A string with at least one escape.
    EscStr,
    Number,
    /// `true`, `false`, `null`.
    Literal,
    /// `NaN`, `Infinity`, `-Infinity`: written by Python, not JSON.
    Odd,
}

/// One node: 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub start: u32,
    pub end: u32,
    /// Index after the subtree.
    pub next: u32,
    pub kind: Kind,
}

/// The node table of one document. Keep the bytes beside it.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// Scans a document; errors name the place.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        scan::scan(bytes)
    }
    /// The root value over the bytes it was scanned from.
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        Value { bytes, nodes: &self.nodes, at: 0 }
    }
    /// Number of nodes, keys included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }
    /// True for a table never filled.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// A value in a scanned document.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    bytes: &'a [u8],
    nodes: &'a [Node],
    at: u32,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub key: Value<'a>,
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    fn node(&self) -> Node {
        self.nodes.get(self.at as usize).copied().unwrap_or(Node { start: 0, end: 0, next: 1, kind: Kind::Literal })
    }
    /// What it is.
    pub fn kind(&self) -> Kind {
        self.node().kind
    }
    /// Its place in the document, quotes and braces included.
    pub fn span(&self) -> Range<usize> {
        let n = self.node();
        n.start as usize..n.end as usize
    }
    /// Its bytes as written.
    pub fn raw(&self) -> &'a [u8] {
        self.bytes.get(self.span()).unwrap_or_default()
    }
    /// Its bytes as written, as text.
    pub fn raw_text(&self) -> &'a str {
        std::str::from_utf8(self.raw()).unwrap_or_default()
    }
    /// True for an object.
    pub fn is_object(&self) -> bool {
        self.kind() == Kind::Object
    }
    /// True for an array.
    pub fn is_array(&self) -> bool {
        self.kind() == Kind::Array
    }
    /// True for a string.
    pub fn is_str(&self) -> bool {
        matches!(self.kind(), Kind::Str | Kind::EscStr)
    }
    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Literal && self.raw() == b"null"
    }
    /// Members in file order, duplicates included; nothing for other kinds.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> + use<'a> {
        let (this, node) = (*self, self.node());
        let end = if node.kind == Kind::Object { node.next } else { 0 };
        let mut at = this.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let key = Value { at, ..this };
            let value = Value { at: at + 1, ..this };
            at = value.node().next;
            Some(Member { key, value })
        })
    }
    /// Items of an array; nothing for other kinds.
    pub fn items(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (this, node) = (*self, self.node());
        let end = if node.kind == Kind::Array { node.next } else { 0 };
        let mut at = this.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let value = Value { at, ..this };
            at = value.node().next;
            Some(value)
        })
    }
    /// The member called `key`; of duplicates the last one, as other readers take it.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.members().filter(|m| m.key.is(key)).last().map(|m| m.value)
    }
    /// True when this is the string `text`.
    pub fn is(&self, text: &str) -> bool {
        match self.kind() {
            Kind::Str => self.inner() == text.as_bytes(),
            Kind::EscStr => self.as_str().is_some_and(|s| s == text),
            _ => false,
        }
    }
    /// Keys that occur more than once in this object.
    pub fn duplicate_keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.members().filter_map(|m| m.key.as_str()).collect();
        keys.sort_unstable();
        let mut twice: Vec<_> = keys.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0].to_string()).collect();
        twice.dedup();
        twice
    }
    /// Bytes between the quotes of a string.
    pub fn inner(&self) -> &'a [u8] {
        let span = self.span();
        if self.is_str() { self.bytes.get(span.start + 1..span.end - 1).unwrap_or_default() } else { &[] }
    }
    /// The text of a string, for showing: lone surrogates become the replacement character.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::Str => std::str::from_utf8(self.inner()).ok().map(Cow::Borrowed),
            Kind::EscStr => Some(Cow::Owned(scan::decode(self.inner()))),
            _ => None,
        }
    }
    /// The text of a string for comparing: lone surrogates keep their three-byte form, so that different ones differ.
    pub fn as_wtf8(&self) -> Option<Cow<'a, [u8]>> {
        match self.kind() {
            Kind::Str => Some(Cow::Borrowed(self.inner())),
            Kind::EscStr => {
                let mut text = Vec::with_capacity(self.inner().len());
                scan::decode_wtf8(self.inner(), &mut text);
                Some(Cow::Owned(text))
            }
            _ => None,
        }
    }
    /// Appends what [`Self::as_wtf8`] gives; nothing for other kinds.
    pub fn append_wtf8(&self, out: &mut Vec<u8>) {
        match self.kind() {
            Kind::Str => out.extend_from_slice(self.inner()),
            Kind::EscStr => scan::decode_wtf8(self.inner(), out),
            _ => {}
        }
    }
    /// A multi-line text as notebooks hold it: one string, or a list of strings to be joined.
    pub fn joined(&self) -> Option<Cow<'a, str>> {
        if self.is_str() {
            return self.as_str();
        }
        if !self.is_array() {
            return None;
        }
        let mut all = String::new();
        for item in self.items() {
            all.push_str(&item.as_str()?);
        }
        Some(Cow::Owned(all))
    }
    /// The digits of a number as written, for numbers of any length.
    pub fn number(&self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw_text())
    }
    /// A whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.number()?.parse().ok()
    }
    /// A number by value; `NaN` and `Infinity` too.
    pub fn as_f64(&self) -> Option<f64> {
        match self.kind() {
            Kind::Number => self.raw_text().parse().ok(),
            Kind::Odd => Some(match self.raw() {
                b"NaN" => f64::NAN,
                b"-Infinity" => f64::NEG_INFINITY,
                _ => f64::INFINITY,
            }),
            _ => None,
        }
    }
    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match (self.kind(), self.raw()) {
            (Kind::Literal, b"true") => Some(true),
            (Kind::Literal, b"false") => Some(false),
            _ => None,
        }
    }
    /// The value and everything below it, keys included, in document order.
    pub fn subtree(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let this = *self;
        (this.at..this.node().next).map(move |at| Value { at, ..this })
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.kind(), self.raw_text().chars().take(60).collect::<String>())
    }
}

/// A document with its own bytes.
#[derive(Debug, Clone)]
pub struct Json {
    bytes: Bytes,
    tree: Arc<Tree>,
}

impl Json {
    /// Scans a whole document.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, JsonError> {
        let bytes = bytes.into();
        let tree = Arc::new(Tree::parse(&bytes)?);
        Ok(Self { bytes, tree })
    }
    /// The root value.
    pub fn root(&self) -> Value<'_> {
        self.tree.root(&self.bytes)
    }
    /// The bytes as given.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
