//! What of a transcript is played: its streams, and their messages in the order in which they were recorded.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use xdslab_server::observe::transcript::{Act, Dialect, Entry, Node, Request, Response, What};

use crate::wire::{Kind, Service};

/// What is played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// The streams, in order of their beginnings.
    pub roles: Vec<Role>,
    /// The messages of all, in order.
    pub steps: Vec<Step>,
    choice: Choice,
    /// Where streams are among the roles, by their names.
    places: BTreeMap<ArcStr, usize>,
}

/// What of a transcript is to be played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only streams of this proxy, `name.namespace`.
    pub proxy: Option<String>,
    /// Streams beyond the first response that a change of the mesh had caused, too: it does not come again by itself.
    pub pushes: bool,
}

/// One stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// The stream's name in the transcript.
    pub connection: ArcStr,
    /// The variant that was spoken.
    pub dialect: Dialect,
    /// The service that it was a stream of.
    pub service: Service,
    /// Who spoke.
    pub node: Node,
    /// Where it is played to before its end, and why.
    pub cut: Option<Cut>,
    /// Number of its last entry.
    last: u64,
}

/// Why a stream is not played, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The entry of this number is the first response that a change of the mesh had caused.
    Push(u64),
    /// Entries after this number were lost when it was recorded.
    Lost(u64),
    /// There are no clients here for its service.
    Service,
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The stream: its place in [`Script::roles`].
    pub role: usize,
    /// Number of the entry.
    pub n: u64,
    /// What is done.
    pub line: Line,
}

/// What is done in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The client says this.
    Say(Request),
    /// The server says this.
    Hear(Response),
    /// The client leaves.
    Leave,
}

impl Script {
    /// A script without entries so far.
    pub fn new(choice: Choice) -> Self {
        Self { choice, ..Self::default() }
    }

    /// Takes in the next entry of a transcript.
    pub fn take(&mut self, entry: Entry) {
        let Entry { connection, proxy, n, what, .. } = entry;
        if self.choice.proxy.as_deref().is_some_and(|only| only != proxy) {
            return;
        }
        if let What::Connected { variant, only, node } = what {
            let service = match only.as_deref() {
                None => Some(Service::Aggregated),
                Some(only) => Kind::ALL.into_iter().find(|kind| kind.short() == only).map(Service::Of),
            };
            let cut = service.is_none().then_some(Cut::Service);
            let service = service.unwrap_or(Service::Aggregated);
            self.places.insert(connection.clone(), self.roles.len());
            return self.roles.push(Role { connection, dialect: variant, service, node, cut, last: n });
        }
        let Some(&place) = self.places.get(&connection) else { return };
        let role = &mut self.roles[place];
        if role.cut.is_some() {
            return;
        }
        if n != role.last + 1 {
            role.cut = Some(Cut::Lost(role.last));
            return;
        }
        role.last = n;
        let line = match what {
            What::Request(request) if request.act != Act::Aside => Line::Say(request),
            What::Response(response) if response.cause == "push" && !self.choice.pushes => {
                role.cut = Some(Cut::Push(n));
                return;
            }
            What::Response(response) if response.cause != "aside" => Line::Hear(response),
            What::Disconnected => Line::Leave,
            _ => return,
        };
        self.steps.push(Step { role: place, n, line });
    }
}
