//! How a fleet is run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::envoy::binary::Binary;
use crate::envoy::bootstrap::{Api, SoftLimit};
use crate::envoy::process::LogLevel;
use crate::envoy::version::Version;

/// How a fleet's Envoys are run, all alike.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// The program.
    pub binary: Binary,
    /// The control plane.
    pub xds: SocketAddr,
    /// Delta or state of the world.
    pub api: Api,
    /// Ask for listeners and routes too.
    pub lds: bool,
    /// Give freed memory back at once; needs Envoy 1.38.
    pub purge: Option<SoftLimit>,
    /// Worker threads of each Envoy.
    pub concurrency: u32,
    /// What each logs.
    pub log_level: LogLevel,
    /// A folder for each Envoy is made in this one, named `NAME.NAMESPACE`.
    pub dir: PathBuf,
    /// How many are started at the same time.
    pub at_once: usize,
    /// How long one may take to be configured.
    pub ready_limit: Duration,
    /// How long one may take to end when asked to, before it is killed.
    pub grace: Duration,
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// Its folder could not be made.
    #[error("cannot make the folder {}", path.display())]
    Dir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The process that ends the Envoys with this one could not be started; without it none is.
    #[error("cannot start the watchdog that ends the Envoys with this process")]
    Watchdog(#[source] io::Error),
    /// The Envoy cannot purge.
    #[error("Envoy {0} cannot give memory back at a soft limit; that takes 1.38 or newer")]
    NoSoftLimit(Version),
}

impl FleetOptions {
    /// Istio's defaults: delta ADS, two workers.
    pub fn new(binary: Binary, xds: SocketAddr, dir: impl Into<PathBuf>) -> Self {
        Self {
            binary,
            xds,
            api: Api::default(),
            lds: false,
            purge: None,
            concurrency: 2,
            log_level: LogLevel::default(),
            dir: dir.into(),
            at_once: 8,
            ready_limit: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}
