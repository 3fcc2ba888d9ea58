//! Real Envoys: fetched, started, configured, measured, ended.
//!
//! The control plane here is a few lines that serve clusters, so that what fails is the fleet and not the server.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod ads;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::broadcast::Receiver;
use xdslab_sim::envoy::{
    Api, Binary, Bootstrap, DumpSection, Envoy, EnvoyError, EnvoyOptions, Fleet, FleetError, FleetEvent,
    FleetOptions, LogLevel, Node, ProcessMemory, SoftLimit, Surroundings, Version, Wanted, Watchdog, find,
};

use ads::ControlPlane;

const LIMIT: Duration = Duration::from_secs(60);

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

fn node(number: u8) -> Node {
    Node::sidecar([10, 0, 0, number], format!("sleep-{number}"), "default")
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn options(binary: &Binary, bootstrap: &Bootstrap, dir: &Path) -> EnvoyOptions {
    EnvoyOptions {
        binary: binary.path.clone(),
        bootstrap: bootstrap.to_json(),
        dir: dir.to_owned(),
        log_level: LogLevel::default(),
        concurrency: bootstrap.concurrency,
    }
}

/// Asks again and again until the answer is yes.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !ask().await {
        assert!(Instant::now() < deadline, "not within {}s: {what}", LIMIT.as_secs());
        tokio::task::yield_now().await;
    }
}

