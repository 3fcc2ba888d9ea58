//! The four variants of the transport.

use std::fmt;

use crate::wire::{Kind, Service};

/// A variant of the protocol (Envoy docs: `xds_protocol#four-variants`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Protocol {
    /// State of the world, a stream a type.
    SotwSeparate,
    /// State of the world, all types on one stream (ADS).
    SotwAggregated,
    /// Incremental, a stream a type.
    DeltaSeparate,
    /// Incremental, all types on one stream (ADS).
    DeltaAggregated,
}

impl Protocol {
    /// All four.
    pub const ALL: [Self; 4] =
        [Self::SotwSeparate, Self::SotwAggregated, Self::DeltaSeparate, Self::DeltaAggregated];

    /// Whether requests and responses are of the state-of-the-world kind.
    pub fn is_sotw(self) -> bool {
        matches!(self, Self::SotwSeparate | Self::SotwAggregated)
    }

    /// Whether all types share a stream.
    pub fn is_aggregated(self) -> bool {
        matches!(self, Self::SotwAggregated | Self::DeltaAggregated)
    }

    /// The service on which this variant speaks of `kind`.
    pub(super) fn service(self, kind: Kind) -> Service {
        if self.is_aggregated() { Service::Aggregated } else { Service::Of(kind) }
    }

    /// As the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SotwSeparate => "sotw-separate",
            Self::SotwAggregated => "sotw-aggregated",
            Self::DeltaSeparate => "delta-separate",
            Self::DeltaAggregated => "delta-aggregated",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
