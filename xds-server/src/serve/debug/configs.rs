//! `/debug/configz`, `/debug/mesh` and `/debug/resourcesz`.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use xdslab_mesh::object::{Kind, Meta, Object};

use super::connected::watches;
use super::{Page, Visit};
use crate::serve::ask::Ask;
use crate::serve::hub::Hub;

/// The version that istiod reads Istio's kinds in.
const VERSION: &str = "v1";

/// Istio's own objects, of the writer of the mesh.
pub(super) async fn objects(hub: &Hub) -> Result<Vec<Object>, Page> {
    let (reply, answer) = oneshot::channel();
    let ending = || Page::text(503, "the server is shutting down\n");
    hub.asks.send(Ask::Configs(reply)).await.map_err(|_| ending())?;
    answer.await.map_err(|_| ending())
}

/// The same in Kubernetes' form.
pub(super) fn page(visit: &Visit, objects: &[Object]) -> Page {
    visit.json(&objects.iter().filter_map(object).collect())
}

/// The mesh configuration.
pub(super) fn mesh(visit: &Visit) -> Page {
    match visit.hub.snapshot() {
        Some(snapshot) => visit.json(&spec(&**snapshot.mesh_config())),
        None => visit.json(&json!({})),
    }
}

/// Without a client the kinds of objects that are read, as istiod; with one what it is subscribed to.
pub(super) fn resources(visit: &Visit) -> Page {
    match visit.named() {
        Some(Ok(client)) => visit.json(&Value::Object(watches(&client))),
        Some(Err(refusal)) => refusal,
        None => {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_istio());
            let form = |kind: Kind| json!({"group": kind.group(), "version": VERSION, "kind": kind.name()});
            visit.json(&kinds.map(form).collect())
        }
    }
}

fn object(object: &Object) -> Option<Value> {
    let spec = match object {
        Object::AuthorizationPolicy(o) => spec(&o.spec),
        Object::DestinationRule(o) => spec(&o.spec),
        Object::Gateway(o) => spec(&o.spec),
        Object::PeerAuthentication(o) => spec(&o.spec),
        Object::RequestAuthentication(o) => spec(&o.spec),
        Object::ServiceEntry(o) => spec(&o.spec),
        Object::Sidecar(o) => spec(&o.spec),
        Object::Telemetry(o) => spec(&o.spec),
        Object::VirtualService(o) => spec(&o.spec),
        Object::WorkloadEntry(o) => spec(&o.spec),
        _ => return None,
    };
    let kind = object.kind();
    Some(json!({
        "kind": kind.name(),
        "apiVersion": format!("{}/{VERSION}", kind.group()),
        "metadata": metadata(object.meta()),
        "spec": spec,
    }))
}

fn metadata(meta: &Meta) -> Value {
    let created = jiff::Timestamp::from_second(meta.creation_timestamp.0).ok();
    let created = created.filter(|_| meta.creation_timestamp.0 != 0);
    let mut fields = json!({
        "name": meta.name,
        "namespace": meta.namespace,
        "creationTimestamp": created.map(|at| at.to_string()),
    });
    if !meta.labels.is_empty() {
        fields["labels"] = json!(*meta.labels);
    }
    if !meta.annotations.is_empty() {
        fields["annotations"] = json!(meta.annotations);
    }
    fields
}

/// What was written, without what is empty. Words, numbers and booleans are there with their defaults too.
pub(super) fn spec(spec: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Object(fields) => {
            let kept = |value: &Value| !is_empty(value) && *value != Value::Object(Map::new());
            fields.retain(|_, value| kept(value));
            fields.values_mut().for_each(prune);
        }
        _ => {}
    }
}
