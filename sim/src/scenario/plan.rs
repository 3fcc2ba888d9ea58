//! A scenario made ready to run: its files read, the crowd made, expectations chosen, and what differs from the file told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xdslab_mesh::object::Kind;
use xdslab_server::source::FileSource;

use super::event::Side;
use super::expect::Variables;
use super::file::{Envoys, Expectations, Purge, Scenario, Step};
use super::pattern::Pattern;
use crate::envoy::Api;
use crate::topology::Crowd;

/// What the user asks for beside the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Services of the crowd.
    pub services: Option<u32>,
    /// Namespaces of the crowd.
    pub namespaces: Option<u32>,
    /// At most so many Envoys.
    pub envoys: Option<usize>,
    /// Leave out the Sidecars.
    pub no_sidecar: bool,
    /// This variant of ADS.
    pub api: Option<Api>,
    /// Ask for listeners and routes too.
    pub listeners: bool,
    /// Purge in this way.
    pub purge: Option<Purge>,
}

/// A scenario made ready.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// Headline.
    pub title: String,
    /// What it shows.
    pub about: String,
    /// With Sidecars or without.
    pub side: Side,
    /// The watched proxy.
    pub watch: Pattern,
    /// Which proxies get an Envoy.
    pub envoys: Envoys,
    /// The variant of ADS.
    pub api: Api,
    /// Whether Envoys ask for listeners and routes too.
    pub listeners: bool,
    /// Whether Envoys run with a soft memory limit.
    pub soft_limit: bool,
    /// What the names in expectations stand for.
    pub variables: Variables,
    /// The mesh before the first step.
    pub mesh: Vec<Layer>,
    /// The steps.
    pub steps: Vec<PlannedStep>,
    /// What differs from the file, and why.
    pub notes: Vec<String>,
}

/// A step made ready.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Name.
    pub name: String,
    /// What happens in it.
    pub about: String,
    /// What comes.
    pub apply: Vec<Layer>,
    /// What goes: names of layers.
    pub delete: Vec<PathBuf>,
    /// New numbers of replicas.
    pub scale: BTreeMap<String, u32>,
    /// How memory is given back.
    pub purge: Option<Purge>,
    /// How long to go on watching.
    pub hold: Duration,
    /// How long to wait for ACKs.
    pub deadline: Duration,
    /// What is expected.
    pub expect: Expectations,
}

/// A file or folder of the mesh, as a scenario names it, with the text of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The name.
    pub name: PathBuf,
    /// Path below the mesh's folder, and text.
    pub files: Vec<(PathBuf, String)>,
}

/// Why a scenario cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An option that the scenario has no use for.
    #[error("{0}")]
    Option(String),
}

/// Where nothing else is said, so many clusters are held by all Envoys of a run together.
const USUAL_CLUSTERS: u32 = 20_000;

impl Plan {
    /// Makes `scenario` ready as `options` ask.
    ///
    /// # Errors
    /// A file that cannot be read, an option that does not fit.
    pub fn new(scenario: &Scenario, options: &Options) -> Result<Self, PlanError> {
        let mut notes = Vec::new();
        let (variables, crowd) = crowd(scenario, options, &mut notes)?;
        let layer = |path: &PathBuf| match (&scenario.crowd, &crowd) {
            (Some(replaced), Some(made)) if replaced.file == *path => {
                let text = made.yaml();
                Ok(Layer { name: path.clone(), files: vec![(inside(path), text)] })
            }
            _ => Layer::read(&scenario.folder, path),
        };
        let layers = |paths: &[PathBuf]| paths.iter().map(layer).collect::<Result<Vec<_>, _>>();
        let mut steps = Vec::new();
        let mut left_out = Vec::new();
        for step in &scenario.steps {
            if options.no_sidecar && is_only_sidecars(&scenario.folder, step)? {
                notes.push(format!("without Sidecar: the step \"{}\" is left out", step.name));
                left_out.extend(step.apply.iter().cloned());
                continue;
            }
            let expect = if left_out.is_empty() {
                step.expect.clone()
            } else {
                let dropped: Vec<_> = step
                    .expect
                    .keys()
                    .filter(|f| !step.unscoped.contains_key(f))
                    .map(ToString::to_string)
                    .collect();
                if !dropped.is_empty() {
                    let (name, dropped) = (&step.name, dropped.join(", "));
                    notes.push(format!("without Sidecar: \"{name}\" is not checked for {dropped}"));
                }
                step.unscoped.clone()
            };
            let purge = step.purge.map(|purge| options.purge.unwrap_or(purge));
            steps.push(PlannedStep {
                name: filled_in(&step.name, variables),
                about: filled_in(&step.about, variables),
                apply: layers(&step.apply)?,
                delete: step.delete.iter().filter(|path| !left_out.contains(path)).cloned().collect(),
                scale: step.scale.clone(),
                purge,
                hold: step.hold,
                deadline: step.deadline,
                expect,
            });
        }
        if options.no_sidecar && left_out.is_empty() {
            let text = "--no-sidecar and --compare need a step that applies nothing but Sidecars; this scenario has none";
            return Err(PlanError::Option(text.to_owned()));
        }
        let envoys = envoys(scenario, options, variables, &mut notes);
        if envoys != scenario.envoys {
            drop_totals(&mut steps, &mut notes);
        }
        Ok(Self {
            name: scenario.name.clone(),
            title: filled_in(&scenario.title, variables),
            about: filled_in(&scenario.about, variables),
            side: if left_out.is_empty() { Side::Scoped } else { Side::Unscoped },
            watch: scenario.watch.clone(),
            envoys,
            api: options.api.unwrap_or(scenario.api),
            listeners: options.listeners || scenario.listeners,
            soft_limit: steps.iter().any(|step| step.purge == Some(Purge::SoftLimit)),
            variables,
            mesh: layers(&scenario.mesh)?,
            steps,
            notes,
        })
    }
}

