//! Traces (istiod: `pilot/pkg/networking/core/tracing.go`, `Tracing` in `pilot/pkg/model/telemetry.go`).

use arcstr::ArcStr;
use indexmap::IndexMap;
use xdslab_mesh::object::istio::{
    CustomTag, ProxyTracing, Telemetry as Rule, Tracing as Entry, WorkloadMode,
};
use xdslab_proto::common::Percent;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::Tracing as Message;
use xdslab_proto::protobuf::{BoolValue, UInt32Value};

use super::tracer::{Tracer, Version};
use super::{Class, fits, mode, tags};
use crate::generate::provider;
use crate::generate::view::View;

/// How a connection manager traces.
#[derive(Debug)]
pub(in crate::generate::filter) struct Tracing {
    /// Its field `tracing`.
    pub message: Option<Message>,
    /// Whether the request's id tells whether it is sampled.
    pub by_request_id: bool,
}

impl Default for Tracing {
    fn default() -> Self {
        Self { message: None, by_request_id: true }
    }
}

impl Tracing {
    /// That of a class of chains.
    pub fn of(view: &View, class: Class, rules: &[&Rule]) -> Self {
        let mesh = view.snapshot.mesh_config();
        let defaults = &mesh.default_providers.tracing;
        let entries: Vec<&Entry> = rules.iter().flat_map(|r| &r.tracing).collect();
        if entries.is_empty() && defaults.is_empty() {
            return Self::of_bootstrap(view);
        }
        let spec = Spec::merged(&entries, defaults.first(), mode(class));
        let provider = spec.provider.filter(|_| !spec.disabled).and_then(|name| provider::named(mesh, name));
        let tracer = provider.and_then(|provider| Tracer::of(view, &provider));
        tracer.map(|tracer| spec.tracing(view, class, tracer)).unwrap_or_default()
    }

    /// What proxies do where neither a `Telemetry` nor a default provider says how: the tracer is the bootstrap's.
    fn of_bootstrap(view: &View) -> Self {
        if !view.snapshot.mesh_config().enable_tracing {
            return Self::default();
        }
        let own = &view.proxy_config.tracing;
        let message = Message {
            custom_tags: tags::all(view, own.enable_istio_tags != Some(false), tags_of_proxy(own)),
            max_path_tag_length: longest_path(None, own),
            ..sampled(sampling(own))
        };
        Self { message: Some(message), by_request_id: true }
    }
}

/// What `Telemetry` objects say of one end of connections.
#[derive(Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // each is a field of the API
struct Spec<'r> {
    provider: Option<&'r ArcStr>,
    disabled: bool,
    sampling: Option<f64>,
    tags: Option<&'r IndexMap<ArcStr, CustomTag>>,
    by_request_id: bool,
    istio_tags: bool,
    keeps_to_itself: bool,
}