async fn event(events: &mut Receiver<FleetEvent>, mut wanted: impl FnMut(&FleetEvent) -> bool) -> FleetEvent {
    let next = async {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("the event comes in time")
}

#[tokio::test]
async fn is_configured_measured_and_asked() {
    for (version, api) in [(Version::DEFAULT, Api::Delta), (Version::new(1, 36, 4), Api::Sotw)] {
        let Some(binary) = envoy(version.clone()).await else { return };
        let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
        let control_plane = ControlPlane::start(31).await;
        let bootstrap = Bootstrap { api, ..Bootstrap::new(node(1), control_plane.address()) };

        let envoy = Envoy::start(options(&binary, &bootstrap, folder.path()), &watchdog).await.unwrap();
        envoy.ready(LIMIT).await.unwrap();

        // The update counts as taken a moment after its clusters are warm.
        until("taken", async || envoy.admin().xds().await.unwrap().cds.update_success == 1).await;
        let memory = envoy.memory().await.unwrap();
        assert!((4 << 20..40 << 20).contains(&memory.heap.allocated), "{memory:?}");
        if cfg!(target_os = "linux") {
            let process = memory.process.unwrap();
            assert!(process.rss > process.pss && process.pss > process.anonymous, "{process:?}");
            assert!((30 << 20..200 << 20).contains(&process.rss), "{process:?}");
        }
        let xds = envoy.admin().xds().await.unwrap();
        assert!(xds.connected, "{version} {api:?}: {xds:?}");
        assert_eq!((xds.active_clusters, xds.warming_clusters), (31 + 4, 0));
        assert_eq!((xds.cds.update_rejected, xds.lds.update_attempt), (0, 0));
        assert!(api == Api::Delta || xds.cds.version_text.as_deref() == Some("31"), "{xds:?}");

        let stats = envoy.admin().stats("^cluster\\.xds-grpc").await.unwrap();
        assert!(stats.number("cluster.xds-grpc;.upstream_cx_total").unwrap() >= 1, "{stats:?}");
        let clusters = envoy.admin().clusters().await.unwrap();
        let static_names: Vec<_> =
            clusters.iter().filter(|c| !c.name.starts_with("outbound|")).map(|c| c.name.as_str()).collect();
        assert_eq!(static_names, ["agent", "prometheus_stats", "sds-grpc", "xds-grpc"]);
        assert_eq!(clusters.iter().map(|cluster| cluster.endpoints).sum::<usize>(), 31 + 4);
        assert_eq!(envoy.admin().config_dump(DumpSection::Clusters).await.unwrap().len(), 31);
        assert!(envoy.admin().config_dump(DumpSection::WarmingClusters).await.unwrap().is_empty());

        control_plane.serve(7);
        until("7", async || envoy.admin().xds().await.unwrap().active_clusters == 7 + 4).await;

        let node = control_plane.node();
        assert_eq!(node.id, "sidecar~10.0.0.1~sleep-1.default~default.svc.cluster.local");
        assert_eq!(node.cluster, "sleep-1.default");
        let exit = envoy.stop(LIMIT).await;
        assert_eq!(exit.how, "exit status: 0", "{exit}");
    }
}

#[tokio::test]
async fn asks_for_listeners_if_told_to() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    for api in [Api::Delta, Api::Sotw] {
        let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
        let control_plane = ControlPlane::start(1).await;
        let bootstrap = Bootstrap { api, lds: true, ..Bootstrap::new(node(1), control_plane.address()) };
        let envoy = Envoy::start(options(&binary, &bootstrap, folder.path()), &watchdog).await.unwrap();
        // Live only when the empty answer for listeners has come too.
        envoy.ready(LIMIT).await.unwrap();
        until("taken", async || envoy.admin().xds().await.unwrap().lds.update_success == 1).await;
        assert!(envoy.admin().config_dump(DumpSection::Listeners).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_broken_bootstrap_is_told_with_the_end_of_the_log() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
    let mut options =
        options(&binary, &Bootstrap::new(node(1), SocketAddr::from(([127, 0, 0, 1], 9))), folder.path());
    options.bootstrap["static_resources"]["clusters"][0]["no_such_field"] = json!(1);

    let error = Envoy::start(options, &watchdog).await.unwrap_err();
    assert!(matches!(&error, EnvoyError::Exited(exit) if exit.how == "exit status: 1"), "{error}");
    assert!(error.to_string().contains("no_such_field"), "{error}");
}

#[tokio::test]
async fn a_control_plane_that_is_away_is_waited_for_and_found() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
    let control_plane = ControlPlane::start(3).await;
    let address = control_plane.address();
    control_plane.stop().await;
    let envoy =
        Envoy::start(options(&binary, &Bootstrap::new(node(1), address), folder.path()), &watchdog).await;
    let envoy = envoy.unwrap();
    let error = envoy.ready(Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, EnvoyError::Late { .. }), "{error}");

    let _control_plane = ControlPlane::start_at(address, 3).await;
    envoy.ready(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_fleet_starts_restarts_and_ends_and_one_failure_hurts_no_other() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let control_plane = ControlPlane::start(5).await;
    let options =
        FleetOptions { at_once: 2, ..FleetOptions::new(binary, control_plane.address(), folder.path()) };
    let mut fleet = Fleet::start(options).unwrap();
    let (view, mut events) = (fleet.view(), fleet.subscribe());

    // A file where the folder of the third shall be.
    fs::write(folder.path().join("sleep-3.default"), "").unwrap();
    let failures = fleet.add((1..=5).map(node)).await;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].to_string().starts_with("sleep-3.default: cannot write /"), "{}", failures[0]);
    assert_eq!(
        view.names(),
        names(&["sleep-1.default", "sleep-2.default", "sleep-4.default", "sleep-5.default"])
    );
    assert!(fleet.add([node(1)]).await.is_empty(), "one that runs is passed over");
    assert_eq!(view.len(), 4);

    // One that is killed by somebody is told, and can be started again, as can one that never was.
    let killed = view.envoy("sleep-1.default").unwrap().pid();
    assert!(Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap().success());
    let exited = event(&mut events, |event| matches!(event, FleetEvent::Exited { .. })).await;
    assert!(
        matches!(&exited, FleetEvent::Exited { name, exit } if name == "sleep-1.default" && exit.how == "signal: 9 (SIGKILL)"),
        "{exited:?}"
    );
    assert!(view.envoy("sleep-1.default").is_none());
    fs::remove_file(folder.path().join("sleep-3.default")).unwrap();
    let before = view.envoy("sleep-2.default").unwrap().pid();
    let failures =
        fleet.restart(&names(&["sleep-1.default", "sleep-2.default", "sleep-3.default", "unknown"])).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(view.len(), 5);
    assert_ne!(view.envoy("sleep-2.default").unwrap().pid(), before);

    fleet.remove(&names(&["sleep-4.default", "unknown"])).await;
    assert_eq!(view.len(), 4);
    let pids: Vec<_> = view.names().iter().map(|name| view.envoy(name).unwrap().pid()).collect();
    fleet.stop().await;
    assert!(view.is_empty());
    for pid in pids {
        assert_eq!(ProcessMemory::of(pid).await, None, "{pid} is gone");
    }
}

