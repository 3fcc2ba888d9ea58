//! One Envoy process: started, waited for, measured, ended.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::admin::{Admin, AdminError};
use super::log::Log;
use super::memory::{Memory, ProcessMemory};
use super::watchdog::{Release, Watchdog};

/// How one Envoy is run.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// The program.
    pub binary: PathBuf,
    /// Its bootstrap, as [`Bootstrap::to_json`](super::Bootstrap::to_json) makes it.
    pub bootstrap: Value,
    /// Its own folder, made if it is not there: `envoy.json` (the bootstrap), `envoy.log` (all that it writes; a
    /// restart appends), `admin` (the address of its admin page).
    pub dir: PathBuf,
    /// What it logs.
    pub log_level: LogLevel,
    /// Worker threads.
    pub concurrency: u32,
}

/// What an Envoy logs: this and what is graver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "Envoy's own words")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    #[default]
    Warning,
    Error,
    Critical,
    Off,
}

/// A running Envoy. Dropped, it is killed.
#[derive(Debug)]
pub struct Envoy {
    pid: u32,
    admin: Admin,
    orders: mpsc::Sender<Order>,
    end: End,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// `exit status: 1`, `signal: 9 (SIGKILL)`, ...
    pub how: String,
    /// Its log file.
    pub log_file: PathBuf,
    /// The last lines of its log.
    pub log: String,
}

/// Why an Envoy is not there, or not ready.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// A file of its folder could not be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No process could be started.
    #[error("cannot start Envoy")]
    Spawn(#[source] io::Error),
    /// It ended by itself.
    #[error("{0}")]
    Exited(Exit),
    /// It runs, but did not get there in time.
    #[error("Envoy {what} within {}s{}", limit.as_secs(), indented(log))]
    Late {
        /// What it did not do.
        what: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// The last lines of its log.
        log: String,
    },
}

/// Told when a process ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    how: watch::Receiver<Option<String>>,
    log: Log,
}

/// End the process: first ask it to, then after this time make it.
#[derive(Clone, Copy, Debug)]
struct Order {
    grace: Duration,
}

const ADMIN_LIMIT: Duration = Duration::from_secs(30);

impl Envoy {
    /// Starts an Envoy and waits until its admin page is up, about 40 ms. It is not configured by then: see
    /// [`ready`](Self::ready).
    pub async fn start(options: EnvoyOptions, watchdog: &Watchdog) -> Result<Self, EnvoyError> {
        let EnvoyOptions { binary, bootstrap, dir, log_level, concurrency } = options;
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        let file_error = |path: &Path| {
            let path = path.to_owned();
            move |source| EnvoyError::File { path, source }
        };
        fs::create_dir_all(&dir).map_err(file_error(&dir))?;
        let config = dir.join("envoy.json");
        fs::write(&config, format!("{bootstrap:#}\n")).map_err(file_error(&config))?;
        let address_file = dir.join("admin");
        match fs::remove_file(&address_file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(file_error(&address_file)(source));
            }
            _ => {}
        }
        let log_file = dir.join("envoy.log");
        let output = OpenOptions::new().create(true).append(true).open(&log_file);
        let output = output.map_err(file_error(&log_file))?;
        let from = output.metadata().map_err(file_error(&log_file))?.len();
        let log = Log { path: log_file, from };

        let mut command = watchdog.command(binary).map_err(EnvoyError::Spawn)?;
        // Its log is its standard error, which is written line by line; a `--log-path` is written every 10 s.
        command.stdout(output.try_clone().map_err(EnvoyError::Spawn)?).stderr(output).current_dir(&dir);
        command.arg("--config-path").arg(&config).arg("--admin-address-path").arg(&address_file);
        command.args(["--concurrency", &concurrency.to_string(), "--log-level", log_level.name()]);
        // Without this flag a second Envoy on the machine needs a base id of its own.
        command.arg("--disable-hot-restart");
        let (pid, orders, how) = supervised(command, watchdog).map_err(EnvoyError::Spawn)?;

