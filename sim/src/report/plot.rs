//! Curves over time as SVG, drawn in the page's own colours, so that they follow light and dark.

use std::fmt::Write;

use super::markup::escaped;
use super::units::{bytes, count};
use crate::scenario::{Millis, Unit};

/// A picture of curves that share an axis.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// What it shows, for those who cannot see it.
    pub(super) title: String,
    /// The unit of the vertical axis.
    pub(super) unit: Unit,
    /// The curves.
    pub(super) curves: Vec<Curve>,
    /// The steps: when each began, and its number.
    pub(super) steps: Vec<Millis>,
    /// Where the horizontal axis ends.
    pub(super) end: Millis,
    /// What the vertical axis must reach at least, so that two plots can be compared.
    pub(super) reach: u64,
}

/// One curve.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Its name in the legend.
    pub(super) name: &'static str,
    /// Its class in the style sheet: `a`, `b`.
    pub(super) class: &'static str,
    /// Its points, in order of time; the line breaks where a value is absent.
    pub(super) points: Vec<(Millis, Option<u64>)>,
    /// Whether the value at the end of each step is written beside it.
    pub(super) is_labelled: bool,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 28.0;

impl Plot {
    /// The largest value of all curves.
    pub(super) fn top(&self) -> u64 {
        self.curves.iter().flat_map(|curve| &curve.points).filter_map(|(_, value)| *value).max().unwrap_or(0)
    }

    /// The picture.
    pub(super) fn svg(&self) -> String {
        let ticks = ticks(self.top().max(self.reach), self.unit);
        let top = ticks.last().copied().unwrap_or(1).max(1);
        let mut out = String::new();
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escaped(&self.title)
        );
        self.draw_steps(&mut out);
        for tick in &ticks {
            let y = self.y(*tick, top);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                self.shown(*tick).replace(".0 ", " ")
            );
        }
        for second in seconds(self.end) {
            let x = self.x(second);
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} s</text>",
                HEIGHT - 8.0,
                second / 1000
            );
        }
        let mut labels = Labels::default();
        for curve in &self.curves {
            self.draw(&mut out, curve, top, &mut labels);
        }
        out.push_str("</svg>");
        out
    }

    /// Shades every other step and writes its number on top.
    fn draw_steps(&self, out: &mut String) {
        for (at, begun) in self.steps.iter().enumerate() {
            let (from, to) = (self.x(*begun), self.x(self.ended(at)));
            let class = if at % 2 == 0 { "band even" } else { "band" };
            let _ = write!(
                out,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <line class=\"mark\" x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"step\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                (to - from).max(0.0),
                HEIGHT - TOP - BOTTOM,
                TOP - 14.0,
                HEIGHT - BOTTOM,
                f64::midpoint(from, to),
                TOP - 18.0,
                at + 1
            );
        }
    }

    fn draw(&self, out: &mut String, curve: &Curve, top: u64, labels: &mut Labels) {
        for line in curve.points.split(|(_, value)| value.is_none()).filter(|line| !line.is_empty()) {
            let points =
                line.iter().filter_map(|(x, y)| Some(format!("{:.1},{:.1}", self.x(*x), self.y((*y)?, top))));
            let points: Vec<_> = points.collect();
            let _ =
                write!(out, "<polyline class=\"curve {}\" points=\"{}\"/>", curve.class, points.join(" "));
        }
        if !curve.is_labelled {
            return;
        }
        for at in 0..self.steps.len() {
            let ended = self.ended(at);
            let shown = curve.points.iter().rev().find_map(|(x, value)| {
                let is_inside = *x >= self.steps[at] && *x <= ended;
                is_inside.then_some(*x).zip(*value)
            });
            let Some((x, value)) = shown else { continue };
            let (x, y) = (self.x(x), self.y(value, top));
            let _ =
                write!(out, "<circle class=\"dot {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", curve.class);
            let text = self.shown(value);
            if let Some((from, baseline)) = labels.place(x, y, &text) {
                let _ = write!(
                    out,
                    "<text class=\"value {}\" x=\"{from:.1}\" y=\"{baseline:.1}\">{text}</text>",
                    curve.class
                );
            }
        }
    }

    fn ended(&self, step: usize) -> Millis {
        self.steps.get(step + 1).copied().unwrap_or(self.end)
    }

    #[allow(clippy::cast_precision_loss)] // a picture has fewer points
    fn x(&self, at: Millis) -> f64 {
        LEFT + at as f64 / self.end.max(1) as f64 * (WIDTH - LEFT - RIGHT)
    }

    #[allow(clippy::cast_precision_loss, clippy::unused_self)] // a picture has fewer points
    fn y(&self, value: u64, top: u64) -> f64 {
        HEIGHT - BOTTOM - value as f64 / top as f64 * (HEIGHT - TOP - BOTTOM)
    }

    fn shown(&self, value: u64) -> String {
        match self.unit {
            Unit::Bytes if value == 0 => "0".to_owned(),
            Unit::Bytes => bytes(value),
            Unit::Count | Unit::Time => count(value),
        }
    }
}

