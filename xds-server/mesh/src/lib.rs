//! Kubernetes and Istio objects, the snapshot made of them, and what one proxy may see of it.
//!
//! Pure: no runtime, no clock, no I/O, no wire types.

mod change;
pub mod endpoint;
mod locality;
mod mesh;
pub mod object;
mod proxy;
mod rules;
pub mod scope;
pub mod service;
mod snapshot;
mod targets;
mod validate;

pub use change::{Change, ChangeSet};
pub use locality::{Locality, REGION, SUBZONE, ZONE};
pub use mesh::{Effects, Mesh, Reason, Turn};
pub use proxy::{
    ClientCertificates, Interception, IpMode, Lab, METADATA_EXCHANGE, Metadata, NodeError, NodeIdentity,
    PodPort, Proxy, ProxyKind,
};
pub use rules::{
    ByNamespace, ConfigKey, ConfigKind, DestinationRuleIndex, PeerAuthenticationIndex, SelectedSidecar,
    SidecarIndex, VirtualServiceIndex, VirtualServiceRule,
};
pub use scope::Scope;
pub use snapshot::{Snapshot, Workload};
pub use targets::ServiceTarget;
