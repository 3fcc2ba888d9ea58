//! What istiod's validation webhook refuses, object by object, with no knowledge of other objects
//! (istiod: `pkg/config/validation/validation.go`). What istiod only warns of is no fault.

mod annotations;
mod authorization_policy;
mod authorization_values;
mod base64;
mod cel;
mod client_tls;
mod connection_pool;
mod destination_rule;
mod duration;
mod export_to;
mod fault_injection;
mod faults;
mod gateway;
mod headers;
mod host;
mod http_retry;
mod http_route;
mod jwks;
mod labels;
mod load_balancer;
mod locality;
mod mesh_config;
mod outlier_detection;
mod peer_authentication;
mod policy_target;
mod port;
mod proxy_config;
mod re2;
mod request_authentication;
mod route;
mod server_tls;
mod service_entry;
mod sidecar;
mod string_match;
mod telemetry;
mod traffic_policy;
mod uri;
mod virtual_service;
mod workload_entry;

use crate::object::{Fault, Object};
use faults::Faults;

/// Everything that is wrong with `object`; empty for a good one. Kubernetes' own objects are judged by decoding alone.
pub fn object(object: &Object) -> Vec<Fault> {
    Faults::collect(|f| {
        let meta = object.meta();
        let namespace = meta.namespace.as_str();
        if object.kind().is_istio() {
            let action = match object {
                Object::AuthorizationPolicy(o) => Some(o.spec.action),
                _ => None,
            };
            annotations::check(meta, action, f);
        }
        let spec = f.at("spec");
        match object {
            Object::Sidecar(o) => sidecar::check(&o.spec, spec),
            Object::DestinationRule(o) => destination_rule::check(&o.spec, namespace, spec),
            Object::VirtualService(o) => virtual_service::check(&o.spec, namespace, spec),
            Object::ServiceEntry(o) => service_entry::check(&o.spec, meta, spec),
            Object::WorkloadEntry(o) => workload_entry::check(&o.spec, spec),
            Object::PeerAuthentication(o) => peer_authentication::check(&o.spec, spec),
            Object::AuthorizationPolicy(o) => authorization_policy::check(&o.spec, spec),
            Object::RequestAuthentication(o) => request_authentication::check(&o.spec, spec),
            Object::Telemetry(o) => telemetry::check(&o.spec, spec),
            Object::Gateway(o) => gateway::check(&o.spec, &meta.name, f, spec),
            Object::MeshConfig(o) => {
                let data = f.at("data");
                mesh_config::check(&o.spec, data.at("mesh"));
            }
            Object::Namespace(_)
            | Object::Node(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Pod(_)
            | Object::Workload(..) => {}
        }
    })
}
