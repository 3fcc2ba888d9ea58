//! Envoy's statistics, as its admin page prints them, and what they say of xDS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters, gauges and text readouts by name; histograms are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    numbers: BTreeMap<String, u64>,
    texts: BTreeMap<String, String>,
}

/// Where an Envoy is with its configuration (Envoy docs: "xDS subscription statistics").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdsStats {
    /// Whether the ADS stream is connected: `control_plane.connected_state`.
    pub connected: bool,
    /// Clusters in use, the static ones included. While a cluster's update warms its old form still counts.
    pub active_clusters: u64,
    /// Clusters that wait for their endpoints.
    pub warming_clusters: u64,
    /// The subscription for clusters.
    pub cds: SubscriptionStats,
    /// The subscription for listeners; all zero where the bootstrap does not ask for them.
    pub lds: SubscriptionStats,
}

/// The subscription for one type of resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionStats {
    /// Requests for an update.
    pub update_attempt: u64,
    /// Updates that were taken.
    pub update_success: u64,
    /// Updates that were refused, in whole or in part: NACKs.
    pub update_rejected: u64,
    /// Connections that failed.
    pub update_failure: u64,
    /// The version that was last taken; `None` before the first.
    pub version_text: Option<String>,
}

/// Matches what [`XdsStats`] is made of, and no histogram.
pub(super) const XDS_FILTER: &str = r"^(cluster_manager\.(active|warming)_clusters|(cluster_manager\.cds|listener_manager\.lds)\.(update_(attempt|success|rejected|failure)|version_text)|control_plane\.connected_state)$";

impl Stats {
    /// Reads the lines `name: 1` and `name: "text"` of `/stats`.
    pub(super) fn parse(page: &str) -> Self {
        let mut stats = Self::default();
        for (name, value) in page.lines().filter_map(|line| line.split_once(": ")) {
            if let Ok(number) = value.parse() {
                stats.numbers.insert(name.to_owned(), number);
            } else if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                stats.texts.insert(name.to_owned(), text.to_owned());
            }
        }
        stats
    }

    /// A counter or gauge; `None` if Envoy does not have it (yet), or does not keep it.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    /// A text readout.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// All counters and gauges, by name.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.numbers.iter().map(|(name, number)| (name.as_str(), *number))
    }

    pub(super) fn xds(&self) -> XdsStats {
        let number = |name: &str| self.number(name).unwrap_or_default();
        XdsStats {
            connected: number("control_plane.connected_state") == 1,
            active_clusters: number("cluster_manager.active_clusters"),
            warming_clusters: number("cluster_manager.warming_clusters"),
            cds: self.subscription("cluster_manager.cds"),
            lds: self.subscription("listener_manager.lds"),
        }
    }

    fn subscription(&self, prefix: &str) -> SubscriptionStats {
        let number = |name: &str| self.number(&format!("{prefix}.{name}")).unwrap_or_default();
        let version = self.text(&format!("{prefix}.version_text"));
        SubscriptionStats {
            update_attempt: number("update_attempt"),
            update_success: number("update_success"),
            update_rejected: number("update_rejected"),
            update_failure: number("update_failure"),
            version_text: version.filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_texts_and_passes_over_histograms() {
        let stats = Stats::parse(
            "cluster.outbound|80||a.b.svc.cluster.local;.membership_total: 3\n\
             cluster_manager.cds.version_text: \"2026-01-01T00:00:00Z/7\"\n\
             cluster_manager.cds.update_duration: P0(1,1) P100(2,2)\n\
             server.initialization_time_ms: No recorded values\n",
        );
        assert_eq!(stats.number("cluster.outbound|80||a.b.svc.cluster.local;.membership_total"), Some(3));
        assert_eq!(stats.text("cluster_manager.cds.version_text"), Some("2026-01-01T00:00:00Z/7"));
        assert_eq!(stats.numbers().count(), 1);
        assert_eq!(stats.number("server.initialization_time_ms"), None);
    }

    #[test]
    fn an_envoy_that_was_never_connected_has_no_version() {
        let stats =
            Stats::parse("cluster_manager.active_clusters: 4\ncluster_manager.cds.version_text: \"\"\n");
        let xds = stats.xds();
        assert_eq!((xds.connected, xds.active_clusters, xds.cds.version_text), (false, 4, None));
    }
}
