//! One case: a mesh, the proxies that connect, and what istiod sent to each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use xdslab_mesh::{Locality, NodeIdentity};

/// Resources in protobuf's JSON form, by name.
pub type Resources = BTreeMap<String, Value>;

/// A case's folder.
#[derive(Clone, Debug)]
pub struct Case {
    folder: PathBuf,
    golden: Golden,
    /// The proxies that connect.
    pub proxies: Vec<ProxyCase>,
}

#[derive(Clone, Debug, Deserialize)]
struct Golden {
    common: BTreeMap<String, Resources>,
    proxies: BTreeMap<String, BTreeMap<String, Resources>>,
}

/// A proxy of a case, as `proxies.yaml` tells of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyCase {
    /// The pod's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// `sidecar` or `router`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its address.
    pub ip: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its service account.
    #[serde(default)]
    pub service_account: String,
    /// Its node.
    pub node: Option<String>,
    /// Locality that it claims.
    pub locality: Option<String>,
    /// Metadata laid over the usual; null takes a key away.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
    /// The listeners that a gRPC client asks for.
    #[serde(default)]
    pub listeners: Vec<String>,
}

impl Case {
    /// Reads the case in `folder`.
    ///
    /// # Errors
    /// When a file is missing or malformed.
    pub fn read(folder: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let golden = serde_json::from_str(&text("golden.json")?).context("golden.json")?;
        let proxies = serde_saphyr::from_str(&text("proxies.yaml")?).context("proxies.yaml")?;
        Ok(Self { folder: folder.to_owned(), golden, proxies })
    }

    /// The mesh's file.
    pub fn mesh(&self) -> PathBuf {
        self.folder.join("mesh.yaml")
    }

    /// What istiod sent to `proxy` of one kind (`clusters`, `endpoints`, `listeners`, `routes`).
    pub fn wanted(&self, proxy: &ProxyCase, kind: &str) -> Resources {
        let mut all = self.golden.common.get(kind).cloned().unwrap_or_default();
        let own = self.golden.proxies.get(&format!("{}.{}", proxy.namespace, proxy.name));
        all.extend(own.and_then(|o| o.get(kind)).cloned().unwrap_or_default());
        all
    }
}

impl ProxyCase {
    /// Whether it is a gRPC client with xDS of its own, which asks for everything by name.
    pub fn is_grpc_client(&self) -> bool {
        self.metadata.get("GENERATOR").is_some_and(|generator| generator == "grpc")
    }

    /// The node that the recording client sent.
    pub fn node(&self) -> NodeIdentity {
        let Self { name, namespace, kind, ip, .. } = self;
        let workload = self.labels.get("app").unwrap_or(name);
        let mut metadata = json!({
            "NAMESPACE": namespace,
            "LABELS": self.labels,
            "SERVICE_ACCOUNT": self.service_account,
            "CLUSTER_ID": "Kubernetes",
            "ISTIO_VERSION": "1.31.0",
            "MESH_ID": "cluster.local",
            "INSTANCE_IPS": ip,
            "NAME": name,
            "INTERCEPTION_MODE": "REDIRECT",
            "NODE_NAME": self.node.as_deref().unwrap_or("node-0"),
            "WORKLOAD_NAME": workload,
        });
        for (key, value) in &self.metadata {
            metadata[key] = value.clone();
        }
        if let Some(fields) = metadata.as_object_mut() {
            fields.retain(|_, v| !v.is_null());
        }
        NodeIdentity {
            cluster: format!("{workload}.{namespace}").into(),
            id: format!("{kind}~{ip}~{name}.{namespace}~{namespace}.svc.cluster.local").into(),
            metadata,
            locality: self.locality.as_deref().map(Locality::parse).unwrap_or_default(),
            extensions: Vec::new(),
        }
    }
}
