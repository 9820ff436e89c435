use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Mutations of each entry of a corpus: all of them take a second or two.
const MUTATIONS: u64 = 300;

/// The entries of a corpus, by name, so that a run repeats.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let paths: BTreeSet<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The same numbers each time (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// A few of the changes that a fuzzer makes: a byte flipped, set, doubled, cut out, or a part of another entry put in.
fn mutated(entry: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = entry.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let length = numbers.below(16).min(bytes.len() - at);
        match numbers.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes.insert(at, *b"\r\n :*.[]{}\"<>/\\0\xff`".get(numbers.below(20)).unwrap_or(&0)),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let from = numbers.below(other.len() + 1);
                let to = other.len().min(from + numbers.below(40));
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn promises_hold_for_the_corpus_and_for_mutations_of_it() {
    for (name, holds) in PROMISES {
        let corpus = corpus(name);
        assert!(corpus.len() >= 3, "{name} has no corpus to speak of");
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for entry in &corpus {
            holds(entry);
            for _ in 0..MUTATIONS {
                let other = &corpus[numbers.below(corpus.len())];
                let bytes = mutated(entry, other, &mut numbers);
                if std::panic::catch_unwind(|| holds(&bytes)).is_err() {
                    panic!("{name} does not hold for \"{}\"", bytes.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn every_corpus_has_its_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let found: BTreeSet<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, PROMISES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
