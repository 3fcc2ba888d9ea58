//! Transcripts in files: a line of JSON an entry.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Entry, FORMAT, What};

/// Why a transcript's file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it is no entry.
    #[error(
        "{}:{line}: no entry of a transcript: {source}; `xds-server serve --transcript=FILE.ndjson` writes one",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another version wrote it.
    #[error("{}: written in format {found}, this reads format {FORMAT}; record it again", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Reads a transcript, entry by entry. A last line without an end, which a server has not finished writing, is passed over.
///
/// # Errors
/// When the file cannot be opened. Then item by item when a line is no entry, or the format is another one.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<Entry, ReadError>>, ReadError> {
    let path = path.to_owned();
    let open = |source| ReadError::Open { path: path.clone(), source };
    let mut lines = BufReader::new(File::open(&path).map_err(open)?);
    let mut at = 0;
    let mut next = move || -> Result<Option<Entry>, ReadError> {
        loop {
            at += 1;
            let mut text = String::new();
            let failed = |source| ReadError::Open { path: path.clone(), source };
            if lines.read_line(&mut text).map_err(failed)? == 0 || !text.ends_with('\n') {
                return Ok(None);
            }
            if text.trim().is_empty() {
                continue;
            }
            let bad = |source| ReadError::Line { path: path.clone(), line: at, source };
            let entry: Entry = serde_json::from_str(&text).map_err(bad)?;
            return match entry.what {
                What::Begun { format, .. } if format != FORMAT => {
                    Err(ReadError::Format { path: path.clone(), found: format })
                }
                _ => Ok(Some(entry)),
            };
        }
    };
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        let entry = if is_over { None } else { next().transpose() };
        is_over = !matches!(entry, Some(Ok(_)));
        entry
    }))
}
