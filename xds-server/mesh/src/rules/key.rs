//! What a push is about (istiod: `pkg/config/schema/kind`, `model.ConfigKey`).

use arcstr::ArcStr;

/// A kind of configuration. Kubernetes Services count as [`ConfigKind::ServiceEntry`], as in istiod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are istiod's
pub enum ConfigKind {
    ServiceEntry,
    Endpoints,
    VirtualService,
    DestinationRule,
    Sidecar,
    PeerAuthentication,
    AuthorizationPolicy,
    RequestAuthentication,
    Telemetry,
    Gateway,
    DnsName,
}

/// One piece of configuration: for services and endpoints the name is the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigKey {
    /// Kind.
    pub kind: ConfigKind,
    /// Name, or host.
    pub name: ArcStr,
    /// Namespace.
    pub namespace: ArcStr,
}

impl ConfigKey {
    /// The key of that kind, name and namespace.
    pub fn new(kind: ConfigKind, name: &ArcStr, namespace: &ArcStr) -> Self {
        Self { kind, name: name.clone(), namespace: namespace.clone() }
    }
}
