//! Transcripts on the terminal and in files: `serve --transcript`, and `xds-server transcript`.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::observe::transcript::{Act, Entry, Lines, Recorded, Recorder, What, opening, read, row};

/// Entries that may wait to be written.
const WAITING: usize = 65_536;

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

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; give a file in a folder that exists", path.display())]
pub struct CreateError {
    path: PathBuf,
    source: io::Error,
}

/// Runs `xds-server transcript`.
///
/// # Errors
/// When the transcript cannot be read, or the page cannot be written.
pub fn run(args: &TranscriptArgs) -> Result<()> {
    let entries = read(&args.file)?;
    let mut sink = match &args.html {
        Some(out) => Sink::file(out, Form::Page)?,
        None => Sink::terminal(),
    };
    for entry in entries {
        if !sink.put(&entry?)? {
            return Ok(());
        }
    }
    sink.flush().map(drop)
}

/// What writes a transcript while it is recorded.
#[derive(Debug)]
pub struct Writer {
    task: JoinHandle<Result<()>>,
    end: CancellationToken,
}

impl Writer {
    /// Begins to write to `target`: `-` is the terminal, a file that ends in `.html` becomes a page, any other file gets
    /// a line of JSON an entry.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn start(target: &str) -> Result<(Recorder, Self)> {
        let path = Path::new(target);
        let is_page = path.extension().is_some_and(|end| end == "html");
        let sink = match target {
            "-" => Sink::terminal(),
            _ => Sink::file(path, if is_page { Form::Page } else { Form::Lines })?,
        };
        let (recorder, entries) = Recorder::new(WAITING);
        let end = CancellationToken::new();
        let ended = end.clone();
        let task = spawn_blocking(move || {
            let written = follow(entries, sink, &ended);
            written.inspect_err(|error| tracing::error!("the transcript ends here: {error:#}"))
        });
        Ok((recorder, Self { task, end }))
    }

    /// Writes what was recorded so far, and ends.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn finish(self) -> Result<()> {
        self.end.cancel();
        self.task.await?
    }
}

/// Writes entries until there are no more, and after `end` those that wait.
fn follow(mut entries: Recorded, mut sink: Sink, end: &CancellationToken) -> Result<()> {
    let runtime = Handle::current();
    let (mut is_closed, mut lost) = (false, 0);
    loop {
        let entry = runtime.block_on(async {
            tokio::select! {
                biased;
                entry = entries.next() => Some(entry),
                () = end.cancelled(), if !is_closed => None,
            }
        });
        match entry {
            Some(Some(entry)) => {
                if let What::Lost { entries } = entry.what {
                    lost += entries;
                }
                if !sink.put(&entry)? || (entries.is_empty() && !sink.flush()?) {
                    return Ok(());
                }
            }
            Some(None) => break,
            None => {
                entries.close();
                is_closed = true;
            }
        }
    }
    if lost > 0 {
        tracing::warn!("the transcript lacks {lost} entries: they came faster than they were written");
    }
    sink.flush().map(drop)
}

/// How entries are written.
#[derive(Debug)]
enum Form {
    /// Text for people, in colour or not.
    Text { lines: Lines, colour: bool },
    /// A line of JSON an entry.
    Lines,
    /// A page.
    Page,
}

/// Where entries are written.
struct Sink {
    out: Box<dyn Write + Send>,
    form: Form,
    /// What comes before the first entry.
    opening: Option<String>,
    name: String,
}

impl Sink {
    fn terminal() -> Self {
        let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self {
            out: Box::new(BufWriter::new(io::stdout())),
            form: Form::Text { lines: Lines::default(), colour },
            opening: Some(Lines::legend().to_owned()),
            name: "the standard output".to_owned(),
        }
    }

    fn file(path: &Path, form: Form) -> Result<Self> {
        let file = File::create(path).map_err(|source| CreateError { path: path.to_owned(), source })?;
        let opening = matches!(form, Form::Page).then(opening);
        Ok(Self { out: Box::new(BufWriter::new(file)), form, opening, name: path.display().to_string() })
    }

    /// Whether somebody still reads what is written.
    fn put(&mut self, entry: &Entry) -> Result<bool> {
        let text = match &mut self.form {
            Form::Text { lines, colour } => {
                let (text, code) = (lines.line(entry), code(&entry.what));
                if *colour { format!("\x1b[{code}m{text}\x1b[0m\n") } else { text + "\n" }
            }
            Form::Lines => serde_json::to_string(entry)? + "\n",
            Form::Page => row(entry)?,
        };
        let opening = self.opening.take().unwrap_or_default();
        let written =
            self.out.write_all(opening.as_bytes()).and_then(|()| self.out.write_all(text.as_bytes()));
        self.done(written)
    }

    fn flush(&mut self) -> Result<bool> {
        let opening = self.opening.take().unwrap_or_default();
        let written = self.out.write_all(opening.as_bytes()).and_then(|()| self.out.flush());
        self.done(written)
    }

    /// Who reads from a pipe may have seen enough.
    fn done(&self, written: io::Result<()>) -> Result<bool> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true).with_context(|| format!("cannot write to {}", self.name)),
        }
    }
}

/// The colour of an entry on a terminal.
fn code(what: &What) -> u8 {
    match what {
        What::Request(request) => match request.act {
            Act::First | Act::Change | Act::Aside => 36,
            Act::Ack => 32,
            Act::Nack | Act::Invalid => 31,
            Act::Stale => 33,
        },
        What::Response(response) if response.cause == "push" => 35,
        What::Response(_) => 0,
        What::Lost { .. } => 31,
        What::Begun { .. } | What::Connected { .. } | What::Disconnected | What::Silent { .. } => 90,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Semantics;

    async fn written(name: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        let (recorder, writer) = Writer::start(path.to_str().expect("a name")).expect("it starts");
        recorder.begin(Semantics::Spec);
        // Somebody may record for ever: the end comes all the same.
        let _kept = recorder;
        writer.finish().await.expect("all is written");
        std::fs::read_to_string(path).expect("a file")
    }

    #[tokio::test]
    async fn files_hold_all_that_was_recorded() {
        let lines = written("t.ndjson").await;
        assert!(lines.ends_with("\"semantics\":\"spec\"}\n") && lines.lines().count() == 1, "{lines}");
        let page = written("t.html").await;
        assert!(page.starts_with("<!doctype html>") && page.ends_with(&lines[lines.len() - 30..]), "{page}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_made_is_the_users_mistake() {
        let error = Writer::start("/nowhere/t.ndjson").expect_err("no such folder");
        assert!(error.is::<CreateError>());
        assert!(error.to_string().contains("cannot write /nowhere/t.ndjson"), "{error}");
    }
}
