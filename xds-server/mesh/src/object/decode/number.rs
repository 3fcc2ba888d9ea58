//! Whole numbers: quoted, in range.

use super::error::Error;

/// The whole number that `f` is, if it is one that JSON carries exactly.
#[allow(clippy::cast_possible_truncation)] // checked to be whole and small
pub(super) fn whole_float(f: f64) -> Option<i128> {
    (f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0).then_some(f as i128)
}

/// The whole number that `text` is, written as JSON writes it.
pub(super) fn whole_text(text: &str) -> Option<i128> {
    text.parse::<i128>().ok().filter(|n| n.to_string() == text)
}

/// Implements a deserializer's methods for whole numbers by its method `whole`.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(<$type>::in_range(self.whole()?)?)
        }
    )+};
}

pub(super) use integers;

/// A number type that says what it holds.
pub(super) trait InRange: Sized {
    fn in_range(n: i128) -> Result<Self, Error>;
}

macro_rules! in_range {
    ($($type:ty)+) => {$(
        impl InRange for $type {
            fn in_range(n: i128) -> Result<Self, Error> {
                let hint = || format!("write a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                <$type>::try_from(n).map_err(|_| Error::new(format!("{n} is out of range"), hint()))
            }
        }
    )+};
}

in_range!(i8 i16 i32 i64 u8 u16 u32 u64);
