//! What a fleet tells while it works.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::envoy::find::chain;
use crate::envoy::process::{EnvoyError, Exit};

/// Something happened to the Envoy of one proxy, named as `NAME.NAMESPACE`.
#[derive(Clone, Debug)]
pub enum FleetEvent {
    /// Its start begins.
    Starting {
        /// The proxy.
        name: String,
    },
    /// Its admin page is up.
    Started {
        /// The proxy.
        name: String,
        /// The process id.
        pid: u32,
        /// Since the start began.
        took: Duration,
    },
    /// It has its first configuration.
    Ready {
        /// The proxy.
        name: String,
        /// Since the start began.
        took: Duration,
    },
    /// It did not come up, or was not configured in time (then it goes on running).
    Failed(Failure),
    /// It had come up, and ended without having been asked to.
    Exited {
        /// The proxy.
        name: String,
        /// How.
        exit: Exit,
    },
    /// It was ended by the fleet.
    Stopped {
        /// The proxy.
        name: String,
    },
}

/// A proxy whose Envoy is not there, or not ready.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The proxy.
    pub name: String,
    /// Why, with the end of its log.
    pub error: Arc<EnvoyError>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, chain(&*self.error))
    }
}
