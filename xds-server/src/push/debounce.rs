//! When a push is made: after a moment of quiet, but not later than a limit
//! (istiod: `pilot/pkg/xds/discovery.go`, `debounce`).

use std::time::Instant;

use xdslab_mesh::{ConfigKind, Effects};

use super::DebounceOptions;

/// Changes that are pushed together. Time is an argument.
#[derive(Clone, Debug)]
pub struct Debounce {
    options: DebounceOptions,
    batch: Option<Batch>,
}

#[derive(Clone, Debug)]
struct Batch {
    effects: Effects,
    first: Instant,
    last: Instant,
    at_once: bool,
}

impl Debounce {
    /// An empty batch.
    pub fn new(options: DebounceOptions) -> Self {
        Self { options, batch: None }
    }

    /// Something changed. What concerns nobody starts no batch.
    pub fn event(&mut self, effects: Effects, now: Instant) {
        if effects.is_empty() {
            return;
        }
        let only_endpoints = !effects.forced && effects.keys.iter().all(|k| k.kind == ConfigKind::Endpoints);
        let at_once = only_endpoints && !self.options.endpoints;
        let batch = self.batch.get_or_insert_with(|| Batch { effects: Effects::default(), first: now, last: now, at_once });
        batch.last = now;
        batch.at_once &= at_once;
        batch.effects.merge(effects);
    }

    /// When the batch ends if nothing else changes; none for an empty batch.
    pub fn deadline(&self) -> Option<Instant> {
        let end = |b: &Batch| (b.last + self.options.after).min(b.first + self.options.max);
        self.batch.as_ref().map(|b| if b.at_once { b.last } else { end(b) })
    }

    /// The batch and when it began, if its time has come.
    pub fn take(&mut self, now: Instant) -> Option<(Effects, Instant)> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.batch.take().map(|b| (b.effects, b.first))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arcstr::literal;
    use xdslab_mesh::{ConfigKey, Reason};

    use super::*;

    fn change(kind: ConfigKind, name: &'static str) -> Effects {
        let key = ConfigKey { kind, name: name.into(), namespace: literal!("default") };
        Effects { keys: [key].into(), reasons: [(Reason::Config, 1)].into(), ..Effects::default() }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// istiod's own table, `TestDebounce` in `discovery_test.go`, under virtual time.
    #[test]
    fn batches_end_after_quiet_or_at_the_limit() {
        let start = Instant::now();
        let options = DebounceOptions { after: ms(100), max: ms(500), ..DebounceOptions::default() };
        let mut debounce = Debounce::new(options);
        assert_eq!(debounce.deadline(), None);
        debounce.event(change(ConfigKind::Sidecar, "a"), start);
        assert_eq!(debounce.take(start + ms(99)), None);
        debounce.event(change(ConfigKind::Sidecar, "b"), start + ms(99));
        assert_eq!(debounce.take(start + ms(100)), None, "quiet begins anew");
        let (effects, first) = debounce.take(start + ms(199)).expect("quiet for 100 ms");
        assert_eq!((effects.keys.len(), first), (2, start));
        assert_eq!(effects.reasons.get(&Reason::Config), Some(&2));
        assert_eq!(debounce.take(start + ms(900)), None, "nothing is left");

        for n in 0..10 {
            debounce.event(change(ConfigKind::Sidecar, "a"), start + ms(n * 90));
            assert_eq!(debounce.take(start + ms(n * 90)).is_some(), n == 6, "at {} ms", n * 90);
        }
    }

    #[test]
    fn endpoints_alone_go_at_once_if_wanted() {
        let start = Instant::now();
        let options = DebounceOptions { endpoints: false, ..DebounceOptions::default() };
        let mut debounce = Debounce::new(options);
        debounce.event(change(ConfigKind::Endpoints, "a"), start);
        assert!(debounce.take(start).is_some());
        debounce.event(change(ConfigKind::Endpoints, "a"), start);
        debounce.event(change(ConfigKind::Sidecar, "a"), start);
        assert_eq!(debounce.take(start), None, "with others they wait");
        debounce.event(Effects::default(), start + ms(90));
        assert!(debounce.take(start + ms(100)).is_some(), "what concerns nobody does not prolong the wait");
    }
}