impl Layer {
    /// Reads what `path`, seen from `folder`, names.
    fn read(folder: &Path, path: &Path) -> Result<Self, PlanError> {
        let mut files = Vec::new();
        read_into(&folder.join(path), &inside(path), &mut files)
            .map_err(|(path, source)| PlanError::Read { path, source })?;
        Ok(Self { name: path.to_owned(), files })
    }
}

fn read_into(
    path: &Path,
    name: &Path,
    files: &mut Vec<(PathBuf, String)>,
) -> Result<(), (PathBuf, io::Error)> {
    let told = |source| (path.to_owned(), source);
    if path.is_dir() {
        let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(told)?.collect();
        let mut names: Vec<_> = entries.map_err(told)?.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for entry in names.iter().filter(|n| !n.as_encoded_bytes().starts_with(b".")) {
            read_into(&path.join(entry), &name.join(entry), files)?;
        }
    } else {
        files.push((name.to_owned(), std::fs::read_to_string(path).map_err(told)?));
    }
    Ok(())
}

/// The path in the mesh's folder: nothing leads out of it.
fn inside(path: &Path) -> PathBuf {
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name),
        std::path::Component::ParentDir => Some("up".as_ref()),
        _ => None,
    });
    parts.collect()
}

fn filled_in(text: &str, variables: Variables) -> String {
    text.replace("{services}", &variables.services.to_string())
        .replace("{namespaces}", &variables.namespaces.to_string())
}

/// The numbers of the crowd, and the crowd itself if it is not the one in the file.
fn crowd(
    scenario: &Scenario,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<(Variables, Option<Crowd>), PlanError> {
    let Some(written) = &scenario.crowd else {
        if options.services.is_some() || options.namespaces.is_some() {
            let text =
                "--services and --namespaces need a scenario that names its crowd: a field crowd with a file";
            return Err(PlanError::Option(text.to_owned()));
        }
        return Ok((Variables::default(), None));
    };
    let services = options.services.unwrap_or(written.services);
    let namespaces = options.namespaces.unwrap_or_else(|| written.namespaces.min(services)).max(1);
    let variables = Variables { services, namespaces };
    if (services, namespaces) == (written.services, written.namespaces) {
        return Ok((variables, None));
    }
    let file = written.file.display();
    notes.push(format!(
        "{file} is replaced by {services} services in {namespaces} namespaces; expectations that name them follow"
    ));
    Ok((variables, Some(Crowd { services, namespaces })))
}

fn envoys(scenario: &Scenario, options: &Options, variables: Variables, notes: &mut Vec<String>) -> Envoys {
    if let Some(count) = options.envoys {
        return Envoys::Count(count.max(1));
    }
    let usual = USUAL_CLUSTERS / (variables.services + 40);
    if scenario.envoys != Envoys::All || options.services.is_none() || variables.services <= usual {
        return scenario.envoys.clone();
    }
    notes.push(format!(
        "at most {usual} Envoys are started, because each holds more than {} clusters; --envoys N starts more",
        variables.services
    ));
    Envoys::Count(usual.max(1) as usize)
}

fn drop_totals(steps: &mut [PlannedStep], notes: &mut Vec<String>) {
    for step in steps {
        let (dropped, kept): (Expectations, _) =
            std::mem::take(&mut step.expect).into_iter().partition(|(figure, _)| figure.depends_on_fleet());
        step.expect = kept;
        if !dropped.is_empty() {
            let names: Vec<_> = dropped.keys().map(ToString::to_string).collect();
            let (name, names) = (&step.name, names.join(", "));
            notes.push(format!("fewer Envoys: \"{name}\" is not checked for {names}"));
        }
    }
}

/// Whether a step changes nothing but Sidecars, which come.
fn is_only_sidecars(folder: &Path, step: &Step) -> Result<bool, PlanError> {
    if step.apply.is_empty() || !step.delete.is_empty() || !step.scale.is_empty() || step.purge.is_some() {
        return Ok(false);
    }
    let loaded = FileSource::load(step.apply.iter().map(|path| folder.join(path)));
    let (source, _) = loaded.map_err(|e| PlanError::Option(e.to_string()))?;
    let mut kinds = source.objects().map(xdslab_mesh::object::Object::kind).peekable();
    Ok(kinds.peek().is_some() && kinds.all(|kind| kind == Kind::Sidecar))
}

#[cfg(test)]
mod tests;
