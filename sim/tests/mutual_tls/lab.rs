//! Two Envoys in a mesh, an app behind one of them, and their control plane.
//!
//! Everything is on loopback addresses that no other test has. The caller's Envoy has an HTTP proxy's listener; the
//! callee's stands before the app, without interception, and binds the port of its `Sidecar`'s ingress.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;
use xdslab_server::identity::IdentityOptions;
use xdslab_server::observe::Event;
use xdslab_server::{Config, Server};
use xdslab_sim::envoy::{Api, Binary, Bootstrap, Envoy, EnvoyOptions, LogLevel, Node, Watchdog};

use crate::LIMIT;
use crate::http::{self, Answer};
use crate::mesh::{self, PORT, SERVICE_PORT};

/// Where the caller's Envoy is an HTTP proxy, on its own address.
const PROXY_PORT: u16 = 15080;

/// A meshed pair: caller `sleep` in `front`, callee `echo` in `back`.
pub struct Lab {
    pub server: Server,
    pub events: Receiver<Event>,
    front: (IpAddr, Envoy),
    back: (IpAddr, Envoy),
    _watchdog: Watchdog,
    _folder: tempfile::TempDir,
}

impl Lab {
    pub async fn start(binary: &Binary, api: Api, identity: IdentityOptions) -> Self {
        let (front, back, app) = (address(), address(), http::app().await);
        let server = Server::start(Config { identity, ..Config::default() }).await.unwrap();
        let events = server.events();
        server.apply(mesh::apply(mesh::mesh(front, back, app))).await;
        timeout(LIMIT, server.synced()).await.unwrap();
        let (folder, watchdog) = (tempfile::tempdir().unwrap(), Watchdog::start().unwrap());
        let start = async |node: Node| {
            let dir = folder.path().join(node.key());
            let bootstrap = Bootstrap { api, lds: true, ..Bootstrap::new(node, server.grpc_addr()) };
            run(binary, &bootstrap, &dir, &watchdog).await
        };
        let back_envoy = start(mesh::node("echo", back, &[("INTERCEPTION_MODE", "NONE")])).await;
        let proxy_port = PROXY_PORT.to_string();
        let front_envoy = start(mesh::node("sleep", front, &[("HTTP_PROXY_PORT", &proxy_port)])).await;
        let lab = Self {
            front: (front, front_envoy),
            back: (back, back_envoy),
            server,
            events,
            _watchdog: watchdog,
            _folder: folder,
        };
        lab.settled().await;
        lab
    }

    /// Both Envoys are configured, and refused nothing.
    pub async fn settled(&self) {
        for (_, envoy) in [&self.front, &self.back] {
            envoy.ready(LIMIT).await.unwrap_or_else(|error| panic!("{error}\n{}", envoy.log_tail()));
            let xds = envoy.admin().xds().await.unwrap();
            assert_eq!((xds.cds.update_rejected, xds.lds.update_rejected), (0, 0), "{}", envoy.log_tail());
        }
        timeout(LIMIT, self.server.synced()).await.expect("all accept what they are sent");
    }

    pub async fn apply(&self, object: Value) {
        self.server.apply(mesh::apply([object])).await;
    }

    /// What the app says to a request through the caller's HTTP proxy.
    pub async fn request(&self) -> Result<Answer, String> {
        let host = "echo.back.svc.cluster.local";
        let proxy = SocketAddr::new(self.front.0, PROXY_PORT);
        http::get(proxy, &format!("http://{host}/"), host).await
    }

    /// What the callee's Envoy says to one who speaks plain text to it.
    pub async fn plaintext(&self) -> Result<Answer, String> {
        http::get(SocketAddr::new(self.back.0, PORT), "/", "echo.back").await
    }

    /// Handshakes at the caller's cluster and at the callee's listener.
    pub async fn handshakes(&self) -> [u64; 2] {
        let cluster = format!("cluster.outbound|{SERVICE_PORT}||echo.back.svc.cluster.local;.ssl.handshake");
        let listener = format!("listener.{}_{PORT}.ssl.handshake", self.back.0);
        let count = async |envoy: &Envoy, name: &str| {
            envoy.admin().stats("ssl.handshake$").await.unwrap().number(name).unwrap_or_default()
        };
        [count(&self.front.1, &cluster).await, count(&self.back.1, &listener).await]
    }

    pub async fn stop(self) {
        for (_, envoy) in [&self.front, &self.back] {
            envoy.stop(Duration::ZERO).await;
        }
        self.server.shutdown().await.unwrap();
    }
}

/// An Envoy with all its statistics.
pub async fn run(binary: &Binary, bootstrap: &Bootstrap, dir: &Path, watchdog: &Watchdog) -> Envoy {
    let mut json = bootstrap.to_json();
    // All statistics: Istio's short list has none of TLS.
    json["stats_config"].as_object_mut().unwrap().remove("stats_matcher");
    let options = EnvoyOptions {
        binary: binary.path.clone(),
        bootstrap: json,
        dir: dir.to_owned(),
        log_level: LogLevel::default(),
        concurrency: 1,
    };
    Envoy::start(options, watchdog).await.unwrap()
}

/// A loopback address that nobody else has: by process, and counted in it.
pub fn address() -> IpAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let id = process::id();
    let [.., high, low] = (id / 100).to_be_bytes();
    let second = 100 + u8::try_from(id % 100).unwrap();
    let last = COUNT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, second ^ (high & 1), low, last).into()
}
