//! Every case: the simulated proxies, which look for a few names in the bytes of clusters and listeners, find those that
//! are found in the messages read in full.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use xdslab_mesh::{Mesh, Proxy};
use xdslab_protocol::{Cause, Demand, Inventory, Names, ResourceSet, ResourceType};
use xdslab_server::generate::{Generator, View};
use xdslab_server::source::FileSource;
use xdslab_sim::client::{ClusterNames, route_names};
use xdslab_tests::{Case, decoded, eds_names, rds_names};

datatest_stable::harness! {
    { test = finds_the_names, root = "cases", pattern = r"golden\.json$" },
}

fn finds_the_names(golden: &Path) -> datatest_stable::Result<()> {
    let folder = golden.parent().ok_or("a case has a folder")?;
    Ok(check(&Case::read(folder)?)?)
}

fn check(case: &Case) -> Result<()> {
    let mut mesh = Mesh::new();
    let (_source, batch) = FileSource::load([case.mesh()])?;
    mesh.apply(batch.changes);
    let snapshot = mesh.snapshot();
    let generator = Generator::new();
    for proxy in case.proxies.iter().filter(|proxy| !proxy.is_grpc_client()) {
        let parsed = Proxy::parse(proxy.node()).map_err(|e| anyhow!("{}: {e}", proxy.name))?;
        let view = View::new(snapshot.clone(), Arc::new(parsed));
        clusters(&all(&generator, &view, ResourceType::Cluster))?;
        listeners(&all(&generator, &view, ResourceType::Listener))?;
    }
    Ok(())
}

fn clusters(set: &ResourceSet) -> Result<()> {
    let read = decoded(&ResourceType::Cluster, set)?;
    let expected: BTreeSet<_> = eds_names(&read).into_iter().map(|name| name.to_string()).collect();
    let mut found = BTreeSet::new();
    for cluster in set {
        let names = ClusterNames::scan(&cluster.body)?;
        ensure!(names.name == cluster.name.as_str(), "{} for {}", names.name, cluster.name);
        found.extend(names.endpoints.map(str::to_owned));
    }
    ensure!(found == expected, "endpoints: {found:?} for {expected:?}");
    Ok(())
}

fn listeners(set: &ResourceSet) -> Result<()> {
    let read = decoded(&ResourceType::Listener, set)?;
    let expected: BTreeSet<_> = rds_names(&read).into_iter().map(|name| name.to_string()).collect();
    let mut found = BTreeSet::new();
    for listener in set {
        found.extend(route_names(&listener.body)?.into_iter().map(str::to_owned));
    }
    ensure!(found == expected, "routes: {found:?} for {expected:?}");
    Ok(())
}

/// All that a proxy is sent of a type.
fn all(generator: &Generator, view: &View, resource_type: ResourceType) -> ResourceSet {
    let demand = Demand {
        resource_type,
        names: Names::Wildcard,
        subscription: Names::Wildcard,
        held: Inventory::default(),
        cause: Cause::Request,
        forced: true,
    };
    generator.answer(view, &demand, None).resources
}
