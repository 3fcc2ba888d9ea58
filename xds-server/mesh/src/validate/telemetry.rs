//! `Telemetry` (istiod: `ValidateTelemetry`).

use arcstr::ArcStr;

use super::faults::Faults;
use super::{cel, policy_target};
use crate::object::istio::{CustomTag, Metrics, ProviderRef, TagOperation, Telemetry, Tracing};

/// Refuses what is wrong with a telemetry setting.
pub(super) fn check(telemetry: &Telemetry, f: Faults<'_>) {
    policy_target::check(
        telemetry.selector.as_ref(),
        telemetry.target_ref.as_ref(),
        &telemetry.target_refs,
        f,
    );
    for (f, given) in f.each("metrics", &telemetry.metrics) {
        metrics(given, f);
    }
    for (f, given) in f.each("tracing", &telemetry.tracing) {
        tracing(given, f);
    }
    for (f, given) in f.each("accessLogging", &telemetry.access_logging) {
        providers(&given.providers, f);
        if let Some(Err(fault)) = given.filter.as_ref().map(|filter| cel::check(&filter.expression)) {
            let f = f.at("filter");
            let hint = "write one such as response.code >= 400; see https://github.com/google/cel-spec";
            f.at("expression").push(format!("the expression is not CEL: {fault}"), hint);
        }
    }
}

fn providers(list: &[ProviderRef], f: Faults<'_>) {
    for (f, _) in f.each("providers", list).filter(|(_, provider)| provider.name.is_empty()) {
        f.at("name")
            .missing("the provider's name", "name one of the mesh configuration's extensionProviders");
    }
}

fn tracing(tracing: &Tracing, f: Faults<'_>) {
    providers(&tracing.providers, f);
    if let Some(percent) = tracing.random_sampling_percentage.filter(|p| *p < 0.0 || *p > 100.0) {
        f.at("randomSamplingPercentage")
            .push(format!("{percent} is not a percentage"), "write a number from 0 to 100");
    }
    let f = f.at("customTags");
    for (name, tag) in &tracing.custom_tags {
        if name.is_empty() {
            f.key(name).missing("the tag's name", "name the tag, such as environment");
        }
        custom_tag(tag, f.key(name));
    }
}

/// Of several ways the last that the API lists counts, as protobuf reads a `oneof`.
fn custom_tag(tag: &CustomTag, f: Faults<'_>) {
    let (way, field, given) = match tag {
        CustomTag { formatter: Some(_), .. } => return,
        CustomTag { header: Some(header), .. } => ("header", "name", &header.name),
        CustomTag { environment: Some(variable), .. } => ("environment", "name", &variable.name),
        CustomTag { literal: Some(literal), .. } => ("literal", "value", &literal.value),
        _ => return,
    };
    if given.is_empty() {
        let f = f.at(way);
        f.at(field)
            .missing(format_args!("the {field} of the {way}"), "say what the tag's value is taken from");
    }
}

fn metrics(metrics: &Metrics, f: Faults<'_>) {
    providers(&metrics.providers, f);
    for (f, change) in f.each("overrides", &metrics.overrides) {
        {
            let f = f.at("tagOverrides");
            for (name, tag) in &change.tag_overrides {
                let f = f.key(name);
                match tag.operation {
                    TagOperation::Upsert if tag.value.is_empty() => {
                        f.at("value").missing(
                            "the value that UPSERT sets",
                            "write a CEL expression, or operation: REMOVE",
                        );
                    }
                    TagOperation::Remove if !tag.value.is_empty() => {
                        f.at("value")
                            .push("REMOVE sets no value", "leave out value, or write operation: UPSERT");
                    }
                    _ => {}
                }
            }
        }
        let custom = change.matches.as_ref().and_then(|m| m.custom_metric.as_ref());
        if custom.is_some_and(ArcStr::is_empty) {
            let f = f.at("match");
            f.at("customMetric").missing("the metric's name", "name a metric, or write metric: ALL_METRICS");
        }
    }
}
