//! The mesh as files and folders give it: loaded once, refreshed as often as they change.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use xdslab_mesh::object::{Kind, Object, ObjectKey};
use xdslab_mesh::{Change, ChangeSet};

use super::difference::difference;
use super::file::{File, Finding, Held};
use super::problem::{Problem, Severity};
use super::scan::{self, Found};
use super::workloads;

/// Why no mesh can be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path that was named cannot be looked at.
    #[error("cannot read {}: {source}; name a file or a folder of YAML", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a look at the files brought: what changes in the mesh at once, and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What changes.
    pub changes: ChangeSet,
    /// All that is wrong now, by file and line.
    pub problems: Vec<Problem>,
    /// What of it was not wrong before.
    pub new_problems: Vec<Problem>,
    /// What was wrong before and is no more.
    pub resolved: Vec<Problem>,
}

impl Batch {
    /// Whether there is nothing to tell: no change, and no problem that came or went.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.new_problems.is_empty() && self.resolved.is_empty()
    }
}

/// The mesh in files: the last good version of every object, and what a cluster would have made of them.
///
/// Reading blocks; an asynchronous caller uses [`watch`](super::watch).
#[derive(Debug)]
pub struct FileSource {
    paths: Vec<PathBuf>,
    /// In the order in which they count.
    files: Vec<File>,
    /// The objects of the files.
    given: BTreeMap<ObjectKey, Held>,
    /// The mesh: the objects of the files, completed.
    mesh: BTreeMap<ObjectKey, Object>,
    problems: Vec<Problem>,
    /// A problem of the source itself.
    notice: Option<Problem>,
}

impl FileSource {
    /// Loads all files at and below `paths`, in this order. `-` is the standard input, read once.
    ///
    /// The batch applies every object. What is wrong in the files is in the batch, not an error.
    ///
    /// # Errors
    /// A path that does not exist, or may not be looked at.
    pub fn load(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Result<(Self, Batch), SourceError> {
        let mut source = Self {
            paths: paths.into_iter().map(Into::into).collect(),
            files: Vec::new(),
            given: BTreeMap::new(),
            mesh: BTreeMap::new(),
            problems: Vec::new(),
            notice: None,
        };
        let mut found = source.scan();
        if let Some(at) = found.missing.iter().position(|(path, _)| source.paths.contains(path)) {
            let (path, error) = found.missing.swap_remove(at);
            return Err(SourceError::Missing { path, source: error });
        }
        let batch = source.update(&found);
        Ok((source, batch))
    }

    /// Looks at all files again. Only those that look changed are read, and of them only the documents that changed.
    ///
    /// An object that became bad keeps its last good version, and so do all objects that are no longer seen in a file
    /// of which a document cannot be read. The objects of a file that is gone are gone.
    pub fn refresh(&mut self) -> Batch {
        self.update(&self.scan())
    }

    /// Finds the files, without reading any.
    pub(super) fn scan(&self) -> Found {
        scan::scan(&self.paths)
    }

    /// All objects of the mesh, by kind, namespace and name.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.mesh.values()
    }

    /// All that is wrong now.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Sets or clears a problem of the source itself; it is told with the next batch.
    pub(super) fn set_notice(&mut self, notice: Option<Problem>) {
        self.notice = notice;
    }

    /// Reads those of the files found that look changed.
    pub(super) fn update(&mut self, found: &Found) -> Batch {
        let mut known: BTreeMap<_, _> = self.files.drain(..).map(|f| (f.path.clone(), f)).collect();
        let kept = |path: &Path| known.remove(path).unwrap_or_else(|| File::new(path));
        self.files = found.files.iter().map(|file| &*file.path).map(kept).collect();
        let looks = self.files.par_iter_mut().zip(&found.files);
        let renewed = looks.map(|(file, found)| file.refresh(found.look)).filter(|new| *new).count();
        let is_changed = renewed > 0 || !known.is_empty();
        let changes = if is_changed { self.merge() } else { ChangeSet::default() };
        let problems = self.find_problems(found);
        let (new_problems, resolved) = came_and_went(&self.problems, &problems);
        self.problems.clone_from(&problems);
        Batch { changes, problems, new_problems, resolved }
    }

