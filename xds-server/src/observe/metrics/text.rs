//! From the text of `OpenMetrics` to Prometheus' older one, which istiod serves: counters without the suffix `_total`.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Counters that istiod itself calls `..._total`; they are registered without.
const TOTALS: [&str; 1] = ["pilot_sds_certificate_errors"];

/// The same metrics in the text form 0.0.4, under the names that they were registered with.
pub(super) fn plain(open: &str) -> String {
    let mut counters = BTreeSet::new();
    let mut plain = String::with_capacity(open.len());
    for line in open.lines() {
        // Writing to a String does not fail.
        let _ = match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", "EOF"] | ["#", "UNIT", ..] => Ok(()),
            ["#", "HELP", name, ..] if TOTALS.contains(&name) => {
                writeln!(plain, "{}", line.replacen(name, &format!("{name}_total"), 1))
            }
            ["#", "TYPE", name, "counter"] if TOTALS.contains(&name) => {
                writeln!(plain, "# TYPE {name}_total counter")
            }
            ["#", "TYPE", name, "counter"] => {
                counters.insert(name);
                writeln!(plain, "{line}")
            }
            _ => match counter(line).filter(|(name, _)| counters.contains(name)) {
                Some((name, rest)) => writeln!(plain, "{name}{rest}"),
                None => writeln!(plain, "{line}"),
            },
        };
    }
    plain
}

/// A sample of a counter: its name without the suffix, and what comes after it.
fn counter(line: &str) -> Option<(&str, &str)> {
    let end = line.find(['{', ' '])?;
    let name = line[..end].strip_suffix("_total")?;
    Some((name, &line[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_lose_their_suffix_unless_istiods_have_it() {
        let open = "# HELP a A.\n# TYPE a counter\na_total{x=\"1\"} 2\n# TYPE b_bytes histogram\n# UNIT b_bytes bytes\nb_bytes_sum 1\n\
            # HELP pilot_sds_certificate_errors E.\n# TYPE pilot_sds_certificate_errors counter\npilot_sds_certificate_errors_total 0\n# EOF\n";
        assert_eq!(
            plain(open),
            "# HELP a A.\n# TYPE a counter\na{x=\"1\"} 2\n# TYPE b_bytes histogram\nb_bytes_sum 1\n\
             # HELP pilot_sds_certificate_errors_total E.\n# TYPE pilot_sds_certificate_errors_total counter\npilot_sds_certificate_errors_total 0\n"
        );
    }
}
