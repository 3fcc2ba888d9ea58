//! Every case: what each proxy is answered equals what a real istiod sent.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arcstr::ArcStr;
use serde_json::Value;
use xdslab_mesh::{Mesh, Proxy};
use xdslab_proto::json::to_json;
use xdslab_protocol::ResourceSet;
use xdslab_server::generate::{Generator, View};
use xdslab_server::source::FileSource;
use xdslab_tests::{Case, Resources, differences};

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const LISTENER: &str = "envoy.config.listener.v3.Listener";
const ROUTES: &str = "envoy.config.route.v3.RouteConfiguration";
const ENDPOINTS: &str = "envoy.config.endpoint.v3.ClusterLoadAssignment";

datatest_stable::harness! {
    { test = equals_istiod, root = "cases", pattern = r"golden\.json$" },
}

fn equals_istiod(golden: &Path) -> datatest_stable::Result<()> {
    let folder = golden.parent().ok_or("a case has a folder")?;
    let lines = compare(&Case::read(folder)?)?;
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n").into()) }
}

fn compare(case: &Case) -> Result<Vec<String>> {
    let mut mesh = Mesh::new();
    let (_source, batch) = FileSource::load([case.mesh()])?;
    mesh.apply(batch.changes);
    let snapshot = mesh.snapshot();
    let generator = Generator::new();
    let mut lines = Vec::new();
    for proxy in &case.proxies {
        let parsed = Proxy::parse(proxy.node()).map_err(|e| anyhow!("{}: {e}", proxy.name))?;
        let view = View::new(snapshot.clone(), Arc::new(parsed));
        for (kind, got) in answers(&generator, &view)? {
            let wrong = differences(&case.wanted(proxy, kind), &got);
            lines.extend(wrong.iter().map(|d| format!("{}.{}: {kind} {d}", proxy.namespace, proxy.name)));
        }
    }
    Ok(lines)
}

/// What the proxy is answered, by kind.
fn answers(generator: &Generator, view: &View) -> Result<Vec<(&'static str, Resources)>> {
    let json = |type_name, set: &ResourceSet| json(type_name, set.iter().map(|r| (&r.name, &*r.body)));
    let clusters = json(CLUSTER, &generator.clusters(view))?;
    let endpoints = json(ENDPOINTS, &generator.endpoints(view, &eds_names(&clusters)))?;
    let listeners = json(LISTENER, &generator.listeners(view))?;
    let routes = json(ROUTES, &generator.routes(view, &rds_names(&listeners)))?;
    Ok(vec![("clusters", clusters), ("endpoints", endpoints), ("listeners", listeners), ("routes", routes)])
}

fn json<'a>(type_name: &str, bodies: impl Iterator<Item = (&'a ArcStr, &'a [u8])>) -> Result<Resources> {
    bodies
        .map(|(name, body)| Ok((name.to_string(), to_json(type_name, body).context(name.to_string())?)))
        .collect()
}

/// The EDS names of the clusters that get their endpoints so.
fn eds_names(clusters: &Resources) -> Vec<ArcStr> {
    let eds = clusters.values().filter(|c| c.get("type").is_some_and(|t| t == "EDS"));
    let service = |c: &serde_json::Value| {
        let named = c["eds_cluster_config"]["service_name"].as_str().or(c["name"].as_str());
        ArcStr::from(named.unwrap_or_default())
    };
    eds.map(service).collect()
}

/// The names of all route configurations that the listeners wait for.
fn rds_names(listeners: &Resources) -> BTreeSet<ArcStr> {
    fn walk(value: &Value, names: &mut BTreeSet<ArcStr>) {
        match value {
            Value::Object(fields) => {
                let named = fields.get("rds").and_then(|r| r["route_config_name"].as_str());
                names.extend(named.map(ArcStr::from));
                fields.values().for_each(|v| walk(v, names));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    listeners.values().for_each(|l| walk(l, &mut names));
    names
}
