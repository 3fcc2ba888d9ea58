//! Tags of traces: Istio's own and those that were asked for (istiod: `buildCustomTags`,
//! `pilot/pkg/networking/core/tracing.go`).

use arcstr::ArcStr;
use xdslab_mesh::object::istio::CustomTag as Wanted;
use xdslab_proto::metadata::metadata_key::{PathSegment, path_segment::Segment};
use xdslab_proto::metadata::metadata_kind::{Kind, Request};
use xdslab_proto::metadata::{MetadataKey, MetadataKind};
use xdslab_proto::tracing::CustomTag;
use xdslab_proto::tracing::custom_tag::{Environment, Header, Literal, Metadata, Type};

use super::tracer::Version;
use crate::generate::view::View;

/// All tags of a proxy's traces, in order: Istio's where they are `istio`, and the `wanted` ones, which come after
/// Istio's of the same name.
pub(super) fn all<'t>(
    view: &View,
    istio: bool,
    wanted: impl IntoIterator<Item = (&'t ArcStr, &'t Wanted)>,
) -> Vec<CustomTag> {
    let mut tags = Vec::new();
    if istio {
        tags.extend(dry_run());
        tags.extend(identity(view));
    }
    tags.extend(wanted.into_iter().filter_map(|(name, tag)| custom(view, name, tag)));
    tags.sort_by(|a, b| a.tag.cmp(&b.tag));
    tags
}

/// Of several ways the last that the API lists counts, as protobuf reads a `oneof`. Proxies older than Istio 1.29 know
/// no formatters.
fn custom(view: &View, name: &str, tag: &Wanted) -> Option<CustomTag> {
    let kind = match tag {
        Wanted { formatter: Some(_), .. } if !Version::of(view).is_at_least(29) => return None,
        Wanted { formatter: Some(f), .. } => Type::Value(f.value.to_string()),
        Wanted { header: Some(h), .. } => Type::RequestHeader(Header {
            name: h.name.to_string(),
            default_value: h.default_value.to_string(),
        }),
        Wanted { environment: Some(e), .. } => Type::Environment(Environment {
            name: e.name.to_string(),
            default_value: e.default_value.to_string(),
        }),
        Wanted { literal: Some(l), .. } => Type::Literal(Literal { value: l.value.to_string() }),
        _ => return None,
    };
    Some(CustomTag { tag: name.to_owned(), r#type: Some(kind) })
}

/// What policies on trial would have said.
fn dry_run() -> impl Iterator<Item = CustomTag> {
    let parts = [("name", "effective_policy_id"), ("result", "engine_result")];
    let both = ["allow", "deny"].into_iter().flat_map(move |action| parts.map(|part| (action, part)));
    both.map(|(action, (part, suffix))| {
        let key = format!("istio_dry_run_{action}_shadow_{suffix}");
        let metadata = Metadata {
            kind: Some(MetadataKind { kind: Some(Kind::Request(Request {})) }),
            metadata_key: Some(MetadataKey {
                key: "envoy.filters.http.rbac".to_owned(),
                path: vec![PathSegment { segment: Some(Segment::Key(key)) }],
            }),
            ..Default::default()
        };
        CustomTag {
            tag: format!("istio.authorization.dry_run.{action}_policy.{part}"),
            r#type: Some(Type::Metadata(metadata)),
        }
    })
}

/// Who the proxy is.
fn identity(view: &View) -> impl Iterator<Item = CustomTag> {
    let (metadata, labels) = (&view.proxy.metadata, &view.workload.labels);
    let or =
        |value: Option<&str>, default: &str| value.filter(|v| !v.is_empty()).unwrap_or(default).to_owned();
    let label = |key: &str| labels.get(key).map(ArcStr::as_str);
    [
        ("istio.canonical_revision", or(label("service.istio.io/canonical-revision"), "latest")),
        ("istio.canonical_service", or(label("service.istio.io/canonical-name"), "unknown")),
        ("istio.cluster_id", or(Some(&metadata.cluster_id), "unknown")),
        ("istio.mesh_id", or(metadata.raw.get("MESH_ID").and_then(|v| v.as_str()), "unknown")),
        ("istio.namespace", or(metadata.namespace.as_deref(), "default")),
    ]
    .into_iter()
    .map(|(tag, value)| CustomTag { tag: tag.to_owned(), r#type: Some(Type::Literal(Literal { value })) })
}
