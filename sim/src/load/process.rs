//! What a process has used, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// CPU time and memory of a process since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// User and system time of all its threads, also of those that have ended. Counted in ticks of 10 ms.
    pub(super) cpu: Duration,
    /// Resident memory, bytes.
    pub(super) rss: u64,
}

/// The kernel's unit of time towards programs (`USER_HZ`): the same on all common platforms.
const TICKS_PER_SECOND: u64 = 100;

impl Usage {
    /// Of a process; none if it is gone, or the system has no `/proc`.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        Some(Self { cpu: cpu(&read("stat")?)?, rss: rss(&read("status")?)? })
    }

    /// Of this process.
    pub(super) fn own() -> Option<Self> {
        Self::of(std::process::id())
    }
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second is the program's name in parentheses, with whatever is in it.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 1000 / TICKS_PER_SECOND))
}

/// `VmRSS` of `/proc/PID/status`.
fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_files() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 9000 0 0 0 150 25 0 0 20 0 9 0 100 1 1";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1750)));
        assert_eq!(rss("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu("42"), rss("")), (None, None));
    }

    #[test]
    fn no_process_has_none() {
        assert_eq!(Usage::of(u32::MAX), None);
        assert!(!cfg!(target_os = "linux") || Usage::own().is_some_and(|usage| usage.rss > 0));
    }
}
