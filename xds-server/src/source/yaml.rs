//! Splits a file into YAML documents and reads each on its own, so that a broken one loses only itself.

use serde_json::Value;
use serde_saphyr::{MessageFormatter, Options, UserMessageFormatter};

use super::lines::Lines;

/// One document of a file: its text and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The line of the file on which `text` begins, from 1.
    pub line: u32,
    /// The text, its `---` line included.
    pub text: &'a str,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Line of the file, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl<'a> Document<'a> {
    /// Reads the document as `kubectl` does: YAML 1.2 with anchors, merge keys, 1.1's booleans and octal numbers. JSON is YAML.
    ///
    /// A document of nothing but comments is null.
    ///
    /// # Errors
    /// What the YAML parser found first; a key that occurs twice in a mapping is an error too.
    pub fn read(&self) -> Result<Value, Broken> {
        serde_saphyr::from_str_with_options(self.text, options()).map_err(|e| self.broken(&e))
    }

    /// The lines of all nodes. Costs another pass over the text, so ask for them only when there is something to point at.
    pub fn lines(&self) -> Lines<'a> {
        Lines::of(*self)
    }

    /// The file's line of the first text that is neither comment nor marker.
    pub fn first_line(&self) -> u32 {
        let has_content = |line: &str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && !line.starts_with(['#', '%'])
        };
        self.line + u32::try_from(self.text.lines().position(has_content).unwrap_or(0)).unwrap_or(0)
    }

    fn broken(&self, error: &serde_saphyr::Error) -> Broken {
        let inside = error.location().map_or(1, |l| u32::try_from(l.line()).unwrap_or(1).max(1));
        let is_template = self.text.lines().nth(inside as usize - 1).is_some_and(|l| l.contains("{{"));
        let hint = if is_template {
            "this is a template: render it first, for instance with `helm template`"
        } else {
            "correct the YAML; the file's other documents are used"
        };
        Broken {
            line: self.line + inside - 1,
            what: UserMessageFormatter.format_message(error).into_owned(),
            hint: hint.to_owned(),
        }
    }
}

/// No budget: the files are the user's own, and a mesh may be large.
pub(super) fn options() -> Options {
    serde_saphyr::options! { budget: None, with_snippet: false, legacy_octal_numbers: true }
}

/// The documents of `text`, those left out that hold nothing.
///
/// A line that begins with `---` or `...` ends a document wherever it stands: no scalar may contain one at the first
/// column (YAML 1.2, 9.1.2 "Document Markers").
pub fn documents(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let mut part = Part { start: 0, line: 1, is_begun: false, has_content: false };
    let (mut at, mut number) = (0, 1);
    for line in text.split_inclusive('\n') {
        let (next, rest) = (at + line.len(), line.trim_end());
        if is_marker(rest, "...") {
            part.close(text, at, &mut found);
            part = Part { start: next, line: number + 1, is_begun: false, has_content: false };
        } else if is_marker(rest, "---") {
            if part.is_begun || part.has_content {
                part.close(text, at, &mut found);
                part = Part { start: at, line: number, is_begun: true, has_content: false };
            }
            part.is_begun = true; // what came before were comments and directives of this document
            let after = rest[3..].trim_start();
            part.has_content = !after.is_empty() && !after.starts_with('#');
        } else {
            let is_directive = !part.is_begun && rest.starts_with('%');
            let inside = rest.trim_start();
            part.has_content |= !inside.is_empty() && !inside.starts_with('#') && !is_directive;
        }
        at = next;
        number += 1;
    }
    part.close(text, text.len(), &mut found);
    found
}

/// A document that is being looked for the end of.
struct Part {
    start: usize,
    line: u32,
    is_begun: bool,
    has_content: bool,
}

impl Part {
    fn close<'a>(&self, text: &'a str, end: usize, found: &mut Vec<Document<'a>>) {
        if self.has_content {
            found.push(Document { line: self.line, text: &text[self.start..end] });
        }
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_told_apart() {
        for (text, lines) in [
            ("", vec![]),
            ("# only a comment\n", vec![]),
            ("---\n---\n# c\n---\n", vec![]),
            ("a: 1\n", vec![1]),
            ("a: 1\n---\nb: 1\n", vec![1, 2]),
            ("# head\n---\na: 1\n--- # comment\nb: 1\n...\n# tail\n", vec![1, 4]),
            ("a: 1\r\n---\r\nb: 1\r\n", vec![1, 2]),
            ("--- {a: 1}\n---\n\n", vec![1]),
            ("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 1\n", vec![1, 5]),
            ("a: |\n  ---\n  text\nb: --- no\n", vec![1]),
            ("---a: 1\n", vec![1]),
            ("\u{feff}a: 1\n---\nb: 1", vec![1, 2]),
        ] {
            let found = documents(text);
            assert_eq!(found.iter().map(|d| d.line).collect::<Vec<_>>(), lines, "{text:?}");
            assert!(found.iter().all(|d| d.read().is_ok_and(|v| !v.is_null())), "{text:?}");
        }
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        for (text, value) in [
            ("a: yes", json!({"a": true})),
            ("a: \"yes\"", json!({"a": "yes"})),
            ("a: 0644", json!({"a": 420})),
            ("a: ~", json!({"a": null})),
            ("a:", json!({"a": null})),
            ("80: x", json!({"80": "x"})),
            ("a: 2026-01-01T00:00:01Z", json!({"a": "2026-01-01T00:00:01Z"})),
            (
                "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2",
                json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}),
            ),
            ("{\n\t\"a\": [1, \"\\ud83d\\ude00 \\/\"]\n}", json!({"a": [1, "\u{1f600} /"]})),
        ] {
            assert_eq!(documents(text)[0].read().unwrap(), value, "{text:?}");
        }
    }

    #[test]
    fn errors_name_the_line_of_the_file() {
        for (text, line, word) in [
            ("a: 1\n---\nb: 1\nc: 2\nb: 3\n", 5, "duplicate"),
            ("# c\n\na: b: c\n", 3, "mapping"),
            ("a: 1\n---\nb: [1\nc: 2\n", 4, ""),
            ("a: *gone\n", 1, "unknown"),
        ] {
            let broken = documents(text).iter().find_map(|d| d.read().err()).unwrap();
            assert_eq!(broken.line, line, "{text:?}: {broken:?}");
            assert!(broken.what.contains(word), "{broken:?}");
        }
        let broken = documents("a: {{ .Values.x }}\n")[0].read().unwrap_err();
        assert!(broken.hint.contains("helm template"), "{broken:?}");
    }

    #[test]
    fn a_document_begins_at_its_first_word() {
        let text = "# what it shows\n\n---\n# more\napiVersion: v1\n";
        assert_eq!(documents(text)[0].first_line(), 5);
        assert_eq!(documents("--- {a: 1}")[0].first_line(), 1);
    }
}
