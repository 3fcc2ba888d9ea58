//! Both ends in memory: a small Envoy against a stream, under random interleavings of changes, pushes, messages under way and
//! broken connections. Whatever happens, the client ends up with exactly the mesh, and nothing warms.

mod envoy;

use envoy::world::{Habits, Step, World};
use proptest::prelude::*;
use xdslab_protocol::{Semantics, Variant};

/// Cases of each kind; `PROPTEST_CASES` in the environment asks for another number.
fn config() -> ProptestConfig {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 250 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What clients do with bad resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nacks {
    /// There are none.
    Never,
    /// One bad resource: the whole response is refused.
    Whole,
    /// The good ones of a refused response are applied. A delta client that reconnects then has clusters that it does not
    /// speak of, which no server could take from it; so its connection holds.
    InPart,
}

fn steps(variant: Variant, nacks: Nacks) -> impl Strategy<Value = Vec<Step>> {
    let name = 0..5_u8;
    let bad = nacks != Nacks::Never;
    let breaks = variant == Variant::Sotw || nacks != Nacks::InPart;
    let step = prop_oneof![
        8 => Just(Step::ToServer),
        8 => Just(Step::ToClient),
        2 => Just(Step::HoldToServer),
        3 => name.clone().prop_map(Step::ChangeCluster),
        2 => name.clone().prop_map(Step::RemoveCluster),
        3 => name.clone().prop_map(Step::ChangeEndpoints),
        2 => name.clone().prop_map(Step::RemoveEndpoints),
        1 => name.clone().prop_map(Step::ChangeListener),
        1 => name.clone().prop_map(Step::RemoveListener),
        2 => name.clone().prop_map(move |n| if bad { Step::BreakCluster(n) } else { Step::ChangeCluster(n) }),
        2 => name.prop_map(move |n| if bad { Step::BreakEndpoints(n) } else { Step::ChangeEndpoints(n) }),
        4 => any::<bool>().prop_map(|partial| Step::Push { partial }),
        1 => Just(if breaks { Step::Reconnect } else { Step::ToClient }),
    ];
    prop::collection::vec(step, 1..120)
}

macro_rules! interleavings {
    ($name:ident, $variant:expr, $semantics:expr, $nacks:expr) => {
        proptest! {
            #![proptest_config(config())]
            #[test]
            fn $name(steps in steps($variant, $nacks), unified in any::<bool>()) {
                // istiod relies on SotW clients that ask again, as all Envoys do unless their runtime says otherwise.
                let unified_mux = unified && $semantics == Semantics::Spec;
                let habits = Habits { unified_mux, refuse_whole: $nacks == Nacks::Whole };
                let play = |log| {
                    let mut world = World::new($variant, $semantics, habits, log);
                    for step in &steps {
                        world.step(*step);
                    }
                    world.settle($nacks != Nacks::Never)
                };
                // Played again with a log, if it fails.
                play(false).or_else(|_| play(true)).map_err(TestCaseError::fail)?;
            }
        }
    };
}

interleavings!(spec_sotw, Variant::Sotw, Semantics::Spec, Nacks::Never);
interleavings!(spec_sotw_refusing, Variant::Sotw, Semantics::Spec, Nacks::Whole);
interleavings!(spec_sotw_refusing_in_part, Variant::Sotw, Semantics::Spec, Nacks::InPart);
interleavings!(spec_delta, Variant::Delta, Semantics::Spec, Nacks::Never);
interleavings!(spec_delta_refusing, Variant::Delta, Semantics::Spec, Nacks::Whole);
interleavings!(spec_delta_refusing_in_part, Variant::Delta, Semantics::Spec, Nacks::InPart);
interleavings!(istiod_sotw, Variant::Sotw, Semantics::Istiod, Nacks::Never);
interleavings!(istiod_sotw_refusing, Variant::Sotw, Semantics::Istiod, Nacks::Whole);
interleavings!(istiod_sotw_refusing_in_part, Variant::Sotw, Semantics::Istiod, Nacks::InPart);
interleavings!(istiod_delta, Variant::Delta, Semantics::Istiod, Nacks::Never);
interleavings!(istiod_delta_refusing, Variant::Delta, Semantics::Istiod, Nacks::Whole);
