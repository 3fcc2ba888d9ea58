//! Who a proxy says that it is: the `node` of every xDS stream.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Map, Value, json};

/// The discard port of the loopback, where nobody answers: no name that a mesh mentions is asked for beyond this host.
const NO_RESOLVER: &str = "127.0.0.1:9";

/// What kind of proxy a node is (istiod: `pkg/model/proxy.go`, `NodeType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyType {
    /// Beside an application.
    #[default]
    Sidecar,
    /// A gateway.
    Router,
}

impl fmt::Display for ProxyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sidecar => "sidecar",
            Self::Router => "router",
        })
    }
}

/// Where a proxy runs; empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locality {
    /// `topology.kubernetes.io/region` of the node.
    pub region: String,
    /// `topology.kubernetes.io/zone` of the node.
    pub zone: String,
    /// `topology.istio.io/subzone` of the node.
    pub sub_zone: String,
}

/// A pod with a proxy, as its Istio agent would describe it to the control plane
/// (Istio: `pkg/bootstrap/config.go`; istiod reads it in `pilot/pkg/model/context.go`).
#[derive(Clone, Debug)]
pub struct Node {
    /// Sidecar or router.
    pub proxy_type: ProxyType,
    /// The pod's address.
    pub ip: IpAddr,
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod's service account.
    pub service_account: String,
    /// The workload (Deployment, ...) that owns the pod; where unknown, its `app` label or its name stands in.
    pub workload: Option<String>,
    /// The Kubernetes node that it runs on.
    pub node_name: Option<String>,
    /// Which cluster's registry knows the pod.
    pub cluster_id: String,
    /// The mesh that it belongs to.
    pub mesh_id: String,
    /// Istio's release, as the agent tells it; some of what istiod sends depends on it.
    pub istio_version: String,
    /// The suffix of every service name.
    pub cluster_domain: String,
    /// Where it runs, if the pod itself tells.
    pub locality: Option<Locality>,
    /// More metadata; a key that is also set here by a field wins over the field.
    pub metadata: Map<String, Value>,
}

