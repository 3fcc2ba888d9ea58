//! A connected proxy, as its node tells: who it is, where it lives, what its metadata asks for
//! (istiod: `pkg/model/proxy.go`, `pilot/pkg/model/context.go`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arcstr::ArcStr;
use serde_json::Value;

use crate::locality::Locality;
use crate::object::Labels;
use crate::object::istio::ProxyConfig;

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProxyKind {
    /// Beside an application.
    Sidecar,
    /// A gateway.
    Router,
    /// A gateway of an ambient mesh.
    Waypoint,
    /// A node's proxy of an ambient mesh.
    Ztunnel,
}

/// How traffic reaches a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interception {
    /// iptables REDIRECT; also for words that nobody knows.
    #[default]
    Redirect,
    /// iptables TPROXY.
    Tproxy,
    /// Not intercepted.
    None,
}

/// Which address families a proxy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpMode {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Dual,
}

/// What a `node` of the xDS protocol carries.
#[derive(Clone, Debug, Default)]
pub struct NodeIdentity {
    /// `type~ip~name.namespace~domain`.
    pub id: ArcStr,
    /// The name of the service that it belongs to, as the client calls it.
    pub cluster: ArcStr,
    /// Metadata as JSON.
    pub metadata: Value,
    /// Locality.
    pub locality: Locality,
    /// Names of the extensions that the client knows; empty where it does not tell.
    pub extensions: Vec<ArcStr>,
}

/// A node that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The id is empty.
    #[error(
        "missing node information: the first request names a node id such as sidecar~10.0.0.1~app.default~default.svc.cluster.local"
    )]
    Missing,
    /// The id has not four parts.
    #[error("node id {0:?} has not the four parts type~ip~name.namespace~domain")]
    Shape(String),
    /// The id's type is unknown.
    #[error("node id {id:?}: type {kind:?} is none of sidecar, router, waypoint, ztunnel")]
    Kind {
        /// The whole id.
        id: String,
        /// Its first part.
        kind: String,
    },
    /// No address.
    #[error("no valid IP address in the service node id or metadata of {0:?}")]
    Address(String),
}

/// A client of the control plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// What it is.
    pub kind: ProxyKind,
    /// `name.namespace`, the third part of the node's id.
    pub id: ArcStr,
    /// `cluster` of the node: what traces call the service.
    pub cluster: ArcStr,
    /// Fourth part of the node's id: `default.svc.cluster.local`.
    pub dns_domain: ArcStr,
    /// The namespace whose configuration counts.
    pub config_namespace: ArcStr,
    /// Addresses, never empty.
    pub addresses: Vec<IpAddr>,
    /// Metadata.
    pub metadata: Metadata,
    /// Locality that the node claims.
    pub claimed_locality: Locality,
    /// Whether it knows what only Istio's build of Envoy has: it lists `istio.metadata_exchange`, or lists nothing.
    pub istio_extensions: bool,
}

/// The keys of a node's metadata that shape its answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// `NAMESPACE`.
    pub namespace: Option<ArcStr>,
    /// `LABELS`.
    pub labels: Labels,
    /// `STATIC_LABELS`.
    pub static_labels: Labels,
    /// `CLUSTER_ID`.
    pub cluster_id: ArcStr,
    /// `ISTIO_VERSION`.
    pub istio_version: ArcStr,
    /// `NODE_NAME`.
    pub node_name: ArcStr,
    /// `SERVICE_ACCOUNT`.
    pub service_account: ArcStr,
    /// `POD_PORTS`: name, number and protocol of a pod's ports; absent where the node does not tell.
    pub pod_ports: Option<Vec<PodPort>>,
    /// `INTERCEPTION_MODE`.
    pub interception: Interception,
    /// `DNS_CAPTURE`.
    pub dns_capture: bool,
    /// `GENERATOR`: `grpc` for a proxyless gRPC client.
    pub generator: ArcStr,
    /// `TLS_CLIENT_CERT_CHAIN`, `TLS_CLIENT_KEY`, `TLS_CLIENT_ROOT_CERT`, where the first is given.
    pub client_certificates: Option<ClientCertificates>,
    /// `PROXY_CONFIG`, which replaces the mesh's.
    pub proxy_config: Option<Arc<ProxyConfig>>,
    /// What an Envoy needs that shares its host with others.
    pub lab: Lab,
    /// The whole metadata as it came.
    pub raw: Value,
}

/// What an Envoy needs that shares its host with others, and that an Istio proxy, alone in its pod, does not.
///
/// Keys of our own, which istiod does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lab {
    /// `XDSLAB_BIND`: the address that every listener binds which really binds, in place of its own.
    pub bind: Option<IpAddr>,
    /// `XDSLAB_DNS`: the only resolver that clusters ask for names, as `address:port`.
    pub dns: Option<SocketAddr>,
}

/// One entry of `POD_PORTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPort {
    /// Name.
    pub name: ArcStr,
    /// Number.
    pub number: u32,
    /// `TCP`, `UDP`.
    pub protocol: ArcStr,
}

/// Files of a client's own certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientCertificates {
    /// Certificate chain.
    pub chain: ArcStr,
    /// Private key.
    pub key: ArcStr,
    /// Root certificate.
    pub root: ArcStr,
}

/// The cluster filter that marks Istio's build of Envoy.
pub const METADATA_EXCHANGE: &str = "istio.metadata_exchange";