impl<'r> Spec<'r> {
    /// Later entries go over earlier ones, field by field. Of an entry's providers the first counts.
    fn merged(entries: &[&'r Entry], default: Option<&'r ArcStr>, mode: WorkloadMode) -> Self {
        let mut spec = Self {
            provider: default,
            disabled: false,
            sampling: None,
            tags: None,
            by_request_id: true,
            istio_tags: true,
            keeps_to_itself: false,
        };
        for entry in entries.iter().filter(|e| fits(e.matches.as_ref(), mode)) {
            spec.provider = entry.providers.first().map(|p| &p.name).or(spec.provider);
            spec.disabled = entry.disable_span_reporting.unwrap_or(spec.disabled);
            spec.sampling = entry.random_sampling_percentage.or(spec.sampling);
            spec.tags = Some(&entry.custom_tags).filter(|t| !t.is_empty()).or(spec.tags);
            spec.by_request_id = entry.use_request_id_for_trace_sampling.unwrap_or(spec.by_request_id);
            spec.istio_tags = entry.enable_istio_tags.unwrap_or(spec.istio_tags);
            spec.keeps_to_itself = entry.disable_context_propagation.unwrap_or(spec.keeps_to_itself);
        }
        spec
    }

    fn tracing(&self, view: &View, class: Class, tracer: Tracer) -> Tracing {
        let own = &view.proxy_config.tracing;
        let percent = if tracer.samples { 100.0 } else { self.sampling.unwrap_or_else(|| sampling(own)) };
        let tags = self.tags.map_or_else(|| tags_of_proxy(own), |tags| tags.iter().collect());
        let spawns = tracer.spawns || class == Class::Gateway;
        let message = Message {
            custom_tags: tags::all(view, self.istio_tags, tags),
            max_path_tag_length: longest_path(tracer.longest_path, own),
            spawn_upstream_span: spawns.then_some(BoolValue { value: true }),
            no_context_propagation: self.keeps_to_itself && Version::of(view).is_at_least(30),
            provider: Some(tracer.message),
            ..sampled(percent)
        };
        Tracing { message: Some(message), by_request_id: self.by_request_id }
    }
}

/// The proxy's own share of requests in percent; too much of it counts as 1.
fn sampling(own: &ProxyTracing) -> f64 {
    match own.sampling {
        0.0 => 1.0,
        much if much > 100.0 => 1.0,
        share => share,
    }
}

/// The tags of a proxy's configuration, whose API has no formatters.
fn tags_of_proxy(own: &ProxyTracing) -> Vec<(&ArcStr, &CustomTag)> {
    own.custom_tags.iter().filter(|(_, tag)| tag.formatter.is_none()).collect()
}

fn longest_path(of_provider: Option<u32>, own: &ProxyTracing) -> Option<UInt32Value> {
    let value = of_provider.filter(|l| *l != 0).unwrap_or(own.max_path_tag_length);
    (value != 0).then_some(UInt32Value { value })
}

/// `percent` of the requests that nobody else decided on.
fn sampled(percent: f64) -> Message {
    Message {
        client_sampling: Some(Percent { value: 100.0 }),
        random_sampling: Some(Percent { value: percent }),
        overall_sampling: Some(Percent { value: 100.0 }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use xdslab_mesh::object::istio::{ModeMatch, ProviderRef};

    use super::*;

    #[test]
    fn too_much_sampling_is_one_percent() {
        for (given, wanted) in [(0.0, 1.0), (0.5, 0.5), (100.0, 100.0), (100.1, 1.0)] {
            let own = ProxyTracing { sampling: given, ..ProxyTracing::default() };
            assert!((sampling(&own) - wanted).abs() < f64::EPSILON, "{given}");
        }
    }

    #[test]
    fn the_providers_length_goes_before_the_proxys() {
        let own = ProxyTracing { max_path_tag_length: 7, ..ProxyTracing::default() };
        for (provider, wanted) in [(None, 7), (Some(0), 7), (Some(9), 9)] {
            assert_eq!(longest_path(provider, &own).map(|l| l.value), Some(wanted));
        }
        assert_eq!(longest_path(None, &ProxyTracing::default()), None);
    }

    #[test]
    fn entries_are_merged_field_by_field() {
        let far = Entry {
            providers: ["a", "b"].map(|name| ProviderRef { name: name.into() }).into(),
            random_sampling_percentage: Some(5.0),
            enable_istio_tags: Some(false),
            ..Entry::default()
        };
        let near = Entry {
            matches: Some(ModeMatch { mode: WorkloadMode::Server }),
            random_sampling_percentage: Some(0.0),
            disable_span_reporting: Some(true),
            ..Entry::default()
        };
        let default = ArcStr::from("default");
        let of = |mode| Spec::merged(&[&far, &near], Some(&default), mode);
        let (client, server) = (of(WorkloadMode::Client), of(WorkloadMode::Server));
        assert_eq!(client.provider.map(ArcStr::as_str), Some("a"));
        assert_eq!((client.sampling, client.disabled, client.istio_tags), (Some(5.0), false, false));
        assert_eq!((server.sampling, server.disabled, server.istio_tags), (Some(0.0), true, false));
        assert_eq!(Spec::merged(&[], Some(&default), WorkloadMode::Client).provider, Some(&default));
    }
}
