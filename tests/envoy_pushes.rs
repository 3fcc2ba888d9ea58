//! Sequences of changes, served to real Envoys: after each change an Envoy holds what a plain client of the same proxy
//! holds, has taken as many updates as it was sent, refuses none, and nothing warms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tempfile::TempDir;
use xdslab_protocol::ResourceType;
use xdslab_server::push::DebounceOptions;
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{Api, Binary, DumpSection, Envoy, Watchdog};
use xdslab_sim::wire::{Delta, Kind, Sotw};
use xdslab_tests::plain::{Client, Names};
use xdslab_tests::real::{Started, binaries, bootstrap, runtime, start};
use xdslab_tests::{ProxyCase, changes, sorted};

datatest_stable::harness! {
    { test = an_envoy_follows, root = "push", pattern = r"mesh\.yaml$" },
}

/// How long a change may take to be taken; much more than it needs.
const LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at an Envoy.
const PAUSE: Duration = Duration::from_millis(20);
/// Clusters of the bootstrap.
const STATIC: u64 = 4;

fn an_envoy_follows(mesh: &Path) -> datatest_stable::Result<()> {
    for (binary, api) in binaries()?.iter().zip([Api::Delta, Api::Sotw].into_iter().cycle()) {
        runtime()?.block_on(follow(mesh, binary, api)).map_err(|error| format!("{error:#}"))?;
    }
    Ok(())
}

/// Plays a sequence to an Envoy in the place of its first proxy.
async fn follow(mesh: &Path, binary: &Binary, api: Api) -> Result<()> {
    let folder = mesh.parent().context("a sequence has a folder")?;
    let proxies: Vec<ProxyCase> =
        serde_saphyr::from_str(&std::fs::read_to_string(folder.join("proxies.yaml"))?)?;
    let proxy = proxies.first().context("a sequence has a proxy")?;
    let debounce = DebounceOptions { after: Duration::from_millis(10), ..DebounceOptions::default() };
    let server = Server::start(Config { debounce, ..Config::default() }).await?;
    server.apply(changes(&std::fs::read_to_string(mesh)?, true)?).await;
    server.synced().await;
    let mut pair = Pair::start(proxy, &server, binary, api).await?;
    pair.agree(&server).await.context("connect")?;
    for step in sorted(&folder.join("steps"))? {
        let is_there = step.to_string_lossy().ends_with(".apply.yaml");
        server.apply(changes(&std::fs::read_to_string(&step)?, is_there)?).await;
        pair.agree(&server).await.with_context(|| step.display().to_string())?;
    }
    pair.envoy.stop(Duration::ZERO).await;
    server.shutdown().await?;
    Ok(())
}

/// An Envoy, and a plain client that says that it is the same proxy.
struct Pair {
    envoy: Envoy,
    plain: Client,
    api: Api,
    /// What the plain client holds.
    held: BTreeMap<Kind, Names>,
    _folder: TempDir,
    _watchdog: Watchdog,
}

impl Pair {
    async fn start(proxy: &ProxyCase, server: &Server, binary: &Binary, api: Api) -> Result<Self> {
        let (folder, watchdog) = (tempfile::tempdir()?, Watchdog::start()?);
        let bootstrap = bootstrap(proxy, server, api)?;
        let Started { envoy, late } = start(bootstrap, binary, folder.path(), &watchdog).await?;
        if let Some(error) = late {
            bail!(error);
        }
        let (routes, node) = (server.discovery(), xdslab_tests::wire_node(&proxy.node()));
        // Of the same variant: istiod, and so the server, leaves clusters in delta that it takes away in SotW.
        let plain = match api {
            Api::Delta => Client::start::<Delta>(routes, node),
            Api::Sotw => Client::start::<Sotw>(routes, node),
        };
        Ok(Self { envoy, plain, api, held: BTreeMap::new(), _folder: folder, _watchdog: watchdog })
    }

    /// Waits until both hold the same and the server has nothing left to say.
    async fn agree(&mut self, server: &Server) -> Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, server.synced()).await.is_err() {
                bail!("{}; the end of its log:\n{}", unacknowledged(server), self.envoy.log_tail());
            }
            for heard in self.plain.drain().map_err(|error| anyhow!(error))? {
                let held = self.held.entry(heard.kind).or_default();
                if self.api == Api::Sotw && matches!(heard.kind, Kind::Cluster | Kind::Listener) {
                    held.clear();
                }
                held.extend(heard.names);
                held.retain(|name| !heard.removed.contains(name));
            }
            let Err(difference) = self.compare(server).await? else { return Ok(()) };
            if Instant::now() >= end {
                bail!("{difference}; the end of its log:\n{}", self.envoy.log_tail());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn compare(&self, server: &Server) -> Result<Result<(), String>> {
        let xds = self.envoy.admin().xds().await?;
        let status = server.connections().into_iter().find(|s| s.types.values().any(|t| t.bytes > 0));
        let sent = |kind| status.as_ref().and_then(|s| s.types.get(&kind)).map_or(0, |t| t.pushes);
        let figures = [
            ("clusters that warm", xds.warming_clusters, 0),
            ("refused updates", xds.cds.update_rejected + xds.lds.update_rejected, 0),
            ("updates of clusters", xds.cds.update_success, sent(ResourceType::Cluster)),
            ("updates of listeners", xds.lds.update_success, sent(ResourceType::Listener)),
            ("clusters", xds.active_clusters, self.held(Kind::Cluster).len() as u64 + STATIC),
        ];
        if let Some((what, envoy, wanted)) = figures.into_iter().find(|(_, envoy, wanted)| envoy != wanted) {
            return Ok(Err(format!("{what}: {envoy} in Envoy, {wanted} by the server")));
        }
        for (kind, section) in
            [(Kind::Cluster, DumpSection::Clusters), (Kind::Listener, DumpSection::Listeners)]
        {
            let dumped = self.envoy.admin().config_dump(section).await?;
            let dumped: BTreeSet<_> = dumped.iter().filter_map(name).collect();
            if dumped != *self.held(kind) {
                return Ok(Err(format!("{kind}: {dumped:?} in Envoy, {:?} by the server", self.held(kind))));
            }
        }
        Ok(Ok(()))
    }

    fn held(&self, kind: Kind) -> &Names {
        static NONE: Names = Names::new();
        self.held.get(&kind).unwrap_or(&NONE)
    }
}

/// What was pushed and is not acknowledged, and why it was refused.
fn unacknowledged(server: &Server) -> String {
    let mut told = vec!["not all is acknowledged".to_owned()];
    for status in server.connections() {
        for (kind, of_type) in status.types.iter().filter(|(_, t)| t.sent != t.acked) {
            let why = of_type.error.as_deref().unwrap_or("no answer");
            told.push(format!("{kind} of {}: {why}", status.id));
        }
    }
    told.join("\n")
}

/// The name of an element of the dump; none for a listener that only drains.
fn name(element: &Value) -> Option<String> {
    let of_cluster = element["cluster"]["name"].as_str();
    let of_listener = element["name"].as_str().filter(|_| element.get("active_state").is_some());
    of_cluster.or(of_listener).map(str::to_owned)
}
