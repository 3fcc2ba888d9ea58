//! Istio's mutual TLS with the workload's own certificate. Nearly every cluster has it, and only names differ: the rest is
//! encoded once (istiod: `buildUpstreamClusterTLSContext` in `cluster_tls.go`).

use std::sync::LazyLock;

use arcstr::ArcStr;
use bytes::Bytes;
use xdslab_proto::Message;
use xdslab_proto::core::TransportSocket;
use xdslab_proto::ordered::{CombinedValidation, CommonTls, UpstreamTls};

use super::protocol::{Options, Speaks};
use super::secret;
use super::tls::{TLS, matching, versions};
use super::wire::transport_socket;

static VERSIONS: LazyLock<Bytes> = LazyLock::new(|| versions().encode_to_vec().into());
static CERTIFICATE: LazyLock<Bytes> = LazyLock::new(|| secret::agent("default").encode_to_vec().into());
static ROOT: LazyLock<Bytes> = LazyLock::new(|| secret::agent("ROOTCA").encode_to_vec().into());

/// The socket: whom to expect, the server name to ask for, and the protocols of `options`.
pub fn socket(sans: &[ArcStr], sni: String, options: &Options) -> TransportSocket {
    let mut alpn = vec!["istio-peer-exchange".to_owned(), "istio".to_owned()];
    if options.speaks == Speaks::Http2 {
        alpn.push("h2".to_owned());
    }
    let context = CommonTls {
        tls_params: Some(VERSIONS.clone()),
        alpn_protocols: alpn,
        tls_certificate_sds_secret_configs: vec![CERTIFICATE.clone()],
        combined_validation_context: Some(CombinedValidation {
            default_validation_context: Some(matching(sans)),
            validation_context_sds_secret_config: Some(ROOT.clone()),
        }),
    };
    transport_socket(TLS, UpstreamTls { common_tls_context: Some(context), sni }.pack())
}
