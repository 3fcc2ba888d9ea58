//! `/debug/registryz` and `/debug/endpointShardz`.

use serde_json::{Map, Value, json};
use xdslab_mesh::endpoint::CLUSTER;
use xdslab_mesh::service::Registry;

use super::model;
use super::{Page, Visit};

/// All services.
pub(super) fn services(visit: &Visit) -> Page {
    let Some(snapshot) = visit.hub.snapshot() else { return visit.json(&json!([])) };
    visit.json(&snapshot.services().all().map(|service| model::service(service)).collect())
}

/// All endpoints, by host, namespace, and registry with its cluster.
pub(super) fn shards(visit: &Visit) -> Page {
    let Some(snapshot) = visit.hub.snapshot() else { return visit.json(&json!({})) };
    let trust_domain = &snapshot.mesh_config().trust_domain;
    let mut hosts = Map::new();
    for ((host, namespace), set) in snapshot.endpoint_index().iter() {
        let service = snapshot.services().get(host, namespace);
        let registry = service.map_or(Registry::Kubernetes, |service| service.registry);
        let shard = format!("{}/{CLUSTER}", model::registry(registry));
        let endpoints: Value = set.endpoints.iter().map(|e| model::endpoint(e, trust_domain)).collect();
        // `ns/<namespace>/sa/<name>`, as the end of an identity is.
        let accounts: Map<String, Value> =
            set.accounts.iter().map(|a| (format!("spiffe://{trust_domain}/{a}"), json!({}))).collect();
        let of_host = hosts.entry(host.to_string()).or_insert_with(|| json!({}));
        of_host[namespace.as_str()] = json!({"Shards": {shard: endpoints}, "ServiceAccounts": accounts});
    }
    visit.json(&Value::Object(hosts))
}