#[tokio::test]
async fn a_dropped_fleet_takes_its_envoys_along() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let control_plane = ControlPlane::start(1).await;
    let mut fleet = Fleet::start(FleetOptions::new(binary, control_plane.address(), folder.path())).unwrap();
    assert!(fleet.add([node(1), node(2)]).await.is_empty());
    let view = fleet.view();
    let pids: Vec<_> = view.names().iter().map(|name| view.envoy(name).unwrap().pid()).collect();
    drop(fleet);
    for pid in pids {
        until("gone", async || !runs(pid)).await;
    }
}

#[tokio::test]
async fn the_soft_limit_gives_memory_back() {
    let Some(binary) = envoy(Version::DEFAULT).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let control_plane = ControlPlane::start(4000).await;
    // The limit acts when Envoy next looks at its heap: memory is asked for until it is below `limit`.
    let resident_below = async |limit: u64, purge, folder: &Path| {
        control_plane.serve(4000);
        let options =
            FleetOptions { purge, ..FleetOptions::new(binary.clone(), control_plane.address(), folder) };
        let mut fleet = Fleet::start(options).unwrap();
        assert!(fleet.add([node(1)]).await.is_empty());
        let envoy = fleet.view().envoy("sleep-1.default").unwrap();
        control_plane.serve(30);
        until("30", async || envoy.admin().xds().await.unwrap().active_clusters == 30 + 4).await;
        let mut resident = 0;
        until("memory given back", async || {
            let memory = envoy.memory().await.unwrap();
            assert!(memory.heap.allocated < 20 << 20, "{memory:?}");
            resident = memory.process.unwrap_or_default().anonymous;
            resident < limit
        })
        .await;
        drop(envoy);
        fleet.stop().await;
        resident
    };
    let kept = resident_below(u64::MAX, None, &folder.path().join("kept")).await;
    if cfg!(target_os = "linux") {
        resident_below(kept / 2, Some(SoftLimit::default()), &folder.path().join("purged")).await;
    }
}

#[tokio::test]
async fn an_envoy_without_the_soft_limit_is_refused_before_it_starts() {
    let Some(binary) = envoy(Version::new(1, 36, 4)).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let options = FleetOptions {
        purge: Some(SoftLimit::default()),
        ..FleetOptions::new(binary, address, folder.path())
    };
    let error = Fleet::start(options).unwrap_err();
    assert!(
        matches!(&error, FleetError::NoSoftLimit(version) if *version == Version::new(1, 36, 4)),
        "{error}"
    );
}

/// Where the test below tells its child to put the fleet.
const PARENT_DIR: &str = "XDSLAB_TEST_FLEET_OF_A_KILLED_PARENT";

#[tokio::test]
async fn envoys_are_gone_within_a_second_when_their_parent_is_killed() {
    if envoy(Version::DEFAULT).await.is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "parent_of_a_fleet", "--nocapture"])
        .env(PARENT_DIR, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids: Vec<u32> = lines.filter_map(|line| line.strip_prefix("envoy ")?.parse().ok()).take(3).collect();
    assert_eq!(pids.len(), 3, "the parent did not start its fleet");
    assert!(pids.iter().all(|pid| runs(*pid)));

    parent.kill().unwrap();
    let killed = Instant::now();
    parent.wait().unwrap();
    until("gone", async || !pids.iter().any(|pid| runs(*pid))).await;
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "they outlived their parent by {:?}",
        killed.elapsed()
    );
}

/// No test of its own: the process that the test above starts, and kills.
#[tokio::test]
async fn parent_of_a_fleet() {
    let (Some(dir), Some(binary)) = (env::var_os(PARENT_DIR), envoy(Version::DEFAULT).await) else { return };
    let control_plane = ControlPlane::start(1).await;
    let mut fleet = Fleet::start(FleetOptions::new(binary, control_plane.address(), dir)).unwrap();
    assert!(fleet.add((1..=3).map(node)).await.is_empty());
    let view = fleet.view();
    for name in view.names() {
        println!("envoy {}", view.envoy(&name).unwrap().pid());
    }
    std::future::pending::<()>().await;
}

/// Whether a process is there, and is no zombie that waits for somebody to reap it.
fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap().stdout;
    !state.is_empty() && !state.starts_with(b"Z")
}
