//! One file: its objects, the last good version of those that went bad, and what is wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use xdslab_mesh::object::{Object, ObjectKey};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::{Entry, Flaw, Outcome, entries};
use super::problem::{Problem, Severity};
use super::scan::Look;
use super::yaml::{Document, documents};

/// An object and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) object: Object,
    pub(super) file: Arc<Path>,
    pub(super) line: u32,
}

/// A problem, and the key of the object that it costs.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) refused: Option<ObjectKey>,
    pub(super) problem: Problem,
}

/// Objects of a kind that does not shape the mesh.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    pub(super) count: usize,
    /// Line of the first.
    pub(super) line: u32,
}

/// What is known of one file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: Arc<Path>,
    look: Option<Look>,
    /// Of the whole text, once it has been read.
    hash: Option<u64>,
    parts: Vec<Part>,
    /// What the file gives to the mesh.
    objects: BTreeMap<ObjectKey, Held>,
    findings: Vec<Finding>,
    passed: BTreeMap<(String, String), Passed>,
    /// Why the file could not be read when it was last tried.
    trouble: Option<Problem>,
}

/// A document as it was read; the same text is not read again.
#[derive(Debug)]
struct Part {
    hash: u64,
    line: u32,
    entries: Arc<Vec<Entry>>,
}

impl File {
    /// A file that has not been read yet.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            look: None,
            hash: None,
            parts: Vec::new(),
            objects: BTreeMap::new(),
            findings: Vec::new(),
            passed: BTreeMap::new(),
            trouble: None,
        }
    }

    /// Reads the file if it may have changed; whether it gives the mesh anything else now.
    pub(super) fn refresh(&mut self, look: Look) -> bool {
        let is_known = match look {
            Look::Settled(_) => self.look == Some(look) && self.trouble.is_none(),
            Look::Fresh => false,
            Look::Stream => self.look.is_some(),
        };
        if is_known {
            return false;
        }
        self.look = Some(look);
        let text = std::fs::read(&self.path).map_err(|e| e.to_string());
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.utf8_error().to_string()));
        match text {
            Ok(text) => {
                self.trouble = None;
                self.update(&text)
            }
            Err(error) => {
                let hint = if self.objects.is_empty() {
                    "make it readable"
                } else {
                    "make it readable; its objects stay in use as they were"
                };
                self.trouble = Some(self.problem(0, format!("cannot be read: {error}"), hint));
                false
            }
        }
    }

    /// Takes `text` as what the file holds now; whether that is new.
    fn update(&mut self, text: &str) -> bool {
        let hash = xxh3_64(text.as_bytes());
        if self.hash.replace(hash) == Some(hash) {
            return false;
        }
        let known: BTreeMap<u64, Arc<Vec<Entry>>> =
            self.parts.drain(..).map(|p| (p.hash, p.entries)).collect();
        let part = |document: &Document<'_>| {
            let hash = xxh3_64(document.text.as_bytes());
            let entries = known.get(&hash).cloned().unwrap_or_else(|| Arc::new(entries(document)));
            Part { hash, line: document.line, entries }
        };
        self.parts = documents(text).par_iter().map(part).collect();
        let before = std::mem::take(&mut self.objects);
        self.findings.clear();
        self.passed.clear();
        for part in std::mem::take(&mut self.parts) {
            for entry in part.entries.iter() {
                self.take(entry, part.line);
            }
            self.parts.push(part);
        }
        self.keep(before);
        true
    }

    /// Files one entry of a document that begins on `first`.
    fn take(&mut self, entry: &Entry, first: u32) {
        match &entry.outcome {
            Outcome::Used(object, notes) => {
                let key = object.key();
                let line = first + entry.line;
                if let Some(held) = self.objects.get(&key) {
                    let what = format!("stands twice in this file; the one on line {} is used", held.line);
                    let mut problem = self.problem(line, what, "remove one of the two");
                    problem.object.clone_from(&entry.title);
                    self.findings.push(Finding { refused: None, problem });
                    return;
                }
                for note in notes {
                    self.find(Severity::Note, entry, note, first);
                }
                self.objects.insert(key, Held { object: object.clone(), file: self.path.clone(), line });
            }
            Outcome::Refused(faults) => {
                for fault in faults {
                    self.find(Severity::Refused, entry, fault, first);
                }
            }
            Outcome::Unreadable(fault) => self.find(Severity::Refused, entry, fault, first),
            Outcome::PassedOver { kind, reason } => {
                let line = first + entry.line;
                let passed =
                    self.passed.entry((kind.clone(), reason.clone())).or_insert(Passed { count: 0, line });
                passed.count += 1;
            }
        }
    }

    fn find(&mut self, severity: Severity, entry: &Entry, flaw: &Flaw, first: u32) {
        let refused = if severity == Severity::Refused { entry.key.clone() } else { None };
        let problem = Problem {
            severity,
            object: entry.title.clone(),
            path: flaw.path.clone(),
            ..self.problem(first + flaw.line, flaw.what.clone(), &flaw.hint)
        };
        self.findings.push(Finding { refused, problem });
    }

    /// Keeps of `before` what is now refused, and, while a document is unreadable, what is not seen.
    fn keep(&mut self, before: BTreeMap<ObjectKey, Held>) {
        let entries = || self.parts.iter().flat_map(|p| p.entries.iter());
        let is_unreadable = entries().any(|e| matches!(e.outcome, Outcome::Unreadable(_)));
        let refused: BTreeSet<_> = self.refused().cloned().collect();
        let mut unseen = 0;
        for (key, held) in before {
            if self.objects.contains_key(&key) {
                continue;
            }
            let is_refused = refused.contains(&key);
            if is_refused || is_unreadable {
                unseen += usize::from(!is_refused);
                self.objects.insert(key, held);
            }
        }
        if unseen > 0 {
            let objects =
                if unseen == 1 { "1 object that is".into() } else { format!("{unseen} objects that are") };
            for finding in self.findings.iter_mut().filter(|f| f.problem.object.is_none()) {
                let hint = &mut finding.problem.hint;
                *hint = format!(
                    "{hint}; {objects} no longer seen in the file will stay in use until it can be read"
                );
            }
        }
    }

    /// What the file gives to the mesh.
    pub(super) fn objects(&self) -> &BTreeMap<ObjectKey, Held> {
        &self.objects
    }

    /// The objects that are refused.
    pub(super) fn refused(&self) -> impl Iterator<Item = &ObjectKey> {
        self.findings.iter().filter_map(|f| f.refused.as_ref())
    }

    /// What is wrong in the file.
    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        let trouble = self.trouble.iter().map(|p| Finding { refused: None, problem: p.clone() });
        trouble.chain(self.findings.iter().cloned())
    }

    /// Objects of kinds that do not shape the mesh: kind and reason, and how many.
    pub(super) fn passed(&self) -> &BTreeMap<(String, String), Passed> {
        &self.passed
    }

    fn problem(&self, line: u32, what: String, hint: &str) -> Problem {
        Problem {
            severity: Severity::Refused,
            file: PathBuf::from(&*self.path),
            line,
            object: None,
            path: String::new(),
            what,
            hint: hint.to_owned(),
        }
    }
}
