//! Real Envoys for tests: which, and one for a case's proxy.
//!
//! `XDSLAB_ENVOYS` names the versions, such as `1.36.4,1.40.0`; without it the fleet's default is taken.

use std::env;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::runtime::Runtime;
use xdslab_server::Server;
use xdslab_sim::envoy::{
    Api, Binary, Bootstrap, Envoy, EnvoyError, EnvoyOptions, LogLevel, Node, ProxyType, Surroundings,
    Version, Wanted, Watchdog, find,
};

use crate::ProxyCase;

/// How long an Envoy may take to be configured; much more than it needs.
const LIMIT: Duration = Duration::from_secs(60);

static BINARIES: LazyLock<Result<Vec<Binary>, String>> = LazyLock::new(|| {
    let versions = env::var("XDSLAB_ENVOYS").unwrap_or_else(|_| Version::DEFAULT.to_string());
    let find_one = |text: &str| -> Result<Binary> {
        let version = text.trim().parse::<Version>()?;
        let wanted = Wanted { path: None, version: Some(version) };
        Ok(runtime()?.block_on(find(&wanted, &Surroundings::of_this_process(), &|_, _| {}))?)
    };
    versions.split(',').map(find_one).collect::<Result<_>>().map_err(|e| format!("{e:#}"))
});

/// The Envoys to try. Where there are none, a test is skipped with a word, and fails in CI.
///
/// # Errors
/// In CI, why there are none.
pub fn binaries() -> Result<&'static [Binary], String> {
    match &*BINARIES {
        Ok(binaries) => Ok(binaries),
        Err(error) if env::var_os("CI").is_some() => Err(error.clone()),
        Err(error) => {
            eprintln!("SKIPPED, for there is no Envoy here: {error}");
            Ok(&[])
        }
    }
}

/// A runtime of one thread.
///
/// # Errors
/// When the system gives none.
pub fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// An Envoy that runs, and why it is not ready, if it is not.
#[derive(Debug)]
pub struct Started {
    /// The Envoy.
    pub envoy: Envoy,
    /// What went wrong.
    pub late: Option<EnvoyError>,
}

/// Starts an Envoy with this bootstrap, and waits until it has its configuration.
///
/// # Errors
/// When it does not even start.
pub async fn start(bootstrap: Value, binary: &Binary, dir: &Path, watchdog: &Watchdog) -> Result<Started> {
    let options = EnvoyOptions {
        binary: binary.path.clone(),
        bootstrap,
        dir: dir.to_owned(),
        log_level: LogLevel::default(),
        concurrency: 1,
    };
    let envoy = Envoy::start(options, watchdog).await?;
    let late = envoy.ready(LIMIT).await.err();
    Ok(Started { envoy, late })
}

/// The bootstrap of an Envoy that calls itself as the case's proxy does.
///
/// # Errors
/// When the proxy's address is none.
pub fn bootstrap(proxy: &ProxyCase, server: &Server, api: Api) -> Result<Value> {
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
