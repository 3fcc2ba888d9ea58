//! What is wrong with a mesh's files, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How much a [`Problem`] costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is left out: an object, a document, a file.
    Refused,
    /// All that can be used is used; something in it has no effect.
    Note,
}

/// One thing that is wrong with the files of a mesh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether something is left out.
    pub severity: Severity,
    /// The file, or the folder, as it was given.
    pub file: PathBuf,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Kind, namespace and name: `Sidecar front/bad`.
    pub object: Option<String>,
    /// Where in the object: `spec.egress[0].hosts[1]`; empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// Whether both tell the same, wherever the object has moved inside its file since.
    pub fn is_same(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }

    /// All but the line and the hint.
    pub(super) fn subject(&self) -> impl Ord + std::hash::Hash + '_ {
        (&self.file, &self.object, &self.path, &self.what, self.severity)
    }
}

/// One line: `mesh.yaml:12: Sidecar front/bad: spec.egress[0].hosts[0]: "foo" has no namespace; write namespace/name`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if self.severity == Severity::Note {
            f.write_str(" note:")?;
        }
        if let Some(object) = &self.object {
            write!(f, " {object}:")?;
        }
        if !self.path.is_empty() && !self.what.starts_with(&self.path) {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.what.replace('\n', " "))?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint.replace('\n', " ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem {
            severity: Severity::Refused,
            file: "mesh.yaml".into(),
            line: 12,
            object: Some("Sidecar front/bad".into()),
            path: "spec.egress[0].hosts[0]".into(),
            what: "\"foo\" has no namespace".into(),
            hint: "write namespace/name, such as ./foo.example.com".into(),
        };
        assert_eq!(
            problem.to_string(),
            "mesh.yaml:12: Sidecar front/bad: spec.egress[0].hosts[0]: \"foo\" has no namespace; \
             write namespace/name, such as ./foo.example.com"
        );
        let note = Problem {
            severity: Severity::Note,
            line: 0,
            object: None,
            path: String::new(),
            what: "12 Roles are\npassed over".into(),
            hint: String::new(),
            ..problem.clone()
        };
        assert_eq!(note.to_string(), "mesh.yaml: note: 12 Roles are passed over");
        assert!(problem.is_same(&Problem { line: 40, ..problem.clone() }) && !problem.is_same(&note));
        assert_eq!(serde_json::to_value(&problem).unwrap()["severity"], "refused");
    }
}
