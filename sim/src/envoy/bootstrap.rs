//! The bootstrap of one Envoy, shaped like the one that Istio's agent writes for a sidecar.
//!
//! Pure: a description in, JSON out. What differs from Istio's file, and why:
//! nothing listens (no listeners of its own, admin on a port that the kernel chooses), everything is on loopback,
//! and the statistics of the control plane's connection are kept.

mod clusters;
mod node;
mod stats;

use std::net::SocketAddr;

use serde_json::{Value, json};

pub use node::{Locality, Node, ProxyType};

/// Which of the two forms of ADS a client speaks (Envoy docs: `ApiConfigSource.ApiType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `DELTA_GRPC`: only what changed is sent; Istio's default.
    #[default]
    Delta,
    /// `GRPC`: state of the world.
    Sotw,
}

/// A memory limit above which Envoy's allocator gives freed pages back to the kernel at once.
///
/// By default it keeps them, so resident memory does not fall when configuration is taken away
/// (Envoy: `envoy.config.bootstrap.v3.MemoryAllocatorManager`, `soft_memory_limit_bytes`; since 1.38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SoftLimit {
    /// Bytes. A limit below what is in use is no error: the process just keeps no free pages.
    pub bytes: u64,
}

impl Default for SoftLimit {
    /// 16 MiB: less than any configured Envoy uses, so nothing freed is kept.
    fn default() -> Self {
        Self { bytes: 16 << 20 }
    }
}

/// What one Envoy is told at its start.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Who the proxy says that it is.
    pub node: Node,
    /// Where the control plane listens, in plain text.
    pub xds: SocketAddr,
    /// Delta or state of the world.
    pub api: Api,
    /// Ask for listeners (and through them for routes) too, not only for clusters and endpoints.
    pub lds: bool,
    /// Worker threads, as told to the control plane in `PROXY_CONFIG`; the process takes them from a flag.
    pub concurrency: u32,
    /// Give freed memory back at once.
    pub purge: Option<SoftLimit>,
    /// What it shows the control plane when it asks for secrets; one on the control plane's own host needs none.
    pub token: Option<String>,
}

impl Bootstrap {
    /// The bootstrap of a sidecar with Istio's defaults: delta ADS, clusters and endpoints only, two workers.
    pub fn new(node: Node, xds: SocketAddr) -> Self {
        Self { node, xds, api: Api::default(), lds: false, concurrency: 2, purge: None, token: None }
    }

    /// The file's content, in the protobuf JSON of `envoy.config.bootstrap.v3.Bootstrap`.
    pub fn to_json(&self) -> Value {
        let mut bootstrap = json!({
            "node": self.node.to_json(self.xds, self.concurrency),
            "layered_runtime": {"layers": [
                {"name": "global config", "static_layer": {"overload.global_downstream_max_connections": "2147483647"}},
                {"name": "admin", "admin_layer": {}},
            ]},
            "bootstrap_extensions": [{
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
                    "buffer_size_kb": 64,
                },
            }],
            "stats_config": stats::config(),
            "admin": {"address": clusters::socket_address(SocketAddr::from(([127, 0, 0, 1], 0)))},
            "dynamic_resources": self.dynamic_resources(),
            "static_resources": {"clusters": clusters::all(self.xds, self.token.as_deref())},
        });
        if let Some(limit) = self.purge {
            bootstrap["memory_allocator_manager"] = json!({"soft_memory_limit_bytes": limit.bytes});
        }
        bootstrap
    }

    fn dynamic_resources(&self) -> Value {
        // No time-out for the first answer, as Istio's agent has it: Envoy waits, it never starts half configured.
        let ads = json!({"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"});
        let mut resources = json!({"cds_config": ads});
        if self.lds {
            resources["lds_config"] = ads;
        }
        resources["ads_config"] = json!({
            "api_type": match self.api {
                Api::Delta => "DELTA_GRPC",
                Api::Sotw => "GRPC",
            },
            "set_node_on_first_message_only": true,
            "transport_api_version": "V3",
            "grpc_services": [{"envoy_grpc": {
                "cluster_name": "xds-grpc",
                // Istio leaves Envoy's back-off (up to 30 s): its agent, which dials for it, is always there.
                "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
            }}],
        });
        resources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn productpage() -> Bootstrap {
        let mut node = Node::sidecar([10, 1, 0, 7], "productpage-v1-5c9f", "default");
        node.labels = [("app", "productpage"), ("version", "v1")].map(|(k, v)| (k.into(), v.into())).into();
        node.service_account = "bookinfo-productpage".into();
        node.node_name = Some("node-0".into());
        Bootstrap::new(node, SocketAddr::from(([127, 0, 0, 1], 15010)))
    }

    #[test]
    fn a_sidecar_of_bookinfo() {
        let text = serde_json::to_string_pretty(&productpage().to_json()).unwrap();
        assert!(text == include_str!("bootstrap/sidecar.json").trim_end(), "not as in sidecar.json:\n{text}");
    }

    #[test]
    fn sotw_with_listeners_and_a_purge() {
        let mut bootstrap = productpage();
        bootstrap.api = Api::Sotw;
        bootstrap.lds = true;
        bootstrap.purge = Some(SoftLimit::default());
        let json = bootstrap.to_json();
        assert_eq!(json["dynamic_resources"]["ads_config"]["api_type"], "GRPC");
        assert_eq!(json["dynamic_resources"]["lds_config"], json["dynamic_resources"]["cds_config"]);
        assert_eq!(json["memory_allocator_manager"]["soft_memory_limit_bytes"], 16_777_216);
    }

    #[test]
    fn asks_for_no_listeners_and_no_purge_by_default() {
        let json = productpage().to_json();
        assert!(json["dynamic_resources"].get("lds_config").is_none());
        assert!(json.get("memory_allocator_manager").is_none());
    }

    #[test]
    fn a_token_goes_with_requests_for_secrets_alone() {
        let mut bootstrap = productpage();
        bootstrap.token = Some("secret".into());
        let json = bootstrap.to_json();
        let clusters = json["static_resources"]["clusters"].as_array().unwrap();
        let with: Vec<_> = clusters.iter().filter(|c| c.to_string().contains("Bearer secret")).collect();
        assert_eq!(with.len(), 1);
        assert_eq!(with[0]["name"], "sds-grpc");
    }

    #[test]
    fn every_address_is_on_loopback() {
        fn addresses(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        match value {
                            Value::String(text) if key == "address" => found.push(text.clone()),
                            other => addresses(other, found),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        addresses(&productpage().to_json(), &mut found);
        assert_eq!(found, vec!["127.0.0.1"; 5], "admin and four clusters");
    }
}
