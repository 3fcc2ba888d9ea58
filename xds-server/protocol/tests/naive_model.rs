//! Ten thousand random conversations, judged by a naive reading of the protocol. `XDSLAB_SEED` in the environment plays one
//! seed, `XDSLAB_TRIALS` another number of them. What fails is printed as a script for `tests/scripts`.

mod model;
mod script;

use model::{Fault, Setting, Trial};
use xdslab_protocol::{Semantics, Variant};

const TRIALS: u64 = 2_500;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn try_all(variant: Variant, semantics: Semantics) {
    let setting = Setting { variant, semantics };
    let first = number("XDSLAB_SEED");
    let count = if first.is_some() { 1 } else { number("XDSLAB_TRIALS").unwrap_or(TRIALS) };
    for seed in first.into_iter().chain(0..count).take(usize::try_from(count).expect("a count")) {
        if let Err(script) = Trial::run(setting, seed, Fault::None) {
            panic!("{variant:?}, XDSLAB_SEED={seed}; as a script:\n\n{script}");
        }
    }
}

#[test]
fn sotw_as_the_specification_says() {
    try_all(Variant::Sotw, Semantics::Spec);
}

#[test]
fn delta_as_the_specification_says() {
    try_all(Variant::Delta, Semantics::Spec);
}

#[test]
fn sotw_as_istiod_does() {
    try_all(Variant::Sotw, Semantics::Istiod);
}

#[test]
fn delta_as_istiod_does() {
    try_all(Variant::Delta, Semantics::Istiod);
}

const VARIANTS: [(Variant, &str); 2] = [(Variant::Sotw, "sotw"), (Variant::Delta, "delta")];

#[test]
fn a_conversation_can_be_played_again_from_its_script() {
    for (variant, folder) in VARIANTS {
        for semantics in [Semantics::Spec, Semantics::Istiod] {
            for seed in 0..20 {
                let script =
                    Trial::run(Setting { variant, semantics }, seed, Fault::None).expect("it passes");
                script::run(folder, &script).expect("the same responses");
            }
        }
    }
}

#[test]
fn a_failure_is_noticed_cut_short_and_can_be_played_again() {
    for (variant, folder) in VARIANTS {
        for fault in [Fault::LosesB, Fault::Repeats] {
            let setting = Setting { variant, semantics: Semantics::Spec };
            let script = (0..50).find_map(|seed| Trial::run(setting, seed, fault).err()).expect("noticed");
            script::run(folder, &script).unwrap_or_else(|e| panic!("{e}\n{script}"));
            assert!(script.lines().count() < 25, "{script}");
            assert!(script.contains("\n# "), "it says why: {script}");
        }
    }
}
