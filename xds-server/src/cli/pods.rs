//! Finding the proxy that a user names among a mesh's Pods.

use arcstr::ArcStr;
use serde_json::json;
use xdslab_mesh::object::Object;
use xdslab_mesh::object::kubernetes::Pod;
use xdslab_mesh::{METADATA_EXCHANGE, NodeIdentity};

/// A name that stands for no Pod, or for several.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// The name has no namespace.
    #[error("{0:?} has no namespace; write NAME.NAMESPACE, such as productpage-v1-0.default")]
    NoNamespace(String),
    /// No such Pod.
    #[error("no pod {name:?} in namespace {namespace:?}; {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
        /// What there is instead.
        known: String,
    },
    /// No address yet.
    #[error("pod {0} has no address: its status has no podIP")]
    NoAddress(String),
}

/// The node that the proxy of a Pod would send. `stock` is an Envoy that is not Istio's build.
///
/// `text` is `NAME.NAMESPACE`; NAME may be the beginning of a Pod's name, such as that of its Deployment: of
/// several such Pods the first by name is meant.
///
/// # Errors
/// When no Pod fits.
pub fn identify<'a>(
    objects: impl Iterator<Item = &'a Object>,
    text: &str,
    stock: bool,
) -> Result<NodeIdentity, PodError> {
    let (name, namespace) = text.rsplit_once('.').ok_or_else(|| PodError::NoNamespace(text.to_owned()))?;
    let mut pods: Vec<&Pod> =
        objects.filter_map(|o| if let Object::Pod(pod) = o { Some(&**pod) } else { None }).collect();
    pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    pods.retain(|p| p.metadata.namespace == namespace);
    let exact = pods.iter().find(|p| p.metadata.name == name);
    let prefix = name.trim_end_matches('*').trim_end_matches('-');
    let begins = |p: &&&Pod| p.metadata.name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
    let pod = exact.or_else(|| pods.iter().find(begins)).ok_or_else(|| PodError::Unknown {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        known: known(&pods),
    })?;
    node(pod, stock)
}

fn known(pods: &[&Pod]) -> String {
    let names: Vec<_> = pods.iter().take(5).map(|p| p.metadata.name.as_str()).collect();
    match names.len() {
        0 => "there is no pod in it; check the namespace, or the files given with -f".to_owned(),
        _ if pods.len() > names.len() => {
            format!("it has {} and {} more", names.join(", "), pods.len() - names.len())
        }
        _ => format!("it has {}", names.join(", ")),
    }
}

/// The node of a Pod's proxy, with the metadata that Istio's agent would send.
///
/// # Errors
/// When the Pod has no address.
pub fn node(pod: &Pod, stock: bool) -> Result<NodeIdentity, PodError> {
    let (meta, spec) = (&pod.metadata, &pod.spec);
    let (name, namespace, ip) = (&meta.name, &meta.namespace, &pod.status.pod_ip);
    if ip.is_empty() {
        return Err(PodError::NoAddress(format!("{name}.{namespace}")));
    }
    let account = if spec.service_account_name.is_empty() { "default" } else { &spec.service_account_name };
    let metadata = json!({
        "NAMESPACE": namespace,
        "NAME": name,
        "LABELS": *meta.labels,
        "SERVICE_ACCOUNT": account,
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": "1.31.0",
        "MESH_ID": "cluster.local",
        "INSTANCE_IPS": ip,
        "INTERCEPTION_MODE": "REDIRECT",
        "NODE_NAME": spec.node_name,
    });
    // A stock Envoy lists what it knows; a list without Istio's filters is enough to tell it apart.
    let extension = if stock { "envoy.filters.network.tcp_proxy" } else { METADATA_EXCHANGE };
    let workload = meta.labels.get("app").unwrap_or(name);
    Ok(NodeIdentity {
        cluster: arcstr::format!("{workload}.{namespace}"),
        id: arcstr::format!("sidecar~{ip}~{name}.{namespace}~{namespace}.svc.cluster.local"),
        metadata,
        locality: xdslab_mesh::Locality::default(),
        extensions: vec![ArcStr::from(extension)],
    })
}
