//! From a JSON value, as a file or an API server gives it, to an [`Object`]; or to what is wrong with it.

use std::sync::Arc;

use arcstr::{ArcStr, literal};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_saphyr::{DuplicateKeyPolicy, MessageFormatter, UserMessageFormatter};

use super::decode::{Dialect, Unknown, decode, shown};
use super::kubernetes as k8s;
use super::spelling::closest;
use super::{Config, Kind, Meta, Object, ObjectKey, istio, schema};
use crate::validate;

/// One thing that is wrong with an object, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the object: `spec.egress[0].hosts[1]`, `metadata.labels["a.b/c"]`; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into(), hint: hint.into() }
    }
}

/// What a JSON value turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// An object that is used, and notes on what in it is not.
    Object(Object, Vec<Fault>),
    /// An object that does not shape this mesh; why.
    PassedOver(String),
}

/// Kind, namespace and name of a value that claims to be an object; all may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`, or `metadata.generateName`.
    pub name: String,
}

impl Identity {
    /// Reads what is there; never fails.
    pub fn of(value: &Value) -> Self {
        let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let meta = value.get("metadata").unwrap_or(&Value::Null);
        Self {
            api_version: text(value, "apiVersion"),
            kind: text(value, "kind"),
            namespace: text(meta, "namespace"),
            name: text(meta, "name"),
        }
    }

    /// The group of `apiVersion`, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// The kind that this is, if it is one that shapes the mesh.
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == self.kind && k.group() == self.group())
    }

    /// What names the object, if its kind is known. A namespaced object without namespace is in `default`.
    pub fn key(&self) -> Option<ObjectKey> {
        let kind = self.known_kind()?;
        let namespace = match (kind.is_namespaced(), self.namespace.as_str()) {
            (false, _) => ArcStr::new(),
            (true, "") => literal!("default"),
            (true, ns) => ns.into(),
        };
        Some(ObjectKey { kind, namespace, name: self.name.as_str().into() })
    }
}

/// Istio's kinds that exist and are not applied, with their groups and why.
const NOT_APPLIED: [(&str, &str, &str); 5] = [
    ("networking.istio.io", "EnvoyFilter", "is not applied: what it patches is sent unpatched"),
    ("networking.istio.io", "ProxyConfig", "changes nothing that istiod sends: injection reads it"),
    (
        "networking.istio.io",
        "WorkloadGroup",
        "changes nothing that istiod sends: it is a template of WorkloadEntries",
    ),
    ("extensions.istio.io", "TrafficExtension", "is not applied: proxies get no extension"),
    ("extensions.istio.io", "WasmPlugin", "is not applied: proxies get no plugin"),
];

/// The label by which a namespace joins an ambient mesh.
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";

/// Whether every kind of the group must be one that Istio has. The installer's group is a program's input, not the mesh's.
fn is_istio_group(group: &str) -> bool {
    group.ends_with(".istio.io") && group != "install.istio.io"
}

/// Fields of Istio's API that no type here has, by kind (`None`: any) and the end of their path without positions.
const IGNORED: [(Option<Kind>, &str); 2] = [
    (Some(Kind::DestinationRule), "outlierDetection.outlierDetectionHttpErrorCodes"),
    (Some(Kind::Telemetry), "tracing.disableContextPropagation"),
];

/// Reads one object. A namespaced object without a namespace is put into `default`, as `kubectl apply` does.
///
/// # Errors
/// Everything that is wrong with it, decoding first (then it is the only fault), else all that validation finds.
/// Such an object must be left out as a whole, as istiod does.
#[allow(clippy::needless_pass_by_value)] // nobody has a use for the value after this
pub fn read(value: Value) -> Result<Reading, Vec<Fault>> {
    let identity = Identity::of(&value);
    let Value::Object(fields) = &value else {
        let hint = "a document is a mapping with apiVersion, kind, metadata and what the kind asks for";
        return Err(vec![Fault::new("", format!("{} where an object belongs", shown(&value)), hint)]);
    };
    for (name, found) in [("apiVersion", &identity.api_version), ("kind", &identity.kind)] {
        if found.is_empty() {
            return Err(vec![unnamed(
                fields.get(name),
                name,
                "every object names its apiVersion and kind, such as v1 and Service",
            )]);
        }
    }
    let Some(kind) = identity.known_kind() else { return unknown_kind(&identity) };
    if kind == Kind::ConfigMap && !(identity.name == "istio" && identity.namespace == "istio-system") {
        return Ok(Reading::PassedOver(
            "only the ConfigMap istio in istio-system holds mesh configuration".into(),
        ));
    }
    if identity.name.is_empty() {
        let name = fields.get("metadata").and_then(|m| m.get("name"));
        return Err(vec![unnamed(name, "metadata.name", "give the object a name, as text")]);
    }
    typed(kind, &value, fields)
}

