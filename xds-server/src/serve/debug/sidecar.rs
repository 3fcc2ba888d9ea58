//! `/debug/sidecarz`: what a proxy may see (istiod: `SidecarScope.MarshalJSON` in `pilot/pkg/model/sidecar.go`).

use serde_json::{Map, Value, json};

use super::configs::spec;
use super::model;
use super::{Page, Visit};

/// The scope of one client.
pub(super) fn page(visit: &Visit) -> Page {
    let client = match visit.client() {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    let scope = &client.seen.view.scope;
    let rules: Map<String, Value> = scope
        .services()
        .iter()
        .filter_map(|service| {
            let rules = scope.rules(&service.hostname);
            let from = |rule: &std::sync::Arc<xdslab_mesh::scope::MergedRule>| {
                let keys = rule.from.iter().map(|key| format!("{}/{}", key.namespace, key.name));
                json!({"from": keys.collect::<Vec<_>>()})
            };
            let listed: Value = rules.iter().map(from).collect();
            (!rules.is_empty()).then(|| (service.hostname.to_string(), listed))
        })
        .collect();
    let listeners = scope.listeners().iter();
    let of_listener = |services: &[std::sync::Arc<xdslab_mesh::service::Service>]| -> Value {
        services.iter().map(|service| model::service(service)).collect()
    };
    let by_host: Map<String, Value> =
        scope.services().iter().map(|s| (s.hostname.to_string(), model::service(s))).collect();
    visit.json(&json!({
        "destinationRules": rules,
        "egressListenerServices": listeners.map(|l| of_listener(&l.services)).collect::<Vec<_>>(),
        "name": scope.name(),
        "namespace": scope.namespace(),
        "outboundTrafficPolicy": spec(scope.outbound_policy()),
        "services": of_listener(scope.services()),
        "servicesByHostname": by_host,
        "sidecar": scope.sidecar().map(|config| spec(&config.spec)),
        "version": client.seen.version,
    }))
}
