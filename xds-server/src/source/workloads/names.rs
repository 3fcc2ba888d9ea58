//! Names made from hashes, in the alphabet that Kubernetes uses for them.

use xxhash_rust::xxh3::Xxh3;

/// Kubernetes' `rand.SafeEncodeString`: neither vowels nor digits that look like them, so that no words arise.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of `parts`, told apart from all others that join to the same text.
pub(super) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.digest()
}

/// The five letters that end the name of a Pod or an `EndpointSlice`.
pub(super) fn suffix(mut hash: u64) -> String {
    let mut letters = String::with_capacity(5);
    for _ in 0..5 {
        letters.push(letter(hash % 27));
        hash /= 27;
    }
    letters
}

/// A `pod-template-hash`: the decimal digits of 32 bits, each as a letter (8 to 10 of them).
pub(super) fn template_hash(hash: u64) -> String {
    let number = (hash % (u64::from(u32::MAX) - 10_000_000)) + 10_000_000; // at least 8 digits
    number.to_string().bytes().map(|digit| letter(u64::from(digit) % 27)).collect()
}

#[allow(clippy::cast_possible_truncation)] // below 27
fn letter(index: u64) -> char {
    char::from(ALPHABET[index as usize])
}
