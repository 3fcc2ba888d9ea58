//! Subscriptions of one stream: which request is sent when. One machine for each variant of the protocol.

mod delta;
mod sotw;

use arcstr::ArcStr;

use super::catalogue::Catalogue;
use super::request::Request;
use super::table::{Changes, Table};
use crate::wire::Kind;

use delta::Delta;
use sotw::Sotw;

/// Variants of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// Incremental; Istio's default.
    #[default]
    Delta,
    /// State of the world.
    Sotw,
}

/// What is known of a resource that is asked for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Held {
    /// Nothing was said yet.
    #[default]
    Nothing,
    /// The server has none.
    Missing,
    /// It came, in this version.
    Version(ArcStr),
}

/// A name that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    /// How many clusters or listeners want it.
    pub(super) watchers: u32,
    /// What is there of it.
    pub(super) held: Held,
}

/// What was made of a response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) nonce: ArcStr,
    pub(super) version: ArcStr,
    /// The message of a NACK.
    pub(super) error: Option<ArcStr>,
}

/// Names that are wanted (+1) or not any more (-1), in the order in which they were.
pub(super) type Interest = Vec<(ArcStr, i32)>;

/// The subscriptions of one proxy, over all its streams.
#[derive(Debug)]
pub(super) enum Mux {
    Delta(Delta),
    Sotw(Sotw),
}

macro_rules! either {
    ($self:expr, $mux:ident => $what:expr) => {
        match $self {
            Mux::Delta($mux) => $what,
            Mux::Sotw($mux) => $what,
        }
    };
}

impl Mux {
    pub(super) fn new(variant: Variant) -> Self {
        match variant {
            Variant::Delta => Self::Delta(Delta::default()),
            Variant::Sotw => Self::Sotw(Sotw::default()),
        }
    }

    pub(super) fn variant(&self) -> Variant {
        match self {
            Self::Delta(_) => Variant::Delta,
            Self::Sotw(_) => Variant::Sotw,
        }
    }

    /// A new stream: what was asked for is asked for again.
    pub(super) fn connected(&mut self) {
        either!(self, mux => mux.connected());
    }

    pub(super) fn disconnected(&mut self) {
        either!(self, mux => mux.disconnected());
    }

    /// Subscribes to all of a type.
    pub(super) fn subscribe_to_all(&mut self, kind: Kind) {
        either!(self, mux => mux.subscribe_to_all(kind));
    }

    /// More names, or fewer. Each that is new or not wanted by anybody any more is told the server.
    pub(super) fn change(&mut self, kind: Kind, interest: &Interest) {
        if !interest.is_empty() {
            either!(self, mux => mux.change(kind, interest));
        }
    }

    /// Whether this type has anybody to whom a response would be of use.
    pub(super) fn is_watched(&self, kind: Kind) -> bool {
        either!(self, mux => mux.types.is_watched(kind))
    }

    /// Whether the server owes an answer for names that it was asked for.
    pub(super) fn is_awaiting(&self, kind: Kind) -> bool {
        either!(self, mux => mux.types.awaiting[kind as usize])
    }

    /// What is asked for by name.
    pub(super) fn watches(&self, kind: Kind) -> &Table<Watch> {
        either!(self, mux => &mux.types.watches[kind as usize])
    }

    /// Notes what came for names that are asked for.
    pub(super) fn hold(&mut self, kind: Kind, came: impl IntoIterator<Item = (ArcStr, Held)>) {
        let watches = either!(self, mux => &mut mux.types.watches[kind as usize]);
        let mut changes = Changes::new();
        for (name, held) in came {
            if let Some(watch) = watches.get(&name) {
                changes.insert(name, Some(Watch { watchers: watch.watchers, held }));
            }
        }
        watches.change(changes);
    }

    /// Delta: notes the versions of resources of a type that is subscribed to as a whole.
    pub(super) fn hold_all(&mut self, kind: Kind, changes: Changes<Held>) {
        if let Self::Delta(mux) = self {
            mux.hold_all(kind, changes);
        }
    }

