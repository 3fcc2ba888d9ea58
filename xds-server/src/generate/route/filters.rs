//! What a route tells HTTP filters: faults, cross-origin requests (istiod: `translateFault`, `TranslateCORSPolicy`).

use xdslab_mesh::object::istio::{Cors, Fault, Percent};
use xdslab_proto::common::{FractionalPercent, fractional_percent::DenominatorType};
use xdslab_proto::core::RuntimeFractionalPercent;
use xdslab_proto::filter::common_fault::{FaultDelay, fault_delay};
use xdslab_proto::filter::http::cors::CorsPolicy;
use xdslab_proto::filter::http::fault::{FaultAbort, HttpFault, fault_abort};
use xdslab_proto::matcher::{StringMatcher, string_matcher};
use xdslab_proto::protobuf::BoolValue;

use super::matching;
use crate::generate::cluster::wire::duration;

/// A percentage in millionths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100 by validation")]
pub(super) fn millionths(percent: Percent) -> FractionalPercent {
    FractionalPercent {
        numerator: (percent.value * 10_000.0) as u32,
        denominator: DenominatorType::Million.into(),
    }
}

/// A fault; a delay that does not say how long and an abort without status are none.
pub(super) fn fault(written: &Fault) -> HttpFault {
    let delay = written.delay.as_ref().and_then(|delay| {
        let fixed = fault_delay::FaultDelaySecifier::FixedDelay(duration(delay.fixed_delay?)?);
        let percentage = match delay.percentage {
            Some(percentage) => millionths(percentage),
            None => FractionalPercent {
                numerator: u32::try_from(delay.percent).unwrap_or_default(),
                ..Default::default()
            },
        };
        Some(FaultDelay { percentage: Some(percentage), fault_delay_secifier: Some(fixed) })
    });
    let abort = written.abort.as_ref().and_then(|abort| {
        // Of both the last that the API lists counts, as protobuf reads a `oneof`.
        let error = match abort.grpc_status.as_deref() {
            Some(name) => fault_abort::ErrorType::GrpcStatus(grpc_status(name)?),
            None => fault_abort::ErrorType::HttpStatus(u32::try_from(abort.http_status?).ok()?),
        };
        Some(FaultAbort {
            percentage: abort.percentage.map(millionths),
            error_type: Some(error),
            ..Default::default()
        })
    });
    HttpFault { delay, abort, ..Default::default() }
}

/// Number of a gRPC status (gRPC: `doc/statuscodes.md`).
fn grpc_status(name: &str) -> Option<u32> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.iter().position(|n| *n == name).and_then(|at| u32::try_from(at).ok())
}

/// What is answered to requests of other origins.
pub(super) fn cors(written: &Cors) -> CorsPolicy {
    let exact = |text: &arcstr::ArcStr| StringMatcher {
        match_pattern: Some(string_matcher::MatchPattern::Exact(text.to_string())),
        ..Default::default()
    };
    let origins = if written.allow_origins.is_empty() {
        written.allow_origin.iter().map(exact).collect()
    } else {
        written.allow_origins.iter().filter_map(matching::string).collect()
    };
    let joined = |list: &[arcstr::ArcStr]| list.join(",");
    let all = FractionalPercent { numerator: 100, ..Default::default() };
    CorsPolicy {
        allow_origin_string_match: origins,
        allow_methods: joined(&written.allow_methods),
        allow_headers: joined(&written.allow_headers),
        expose_headers: joined(&written.expose_headers),
        max_age: written.max_age.map(|age| age.secs().to_string()).unwrap_or_default(),
        allow_credentials: written.allow_credentials.map(|value| BoolValue { value }),
        filter_enabled: Some(RuntimeFractionalPercent { default_value: Some(all), ..Default::default() }),
        forward_not_matching_preflights: Some(BoolValue { value: written.unmatched_preflights != "IGNORE" }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xdslab_mesh::object::istio::{Abort, Delay};

    #[test]
    fn faults() {
        let second = Some(xdslab_mesh::object::Duration::from_secs(1));
        let abort = |http_status, grpc_status: Option<&str>| {
            let grpc_status = grpc_status.map(Into::into);
            let abort = Some(Abort { http_status, grpc_status, ..Abort::default() });
            fault(&Fault { abort, ..Fault::default() }).abort.and_then(|a| a.error_type)
        };
        assert_eq!(abort(Some(503), None), Some(fault_abort::ErrorType::HttpStatus(503)));
        assert_eq!(abort(Some(503), Some("UNAVAILABLE")), Some(fault_abort::ErrorType::GrpcStatus(14)));
        assert_eq!(abort(None, None), None);
        let delay = |delay: Delay| fault(&Fault { delay: Some(delay), ..Fault::default() }).delay;
        assert_eq!(delay(Delay { percent: 20, ..Delay::default() }), None);
        let of = |percent, percentage| {
            let delay = delay(Delay { percent, percentage, fixed_delay: second, ..Delay::default() });
            delay.and_then(|d| d.percentage).map(|p| (p.numerator, p.denominator))
        };
        let million = DenominatorType::Million as i32;
        assert_eq!(of(20, None), Some((20, 0)));
        assert_eq!(of(0, None), Some((0, 0)));
        assert_eq!(of(20, Some(Percent { value: 0.1 })), Some((1_000, million)));
    }

    #[test]
    fn origins_of_either_spelling() {
        let old = Cors { allow_origin: vec!["*".into(), "a".into()], ..Cors::default() };
        assert_eq!(cors(&old).allow_origin_string_match.len(), 2);
        let prefix = |p: &str| xdslab_mesh::object::istio::StringMatch {
            prefix: Some(p.into()),
            ..Default::default()
        };
        let both = Cors { allow_origins: vec![prefix("https://")], ..old };
        assert_eq!(cors(&both).allow_origin_string_match.len(), 1);
        assert_eq!(cors(&both).forward_not_matching_preflights, Some(BoolValue { value: true }));
        let ignored = Cors { unmatched_preflights: "IGNORE".into(), ..both };
        assert_eq!(cors(&ignored).forward_not_matching_preflights, Some(BoolValue { value: false }));
    }
}
