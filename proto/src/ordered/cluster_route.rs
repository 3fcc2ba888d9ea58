//! A route to one cluster, of which there are as many as services: what they have in common is encoded once.

use bytes::Bytes;

use crate::protobuf::Duration;
use crate::route::Decorator;
use crate::route::route_action::HashPolicy;

/// `envoy.config.route.v3.Route`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterRoute {
    /// Which requests it is for: an encoded `RouteMatch`.
    #[prost(bytes = "bytes", tag = "1")]
    pub r#match: Bytes,
    /// Where they go.
    #[prost(message, optional, tag = "2")]
    pub route: Option<ClusterAction>,
    /// What a trace calls them.
    #[prost(message, optional, tag = "5")]
    pub decorator: Option<Decorator>,
    /// Name.
    #[prost(string, tag = "14")]
    pub name: String,
}

/// `envoy.config.route.v3.RouteAction`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterAction {
    /// The cluster.
    #[prost(string, tag = "1")]
    pub cluster: String,
    /// How long a request may take.
    #[prost(message, optional, tag = "8")]
    pub timeout: Option<Duration>,
    /// What is tried again: an encoded `RetryPolicy`.
    #[prost(bytes = "bytes", tag = "9")]
    pub retry_policy: Bytes,
    /// Which request goes to which host.
    #[prost(message, repeated, tag = "15")]
    pub hash_policy: Vec<HashPolicy>,
    /// The longest time that a gRPC client may ask for.
    #[prost(message, optional, tag = "23")]
    pub max_grpc_timeout: Option<Duration>,
    /// Whether upstreams are told the host that was asked for.
    #[prost(bool, tag = "38")]
    pub append_x_forwarded_host: bool,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::protobuf::UInt32Value;
    use crate::route::{RetryPolicy, Route, RouteMatch, route, route_action, route_match};

    #[test]
    #[allow(deprecated)] // `max_grpc_timeout`
    fn it_reads_as_envoys_own() {
        let matched = RouteMatch {
            path_specifier: Some(route_match::PathSpecifier::Prefix("/".into())),
            ..Default::default()
        };
        let retries = RetryPolicy { num_retries: Some(UInt32Value { value: 2 }), ..Default::default() };
        let decorator = Decorator { operation: "o".into(), propagate: None };
        let twin = ClusterRoute {
            r#match: matched.encode_to_vec().into(),
            route: Some(ClusterAction {
                cluster: "c".into(),
                timeout: Some(Duration::default()),
                retry_policy: retries.encode_to_vec().into(),
                hash_policy: vec![HashPolicy { terminal: true, policy_specifier: None }],
                max_grpc_timeout: Some(Duration { seconds: 1, nanos: 0 }),
                append_x_forwarded_host: true,
            }),
            decorator: Some(decorator.clone()),
            name: "n".into(),
        };
        let Route { name, r#match, decorator: read, action, .. } =
            Route::decode(&*twin.encode_to_vec()).expect("a Route");
        assert_eq!((name.as_str(), r#match, read), ("n", Some(matched), Some(decorator)));
        let Some(route::Action::Route(action)) = action else { panic!("{action:?}") };
        assert_eq!(action.cluster_specifier, Some(route_action::ClusterSpecifier::Cluster("c".into())));
        assert_eq!((action.timeout, action.retry_policy), (Some(Duration::default()), Some(retries)));
        assert_eq!(action.max_grpc_timeout.map(|d| d.seconds), Some(1));
        assert!(action.hash_policy[0].terminal && action.append_x_forwarded_host);
    }
}