    /// While a type is paused nothing is said of it. Pauses are counted.
    pub(super) fn pause(&mut self, kind: Kind) {
        either!(self, mux => mux.types.paused[kind as usize] += 1);
    }

    /// Ends a pause, and says what was held back by it.
    pub(super) fn resume(&mut self, kind: Kind) {
        either!(self, mux => mux.resume(kind));
    }

    /// A response has come, before anything is made of it.
    pub(super) fn heard(&mut self, kind: Kind) {
        either!(self, mux => mux.types.awaiting[kind as usize] = false);
    }

    /// ACKs a response, or NACKs it.
    pub(super) fn answer(&mut self, kind: Kind, answer: Answer) {
        either!(self, mux => mux.answer(kind, answer));
    }

    /// A response of a type of which nothing is wanted any more. Delta ACKs it; state of the world takes an empty one
    /// over in silence, and answers another with the version that it had (`GrpcMuxImpl::onDiscoveryResponse`).
    pub(super) fn pass_over(&mut self, kind: Kind, answer: Answer, is_empty: bool) {
        match self {
            Self::Delta(mux) => mux.answer(kind, answer),
            Self::Sotw(mux) => mux.pass_over(kind, answer, is_empty),
        }
    }

    pub(super) fn poll_request(&mut self) -> Option<Request> {
        either!(self, mux => mux.out.pop_front())
    }

    /// Shares what others hold too.
    pub(super) fn share(&mut self, catalogue: &Catalogue) {
        for watches in either!(self, mux => &mut mux.types.watches) {
            catalogue.share_watches(watches);
        }
        if let Self::Delta(mux) = self {
            mux.share(catalogue);
        }
    }
}

/// What both variants know of their types, each by [`Kind`].
#[derive(Debug, Default)]
struct Types {
    is_connected: bool,
    /// Nothing was said on this stream yet: who asks must be told.
    is_node_due: bool,
    /// Subscribed to, in this order.
    order: Vec<Kind>,
    wildcard: [bool; 4],
    watches: [Table<Watch>; 4],
    paused: [u32; 4],
    awaiting: [bool; 4],
}

impl Types {
    /// Whether it is the first subscription to this type.
    fn subscribe(&mut self, kind: Kind) {
        if !self.order.contains(&kind) {
            self.order.push(kind);
        }
    }

    fn is_watched(&self, kind: Kind) -> bool {
        self.wildcard[kind as usize] || self.watches[kind as usize].len() > 0
    }

    fn is_paused(&self, kind: Kind) -> bool {
        self.paused[kind as usize] > 0
    }

    fn resume(&mut self, kind: Kind) {
        let paused = &mut self.paused[kind as usize];
        *paused = paused.saturating_sub(1);
    }

    /// Counts watchers. The names that are new, and those that are gone, in order.
    fn change(&mut self, kind: Kind, interest: &Interest) -> (Vec<ArcStr>, Vec<ArcStr>) {
        self.subscribe(kind);
        let watches = &mut self.watches[kind as usize];
        let mut now: Changes<Watch> = Changes::new();
        for (name, by) in interest {
            let before = || watches.get(name).cloned().unwrap_or(Watch { watchers: 0, held: Held::Nothing });
            let watch = now.entry(name.clone()).or_insert_with(|| Some(before()));
            if let Some(watch) = watch {
                watch.watchers = watch.watchers.saturating_add_signed(*by);
            }
        }
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for (name, watch) in &mut now {
            let is_wanted = watch.as_ref().is_some_and(|watch| watch.watchers > 0);
            match (watches.get(name).is_some(), is_wanted) {
                (false, true) => new.push(name.clone()),
                (true, false) => gone.push(name.clone()),
                _ => {}
            }
            if !is_wanted {
                *watch = None;
            }
        }
        watches.change(now);
        (new, gone)
    }
}
