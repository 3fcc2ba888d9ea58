//! Where certificates and roots are fetched (istiod: `pilot/pkg/security/model/authentication.go`).

use xdslab_proto::core::config_source::ConfigSourceSpecifier;
use xdslab_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use xdslab_proto::core::{self, ApiConfigSource, ConfigSource, GrpcService};
use xdslab_proto::protobuf::Duration;
use xdslab_proto::tls::SdsSecretConfig;

use super::wire::ads;

/// What a name of a secret may begin with to say where it is kept.
const KINDS: [&str; 3] = ["kubernetes://", "kubernetes-gateway://", "configmap://"];

/// A secret of the agent beside the proxy; files are known at once, so nobody waits for them for ever.
pub fn agent(name: &str) -> SdsSecretConfig {
    let from_file = name.starts_with("file-");
    let agent = EnvoyGrpc { cluster_name: "sds-grpc".to_owned(), ..Default::default() };
    let source = ApiConfigSource {
        api_type: core::api_config_source::ApiType::Grpc.into(),
        transport_api_version: core::ApiVersion::V3.into(),
        grpc_services: vec![GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(agent)),
            ..Default::default()
        }],
        set_node_on_first_message_only: true,
        ..Default::default()
    };
    let config = ConfigSource {
        initial_fetch_timeout: (!from_file).then(Duration::default),
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(source)),
        ..Default::default()
    };
    SdsSecretConfig { name: name.to_owned(), sds_config: Some(config) }
}

/// A secret that the control plane itself serves, a Kubernetes Secret unless the name says otherwise
/// (istiod: `ToResourceName` in `pilot/pkg/model/credentials`).
pub fn of_control_plane(name: &str) -> SdsSecretConfig {
    let named = KINDS.iter().any(|kind| name.starts_with(kind));
    let name = if named { name.to_owned() } else { format!("kubernetes://{name}") };
    let config = ConfigSource { initial_fetch_timeout: None, ..ads() };
    SdsSecretConfig { name, sds_config: Some(config) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_secrets_are_kept() {
        for (name, want) in [
            ("shop", "kubernetes://shop"),
            ("ns/shop-cacert", "kubernetes://ns/shop-cacert"),
            ("kubernetes://shop", "kubernetes://shop"),
            ("kubernetes-gateway://ns/shop", "kubernetes-gateway://ns/shop"),
            ("configmap://ns/roots", "configmap://ns/roots"),
        ] {
            assert_eq!(of_control_plane(name).name, want);
        }
    }
}
