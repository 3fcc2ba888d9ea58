//! Chance that can be had again: the same seed gives the same throws.

/// A small generator (splitmix64): eight bytes a proxy.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, which is not zero.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.throw() % end.max(1)
    }

    /// Whether something happens that happens this often, of 1.
    #[expect(clippy::cast_precision_loss, reason = "chances need no more than 53 bits")]
    pub(super) fn happens(&mut self, chance: f64) -> bool {
        chance > 0.0 && ((self.throw() >> 11) as f64) < chance * (1_u64 << 53) as f64
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_fair_and_the_same_again() {
        let count = |seed| {
            let mut dice = Dice::new(seed);
            (0..10_000).filter(|_| dice.happens(0.1)).count()
        };
        assert_eq!(count(7), count(7));
        assert!((900..1100).contains(&count(7)), "{}", count(7));
        let mut dice = Dice::new(1);
        assert!(!dice.happens(0.0) && dice.happens(1.0));
        assert!((0..1000).all(|_| dice.below(3) < 3));
    }
}
