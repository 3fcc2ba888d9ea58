//! What Prometheus' clients tell of every process, from Linux' `/proc/self`; nothing elsewhere.

use std::fmt::Write;
use std::fs;

/// Ticks of a second in `/proc/self/stat`: what Linux has on every machine that runs Envoy.
const TICKS: f64 = 100.0;

/// Writes what can be read.
pub(super) fn write(text: &mut String) {
    let mut put = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a String does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses, which may hold spaces; proc_pid_stat(5) counts its fields from 1, and the name is
    // the second.
    let fields: Vec<f64> = stat.rsplit_once(") ").map_or_else(Vec::new, |(_, rest)| {
        rest.split(' ').map(|field| field.trim().parse().unwrap_or_default()).collect()
    });
    let field = |number: usize| fields.get(number - 3).copied();
    let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS);
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
    let begun = boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS);
    let files =
        fs::read_dir("/proc/self/fd").ok().map(|open| u32::try_from(open.count()).unwrap_or(u32::MAX));
    put("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpu);
    put("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", bytes("VmRSS:"));
    put("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", bytes("VmSize:"));
    put("process_open_fds", "gauge", "Number of open file descriptors.", files.map(f64::from));
    put(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        begun,
    );
}
