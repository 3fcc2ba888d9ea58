//! The objects of one document, each read or refused on its own; `List`s are taken apart.

use serde_json::Value;
use xdslab_mesh::object::{Fault, Identity, Object, ObjectKey, Reading, read};

use super::lines::Lines;
use super::yaml::Document;

/// One object of a document, or the document itself where it cannot be read.
///
/// Lines count from the document's first line, so that an entry stays true when its document moves.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it begins.
    pub(super) line: u32,
    /// What names it, if it is of a kind that shapes the mesh.
    pub(super) key: Option<ObjectKey>,
    /// Kind, namespace and name as written.
    pub(super) title: Option<String>,
    pub(super) outcome: Outcome,
}

/// What became of an entry.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Used; the flaws are notes.
    Used(Object, Vec<Flaw>),
    /// Left out.
    Refused(Vec<Flaw>),
    /// Not something that shapes the mesh.
    PassedOver {
        /// Its kind.
        kind: String,
        /// Why.
        reason: String,
    },
    /// A document that is no YAML: which objects it held is not known.
    Unreadable(Flaw),
}

/// A fault and the line of its node, counted as an entry's.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) line: u32,
    pub(super) path: String,
    pub(super) what: String,
    pub(super) hint: String,
}

/// Reads all objects of `document`.
pub(super) fn entries(document: &Document<'_>) -> Vec<Entry> {
    let mut reader = Reader { document, lines: None, entries: Vec::new() };
    match document.read() {
        Ok(Value::Null) => {}
        Ok(value) => reader.object(value, ""),
        Err(broken) => {
            let line = broken.line - document.line;
            let flaw = Flaw { line, path: String::new(), what: broken.what, hint: broken.hint };
            reader.entries.push(Entry { line, key: None, title: None, outcome: Outcome::Unreadable(flaw) });
        }
    }
    reader.entries
}

struct Reader<'a> {
    document: &'a Document<'a>,
    /// Made when a line is first asked for: most documents have nothing to point at.
    lines: Option<Lines<'a>>,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    /// Reads the value at `at`: an object, or a list of them.
    fn object(&mut self, value: Value, at: &str) {
        match listed(value) {
            Listed::Items(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.object(item, &join(at, &format!("items[{index}]")));
                }
            }
            Listed::Object(value) => self.one(value, at),
        }
    }

    fn one(&mut self, value: Value, at: &str) {
        let identity = Identity::of(&value);
        let line =
            if at.is_empty() { self.document.first_line() - self.document.line } else { self.line_of(at) };
        let outcome = match read(value) {
            Ok(Reading::Object(object, notes)) => Outcome::Used(object, self.flaws(notes, at)),
            Ok(Reading::PassedOver(reason)) => Outcome::PassedOver { kind: identity.kind.clone(), reason },
            Err(faults) => Outcome::Refused(self.flaws(faults, at)),
        };
        let key = identity.key().filter(|key| !key.name.is_empty());
        let title = key.as_ref().map(ToString::to_string).or_else(|| title(&identity));
        self.entries.push(Entry { line, key, title, outcome });
    }

    fn flaws(&mut self, faults: Vec<Fault>, at: &str) -> Vec<Flaw> {
        let flaw =
            |Fault { path, what, hint }| Flaw { line: self.line_of(&join(at, &path)), path, what, hint };
        faults.into_iter().map(flaw).collect()
    }

    fn line_of(&mut self, path: &str) -> u32 {
        let document = self.document;
        self.lines.get_or_insert_with(|| document.lines()).line_of(path) - document.line
    }
}

enum Listed {
    Items(Vec<Value>),
    Object(Value),
}

/// Takes a list apart. What the API server writes as a `ServiceList` leaves out the items' kind: it is filled in.
fn listed(mut value: Value) -> Listed {
    let identity = Identity::of(&value);
    let Some(kind) = identity.kind.strip_suffix("List") else { return Listed::Object(value) };
    let Some(fields) = value.as_object_mut() else { return Listed::Object(value) };
    let mut items = match fields.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        _ => return Listed::Object(value),
    };
    if !kind.is_empty() {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.entry("apiVersion").or_insert_with(|| identity.api_version.clone().into());
            item.entry("kind").or_insert_with(|| kind.into());
        }
    }
    Listed::Items(items)
}

fn title(identity: &Identity) -> Option<String> {
    let Identity { kind, namespace, name, .. } = identity;
    let named = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
    let title = format!("{kind} {named}").trim().to_owned();
    (!title.is_empty()).then_some(title)
}

fn join(at: &str, path: &str) -> String {
    match (at, path) {
        ("", path) => path.to_owned(),
        (at, "") => at.to_owned(),
        (at, path) => format!("{at}.{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::documents;
    use super::*;

    const LIST: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a, namespace: x}
- apiVersion: v1
  kind: Service
  metadata:
    name: b
  spec:
    ports:
    - port: many
- apiVersion: v1
  kind: ServiceList
  items:
  - metadata: {name: c}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: r, namespace: x}
";

    #[test]
    fn lists_are_taken_apart_and_lines_kept() {
        let entries = entries(&documents(LIST)[0]);
        let seen: Vec<_> = entries.iter().map(|e| (e.line + 1, e.title.as_deref().unwrap())).collect();
        assert_eq!(
            seen,
            [(4, "Service x/a"), (7, "Service default/b"), (17, "Service default/c"), (18, "Role x/r")]
        );
        let Outcome::Refused(flaws) = &entries[1].outcome else { panic!("{:?}", entries[1]) };
        assert_eq!(flaws[0].line + 1, 13);
        assert!(matches!(&entries[3].outcome, Outcome::PassedOver { kind, .. } if kind == "Role"));
    }

    #[test]
    fn odd_documents_are_refused_not_lost() {
        for (text, title) in [
            ("just a word", None),
            ("- 1\n- 2", None),
            ("kind: Service", Some("Service")),
            ("apiVersion: v1\nkind: Service\nmetadata: {namespace: x}", Some("Service x/")),
            ("apiVersion: networking.istio.io/v1\nkind: Sidecaar\nmetadata: {name: x}", Some("Sidecaar x")),
        ] {
            let entries = entries(&documents(text)[0]);
            assert_eq!(entries.len(), 1, "{text:?}");
            assert_eq!(entries[0].title.as_deref(), title, "{text:?}");
            assert!(matches!(entries[0].outcome, Outcome::Refused(_)), "{text:?}");
            assert!(entries[0].key.is_none(), "{text:?}");
        }
    }
}
