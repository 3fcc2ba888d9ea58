//! Where in a file each node of a document stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::yaml::{self, Document};

/// The lines of a document's nodes.
#[derive(Debug)]
pub struct Lines<'a> {
    document: Document<'a>,
    root: Node,
}

#[derive(Debug)]
struct Node {
    /// Line inside the document, from 1: of the key for a mapping's value, of the value itself in a list.
    line: u32,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Mapping(Vec<(String, Node)>),
    List(Vec<Node>),
    /// A text of several lines, which may be YAML itself (a `ConfigMap`'s key).
    Text(String),
    Scalar,
}

impl<'a> Lines<'a> {
    /// The lines of `document`; of one that cannot be read, only the first is known.
    pub(super) fn of(document: Document<'a>) -> Self {
        let root = serde_saphyr::from_str_with_options::<Spanned<Shape>>(document.text, yaml::options())
            .map_or(Node { line: 1, shape: Shape::Scalar }, Node::of);
        Self { document, root }
    }

    /// The file's line of the node at `path` (`spec.egress[0].hosts[1]`), or of its nearest parent that exists.
    ///
    /// A path may lead on into a text that is YAML itself: `data.mesh.outboundTrafficPolicy.mode`.
    pub fn line_of(&self, path: &str) -> u32 {
        let (mut node, mut rest) = (&self.root, path);
        while let Some((next, after)) = node.step(rest) {
            (node, rest) = (next, after);
        }
        let inside = match &node.shape {
            Shape::Text(text) if !rest.is_empty() => self.line_inside(node.line, text, rest),
            _ => None,
        };
        self.document.line - 1 + inside.unwrap_or(node.line)
    }

    /// The document's line of `path` inside a block scalar, if the scalar stands there line by line.
    fn line_inside(&self, key_line: u32, text: &str, path: &str) -> Option<u32> {
        let first = text.lines().next()?;
        let below = self.document.text.lines().skip(key_line as usize);
        let gap = u32::try_from(below.take_while(|l| l.trim().is_empty() != first.trim().is_empty()).count())
            .ok()?;
        let line = Lines::of(Document { line: 1, text }).line_of(path.trim_start_matches('.'));
        let found = key_line + gap + line;
        let (here, there) =
            (text.lines().nth(line as usize - 1)?, self.document.text.lines().nth(found as usize - 1)?);
        (here.trim() == there.trim()).then_some(found)
    }
}

impl Node {
    fn of(spanned: Spanned<Shape>) -> Self {
        Self { line: line(spanned.referenced), shape: spanned.value }
    }

    /// The child to which `path` leads first, and the path from there. A key may itself hold dots (labels do), so the
    /// longest that fits is taken.
    fn step<'p>(&self, path: &'p str) -> Option<(&Self, &'p str)> {
        match &self.shape {
            Shape::List(items) => {
                let (index, rest) = match path.strip_prefix('[') {
                    Some(inner) => inner.split_once(']')?,
                    None => path.split_once('.').unwrap_or((path, "")),
                };
                Some((items.get(index.parse::<usize>().ok()?)?, rest.trim_start_matches('.')))
            }
            Shape::Mapping(fields) => {
                if let Some((key, rest)) = path.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                    let (_, node) = fields.iter().find(|(k, _)| k == key.trim_matches('"'))?;
                    return Some((node, rest.trim_start_matches('.')));
                }
                let fits = |key: &str| {
                    let rest = path.strip_prefix(key)?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
                };
                let found = fields.iter().filter_map(|(k, n)| Some((k.len(), n, fits(k)?)));
                let (_, node, rest) = found.max_by_key(|(len, ..)| *len)?;
                Some((node, rest.trim_start_matches('.')))
            }
            Shape::Text(_) | Shape::Scalar => None,
        }
    }
}

fn line(location: serde_saphyr::Location) -> u32 {
    u32::try_from(location.line()).unwrap_or(1).max(1)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let value = map.next_value::<Spanned<Shape>>()?;
                    fields.push((key.value, Node { line: line(key.referenced), shape: value.value }));
                }
                Ok(Shape::Mapping(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<Spanned<Shape>>()? {
                    items.push(Node::of(item));
                }
                Ok(Shape::List(items))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Shape, E> {
                Ok(if text.contains('\n') { Shape::Text(text.to_owned()) } else { Shape::Scalar })
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_unit<E: Error>(self) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }
        }

        deserializer.deserialize_any(ShapeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::documents;

    const SIDECAR: &str = "\
# a comment
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: bad
  labels:
    app: x
    app.kubernetes.io/name: y
spec:
  egress:
  - hosts:
    - ./*
    - foo
  - port:
      number: 80
    hosts: [a/b, c]
---
apiVersion: v1
kind: ConfigMap
data:
  mesh: |

    # comment
    defaultConfig:
      discoveryAddress: x
    outboundTrafficPolicy:
      mode: WHAT
  other: >
    folded
    text
";

    #[test]
    fn paths_lead_to_lines() {
        let documents = documents(SIDECAR);
        for (document, path, line) in [
            (0, "", 2),
            (0, "kind", 3),
            (0, "spec", 9),
            (0, "spec.egress[0].hosts[1]", 13),
            (0, "spec.egress[1].port.number", 15),
            (0, "spec.egress[1].hosts[1]", 16),
            (0, "spec.egress.1.hosts.1", 16),
            (0, "metadata.labels.app.kubernetes.io/name", 8),
            (0, "metadata.labels[\"app.kubernetes.io/name\"]", 8),
            (0, "metadata.labels.app", 7),
            (0, "spec.egress[7].hosts", 10),
            (0, "spec.egress[1].bind", 14),
            (0, "status.nothing", 2),
            (1, "data.mesh", 21),
            (1, "data.mesh.outboundTrafficPolicy.mode", 27),
            (1, "data.mesh.defaultConfig.gone", 24),
            (1, "data.other.x", 28),
        ] {
            assert_eq!(documents[document].lines().line_of(path), line, "{path}");
        }
    }
}
