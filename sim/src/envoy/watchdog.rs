//! Ends a fleet's Envoys when this process ends, however it ends.
//!
//! A signal handler does not run on SIGKILL, so the guard is a process of its own: a shell that reads lines
//! `+PID` and `-PID` from a pipe whose writing ends are held by this process alone. When this process ends the
//! kernel closes the pipe, and the shell kills what is left on its list.
//!
//! An Envoy is started by a shell that writes its own `+PID` line and then becomes Envoy (`exec` keeps the process
//! id), so there is no moment in which an Envoy runs that is not on the list.

use std::ffi::OsStr;
use std::io::{self, PipeWriter, Write, pipe};
use std::process::Stdio;

use tokio::process::Command;

/// Guards the processes that are started through it. Dropped, it lets the guarding shell end, which kills those
/// that were not released.
#[derive(Debug)]
pub struct Watchdog {
    list: PipeWriter,
}

/// The right to strike processes off the list.
#[derive(Debug)]
pub(super) struct Release {
    list: PipeWriter,
}

const WATCH: &str = r#"
trap '' HUP INT TERM
guarded=
while read -r line; do
    case $line in
    +*) guarded="$guarded ${line#+}" ;;
    -*) kept=
        for pid in $guarded; do [ "$pid" = "${line#-}" ] || kept="$kept $pid"; done
        guarded=$kept ;;
    esac
done
[ -z "$guarded" ] || kill -9 $guarded
"#;

const BECOME: &str = r#"echo "+$$" >&0 || exit 1; exec "$@" </dev/null"#;

impl Watchdog {
    /// Starts the guarding shell, in a process group of its own so that no Ctrl-C of a terminal reaches it.
    pub fn start() -> io::Result<Self> {
        let (reader, list) = pipe()?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", WATCH, "xdslab-watchdog"]).process_group(0);
        shell.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
        // Not kept: tokio reaps it in the background when it has ended.
        shell.spawn()?;
        Ok(Self { list })
    }

    /// A command that runs `program` guarded. Its standard input is taken, and is `/dev/null` for the program.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> io::Result<Command> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", BECOME, "xdslab-start"])
            .arg(program)
            .stdin(self.list.try_clone()?)
            .process_group(0);
        Ok(command)
    }

    pub(super) fn release(&self) -> io::Result<Release> {
        Ok(Release { list: self.list.try_clone()? })
    }
}

impl Release {
    /// Strikes off a process that has been reaped, before its id can belong to another.
    pub(super) fn strike(mut self, pid: u32) {
        // A watchdog that is gone has nothing to forget. The line is shorter than PIPE_BUF, so it is written whole.
        let _ = self.list.write_all(format!("-{pid}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A guarded process that has said that it runs, and ends only when it is killed.
    async fn sleeper(watchdog: &Watchdog) -> tokio::process::Child {
        let mut command = watchdog.command("/bin/sh").unwrap();
        command.args(["-c", "echo up; exec sleep 1000"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"up\n");
        child
    }

    #[tokio::test]
    async fn kills_what_is_on_its_list_when_the_pipe_closes() {
        use std::os::unix::process::ExitStatusExt;

        let watchdog = Watchdog::start().unwrap();
        let (mut first, mut second) = (sleeper(&watchdog).await, sleeper(&watchdog).await);
        drop(watchdog);
        assert_eq!(first.wait().await.unwrap().signal(), Some(9));
        assert_eq!(second.wait().await.unwrap().signal(), Some(9));
    }

    #[tokio::test]
    async fn spares_what_was_struck_off() {
        let watchdog = Watchdog::start().unwrap();
        let (mut kept, mut spared) = (sleeper(&watchdog).await, sleeper(&watchdog).await);
        watchdog.release().unwrap().strike(spared.id().unwrap());
        drop(watchdog);
        kept.wait().await.unwrap();
        assert!(spared.try_wait().unwrap().is_none(), "the watchdog killed the one before it");
        spared.kill().await.unwrap();
    }

    #[tokio::test]
    async fn the_program_keeps_the_id_and_reads_nothing() {
        let watchdog = Watchdog::start().unwrap();
        let mut command = watchdog.command("/bin/sh").unwrap();
        let output = command.args(["-c", "cat; echo $$"]).stdout(Stdio::piped()).spawn().unwrap();
        let pid = output.id().unwrap();
        let output = output.wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), pid.to_string());
    }
}
