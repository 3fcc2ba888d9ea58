//! Small meshes, and a route configuration of one proxy as text.

use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet, Mesh, NodeIdentity, Proxy};
use xdslab_proto::Message;
use xdslab_proto::route::redirect_action::PathRewriteSpecifier;
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_action::ClusterSpecifier;
use xdslab_proto::route::{Route, RouteConfiguration};

use super::super::configuration;
use crate::generate::view::View;

/// The routes of that name for a proxy in the namespace `front`, a line for each virtual host:
/// `<name> [<domains>] <routes>`.
pub fn hosts(objects: &[Value], metadata: Value, name: &str) -> Vec<String> {
    let routes = made(objects, metadata, name);
    let text = |host: &xdslab_proto::route::VirtualHost| {
        let routes: Vec<_> = host.routes.iter().map(text).collect();
        format!("{} [{}] {}", host.name, host.domains.join(" "), routes.join(", "))
    };
    routes.virtual_hosts.iter().map(text).collect()
}

/// The configuration itself.
pub fn made(objects: &[Value], metadata: Value, name: &str) -> RouteConfiguration {
    let changes = objects.iter().map(|value| match read(value.clone()) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}: {value}"),
    });
    let mut mesh = Mesh::new();
    mesh.apply(changes.collect::<ChangeSet>());
    let mut node = json!({"NAMESPACE": "front", "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "web"}});
    let (Value::Object(fields), Value::Object(given)) = (&mut node, metadata) else { panic!("objects") };
    fields.extend(given);
    let id = "sidecar~10.0.0.1~web.front~front.svc.cluster.local".into();
    let proxy = Proxy::parse(NodeIdentity { id, metadata: node, ..NodeIdentity::default() }).unwrap();
    let view = View::new(mesh.snapshot(), Arc::new(proxy));
    RouteConfiguration::decode(&*configuration(&view, name).0).unwrap()
}

/// `[<name>=]<cluster>`, `<share>*<cluster>+…`, `-> <host>:<port><path>`, or `<status>`.
fn text(route: &Route) -> String {
    let action = match route.action.as_ref() {
        Some(Action::Route(action)) => match action.cluster_specifier.as_ref() {
            Some(ClusterSpecifier::Cluster(cluster)) => cluster.clone(),
            Some(ClusterSpecifier::WeightedClusters(all)) => {
                let share = |c: &xdslab_proto::route::weighted_cluster::ClusterWeight| {
                    format!("{}*{}", c.weight.map_or(0, |w| w.value), c.name)
                };
                all.clusters.iter().map(share).collect::<Vec<_>>().join("+")
            }
            other => panic!("a cluster, not {other:?}"),
        },
        Some(Action::Redirect(to)) => {
            let path = match &to.path_rewrite_specifier {
                Some(PathRewriteSpecifier::PathRedirect(path)) => path.clone(),
                Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => format!("{prefix}*"),
                other => panic!("a path, not {other:?}"),
            };
            format!("-> {}:{}{path}", to.host_redirect, to.port_redirect)
        }
        Some(Action::DirectResponse(response)) => response.status.to_string(),
        None => "nothing".to_owned(),
        other => panic!("an action, not {other:?}"),
    };
    if matches!(route.name.as_str(), "" | "default") { action } else { format!("{}={action}", route.name) }
}

/// An object of the namespace `front`, made in this second.
pub fn object(kind: &str, name: &str, second: u32, spec: &Value) -> Value {
    let version = if kind == "Service" { "v1" } else { "networking.istio.io/v1" };
    let made = format!("2026-01-01T00:00:{second:02}Z");
    json!({"apiVersion": version, "kind": kind, "spec": spec,
           "metadata": {"name": name, "namespace": "front", "creationTimestamp": made}})
}

/// A Service at `10.0.0.<n>`.
pub fn service(name: &str, n: u32, ports: &[(&str, u32)]) -> Value {
    let port = |&(name, number): &(&str, u32)| json!({"name": format!("{name}-{number}"), "port": number, "protocol": "TCP"});
    let ports: Vec<_> = ports.iter().map(port).collect();
    let vip = format!("10.0.0.{n}");
    object("Service", name, 0, &json!({"clusterIP": vip, "ports": ports, "selector": {"app": name}}))
}

/// A `ServiceEntry` for a host.
pub fn entry(host: &str, addresses: &[&str]) -> Value {
    let spec = json!({"hosts": [host], "addresses": addresses, "resolution": "STATIC",
                      "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}]});
    object("ServiceEntry", host.replace(['.', '*'], "-").trim_matches('-'), 0, &spec)
}

/// A `VirtualService` with these routes.
pub fn rule(name: &str, second: u32, hosts: &[&str], http: &Value) -> Value {
    object("VirtualService", name, second, &json!({"hosts": hosts, "http": http}))
}

/// A route to one destination.
pub fn to(host: &str) -> Value {
    json!([{"destination": {"host": host}}])
}

/// The namespace's Sidecar.
pub fn sidecar(spec: &Value) -> Value {
    object("Sidecar", "default", 0, spec)
}
