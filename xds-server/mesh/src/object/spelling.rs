//! What a misspelt word was meant to be.

/// The candidate that `word` most likely stands for: the same but for case, `_` and `-`, or at most two slips of the pen away.
pub(crate) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let allowed = match word.chars().count() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    let folded = fold(word);
    let scored = candidates.into_iter().map(|c| (distance(&folded, &fold(c)), c));
    scored.filter(|(d, _)| *d <= allowed).min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_strangers_left_alone() {
        let fields = ["hosts", "exportTo", "trafficPolicy", "tls"];
        for (word, meant) in [
            ("trafficpolicy", Some("trafficPolicy")),
            ("export_to", Some("exportTo")),
            ("traficPolicy", Some("trafficPolicy")),
            ("host", Some("hosts")),
            ("TLS", Some("tls")),
            ("tlz", None),
            ("weather", None),
        ] {
            assert_eq!(closest(word, fields), meant, "{word}");
        }
    }
}
