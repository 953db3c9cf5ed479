//! A bounded run of what tests/fuzz does without end: small notebooks, torn and twisted always in the same ways.
#[path = "../fuzz/bodies.rs"]
mod bodies;

/// The same numbers for the same seed (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Oddities of real files, all in one: escapes, half characters, numbers of any length, keys twice, old and new minors.
const SEEDS: [&[u8]; 5] = [
    include_bytes!("../fuzz/seeds/common.ipynb"),
    include_bytes!("../fuzz/seeds/crlf.ipynb"),
    include_bytes!("../fuzz/seeds/format3.ipynb"),
    include_bytes!("../fuzz/seeds/outputs.ipynb"),
    include_bytes!("../fuzz/seeds/conflict.ipynb"),
];

/// Tokens that a notebook is made of.
const TOKENS: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "null",
    "1e999",
    "\"cells\"",
    "\"source\"",
    "\"outputs\"",
    "\u{2028}",
    "\0",
];

fn twisted(rng: &mut Rng, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.below(4) {
        let at = rng.below(bytes.len());
        let end = (at + rng.below(60)).min(bytes.len());
        match rng.below(5) {
            0 => drop(bytes.splice(at..at, TOKENS[rng.below(TOKENS.len())].bytes())),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                let to = rng.below(bytes.len());
                drop(bytes.splice(to..to, part));
            }
            3 if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(1 + rng.below(30) as u8),
            _ => bytes.truncate(bytes.len() - rng.below(3)),
        }
    }
    bytes
}

fn some(rng: &mut Rng) -> Vec<u8> {
    let seed = SEEDS[rng.below(SEEDS.len())];
    twisted(rng, seed)
}

#[test]
fn any_bytes_are_read_without_a_panic_and_come_back() {
    let mut rng = Rng(1);
    SEEDS.iter().for_each(|s| bodies::read(s));
    (0..4_000).for_each(|_| bodies::read(&some(&mut rng)));
}

#[test]
fn any_two_files_are_compared_without_a_panic_and_their_difference_applies() {
    let mut rng = Rng(2);
    for _ in 0..1_000 {
        let (a, b) = (some(&mut rng), some(&mut rng));
        bodies::diff(&a, &b);
        let c = twisted(&mut rng, &a);
        bodies::diff(&a, &c);
    }
}

#[test]
fn any_three_files_are_merged_without_a_panic_and_no_side_is_lost() {
    let mut rng = Rng(3);
    let mut merged = 0;
    for n in 0..1_000 {
        // Half of them from a whole notebook, else hardly one of three would be readable.
        let base = if n % 2 == 0 { SEEDS[rng.below(SEEDS.len())].to_vec() } else { some(&mut rng) };
        let (local, remote) = (twisted(&mut rng, &base), twisted(&mut rng, &base));
        merged += u32::from(bodies::merge_three(&base, &local, &remote));
    }
    assert!(merged > 50, "{merged} of 1,000 could be merged");
    let joined = [SEEDS[0], SEEDS[1]].join(&0xff);
    let [a, b, none] = bodies::parts(&joined);
    assert_eq!((a, b, none.len()), (SEEDS[0], SEEDS[1], 0));
}

#[test]
fn the_fuzz_targets_are_built_with_what_the_package_is_built_with() {
    let read = |path: &str| {
        let text = std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        text.parse::<toml::Table>().unwrap()["dependencies"].as_table().unwrap().clone()
    };
    let (package, targets) = (read("Cargo.toml"), read("tests/fuzz/Cargo.toml"));
    for (name, wanted) in targets.iter().filter(|(name, _)| *name != "libfuzzer-sys") {
        assert_eq!(package.get(name), Some(wanted), "{name} in tests/fuzz/Cargo.toml");
    }
}
