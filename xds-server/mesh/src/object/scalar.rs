//! Scalars as protobuf's JSON form writes them: durations, enums by word or number, numbers that may be strings.

use std::fmt;

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A span of time in nanoseconds, may be negative.
///
/// Written as Go's `time.ParseDuration` reads it (`10s`, `1h30m`, `100ms`), which is what Istio accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

impl Duration {
    /// A span of `n` milliseconds.
    pub const fn from_millis(n: i64) -> Self {
        Self(n * 1_000_000)
    }

    /// A span of `n` seconds.
    pub const fn from_secs(n: i64) -> Self {
        Self(n * 1_000_000_000)
    }

    /// The whole span in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded toward zero.
    pub const fn secs(self) -> i64 {
        self.0 / 1_000_000_000
    }

    /// What is left of a second after [`Self::secs`], in nanoseconds; has the sign of the span.
    #[allow(clippy::cast_possible_truncation)] // the remainder is below 10^9
    pub const fn subsec_nanos(self) -> i32 {
        (self.0 % 1_000_000_000) as i32
    }

    /// Reads `text` as Go does: a sign, then one or more numbers with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`).
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
            let (unit, next) = after.split_at(letters);
            let scale: i128 = match unit {
                "ns" => 1,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => return None,
            };
            total += decimal(number, scale)?;
            rest = next;
        }
        i64::try_from(if negative { -total } else { total }).ok().map(Self)
    }
}

/// `number` (digits with at most one point) times `scale`, cut to a whole number.
fn decimal(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut value = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(scale)? };
    let mut unit = scale;
    for digit in fraction.bytes() {
        unit /= 10;
        value += i128::from(digit - b'0') * unit;
    }
    Some(value)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (secs, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if rest == 0 {
            return write!(f, "{sign}{secs}s");
        }
        let digits = format!("{rest:09}");
        write!(f, "{sign}{secs}.{}s", digits.trim_end_matches('0'))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::invalid_value(Unexpected::Str(&text), &"a duration such as 10s or 100ms")
        })
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A port by number or by name, as Kubernetes' `IntOrString`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PortRef {
    /// A port number.
    Number(u32),
    /// The name of a container's port.
    Name(String),
}

impl<'de> Deserialize<'de> for PortRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = PortRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number or name")
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<PortRef, E> {
                u32::try_from(n)
                    .map(PortRef::Number)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<PortRef, E> {
                u32::try_from(n)
                    .map(PortRef::Number)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(n), &self))
            }
            fn visit_str<E: de::Error>(self, s: &str) -> Result<PortRef, E> {
                Ok(s.parse().map_or_else(|_| PortRef::Name(s.to_owned()), PortRef::Number))
            }
        }
        d.deserialize_any(V)
    }
}

/// Declares an enum of protobuf words: read by word or number, the first word is the default.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal $(/ $old:literal)* => $n:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { #[default] $($(#[$vmeta])* $variant),+ }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word $(, $old)*),+];

            /// The word of the API for this value.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that a word of the API stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word $(| $old)* => Some(Self::$variant),)+ _ => None }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct V;
                impl serde::de::Visitor<'_> for V {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "one of {}", $name::WORDS.join(", "))
                    }
                    fn visit_str<E: serde::de::Error>(self, s: &str) -> Result<$name, E> {
                        $name::from_word(s).ok_or_else(|| E::unknown_variant(s, $name::WORDS))
                    }
                    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<$name, E> {
                        match n {
                            $($n => Ok($name::$variant),)+
                            _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(n), &self)),
                        }
                    }
                    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<$name, E> {
                        Err(E::invalid_value(serde::de::Unexpected::Signed(n), &self))
                    }
                }
                d.deserialize_any(V)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.word())
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("10s", Some(10_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("0.1ms", Some(100_000)),
            ("1.5s", Some(1_500_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("0", Some(0)),
            ("10", None),
            ("", None),
            ("s", None),
            ("ten seconds", None),
        ] {
            assert_eq!(Duration::parse(text).map(Duration::as_nanos), nanos, "{text:?}");
        }
        assert_eq!(Duration::from_millis(100).to_string(), "0.1s");
        assert_eq!(Duration::from_secs(60).to_string(), "60s");
    }
}
