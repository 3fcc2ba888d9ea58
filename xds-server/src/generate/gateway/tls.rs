//! TLS that a gateway ends (istiod: `BuildListenerTLSContext` in `pilot/pkg/networking/core/listener.go`,
//! `pilot/pkg/security/model/authentication.go`).

use std::collections::BTreeSet;

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{
    MeshConfig, MeshTlsVersion, ServerTls, ServerTlsMode, TlsProtocol as Version,
};
use xdslab_mesh::service::Protocol;
use xdslab_proto::core::{self, DataSource, TransportSocket};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::BoolValue;
use xdslab_proto::tls::certificate_validation_context::TrustChainVerification;
use xdslab_proto::tls::common_tls_context::ValidationContextType;
use xdslab_proto::tls::tls_parameters::TlsProtocol;
use xdslab_proto::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, TlsParameters,
};

use super::merged::Server;
use crate::generate::cluster::secret;
use crate::generate::cluster::tls::{combined, matching};
use crate::generate::cluster::wire::transport_socket;

/// Cipher suites that a server may name (istiod: `ValidCipherSuites` in `pkg/config/security/security.go`).
const CIPHERS: [&str; 15] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

/// The socket of a server; none where it passes TLS on.
pub(super) fn socket(server: &Server, mesh: &MeshConfig) -> Option<TransportSocket> {
    let tls = server.terminates()?;
    let config = pack_any(context(tls, server.protocol, mesh));
    Some(transport_socket("envoy.transport_sockets.tls", config))
}

pub(super) fn context(tls: &ServerTls, protocol: Protocol, mesh: &MeshConfig) -> DownstreamTlsContext {
    use ServerTlsMode::{IstioMutual, Mutual, OptionalMutual};
    let exchanges = tls.mode == IstioMutual && protocol != Protocol::Https;
    let alpn = exchanges.then_some("istio-peer-exchange").into_iter().chain(["h2", "http/1.1"]);
    let (certificates, root) = secrets(tls);
    let validates = matches!(tls.mode, Mutual | OptionalMutual | IstioMutual);
    let validation = if validates {
        Some(combined(expected(tls), root))
    } else {
        // Nobody is asked for a certificate; who brings one is held against the names all the same.
        let named = by_credential(tls) && !tls.subject_alt_names.is_empty();
        named.then(|| ValidationContextType::ValidationContext(matching(&tls.subject_alt_names)))
    };
    let common = CommonTlsContext {
        tls_params: (tls.mode != IstioMutual).then(|| parameters(tls, mesh)).flatten(),
        alpn_protocols: alpn.map(str::to_owned).collect(),
        tls_certificate_sds_secret_configs: certificates,
        validation_context_type: validation,
        ..Default::default()
    };
    DownstreamTlsContext {
        common_tls_context: Some(common),
        require_client_certificate: Some(BoolValue { value: matches!(tls.mode, Mutual | IstioMutual) }),
        ..Default::default()
    }
}

fn by_credential(tls: &ServerTls) -> bool {
    !tls.credential_name.is_empty() || !tls.credential_names.is_empty()
}

/// The server's certificates, and the root that clients' are checked against.
fn secrets(tls: &ServerTls) -> (Vec<SdsSecretConfig>, SdsSecretConfig) {
    let file = |certificate: &ArcStr, key: &ArcStr| secret::agent(&format!("file-cert:{certificate}~{key}"));
    if tls.mode == ServerTlsMode::IstioMutual {
        return (vec![secret::agent("default")], secret::agent("ROOTCA"));
    }
    if by_credential(tls) {
        let one = std::slice::from_ref(&tls.credential_name);
        let names = if tls.credential_names.is_empty() { one } else { tls.credential_names.as_slice() };
        let root = if tls.ca_cert_credential_name.is_empty() {
            secret::of_control_plane(&format!("{}-cacert", names[0]))
        } else {
            secret::of_control_plane(&tls.ca_cert_credential_name)
        };
        return (names.iter().map(|n| secret::of_control_plane(n)).collect(), root);
    }
    let root = if tls.ca_certificates.is_empty() {
        secret::agent("ROOTCA")
    } else {
        secret::agent(&format!("file-root:{}", tls.ca_certificates))
    };
    let listed = tls.tls_certificates.iter().map(|c| file(&c.server_certificate, &c.private_key));
    let certificates = if tls.tls_certificates.is_empty() {
        vec![file(&tls.server_certificate, &tls.private_key)]
    } else {
        listed.collect()
    };
    (certificates, root)
}

/// Whom the server expects. Fingerprints count with credentials only, a revocation list without them only.
fn expected(tls: &ServerTls) -> CertificateValidationContext {
    let mut expected = matching(&tls.subject_alt_names);
    let words = |list: &[ArcStr]| list.iter().map(ToString::to_string).collect();
    if by_credential(tls) {
        expected.verify_certificate_spki = words(&tls.verify_certificate_spki);
        expected.verify_certificate_hash = words(&tls.verify_certificate_hash);
    } else if !tls.ca_crl.is_empty() {
        let file = core::data_source::Specifier::Filename(tls.ca_crl.to_string());
        expected.crl = Some(DataSource { specifier: Some(file), ..Default::default() });
    }
    if tls.insecure_skip_verify == Some(true) {
        expected.trust_chain_verification = TrustChainVerification::AcceptUntrusted.into();
    }
    expected
}

/// Versions and cipher suites: the mesh's, the server's over them; none where nothing is said.
fn parameters(tls: &ServerTls, mesh: &MeshConfig) -> Option<TlsParameters> {
    let mut parameters = TlsParameters::default();
    let words = |list: &[ArcStr]| list.iter().map(ToString::to_string).collect();
    if let Some(defaults) = &mesh.tls_defaults {
        parameters.ecdh_curves = words(&defaults.ecdh_curves);
        parameters.cipher_suites = words(&defaults.cipher_suites);
        parameters.tls_minimum_protocol_version = match defaults.min_protocol_version {
            MeshTlsVersion::Auto => TlsProtocol::TlsAuto,
            MeshTlsVersion::V1_2 => TlsProtocol::TlSv12,
            MeshTlsVersion::V1_3 => TlsProtocol::TlSv13,
        }
        .into();
    }
    if tls.min_protocol_version != Version::Auto {
        parameters.tls_minimum_protocol_version = version(tls.min_protocol_version).into();
    }
    if tls.max_protocol_version != Version::Auto {
        parameters.tls_maximum_protocol_version = version(tls.max_protocol_version).into();
    }
    let ciphers = ciphers(&tls.cipher_suites);
    if !ciphers.is_empty() {
        parameters.cipher_suites = ciphers;
    }
    (parameters != TlsParameters::default()).then_some(parameters)
}

/// Those that are known, each once. What begins with a sign is a group or a rule, and is not looked at.
fn ciphers(listed: &[ArcStr]) -> Vec<String> {
    let known = |c: &str| {
        matches!(c, "" | "ALL")
            || CIPHERS.contains(&c)
            || !c.starts_with(|first: char| first.is_alphanumeric())
    };
    let mut seen = BTreeSet::new();
    let kept = listed.iter().filter(|c| known(c) && seen.insert(c.as_str()));
    kept.map(ToString::to_string).collect()
}

const fn version(version: Version) -> TlsProtocol {
    match version {
        Version::Auto => TlsProtocol::TlsAuto,
        Version::V1_0 => TlsProtocol::TlSv10,
        Version::V1_1 => TlsProtocol::TlSv11,
        Version::V1_2 => TlsProtocol::TlSv12,
        Version::V1_3 => TlsProtocol::TlSv13,
    }
}
