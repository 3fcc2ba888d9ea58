use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use xdslab_mesh::object::Object;
use xdslab_mesh::{Change, ChangeSet};

use super::*;
use crate::scenario::event::{Gauges, Sample};
use crate::scenario::lab::{Probe, STATIC_CLUSTERS};
use crate::scenario::{Options, Scenario, Verdict};

/// A mesh without a scope: every proxy has a cluster for each service.
#[derive(Debug, Default)]
struct World {
    services: BTreeSet<String>,
    traffic: BTreeMap<String, Traffic>,
    running: BTreeMap<String, u64>,
    /// Proxies of this name never ACK.
    deaf: Option<String>,
    /// Proxies of this name do not start.
    broken: Option<String>,
    /// Proxies of this name never ACK, and end after a while.
    dying: Option<String>,
    failures: Vec<(String, String)>,
    stopped: u8,
}

impl World {
    fn send(&mut self, name: &str) {
        let clusters = u64::try_from(self.services.len()).unwrap();
        let traffic = self.traffic.entry(name.to_owned()).or_default();
        *traffic = Traffic { pushes: traffic.pushes + 2, bytes: traffic.bytes + 1000 * clusters, clusters };
    }
}

#[derive(Clone, Debug, Default)]
struct Fake(Arc<Mutex<World>>);

impl ControlPlane for Fake {
    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    async fn apply(&mut self, changes: ChangeSet) -> Result<(), LabError> {
        let mut world = self.0.lock().unwrap();
        for change in changes.changes {
            match change {
                Change::Apply(Object::Service(service)) => {
                    world
                        .services
                        .insert(format!("{}.{}", service.metadata.name, service.metadata.namespace));
                }
                Change::Delete(key) => {
                    world.services.remove(&format!("{}.{}", key.name, key.namespace));
                }
                Change::Apply(_) => {}
            }
        }
        for name in world.running.keys().cloned().collect::<Vec<_>>() {
            world.send(&name);
        }
        Ok(())
    }

    async fn acked(&self, proxies: &BTreeSet<String>, progress: &watch::Sender<usize>) -> Instant {
        sleep(Duration::from_millis(120)).await;
        if !self.late(proxies).is_empty() {
            std::future::pending::<()>().await;
        }
        let mut world = self.0.lock().unwrap();
        for name in proxies {
            let clusters = world.traffic[name].clusters;
            world.running.insert(name.clone(), clusters + STATIC_CLUSTERS);
        }
        progress.send_replace(proxies.len());
        Instant::now()
    }

    fn late(&self, proxies: &BTreeSet<String>) -> Vec<String> {
        let world = self.0.lock().unwrap();
        let silent: Vec<_> = world.deaf.iter().chain(&world.dying).collect();
        proxies.iter().filter(|name| silent.iter().any(|silent| name.starts_with(*silent))).cloned().collect()
    }

    fn traffic(&self) -> Option<BTreeMap<String, Traffic>> {
        Some(self.0.lock().unwrap().traffic.clone())
    }

    fn endpoints(&self, _: &str) -> Option<u64> {
        None
    }

    async fn stop(self) {
        self.0.lock().unwrap().stopped += 1;
    }
}

impl Fleet for Fake {
    type Probe = Self;

    async fn start(&mut self, pods: Vec<Arc<Pod>>, progress: &watch::Sender<usize>) {
        sleep(Duration::from_millis(300)).await;
        let mut world = self.0.lock().unwrap();
        for pod in pods {
            let name = proxy_name(&pod);
            if world.broken.as_ref().is_some_and(|broken| name.starts_with(broken)) {
                world.failures.push((name, "no such flag".to_owned()));
                continue;
            }
            world.running.insert(name.clone(), STATIC_CLUSTERS);
            world.send(&name);
            if world.dying.as_ref().is_some_and(|dying| name.starts_with(dying)) {
                let world = self.0.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(700)).await;
                    let mut world = world.lock().unwrap();
                    world.running.remove(&name);
                    world.failures.push((name, "killed".to_owned()));
                });
            }
        }
        progress.send_replace(world.running.len());
    }

    async fn remove(&mut self, names: &BTreeSet<String>) {
        self.0.lock().unwrap().running.retain(|name, _| !names.contains(name));
    }

    async fn restart(&mut self, names: &BTreeSet<String>, progress: &watch::Sender<usize>) {
        let mut world = self.0.lock().unwrap();
        for name in names {
            world.send(name);
        }
        progress.send_replace(names.len());
    }

    fn running(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().running.keys().cloned().collect()
    }

    fn failures(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.lock().unwrap().failures)
    }

    fn probe(&self) -> Self {
        self.clone()
    }

    async fn stop(self) {
        self.0.lock().unwrap().stopped += 1;
    }
}

impl Probe for Fake {
    async fn gauges(&self, name: &str) -> Option<Gauges> {
        let clusters = *self.0.lock().unwrap().running.get(name)?;
        let allocated = 6_000_000 + 45_000 * clusters;
        Some(Gauges { envoys: 1, clusters, warming: 0, allocated, rss: Some(60 << 20), pss: None })
    }

    async fn endpoints(&self, name: &str) -> Option<u64> {
        self.0.lock().unwrap().running.get(name).copied()
    }

    fn names(&self) -> BTreeSet<String> {
        self.running()
    }
}

const STEPS: &str = "
name: lab
title: Lab
watch: productpage-v1-*.default
crowd: {file: sleep.yaml, services: 50, namespaces: 50}
deadline: 5s
steps:
- name: bookinfo
  apply: [mesh]
  expect: {lines: 21, envoys: 8, endpoints: 20}
