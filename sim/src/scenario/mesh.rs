//! The mesh of a run: a folder of files that steps add to and take from, read as a user's own files are.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use xdslab_mesh::object::kubernetes::Pod;
use xdslab_mesh::object::{Kind, Object};
use xdslab_server::source::{Batch, FileSource, SourceError, is_injected};

use super::lab::proxy_name;
use super::plan::Layer;

/// The files of the mesh as they are now. Its methods block.
#[derive(Debug)]
pub struct MeshFolder {
    root: PathBuf,
    /// Keeps a folder of our own until the end.
    _own: Option<TempDir>,
    source: FileSource,
    layers: BTreeMap<PathBuf, Vec<(PathBuf, String)>>,
    replicas: BTreeMap<String, u32>,
}

/// Why the mesh cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// A file cannot be written or removed.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A workload that shall be scaled is not there.
    #[error("scale: no Deployment or StatefulSet {0} is in the mesh; write NAME.NAMESPACE")]
    Unknown(String),
    /// The folder holds something already.
    #[error("{} is not empty; name a folder of its own for the mesh, for files in it are replaced", .0.display())]
    Occupied(PathBuf),
}

impl MeshFolder {
    /// An empty mesh: in `root`, which is made if it is not there, or in a temporary folder.
    ///
    /// # Errors
    /// When `root` is not empty, or cannot be made.
    pub fn new(root: Option<&Path>) -> Result<Self, MeshError> {
        let told = |path: &Path| {
            let path = path.to_owned();
            |source| MeshError::Write { path, source }
        };
        let own = if root.is_none() {
            Some(
                tempfile::Builder::new()
                    .prefix("xdslab-mesh-")
                    .tempdir()
                    .map_err(told(&std::env::temp_dir()))?,
            )
        } else {
            None
        };
        let root = root.or(own.as_ref().map(TempDir::path)).map(Path::to_owned).unwrap_or_default();
        std::fs::create_dir_all(&root).map_err(told(&root))?;
        let mut entries = std::fs::read_dir(&root).map_err(told(&root))?.filter_map(Result::ok);
        if entries.any(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")) {
            return Err(MeshError::Occupied(root));
        }
        let (source, _) = FileSource::load([&root])?;
        Ok(Self { root, _own: own, source, layers: BTreeMap::new(), replicas: BTreeMap::new() })
    }

    /// Takes from the mesh and adds to it, all at once, and says what changed by it and what is wrong now.
    ///
    /// # Errors
    /// When a file cannot be written, or a workload to be scaled is not there.
    pub fn change(
        &mut self,
        delete: &[PathBuf],
        apply: &[Layer],
        scale: &BTreeMap<String, u32>,
    ) -> Result<Batch, MeshError> {
        let mut gone = Vec::new();
        for name in delete {
            gone.extend(self.layers.remove(name).unwrap_or_default().into_iter().map(|(path, _)| path));
        }
        for layer in apply {
            self.layers.insert(layer.name.clone(), layer.files.clone());
        }
        self.replicas.extend(scale.iter().map(|(name, count)| (name.clone(), *count)));
        let kept: Vec<_> = self.layers.values().flatten().map(|(path, _)| path).collect();
        gone.retain(|path| !kept.contains(&path));
        for path in gone {
            let path = self.root.join(path);
            std::fs::remove_file(&path).map_err(|source| MeshError::Write { path, source })?;
        }
        let written: Vec<_> = apply.iter().flat_map(|layer| &layer.files).collect();
        for (path, text) in self.layers.values().flatten() {
            let (scaled, is_scaled) = scaled(text, &self.replicas);
            if written.iter().any(|(new, _)| new == path) || is_scaled {
                write(&self.root.join(path), &scaled)?;
            }
        }
        let batch = self.source.refresh();
        if let Some(name) = scale.keys().find(|name| !self.has_workload(name)) {
            return Err(MeshError::Unknown(name.clone()));
        }
        Ok(batch)
    }

    /// The pods that have a sidecar, by namespace and name.
    pub fn injected(&self) -> Vec<Arc<Pod>> {
        let pods =
            self.source.objects().filter_map(|o| if let Object::Pod(pod) = o { Some(pod) } else { None });
        let mut pods: Vec<_> = pods.filter(|pod| is_injected(pod)).cloned().collect();
        pods.sort_by(|a, b| {
            let key = |pod: &Pod| (pod.metadata.namespace.clone(), pod.metadata.name.clone());
            key(a).cmp(&key(b))
        });
        pods
    }

