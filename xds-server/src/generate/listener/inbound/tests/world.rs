//! Small meshes, and the inbound listeners of one proxy.

use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet, Mesh, NodeIdentity, Proxy};
use xdslab_proto::Message;
use xdslab_proto::filter::network::http_connection_manager::HttpConnectionManager;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::RouteSpecifier;
use xdslab_proto::filter::network::tcp_proxy::TcpProxy;
use xdslab_proto::listener::listener_filter_chain_match_predicate::Rule;
use xdslab_proto::listener::{
    FilterChain, Listener, ListenerFilter, ListenerFilterChainMatchPredicate, filter::ConfigType,
};

use crate::generate::filter::Filters;
use crate::generate::view::View;

/// The view of a proxy in the namespace `front`, labelled `app: web`.
pub fn view(objects: &[Value], metadata: Value) -> View {
    let changes = objects.iter().map(|value| match read(value.clone()) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}: {value}"),
    });
    let mut mesh = Mesh::new();
    mesh.apply(changes.collect::<ChangeSet>());
    let mut node = json!({"NAMESPACE": "front", "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "web"}});
    let (Value::Object(node_fields), Value::Object(given)) = (&mut node, metadata) else { panic!("objects") };
    node_fields.extend(given);
    let id = "sidecar~10.0.0.1~web.front~front.svc.cluster.local".into();
    let proxy = Proxy::parse(NodeIdentity { id, metadata: node, ..NodeIdentity::default() }).unwrap();
    View::new(mesh.snapshot(), Arc::new(proxy))
}

/// Its inbound listeners.
pub fn inbound(objects: &[Value], metadata: Value) -> Vec<Listener> {
    super::super::listeners(&Filters::new(&view(objects, metadata)))
}

/// Names of listeners with the names of their chains, each once, without the catch-alls of all ports.
pub fn names(listeners: &[Listener]) -> Vec<String> {
    let text = |listener: &Listener| {
        let mut names: Vec<_> = listener.filter_chains.iter().map(chain_name).collect();
        names.retain(|name| name != "virtualInbound-blackhole:15006" && !name.ends_with(":0"));
        names.dedup();
        format!("{}: {}", listener.name, names.join(" "))
    };
    listeners.iter().map(text).collect()
}

/// `<name>:<port>`, 0 for all ports.
fn chain_name(chain: &FilterChain) -> String {
    let port = chain.filter_chain_match.as_ref().and_then(|m| m.destination_port);
    format!("{}:{}", chain.name, port.map_or(0, |p| p.value))
}

/// The TCP proxies of a listener's chains.
pub fn tcp_proxies(listener: &Listener) -> Vec<TcpProxy> {
    filters(listener, ".TcpProxy").map(|value| TcpProxy::decode(&*value).unwrap()).collect()
}

/// The operations, as traces name them, of the routes of a listener's chains.
pub fn operations(listener: &Listener) -> Vec<String> {
    let managers = filters(listener, ".HttpConnectionManager");
    let operation = |value: Vec<u8>| {
        let manager = HttpConnectionManager::decode(&*value).unwrap();
        let Some(RouteSpecifier::RouteConfig(routes)) = manager.route_specifier else { panic!("routes") };
        let decorator = routes.virtual_hosts[0].routes[0].decorator.clone();
        decorator.expect("a name for traces").operation
    };
    managers.map(operation).collect()
}

fn filters<'l>(listener: &'l Listener, kind: &'l str) -> impl Iterator<Item = Vec<u8>> + 'l {
    let all = listener.filter_chains.iter().flat_map(|chain| &chain.filters);
    all.filter_map(move |filter| match &filter.config_type {
        Some(ConfigType::TypedConfig(config)) if config.type_url.ends_with(kind) => {
            Some(config.value.clone())
        }
        _ => None,
    })
}

/// `<filter>[ <where it is off>]`.
pub fn inspection(filter: &ListenerFilter) -> String {
    let name = filter.name.rsplit('.').next().unwrap_or_default();
    filter
        .filter_disabled
        .as_ref()
        .map_or_else(|| name.to_owned(), |off| format!("{name} {}", predicate(off)))
}

fn predicate(predicate: &ListenerFilterChainMatchPredicate) -> String {
    match &predicate.rule {
        Some(Rule::DestinationPortRange(range)) if range.end == range.start + 1 => range.start.to_string(),
        Some(Rule::NotMatch(inner)) => format!("!({})", self::predicate(inner)),
        Some(Rule::OrMatch(set)) => set.rules.iter().map(self::predicate).collect::<Vec<_>>().join("|"),
        other => panic!("no rule of ours: {other:?}"),
    }
}

/// An object of a namespace.
pub fn object(kind: &str, name: &str, namespace: &str, spec: &Value) -> Value {
    let version = match kind {
        "Service" => "v1",
        "PeerAuthentication" => "security.istio.io/v1",
        _ => "networking.istio.io/v1",
    };
    json!({"apiVersion": version, "kind": kind, "spec": spec,
           "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"}})
}

/// A Service for the proxy's workload: each port with the application's own.
pub fn service(name: &str, ports: &[(&str, u32, u32)]) -> Value {
    let port = |&(name, number, target): &(&str, u32, u32)| json!({"name": name, "port": number, "targetPort": target, "protocol": "TCP"});
    let ports: Vec<_> = ports.iter().map(port).collect();
    object(
        "Service",
        name,
        "front",
        &json!({"clusterIP": "10.1.0.1", "ports": ports, "selector": {"app": "web"}}),
    )
}

/// A Sidecar with these ingress listeners.
pub fn ingress(namespace: &str, listeners: &Value) -> Value {
    object("Sidecar", "in", namespace, &json!({"ingress": listeners, "egress": [{"hosts": ["*/*"]}]}))
}

/// The mode of the proxy's workload, and of some of its ports.
pub fn modes(mode: &str, ports: &Value) -> Value {
    let spec =
        json!({"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": mode}, "portLevelMtls": ports});
    object("PeerAuthentication", "web", "front", &spec)
}

/// The mesh configuration.
pub fn mesh(config: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
           "data": {"mesh": config}})
}
