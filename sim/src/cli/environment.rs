//! Where a run takes place.

use std::fs;
use std::process::Command;

use xdslab_sim::scenario::{Environment, Plan, Purge};

/// What can be found out about this machine and this run.
pub(super) fn of(plan: &Plan, versions: Vec<String>, server: String) -> Environment {
    let purge = plan.steps.iter().find_map(|step| step.purge);
    Environment {
        xdslab: env!("CARGO_PKG_VERSION").to_owned(),
        envoy: versions,
        api: match plan.api {
            xdslab_sim::envoy::Api::Delta => "delta".to_owned(),
            xdslab_sim::envoy::Api::Sotw => "sotw".to_owned(),
        },
        listeners: plan.listeners,
        purge: match purge {
            Some(Purge::Restart) => "restart".to_owned(),
            Some(Purge::SoftLimit) => "soft memory limit".to_owned(),
            None => "none".to_owned(),
        },
        server,
        system: system(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: memory(),
        started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

fn system() -> String {
    let output = Command::new("uname").args(["-s", "-r", "-m"]).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| std::env::consts::OS.to_owned())
}

/// Bytes of memory, where `/proc` tells.
fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
