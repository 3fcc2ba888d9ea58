//! Times as users write them: `200ms`, `1.5s`, `2m`.

use std::time::Duration;

pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let told = || format!("{text:?} is no time; write for instance 200ms, 1.5s or 2m");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| told())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return Err(told()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| told())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, millis) in [("200ms", 200), ("1.5s", 1500), ("2m", 120_000), ("0s", 0)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
        }
        for text in ["", "5", "s", "-1s", "1h", "1.2.3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
