//! The one route of an inbound port (istiod: `buildInboundHTTPRouteConfig` in `httproute.go`).

use xdslab_mesh::service::Protocol;
use xdslab_proto::protobuf::{BoolValue, Duration, UInt32Value};
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_action::{ClusterSpecifier, MaxStreamDuration};
use xdslab_proto::route::route_match::PathSpecifier;
use xdslab_proto::route::{
    Decorator, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
};

/// All requests to `cluster`. A request that was not sent yet when its connection ended is tried again, but for gRPC,
/// where the client does so.
pub(super) fn configuration(
    cluster: &str,
    host: &str,
    service_port: u32,
    protocol: Protocol,
) -> RouteConfiguration {
    let retries = !matches!(protocol, Protocol::Grpc | Protocol::GrpcWeb);
    let action = RouteAction {
        timeout: Some(Duration::default()),
        max_stream_duration: Some(MaxStreamDuration {
            max_stream_duration: Some(Duration::default()),
            grpc_timeout_header_max: Some(Duration::default()),
            ..Default::default()
        }),
        retry_policy: retries.then(|| RetryPolicy {
            retry_on: "reset-before-request".to_owned(),
            num_retries: Some(UInt32Value { value: 2 }),
            ..Default::default()
        }),
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..Default::default()
    };
    let everything =
        RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() };
    let route = Route {
        name: "default".to_owned(),
        r#match: Some(everything),
        decorator: Some(Decorator { operation: format!("{host}:{service_port}/*"), propagate: None }),
        action: Some(Action::Route(action)),
        ..Default::default()
    };
    RouteConfiguration {
        name: cluster.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: format!("inbound|http|{service_port}"),
            domains: vec!["*".to_owned()],
            routes: vec![route],
            ..Default::default()
        }],
        validate_clusters: Some(BoolValue { value: false }),
        ..Default::default()
    }
}
