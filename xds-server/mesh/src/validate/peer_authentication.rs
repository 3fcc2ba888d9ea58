//! `PeerAuthentication` (istiod: `ValidatePeerAuthentication`).

use super::faults::Faults;
use super::{labels, port};
use crate::object::Labels;
use crate::object::istio::PeerAuthentication;

/// Refuses what is wrong with a policy.
pub(super) fn check(policy: &PeerAuthentication, f: Faults<'_>) {
    let selector = policy.selector.as_ref().map(|s| &s.match_labels);
    if let Some(labels) = selector {
        let f = f.at("selector");
        labels::selector(labels, f.at("matchLabels"));
    }
    let Some(ports) = &policy.port_level_mtls else { return };
    let f = f.at("portLevelMtls");
    if ports.is_empty() {
        f.push("there are no ports", "name at least one, such as 8080: {mode: DISABLE}, or leave it out");
    } else if selector.is_none_or(Labels::is_empty) {
        let hint = "say which workloads the ports belong to: selector: {matchLabels: {app: web}}";
        f.push("ports of all workloads are set", hint);
    }
    for number in ports.keys() {
        let key = number.to_string();
        port::number(*number, f.key(&key));
    }
}