    /// Puts the files' objects together and says how the mesh changes by it.
    fn merge(&mut self) -> ChangeSet {
        let mut given: BTreeMap<ObjectKey, Held> = BTreeMap::new();
        for file in &self.files {
            for (key, held) in file.objects() {
                if !given.contains_key(key) {
                    given.insert(key.clone(), held.clone());
                }
            }
        }
        // Refused in a file that never held a good version: it may have come from another file (a renamed one).
        for key in self.files.iter().flat_map(File::refused) {
            if let (false, Some(held)) = (given.contains_key(key), self.given.get(key)) {
                given.insert(key.clone(), held.clone());
            }
        }
        let before = std::mem::replace(&mut self.given, given);
        let changes = difference(
            before.iter().map(|(key, held)| (key, &held.object)),
            self.given.iter().map(|(key, held)| (key, &held.object)),
        );
        if !changes.changes.iter().any(shapes_workloads) {
            for change in &changes.changes {
                match change {
                    Change::Apply(object) => self.mesh.insert(object.key(), object.clone()),
                    Change::Delete(key) => self.mesh.remove(key),
                };
            }
            return changes;
        }
        let mut mesh: BTreeMap<_, _> =
            self.given.iter().map(|(k, held)| (k.clone(), held.object.clone())).collect();
        let made = workloads::complete(mesh.values());
        mesh.extend(made.into_iter().map(|object| (object.key(), object)));
        let before = std::mem::replace(&mut self.mesh, mesh);
        difference(&before, &self.mesh)
    }

    fn find_problems(&self, found: &Found) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.notice.iter().cloned().collect();
        problems.extend(found.missing.iter().map(|(path, error)| {
            problem(
                Severity::Refused,
                path,
                format!("cannot be read: {error}"),
                "put it back, or no longer name it",
            )
        }));
        if self.files.is_empty() && found.missing.is_empty() {
            let what = "no file to read: none ends in .yaml, .yml or .json".to_owned();
            problems.extend(
                self.paths.iter().map(|p| problem(Severity::Note, p, what.clone(), "name another folder")),
            );
        }
        let mut passed = BTreeMap::new();
        for file in &self.files {
            let mut own: Vec<_> = file.findings().map(|finding| self.explain(finding, file)).collect();
            own.extend(file.objects().iter().filter_map(|(key, held)| self.outdone(key, held)));
            own.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
            problems.extend(own);
            for (about, more) in file.passed() {
                let (count, ..) = passed.entry(about).or_insert((0, &file.path, more.line));
                *count += more.count;
            }
        }
        problems.extend(passed.into_iter().map(|((kind, reason), (count, file, line))| {
            let what = format!("{} passed over", counted(kind, count));
            Problem { line, ..problem(Severity::Note, file, what, reason) }
        }));
        problems
    }

    /// Says of a refused object what is used instead.
    fn explain(&self, finding: Finding, file: &File) -> Problem {
        let mut problem = finding.problem;
        if let Some(held) = finding.refused.and_then(|key| self.given.get(&key)) {
            let hint = std::mem::take(&mut problem.hint);
            let is_elsewhere = held.file != file.path && self.files.iter().any(|f| f.path == held.file);
            problem.hint = if is_elsewhere {
                format!("{hint}; the one of {} is used", held.file.display())
            } else {
                format!("{hint}; the last good version stays in use")
            };
        }
        problem
    }

    /// The problem that an earlier file has the same object.
    fn outdone(&self, key: &ObjectKey, held: &Held) -> Option<Problem> {
        let used = self.given.get(key).filter(|used| used.file != held.file)?;
        let what = format!("is also in {}, line {}, which is used", used.file.display(), used.line);
        let found = problem(Severity::Refused, &held.file, what, "remove one of the two");
        Some(Problem { line: held.line, object: Some(key.to_string()), ..found })
    }
}

/// Whether the change may change what [`workloads::complete`] makes.
fn shapes_workloads(change: &Change) -> bool {
    let kind = match change {
        Change::Apply(object) => object.kind(),
        Change::Delete(key) => key.kind,
    };
    !kind.is_istio() && kind != Kind::ConfigMap || matches!(kind, Kind::ServiceEntry | Kind::WorkloadEntry)
}

fn problem(severity: Severity, file: &Path, what: String, hint: &str) -> Problem {
    Problem {
        severity,
        file: file.to_owned(),
        line: 0,
        object: None,
        path: String::new(),
        what,
        hint: hint.to_owned(),
    }
}

fn came_and_went(before: &[Problem], now: &[Problem]) -> (Vec<Problem>, Vec<Problem>) {
    let without = |from: &[Problem], other: &[Problem]| {
        let other: HashSet<_> = other.iter().map(Problem::subject).collect();
        from.iter().filter(|p| !other.contains(&p.subject())).cloned().collect()
    };
    (without(now, before), without(before, now))
}

/// `1 Role is`, `12 Roles are`.
fn counted(kind: &str, count: usize) -> String {
    if count == 1 {
        return format!("1 {kind} is");
    }
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies are"),
        _ if kind.ends_with(['s', 'x']) => format!("{count} {kind}es are"),
        _ => format!("{count} {kind}s are"),
    }
}

#[cfg(test)]
mod tests;
