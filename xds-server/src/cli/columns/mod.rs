//! Resources in the columns of `istioctl proxy-config`.

mod clusters;
mod endpoints;
mod listeners;
mod routes;

use std::fmt;

use serde_json::Value;

pub use clusters::{clusters, eds_names};
pub use endpoints::endpoints;
pub use listeners::{listeners, route_names};
pub use routes::routes;

/// Lines of cells, aligned when shown; two blanks and more between columns, as kubectl and istioctl have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with a line of titles.
    pub fn new(titles: &[&str]) -> Self {
        Self(vec![titles.iter().map(ToString::to_string).collect()])
    }

    /// Adds a line.
    pub fn push(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |c: usize| self.0.iter().filter_map(|l| l.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for line in &self.0 {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                text.push_str(&format!("{cell:width$}     "));
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// `<name>.<namespace>` of the rule that a path of the API names.
fn rule(config: &Value) -> String {
    let mut parts = config.as_str().unwrap_or_default().rsplit('/');
    let (Some(name), Some(_kind), Some(namespace)) = (parts.next(), parts.next(), parts.next()) else {
        return String::new();
    };
    format!("{name}.{namespace}")
}

fn address(address: &Value) -> String {
    let socket = &address["socket_address"];
    match (socket["address"].as_str(), address["pipe"]["path"].as_str()) {
        (Some(host), _) => format!("{host}:{}", socket["port_value"].as_u64().unwrap_or_default()),
        (None, Some(path)) => format!("unix://{path}"),
        (None, None) => "-".to_owned(),
    }
}

/// The items of a list; none where there is no list.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
