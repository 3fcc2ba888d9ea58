//! The end of mutual TLS (istiod: `BuildInboundTLS` in `pilot/pkg/security/authn/utils`).

use xdslab_mesh::object::istio::{MeshConfig, MeshTlsVersion};
use xdslab_proto::core::TransportSocket;
use xdslab_proto::matcher::{StringMatcher, string_matcher::MatchPattern};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::BoolValue;
use xdslab_proto::tls::tls_parameters::TlsProtocol;
use xdslab_proto::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, TlsParameters,
};

use crate::generate::cluster::secret;
use crate::generate::cluster::tls::combined;
use crate::generate::cluster::wire::transport_socket;
use crate::generate::view::View;

/// Cipher suites of TLS 1.2, where the mesh names none.
const CIPHERS: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
];

/// The socket that takes clients of the mesh; `exchanges` where something else than HTTP is inside, and Istio's
/// proxies tell each other first who they are.
pub(super) fn socket(view: &View, exchanges: bool) -> TransportSocket {
    let mesh = view.snapshot.mesh_config();
    let alpn = exchanges.then_some("istio-peer-exchange").into_iter().chain(["h2", "http/1.1"]);
    let text =
        |key: &str| view.proxy.metadata.raw.get(key).and_then(|v| v.as_str()).filter(|t| !t.is_empty());
    let certificate = match (text("TLS_SERVER_CERT_CHAIN"), text("TLS_SERVER_KEY")) {
        (Some(chain), Some(key)) => secret::agent(&format!("file-cert:{chain}~{key}")),
        _ => secret::agent("default"),
    };
    let root = match text("TLS_SERVER_ROOT_CERT") {
        Some(root) => secret::agent(&format!("file-root:{root}")),
        None => secret::agent("ROOTCA"),
    };
    let common = CommonTlsContext {
        tls_params: Some(parameters(mesh)),
        alpn_protocols: alpn.map(str::to_owned).collect(),
        tls_certificate_sds_secret_configs: vec![certificate],
        validation_context_type: Some(combined(clients(mesh), root)),
        ..Default::default()
    };
    let context = DownstreamTlsContext {
        common_tls_context: Some(common),
        require_client_certificate: Some(BoolValue { value: true }),
        ..Default::default()
    };
    transport_socket("envoy.transport_sockets.tls", pack_any(context))
}

fn parameters(mesh: &MeshConfig) -> TlsParameters {
    let settings = mesh.mesh_mtls.as_ref();
    let newest = settings.is_some_and(|s| s.min_protocol_version == MeshTlsVersion::V1_3);
    let lowest = if newest { TlsProtocol::TlSv13 } else { TlsProtocol::TlSv12 };
    let named = settings.map_or(&[][..], |s| &s.cipher_suites);
    TlsParameters {
        tls_minimum_protocol_version: lowest.into(),
        tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
        cipher_suites: if named.is_empty() {
            CIPHERS.map(str::to_owned).into()
        } else {
            named.iter().map(ToString::to_string).collect()
        },
        ..Default::default()
    }
}

/// Clients of the mesh's trust domain, of its aliases, and of those with roots of their own.
fn clients(mesh: &MeshConfig) -> CertificateValidationContext {
    let mut aliases = mesh.trust_domain_aliases.clone();
    aliases.sort();
    let foreign = mesh.ca_certificates.iter().flat_map(|c| c.trust_domains.iter().cloned());
    let mut domains = Vec::new();
    for domain in std::iter::once(mesh.trust_domain.clone()).chain(aliases).chain(foreign) {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    let prefix = |domain: &arcstr::ArcStr| StringMatcher {
        match_pattern: Some(MatchPattern::Prefix(format!("spiffe://{domain}/"))),
        ..Default::default()
    };
    #[allow(deprecated)] // the field that istiod still writes
    CertificateValidationContext {
        match_subject_alt_names: domains.iter().map(prefix).collect(),
        ..Default::default()
    }
}
