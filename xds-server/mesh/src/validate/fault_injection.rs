//! Faults that are injected on purpose.

use super::duration;
use super::faults::Faults;
use super::http_route::http_status;
use crate::object::istio::{Abort, Delay, Fault, Percent};

const GRPC_STATUSES: [&str; 17] = [
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

/// Refuses what is wrong with a fault. A delay of no length and an abort without status pass.
pub(super) fn check(fault: &Fault, f: Faults<'_>) {
    if fault.abort.is_none() && fault.delay.is_none() {
        f.push("the fault is neither an abort nor a delay", "give abort or delay, or leave out fault");
    }
    if let Some(given) = &fault.abort {
        abort(given, f.at("abort"));
    }
    if let Some(given) = &fault.delay {
        delay(given, f.at("delay"));
    }
}

fn abort(abort: &Abort, f: Faults<'_>) {
    percentage(abort.percentage, f.at("percentage"));
    // The last that the API lists counts, as protobuf reads a `oneof`.
    match abort {
        Abort { http2_error: Some(_), .. } => {
            f.at("http2Error")
                .push("aborts with an HTTP/2 error are not supported", "write httpStatus or grpcStatus");
        }
        Abort { grpc_status: Some(status), .. } => grpc_status(status, f.at("grpcStatus")),
        Abort { http_status: Some(status), .. } => http_status(i64::from(*status), f.at("httpStatus")),
        _ => {}
    }
}

fn grpc_status(status: &str, f: Faults<'_>) {
    if !GRPC_STATUSES.contains(&status) {
        f.push(
            format!("{status:?} is not a gRPC status"),
            format!("write one of {}", GRPC_STATUSES.join(", ")),
        );
    }
}

fn delay(delay: &Delay, f: Faults<'_>) {
    percentage(delay.percentage, f.at("percentage"));
    if delay.exponential_delay.is_some() {
        f.at("exponentialDelay").push("exponential delays are not supported", "write fixedDelay");
    } else {
        duration::optional(delay.fixed_delay, f.at("fixedDelay"));
    }
}

fn percentage(percentage: Option<Percent>, f: Faults<'_>) {
    let Some(Percent { value }) = percentage else { return };
    if !(0.0..=100.0).contains(&value) || (value > 0.0 && value < 0.0001) {
        f.at("value").push(format!("{value} is not a percentage"), "write 0, or a number from 0.0001 to 100");
    }
}