        let end = End { how, log };
        let address = end.unless_it_ends(ADMIN_LIMIT, "opened no admin page", appears(&address_file)).await?;
        Ok(Self { pid, admin: Admin::new(address), orders, end })
    }

    /// Waits until it is live: it has its first configuration, and all clusters of it are warm.
    pub async fn ready(&self, limit: Duration) -> Result<(), EnvoyError> {
        let live = async {
            let mut pause = Duration::from_millis(10);
            // An admin page that does not answer is as good as one that says "not yet".
            while !self.admin.is_ready().await.unwrap_or(false) {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(200));
            }
        };
        self.end.unless_it_ends(limit, "was not configured", live).await
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its admin page.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its log file.
    pub fn log_file(&self) -> &Path {
        &self.end.log.path
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.end.log.tail()
    }

    /// Measures its memory. The kernel's figures come first, for to ask the admin page costs memory too.
    pub async fn memory(&self) -> Result<Memory, AdminError> {
        let process = ProcessMemory::of(self.pid).await;
        Ok(Memory { process, heap: self.admin.heap().await? })
    }

    /// Waits until it ends, by itself or not.
    pub async fn exited(&self) -> Exit {
        self.end.wait().await
    }

    /// Asks it to end (SIGTERM), and kills it if it has not after `grace`. Done when it is gone.
    pub async fn stop(&self, grace: Duration) -> Exit {
        // An order that cannot be given finds the process ended, or about to be.
        let _ = self.orders.try_send(Order { grace });
        self.end.wait().await
    }

    pub(super) fn end(&self) -> End {
        self.end.clone()
    }
}

impl End {
    pub(super) async fn wait(&self) -> Exit {
        let mut how = self.how.clone();
        let how = match how.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "unknown, for the runtime that watched it is gone".to_owned(),
        };
        Exit { how, log_file: self.log.path.clone(), log: self.log.tail() }
    }

    async fn unless_it_ends<T>(
        &self,
        limit: Duration,
        what: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, EnvoyError> {
        tokio::select! {
            biased;
            done = timeout(limit, work) => {
                done.map_err(|_| EnvoyError::Late { what, limit, log: self.log.tail() })
            }
            exit = self.wait() => Err(EnvoyError::Exited(exit)),
        }
    }
}

type Supervised = (u32, mpsc::Sender<Order>, watch::Receiver<Option<String>>);

/// Starts a process with a task that alone owns it: reaps it, ends it on order, or when nobody can order any more.
fn supervised(mut command: Command, watchdog: &Watchdog) -> io::Result<Supervised> {
    let release = watchdog.release()?;
    let child = command.kill_on_drop(true).spawn()?;
    let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
    let (orders, inbox) = mpsc::channel(1);
    let (told, how) = watch::channel(None);
    tokio::spawn(supervise(child, pid, release, inbox, told));
    Ok((pid, orders, how))
}

async fn supervise(
    mut child: Child,
    pid: u32,
    release: Release,
    mut orders: mpsc::Receiver<Order>,
    told: watch::Sender<Option<String>>,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        order = orders.recv() => end(&mut child, pid, order).await,
    };
    release.strike(pid);
    told.send_replace(Some(status.map_or_else(|error| error.to_string(), |status| status.to_string())));
}

