//! Whether an endpoint is offered as one that takes Istio's mutual TLS
//! (istiod: `pilot/pkg/xds/endpoints/mtls_checker.go`).

use xdslab_mesh::PeerAuthenticationIndex;
use xdslab_mesh::endpoint::{Endpoint, TlsMode};
use xdslab_mesh::object::istio::{ClientTls, ClientTlsMode, MutualTlsMode, TrafficPolicy};

use crate::generate::cluster::policy::port_level;

/// The endpoint's own word, unless a rule asks for other TLS or its namespace switches mutual TLS off.
///
/// A port-level entry without `tls` does not hide the `tls` above it here, unlike for the cluster.
pub fn is_mutual(
    endpoint: &Endpoint,
    subset: Option<&TrafficPolicy>,
    rule: Option<&TrafficPolicy>,
    port: u32,
    authentications: &PeerAuthenticationIndex,
) -> bool {
    if endpoint.tls == TlsMode::Disabled {
        return false;
    }
    if let Some(tls) = subset.and_then(|p| settings(p, port)).or_else(|| rule.and_then(|p| settings(p, port)))
    {
        return tls.mode == ClientTlsMode::IstioMutual;
    }
    authentications.effective(&endpoint.namespace, &endpoint.labels, endpoint.port) != MutualTlsMode::Disable
}

fn settings(policy: &TrafficPolicy, port: u32) -> Option<&ClientTls> {
    port_level(policy, port).and_then(|p| p.tls.as_ref()).or(policy.tls.as_ref())
}
