//! The streams of a transcript, each as a script.

use std::collections::BTreeMap;

use xdslab_server::observe::transcript::{Dialect, Entry, Node, Request, Response, What};

/// One stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The stream's name in the transcript.
    pub connection: String,
    /// `name.namespace`.
    pub proxy: String,
    /// The variant that was spoken.
    pub dialect: Dialect,
    /// The type that the stream served, if it was one of a service of one type.
    pub only: Option<String>,
    /// Who spoke.
    pub node: Node,
    /// What was said, in order.
    pub steps: Vec<Step>,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The client's.
    Say(Request),
    /// The server's.
    Hear(Response),
}

/// The streams of a transcript, in order of their beginnings. Those that had begun before the recording did are left out.
pub fn scripts(entries: &[Entry]) -> Vec<Script> {
    let mut places = BTreeMap::new();
    let mut scripts: Vec<Script> = Vec::new();
    for entry in entries {
        let step = match &entry.what {
            What::Connected { variant, only, node } => {
                places.insert(&entry.connection, scripts.len());
                scripts.push(Script {
                    connection: entry.connection.clone(),
                    proxy: entry.proxy.clone(),
                    dialect: *variant,
                    only: only.clone(),
                    node: node.clone(),
                    steps: Vec::new(),
                });
                continue;
            }
            What::Request(request) => Step::Say(request.clone()),
            What::Response(response) => Step::Hear(response.clone()),
            What::Silent { .. } | What::Disconnected | What::Lost { .. } => continue,
        };
        if let Some(place) = places.get(&entry.connection) {
            scripts[*place].steps.push(step);
        }
    }
    scripts
}
