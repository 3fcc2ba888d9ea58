//! What a cluster (`envoy.config.cluster.v3.Cluster`) makes a proxy ask for.

use arcstr::ArcStr;

use super::scan::{Fields, Malformed, Value, text};

/// A cluster as far as a client needs it: one object for all proxies that were sent the same bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Hash of its bytes: an equal cluster that is sent again is passed over, as Envoy does.
    pub(super) content: u128,
    /// Its name.
    pub(super) name: ArcStr,
    /// The endpoint set that it waits for, if it gets its endpoints over EDS.
    pub(super) endpoints: Option<ArcStr>,
}

/// The names in a cluster's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterNames<'a> {
    /// Its own.
    pub name: &'a str,
    /// That of its endpoint set, for a cluster of type EDS: `service_name`, or else its own.
    pub endpoints: Option<&'a str>,
}

/// `DiscoveryType.EDS`.
const EDS: u64 = 3;

impl<'a> ClusterNames<'a> {
    /// Looks for them.
    ///
    /// # Errors
    /// When the bytes are no message.
    pub fn scan(cluster: &'a [u8]) -> Result<Self, Malformed> {
        let (mut name, mut service, mut is_eds) = ("", "", false);
        for field in Fields::of(cluster) {
            match field? {
                (1, Value::Bytes(bytes)) => name = text(bytes)?,
                (2, Value::Number(discovery)) => is_eds = discovery == EDS,
                // `eds_cluster_config`
                (3, Value::Bytes(config)) => {
                    for field in Fields::of(config) {
                        if let (2, Value::Bytes(bytes)) = field? {
                            service = text(bytes)?;
                        }
                    }
                }
                // `cluster_type`: a custom one, in place of `type`.
                (38, _) => is_eds = false,
                _ => {}
            }
        }
        let endpoints = is_eds.then_some(if service.is_empty() { name } else { service });
        Ok(Self { name, endpoints })
    }

    /// What can be told from a name alone, in a mesh of Istio: outbound clusters get their endpoints over EDS.
    pub(super) fn guess(name: &'a str) -> Self {
        Self { name, endpoints: name.starts_with("outbound").then_some(name) }
    }
}
