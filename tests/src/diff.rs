//! Two sets of resources, compared by name, then field by field.
//!
//! Two lists depend on Go's map order in istiod and are sorted on both sides: a route match's
//! `query_parameters`, by name, and one locality's `lb_endpoints`, by their JSON text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::Resources;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The resource.
    pub resource: String,
    /// Path of the field; empty where the whole resource is missing or not expected.
    pub path: String,
    /// What istiod sent.
    pub want: Option<Value>,
    /// What came.
    pub got: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |v: &Option<Value>| v.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        match (self.path.as_str(), &self.want) {
            ("", Some(_)) => write!(f, "{}: missing", self.resource),
            ("", None) => write!(f, "{}: not expected", self.resource),
            (path, want) => {
                write!(f, "{}: {path}: want {}, got {}", self.resource, text(want), text(&self.got))
            }
        }
    }
}

/// All differences, by name of the resource, then by path.
pub fn differences(want: &Resources, got: &Resources) -> Vec<Difference> {
    let names: BTreeSet<_> = want.keys().chain(got.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let difference =
            |path: &str, want, got| Difference { resource: name.clone(), path: path.to_owned(), want, got };
        match (want.get(name), got.get(name)) {
            (Some(want), Some(got)) => {
                let (want, got) = (leaves(want), leaves(got));
                let paths: BTreeSet<_> = want.keys().chain(got.keys()).collect();
                let wrong = paths.into_iter().filter(|p| want.get(*p) != got.get(*p));
                all.extend(wrong.map(|p| difference(p, want.get(p).cloned(), got.get(p).cloned())));
            }
            (want, got) => all.push(difference("", want.cloned(), got.cloned())),
        }
    }
    all
}

fn leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    collect(&sorted(value.clone()), String::new(), &mut all);
    all
}

/// A list whose items all have a name of their own is keyed by it, any other by position.
fn collect(value: &Value, path: String, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(field, path, all);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let names: Vec<_> = items.iter().filter_map(|i| i.get("name")?.as_str()).collect();
            let distinct = names.iter().collect::<BTreeSet<_>>().len() == items.len();
            if distinct {
                all.insert(format!("{path}[order]"), Value::from(names.clone()));
            }
            for (i, item) in items.iter().enumerate() {
                let at = if distinct { names[i].to_owned() } else { i.to_string() };
                collect(item, format!("{path}[{at}]"), all);
            }
        }
        leaf => {
            all.insert(path, leaf.clone());
        }
    }
}

fn sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                *field = sorted(field.take());
                let Some(items) = field.as_array_mut() else { continue };
                match key.as_str() {
                    "query_parameters" => items.sort_by_key(|i| i.get("name").map(ToString::to_string)),
                    "lb_endpoints" => items.sort_by_key(canonical),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|i| *i = sorted(i.take())),
        _ => {}
    }
    value
}

/// JSON text with its keys in order.
fn canonical(value: &Value) -> String {
    let text = leaves_of(value).into_iter().map(|(k, v)| format!("{k}={v};"));
    text.collect()
}

fn leaves_of(value: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    collect(value, String::new(), &mut all);
    all
}
