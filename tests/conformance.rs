//! Every case: what each proxy is answered equals what a real istiod sent.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arcstr::ArcStr;
use xdslab_mesh::{Mesh, Proxy};
use xdslab_proto::json::to_json;
use xdslab_server::generate::{Generator, View};
use xdslab_server::source::FileSource;
use xdslab_tests::{Case, Resources, differences};

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "envoy.config.endpoint.v3.ClusterLoadAssignment";

datatest_stable::harness! {
    { test = clusters_and_endpoints, root = "cases", pattern = r"^(?!.*(router|grpc)/).*golden\.json$" },
}

fn clusters_and_endpoints(golden: &Path) -> datatest_stable::Result<()> {
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
        let clusters = generator.clusters(&view);
        let clusters = json(CLUSTER, clusters.iter().map(|r| (&r.name, &*r.body)))?;
        let names: Vec<ArcStr> = eds_names(&clusters);
        let endpoints = generator.endpoints(&view, &names);
        let endpoints = json(ENDPOINTS, endpoints.iter().map(|r| (&r.name, &*r.body)))?;
        for (kind, got) in [("clusters", clusters), ("endpoints", endpoints)] {
            let wrong = differences(&case.wanted(proxy, kind), &got);
            lines.extend(wrong.iter().map(|d| format!("{}.{}: {kind} {d}", proxy.namespace, proxy.name)));
        }
    }
    Ok(lines)
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