/// The places that are taken by labels.
#[derive(Debug, Default)]
struct Labels {
    taken: Vec<(f64, f64, f64)>,
}

impl Labels {
    const CHARACTER: f64 = 7.5;
    const LINE: f64 = 14.0;

    /// Where a label begins that ends at `x` beside the point at `y`: above it, or below; nothing where both places are
    /// taken.
    #[allow(clippy::cast_precision_loss)] // labels are short
    fn place(&mut self, x: f64, y: f64, text: &str) -> Option<(f64, f64)> {
        let width = text.chars().count() as f64 * Self::CHARACTER;
        let from = (x - width).max(LEFT + 4.0);
        let x = from + width;
        let free = |baseline: &f64| {
            let apart = |(left, right, other): &(f64, f64, f64)| {
                x < *left || from > *right || (baseline - other).abs() >= Self::LINE
            };
            *baseline < HEIGHT - BOTTOM && self.taken.iter().all(apart)
        };
        let baseline = [y - 7.0, y + 17.0].into_iter().find(free)?;
        self.taken.push((from, x, baseline));
        Some((from, baseline))
    }
}

/// Round values from 0 to the first that is not below `top`; at most six.
fn ticks(top: u64, unit: Unit) -> Vec<u64> {
    let base: u64 = match unit {
        Unit::Bytes if top >= 1 << 30 => 1 << 28,
        Unit::Bytes if top >= 1 << 20 => 1 << 20,
        Unit::Bytes => 1 << 10,
        Unit::Count | Unit::Time => 1,
    };
    let mut step = base;
    for factor in [1, 2, 5].iter().cycle().zip(0..).map(|(f, n)| f * 10_u64.pow(n / 3)) {
        step = base.saturating_mul(factor);
        if step.saturating_mul(5) >= top {
            break;
        }
    }
    (0..=top.div_ceil(step)).map(|n| n * step).collect()
}

/// Round times from 0 to `end`; at most ten.
fn seconds(end: Millis) -> impl Iterator<Item = Millis> {
    let step =
        [1, 2, 5, 10, 20, 30, 60, 120, 300].into_iter().find(|step| end / (step * 1000) < 10).unwrap_or(600);
    (0..=end / (step * 1000)).map(move |n| n * step * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_ticks() {
        for (top, unit, expected) in [
            (85, Unit::Count, vec![0, 20, 40, 60, 80, 100]),
            (35, Unit::Count, vec![0, 10, 20, 30, 40]),
            (3, Unit::Count, vec![0, 1, 2, 3]),
            (0, Unit::Count, vec![0]),
            (2035, Unit::Count, vec![0, 500, 1000, 1500, 2000, 2500]),
            (70 << 20, Unit::Bytes, [0, 20, 40, 60, 80].map(|n| n << 20).to_vec()),
        ] {
            assert_eq!(ticks(top, unit), expected, "{top}");
        }
        assert_eq!(seconds(12_400).collect::<Vec<_>>(), [0, 2000, 4000, 6000, 8000, 10_000, 12_000]);
    }

    #[test]
    fn every_step_has_its_value() {
        let plot = Plot {
            title: "clusters & more".to_owned(),
            unit: Unit::Count,
            curves: vec![Curve {
                name: "clusters",
                class: "a",
                points: vec![(0, Some(35)), (900, Some(35)), (950, None), (1000, Some(85)), (1900, Some(85))],
                is_labelled: true,
            }],
            steps: vec![0, 950],
            end: 2000,
            reach: 0,
        };
        let svg = plot.svg();
        assert!(svg.contains(">35</text>") && svg.contains(">85</text>"), "{svg}");
        assert!(svg.contains("aria-label=\"clusters &amp; more\""));
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(svg.matches("<polyline").count(), 2, "the line breaks where there is nothing");
    }
}
