//! What telemetry calls a workload, and the labels of its place.

use arcstr::{ArcStr, format};

use super::CLUSTER;
use crate::locality::{Locality, REGION, SUBZONE, ZONE};
use crate::object::Labels;

/// `<workload>;<namespace>;<canonical name>;<canonical revision>;<cluster>`.
pub(super) fn description(workload: &str, namespace: &str, labels: &Labels) -> ArcStr {
    let first = |keys: [&str; 3]| keys.into_iter().find_map(|k| labels.get(k)).map(ArcStr::as_str);
    let name =
        first(["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]).unwrap_or(workload);
    let revision = first(["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"]);
    let revision = revision.filter(|r| *r != "latest").unwrap_or_default();
    format!("{workload};{namespace};{name};{revision};{CLUSTER}")
}

/// Adds the labels that tell where a workload runs (istiod: `pkg/config/labels`, `AugmentLabels`).
pub(crate) fn with_topology(labels: &Labels, cluster: &str, locality: &Locality, node: &str) -> Labels {
    let mut labels = labels.clone();
    let mut add = |key: &'static str, value: &str| {
        if !value.is_empty() {
            labels.insert(key.into(), value.into());
        }
    };
    add(REGION, &locality.region);
    add(ZONE, &locality.zone);
    add(SUBZONE, &locality.subzone);
    add("topology.istio.io/cluster", cluster);
    add("kubernetes.io/hostname", node);
    labels
}
