//! Every case: what each proxy is answered equals what a real istiod sent.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arcstr::ArcStr;
use xdslab_mesh::{Mesh, Proxy};
use xdslab_protocol::{Cause, Demand, Inventory, Names, ResourceType};
use xdslab_server::generate::{Generator, View};
use xdslab_server::source::FileSource;
use xdslab_tests::{Case, ProxyCase, Resources, decoded, differences, eds_names, named_clusters, rds_names};

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
        let client = Client { generator: &generator, view: &view };
        let answers = if proxy.is_grpc_client() { client.ask_by_name(proxy) } else { client.ask_as_envoy() }?;
        for (kind, got) in answers {
            let wrong = differences(&case.wanted(proxy, kind), &got);
            lines.extend(wrong.iter().map(|d| format!("{}.{}: {kind} {d}", proxy.namespace, proxy.name)));
        }
    }
    Ok(lines)
}

type Answers = Vec<(&'static str, Resources)>;

/// One client that asks for one thing after the other.
struct Client<'a> {
    generator: &'a Generator,
    view: &'a View,
}

impl Client<'_> {
    /// Clusters, then their endpoints, listeners, then their routes.
    fn ask_as_envoy(&self) -> Result<Answers> {
        let clusters = self.ask(ResourceType::Cluster, Names::Wildcard)?;
        let endpoints = self.ask_for(ResourceType::Endpoint, eds_names(&clusters))?;
        let listeners = self.ask(ResourceType::Listener, Names::Wildcard)?;
        let routes = self.ask_for(ResourceType::Route, rds_names(&listeners))?;
        Ok(answers(clusters, endpoints, listeners, routes))
    }

    /// Listeners, then their routes, the clusters of these, and their endpoints, as gRPC clients do.
    fn ask_by_name(&self, proxy: &ProxyCase) -> Result<Answers> {
        let wanted = proxy.listeners.iter().map(ArcStr::from);
        let listeners = self.ask_for(ResourceType::Listener, wanted)?;
        let routes = self.ask_for(ResourceType::Route, rds_names(&listeners))?;
        let named = named_clusters(routes.values()).into_iter().map(ArcStr::from);
        let clusters = self.ask_for(ResourceType::Cluster, named)?;
        let endpoints = self.ask_for(ResourceType::Endpoint, eds_names(&clusters))?;
        Ok(answers(clusters, endpoints, listeners, routes))
    }

    /// What is answered to these names; a client that needs nothing does not ask.
    fn ask_for(&self, kind: ResourceType, names: impl IntoIterator<Item = ArcStr>) -> Result<Resources> {
        let names = Names::Named(names.into_iter().collect());
        if names.is_empty() { Ok(Resources::new()) } else { self.ask(kind, names) }
    }

    fn ask(&self, resource_type: ResourceType, names: Names) -> Result<Resources> {
        let demand = Demand {
            resource_type,
            names: names.clone(),
            subscription: names,
            held: Inventory::default(),
            cause: Cause::Request,
            forced: true,
        };
        let answer = self.generator.answer(self.view, &demand, None);
        decoded(&demand.resource_type, &answer.resources)
    }
}

fn answers(clusters: Resources, endpoints: Resources, listeners: Resources, routes: Resources) -> Answers {
    vec![("clusters", clusters), ("endpoints", endpoints), ("listeners", listeners), ("routes", routes)]
}
