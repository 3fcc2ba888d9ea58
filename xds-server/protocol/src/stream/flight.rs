//! Responses that the client has neither accepted nor refused.

use crate::NameSet;
use arcstr::ArcStr;
use std::collections::VecDeque;

/// A client that withholds ACKs, or never sends them, must not cost more than this.
const LIMIT: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Flights(VecDeque<Flight>);

#[derive(Debug)]
pub(super) struct Flight {
    pub nonce: ArcStr,
    /// What it brought or took.
    pub names: NameSet,
    /// Its ACK says that what was refused before may be tried again.
    pub retry: bool,
}

impl Flights {
    pub fn depart(&mut self, flight: Flight) {
        self.0.push_back(flight);
        if self.0.len() > LIMIT
            && let Some(oldest) = self.0.pop_front()
            && let Some(next) = self.0.front_mut()
        {
            next.names = next.names.union(&oldest.names);
            next.retry |= oldest.retry;
        }
    }

    pub fn contains(&self, nonce: &str) -> bool {
        self.0.iter().any(|f| f.nonce == nonce)
    }

    /// Takes off the response with this nonce and all before it, which its client must have seen; oldest first.
    pub fn land(&mut self, nonce: &str) -> Vec<Flight> {
        match self.0.iter().position(|f| f.nonce == nonce) {
            Some(at) => self.0.drain(..=at).collect(),
            None => Vec::new(),
        }
    }

    /// The names that the responses under way have brought too; the ACK of those responses will free the others.
    pub fn retry_after(&mut self, refused: &NameSet) -> NameSet {
        let mut resent = NameSet::EMPTY;
        for flight in &mut self.0 {
            let both = flight.names.intersection(refused);
            flight.retry |= !both.is_empty();
            resent = resent.union(&both);
        }
        resent
    }

    /// All that the responses under way brought or took.
    pub fn names(&self) -> NameSet {
        self.0.iter().fold(NameSet::EMPTY, |all, flight| all.union(&flight.names))
    }
}
