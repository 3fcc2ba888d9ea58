//! TLS contexts of servers.

use xdslab_mesh::object::istio::{MeshConfig, MeshTls, MeshTlsVersion, ServerTls};
use xdslab_proto::tls::common_tls_context::ValidationContextType;
use xdslab_proto::tls::tls_parameters::TlsProtocol;
use xdslab_proto::tls::{CertificateValidationContext, DownstreamTlsContext};

use super::*;
use crate::generate::gateway::tls::context;
use xdslab_mesh::service::Protocol;

fn made(settings: Value) -> DownstreamTlsContext {
    let tls: ServerTls = serde_json::from_value(settings).expect("settings");
    context(&tls, Protocol::Https, &MeshConfig::default())
}

/// Names of certificates, then of the root, and whether a client must have one.
fn secrets(context: &DownstreamTlsContext) -> (String, String, bool) {
    let common = context.common_tls_context.as_ref().expect("a common context");
    let names: Vec<&str> =
        common.tls_certificate_sds_secret_configs.iter().map(|c| c.name.as_str()).collect();
    let root = match &common.validation_context_type {
        Some(ValidationContextType::CombinedValidationContext(c)) => {
            c.validation_context_sds_secret_config.as_ref().map(|s| s.name.clone())
        }
        _ => None,
    };
    let required = context.require_client_certificate.is_some_and(|r| r.value);
    (names.join(" "), root.unwrap_or_default(), required)
}

#[test]
fn where_certificates_come_from() {
    for (settings, want) in [
        (json!({"mode": 1, "credentialName": "c"}), ("kubernetes://c", "", false)),
        (json!({"mode": 2, "credentialName": "c"}), ("kubernetes://c", "kubernetes://c-cacert", true)),
        (
            json!({"mode": 5, "credentialNames": ["a", "configmap://n/b"]}),
            ("kubernetes://a configmap://n/b", "kubernetes://a-cacert", false),
        ),
        (
            json!({"mode": 2, "credentialName": "c", "caCertCredentialName": "r"}),
            ("kubernetes://c", "kubernetes://r", true),
        ),
        (
            json!({"mode": 2, "serverCertificate": "/s", "privateKey": "/k", "caCertificates": "/r"}),
            ("file-cert:/s~/k", "file-root:/r", true),
        ),
        (
            json!({"mode": 2, "tlsCertificates": [{"serverCertificate": "/s", "privateKey": "/k"}]}),
            ("file-cert:/s~/k", "ROOTCA", true),
        ),
        (json!({"mode": 4}), ("default", "ROOTCA", true)),
    ] {
        let (certificates, root, required) = secrets(&made(settings.clone()));
        assert_eq!((certificates.as_str(), root.as_str(), required), want, "{settings}");
    }
}

fn validation(context: DownstreamTlsContext) -> Option<CertificateValidationContext> {
    match context.common_tls_context?.validation_context_type? {
        ValidationContextType::CombinedValidationContext(c) => c.default_validation_context,
        ValidationContextType::ValidationContext(c) => Some(c),
        _ => None,
    }
}

#[test]
#[allow(deprecated)] // the field that istiod still writes
fn whom_a_server_expects() {
    let base = json!({"subjectAltNames": ["x"], "verifyCertificateSpki": ["s"], "caCrl": "/crl"});
    for (mode, source, want) in [
        (1, json!({"credentialName": "c"}), Some((1, 0, false))),
        (1, json!({"serverCertificate": "/s"}), None),
        (2, json!({"credentialName": "c"}), Some((1, 1, false))),
        (2, json!({"serverCertificate": "/s"}), Some((1, 0, true))),
        (4, json!({}), Some((1, 0, true))),
    ] {
        let mut settings = base.clone();
        settings["mode"] = json!(mode);
        for (key, value) in source.as_object().into_iter().flatten() {
            settings[key] = value.clone();
        }
        let got = validation(made(settings))
            .map(|v| (v.match_subject_alt_names.len(), v.verify_certificate_spki.len(), v.crl.is_some()));
        assert_eq!(got, want, "{mode} {source}");
    }
    let trusting = made(json!({"mode": 2, "credentialName": "c", "insecureSkipVerify": true}));
    assert_eq!(validation(trusting).expect("a context").trust_chain_verification, 1);
}

#[test]
fn versions_and_ciphers() {
    let defaults = MeshTls {
        min_protocol_version: MeshTlsVersion::V1_3,
        cipher_suites: vec!["AES128-SHA".into()],
        ecdh_curves: vec!["P-256".into()],
    };
    let mesh = MeshConfig { tls_defaults: Some(defaults), ..MeshConfig::default() };
    let parameters = |settings: Value, mesh: &MeshConfig| {
        let tls: ServerTls = serde_json::from_value(settings).expect("settings");
        context(&tls, Protocol::Tls, mesh).common_tls_context.and_then(|c| c.tls_params)
    };
    let plain = MeshConfig::default();
    assert_eq!(parameters(json!({"mode": 1}), &plain), None);
    assert_eq!(parameters(json!({"mode": 4, "minProtocolVersion": "TLSV1_2"}), &mesh), None);
    let of_mesh = parameters(json!({"mode": 1}), &mesh).expect("parameters");
    assert_eq!(of_mesh.tls_minimum_protocol_version(), TlsProtocol::TlSv13);
    assert_eq!((of_mesh.cipher_suites.len(), of_mesh.ecdh_curves.len()), (1, 1));
    let own = json!({"mode": 1, "minProtocolVersion": "TLSV1_2", "maxProtocolVersion": "TLSV1_2",
        "cipherSuites": ["AES256-SHA", "nonsense", "AES256-SHA", "-ALL"]});
    let own = parameters(own, &mesh).expect("parameters");
    assert_eq!(own.tls_minimum_protocol_version(), TlsProtocol::TlSv12);
    assert_eq!(own.tls_maximum_protocol_version(), TlsProtocol::TlSv12);
    assert_eq!(own.cipher_suites, ["AES256-SHA", "-ALL"]);
}

#[test]
fn what_is_offered_by_alpn() {
    let alpn = |mode: u32, protocol: Protocol| {
        let tls: ServerTls = serde_json::from_value(json!({"mode": mode})).expect("settings");
        let context = context(&tls, protocol, &MeshConfig::default());
        context.common_tls_context.map(|c| c.alpn_protocols.len())
    };
    assert_eq!(alpn(4, Protocol::Https), Some(2));
    assert_eq!(alpn(4, Protocol::Tls), Some(3));
    assert_eq!(alpn(1, Protocol::Tls), Some(2));
}
