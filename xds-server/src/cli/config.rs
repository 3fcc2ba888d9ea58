//! `xds-server config`: what a proxy would be sent, without a server.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arcstr::ArcStr;
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::{Map, Value};
use xdslab_mesh::{Mesh, Proxy};
use xdslab_proto::json::{prepare, to_json};
use xdslab_protocol::{Resource, ResourceType};

use super::{columns, pods};
use crate::generate::{Generator, View};
use crate::source::{FileSource, Severity};

/// Which resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Clusters (CDS).
    Clusters,
    /// Endpoints of the clusters that get theirs by EDS.
    Endpoints,
    /// Listeners (LDS).
    Listeners,
    /// Route configurations (RDS) that the listeners wait for.
    Routes,
    /// All four, each under its title.
    All,
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

/// Runs it. What had to be left out is printed to standard error.
///
/// # Errors
/// When the files cannot be read, or the proxy is none of the mesh's pods.
pub fn run(args: &ConfigArgs) -> Result<()> {
    rayon::spawn(prepare);
    let view = view(&args.files, &args.proxy, args.stock)?;
    let answers = Answers::new(&view);
    println!("{}", written(&answers, args.what, args.output)?.trim_end());
    for (conflict, _) in answers.generator.conflicts() {
        eprintln!("left out: {}", conflict.message);
    }
    Ok(())
}

/// Resources of one type in protobuf's JSON form, by name.
type Decoded = Vec<(ArcStr, Value)>;

/// What one proxy is sent, each type made once, when it is asked for.
struct Answers<'v> {
    view: &'v View,
    generator: Generator,
    made: [OnceCell<Decoded>; 4],
}

/// The four types in the order in which they are pushed.
const TYPES: [What; 4] = [What::Clusters, What::Endpoints, What::Listeners, What::Routes];

impl What {
    fn title(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
            Self::All => "all",
        }
    }
}

impl<'v> Answers<'v> {
    fn new(view: &'v View) -> Self {
        Self { view, generator: Generator::new(), made: Default::default() }
    }

    fn of(&self, what: What) -> Result<&Decoded> {
        let Some(at) = TYPES.iter().position(|w| *w == what) else { bail!("{} is no type", what.title()) };
        if let Some(made) = self.made[at].get() {
            return Ok(made);
        }
        let made = self.make(what)?;
        Ok(self.made[at].get_or_init(|| made))
    }

    fn make(&self, what: What) -> Result<Decoded> {
        let (generator, view) = (&self.generator, self.view);
        let (resource_type, set) = match what {
            What::Endpoints => {
                let clusters = self.of(What::Clusters)?.iter().map(|(_, body)| body);
                (ResourceType::Endpoint, generator.endpoints(view, &columns::eds_names(clusters)))
            }
            What::Routes => {
                let listeners = self.of(What::Listeners)?.iter().map(|(_, body)| body);
                (ResourceType::Route, generator.routes(view, &columns::route_names(listeners)))
            }
            What::Listeners => (ResourceType::Listener, generator.listeners(view)),
            What::Clusters | What::All => (ResourceType::Cluster, generator.clusters(view)),
        };
        let json =
            |r: &Resource| to_json(resource_type.type_url(), &r.body).with_context(|| r.name.to_string());
        let resources: Vec<_> = set.iter().collect();
        resources.into_par_iter().map(|r| Ok((r.name.clone(), json(r)?))).collect()
    }
}

fn written(answers: &Answers, what: What, form: Form) -> Result<String> {
    let chosen = TYPES.into_iter().filter(|one| what == What::All || what == *one);
    let mut tables = Vec::new();
    let mut all = Map::new();
    for one in chosen {
        let resources = answers.of(one)?;
        if form == Form::Table {
            let bodies = resources.iter().map(|(_, body)| body);
            let table = match one {
                What::Clusters => columns::clusters(bodies),
                What::Endpoints => columns::endpoints(bodies),
                What::Listeners => columns::listeners(bodies),
                What::Routes | What::All => columns::routes(bodies),
            };
            tables.push(table.to_string());
        } else {
            let resources: Map<_, _> = resources.iter().map(|(n, r)| (n.to_string(), r.clone())).collect();
            all.insert(one.title().to_owned(), resources.into());
        }
    }
    let all = match what {
        What::All => Value::Object(all),
        one => all.remove(one.title()).unwrap_or_default(),
    };
    Ok(match form {
        Form::Table => tables.join("\n"),
        Form::Yaml => serde_saphyr::to_string(&all)?,
        Form::Json => serde_json::to_string_pretty(&all)?,
    })
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
