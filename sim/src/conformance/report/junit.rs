//! Outcomes as the XML of `JUnit`, which continuous integration reads.

use std::fmt::Write;

use crate::conformance::{Outcome, Verdict};

/// The outcome as one test suite, with one case a check.
pub fn junit(outcome: &Outcome) -> String {
    let [_, failed, skipped] = outcome.counts();
    let total: f64 = outcome.checks.iter().map(|check| check.took.as_secs_f64()).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"xDS conformance of {}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\" time=\"{total:.3}\">",
        escape(&outcome.server),
        outcome.checks.len(),
    );
    for check in &outcome.checks {
        let _ = write!(
            xml,
            "  <testcase classname=\"{}\" name=\"{} {}\" time=\"{:.3}\"",
            check.protocol,
            check.rule.number,
            escape(check.rule.title),
            check.took.as_secs_f64(),
        );
        let _ = match &check.verdict {
            Verdict::Passed => writeln!(xml, "/>"),
            Verdict::Skipped { why } => writeln!(xml, "><skipped message=\"{}\"/></testcase>", escape(why)),
            Verdict::Failed { expected, seen, exchange } => writeln!(
                xml,
                "><failure message=\"expected {}; saw {}\">{}</failure></testcase>",
                escape(expected),
                escape(seen),
                escape(&exchange.join("\n")),
            ),
        };
    }
    xml + "</testsuite>\n"
}

/// Text for attributes and elements. What XML has no word for is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{CheckReport, Protocol, RULES};
    use std::time::Duration;

    #[test]
    fn every_verdict() {
        let check = |n: usize, verdict| CheckReport {
            rule: &RULES[n],
            protocol: Protocol::SotwAggregated,
            verdict,
            took: Duration::from_millis(12),
        };
        let failed = Verdict::Failed {
            expected: "\"a\"".to_owned(),
            seen: "b & c".to_owned(),
            exchange: vec!["> CDS".to_owned()],
        };
        let skipped = Verdict::Skipped { why: "no adapter".to_owned() };
        let checks = vec![check(0, Verdict::Passed), check(4, failed), check(35, skipped)];
        let outcome = Outcome { server: "h:1".to_owned(), adapter: None, checks };
        assert_eq!(
            junit(&outcome),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="xDS conformance of h:1" tests="3" failures="1" skipped="1" time="0.036">
  <testcase classname="sotw-aggregated" name="R1 the node is said once a stream" time="0.012"/>
  <testcase classname="sotw-aggregated" name="R5 an ACK gets no answer" time="0.012"><failure message="expected &quot;a&quot;; saw b &amp; c">&gt; CDS</failure></testcase>
  <testcase classname="sotw-aggregated" name="R36 the error of a NACK is kept and shown" time="0.012"><skipped message="no adapter"/></testcase>
</testsuite>
"#
        );
    }
}
