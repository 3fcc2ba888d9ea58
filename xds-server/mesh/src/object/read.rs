//! From a JSON value, as a file or an API server gives it, to an [`Object`]; or to what is wrong with it.

use std::sync::Arc;

use arcstr::{ArcStr, literal};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::kubernetes as k8s;
use super::{Config, Kind, Meta, Object, ObjectKey, istio};
use crate::validate;

/// One thing that is wrong with an object, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the object: `spec.egress[0].hosts[1]`; empty for the whole object.
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

const ISTIO_GROUPS: [&str; 4] =
    ["networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"];

/// Kinds of Istio's API that exist and are not applied.
const NOT_APPLIED: [&str; 6] =
    ["EnvoyFilter", "WasmPlugin", "TrafficExtension", "ProxyConfig", "WorkloadGroup", "ServiceEntryBackend"];

/// Reads one object. A namespaced object without a namespace is put into `default`, as `kubectl apply` does.
///
/// # Errors
/// Everything that is wrong with it, decoding first (then it is the only fault), else all that validation finds.
/// Such an object must be left out as a whole, as istiod does.
pub fn read(value: Value) -> Result<Reading, Vec<Fault>> {
    let identity = Identity::of(&value);
    if !value.is_object() {
        return Err(vec![Fault::new("", "not an object", "a document is a mapping with apiVersion, kind, metadata")]);
    }
    if identity.kind.is_empty() || identity.api_version.is_empty() {
        let what = if identity.kind.is_empty() { "kind" } else { "apiVersion" };
        let hint = "every object names its apiVersion and kind, such as v1 and Service";
        return Err(vec![Fault::new(what, format!("{what} is missing"), hint)]);
    }
    let Some(kind) = identity.known_kind() else { return unknown_kind(&identity) };
    if kind == Kind::ConfigMap && !(identity.name == "istio" && identity.namespace == "istio-system") {
        return Ok(Reading::PassedOver("only the ConfigMap istio in istio-system holds mesh configuration".into()));
    }
    if identity.name.is_empty() {
        return Err(vec![Fault::new("metadata.name", "the name is missing", "give the object a name")]);
    }
    let mut value = value;
    strip_nulls(&mut value);
    typed(kind, value)
}

fn unknown_kind(identity: &Identity) -> Result<Reading, Vec<Fault>> {
    let Identity { kind, api_version, .. } = identity;
    if NOT_APPLIED.contains(&kind.as_str()) || !ISTIO_GROUPS.contains(&identity.group()) {
        return Ok(Reading::PassedOver(format!("{kind} ({api_version}) is not applied")));
    }
    let known: Vec<_> = Kind::ALL.into_iter().filter(|k| k.is_istio()).map(Kind::name).collect();
    let what = format!("{api_version} has no kind {kind}");
    Err(vec![Fault::new("kind", what, format!("Istio's kinds are {}", known.join(", ")))])
}

fn typed(kind: Kind, value: Value) -> Result<Reading, Vec<Fault>> {
    let mut notes = Vec::new();
    let object = match kind {
        Kind::Namespace => Object::Namespace(arc(value, |o: &mut k8s::Namespace| &mut o.metadata, kind)?),
        Kind::Node => Object::Node(arc(value, |o: &mut k8s::Node| &mut o.metadata, kind)?),
        Kind::Service => Object::Service(arc(value, |o: &mut k8s::Service| &mut o.metadata, kind)?),
        Kind::EndpointSlice => {
            Object::EndpointSlice(arc(value, |o: &mut k8s::EndpointSlice| &mut o.metadata, kind)?)
        }
        Kind::Pod => Object::Pod(arc(value, |o: &mut k8s::Pod| &mut o.metadata, kind)?),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {
            Object::Workload(kind, arc(value, |o: &mut k8s::Workload| &mut o.metadata, kind)?)
        }
        Kind::ConfigMap => return mesh_config(value),
        Kind::ServiceEntry => Object::ServiceEntry(config(kind, value, &mut notes)?),
        Kind::WorkloadEntry => Object::WorkloadEntry(config(kind, value, &mut notes)?),
        Kind::Sidecar => Object::Sidecar(config(kind, value, &mut notes)?),
        Kind::VirtualService => Object::VirtualService(config(kind, value, &mut notes)?),
        Kind::DestinationRule => Object::DestinationRule(config(kind, value, &mut notes)?),
        Kind::PeerAuthentication => Object::PeerAuthentication(config(kind, value, &mut notes)?),
        Kind::AuthorizationPolicy => Object::AuthorizationPolicy(config(kind, value, &mut notes)?),
        Kind::RequestAuthentication => Object::RequestAuthentication(config(kind, value, &mut notes)?),
        Kind::Telemetry => Object::Telemetry(config(kind, value, &mut notes)?),
        Kind::Gateway => Object::Gateway(config(kind, value, &mut notes)?),
    };
    let faults = validate::object(&object);
    if faults.is_empty() { Ok(Reading::Object(object, notes)) } else { Err(faults) }
}

