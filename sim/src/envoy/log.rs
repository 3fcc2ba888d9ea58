//! The end of a log, for an error message.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A log file, from the place where one process began to write.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    pub(super) from: u64,
}

const MOST_LINES: usize = 20;
const MOST_BYTES: u64 = 8192;

impl Log {
    /// Its last lines, at most 20, and at most 8 KiB; empty where there are none.
    pub(super) fn tail(&self) -> String {
        read_end(&self.path, self.from).map(|text| last_lines(&text)).unwrap_or_default()
    }
}

fn read_end(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let start = from.max(length.saturating_sub(MOST_BYTES));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // A first line that was cut says nothing, unless it is all there is.
    let cut = if start > from { text.find('\n').map_or(0, |end| end + 1) } else { 0 };
    Ok(if cut < text.len() { text[cut..].to_owned() } else { text.into_owned() })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn tail(content: &str, from: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, content).unwrap();
        Log { path, from: from as u64 }.tail()
    }

    #[test]
    fn a_short_log_is_whole() {
        assert_eq!(tail("one\n\ntwo\n", 0), "one\ntwo");
        assert_eq!(tail("", 0), "");
    }

    #[test]
    fn of_a_long_log_the_last_twenty_lines() {
        let text = (0..5000).fold(String::new(), |mut text, n| {
            writeln!(text, "line {n}").unwrap();
            text
        });
        let tail = tail(&text, 0);
        assert_eq!(tail.lines().count(), 20);
        assert!(tail.starts_with("line 4980\n") && tail.ends_with("line 4999"));
    }

    #[test]
    fn lines_before_the_process_began_are_not_its_own() {
        assert_eq!(tail("old\nnew\n", 4), "new");
    }

    #[test]
    fn a_huge_line_is_cut_not_lost() {
        let tail = tail(&format!("{}end", "x".repeat(100_000)), 0);
        assert_eq!(tail.len(), 8192);
        assert!(tail.ends_with("xend"));
    }

    #[test]
    fn a_log_that_is_not_there_is_empty() {
        assert_eq!(Log { path: "/nowhere/log".into(), from: 0 }.tail(), "");
    }
}
