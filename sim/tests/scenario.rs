//! The example, with real Envoys: what they hold is what istiod was recorded to send, whatever the release and the
//! variant of ADS; and they come back to a server that was away.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use xdslab_mesh::object::kubernetes::Pod;
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{Api, Binary, Surroundings, Version, Wanted, find};
use xdslab_sim::scenario::{
    ControlPlane, EnvoyFleet, Fleet, InProcess, Manner, MeshFolder, Options, Plan, Probe, Scenario,
    proxy_name,
};

const LIMIT: Duration = Duration::from_mins(1);

const STATIC: [&str; 4] = ["agent", "prometheus_stats", "sds-grpc", "xds-grpc"];

/// The Envoy of this version, fetched if need be. `None`, and said aloud, where there is none; in CI that is a failure.
async fn envoy(version: Version) -> Option<Binary> {
    let wanted = Wanted { path: None, version: Some(version) };
    match find(&wanted, &Surroundings::of_this_process(), &|_, _| {}).await {
        Ok(binary) => Some(binary),
        Err(error) if env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED, for there is no Envoy here: {error}");
            None
        }
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn plan() -> Plan {
    let scenario = Scenario::load(&project().join("examples/sidecar-lab")).unwrap();
    Plan::new(&scenario, &Options::default()).unwrap()
}

/// Endpoints by cluster.
type Clusters = BTreeMap<String, usize>;

/// What istiod sent to a proxy in a case of the golden files.
fn golden(case: &str, proxy: &str) -> Clusters {
    let text =
        std::fs::read_to_string(project().join("tests/cases/seed").join(case).join("golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let parts = [&golden["common"], &golden["proxies"][proxy]];
    let of = |kind: &str| {
        parts.iter().filter_map(|part| part[kind].as_object()).flatten().collect::<BTreeMap<_, _>>()
    };
    let endpoints = of("endpoints");
    let count = |name: &String| {
        let groups = endpoints.get(name).and_then(|assignment| assignment["endpoints"].as_array());
        groups.into_iter().flatten().filter_map(|group| group["lb_endpoints"].as_array()).map(Vec::len).sum()
    };
    of("clusters").into_keys().map(|name| (name.clone(), count(name))).collect()
}

/// What an Envoy has beside the clusters of its bootstrap.
async fn held(fleet: &EnvoyFleet, proxy: &str) -> Clusters {
    let envoy = fleet.view().envoy(proxy).expect("it runs");
    let clusters = envoy.admin().clusters().await.unwrap();
    clusters
        .into_iter()
        .filter(|c| !STATIC.contains(&c.name.as_str()))
        .map(|c| (c.name, c.endpoints))
        .collect()
}

/// Waits until the Envoys have what they should.
async fn expect(fleet: &EnvoyFleet, expected: &BTreeMap<String, Clusters>, what: &str) {
    let until = Instant::now() + LIMIT;
    for (proxy, expected) in expected {
        loop {
            let held = held(fleet, proxy).await;
            if held == *expected {
                break;
            }
            assert!(Instant::now() < until, "{what}: {proxy} has {held:#?}\nand should have {expected:#?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The pods whose names begin so, one each.
fn pods(mesh: &MeshFolder, names: &[&str]) -> Vec<Arc<Pod>> {
    let all = mesh.injected();
    names
        .iter()
        .filter_map(|name| all.iter().find(|pod| proxy_name(pod).starts_with(name)).cloned())
        .collect()
}

async fn holds_what_istiod_sends(version: Version, api: Api) {
    let Some(binary) = envoy(version).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (plan, mut mesh) = (plan(), MeshFolder::new(None).unwrap());
    let mut control = InProcess::start().await.unwrap();
    let mut fleet =
        EnvoyFleet::new(&[binary], control.address(), Manner { api, ..Manner::default() }, folder.path())
            .unwrap();
    let (progress, _) = watch::channel(0);
    let watched =
        [("productpage-v1-", "default.productpage-v1-0"), ("web-frontend-v1-", "default.web-frontend-v1-0")];
    for (step, case) in [(0, "1-bookinfo"), (1, "2-fifty-namespaces"), (2, "3-root-sidecar")] {
        let batch = mesh.change(&[], &plan.steps[step].apply, &BTreeMap::new()).unwrap();
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        control.apply(batch.changes).await.unwrap();
        if step == 0 {
            fleet.start(pods(&mesh, &watched.map(|(pod, _)| pod)), &progress).await;
            assert_eq!(fleet.failures(), []);
        }
        let names = fleet.running();
        timeout(LIMIT, control.acked(&names, &progress))
            .await
            .unwrap_or_else(|_| panic!("{:?}", control.late(&names)));
        let expected = watched.map(|(pod, key)| {
            let name = names.iter().find(|name| name.starts_with(pod)).expect("it runs");
            (name.clone(), golden(case, key))
        });
        expect(&fleet, &expected.into(), case).await;
        let traffic = control.traffic().expect("nothing was lost");
        for name in &names {
            let gauges = fleet.probe().gauges(name).await.unwrap();
            assert_eq!((gauges.clusters, gauges.warming), (traffic[name].clusters + 4, 0), "{name}");
            assert_eq!(fleet.probe().endpoints(name).await, control.endpoints(name), "{name}");
        }
    }
    fleet.stop().await;
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_1_36_over_sotw_holds_what_istiod_sends() {
    holds_what_istiod_sends(Version::new(1, 36, 4), Api::Sotw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_1_36_over_delta_holds_what_istiod_sends() {
    holds_what_istiod_sends(Version::new(1, 36, 4), Api::Delta).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_1_40_over_sotw_holds_what_istiod_sends() {
    holds_what_istiod_sends(Version::new(1, 40, 0), Api::Sotw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_1_40_over_delta_holds_what_istiod_sends() {
    holds_what_istiod_sends(Version::new(1, 40, 0), Api::Delta).await;
}

/// A server of the mesh in this folder.
async fn serve(address: SocketAddr, folder: &Path) -> Server {
    let until = Instant::now() + LIMIT;
    loop {
        let config = Config { grpc: address, files: vec![folder.to_owned()], ..Config::default() };
        match Server::start(config).await {
            Ok(server) => return server,
            // The port may still belong to the connections of the one before.
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn comes_back(api: Api) {
    let (Some(old), Some(new)) = (envoy(Version::new(1, 36, 4)).await, envoy(Version::DEFAULT).await) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("mesh");
    let (plan, mut mesh) = (plan(), MeshFolder::new(Some(&files)).unwrap());
    mesh.change(&[], &plan.steps[0].apply, &BTreeMap::new()).unwrap();
    let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &files).await;
    let address = server.grpc_addr();
    let mut fleet =
        EnvoyFleet::new(&[old, new], address, Manner { api, ..Manner::default() }, folder.path()).unwrap();
    let (progress, _) = watch::channel(0);
    let chosen = pods(&mesh, &["details-v1-", "productpage-v1-", "web-frontend-v1-"]);
    fleet.start(chosen, &progress).await;
    assert_eq!((fleet.failures(), fleet.running().len()), (vec![], 3));
    let name = fleet.running().into_iter().find(|name| name.starts_with("productpage-v1-")).unwrap();
    let productpage = |case: &str| BTreeMap::from([(name.clone(), golden(case, "default.productpage-v1-0"))]);
    expect(&fleet, &productpage("1-bookinfo"), "at first").await;

    server.shutdown().await.expect("it ends");
    let names: BTreeSet<String> = fleet.running();
    let until = Instant::now() + LIMIT;
    for name in &names {
        while fleet.view().envoy(name).unwrap().admin().xds().await.unwrap().connected {
            assert!(Instant::now() < until, "{name} does not notice that the server is gone");
            sleep(Duration::from_millis(20)).await;
        }
    }
    expect(&fleet, &productpage("1-bookinfo"), "while the server is away").await;

    // The mesh changes while nobody serves it: services come, and a Sidecar that hides them.
    let more: Vec<_> = plan.steps[1].apply.iter().chain(&plan.steps[2].apply).cloned().collect();
    mesh.change(&[], &more, &BTreeMap::new()).unwrap();
    let server = serve(address, &files).await;
    expect(&fleet, &productpage("3-root-sidecar"), "after the server has come back").await;
    for name in &names {
        while !fleet.view().envoy(name).unwrap().admin().xds().await.unwrap().connected {
            assert!(Instant::now() < until, "{name} does not come back");
            sleep(Duration::from_millis(20)).await;
        }
        let xds = fleet.view().envoy(name).unwrap().admin().xds().await.unwrap();
        assert_eq!((xds.cds.update_rejected, xds.warming_clusters), (0, 0), "{name}");
    }
    assert_eq!(fleet.running(), names);
    fleet.stop().await;
    server.shutdown().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_come_back_to_a_server_that_was_away_over_delta() {
    comes_back(Api::Delta).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_come_back_to_a_server_that_was_away_over_sotw() {
    comes_back(Api::Sotw).await;
}
