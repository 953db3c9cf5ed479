//! What git stores in place of a file that Git LFS keeps elsewhere.
use serde::Serialize;

use crate::base::text;

/// Its first line.
const FIRST: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// Longer than any such text.
const MOST: usize = 1_024;

/// Names a content that is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pointer {
    /// SHA-256 of the content, 64 letters.
    pub oid: String,
    /// Bytes of the content.
    pub size: u64,
}

impl Pointer {
    /// Reads the text that stands in a file's place; none for anything else.
    pub fn read(content: &[u8]) -> Option<Self> {
        if content.len() > MOST || !content.starts_with(FIRST) {
            return None;
        }
        let words = std::str::from_utf8(content).ok()?;
        let hex = |o: &&str| o.len() == 64 && o.bytes().all(|b| b.is_ascii_hexdigit());
        let oid = words.lines().find_map(|l| l.strip_prefix("oid sha256:")).filter(hex)?;
        let size = words.lines().find_map(|l| l.strip_prefix("size "))?.trim().parse().ok()?;
        Some(Self { oid: oid.to_owned(), size })
    }
    /// `12.3 MB, sha256 1a2b3c4d5e6f`.
    pub fn words(&self) -> String {
        format!("{}, sha256 {}", text::bytes(self.size), self.oid.get(..12).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_told_from_a_text_that_speaks_of_one() {
        let oid = "0123456789abcdef".repeat(4);
        let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12300000\n");
        let pointer = Pointer::read(text.as_bytes()).unwrap();
        assert_eq!((pointer.size, pointer.words().as_str()), (12_300_000, "12.3 MB, sha256 0123456789ab"));
        assert_eq!(pointer.oid, oid);
        let long = format!("{text}{}", "x".repeat(2_000));
        for other in [&text[1..], &text[..60], &long, "", &text.replace("size 12300000", "size many")] {
            assert_eq!(Pointer::read(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(Pointer::read(text.replace("01", "../").as_bytes()), None, "no path comes out of it");
    }
}
