//! Every case, served to real Envoys, one for every proxy of the case: none of them refuses anything.
//!
//! `XDSLAB_ENVOYS` names the versions, such as `1.36.4,1.40.0`; without it the fleet's default is taken. A gateway
//! needs root, or ports that any user may bind, where its `Gateway` names ports below 1024.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use futures::future::join_all;
use xdslab_server::observe::{Event, Happening};
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{Api, Binary, Watchdog};
use xdslab_tests::Case;
use xdslab_tests::real::{Started, binaries, bootstrap, runtime, start};

datatest_stable::harness! {
    { test = accept_everything, root = "cases", pattern = r"^(?!.*grpc/).*golden\.json$" },
}

fn accept_everything(golden: &Path) -> datatest_stable::Result<()> {
    let folder = golden.parent().ok_or("a case has a folder")?;
    let case = Case::read(folder)?;
    let mut refused = Vec::new();
    for (binary, api) in binaries()?.iter().zip([Api::Delta, Api::Sotw].into_iter().cycle()) {
        let found = runtime()?.block_on(refusals(&case, binary, api))?;
        refused.extend(found.into_iter().map(|line| format!("Envoy {}: {line}", binary.version)));
    }
    if refused.is_empty() { Ok(()) } else { Err(refused.join("\n").into()) }
}

/// What the Envoys of a case refused, and those that were never configured.
async fn refusals(case: &Case, binary: &Binary, api: Api) -> Result<Vec<String>> {
    let config = Config { files: vec![case.mesh()], ..Config::default() };
    let server = Server::start(config).await?;
    let mut events = server.events();
    let (folder, watchdog) = (tempfile::tempdir()?, Watchdog::start()?);
    let started = case.proxies.iter().map(async |proxy| {
        let dir = folder.path().join(format!("{}.{}", proxy.name, proxy.namespace));
        let Started { envoy, late } = start(bootstrap(proxy, &server, api)?, binary, &dir, &watchdog).await?;
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
