//! TLS with the certificates that the client's own bootstrap provides (istiod: `buildCommonTLSContext` in
//! `grpcgen/grpcgen.go`).

use arcstr::ArcStr;
use xdslab_proto::core::TransportSocket;
use xdslab_proto::matcher::{StringMatcher, string_matcher::MatchPattern};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::BoolValue;
use xdslab_proto::tls::common_tls_context::{
    CertificateProviderInstance, CombinedCertificateValidationContext, ValidationContextType,
};
use xdslab_proto::tls::{
    CertificateProviderPluginInstance, CertificateValidationContext, CommonTlsContext, DownstreamTlsContext,
    UpstreamTlsContext,
};

use crate::generate::cluster::wire::transport_socket;

/// gRPC insists on this very name.
const TLS: &str = "envoy.transport_sockets.tls";
/// The provider in the client's bootstrap.
const PROVIDER: &str = "default";
/// What the workload's own certificate is called.
const CERTIFICATE: &str = "default";
/// What the certificates of the authorities are called.
const ROOT: &str = "ROOTCA";

/// The socket of a cluster whose servers have one of these identities.
pub(super) fn upstream(identities: &[ArcStr]) -> TransportSocket {
    let context = UpstreamTlsContext { common_tls_context: Some(common(identities)), ..Default::default() };
    transport_socket(TLS, pack_any(context))
}

/// The socket of a server that wants to see a certificate.
pub(super) fn downstream() -> TransportSocket {
    let context = DownstreamTlsContext {
        common_tls_context: Some(common(&[])),
        require_client_certificate: Some(BoolValue { value: true }),
        ..Default::default()
    };
    transport_socket(TLS, pack_any(context))
}

#[allow(deprecated)] // both generations of fields, for gRPC reads the older, or the newer
fn common(identities: &[ArcStr]) -> CommonTlsContext {
    let exact = |identity: &ArcStr| StringMatcher {
        match_pattern: Some(MatchPattern::Exact(identity.to_string())),
        ..Default::default()
    };
    let expected = CertificateValidationContext {
        ca_certificate_provider_instance: Some(plugin(ROOT)),
        match_subject_alt_names: identities.iter().map(exact).collect(),
        ..Default::default()
    };
    let validation = CombinedCertificateValidationContext {
        default_validation_context: Some(expected),
        validation_context_certificate_provider_instance: Some(instance(ROOT)),
        ..Default::default()
    };
    CommonTlsContext {
        tls_certificate_provider_instance: Some(plugin(CERTIFICATE)),
        tls_certificate_certificate_provider_instance: Some(instance(CERTIFICATE)),
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation)),
        ..Default::default()
    }
}

fn plugin(certificate: &str) -> CertificateProviderPluginInstance {
    CertificateProviderPluginInstance {
        instance_name: PROVIDER.to_owned(),
        certificate_name: certificate.to_owned(),
    }
}

fn instance(certificate: &str) -> CertificateProviderInstance {
    CertificateProviderInstance {
        instance_name: PROVIDER.to_owned(),
        certificate_name: certificate.to_owned(),
    }
}
