//! Small meshes, and the outbound listeners of one proxy as text.

use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet, Mesh, NodeIdentity, Proxy};
use xdslab_proto::Message;
use xdslab_proto::filter::network::http_connection_manager::HttpConnectionManager;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::RouteSpecifier;
use xdslab_proto::filter::network::tcp_proxy::TcpProxy;
use xdslab_proto::filter::network::tcp_proxy::tcp_proxy::ClusterSpecifier;
use xdslab_proto::listener::{FilterChain, Listener, filter::ConfigType};
use xdslab_proto::protobuf::Any;

use super::super::listeners;
use crate::generate::filter::Filters;
use crate::generate::view::View;

/// The outbound listeners but `virtualOutbound` of a proxy in the namespace `front`, as text, by name.
pub fn outbound(objects: &[Value], metadata: Value) -> Vec<String> {
    let mut all: Vec<_> = made(objects, metadata).iter().map(text).collect();
    all.retain(|l| !l.starts_with("virtualOutbound"));
    all.sort();
    all
}

/// All of them.
pub fn made(objects: &[Value], metadata: Value) -> Vec<Listener> {
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
    let view = View::new(mesh.snapshot(), Arc::new(proxy));
    listeners(&Filters::new(&view)).0
}

/// `<name>[+<additional>][ bound]: <chains>[ | <default chain>]`.
fn text(listener: &Listener) -> String {
    let mut line = listener.name.clone();
    line.push_str(&"+".repeat(listener.additional_addresses.len()));
    if listener.bind_to_port.is_none() {
        line.push_str(" bound");
    }
    let chains: Vec<_> = listener.filter_chains.iter().map(chain_text).collect();
    line.push_str(": ");
    line.push_str(&chains.join("; "));
    if let Some(default) = &listener.default_filter_chain {
        line.push_str(" | ");
        line.push_str(&chain_text(default));
    }
    line
}

/// `[http ][raw ][<server names> ][<subnets> ]-> <cluster, shares, or routes>`.
pub fn chain_text(chain: &FilterChain) -> String {
    let mut words = Vec::new();
    if let Some(wanted) = &chain.filter_chain_match {
        words.extend((!wanted.application_protocols.is_empty()).then(|| "http".to_owned()));
        words.extend((wanted.transport_protocol == "raw_buffer").then(|| "raw".to_owned()));
        words.extend(wanted.server_names.iter().cloned());
        let bits = |r: &xdslab_proto::core::CidrRange| r.prefix_len.map_or(0, |b| b.value);
        words.extend(wanted.prefix_ranges.iter().map(|r| format!("{}/{}", r.address_prefix, bits(r))));
    }
    words.push("->".to_owned());
    match tcp_proxy(chain).map(|p| p.cluster_specifier) {
        Some(Some(ClusterSpecifier::Cluster(cluster))) => words.push(cluster),
        Some(Some(ClusterSpecifier::WeightedClusters(all))) => {
            words.extend(all.clusters.iter().map(|c| format!("{}*{}", c.weight, c.name)));
        }
        Some(None) => panic!("a cluster"),
        None => {
            let manager = HttpConnectionManager::decode(&*last(chain).value).unwrap();
            let Some(RouteSpecifier::Rds(rds)) = manager.route_specifier else { panic!("routes by name") };
            words.push(format!("routes {}", rds.route_config_name));
        }
    }
    words.join(" ")
}

/// The TCP proxy that the chain ends in, if it does.
pub fn tcp_proxy(chain: &FilterChain) -> Option<TcpProxy> {
    let last = last(chain);
    last.type_url.ends_with(".TcpProxy").then(|| TcpProxy::decode(&*last.value).unwrap())
}

fn last(chain: &FilterChain) -> &Any {
    match chain.filters.last().and_then(|f| f.config_type.as_ref()) {
        Some(ConfigType::TypedConfig(config)) => config,
        other => panic!("a chain ends in a filter, not in {other:?}"),
    }
}

/// An object of the namespace `front`.
pub fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let version = match kind {
        "Service" => "v1",
        _ => "networking.istio.io/v1",
    };
    json!({"apiVersion": version, "kind": kind, "spec": spec,
           "metadata": {"name": name, "namespace": "front", "creationTimestamp": "2026-01-01T00:00:00Z"}})
}

/// A Service at a VIP.
pub fn service(name: &str, vip: &str, ports: &[(&str, u32)]) -> Value {
    let port = |&(name, number): &(&str, u32)| json!({"name": name, "port": number, "protocol": "TCP"});
    let ports: Vec<_> = ports.iter().map(port).collect();
    object("Service", name, &json!({"clusterIP": vip, "ports": ports, "selector": {"app": name}}))
}

/// A `ServiceEntry` for `<name>.com` with these addresses.
pub fn entry(name: &str, addresses: &[&str], ports: &[(&str, u32)], resolution: &str) -> Value {
    let port = |&(protocol, number): &(&str, u32)| json!({"name": format!("p{protocol}-{number}").to_lowercase(), "number": number, "protocol": protocol});
    let ports: Vec<_> = ports.iter().map(port).collect();
    let spec = json!({"hosts": [format!("{name}.com")], "addresses": addresses, "ports": ports,
                      "resolution": resolution});
    object("ServiceEntry", name, &spec)
}

/// The namespace's Sidecar.
pub fn egress(listeners: &Value) -> Value {
    object("Sidecar", "default", &json!({"egress": listeners}))
}