impl Proxy {
    /// Reads a node.
    ///
    /// # Errors
    /// When the id is missing or malformed, or there is no address; istiod ends such a stream with
    /// `InvalidArgument`.
    pub fn parse(node: NodeIdentity) -> Result<Self, NodeError> {
        let id = node.id;
        if id.is_empty() {
            return Err(NodeError::Missing);
        }
        let parts: Vec<&str> = id.split('~').collect();
        let [kind, ip, name, domain] = parts[..] else { return Err(NodeError::Shape(id.to_string())) };
        let kind = match kind {
            "sidecar" => ProxyKind::Sidecar,
            "router" => ProxyKind::Router,
            "waypoint" => ProxyKind::Waypoint,
            "ztunnel" => ProxyKind::Ztunnel,
            other => return Err(NodeError::Kind { id: id.to_string(), kind: other.to_owned() }),
        };
        let addresses = addresses(&node.metadata, ip).ok_or_else(|| NodeError::Address(id.to_string()))?;
        let metadata = Metadata::read(node.metadata);
        let config_namespace = metadata.namespace.clone().unwrap_or_else(|| namespace_of_domain(domain));
        let listed = &node.extensions;
        Ok(Self {
            kind,
            id: name.into(),
            cluster: node.cluster,
            dns_domain: domain.into(),
            config_namespace,
            addresses,
            metadata,
            claimed_locality: node.locality,
            istio_extensions: listed.is_empty() || listed.iter().any(|e| e == METADATA_EXCHANGE),
        })
    }

    /// The first part of `name.namespace`; the whole id if it has no dot.
    pub fn name(&self) -> &str {
        self.id.rsplit_once('.').map_or(self.id.as_str(), |(name, _)| name)
    }

    /// Address families.
    pub fn ip_mode(&self) -> IpMode {
        let (v4, v6) =
            self.addresses.iter().fold((false, false), |(v4, v6), a| (v4 || a.is_ipv4(), v6 || a.is_ipv6()));
        match (v4, v6) {
            (true, true) => IpMode::Dual,
            (false, true) => IpMode::V6,
            _ => IpMode::V4,
        }
    }
}

/// `INSTANCE_IPS` if all of them are addresses, else the id's address.
fn addresses(metadata: &Value, ip: &str) -> Option<Vec<IpAddr>> {
    let listed = metadata.get("INSTANCE_IPS").and_then(Value::as_str).unwrap_or_default();
    let parsed: Result<Vec<IpAddr>, _> = listed.split(',').map(str::parse).collect();
    match parsed {
        Ok(all) if !all.is_empty() => Some(all),
        _ => ip.parse().ok().map(|ip| vec![ip]),
    }
}

/// The first label of a domain that has more than one.
fn namespace_of_domain(domain: &str) -> ArcStr {
    domain.split_once('.').map_or_else(ArcStr::new, |(first, _)| first.into())
}

impl Metadata {
    /// A key that switches something on: `true`, `1`, as a boolean or as text.
    pub fn flag(&self, key: &str) -> bool {
        flag(self.raw.get(key))
    }

    /// A key that is a whole number, as a number or as text.
    pub fn number(&self, key: &str) -> Option<u32> {
        match self.raw.get(key)? {
            Value::Number(n) => n.as_u64().and_then(|n| u32::try_from(n).ok()),
            Value::String(s) => s.parse().ok(),
            _ => None,
        }
    }

    fn read(raw: Value) -> Self {
        let text = |key: &str| raw.get(key).and_then(Value::as_str).unwrap_or_default();
        let namespace =
            raw.get("NAMESPACE").and_then(Value::as_str).filter(|n| !n.is_empty()).map(ArcStr::from);
        Self {
            namespace,
            labels: labels(raw.get("LABELS")),
            static_labels: labels(raw.get("STATIC_LABELS")),
            cluster_id: text("CLUSTER_ID").into(),
            istio_version: text("ISTIO_VERSION").into(),
            node_name: text("NODE_NAME").into(),
            service_account: text("SERVICE_ACCOUNT").into(),
            pod_ports: raw.get("POD_PORTS").and_then(Value::as_str).and_then(pod_ports),
            interception: match text("INTERCEPTION_MODE") {
                "NONE" => Interception::None,
                "TPROXY" => Interception::Tproxy,
                _ => Interception::Redirect,
            },
            dns_capture: flag(raw.get("DNS_CAPTURE")),
            generator: text("GENERATOR").into(),
            client_certificates: (!text("TLS_CLIENT_CERT_CHAIN").is_empty()).then(|| ClientCertificates {
                chain: text("TLS_CLIENT_CERT_CHAIN").into(),
                key: text("TLS_CLIENT_KEY").into(),
                root: text("TLS_CLIENT_ROOT_CERT").into(),
            }),
            proxy_config: raw.get("PROXY_CONFIG").map(|written| Arc::new(ProxyConfig::read(written))),
            lab: Lab { bind: text("XDSLAB_BIND").parse().ok(), dns: text("XDSLAB_DNS").parse().ok() },
            raw,
        }
    }
}

/// A boolean, which Istio's agents write as a string.
fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(b)) => *b,
        Some(Value::String(s)) => matches!(s.as_str(), "true" | "1"),
        _ => false,
    }
}

fn labels(value: Option<&Value>) -> Labels {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(k, v)| Some((k.as_str().into(), v.as_str()?.into()))).collect()
}

fn pod_ports(text: &str) -> Option<Vec<PodPort>> {
    let Value::Array(ports) = serde_json::from_str(text).ok()? else { return None };
    let word = |p: &Value, key: &str| ArcStr::from(p.get(key).and_then(Value::as_str).unwrap_or_default());
    let read = |p: &Value| {
        let number = p.get("containerPort").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        PodPort { name: word(p, "name"), number: number.unwrap_or_default(), protocol: word(p, "protocol") }
    };
    Some(ports.iter().map(read).collect())
}
