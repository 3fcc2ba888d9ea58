//! What `sim load` shows: progress on the standard error, and the table at the end.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use indicatif::ProgressBar;
use xdslab_sim::load::{Event, Phase, Spread};
use xdslab_sim::report::{STYLE, bytes, count};

/// Shows a run.
#[derive(Debug)]
pub(super) struct Display {
    bar: Option<ProgressBar>,
    told: Instant,
    phases: Vec<Phase>,
}

/// Without a terminal, progress is told so often.
const PACE: Duration = Duration::from_secs(5);

impl Display {
    pub(super) fn new(heading: &str) -> Self {
        println!("{heading}");
        let bar = stderr().is_terminal().then(ProgressBar::new_spinner);
        Self { bar, told: Instant::now(), phases: Vec::new() }
    }

    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Progress { phase, connected, settled, proxies, responses } => {
                let text = format!(
                    "{phase}: {connected} of {proxies} connected, {settled} synced, {} responses",
                    count(responses)
                );
                match &self.bar {
                    Some(bar) => {
                        bar.set_message(text);
                        bar.tick();
                    }
                    None if self.told.elapsed() >= PACE => {
                        eprintln!("{text}");
                        self.told = Instant::now();
                    }
                    None => {}
                }
            }
            Event::Ended(phase) => {
                let line = outline(&phase);
                match &self.bar {
                    Some(bar) => bar.println(line),
                    None => eprintln!("{line}"),
                }
                self.phases.push(*phase);
            }
        }
    }

    /// All phases, with a column for whatever was measured in any; none where there was no phase.
    pub(super) fn table(&self) -> Option<String> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut columns = COLUMNS.to_vec();
        columns.retain(|column| self.phases.iter().any(|phase| (column.cell)(phase).is_some()));
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|column| column.name));
        for phase in &self.phases {
            table.add_row(columns.iter().enumerate().map(|(at, column)| {
                let text = (column.cell)(phase).unwrap_or_else(|| "–".to_owned());
                let side = if at == 0 { CellAlignment::Left } else { CellAlignment::Right };
                Cell::new(text).set_alignment(side)
            }));
        }
        (!self.phases.is_empty()).then(|| table.to_string())
    }
}

#[derive(Clone, Copy)]
struct Column {
    name: &'static str,
    cell: fn(&Phase) -> Option<String>,
}

const COLUMNS: [Column; 15] = [
    Column { name: "phase", cell: |phase| Some(phase.name.clone()) },
    Column { name: "synced", cell: |phase| u64::try_from(phase.settled).ok().map(count) },
    Column { name: "first\nresponse", cell: |phase| phase.until_first_response.map(time) },
    Column { name: "all ACKed", cell: |phase| phase.wall.map(time) },
    Column { name: "proxies", cell: |phase| spread(phase).map(|spread| count(spread.count)) },
    Column { name: "p50", cell: |phase| spread(phase).map(|spread| time(spread.p50)) },
    Column { name: "p90", cell: |phase| spread(phase).map(|spread| time(spread.p90)) },
    Column { name: "p99", cell: |phase| spread(phase).map(|spread| time(spread.p99)) },
    Column { name: "max", cell: |phase| spread(phase).map(|spread| time(spread.max)) },
    Column { name: "responses", cell: |phase| Some(count(phase.responses)) },
    Column { name: "bytes", cell: |phase| Some(bytes(phase.bytes)) },
    Column { name: "NACKs", cell: |phase| (phase.nacks > 0).then(|| count(phase.nacks)) },
    Column { name: "streams\nlost", cell: |phase| (phase.lost > 0).then(|| count(phase.lost)) },
    Column { name: "server\nCPU", cell: |phase| phase.server.map(|server| time(server.cpu)) },
    Column { name: "server RSS", cell: |phase| phase.server.map(|server| bytes(server.rss_after)) },
];

/// What matters of a phase, in a line.
fn outline(phase: &Phase) -> String {
    let what =
        phase.wall.map_or_else(|| "no response".to_owned(), |wall| format!("all ACKed after {}", time(wall)));
    format!("{}: {what}, {} responses, {}", phase.name, count(phase.responses), bytes(phase.bytes))
}

/// Since the change where the run made one; otherwise since the first response.
fn spread(phase: &Phase) -> Option<Spread> {
    phase.since_change.or(phase.convergence)
}

fn time(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        ..100_000.0 => format!("{:.2} s", millis / 1000.0),
        _ => format!("{:.0} s", millis / 1000.0),
    }
}
