//! Places in a list of services, found by host name. It holds no names of its own: a place costs five bytes.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::service::Service;

/// One place a host name.
#[derive(Clone, Debug, Default)]
pub(super) struct ByHost {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl ByHost {
    /// For about so many hosts.
    pub fn with_capacity(hosts: usize) -> Self {
        Self { places: HashTable::with_capacity(hosts), hasher: DefaultHashBuilder::default() }
    }

    /// The place of a host in `services`, the list that all places are of.
    pub fn get(&self, services: &[Arc<Service>], hostname: &str) -> Option<usize> {
        let found = self
            .places
            .find(self.hasher.hash_one(hostname), |at| services[*at as usize].hostname == hostname);
        found.map(|at| *at as usize)
    }

    /// Gives the host of the service at `place` that place, unless it has one, which is then given back to change.
    pub fn get_or_insert(&mut self, services: &[Arc<Service>], place: usize) -> Option<&mut u32> {
        let Self { places, hasher } = self;
        let hostname = &services[place].hostname;
        let hash = |at: &u32| hasher.hash_one(services[*at as usize].hostname.as_str());
        let same = |at: &u32| services[*at as usize].hostname == *hostname;
        match places.entry(hasher.hash_one(hostname.as_str()), same, hash) {
            hashbrown::hash_table::Entry::Occupied(known) => Some(known.into_mut()),
            hashbrown::hash_table::Entry::Vacant(free) => {
                free.insert(u32::try_from(place).unwrap_or(u32::MAX));
                None
            }
        }
    }
}
