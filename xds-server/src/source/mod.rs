//! Where the mesh comes from: files and folders of Kubernetes and Istio YAML, read and watched.
//!
//! A source gives one [`ChangeSet`](xdslab_mesh::ChangeSet) for all that changed at once, and says what is wrong as
//! [`Problem`]s. It never gives half an object: one that cannot be used is left out, or stays as it was.

mod difference;
mod entry;
mod file;
mod files;
mod lines;
mod problem;
mod scan;
mod watch;
mod workloads;
mod yaml;

pub use files::{Batch, FileSource, SourceError};
pub use problem::{Problem, Severity};
pub use watch::{Pace, Watch, watch};
pub use workloads::{complete, is_injected};
