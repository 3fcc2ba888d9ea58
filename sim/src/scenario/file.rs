//! The scenario file: YAML, every field checked, every mistake told with its line.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use super::expect::Expectation;
use super::figure::Figure;
use super::pattern::Pattern;
use super::words::{EnvoysWord, Scalar, Span};
use crate::envoy::Api;

/// What is done to a mesh, step by step, and what is expected to come of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The folder that its paths start from.
    pub folder: PathBuf,
    /// The file itself.
    pub file: PathBuf,
    /// Short name, for the folder of the results.
    pub name: String,
    /// Headline of the report.
    pub title: String,
    /// What it shows, in a few sentences.
    pub about: String,
    /// Files and folders that are there before the first step.
    pub mesh: Vec<PathBuf>,
    /// The proxy whose figures are told.
    pub watch: Pattern,
    /// Which proxies get an Envoy.
    pub envoys: Envoys,
    /// Versions of Envoy, dealt out in turn; empty: the usual one.
    pub versions: Vec<String>,
    /// How they ask for configuration.
    pub api: Api,
    /// Whether they ask for listeners and routes too, not only for clusters and endpoints.
    pub listeners: bool,
    /// What `--services` and `--namespaces` replace.
    pub crowd: Option<CrowdFile>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step: a change of the mesh or of the Envoys, and what is expected when all is quiet again.
#[derive(Clone, Debug)]
pub struct Step {
    /// Name; `{services}` and `{namespaces}` stand for the crowd's.
    pub name: String,
    /// What happens and why, in a sentence or two.
    pub about: String,
    /// Files and folders that come.
    pub apply: Vec<PathBuf>,
    /// Files and folders that go; they came by an earlier step.
    pub delete: Vec<PathBuf>,
    /// New numbers of replicas, by `NAME.NAMESPACE` of a Deployment or `StatefulSet`.
    pub scale: BTreeMap<String, u32>,
    /// How Envoys are made to give back memory.
    pub purge: Option<Purge>,
    /// How long to go on watching afterwards.
    pub hold: Duration,
    /// How long to wait until all Envoys have ACKed.
    pub deadline: Duration,
    /// What is expected.
    pub expect: Expectations,
    /// What is expected instead in a run from which the Sidecars are left out.
    pub unscoped: Expectations,
}

/// Expectations by figure.
pub type Expectations = BTreeMap<Figure, Expectation>;

/// Which injected pods get an Envoy. The watched one always does.
#[derive(Clone, Debug, PartialEq)]
pub enum Envoys {
    /// Every one.
    All,
    /// So many, in order of their names.
    Count(usize),
    /// Those with these names.
    Named(Vec<Pattern>),
}

/// How memory is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purge {
    /// Every Envoy is stopped and started.
    Restart,
    /// Envoys run with a soft memory limit, which makes them give back freed memory at once. From 1.38 on.
    SoftLimit,
}

/// A file that holds a crowd of equal services, so that a crowd of another size can take its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrowdFile {
    /// The file, as steps name it.
    pub file: PathBuf,
    /// Services in it.
    pub services: u32,
    /// Namespaces in it.
    pub namespaces: u32,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}: {what}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What, and what to do.
        what: String,
    },
}

impl Scenario {
    /// Reads `path`: a scenario file, or a folder with a `scenario.yaml`.
    ///
    /// # Errors
    /// With file and line: what cannot be read, a field that is unknown or wrong, a path that is not there.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let file = if path.is_dir() { path.join("scenario.yaml") } else { path.to_owned() };
        let text = std::fs::read_to_string(&file)
            .map_err(|source| ScenarioError::Read { file: file.clone(), source })?;
        Self::parse(&text, &file)
    }

    /// Reads the text of a scenario as if it stood in `file`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let options = serde_saphyr::options! { budget: None, with_snippet: false };
        let written: Written = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().map_or(1, |l| l.line());
            let what = UserMessageFormatter.format_message(&error).into_owned();
            ScenarioError::Wrong { file: file.to_owned(), line, what }
        })?;
        written.check(file)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    title: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    mesh: Vec<Spanned<PathBuf>>,
    watch: Pattern,
    #[serde(default)]
    envoys: EnvoysWord,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    api: Api,
    #[serde(default)]
    listeners: bool,
    #[serde(default)]
    deadline: Option<Span>,
    #[serde(default)]
    crowd: Option<WrittenCrowd>,
    steps: Vec<Spanned<WrittenStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCrowd {
    file: Spanned<PathBuf>,
    services: u32,
    namespaces: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    apply: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    delete: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    scale: BTreeMap<String, Spanned<u32>>,
    #[serde(default)]
    purge: Option<Purge>,
    #[serde(default)]
    hold: Option<Span>,
    #[serde(default)]
    deadline: Option<Span>,
    #[serde(default)]
    expect: BTreeMap<Figure, Spanned<Scalar>>,
    #[serde(default)]
    unscoped: BTreeMap<Figure, Spanned<Scalar>>,
}