    /// Names of the pods that have a sidecar, as they come from [`injected`](Self::injected).
    pub fn proxies(&self) -> Vec<String> {
        self.injected().iter().map(|pod| proxy_name(pod)).collect()
    }

    /// The number of services.
    pub fn services(&self) -> usize {
        self.source.objects().filter(|object| object.kind() == Kind::Service).count()
    }

    /// A path of the folder as the user knows it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn has_workload(&self, name: &str) -> bool {
        let is_meant = |object: &Object| {
            let key = object.key();
            matches!(key.kind, Kind::Deployment | Kind::StatefulSet)
                && format!("{}.{}", key.name, key.namespace) == name
        };
        self.source.objects().any(is_meant)
    }
}

/// Writes a file so that nobody who watches sees half of it.
fn write(path: &Path, text: &str) -> Result<(), MeshError> {
    let told = |source| MeshError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(told)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(told)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(told)?;
    file.persist(path).map_err(|e| told(e.error))?;
    Ok(())
}

/// The text with other numbers of replicas, and whether any was set. A document that is scaled becomes JSON, which is
/// YAML too; the others stay as they are, and so do those that cannot be read.
fn scaled(text: &str, replicas: &BTreeMap<String, u32>) -> (String, bool) {
    if replicas.is_empty() {
        return (text.to_owned(), false);
    }
    let mut documents: Vec<String> = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    let mut is_any = false;
    for document in &mut documents {
        let options = serde_saphyr::options! { budget: None, with_snippet: false };
        let Ok(mut object) = serde_saphyr::from_str_with_options::<Value>(document, options) else {
            continue;
        };
        if let Some(count) = wanted(&object, replicas) {
            object["spec"]["replicas"] = count.into();
            *document = format!("{object}\n");
            is_any = true;
        }
    }
    (documents.join("---\n"), is_any)
}

fn wanted(object: &Value, replicas: &BTreeMap<String, u32>) -> Option<u32> {
    matches!(object["kind"].as_str()?, "Deployment" | "StatefulSet").then_some(())?;
    object["spec"].as_object()?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    replicas.get(&format!("{}.{namespace}", object["metadata"]["name"].as_str()?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{self, Crowd};

    fn layer(name: &str, text: String) -> Layer {
        Layer { name: name.into(), files: vec![(name.into(), text)] }
    }

    #[test]
    fn layers_come_and_go() {
        let mut mesh = MeshFolder::new(None).unwrap();
        let none = BTreeMap::new();
        let batch = mesh.change(&[], &[layer("mesh/bookinfo.yaml", topology::bookinfo())], &none).unwrap();
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        let before = mesh.proxies();
        assert_eq!((before.len(), mesh.services()), (8, 16));
        assert!(before.iter().any(|name| name.starts_with("productpage-v1-") && name.ends_with(".default")));

        let crowd = Crowd { services: 5, namespaces: 3 };
        mesh.change(&[], &[layer("sleep.yaml", crowd.yaml())], &none).unwrap();
        assert_eq!((mesh.proxies().len(), mesh.services()), (13, 21));
        assert!(before.iter().all(|name| mesh.proxies().contains(name)), "names are stable");

        let batch = mesh.change(&["sleep.yaml".into()], &[], &none).unwrap();
        assert!(!batch.changes.is_empty());
        assert_eq!(mesh.proxies(), before);
    }

    #[test]
    fn workloads_are_scaled() {
        let mut mesh = MeshFolder::new(None).unwrap();
        let layers = [layer("bookinfo.yaml", topology::bookinfo())];
        let scale = BTreeMap::from([("reviews-v2.default".to_owned(), 3)]);
        mesh.change(&[], &layers, &scale).unwrap();
        assert_eq!(mesh.proxies().iter().filter(|name| name.starts_with("reviews-v2-")).count(), 3);
        let scale = BTreeMap::from([("reviews-v2.default".to_owned(), 0)]);
        mesh.change(&[], &[], &scale).unwrap();
        assert_eq!(mesh.proxies().iter().filter(|name| name.starts_with("reviews-v")).count(), 2);
        let scale = BTreeMap::from([("reviews.default".to_owned(), 1)]);
        let error = mesh.change(&[], &[], &scale).unwrap_err().to_string();
        assert!(error.starts_with("scale: no Deployment or StatefulSet reviews.default"), "{error}");
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.yaml"), "a: 1").unwrap();
        let error = MeshFolder::new(Some(folder.path())).unwrap_err();
        assert!(matches!(error, MeshError::Occupied(_)), "{error}");
    }
}
