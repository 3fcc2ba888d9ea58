//! Figures as people read them.

use crate::scenario::{Millis, Unit};

/// A figure with its unit; a dash for one that cannot be had.
pub(super) fn figure(value: Option<u64>, unit: Unit) -> String {
    match (value, unit) {
        (None, _) => "–".to_owned(),
        (Some(value), Unit::Count) => count(value),
        (Some(value), Unit::Bytes) => bytes(value),
        (Some(value), Unit::Time) => time(value),
    }
}

/// A number with a separator between thousands.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 object`, `2 objects`.
pub fn counted(value: usize, one: &str, many: &str) -> String {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// Bytes, in KiB, MiB or GiB, with about three digits.
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub fn bytes(value: u64) -> String {
    let value = value as f64;
    let (scaled, unit) = match value {
        v if v < 1024.0 => return format!("{v} B"),
        v if v < 1024.0 * 1024.0 => (v / 1024.0, "KiB"),
        v if v < 1024.0 * 1024.0 * 1024.0 => (v / f64::from(1 << 20), "MiB"),
        v => (v / f64::from(1 << 30), "GiB"),
    };
    if scaled < 99.95 { format!("{scaled:.1} {unit}") } else { format!("{scaled:.0} {unit}") }
}

/// A length of time.
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub(super) fn time(millis: Millis) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..100_000 => format!("{:.1} s", millis as f64 / 1000.0),
        _ => format!("{:.0} s", millis as f64 / 1000.0),
    }
}

/// How a figure has moved: `+50`, `−51`, `±0`.
pub(super) fn change(before: u64, now: u64, unit: Unit) -> String {
    let sign = match now.cmp(&before) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => return "±0".to_owned(),
        std::cmp::Ordering::Greater => "+",
    };
    format!("{sign}{}", figure(Some(now.abs_diff(before)), unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, unit, text) in [
            (Some(7), Unit::Count, "7"),
            (Some(1_234_567), Unit::Count, "1,234,567"),
            (Some(100), Unit::Bytes, "100 B"),
            (Some(32_700), Unit::Bytes, "31.9 KiB"),
            (Some(7_654_321), Unit::Bytes, "7.3 MiB"),
            (Some(594 << 20), Unit::Bytes, "594 MiB"),
            (Some(3 << 30), Unit::Bytes, "3.0 GiB"),
            (Some(120), Unit::Time, "120 ms"),
            (Some(2140), Unit::Time, "2.1 s"),
            (None, Unit::Time, "–"),
        ] {
            assert_eq!(figure(value, unit), text);
        }
        assert_eq!(change(35, 85, Unit::Count), "+50");
        assert_eq!(change(85, 34, Unit::Count), "−51");
        assert_eq!(change(5, 5, Unit::Bytes), "±0");
    }
}