/// How long a step may take where nothing is said.
const DEADLINE: Duration = Duration::from_mins(1);

impl Written {
    fn check(self, file: &Path) -> Result<Scenario, ScenarioError> {
        let wrong = |line: u64, what: String| ScenarioError::Wrong { file: file.to_owned(), line, what };
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let find = |path: Spanned<PathBuf>| {
            let shown = folder.join(&path.value);
            let missing =
                || format!("there is no {}; paths start from the scenario's folder", shown.display());
            if shown.exists() { Ok(path.value) } else { Err(wrong(path.referenced.line(), missing())) }
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.value.is_empty() || !self.name.value.chars().all(is_plain) {
            let what = format!(
                "name {:?} shall be letters, digits and - only, for it names a folder",
                self.name.value
            );
            return Err(wrong(self.name.referenced.line(), what));
        }
        let mesh: Vec<_> = self.mesh.into_iter().map(find).collect::<Result<_, _>>()?;
        let mut there = mesh.clone();
        let usual = self.deadline.map_or(DEADLINE, |d| d.0);
        if self.steps.is_empty() {
            return Err(wrong(1, "steps: there is none; write at least one".to_owned()));
        }
        let mut steps = Vec::new();
        for Spanned { value: step, referenced, .. } in self.steps {
            let parse = |written: BTreeMap<Figure, Spanned<Scalar>>| -> Result<Expectations, ScenarioError> {
                let parse = |(figure, text): (Figure, Spanned<Scalar>)| {
                    let read = Expectation::parse(figure, &text.value.0);
                    read.map(|e| (figure, e)).map_err(|e| wrong(text.referenced.line(), e.to_string()))
                };
                written.into_iter().map(parse).collect()
            };
            if step.name.trim().is_empty() {
                return Err(wrong(referenced.line(), "a step needs a name".to_owned()));
            }
            for path in &step.delete {
                let Some(at) = there.iter().position(|p| *p == path.value) else {
                    let what = format!(
                        "nothing named {} was applied before; delete what mesh or an earlier apply names, in the same words",
                        path.value.display()
                    );
                    return Err(wrong(path.referenced.line(), what));
                };
                there.remove(at);
            }
            for (name, count) in &step.scale {
                if !name.contains('.') {
                    let what = format!("{name:?} has no namespace; write NAME.NAMESPACE of a Deployment");
                    return Err(wrong(count.referenced.line(), what));
                }
            }
            let apply: Vec<_> = step.apply.into_iter().map(find).collect::<Result<_, _>>()?;
            there.extend(apply.iter().cloned());
            steps.push(Step {
                name: step.name,
                about: step.about.trim().to_owned(),
                apply,
                delete: step.delete.into_iter().map(|p| p.value).collect(),
                scale: step.scale.into_iter().map(|(name, count)| (name, count.value)).collect(),
                purge: step.purge,
                hold: step.hold.map_or(Duration::ZERO, |d| d.0),
                deadline: step.deadline.map_or(usual, |d| d.0),
                expect: parse(step.expect)?,
                unscoped: parse(step.unscoped)?,
            });
        }
        let crowd = match self.crowd {
            Some(crowd) if !steps.iter().any(|s| s.apply.contains(&crowd.file.value)) => {
                let what = format!("no step applies {}", crowd.file.value.display());
                return Err(wrong(crowd.file.referenced.line(), what));
            }
            crowd => crowd.map(|c| CrowdFile {
                file: c.file.value,
                services: c.services,
                namespaces: c.namespaces,
            }),
        };
        Ok(Scenario {
            folder,
            file: file.to_owned(),
            name: self.name.value,
            title: self.title,
            about: self.about.trim().to_owned(),
            mesh,
            watch: self.watch,
            envoys: self.envoys.0,
            versions: self.versions,
            api: self.api,
            listeners: self.listeners,
            crowd,
            steps,
        })
    }
}

#[cfg(test)]
mod tests;
