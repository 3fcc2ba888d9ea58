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

/// A fault, if there is anything of one.
pub(super) fn fault(written: &Fault) -> Option<HttpFault> {
    let delay = written.delay.as_ref().and_then(|delay| {
        let fixed = fault_delay::FaultDelaySecifier::FixedDelay(duration(delay.fixed_delay?)?);
        let percentage = match delay.percentage {
            Some(percentage) => millionths(percentage),
            None => FractionalPercent {
                numerator: u32::try_from(delay.percent).unwrap_or_default(),
                ..Default::default()
            },
        };
        Some(FaultDelay {
            percentage: Some(percentage),
            fault_delay_secifier: Some(fixed),
            ..Default::default()
        })
    });
    let abort = written.abort.as_ref().and_then(|abort| {
        let http = abort.http_status.and_then(|code| u32::try_from(code).ok());
        let error = match http {
            Some(status) => fault_abort::ErrorType::HttpStatus(status),
            None => fault_abort::ErrorType::GrpcStatus(grpc_status(abort.grpc_status.as_deref()?)?),
        };
        Some(FaultAbort {
            percentage: abort.percentage.map(millionths),
            error_type: Some(error),
            ..Default::default()
        })
    });
    (delay.is_some() || abort.is_some()).then(|| HttpFault { delay, abort, ..Default::default() })
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
