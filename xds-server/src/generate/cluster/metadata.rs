//! What Istio notes in `metadata.filter_metadata.istio` of a cluster
//! (istiod: `pilot/pkg/networking/util/util.go`).

use xdslab_mesh::service::Service;
use xdslab_proto::ordered::{Metadata, Struct, Value};

/// The notes of one cluster.
#[derive(Debug, Default)]
pub struct Notes(Struct);

impl Notes {
    /// Notes a key.
    pub fn set(&mut self, key: &str, value: Value) {
        self.0.fields.insert(key.to_owned(), value);
    }

    /// The services that the cluster leads to.
    pub fn services<'a>(&mut self, services: impl IntoIterator<Item = &'a Service>) {
        let service = |s: &Service| {
            let fields = [("host", &s.hostname), ("name", &s.name), ("namespace", &s.namespace)];
            Value::object(fields.map(|(key, text)| (key, Value::from(text.as_str()))))
        };
        self.set("services", Value::list(services.into_iter().map(service)));
    }

    /// The rule that shaped the cluster.
    pub fn config(&mut self, namespace: &str, name: &str) {
        let path = format!("/apis/networking.istio.io/v1/namespaces/{namespace}/destination-rule/{name}");
        self.set("config", Value::from(path.as_str()));
    }

    /// The message; none without notes.
    pub fn into_metadata(self) -> Option<Metadata> {
        let noted = !self.0.fields.is_empty();
        noted.then(|| Metadata::of("istio", &self.0))
    }
}
