//! `xds-server config`: what a proxy would be sent, without a server.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use xdslab_mesh::{Mesh, Proxy};
use xdslab_proto::json::to_json;
use xdslab_protocol::{ResourceSet, ResourceType};

use super::columns::{self, Table};
use super::pods;
use crate::generate::{Generator, View};
use crate::source::{FileSource, Severity};

/// Which resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Clusters (CDS).
    Clusters,
    /// Endpoints of the clusters that get theirs by EDS.
    Endpoints,
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The columns of `istioctl proxy-config`.
    #[default]
    Table,
    /// Protobuf's JSON form, by name.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Arguments of `xds-server config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Which resources
    what: What,
    /// File or folder of Kubernetes and Istio YAML (repeatable)
    #[arg(short = 'f', long = "file", required = true, value_name = "MESH")]
    files: Vec<PathBuf>,
    /// The proxy: a pod as NAME.NAMESPACE; the beginning of its name will do
    #[arg(long, value_name = "NAME.NS")]
    proxy: String,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
    /// As a stock Envoy is answered: without what only Istio's build of Envoy knows
    #[arg(long)]
    stock: bool,
}

/// Runs it.
///
/// # Errors
/// When the files cannot be read, or the proxy is none of the mesh's pods.
pub fn run(args: &ConfigArgs) -> Result<()> {
    let view = view(&args.files, &args.proxy, args.stock)?;
    let generator = Generator::new();
    let clusters = generator.clusters(&view);
    let text = match (args.what, args.output) {
        (What::Clusters, Form::Table) => {
            columns::clusters(&decoded(&clusters, &ResourceType::Cluster)?).to_string()
        }
        (What::Clusters, form) => written(&clusters, &ResourceType::Cluster, form)?,
        (What::Endpoints, form) => {
            let names = columns::eds_names(&decoded(&clusters, &ResourceType::Cluster)?);
            let endpoints = generator.endpoints(&view, &names);
            if form == Form::Table {
                let table: Table = columns::endpoints(&decoded(&endpoints, &ResourceType::Endpoint)?);
                table.to_string()
            } else {
                written(&endpoints, &ResourceType::Endpoint, form)?
            }
        }
    };
    println!("{}", text.trim_end());
    Ok(())
}

/// The view of a proxy on a mesh in files. Problems of the files are printed to standard error.
///
/// # Errors
/// When the files cannot be read, or the proxy is none of the mesh's pods.
pub fn view(files: &[PathBuf], proxy: &str, stock: bool) -> Result<View> {
    let (source, batch) = FileSource::load(files.to_vec())?;
    for problem in batch.problems.iter().filter(|p| p.severity == Severity::Refused) {
        eprintln!("{problem}");
    }
    let node = pods::identify(source.objects(), proxy, stock)?;
    let mut mesh = Mesh::new();
    mesh.apply(batch.changes);
    let proxy = Proxy::parse(node)?;
    Ok(View::new(mesh.snapshot(), Arc::new(proxy)))
}

fn decoded(set: &ResourceSet, kind: &ResourceType) -> Result<Vec<Value>> {
    set.iter().map(|r| to_json(kind.type_url(), &r.body).with_context(|| r.name.to_string())).collect()
}

fn written(set: &ResourceSet, kind: &ResourceType, form: Form) -> Result<String> {
    let names = set.iter().map(|r| r.name.to_string());
    let all: Map<String, Value> = names.zip(decoded(set, kind)?).collect();
    Ok(match form {
        Form::Yaml => serde_saphyr::to_string(&all)?,
        Form::Json | Form::Table => serde_json::to_string_pretty(&all)?,
    })
}
