//! Every case, served to real Envoys, one for every proxy of the case: none of them refuses anything.
//!
//! `XDSLAB_ENVOYS` names the versions, such as `1.36.4,1.40.0`; without it the fleet's default is taken. A gateway
//! needs root, or ports that any user may bind, where its `Gateway` names ports below 1024.

use std::env;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use tokio::runtime::Runtime;
use xdslab_server::observe::{Event, Happening};
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{
    Api, Binary, Bootstrap, Envoy, EnvoyOptions, LogLevel, Node, ProxyType, Surroundings, Version, Wanted,
    Watchdog, find,
};
use xdslab_tests::{Case, ProxyCase};

/// How long an Envoy may take to be configured; much more than it needs.
const LIMIT: Duration = Duration::from_secs(60);

/// The Envoys to try; an error where there is none.
static BINARIES: LazyLock<Result<Vec<Binary>, String>> = LazyLock::new(|| {
    let versions = env::var("XDSLAB_ENVOYS").unwrap_or_else(|_| Version::DEFAULT.to_string());
    let find_one = |text: &str| -> Result<Binary> {
        let version = text.trim().parse::<Version>()?;
        let wanted = Wanted { path: None, version: Some(version) };
        Ok(runtime()?.block_on(find(&wanted, &Surroundings::of_this_process(), &|_, _| {}))?)
    };
    versions.split(',').map(find_one).collect::<Result<_>>().map_err(|e| format!("{e:#}"))
});

datatest_stable::harness! {
    { test = accept_everything, root = "cases", pattern = r"^(?!.*grpc/).*golden\.json$" },
}

fn accept_everything(golden: &Path) -> datatest_stable::Result<()> {
    let binaries = match &*BINARIES {
        Ok(binaries) => binaries,
        Err(error) if env::var_os("CI").is_some() => return Err(error.clone().into()),
        Err(error) => {
            eprintln!("SKIPPED, for there is no Envoy here: {error}");
            return Ok(());
        }
    };
    let folder = golden.parent().ok_or("a case has a folder")?;
    let case = Case::read(folder)?;
    let mut refused = Vec::new();
    for (binary, api) in binaries.iter().zip([Api::Delta, Api::Sotw].into_iter().cycle()) {
        let found = runtime()?.block_on(refusals(&case, binary, api))?;
        refused.extend(found.into_iter().map(|line| format!("Envoy {}: {line}", binary.version)));
    }
    if refused.is_empty() { Ok(()) } else { Err(refused.join("\n").into()) }
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// What the Envoys of a case refused, and those that were never configured.
async fn refusals(case: &Case, binary: &Binary, api: Api) -> Result<Vec<String>> {
    let config = Config { files: vec![case.mesh()], ..Config::default() };
    let server = Server::start(config).await?;
    let mut events = server.events();
    let (folder, watchdog) = (tempfile::tempdir()?, Watchdog::start()?);
    let started = case.proxies.iter().map(async |proxy| {
        let bootstrap = bootstrap(proxy, &server, api)?;
        let dir = folder.path().join(format!("{}.{}", proxy.name, proxy.namespace));
        let options = EnvoyOptions {
            binary: binary.path.clone(),
            bootstrap,
            dir,
            log_level: LogLevel::default(),
            concurrency: 1,
        };
        let envoy = Envoy::start(options, &watchdog).await?;
        let late = envoy.ready(LIMIT).await.err();
        anyhow::Ok((proxy, envoy, late))
    });
    let envoys = join_all(started).await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut lines = Vec::new();
    for (proxy, _, late) in &envoys {
        lines.extend(late.as_ref().map(|error| format!("{}.{}: {error}", proxy.name, proxy.namespace)));
    }
    while let Ok(Event { proxy, what, .. }) = events.try_recv() {
        if let Happening::Nacked { kind, message, .. } = what {
            lines.push(format!("{proxy}: {kind:?}: {message}"));
        }
    }
    let asked = |status: &xdslab_server::serve::ConnectionStatus| status.types.len();
    let connected = server.connections();
    if connected.len() < envoys.len() || connected.iter().any(|status| asked(status) < 2) {
        lines.push(format!("{} proxies, {connected:?}", envoys.len()));
    }
    for (_, envoy, _) in &envoys {
        envoy.stop(Duration::ZERO).await;
    }
    server.shutdown().await?;
    Ok(lines)
}

/// The bootstrap of an Envoy that calls itself as the case's proxy does.
fn bootstrap(proxy: &ProxyCase, server: &Server, api: Api) -> Result<serde_json::Value> {
    let ip: std::net::IpAddr = proxy.ip.parse().context("ip")?;
    let mut node = Node::sidecar(ip, proxy.name.as_str(), proxy.namespace.as_str());
    if proxy.kind == "router" {
        node.proxy_type = ProxyType::Router;
    }
    let mut bootstrap = Bootstrap { api, lds: true, ..Bootstrap::new(node, server.grpc_addr()) }.to_json();
    let told = proxy.node();
    let claimed = &told.locality;
    bootstrap["node"]["id"] = told.id.as_str().into();
    let lab = ["XDSLAB_BIND", "XDSLAB_DNS"].map(|key| (key, bootstrap["node"]["metadata"][key].take()));
    bootstrap["node"]["metadata"] = told.metadata.clone();
    for (key, value) in lab {
        bootstrap["node"]["metadata"][key] = value;
    }
    if !claimed.is_empty() {
        bootstrap["node"]["locality"] = serde_json::json!({
            "region": claimed.region.as_str(), "zone": claimed.zone.as_str(), "sub_zone": claimed.subzone.as_str()
        });
    }
    Ok(bootstrap)
}
