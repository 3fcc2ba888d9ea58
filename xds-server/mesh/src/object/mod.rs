//! Kubernetes and Istio objects as types that cannot be half read.

mod decode;
pub mod istio;
pub mod kubernetes;
mod meta;
mod path;
mod read;
mod scalar;
mod schema;
mod spelling;

use std::fmt;
use std::sync::Arc;

use arcstr::ArcStr;

pub(crate) use decode::decode_protobuf;
pub use meta::{Labels, Meta, OwnerReference, Timestamp};
pub(crate) use path::Path;
pub use read::{Fault, Identity, Reading, read};
pub use scalar::{Duration, PortRef};

/// A kind of object that shapes the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are the API's
pub enum Kind {
    Namespace,
    Node,
    ConfigMap,
    Service,
    EndpointSlice,
    Pod,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ServiceEntry,
    WorkloadEntry,
    Sidecar,
    VirtualService,
    DestinationRule,
    PeerAuthentication,
    AuthorizationPolicy,
    RequestAuthentication,
    Telemetry,
    Gateway,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Namespace,
        Self::Node,
        Self::ConfigMap,
        Self::Service,
        Self::EndpointSlice,
        Self::Pod,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ServiceEntry,
        Self::WorkloadEntry,
        Self::Sidecar,
        Self::VirtualService,
        Self::DestinationRule,
        Self::PeerAuthentication,
        Self::AuthorizationPolicy,
        Self::RequestAuthentication,
        Self::Telemetry,
        Self::Gateway,
    ];

    /// The kind's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Node => "Node",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ServiceEntry => "ServiceEntry",
            Self::WorkloadEntry => "WorkloadEntry",
            Self::Sidecar => "Sidecar",
            Self::VirtualService => "VirtualService",
            Self::DestinationRule => "DestinationRule",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::RequestAuthentication => "RequestAuthentication",
            Self::Telemetry => "Telemetry",
            Self::Gateway => "Gateway",
        }
    }

    /// The API group, empty for Kubernetes' core group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Namespace | Self::Node | Self::ConfigMap | Self::Service | Self::Pod => "",
            Self::EndpointSlice => "discovery.k8s.io",
            Self::Deployment | Self::ReplicaSet | Self::StatefulSet | Self::DaemonSet => "apps",
            Self::ServiceEntry
            | Self::WorkloadEntry
            | Self::Sidecar
            | Self::VirtualService
            | Self::DestinationRule
            | Self::Gateway => "networking.istio.io",
            Self::PeerAuthentication | Self::AuthorizationPolicy | Self::RequestAuthentication => {
                "security.istio.io"
            }
            Self::Telemetry => "telemetry.istio.io",
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespace | Self::Node)
    }

    /// Whether the kind is one of Istio's, judged by Istio's validation.
    pub fn is_istio(self) -> bool {
        self.group().ends_with(".istio.io")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What names an object: kind, namespace (empty for kinds without) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind.
    pub kind: Kind,
    /// Namespace.
    pub namespace: ArcStr,
    /// Name.
    pub name: ArcStr,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// One of Istio's objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config<T> {
    /// Name, labels, age.
    pub meta: Meta,
    /// What is asked for.
    pub spec: T,
    /// What a controller reported, as it was written.
    pub status: serde_json::Value,
}

/// Any object that shapes the mesh. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names are the API's
pub enum Object {
    Namespace(Arc<kubernetes::Namespace>),
    Node(Arc<kubernetes::Node>),
    /// The mesh configuration: the `ConfigMap` `istio`, its key `mesh` already read.
    MeshConfig(Arc<Config<istio::MeshConfig>>),
    Service(Arc<kubernetes::Service>),
    EndpointSlice(Arc<kubernetes::EndpointSlice>),
    Pod(Arc<kubernetes::Pod>),
    /// A Deployment, `ReplicaSet`, `StatefulSet` or `DaemonSet`.
    Workload(Kind, Arc<kubernetes::Workload>),
    ServiceEntry(Arc<Config<istio::ServiceEntry>>),
    WorkloadEntry(Arc<Config<istio::WorkloadEntry>>),
    Sidecar(Arc<Config<istio::Sidecar>>),
    VirtualService(Arc<Config<istio::VirtualService>>),
    DestinationRule(Arc<Config<istio::DestinationRule>>),
    PeerAuthentication(Arc<Config<istio::PeerAuthentication>>),
    AuthorizationPolicy(Arc<Config<istio::AuthorizationPolicy>>),
    RequestAuthentication(Arc<Config<istio::RequestAuthentication>>),
    Telemetry(Arc<Config<istio::Telemetry>>),
    Gateway(Arc<Config<istio::Gateway>>),
}

impl Object {
    /// The object's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Namespace(_) => Kind::Namespace,
            Self::Node(_) => Kind::Node,
            Self::MeshConfig(_) => Kind::ConfigMap,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Pod(_) => Kind::Pod,
            Self::Workload(kind, _) => *kind,
            Self::ServiceEntry(_) => Kind::ServiceEntry,
            Self::WorkloadEntry(_) => Kind::WorkloadEntry,
            Self::Sidecar(_) => Kind::Sidecar,
            Self::VirtualService(_) => Kind::VirtualService,
            Self::DestinationRule(_) => Kind::DestinationRule,
            Self::PeerAuthentication(_) => Kind::PeerAuthentication,
            Self::AuthorizationPolicy(_) => Kind::AuthorizationPolicy,
            Self::RequestAuthentication(_) => Kind::RequestAuthentication,
            Self::Telemetry(_) => Kind::Telemetry,
            Self::Gateway(_) => Kind::Gateway,
        }
    }

    /// The object's metadata.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Namespace(o) => &o.metadata,
            Self::Node(o) => &o.metadata,
            Self::MeshConfig(o) => &o.meta,
            Self::Service(o) => &o.metadata,
            Self::EndpointSlice(o) => &o.metadata,
            Self::Pod(o) => &o.metadata,
            Self::Workload(_, o) => &o.metadata,
            Self::ServiceEntry(o) => &o.meta,
            Self::WorkloadEntry(o) => &o.meta,
            Self::Sidecar(o) => &o.meta,
            Self::VirtualService(o) => &o.meta,
            Self::DestinationRule(o) => &o.meta,
            Self::PeerAuthentication(o) => &o.meta,
            Self::AuthorizationPolicy(o) => &o.meta,
            Self::RequestAuthentication(o) => &o.meta,
            Self::Telemetry(o) => &o.meta,
            Self::Gateway(o) => &o.meta,
        }
    }

    /// Whether it asks for something else than `before` did. Labels, annotations and a status alone do not count, but for
    /// labels and annotations of Istio's own (istiod: `needsPush` in `pilot/pkg/bootstrap/configcontroller.go`).
    pub fn is_news_after(&self, before: &Self) -> bool {
        macro_rules! other_spec {
            ($($kind:ident)*) => {
                match (before, self) {
                    $((Self::$kind(before), Self::$kind(after)) => before.spec != after.spec,)*
                    _ => before != self,
                }
            };
        }
        let is_marked = |meta: &Meta| {
            meta.labels.keys().chain(meta.annotations.keys()).any(|key| key.contains("istio.io"))
        };
        is_marked(before.meta())
            || is_marked(self.meta())
            || other_spec!(Sidecar VirtualService DestinationRule PeerAuthentication AuthorizationPolicy
                RequestAuthentication Telemetry Gateway)
    }

    /// What names the object.
    pub fn key(&self) -> ObjectKey {
        let meta = self.meta();
        ObjectKey { kind: self.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() }
    }
}
