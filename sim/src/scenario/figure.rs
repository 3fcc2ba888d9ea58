//! The figures of a step: what is counted and measured, and by which name a scenario speaks of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was counted of one proxy, or of several together.
///
/// A figure that cannot be had (PSS where there is no `/proc`, pushes of a server that is not ours) is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Lines of `istioctl proxy-config clusters`: a header, and one for each cluster.
    pub lines: Option<u64>,
    /// Active clusters, those of the bootstrap included (Envoy: gauge `cluster_manager.active_clusters`).
    pub clusters: Option<u64>,
    /// Endpoints of the clusters that the server has sent; what the bootstrap holds is not among them.
    pub endpoints: Option<u64>,
    /// Responses with configuration that were sent during the step.
    pub pushes: Option<u64>,
    /// Bytes of these responses, before gRPC's framing.
    pub bytes: Option<u64>,
    /// Bytes that Envoy has allocated (Envoy: `/memory`, `allocated`).
    pub allocated: Option<u64>,
    /// Bytes of memory that the kernel counts as resident, those shared with other processes included.
    pub rss: Option<u64>,
    /// The same, shared bytes counted in equal parts: the only one that may be summed.
    pub pss: Option<u64>,
}

impl Figures {
    /// The figures of several proxies together. A sum is absent where one of its parts is.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let zero = Some(0);
        let mut sum = Self {
            lines: zero,
            clusters: zero,
            endpoints: zero,
            pushes: zero,
            bytes: zero,
            allocated: zero,
            rss: zero,
            pss: zero,
        };
        let add = |sum: &mut Option<u64>, part: Option<u64>| *sum = sum.zip(part).map(|(a, b)| a + b);
        for part in parts {
            add(&mut sum.lines, part.lines);
            add(&mut sum.clusters, part.clusters);
            add(&mut sum.endpoints, part.endpoints);
            add(&mut sum.pushes, part.pushes);
            add(&mut sum.bytes, part.bytes);
            add(&mut sum.allocated, part.allocated);
            add(&mut sum.rss, part.rss);
            add(&mut sum.pss, part.pss);
        }
        sum
    }

    /// The figure by its quantity; absent also for what a proxy does not have.
    pub const fn get(&self, quantity: Quantity) -> Option<u64> {
        match quantity {
            Quantity::Lines => self.lines,
            Quantity::Clusters => self.clusters,
            Quantity::Endpoints => self.endpoints,
            Quantity::Pushes => self.pushes,
            Quantity::Bytes => self.bytes,
            Quantity::Allocated => self.allocated,
            Quantity::Rss => self.rss,
            Quantity::Pss => self.pss,
            Quantity::Envoys | Quantity::Pushed | Quantity::Converged => None,
        }
    }
}

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // as the fields of `Figures`, but for the last three
pub enum Quantity {
    Lines,
    Clusters,
    Endpoints,
    Pushes,
    Bytes,
    Allocated,
    Rss,
    Pss,
    /// Envoys that run.
    Envoys,
    /// Time from the change until every Envoy that already ran has ACKed.
    Pushed,
    /// Time from the change until every Envoy has ACKed, those that the step starts included.
    Converged,
}

/// In what a quantity is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Time,
}

impl Quantity {
    const ALL: [Self; 11] = [
        Self::Lines,
        Self::Clusters,
        Self::Endpoints,
        Self::Pushes,
        Self::Bytes,
        Self::Allocated,
        Self::Rss,
        Self::Pss,
        Self::Envoys,
        Self::Pushed,
        Self::Converged,
    ];

    /// Its name in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Pushes => "pushes",
            Self::Bytes => "bytes",
            Self::Allocated => "allocated",
            Self::Rss => "rss",
            Self::Pss => "pss",
            Self::Envoys => "envoys",
            Self::Pushed => "pushed",
            Self::Converged => "converged",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Bytes | Self::Allocated | Self::Rss | Self::Pss => Unit::Bytes,
            Self::Pushed | Self::Converged => Unit::Time,
            _ => Unit::Count,
        }
    }

    /// Whether it is of the whole fleet anyway.
    const fn is_of_all(self) -> bool {
        matches!(self, Self::Envoys | Self::Pushed | Self::Converged)
    }
}

/// A quantity of the watched proxy (`lines`), or of all together (`total-lines`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Figure {
    /// What.
    pub quantity: Quantity,
    /// Of all proxies together.
    pub is_total: bool,
}

impl Figure {
    /// Whether the figure changes with the number of Envoys that are started.
    pub const fn depends_on_fleet(self) -> bool {
        self.is_total || self.quantity.is_of_all()
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_total { "total-" } else { "" }, self.quantity.name())
    }
}

impl From<Figure> for String {
    fn from(figure: Figure) -> Self {
        figure.to_string()
    }
}

/// A word that names no figure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no figure is named {word:?}; there are {}, and total-lines and so on for all proxies together",
    known()
)]
pub struct UnknownFigure {
    word: String,
}

fn known() -> String {
    Quantity::ALL.map(Quantity::name).join(", ")
}

impl TryFrom<String> for Figure {
    type Error = UnknownFigure;

    fn try_from(word: String) -> Result<Self, UnknownFigure> {
        let (is_total, name) = word.strip_prefix("total-").map_or((false, &*word), |name| (true, name));
        let quantity = Quantity::ALL.into_iter().find(|q| q.name() == name);
        let quantity = quantity.filter(|q| !(is_total && q.is_of_all()));
        quantity.map(|quantity| Self { quantity, is_total }).ok_or(UnknownFigure { word })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_read_by_the_name_that_it_shows() {
        for quantity in Quantity::ALL {
            for is_total in [false, true] {
                let figure = Figure { quantity, is_total };
                let read = Figure::try_from(figure.to_string());
                assert_eq!(read.is_ok(), !(is_total && quantity.is_of_all()));
                assert!(read.is_err() || read.as_ref() == Ok(&figure), "{read:?}");
            }
        }
        let error = Figure::try_from("line".to_owned()).unwrap_err().to_string();
        assert!(error.starts_with("no figure is named \"line\"; there are lines, clusters"), "{error}");
    }

    #[test]
    fn a_sum_that_lacks_a_part_is_absent() {
        let part = |rss| Figures { lines: Some(2), rss, ..Figures::default() };
        let sum = Figures::sum(&[part(Some(3)), part(None)]);
        assert_eq!((sum.lines, sum.rss), (Some(4), None));
        assert_eq!(Figures::sum([]).lines, Some(0));
    }
}
