//! `/debug/syncz`.

use envoy_types::pb::envoy::service::status::v3::ConfigStatus;
use serde_json::{Map, Value, json};
use xdslab_mesh::ProxyKind;
use xdslab_protocol::ResourceType;

use super::{Page, Visit};
use crate::serve::client::Client;
use crate::serve::status::TypeStatus;

/// One element a connected client, with the nonces that it was sent and has accepted.
pub(super) fn page(visit: &Visit) -> Page {
    let namespace = visit.query.get("namespace").unwrap_or_default();
    let clients = visit.clients();
    let wanted =
        clients.iter().filter(|c| namespace.is_empty() || c.seen.view.proxy.config_namespace == namespace);
    visit.json(&wanted.map(client).collect())
}

fn client(client: &Client) -> Value {
    let proxy = &client.seen.view.proxy;
    let mut fields = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            fields.insert(name.to_owned(), value.into());
        }
    };
    put("cluster_id", &proxy.metadata.cluster_id);
    put("proxy", &proxy.id);
    put("proxy_type", word(proxy.kind));
    put("istio_version", &proxy.metadata.istio_version);
    for (kind, name) in [
        (ResourceType::Cluster, "cluster"),
        (ResourceType::Listener, "listener"),
        (ResourceType::Route, "route"),
        (ResourceType::Endpoint, "endpoint"),
        (ResourceType::ExtensionConfig, "extensionconfig"),
    ] {
        let Some(of_type) = client.status.watched(&kind) else { continue };
        put(&format!("{name}_sent"), of_type.sent.as_deref().unwrap_or_default());
        put(&format!("{name}_acked"), of_type.acked.as_deref().unwrap_or_default());
    }
    let resources: Map<String, Value> = client
        .status
        .watches()
        .map(|(kind, of_type)| (kind.type_url().to_owned(), resource(of_type)))
        .collect();
    if !resources.is_empty() {
        fields.insert("resources".to_owned(), resources.into());
    }
    fields.into()
}

fn resource(of_type: &TypeStatus) -> Value {
    let sent = of_type.sent_at.and_then(|at| jiff::Timestamp::try_from(at).ok());
    let mut fields = json!({});
    for (name, value) in [("sent", &of_type.sent), ("acked", &of_type.acked)] {
        if let Some(value) = value {
            fields[name] = value.as_str().into();
        }
    }
    if let Some(sent) = sent {
        fields["sentTime"] = sent.to_string().into();
    }
    if let Some(error) = &of_type.error {
        fields["lastError"] = error.as_str().into();
    }
    fields
}

/// istiod's word for a type on a connection (istiod: `debugSyncStatus` in `statusgen.go`).
pub(in crate::serve) fn sync_status(of_type: &TypeStatus) -> ConfigStatus {
    match (&of_type.error, &of_type.sent, &of_type.acked) {
        (Some(_), ..) => ConfigStatus::Error,
        (None, None, _) => ConfigStatus::NotSent,
        (None, sent, acked) if sent == acked => ConfigStatus::Synced,
        _ => ConfigStatus::Stale,
    }
}

fn word(kind: ProxyKind) -> &'static str {
    match kind {
        ProxyKind::Sidecar => "sidecar",
        ProxyKind::Router => "router",
        ProxyKind::Waypoint => "waypoint",
        ProxyKind::Ztunnel => "ztunnel",
    }
}
