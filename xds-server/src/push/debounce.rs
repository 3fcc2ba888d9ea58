//! When a push is made: after a moment of quiet, but not much later than a limit
//! (istiod: `pilot/pkg/xds/discovery.go`, `debounce`).

use std::time::Instant;

use xdslab_mesh::{ConfigKind, Effects};

use super::DebounceOptions;

/// Changes that are pushed together. Time is an argument.
///
/// # Calling order
/// [`event`](Self::event) for each change, and [`take`](Self::take) whenever [`deadline`](Self::deadline) is reached.
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
    /// The next look at the batch. As with istiod's timer, a change does not move it.
    look: Instant,
}

impl Debounce {
    /// An empty batch.
    pub fn new(options: DebounceOptions) -> Self {
        Self { options, batch: None }
    }

    /// Something changed. What concerns nobody starts no batch. What comes back is to be pushed at once, and on its
    /// own: endpoints alone, unless they are collected too.
    #[must_use]
    pub fn event(&mut self, effects: Effects, now: Instant) -> Option<Effects> {
        if effects.is_empty() {
            return None;
        }
        if !self.options.endpoints && is_endpoints_only(&effects) {
            return Some(effects);
        }
        let look = now + self.options.after;
        let batch = self.batch.get_or_insert_with(|| Batch {
            effects: Effects::default(),
            first: now,
            last: now,
            look,
        });
        batch.last = now;
        batch.effects.merge(effects);
        None
    }

    /// When to look at the batch next; never for an empty one.
    pub fn deadline(&self) -> Option<Instant> {
        self.batch.as_ref().map(|batch| batch.look)
    }

    /// The batch and when it began, if it was quiet for long enough or is too old; else there is a new deadline.
    pub fn take(&mut self, now: Instant) -> Option<(Effects, Instant)> {
        let batch = self.batch.as_mut().filter(|batch| batch.look <= now)?;
        let quiet = now.saturating_duration_since(batch.last);
        let age = now.saturating_duration_since(batch.first);
        if quiet < self.options.after && age < self.options.max {
            batch.look = batch.last + self.options.after;
            return None;
        }
        self.batch.take().map(|batch| (batch.effects, batch.first))
    }
}

fn is_endpoints_only(effects: &Effects) -> bool {
    let all = effects.keys.iter().all(|key| key.kind == ConfigKind::Endpoints);
    all && !effects.keys.is_empty() && !effects.forced
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use arcstr::literal;
    use xdslab_mesh::{ConfigKey, Reason};

    use super::*;

    fn change(what: char) -> Effects {
        let kind = if what == 'e' { ConfigKind::Endpoints } else { ConfigKind::Sidecar };
        let key = ConfigKey { kind, name: literal!("a"), namespace: literal!("default") };
        Effects { keys: [key].into(), reasons: [(Reason::Config, 1)].into(), ..Effects::default() }
    }

    /// Events such as `f@0 e@20`, in milliseconds: full ones and endpoints alone. Gives the pushes in the same words,
    /// each with the number of its changes. A push takes `busy` milliseconds, in which events wait.
    fn pushes(events: &str, endpoints: bool, busy: u64) -> String {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let after = Duration::from_millis(100);
        let mut debounce =
            Debounce::new(DebounceOptions { after, max: 5 * after, endpoints, ..DebounceOptions::default() });
        let mut events: VecDeque<(char, u64)> = events
            .split_whitespace()
            .map(|event| (event.chars().next().expect("a letter"), event[2..].parse().expect("milliseconds")))
            .collect();
        let (mut done, mut free) = (Vec::new(), 0);
        for now in 0..3_000 {
            while free <= now && events.front().is_some_and(|(_, ms)| *ms <= now) {
                let (what, _) = events.pop_front().expect("an event");
                if debounce.event(change(what), at(now)).is_some() {
                    done.push(format!("e1@{now}"));
                    free = now + busy;
                }
            }
            if free <= now
                && debounce.deadline().is_some_and(|deadline| deadline <= at(now))
                && let Some((effects, _)) = debounce.take(at(now))
            {
                done.push(format!("f{}@{now}", effects.reasons[&Reason::Config]));
                free = now + busy;
            }
        }
        done.join(" ")
    }

    /// istiod's table, `TestDebounce` in `discovery_test.go`, under virtual time.
    #[test]
    fn as_istiods_table() {
        for (name, events, endpoints, busy, expected) in [
            ("endpoints alone are not debounced", "e@0 e@10 e@20", false, 0, "e1@0 e1@10 e1@20"),
            ("full pushes are", "f@0 f@10 f@20 f@30 f@40", false, 0, "f5@140"),
            ("in batches", "f@0 f@10 f@300 f@310", false, 0, "f2@110 f2@410"),
            (
                "endpoints go between the batches",
                "f@0 e@10 f@20 e@30 e@300",
                false,
                0,
                "e1@10 e1@30 f2@120 e1@300",
            ),
            ("the limit ends a batch", "f@0 f@90 f@180 f@270 f@360 f@450 f@540", true, 0, "f7@550"),
            ("one push at a time", "f@0 f@120 f@250", true, 400, "f1@100 f2@600"),
            ("endpoints are collected by default", "e@0 f@10 e@20", true, 0, "f3@120"),
        ] {
            assert_eq!(pushes(events, endpoints, busy), expected, "{name}");
        }
    }

    #[test]
    fn a_batch_knows_its_beginning_and_what_is_in_it() {
        let start = Instant::now();
        let after = DebounceOptions::default().after;
        let mut debounce = Debounce::new(DebounceOptions::default());
        assert_eq!(debounce.event(Effects::default(), start), None);
        assert_eq!(debounce.deadline(), None, "what concerns nobody starts no batch");
        assert_eq!(debounce.event(change('f'), start), None);
        assert_eq!(debounce.event(Effects::default(), start + after / 2), None);
        let (effects, first) =
            debounce.take(start + after).expect("what concerns nobody does not prolong the wait");
        assert_eq!((effects, first), (change('f'), start));
        assert_eq!(debounce.deadline(), None);
    }
}