fn arc<T: DeserializeOwned>(value: Value, meta: fn(&mut T) -> &mut Meta, kind: Kind) -> Result<Arc<T>, Vec<Fault>> {
    let mut object: T = decode(value, "")?;
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
fn config<T>(kind: Kind, value: Value, notes: &mut Vec<Fault>) -> Result<Arc<Config<T>>, Vec<Fault>>
where
    T: DeserializeOwned,
{
    let Value::Object(mut fields) = value else { unreachable!("checked by read") };
    let (spec, status) = (take(&mut fields, "spec"), fields.remove("status").unwrap_or_default());
    let mut meta: Meta = decode(take(&mut fields, "metadata"), "metadata")?;
    settle(&mut meta, kind);
    let beside: Vec<_> = fields.keys().filter(|k| !["apiVersion", "kind"].contains(&k.as_str())).cloned().collect();
    if !beside.is_empty() {
        let hint = "an object has apiVersion, kind, metadata, spec and status; indent the field under spec";
        let fault = |k: &String| Fault::new(k.clone(), format!("unknown field {k:?} beside spec"), hint);
        return Err(beside.iter().map(fault).collect());
    }
    let mut ignored = |path: serde_ignored::Path<'_>| {
        let path = format!("spec.{}", readable(&path.to_string()));
        let what = format!("{path} is not a field of {kind}, or one that changes nothing here");
        notes.push(Fault::new(path, what, "check its spelling; the rest of the object is used"));
    };
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(spec, &mut track);
    let spec = T::deserialize(serde_ignored::Deserializer::new(tracked, &mut ignored));
    let spec = spec.map_err(|e| vec![decode_fault("spec", &track.path().to_string(), &e)])?;
    Ok(Arc::new(Config { meta, spec, status }))
}

fn take(fields: &mut Map<String, Value>, key: &str) -> Value {
    fields.remove(key).unwrap_or_else(|| Value::Object(Map::new()))
}

fn mesh_config(value: Value) -> Result<Reading, Vec<Fault>> {
    let map: k8s::ConfigMap = decode(value, "")?;
    let meta = map.metadata;
    let Some(text) = map.data.get("mesh") else {
        return Ok(Reading::PassedOver("the ConfigMap istio has no key mesh".into()));
    };
    let mut mesh: Value = serde_saphyr::from_str(text).map_err(|e| {
        vec![Fault::new("data.mesh", e.to_string(), "the key mesh holds a MeshConfig as YAML")]
    })?;
    if mesh.is_null() {
        mesh = Value::Object(Map::new());
    }
    strip_nulls(&mut mesh);
    let spec: istio::MeshConfig = decode(mesh, "data.mesh")?;
    let config = Arc::new(Config { meta, spec, status: Value::Null });
    let object = Object::MeshConfig(config);
    let faults = validate::object(&object);
    if faults.is_empty() { Ok(Reading::Object(object, Vec::new())) } else { Err(faults) }
}

fn decode<T: DeserializeOwned>(value: Value, root: &str) -> Result<T, Vec<Fault>> {
    serde_path_to_error::deserialize(value)
        .map_err(|e| vec![decode_fault(root, &e.path().to_string(), e.inner())])
}

fn decode_fault(root: &str, path: &str, error: &serde_json::Error) -> Fault {
    let path = match (root, path) {
        (root, ".") => root.to_owned(),
        ("", path) => path.to_owned(),
        (root, path) => format!("{root}.{path}"),
    };
    Fault::new(path, error.to_string(), "give a value of the field's type")
}

/// `serde_ignored` writes list positions as `.0`; the rest of the world as `[0]`, and it marks `Option`s by `?`.
fn readable(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for part in path.split('.').filter(|p| *p != "?") {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            out.push('[');
            out.push_str(part);
            out.push(']');
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        }
    }
    out
}

/// In protobuf's JSON form a null is an absent field.
fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !v.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
