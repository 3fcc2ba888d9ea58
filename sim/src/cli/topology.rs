//! `sim topology`: a made mesh on the standard output.

use std::io::{self, Write};

use xdslab_sim::topology::{Crowd, Seeded, bookinfo};

use super::Failure;

/// Writes a made mesh as YAML: bookinfo and its neighbours, and beside them namespaces full of services.
///
/// The same numbers and the same seed give the same mesh on every machine.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Namespaces beside those of bookinfo.
    #[arg(long, value_name = "N")]
    namespaces: u32,
    /// Services in each of them.
    #[arg(long, value_name = "M")]
    services: u32,
    /// What ports and numbers of pods are drawn from.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Equal services (sleep, port 80, one pod) in place of drawn ones.
    #[arg(long, conflicts_with = "seed")]
    crowd: bool,
    /// Leave out bookinfo, istio-system and kube-system.
    #[arg(long)]
    no_bookinfo: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let Args { namespaces, services, seed, crowd, no_bookinfo } = *args;
    let more = if crowd {
        Crowd { services: services.saturating_mul(namespaces), namespaces }.yaml()
    } else {
        Seeded { namespaces, services, seed }.yaml()
    };
    let parts = [
        if no_bookinfo { String::new() } else { bookinfo() },
        if namespaces == 0 { String::new() } else { more },
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match io::stdout().lock().write_all(parts.join("---\n").as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::Broken(error.into())),
    }
}
