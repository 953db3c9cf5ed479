//! Maps whose keys are hashes already: hashing them once more costs more than what is looked up.
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// Takes a 64-bit key as its own hash. Only for keys that are evenly spread, such as those of [`super::fsx::hash`].
#[derive(Debug, Default, Clone, Copy)]
pub struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(7) ^ super::fsx::hash(bytes);
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = self.0.rotate_left(7) ^ key;
    }
}

/// A map by hash.
pub type Hashed<V> = HashMap<u64, V, BuildHasherDefault<Itself>>;
