//! Messages that only Istio's build of Envoy knows (istio/proxy, envoyproxy/envoy with Istio's extensions).

/// Which application protocols a proxy offers to its peer for the protocol that a client speaks
/// (`istio.envoy.config.filter.http.alpn.v2alpha1`).
pub mod alpn {
    /// The filter's configuration.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct FilterConfig {
        /// What is offered, by protocol.
        #[prost(message, repeated, tag = "1")]
        pub alpn_override: Vec<AlpnOverride>,
    }

    /// What is offered for one protocol.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct AlpnOverride {
        /// 0: HTTP/1.0, 1: HTTP/1.1, 2: HTTP/2.
        #[prost(int32, tag = "1")]
        pub upstream_protocol: i32,
        /// The protocols, the best first.
        #[prost(string, repeated, tag = "2")]
        pub alpn_override: Vec<String>,
    }

    impl prost::Name for FilterConfig {
        const NAME: &'static str = "FilterConfig";
        const PACKAGE: &'static str = "istio.envoy.config.filter.http.alpn.v2alpha1";

        fn full_name() -> String {
            format!("{}.{}", Self::PACKAGE, Self::NAME)
        }

        fn type_url() -> String {
            format!("type.googleapis.com/{}", Self::full_name())
        }
    }
}

/// What proxies count (`stats`).
pub mod stats {
    use std::collections::BTreeMap;

    use crate::protobuf::Duration;

    /// The filter's configuration.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct PluginConfig {
        /// Whether the destination is unknown where only the `host` header tells it.
        #[prost(bool, tag = "6")]
        pub disable_host_header_fallback: bool,
        /// How often open TCP connections are counted.
        #[prost(message, optional, tag = "7")]
        pub tcp_reporting_duration: Option<Duration>,
        /// What differs from the standard metrics.
        #[prost(message, repeated, tag = "8")]
        pub metrics: Vec<MetricConfig>,
    }

    /// How one metric differs.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct MetricConfig {
        /// Labels by name, with the expressions that give their values.
        #[prost(btree_map = "string, string", tag = "1")]
        pub dimensions: BTreeMap<String, String>,
        /// The metric.
        #[prost(string, tag = "2")]
        pub name: String,
        /// Labels that it loses.
        #[prost(string, repeated, tag = "3")]
        pub tags_to_remove: Vec<String>,
        /// Whether it is not counted.
        #[prost(bool, tag = "5")]
        pub drop: bool,
    }

    impl prost::Name for PluginConfig {
        const NAME: &'static str = "PluginConfig";
        const PACKAGE: &'static str = "stats";

        fn full_name() -> String {
            "stats.PluginConfig".to_owned()
        }

        fn type_url() -> String {
            "type.googleapis.com/stats.PluginConfig".to_owned()
        }
    }
}
