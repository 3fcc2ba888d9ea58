//! Transcripts on the terminal and in files: `serve --transcript`, and `xds-server transcript`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use clap::Args;
use tokio::sync::mpsc;

use crate::observe::transcript::{Act, Entry, Recorder, What, line, page};

/// Entries that may wait to be written.
const WAITING: usize = 65_536;
/// Entries that a page holds; a browser has trouble with more.
const PAGE: usize = 50_000;

/// Arguments of `xds-server transcript`.
#[derive(Debug, Args)]
pub struct TranscriptArgs {
    /// A transcript, as `serve --transcript=FILE.ndjson` wrote it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it as a page with a sequence diagram, in place of printing it
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
}

/// A transcript's file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it is no entry.
    #[error("{}:{line}: {source}; a transcript is what `xds-server serve --transcript=FILE.ndjson` writes", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Reads a transcript.
///
/// # Errors
/// When the file cannot be read, or a line of it is no entry.
pub fn read(path: &Path) -> Result<Vec<Entry>, FileError> {
    let failed = |source| FileError::Open { path: path.to_owned(), source };
    let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
    let mut entries = Vec::new();
    for (at, text) in lines.enumerate() {
        let text = text.map_err(failed)?;
        if !text.trim().is_empty() {
            let bad = |source| FileError::Line { path: path.to_owned(), line: at + 1, source };
            entries.push(serde_json::from_str(&text).map_err(bad)?);
        }
    }
    Ok(entries)
}

/// Runs `xds-server transcript`.
///
/// # Errors
/// When the transcript cannot be read, or the page cannot be written.
pub fn run(args: &TranscriptArgs) -> Result<()> {
    let entries = read(&args.file)?;
    match &args.html {
        Some(out) => write_page(out, &entries),
        None => entries.iter().try_for_each(|entry| Ok(writeln!(io::stdout(), "{}", line(entry))?)),
    }
}

/// Where a transcript goes: `-` is the terminal, a file that ends in `.html` becomes a page, any other file gets a line
/// of JSON an entry. What comes back records; the thread ends when nothing records any more.
///
/// # Errors
/// When the file cannot be written.
pub fn start(target: &str) -> Result<(Recorder, JoinHandle<Result<()>>)> {
    let (recorder, entries) = Recorder::new(WAITING);
    let path = PathBuf::from(target);
    let writer: JoinHandle<Result<()>> = if target == "-" {
        std::thread::spawn(move || print(entries))
    } else {
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        if path.extension().is_some_and(|end| end == "html") {
            std::thread::spawn(move || collect(entries, &path))
        } else {
            std::thread::spawn(move || write_lines(entries, file))
        }
    };
    Ok((recorder, writer))
}

/// Waits until all is written.
///
/// # Errors
/// When something could not be written.
pub fn finish(writer: JoinHandle<Result<()>>) -> Result<()> {
    writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn print(mut entries: mpsc::Receiver<Entry>) -> Result<()> {
    let is_terminal = io::stdout().is_terminal();
    while let Some(entry) = entries.blocking_recv() {
        let text = line(&entry);
        match colour(&entry.what).filter(|_| is_terminal) {
            Some(colour) => writeln!(io::stdout(), "\x1b[{colour}m{text}\x1b[0m")?,
            None => writeln!(io::stdout(), "{text}")?,
        }
    }
    Ok(())
}

/// The colour of an entry on a terminal.
fn colour(what: &What) -> Option<u8> {
    match what {
        What::Request(request) => Some(match request.act {
            Act::First | Act::Change => 34,
            Act::Ack => 32,
            Act::Nack => 31,
            Act::Stale => 33,
        }),
        What::Response(response) => (response.cause == "push").then_some(35),
        What::Connected { .. } | What::Disconnected | What::Silent { .. } => Some(90),
        What::Lost { .. } => Some(31),
    }
}

fn write_lines(mut entries: mpsc::Receiver<Entry>, file: File) -> Result<()> {
    let mut out = BufWriter::new(file);
    while let Some(entry) = entries.blocking_recv() {
        serde_json::to_writer(&mut out, &entry)?;
        out.write_all(b"\n")?;
        if entries.is_empty() {
            out.flush()?;
        }
    }
    Ok(out.flush()?)
}

fn collect(mut entries: mpsc::Receiver<Entry>, path: &Path) -> Result<()> {
    let (mut kept, mut over) = (Vec::new(), 0_usize);
    while let Some(entry) = entries.blocking_recv() {
        if kept.len() < PAGE { kept.push(entry) } else { over += 1 }
    }
    if over > 0 {
        tracing::warn!(
            "the page holds the first {PAGE} entries; {over} came after them: write .ndjson for all"
        );
    }
    write_page(path, &kept)
}

fn write_page(path: &Path, entries: &[Entry]) -> Result<()> {
    std::fs::write(path, page(entries)?).with_context(|| path.display().to_string())
}
