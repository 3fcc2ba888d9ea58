//! Load on a server in the same process, and the command's ways to fail.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xdslab_sim::client::{Config, Look, Types, Variant};
use xdslab_sim::load::{Listen, LoadError, Plan, Population, run};
use xdslab_sim::scenario::{ControlPlane, InProcess, Layer, MeshFolder, Pattern};
use xdslab_sim::topology::{Crowd, bookinfo};

const ALL: Types = Types { endpoints: true, listeners: true, routes: true };

/// A server of bookinfo and ten services more, and the folder with its mesh.
async fn server() -> (InProcess, TempDir) {
    let folder = TempDir::new().unwrap();
    let mut mesh = MeshFolder::new(Some(folder.path())).unwrap();
    let files = vec![
        (PathBuf::from("bookinfo.yaml"), bookinfo()),
        (PathBuf::from("crowd.yaml"), Crowd { services: 10, namespaces: 5 }.yaml()),
    ];
    let batch = mesh.change(&[], &[Layer { name: "mesh".into(), files }], &[].into()).unwrap();
    let mut server = InProcess::start().await.unwrap();
    server.apply(batch.changes).await.unwrap();
    (server, folder)
}

fn plan(server: &InProcess, population: Population, config: Config) -> Plan {
    Plan {
        server: server.address(),
        population,
        config,
        connections: None,
        slowness: Duration::ZERO,
        seed: 1,
        quiet: Duration::from_millis(200),
        limit: Duration::from_secs(60),
        changes: Vec::new(),
        and_back: false,
        listen: Listen::No,
        server_pid: Some(std::process::id()),
    }
}

async fn running(plan: Plan) -> Result<xdslab_sim::load::Summary, LoadError> {
    run(plan, mpsc::channel(1).0, CancellationToken::new()).await
}

#[tokio::test]
async fn all_have_their_first_configuration() {
    let (server, folder) = server().await;
    let any = Pattern::try_from("*".to_owned()).unwrap();
    let pods = Population::of_mesh(40, &[folder.path().to_owned()], &any).unwrap();
    assert!(pods.distinct < 40, "pods have several proxies: {}", pods.distinct);
    for (variant, connections) in [(Variant::Delta, None), (Variant::Sotw, Some(3))] {
        let config = Config::new(variant, ALL);
        let summary = running(Plan { connections, ..plan(&server, pods.clone(), config) }).await.unwrap();
        let [phase] = &*summary.phases else { panic!("{summary:?}") };
        assert_eq!((phase.settled, phase.nacks, phase.lost, phase.streams), (40, 0, 0, 40), "{phase:?}");
        // CDS, EDS, LDS and RDS.
        assert!(phase.responses >= 4 * 40 && phase.acks >= 4 * 40, "{phase:?}");
        assert_eq!(phase.convergence.unwrap().count, 40);
        assert!(phase.bytes > 1 << 20 && phase.server.is_some(), "{phase:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn plain_clients_ask_for_clusters_and_endpoints() {
    let (server, _folder) = server().await;
    for variant in [Variant::Delta, Variant::Sotw] {
        let types = Types { listeners: false, routes: false, ..ALL };
        let config = Config { look: Look::Names, ..Config::new(variant, types) };
        let made = Population::made(10, 2, "made-*");
        let summary = running(plan(&server, made, config)).await.unwrap();
        let phase = &summary.phases[0];
        // A push of the mesh may come in between.
        assert!(phase.settled == 10 && phase.responses >= 20, "{phase:?}");
        assert_eq!(phase.acks, phase.responses, "{phase:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn refusals_are_counted() {
    let (server, _folder) = server().await;
    let refusal = xdslab_sim::client::Refusal { rules: Vec::new(), chance: 1.0 };
    let config = Config { refusal: refusal.into(), ..Config::new(Variant::Delta, ALL) };
    let few = Plan { limit: Duration::from_secs(2), ..plan(&server, Population::made(3, 1, "made"), config) };
    let (events, mut heard) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let until_refused = async {
        let mut responses = 0;
        while responses < 3 {
            if let Some(xdslab_sim::load::Event::Progress { responses: now, .. }) = heard.recv().await {
                responses = now;
            }
        }
        stop.cancel();
    };
    let (summary, ()) = tokio::join!(run(few, events, stop.clone()), until_refused);
    let summary = summary.unwrap();
    let phase = &summary.phases[0];
    assert!(summary.is_stopped);
    assert_eq!((phase.nacks, phase.acks), (phase.responses, 0), "{phase:?}");
    server.stop().await;
}

#[test]
fn users_mistakes_are_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, expected) in [
        (vec!["--server", &port], "nobody listens"),
        (vec!["--server", &port, "--types", "eds"], "cds must be among them"),
        (vec!["--server", &port, "--nack-chance", "2"], "a number from 0 to 1"),
        (vec!["--server", &port, "--slow", "5"], "is no time"),
        (vec!["--server", &port, "-f", "/nowhere"], "/nowhere"),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_sim")).arg("load").args(&arguments).output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}
