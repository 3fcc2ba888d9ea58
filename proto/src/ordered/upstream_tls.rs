//! The TLS of a client whose certificate and root are fetched, with what is the same for all clients already encoded.

use bytes::Bytes;

use crate::protobuf::Any;
use crate::tls;

/// `envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpstreamTls {
    /// What both ends of a connection may set.
    #[prost(message, optional, tag = "1")]
    pub common_tls_context: Option<CommonTls>,
    /// The server name that is asked for.
    #[prost(string, tag = "2")]
    pub sni: String,
}

/// `envoy.extensions.transport_sockets.tls.v3.CommonTlsContext`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CommonTls {
    /// The bytes of `TlsParameters`.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub tls_params: Option<Bytes>,
    /// Names of protocols to offer.
    #[prost(string, repeated, tag = "4")]
    pub alpn_protocols: Vec<String>,
    /// The bytes of a `SdsSecretConfig` each.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub tls_certificate_sds_secret_configs: Vec<Bytes>,
    /// Whom to expect.
    #[prost(message, optional, tag = "8")]
    pub combined_validation_context: Option<CombinedValidation>,
}

/// `envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CombinedValidation {
    /// What is expected of the peer.
    #[prost(message, optional, tag = "1")]
    pub default_validation_context: Option<tls::CertificateValidationContext>,
    /// The bytes of the root's `SdsSecretConfig`.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub validation_context_sds_secret_config: Option<Bytes>,
}

impl UpstreamTls {
    /// The `Any` of an `UpstreamTlsContext`.
    pub fn pack(&self) -> Any {
        use prost::{Message, Name};
        Any { type_url: tls::UpstreamTlsContext::type_url(), value: self.encode_to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    use crate::tls::{CertificateValidationContext, CommonTlsContext, SdsSecretConfig, TlsParameters};

    #[test]
    fn it_reads_as_envoys_own() {
        let versions = TlsParameters { tls_minimum_protocol_version: 3, ..Default::default() };
        let secret = |name: &str| SdsSecretConfig { name: name.to_owned(), sds_config: None };
        let whom = CertificateValidationContext { trust_chain_verification: 1, ..Default::default() };
        let root = CombinedCertificateValidationContext {
            default_validation_context: Some(whom.clone()),
            validation_context_sds_secret_config: Some(secret("root")),
            ..Default::default()
        };
        let own = tls::UpstreamTlsContext {
            common_tls_context: Some(CommonTlsContext {
                tls_params: Some(versions.clone()),
                alpn_protocols: vec!["h2".to_owned()],
                tls_certificate_sds_secret_configs: vec![secret("own")],
                validation_context_type: Some(ValidationContextType::CombinedValidationContext(root)),
                ..Default::default()
            }),
            sni: "a".to_owned(),
            ..Default::default()
        };
        let twin = UpstreamTls {
            common_tls_context: Some(CommonTls {
                tls_params: Some(versions.encode_to_vec().into()),
                alpn_protocols: vec!["h2".to_owned()],
                tls_certificate_sds_secret_configs: vec![secret("own").encode_to_vec().into()],
                combined_validation_context: Some(CombinedValidation {
                    default_validation_context: Some(whom),
                    validation_context_sds_secret_config: Some(secret("root").encode_to_vec().into()),
                }),
            }),
            sni: "a".to_owned(),
        };
        let packed = twin.pack();
        assert_eq!(tls::UpstreamTlsContext::decode(&*packed.value).expect("a context"), own);
        assert_eq!(packed.type_url, crate::pack_any(own).type_url);
    }
}
