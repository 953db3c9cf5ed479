//! Random identifiers, short enough to say aloud and to type.
use rand::Rng;

/// Letters that cannot be mistaken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `len` random letters, 5 bits each, Crockford base 32 in lower case.
pub fn random(len: usize) -> String {
    let mut rng = rand::rng();
    (0..len).map(|_| char::from(ALPHABET[rng.random_range(0..32)])).collect()
}

/// Declares an identifier type over a string.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(s: &str) -> Self {
                Self(s.to_owned())
            }
        }
    };
}

id_type!(
    /// Andon's own id of a run, unique in a workspace: 8 letters.
    RunId
);
id_type!(
    /// A card's random id: 16 letters, 80 bits.
    CardId
);
id_type!(
    /// Who writes the ledger: one random id a clone, 12 letters.
    WriterId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_differ_and_use_the_alphabet() {
        let (a, b) = (random(16), random(16));
        assert_ne!(a, b);
        assert!(a.bytes().all(|c| ALPHABET.contains(&c)));
    }
}
