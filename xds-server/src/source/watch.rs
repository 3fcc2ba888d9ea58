//! Watches the files of a mesh and sends what changes in them, in batches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::files::{Batch, FileSource};
use super::problem::{Problem, Severity};

/// How the watching is paced.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A batch is read once nothing has happened for this long.
    pub quiet: Duration,
    /// A batch is read at the latest this long after the first event.
    pub patience: Duration,
    /// How often the files are looked at where the system does not tell of changes.
    pub poll: Duration,
    /// How often they are looked at all the same, because some file systems (mounts of a network, of a virtual machine)
    /// take a watch and never tell.
    pub look_anyway: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(20),
            patience: Duration::from_millis(200),
            poll: Duration::from_secs(1),
            look_anyway: Duration::from_secs(10),
        }
    }
}

/// Batches that wait to be taken; while it is full, further changes gather in the next one.
const WAITING_BATCHES: usize = 2;

/// The files being watched.
#[derive(Debug)]
pub struct Watch {
    batches: mpsc::Receiver<Batch>,
    task: JoinHandle<()>,
}

impl Watch {
    /// The next batch, never an empty one; `None` once the watching was cancelled.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Waits until the watching has ended; it does once it is cancelled.
    pub async fn join(self) {
        drop(self.batches);
        if let Err(error) = self.task.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Watches the files of `source` until `cancel` is called or the [`Watch`] is dropped.
///
/// What changed since the source last looked is in the first batch, so nothing falls between loading and watching.
/// An event is only a hint to look at all files: moves, links that are swapped and whatever editors do look the same.
/// Where the system cannot watch, the files are looked at every [`Pace::poll`], and a note in the problems says so.
///
/// # Panics
/// Outside a tokio runtime.
pub fn watch(source: FileSource, pace: Pace, cancel: CancellationToken) -> Watch {
    let (sender, batches) = mpsc::channel(WAITING_BATCHES);
    let hint = Arc::new(Notify::new());
    let ears = Ears::new(hint.clone());
    let task = tokio::spawn(run(Worker { source, ears }, pace, hint, sender, cancel));
    Watch { batches, task }
}

async fn run(
    mut worker: Worker,
    pace: Pace,
    hint: Arc<Notify>,
    sender: mpsc::Sender<Batch>,
    cancel: CancellationToken,
) {
    loop {
        let look = spawn_blocking(move || {
            let batch = worker.look();
            (worker, batch)
        });
        let batch = match look.await {
            Ok((back, batch)) => {
                worker = back;
                batch
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return, // the runtime shuts down
            },
        };
        if !batch.is_empty() {
            tokio::select! {
                sent = sender.send(batch) => if sent.is_err() { return },
                () = cancel.cancelled() => return,
            }
        }
        let pause = if worker.ears.is_deaf() { pace.poll } else { pace.look_anyway };
        tokio::select! {
            () = hint.notified() => settle(&hint, pace).await,
            () = sleep(pause) => {}
            () = cancel.cancelled() => return,
            () = sender.closed() => return,
        }
    }
}

/// Waits until nothing has happened for a while, but not for ever.
async fn settle(hint: &Notify, pace: Pace) {
    let end = Instant::now() + pace.patience;
    loop {
        let quiet = Instant::now() + pace.quiet;
        if timeout_at(quiet.min(end), hint.notified()).await.is_err() {
            return;
        }
    }
}

/// What looks at the files, on a thread that may block.
struct Worker {
    source: FileSource,
    ears: Ears,
}

impl Worker {
    /// Looks at the files. Listens in their folders first, and finds them again where a folder is new: files may have
    /// come into it before it was listened to.
    fn look(&mut self) -> Batch {
        let mut found = self.source.scan();
        while self.ears.listen(&found.folders) {
            found = self.source.scan();
        }
        self.source.set_notice(self.ears.notice());
        self.source.update(&found)
    }
}

/// The system's word that something has happened in a folder.
struct Ears {
    watcher: Option<RecommendedWatcher>,
    /// What could not be listened to, and why.
    failure: Option<(PathBuf, String)>,
    folders: BTreeSet<PathBuf>,
}

impl Ears {
    fn new(hint: Arc<Notify>) -> Self {
        let heard = move |event: notify::Result<notify::Event>| match event.map(|e| e.kind) {
            // Reading is no change, least of all our own.
            Ok(EventKind::Access(kind)) if kind != AccessKind::Close(AccessMode::Write) => {}
            _ => hint.notify_one(),
        };
        let (watcher, failure) = match notify::recommended_watcher(heard) {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some((PathBuf::new(), error.to_string()))),
        };
        Self { watcher, failure, folders: BTreeSet::new() }
    }

    /// Listens in exactly these folders; whether one of them is new.
    ///
    /// A known one is listened to anew, since another folder may be in its place.
    fn listen(&mut self, folders: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        for gone in self.folders.difference(folders) {
            // It may be gone from the disk, and the watch with it.
            let _ = watcher.unwatch(gone);
        }
        self.failure = None;
        for folder in folders {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Err(error) if folder.exists() => self.failure = Some((folder.clone(), error.to_string())),
                _ => {}
            }
        }
        let is_new = !folders.is_subset(&self.folders);
        self.folders.clone_from(folders);
        is_new
    }

    fn is_deaf(&self) -> bool {
        self.failure.is_some()
    }

    fn notice(&self) -> Option<Problem> {
        let (folder, reason) = self.failure.as_ref()?;
        Some(Problem {
            severity: Severity::Note,
            file: if folder.as_os_str().is_empty() { Path::new(".").into() } else { folder.clone() },
            line: 0,
            object: None,
            path: String::new(),
            what: format!("cannot be watched, so it is looked at from time to time: {reason}"),
            hint: "on Linux, raise fs.inotify.max_user_watches and fs.inotify.max_user_instances".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