async fn end(child: &mut Child, pid: u32, order: Option<Order>) -> io::Result<std::process::ExitStatus> {
    if let Some(Order { grace }) = order
        // Not reaped yet, so the id is still its own.
        && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        && kill_process(pid, Signal::TERM).is_ok()
        && let Ok(status) = timeout(grace, child.wait()).await
    {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}

/// Waits for the file in which Envoy writes the address that the kernel gave it.
async fn appears(address_file: &Path) -> SocketAddr {
    loop {
        let text = fs::read_to_string(address_file).unwrap_or_default();
        if let Ok(address) = text.trim().parse() {
            return address;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

impl LogLevel {
    /// Envoy's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { how, log_file, log } = self;
        write!(f, "Envoy ended ({how}), log {}{}", log_file.display(), indented(log))
    }
}

/// The end of a log below a message; nothing where there is none.
fn indented(log: &str) -> String {
    log.lines().fold(String::new(), |text, line| format!("{text}\n    {line}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::envoy::testing::put_program;

    /// Runs a shell script in Envoy's place; `$4` is the file for the address of the admin page.
    async fn start(script: &str) -> (TempDir, Watchdog, Result<Envoy, EnvoyError>) {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("envoy");
        put_program(&binary, script);
        let dir = folder.path().join("dir");
        let options = EnvoyOptions {
            binary,
            bootstrap: json!({}),
            dir,
            log_level: LogLevel::default(),
            concurrency: 1,
        };
        let watchdog = Watchdog::start().unwrap();
        let started = Envoy::start(options, &watchdog).await;
        (folder, watchdog, started)
    }

    const UP: &str = "echo 127.0.0.1:1 > $4; ";

    #[tokio::test]
    async fn one_that_ends_at_once_is_told_with_its_log() {
        let (_folder, _watchdog, started) = start("echo 'no such cluster' >&2; exit 3").await;
        let error = started.unwrap_err().to_string();
        assert!(error.starts_with("Envoy ended (exit status: 3), log /"), "{error}");
        assert!(error.ends_with("envoy.log\n    no such cluster"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_program_is_told_too() {
        let folder = tempfile::tempdir().unwrap();
        let options = EnvoyOptions {
            binary: folder.path().join("missing"),
            bootstrap: json!({}),
            dir: folder.path().join("dir"),
            log_level: LogLevel::default(),
            concurrency: 1,
        };
        let error = Envoy::start(options, &Watchdog::start().unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 127") && error.contains("missing"), "{error}");
    }

    #[tokio::test]
    async fn one_that_ends_later_wakes_who_waits() {
        let (_folder, _watchdog, started) =
            start(&format!("{UP} while [ ! -e end ]; do :; done; echo bye; exit 4")).await;
        let envoy = started.unwrap();
        fs::write(envoy.log_file().with_file_name("end"), "").unwrap();
        let exit = envoy.exited().await;
        assert_eq!((exit.how.as_str(), exit.log.as_str()), ("exit status: 4", "bye"));
        let error = envoy.ready(Duration::from_secs(30)).await.unwrap_err();
        assert!(matches!(error, EnvoyError::Exited(_)), "{error}");
    }

    #[tokio::test]
    async fn asked_to_end_it_ends_and_one_that_does_not_listen_is_killed() {
        let (_folder, _watchdog, started) = start(&format!("{UP} exec sleep 1000")).await;
        assert_eq!(started.unwrap().stop(Duration::from_secs(30)).await.how, "signal: 15 (SIGTERM)");
        let (_folder, _watchdog, started) = start(&format!("trap '' TERM; {UP} while :; do :; done")).await;
        let envoy = started.unwrap();
        assert_eq!(envoy.stop(Duration::from_millis(10)).await.how, "signal: 9 (SIGKILL)");
        assert_eq!(
            envoy.stop(Duration::ZERO).await.how,
            "signal: 9 (SIGKILL)",
            "a second time changes nothing"
        );
    }

    #[tokio::test]
    async fn dropped_it_is_killed() {
        let (_folder, _watchdog, started) = start(&format!("{UP} exec sleep 1000")).await;
        let envoy = started.unwrap();
        let end = envoy.end();
        drop(envoy);
        assert_eq!(end.wait().await.how, "signal: 9 (SIGKILL)");
    }

    #[tokio::test]
    async fn one_that_never_gets_its_configuration_is_late() {
        let (_folder, _watchdog, started) = start(&format!("{UP} echo waiting; exec sleep 1000")).await;
        let error = started.unwrap().ready(Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(error.to_string(), "Envoy was not configured within 0s\n    waiting");
    }
}