- name: crowd
  apply: [sleep.yaml]
  expect: {clusters: 20 + services, total-clusters: 58 * services + 1160, pushes: 2, bytes: 66000}
- name: restart
  purge: restart
  expect: {allocated: < 10 MiB, pss: < 1 MiB, converged: < 1 s}
- name: clean up
  delete: [sleep.yaml]
  expect: {lines: 21, pushed: < 500 ms}
";

/// Runs `STEPS` in `world`; all events, and how it went.
async fn run(world: World, stop: CancellationToken) -> (Vec<Event>, Outcome, Fake) {
    let fake = Fake(Arc::new(Mutex::new(world)));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sidecar-lab/scenario.yaml");
    let scenario = Scenario::parse(STEPS, &file).unwrap();
    let (events, mut heard) = mpsc::channel(8);
    let runner = Runner {
        plan: Plan::new(&scenario, &Options::default()).unwrap(),
        environment: Environment::default(),
        control: fake.clone(),
        fleet: fake.clone(),
        mesh: MeshFolder::new(None).unwrap(),
        events,
        stop,
    };
    let listen = async {
        let mut all = Vec::new();
        while let Some(event) = heard.recv().await {
            all.push(event);
        }
        all
    };
    let (outcome, events) = tokio::join!(runner.run(), listen);
    (events, outcome, fake)
}

fn results(events: &[Event]) -> Vec<&StepResult> {
    events
        .iter()
        .filter_map(|e| if let Event::StepEnded(result) = e { Some(&**result) } else { None })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_measures_every_step() {
    let (events, outcome, fake) = run(World::default(), CancellationToken::new()).await;
    let results = results(&events);
    let missed: Vec<_> = results.iter().flat_map(|r| r.missed()).map(ToString::to_string).collect();
    assert_eq!((missed, &outcome), (vec![], &Outcome::Passed));
    let lines: Vec<_> = results.iter().map(|r| (r.watched.lines, r.envoys, r.services)).collect();
    assert_eq!(lines, [(Some(21), 8, 16), (Some(71), 58, 66), (Some(71), 58, 66), (Some(21), 8, 16)]);
    assert_eq!(results[0].pushed, None, "nobody ran before");
    assert_eq!(results[1].pushed, Some(120));
    assert!(results[1].converged > results[1].pushed);
    let unknown: Vec<_> =
        results.iter().flat_map(|r| &r.checks).filter(|c| c.verdict == Verdict::Unknown).collect();
    assert_eq!(unknown.len(), 1, "no PSS here: {unknown:?}");

    assert!(matches!(&events[0], Event::RunStarted(opening) if opening.steps.len() == 4));
    assert!(matches!(events.last(), Some(Event::RunEnded { outcome: Outcome::Passed, .. })));
    let samples =
        events.iter().filter(|e| matches!(e, Event::Sampled(Sample { watched: Some(_), .. }))).count();
    assert!(samples >= 4, "{samples}");
    assert!(events.iter().any(|e| matches!(e, Event::Starting { ready: 58, wanted: 50 })));
    assert_eq!(fake.0.lock().unwrap().stopped, 2);
}

#[tokio::test(start_paused = true)]
async fn an_envoy_that_fails_does_not_end_the_run() {
    let world = World { broken: Some("ratings-v1-".to_owned()), ..World::default() };
    let (events, outcome, _) = run(world, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Missed);
    let failed = |e: &&Event| matches!(e, Event::Failed { proxy, reason } if proxy.starts_with("ratings") && reason == "no such flag");
    assert!(events.iter().any(|e| failed(&e)));
    let results = results(&events);
    assert_eq!(results.len(), 4);
    let missed: Vec<_> = results[0].missed().map(ToString::to_string).collect();
    assert_eq!(
        missed,
        ["running Envoys: expected 8, seen 7, and 1 that failed", "envoys: expected 8, seen 7"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_never_acks_costs_the_deadline() {
    let world = World { deaf: Some("productpage-v1-".to_owned()), ..World::default() };
    let (events, outcome, _) = run(world, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Missed);
    let results = results(&events);
    assert_eq!(results[0].converged, None);
    let missed: Vec<_> = results[0].missed().map(ToString::to_string).collect();
    assert!(
        missed[0].starts_with("ACKs: expected all within 5 s, seen 1 that have not: productpage-v1-"),
        "{missed:?}"
    );
    assert!(results[0].ended - results[0].started >= 5000);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_ends_is_waited_for_no_longer() {
    let world = World { dying: Some("details-v1-".to_owned()), ..World::default() };
    let (events, outcome, _) = run(world, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Missed);
    let results = results(&events);
    assert!(results[0].ended - results[0].started < 2000, "{:?}", results[0]);
    assert_eq!(results[0].envoys, 7, "{:?}", results[0]);
    let missed: Vec<_> = results[0].missed().map(ToString::to_string).collect();
    assert_eq!(missed[0], "running Envoys: expected 8, seen 7, and 1 that failed");
    assert!(events.iter().any(|e| matches!(e, Event::Failed { reason, .. } if reason == "killed")));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_ends_with_what_there_is() {
    let stop = CancellationToken::new();
    let later = stop.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        later.cancel();
    });
    let world = World { deaf: Some("sleep".to_owned()), ..World::default() };
    let (events, outcome, fake) = run(world, stop).await;
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(results(&events).len(), 1);
    assert!(matches!(events.last(), Some(Event::RunEnded { outcome: Outcome::Interrupted, .. })));
    assert_eq!(fake.0.lock().unwrap().stopped, 2);
}
