//! What a scenario expects of a figure, and whether it is so.
//!
//! `34`, `<= 40`, `35 + services`, `2 * services + 7`, `<= 60 MiB`, `< 1.5 s`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::figure::{Figure, Unit};

/// A comparison with a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    comparison: Comparison,
    terms: Vec<Term>,
    unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    AtMost,
    AtLeast,
    Below,
    Above,
}

/// A number, or a number times a variable.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    factor: f64,
    variable: Option<Variable>,
}

/// A name that stands for a number of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Services,
    Namespaces,
}

/// The numbers that names stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Services of the crowd.
    pub services: u32,
    /// Namespaces of the crowd.
    pub namespaces: u32,
}

/// An expectation that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// A word that is no number and no variable.
    #[error(
        "{0:?} is neither a number nor one of services, namespaces; write for instance 34, <= 40 or 35 + services"
    )]
    Word(String),
    /// A number with a unit that nobody knows.
    #[error("{0:?} is no unit; there are KiB, MiB, GiB, ms and s")]
    Unit(String),
    /// A unit that the figure does not have.
    #[error("{figure} is counted in {counted}; write for instance {example}")]
    Mismatch {
        /// The figure.
        figure: Figure,
        /// Its unit.
        counted: &'static str,
        /// A value of this unit.
        example: &'static str,
    },
}

impl Expectation {
    /// Reads an expectation of `figure`.
    ///
    /// # Errors
    /// What cannot be understood; a time without a unit is an error too.
    pub fn parse(figure: Figure, text: &str) -> Result<Self, ExpectationError> {
        let (comparison, sum) = comparison(text.trim());
        let mut unit = None;
        let terms: Vec<_> =
            sum.split('+').map(|term| parse_term(term, &mut unit)).collect::<Result<_, _>>()?;
        let fits = match figure.quantity.unit() {
            Unit::Count => unit.is_none(),
            Unit::Bytes => unit != Some(Unit::Time),
            Unit::Time => unit == Some(Unit::Time),
        };
        let (counted, example) = match figure.quantity.unit() {
            Unit::Count => ("things", "34"),
            Unit::Bytes => ("bytes", "<= 60 MiB"),
            Unit::Time => ("ms or s", "< 1.5 s"),
        };
        if !fits {
            return Err(ExpectationError::Mismatch { figure, counted, example });
        }
        Ok(Self { comparison, terms, unit })
    }

    /// The number on the right.
    pub fn value(&self, variables: Variables) -> f64 {
        let of = |term: &Term| {
            let variable = match term.variable {
                None => 1.0,
                Some(Variable::Services) => f64::from(variables.services),
                Some(Variable::Namespaces) => f64::from(variables.namespaces),
            };
            term.factor * variable
        };
        self.terms.iter().map(of).sum()
    }

    /// Whether `seen` is as expected.
    #[allow(clippy::cast_precision_loss)] // figures stay below 2^53
    pub fn is_met(&self, seen: u64, variables: Variables) -> bool {
        let (seen, wanted) = (seen as f64, self.value(variables));
        match self.comparison {
            Comparison::Equal => (seen - wanted).abs() < 0.5,
            Comparison::AtMost => seen <= wanted,
            Comparison::AtLeast => seen >= wanted,
            Comparison::Below => seen < wanted,
            Comparison::Above => seen > wanted,
        }
    }

    /// What is expected, with the names' numbers put in: `<= 40`.
    pub fn show(&self, variables: Variables) -> String {
        let sign = match self.comparison {
            Comparison::Equal => "",
            Comparison::AtMost => "<= ",
            Comparison::AtLeast => ">= ",
            Comparison::Below => "< ",
            Comparison::Above => "> ",
        };
        let value = self.value(variables);
        match self.unit {
            Some(Unit::Bytes) => format!("{sign}{} MiB", value / f64::from(1 << 20)),
            Some(Unit::Time) => format!("{sign}{value} ms"),
            Some(Unit::Count) | None => format!("{sign}{value}"),
        }
    }
}

fn comparison(text: &str) -> (Comparison, &str) {
    for (sign, comparison) in [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("==", Comparison::Equal),
        ("<", Comparison::Below),
        (">", Comparison::Above),
        ("=", Comparison::Equal),
    ] {
        if let Some(rest) = text.strip_prefix(sign) {
            return (comparison, rest);
        }
    }
    (Comparison::Equal, text)
}

fn parse_term(text: &str, unit: &mut Option<Unit>) -> Result<Term, ExpectationError> {
    let mut term = Term { factor: 1.0, variable: None };
    for factor in text.split('*').map(str::trim) {
        match factor {
            "services" if term.variable.is_none() => term.variable = Some(Variable::Services),
            "namespaces" if term.variable.is_none() => term.variable = Some(Variable::Namespaces),
            number => term.factor *= parse_number(number, unit)?,
        }
    }
    Ok(term)
}

fn parse_number(text: &str, unit: &mut Option<Unit>) -> Result<f64, ExpectationError> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| ExpectationError::Word(text.to_owned()))?;
    let (factor, of) = match suffix.trim() {
        "" => return Ok(number),
        "KiB" => (1024.0, Unit::Bytes),
        "MiB" => (f64::from(1 << 20), Unit::Bytes),
        "GiB" => (f64::from(1 << 30), Unit::Bytes),
        "ms" => (1.0, Unit::Time),
        "s" => (1000.0, Unit::Time),
        other => return Err(ExpectationError::Unit(other.to_owned())),
    };
    *unit = Some(of);
    Ok(number * factor)
}

/// How an expectation fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As expected.
    Met,
    /// Not as expected.
    Missed,
    /// The figure cannot be had here.
    Unknown,
}

/// An expectation and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Name of the figure, or of what must be so in every step.
    pub figure: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether the two go together.
    pub verdict: Verdict,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, seen {}", self.figure, self.expected, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str) -> Figure {
        Figure::try_from(name.to_owned()).unwrap()
    }

    #[test]
    fn expectations_are_read_and_compared() {
        let variables = Variables { services: 50, namespaces: 10 };
        for (name, text, shown, met, missed) in [
            ("lines", "34", "34", 34, 35),
            ("lines", "= 34", "34", 34, 33),
            ("lines", "35 + services", "85", 85, 35),
            ("lines", "<= 2 * services + namespaces + 7", "<= 117", 117, 118),
            ("lines", "> services", "> 50", 51, 50),
            ("lines", ">=3", ">= 3", 3, 2),
            ("bytes", "< 60 MiB", "< 60 MiB", (60 << 20) - 1, 60 << 20),
            ("bytes", "100 * services", "5000", 5000, 5001),
            ("converged", "< 1.5 s", "< 1500 ms", 1499, 1500),
        ] {
            let read = Expectation::parse(figure(name), text).unwrap();
            assert_eq!(read.show(variables), shown);
            assert!(read.is_met(met, variables), "{text}: {met}");
            assert!(!read.is_met(missed, variables), "{text}: {missed}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for (name, text, words) in [
            ("lines", "many", "\"many\" is neither a number nor one of"),
            ("lines", "", "\"\" is neither"),
            ("lines", "35 + + 2", "\"\" is neither"),
            ("lines", "35 - 1", "\"- 1\" is no unit"),
            ("lines", "35 MiB", "lines is counted in things"),
            ("total-rss", "1 s", "total-rss is counted in bytes"),
            ("rss", "1 MB", "\"MB\" is no unit"),
            ("converged", "2", "converged is counted in ms or s"),
        ] {
            let error = Expectation::parse(figure(name), text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{text}: {error}");
        }
    }
}