/// What is wrong with a `path` that holds no text.
fn unnamed(found: Option<&Value>, path: &str, hint: &str) -> Fault {
    match found {
        None | Some(Value::Null) => Fault::new(path, format!("{path} is missing"), hint),
        Some(Value::String(_)) => Fault::new(path, format!("{path} is empty"), hint),
        Some(other) => Fault::new(path, format!("{} where text belongs", shown(other)), hint),
    }
}

fn unknown_kind(identity: &Identity) -> Result<Reading, Vec<Fault>> {
    let Identity { kind, api_version, .. } = identity;
    let known =
        NOT_APPLIED.iter().find(|(group, name, _)| (*group, *name) == (identity.group(), kind.as_str()));
    let why = match known {
        Some((_, _, why)) => *why,
        None if is_istio_group(identity.group()) => "",
        None => "is not applied",
    };
    if !why.is_empty() {
        return Ok(Reading::PassedOver(format!("{kind} ({api_version}) {why}")));
    }
    let istio = || Kind::ALL.into_iter().filter(|k| k.is_istio());
    let hint = if let Some(kind) = istio().find(|k| k.name() == kind) {
        format!("{kind} is in {}: write apiVersion: {}/v1", kind.group(), kind.group())
    } else if let Some(meant) = closest(kind, istio().map(Kind::name)) {
        format!("did you mean {meant}?")
    } else {
        format!("Istio's kinds are {}", istio().map(Kind::name).collect::<Vec<_>>().join(", "))
    };
    Err(vec![Fault::new("kind", format!("{api_version} has no kind {kind}"), hint)])
}

fn typed(kind: Kind, value: &Value, fields: &Map<String, Value>) -> Result<Reading, Vec<Fault>> {
    let mut notes = Vec::new();
    let object = match kind {
        Kind::Namespace => {
            let namespace = kubernetes(value, |o: &mut k8s::Namespace| &mut o.metadata, kind)?;
            notes.extend(ambient(&namespace.metadata));
            Object::Namespace(namespace)
        }
        Kind::Node => Object::Node(kubernetes(value, |o: &mut k8s::Node| &mut o.metadata, kind)?),
        Kind::Service => Object::Service(kubernetes(value, |o: &mut k8s::Service| &mut o.metadata, kind)?),
        Kind::EndpointSlice => {
            Object::EndpointSlice(kubernetes(value, |o: &mut k8s::EndpointSlice| &mut o.metadata, kind)?)
        }
        Kind::Pod => Object::Pod(kubernetes(value, |o: &mut k8s::Pod| &mut o.metadata, kind)?),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {
            Object::Workload(kind, kubernetes(value, |o: &mut k8s::Workload| &mut o.metadata, kind)?)
        }
        Kind::ConfigMap => return mesh_config(value),
        Kind::ServiceEntry => Object::ServiceEntry(config(kind, fields, &mut notes)?),
        Kind::WorkloadEntry => Object::WorkloadEntry(config(kind, fields, &mut notes)?),
        Kind::Sidecar => Object::Sidecar(config(kind, fields, &mut notes)?),
        Kind::VirtualService => Object::VirtualService(config(kind, fields, &mut notes)?),
        Kind::DestinationRule => Object::DestinationRule(config(kind, fields, &mut notes)?),
        Kind::PeerAuthentication => Object::PeerAuthentication(config(kind, fields, &mut notes)?),
        Kind::AuthorizationPolicy => Object::AuthorizationPolicy(config(kind, fields, &mut notes)?),
        Kind::RequestAuthentication => Object::RequestAuthentication(config(kind, fields, &mut notes)?),
        Kind::Telemetry => Object::Telemetry(config(kind, fields, &mut notes)?),
        Kind::Gateway => Object::Gateway(config(kind, fields, &mut notes)?),
    };
    validated(object, notes)
}

/// Says of a namespace in an ambient mesh that it is treated as any other.
fn ambient(meta: &Meta) -> Option<Fault> {
    meta.labels.get(DATAPLANE_MODE).filter(|mode| *mode == "ambient")?;
    let hint = "ambient is not applied: its pods count as pods without a proxy, unless they have a sidecar";
    Some(Fault::new("metadata.labels", format!("{DATAPLANE_MODE} is ambient"), hint))
}

fn validated(object: Object, notes: Vec<Fault>) -> Result<Reading, Vec<Fault>> {
    let faults = validate::object(&object);
    if faults.is_empty() { Ok(Reading::Object(object, notes)) } else { Err(faults) }
}

fn kubernetes<T: DeserializeOwned>(
    value: &Value,
    meta: fn(&mut T) -> &mut Meta,
    kind: Kind,
) -> Result<Arc<T>, Vec<Fault>> {
    let (mut object, _): (T, _) = decode(value, "", Dialect::Kubernetes).map_err(|f| vec![f])?;
    settle(meta(&mut object), kind);
    Ok(Arc::new(object))
}

