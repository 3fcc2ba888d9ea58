//! Versions of Envoy, as the package that carries the binary writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release of Envoy: `1.40.0`, `1.36.2.post1`, `1.41.0-dev`.
///
/// It holds digits, letters, `.` and `-` only, so it is safe as the name of a folder and as an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    numbers: [u32; 3],
    suffix: String,
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of Envoy; one looks like 1.40.0")]
pub struct VersionError(String);

impl Version {
    /// The release that is used where nobody asks for another.
    pub const DEFAULT: Self = Self::new(1, 40, 0);

    /// The release `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { numbers: [major, minor, patch], suffix: String::new() }
    }

    /// Whether this release can be told to give freed memory back at once: `soft_memory_limit_bytes`
    /// (Envoy: `envoy.config.bootstrap.v3.MemoryAllocatorManager`) is known since 1.38.
    pub fn has_soft_memory_limit(&self) -> bool {
        self.numbers >= [1, 38, 0]
    }

    /// Whether a binary that calls itself `reported` can be this release: a package's own suffix
    /// (`1.36.2.post1`) is not known to the binary inside.
    pub fn is_reported_as(&self, reported: &Self) -> bool {
        self.numbers == reported.numbers
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.to_owned());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let mut rest = bare;
        let mut numbers = [0; 3];
        for (place, number) in numbers.iter_mut().enumerate() {
            if place > 0 {
                rest = rest.strip_prefix('.').ok_or_else(error)?;
            }
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            *number = rest[..end].parse().map_err(|_| error())?;
            rest = &rest[end..];
        }
        let suffix_is_plain = rest.is_empty()
            || (rest.starts_with(['.', '-'])
                && rest.len() > 1
                && rest[1..].chars().all(|c| c.is_ascii_alphanumeric()));
        if suffix_is_plain { Ok(Self { numbers, suffix: rest.to_owned() }) } else { Err(error()) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        f.pad(&format!("{major}.{minor}.{patch}{}", self.suffix))
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["1.40.0", "1.36.2.post1", "1.41.0-dev"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        assert_eq!("v1.40.0".parse(), Ok(Version::DEFAULT));
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in [
            "",
            "1",
            "1.40",
            "latest",
            "1.40.x",
            "1.40.0/..",
            "1.40.0.",
            "--help",
            "1.40.0 ",
            "99999999999.1.1",
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn orders_by_number() {
        let order =
            ["1.9.9", "1.36.2", "1.36.2.post1", "1.36.4", "1.40.0"].map(|v| v.parse::<Version>().unwrap());
        assert!(order.is_sorted());
    }

    #[test]
    fn knows_which_releases_have_the_soft_limit() {
        assert!(Version::DEFAULT.has_soft_memory_limit());
        assert!(Version::new(1, 38, 0).has_soft_memory_limit());
        assert!(!Version::new(1, 36, 4).has_soft_memory_limit());
    }

    #[test]
    fn a_package_suffix_is_not_the_binarys() {
        let package: Version = "1.36.2.post1".parse().unwrap();
        assert!(package.is_reported_as(&Version::new(1, 36, 2)));
        assert!(!package.is_reported_as(&Version::new(1, 36, 3)));
    }
}
