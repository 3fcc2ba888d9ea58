//! One Envoy binary: where it is, and which release it says it is.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::version::Version;

/// An Envoy binary that has been run once, so it works on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The file, absolute.
    pub path: PathBuf,
    /// The release.
    pub version: Version,
    /// How it was found.
    pub origin: Origin,
}

/// How a binary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user named the file.
    Given,
    /// It is `envoy` on `PATH`.
    Path,
    /// It was fetched before.
    Cache,
    /// It was fetched just now.
    Fetched,
}

/// A file that is no Envoy that runs here.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The file could not be run.
    #[error("{} cannot be run", path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ran, but did not say what an Envoy says.
    #[error("{} is no Envoy that runs here: --version ended with {status}: {output}", path.display())]
    NotEnvoy {
        /// The file.
        path: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        output: String,
    },
    /// It did not answer.
    #[error("{} did not answer --version within {}s", path.display(), PATIENCE.as_secs())]
    Hangs {
        /// The file.
        path: PathBuf,
    },
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Binary {
    /// Runs `path --version`.
    pub async fn inspect(path: &Path, origin: Origin) -> Result<Self, BinaryError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let run = run_version(&path);
        let Output { status, stdout, stderr } = match timeout(PATIENCE, run).await {
            Err(_) => return Err(BinaryError::Hangs { path }),
            Ok(Err(source)) => return Err(BinaryError::Run { path, source }),
            Ok(Ok(output)) => output,
        };
        let said = String::from_utf8_lossy(&stdout);
        let Some(version) = reported_version(&said).filter(|_| status.success()) else {
            let output = format!("{}{}", said.trim(), String::from_utf8_lossy(&stderr).trim());
            return Err(BinaryError::NotEnvoy { path, status, output });
        };
        Ok(Self { path, version, origin })
    }
}

/// Runs it again for a moment where it is "busy": in a process with many threads another may just be starting a
/// child, which has the freshly written file open until its `exec`.
async fn run_version(path: &Path) -> io::Result<Output> {
    let mut tries = 0;
    loop {
        let mut command = Command::new(path);
        command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
        match command.output().await {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// The release in `envoy  version: 9e55.../1.40.0/Clean/RELEASE/BoringSSL`.
fn reported_version(output: &str) -> Option<Version> {
    let (_, build) = output.split_once("version: ")?;
    build.split('/').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_release_out_of_the_build() {
        let line = "\n/c/envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(reported_version(line), Some(Version::DEFAULT));
        assert_eq!(reported_version("GNU bash, version 5.2"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_no_envoy_is_refused_with_its_words() {
        let error = Binary::inspect(Path::new("/bin/echo"), Origin::Given).await.unwrap_err().to_string();
        assert!(error.starts_with("/bin/echo is no Envoy that runs here"), "{error}");
        let error = Binary::inspect(Path::new("/nowhere/envoy"), Origin::Given).await.unwrap_err();
        assert!(matches!(error, BinaryError::Run { .. }), "{error}");
    }
}