impl Node {
    /// A sidecar with the names that Istio gives by default.
    pub fn sidecar(ip: impl Into<IpAddr>, name: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            proxy_type: ProxyType::Sidecar,
            ip: ip.into(),
            name: name.into(),
            namespace: namespace.into(),
            labels: BTreeMap::new(),
            service_account: "default".into(),
            workload: None,
            node_name: None,
            cluster_id: "Kubernetes".into(),
            mesh_id: "cluster.local".into(),
            istio_version: "1.31.0".into(),
            cluster_domain: "cluster.local".into(),
            locality: None,
            metadata: Map::new(),
        }
    }

    /// The proxy's name as Istio's tools print and take it: `NAME.NAMESPACE`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// The node id: `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local`.
    pub fn id(&self) -> String {
        format!(
            "{}~{}~{}~{}.svc.{}",
            self.proxy_type,
            self.ip,
            self.key(),
            self.namespace,
            self.cluster_domain
        )
    }

    /// The address on which this proxy's listeners bind, for all pods share one host: the pod's own with 127 in
    /// front, so `10.1.0.7` has `127.1.0.7`.
    pub fn loopback(&self) -> IpAddr {
        let [.., b, c, d] = match self.ip {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(ip) => {
                let octets = ip.octets();
                [0, 0, octets[14], octets[15]]
            }
        };
        IpAddr::from([127, b, c, d])
    }

    pub(crate) fn to_json(&self, xds: SocketAddr, concurrency: u32) -> Value {
        let mut node = json!({
            "id": self.id(),
            "cluster": format!("{}.{}", self.app(), self.namespace),
            "metadata": self.metadata(xds, concurrency),
        });
        if let Some(Locality { region, zone, sub_zone }) = &self.locality {
            let parts = [("region", region), ("zone", zone), ("sub_zone", sub_zone)];
            let told = parts.into_iter().filter(|(_, text)| !text.is_empty());
            node["locality"] = told.map(|(key, text)| (key.to_owned(), json!(text))).collect();
        }
        node
    }

    fn metadata(&self, xds: SocketAddr, concurrency: u32) -> Value {
        let workload = self.workload.as_deref().unwrap_or_else(|| self.app());
        let mut metadata = json!({
            "CLUSTER_ID": self.cluster_id,
            "ENVOY_PROMETHEUS_PORT": 15090,
            "ENVOY_STATUS_PORT": 15021,
            "INSTANCE_IPS": self.ip.to_string(),
            "INTERCEPTION_MODE": "REDIRECT",
            "ISTIO_VERSION": self.istio_version,
            "LABELS": self.labels,
            "MESH_ID": self.mesh_id,
            "NAME": self.name,
            "NAMESPACE": self.namespace,
            // A client without it is hidden from `istioctl proxy-status`.
            "PROXY_CONFIG": {"concurrency": concurrency, "discoveryAddress": xds.to_string()},
            "SERVICE_ACCOUNT": self.service_account,
            "WORKLOAD_NAME": workload,
            "XDSLAB_BIND": self.loopback().to_string(),
            "XDSLAB_DNS": NO_RESOLVER,
        });
        if let Some(node_name) = &self.node_name {
            metadata["NODE_NAME"] = json!(node_name);
        }
        for (key, value) in &self.metadata {
            metadata[key] = value.clone();
        }
        metadata
    }

    fn app(&self) -> &str {
        self.labels.get("app").map_or(&self.name, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(node: &Node) -> Value {
        node.to_json(SocketAddr::from(([127, 0, 0, 1], 15010)), 2)
    }

    #[test]
    fn the_id_has_istios_four_parts() {
        let node = Node::sidecar([10, 1, 0, 7], "sleep-7f", "ns-3");
        assert_eq!(node.id(), "sidecar~10.1.0.7~sleep-7f.ns-3~ns-3.svc.cluster.local");
        let router = Node { proxy_type: ProxyType::Router, ..node };
        assert_eq!(router.id(), "router~10.1.0.7~sleep-7f.ns-3~ns-3.svc.cluster.local");
    }

    #[test]
    fn binds_on_a_loopback_address_of_its_own() {
        let loopback =
            |ip: &str| Node::sidecar(ip.parse::<IpAddr>().unwrap(), "a", "b").loopback().to_string();
        assert_eq!(loopback("10.1.0.7"), "127.1.0.7");
        assert_eq!(loopback("127.0.0.2"), "127.0.0.2");
        assert_eq!(loopback("fd00::1:2"), "127.0.0.2");
        assert_eq!(loopback("fd00::102"), "127.0.1.2");
    }

    #[test]
    fn a_pod_without_app_label_goes_by_its_name() {
        let json = json(&Node::sidecar([10, 1, 0, 7], "sleep-7f", "ns-3"));
        assert_eq!(json["cluster"], "sleep-7f.ns-3");
        assert_eq!(json["metadata"]["WORKLOAD_NAME"], "sleep-7f");
        assert!(json["metadata"].get("NODE_NAME").is_none());
        assert!(json.get("locality").is_none());
    }

    #[test]
    fn more_metadata_wins_over_fields() {
        let mut node = Node::sidecar([10, 1, 0, 7], "sleep-7f", "ns-3");
        node.metadata.insert("INTERCEPTION_MODE".into(), json!("NONE"));
        node.metadata.insert("DNS_CAPTURE".into(), json!("true"));
        let metadata = &json(&node)["metadata"];
        assert_eq!(metadata["INTERCEPTION_MODE"], "NONE");
        assert_eq!(metadata["DNS_CAPTURE"], "true");
    }

    #[test]
    fn tells_only_the_parts_of_a_locality_that_it_knows() {
        let mut node = Node::sidecar([10, 1, 0, 7], "sleep-7f", "ns-3");
        node.locality = Some(Locality { region: "eu".into(), zone: "eu-1".into(), ..Locality::default() });
        assert_eq!(json(&node)["locality"], json!({"region": "eu", "zone": "eu-1"}));
    }
}
