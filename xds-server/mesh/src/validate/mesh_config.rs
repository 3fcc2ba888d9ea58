//! The mesh configuration (istiod: `ValidateMeshConfig`).

use super::faults::Faults;
use super::{connection_pool, duration, host, locality, outlier_detection, port, proxy_config};
use crate::object::Duration;
use crate::object::istio::MeshConfig;

const LONGEST_CONNECT_TIMEOUT: Duration = Duration::from_secs(3600);

/// Refuses what is out of range. Extension providers are only decoded; `proxyInboundListenPort` may be any number.
pub(super) fn check(mesh: &MeshConfig, f: Faults<'_>) {
    port::number(mesh.proxy_listen_port, f.at("proxyListenPort"));
    duration::check(mesh.connect_timeout, f.at("connectTimeout"));
    if mesh.connect_timeout > LONGEST_CONNECT_TIMEOUT {
        f.at("connectTimeout").push(format!("{} is too long", mesh.connect_timeout), "write 1h at most");
    }
    duration::whole_milliseconds(mesh.protocol_detection_timeout, f.at("protocolDetectionTimeout"));
    proxy_config::check(&mesh.default_config, f.at("defaultConfig"));
    if let Some(setting) = &mesh.locality_lb_setting {
        locality::locality_lb(setting, f.at("localityLbSetting"));
    }
    if let Some(setting) = &mesh.zone_aware_lb_setting {
        locality::zone_aware_lb(setting, f.at("zoneAwareLbSetting"));
    }
    for (f, settings) in f.each("serviceSettings", &mesh.service_settings) {
        for (f, name) in f.each("hosts", &settings.hosts) {
            host::wild(name, f);
        }
    }
    trust_domain(&mesh.trust_domain, f.at("trustDomain"));
    for (f, domain) in f.each("trustDomainAliases", &mesh.trust_domain_aliases) {
        trust_domain(domain, f);
    }
    if mesh.mesh_mtls.as_ref().is_some_and(|tls| !tls.ecdh_curves.is_empty()) {
        let f = f.at("meshMTLS");
        f.at("ecdhCurves")
            .push("the curves of the mesh's own TLS cannot be set", "leave it out, or set tlsDefaults");
    }
    if let Some(policy) = &mesh.default_traffic_policy {
        let f = f.at("defaultTrafficPolicy");
        if let Some(pool) = &policy.connection_pool {
            connection_pool::limits(pool, f.at("connectionPool"));
        }
        if let Some(settings) = &policy.outlier_detection {
            outlier_detection::check(settings, f.at("outlierDetection"));
        }
    }
}

fn trust_domain(domain: &str, f: Faults<'_>) {
    let labels = domain.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(domain);
    if !labels.split('.').all(host::is_label) {
        f.push(format!("{domain:?} is not a trust domain"), "write a DNS name such as cluster.local");
    }
}
