//! What names a piece of configuration in a push (istiod: `ConfigKey` in `pilot/pkg/model/config.go`).

use std::fmt;

use arcstr::ArcStr;

use crate::object::Meta;

/// A kind of configuration that pushes tell apart.
///
/// Services of both registries are [`ConfigKind::ServiceEntry`], named by host; so are their
/// [`ConfigKind::Endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // istiod's own names (`pkg/config/schema/kind`)
pub enum ConfigKind {
    AuthorizationPolicy,
    DestinationRule,
    DnsName,
    Endpoints,
    Gateway,
    PeerAuthentication,
    RequestAuthentication,
    ServiceEntry,
    Sidecar,
    Telemetry,
    VirtualService,
}

impl ConfigKind {
    /// istiod's word for the kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::DestinationRule => "DestinationRule",
            Self::DnsName => "DNSName",
            Self::Endpoints => "Endpoints",
            Self::Gateway => "Gateway",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::RequestAuthentication => "RequestAuthentication",
            Self::ServiceEntry => "ServiceEntry",
            Self::Sidecar => "Sidecar",
            Self::Telemetry => "Telemetry",
            Self::VirtualService => "VirtualService",
        }
    }
}

impl fmt::Display for ConfigKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One piece of configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigKey {
    /// Kind.
    pub kind: ConfigKind,
    /// Name; the host name for services and endpoints.
    pub name: ArcStr,
    /// Namespace.
    pub namespace: ArcStr,
}

impl ConfigKey {
    /// The key of that kind, name and namespace.
    pub fn new(kind: ConfigKind, name: &ArcStr, namespace: &ArcStr) -> Self {
        Self { kind, name: name.clone(), namespace: namespace.clone() }
    }

    /// The key of an object.
    pub(crate) fn of(kind: ConfigKind, meta: &Meta) -> Self {
        Self::new(kind, &meta.name, &meta.namespace)
    }
}

impl fmt::Display for ConfigKey {
    /// `Kind/namespace/name`, as istiod logs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}
