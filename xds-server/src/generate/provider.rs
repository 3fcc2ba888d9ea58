//! Extension providers by name, and the services behind them (istiod: `pilot/pkg/model/telemetry.go`,
//! `pilot/pkg/model/extensionproviders.go`).

use serde_json::Value;
use xdslab_mesh::Snapshot;
use xdslab_mesh::object::istio::{ExtensionProvider, FileAccessLog, MeshConfig};

use super::cluster::name;

/// The provider that `accessLogFormat` and `accessLogEncoding` are for.
pub(crate) const ENVOY: &str = "envoy";

/// Providers that are there without being configured.
const BUILT_IN: [&str; 3] = ["prometheus", "stackdriver", ENVOY];

/// The provider that a name stands for, whatever its case: a built-in one, which a configured one of its very name
/// replaces, else a configured one.
pub(crate) fn named(mesh: &MeshConfig, wanted: &str) -> Option<ExtensionProvider> {
    let configured = &mesh.extension_providers;
    let name_of = |provider: &Value| provider.get("name").and_then(Value::as_str).map(str::to_owned);
    let names = configured.iter().filter_map(name_of);
    let name =
        BUILT_IN.map(str::to_owned).into_iter().chain(names).find(|n| n.eq_ignore_ascii_case(wanted))?;
    match configured.iter().rev().find(|p| name_of(p).as_deref() == Some(name.as_str())) {
        Some(written) => ExtensionProvider::read(written),
        None => Some(built_in(&name)),
    }
}

fn built_in(name: &str) -> ExtensionProvider {
    let file = FileAccessLog { path: "/dev/stdout".into(), ..FileAccessLog::default() };
    ExtensionProvider {
        name: name.into(),
        prometheus: (name == BUILT_IN[0]).then(Default::default),
        envoy_file_access_log: (name == ENVOY).then_some(file),
        ..ExtensionProvider::default()
    }
}

/// Where a provider is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Its host.
    pub hostname: String,
    /// The cluster that leads there.
    pub cluster: String,
}

/// The service `<namespace>/<hostname>` or `<hostname>` at a port, whoever may see it. A host without namespace must
/// be that of one namespace only; the port is not looked up.
pub(crate) fn destination(snapshot: &Snapshot, service: &str, port: u32) -> Option<Destination> {
    let services = snapshot.services();
    let found = if let Some((namespace, hostname)) = service.split_once('/') {
        services.get(hostname, namespace)?
    } else {
        let mut all = services.of_host(service);
        let first = all.next()?;
        if all.next().is_some() {
            return None;
        }
        first
    };
    let cluster = name::outbound(port, "", &found.hostname).to_string();
    Some(Destination { hostname: found.hostname.to_string(), cluster })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn providers_are_found_by_name() {
        let mesh = MeshConfig {
            extension_providers: vec![
                json!({"name": "Zipkin", "zipkin": {"service": "z", "port": 1}}),
                json!({"name": "envoy", "envoyFileAccessLog": {"path": "/log"}}),
                json!({"name": "zipkin", "zipkin": {"service": "z", "port": 2}}),
                Value::Null,
            ],
            ..MeshConfig::default()
        };
        let port = |name| named(&mesh, name).and_then(|p| p.zipkin).map(|z| z.port);
        assert_eq!(port("zipkin"), Some(1), "the first hit, whatever the case");
        assert!(named(&mesh, "PROMETHEUS").is_some_and(|p| p.prometheus.is_some()));
        assert!(named(&mesh, "envoy").is_some_and(|p| p.envoy_file_access_log.unwrap().path == "/log"));
        assert!(named(&mesh, "stackdriver").is_some_and(|p| p.prometheus.is_none()));
        assert_eq!(named(&mesh, "unknown"), None);
    }
}