/// Puts a namespaced object without namespace into `default`, and takes it from one that has no place there.
fn settle(meta: &mut Meta, kind: Kind) {
    if !kind.is_namespaced() {
        meta.namespace = ArcStr::new();
    } else if meta.namespace.is_empty() {
        meta.namespace = literal!("default");
    }
}

/// Reads one of Istio's objects: unknown fields beside `spec` refuse it, unknown fields within are noted.
fn config<T>(
    kind: Kind,
    fields: &Map<String, Value>,
    notes: &mut Vec<Fault>,
) -> Result<Arc<Config<T>>, Vec<Fault>>
where
    T: DeserializeOwned,
{
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    let decoded = decode(field("metadata"), "metadata", Dialect::Kubernetes);
    let (mut meta, _): (Meta, _) = decoded.map_err(|f| vec![f])?;
    settle(&mut meta, kind);
    let beside: Vec<_> =
        fields.keys().filter(|k| !BESIDE_SPEC.contains(&k.as_str())).map(|k| beside(k)).collect();
    if !beside.is_empty() {
        return Err(beside);
    }
    let (spec, unknown) = decode(field("spec"), "spec", Dialect::Protobuf).map_err(|f| vec![f])?;
    notes.extend(unknown.into_iter().map(|u| {
        let ignored = is_ignored(kind, &u.path);
        note(kind.name(), u, ignored)
    }));
    Ok(Arc::new(Config { meta, spec, status: field("status").clone() }))
}

/// The fields that an object of Istio's may have.
const BESIDE_SPEC: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

fn beside(name: &str) -> Fault {
    let hint = match closest(name, BESIDE_SPEC).or((name == "specs").then_some("spec")) {
        Some(meant) => format!("did you mean {meant}?"),
        None => {
            "an object has apiVersion, kind, metadata, spec and status; does it belong under spec?".into()
        }
    };
    Fault::new(name, format!("unknown field {name:?} beside spec"), hint)
}

/// What is said about a field that no type has: of Istio's API but without effect, or of nobody's.
fn note(of: &str, Unknown { path, meant }: Unknown, ignored: bool) -> Fault {
    if ignored {
        let what = format!("{path} has no effect here");
        return Fault::new(
            path,
            what,
            "Istio's API has this field, xdslab does not act on it; the rest is used",
        );
    }
    let what = format!("{path} is not a field of {of}");
    let hint = match meant {
        Some(meant) => format!("did you mean {meant}? As it stands it has no effect, as with istiod"),
        None => "check its spelling and how far it is indented; it has no effect, as with istiod".into(),
    };
    Fault::new(path, what, hint)
}

fn is_ignored(kind: Kind, path: &str) -> bool {
    let mut plain = String::with_capacity(path.len());
    for (i, part) in path.split('[').enumerate() {
        plain.push_str(if i == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) });
    }
    IGNORED.iter().any(|(k, end)| k.is_none_or(|k| k == kind) && plain.ends_with(end))
}

fn mesh_config(value: &Value) -> Result<Reading, Vec<Fault>> {
    const ROOT: &str = "data.mesh";
    let decoded = decode(value, "", Dialect::Kubernetes).map_err(|f| vec![f])?;
    let map: k8s::ConfigMap = decoded.0;
    let Some(text) = map.data.get("mesh") else {
        return Ok(Reading::PassedOver("the ConfigMap istio has no key mesh".into()));
    };
    let mesh = mesh_yaml(text).map_err(|what| {
        vec![Fault::new(ROOT, what, "the key mesh holds a MeshConfig as YAML: correct it from that line on")]
    })?;
    let (spec, unknown) = decode::<istio::MeshConfig>(&mesh, ROOT, Dialect::Protobuf).map_err(|f| vec![f])?;
    let decoded = decode::<istio::IgnoredMeshConfig>(&mesh, ROOT, Dialect::Protobuf);
    let (_, foreign) = decoded.map_err(|f| vec![f])?;
    let in_parts = schema::check_mesh(&mesh, ROOT).map_err(|f| vec![f])?;
    let notes = unknown.into_iter().chain(in_parts).map(|u| {
        let top = u.path.strip_prefix("data.mesh.").is_some_and(|p| !p.contains(['.', '[']));
        let ignored = top && foreign.iter().all(|f| f.path != u.path);
        note("MeshConfig", u, ignored)
    });
    let notes = notes.collect();
    validated(Object::MeshConfig(Arc::new(Config { meta: map.metadata, spec, status: Value::Null })), notes)
}

/// Reads the YAML in the mesh configuration as istiod does: of a key that occurs twice the last counts.
fn mesh_yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: None,
        with_snippet: false,
        legacy_octal_numbers: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |l| l.line());
        format!("line {line} of it: {}", UserMessageFormatter.format_message(&error))
    })
}
