//! The scripts' language: lines, scenes, and the stage that plays them.

mod line;
mod stage;

use line::Line;
pub use line::parse;
pub use stage::Stage;
use std::time::Duration;
use xdslab_protocol::{Resource, Semantics, Variant};

/// The semantics that a scene is played in, and its lines with their numbers.
type Scene = (Vec<Semantics>, Vec<(usize, Line)>);

/// Plays all scenes of a script. The error starts with the line's number.
pub fn run(variant: &str, text: &str) -> Result<(), String> {
    let variant = match variant {
        "sotw" => Variant::Sotw,
        "delta" => Variant::Delta,
        other => return Err(format!(" not a protocol variant: {other}")),
    };
    let mut scene: Option<Scene> = None;
    let mut played = 0;
    for (number, text) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(header) = text.strip_prefix("==") {
            played += play(variant, scene.take())?;
            scene = Some((semantics(header).map_err(|e| format!("{number}: {e}"))?, Vec::new()));
            continue;
        }
        let line = parse(variant, text).map_err(|e| format!("{number}: {e}: {text}"))?;
        scene.as_mut().ok_or(format!("{number}: before the first scene"))?.1.push((number, line));
    }
    played += play(variant, scene)?;
    if played == 0 { Err("0: nothing to play".into()) } else { Ok(()) }
}

fn semantics(header: &str) -> Result<Vec<Semantics>, String> {
    let (which, _title) = header.split_once(':').ok_or("a scene is `== both|istiod|spec: title`")?;
    match which.trim() {
        "both" => Ok(vec![Semantics::Istiod, Semantics::Spec]),
        "istiod" => Ok(vec![Semantics::Istiod]),
        "spec" => Ok(vec![Semantics::Spec]),
        other => Err(format!("no semantics is called {other}")),
    }
}

fn play(variant: Variant, scene: Option<Scene>) -> Result<usize, String> {
    let Some((semantics, lines)) = scene else { return Ok(0) };
    for semantics in &semantics {
        let failed = |number: usize, what: String| format!("{number} ({semantics:?}): {what}");
        let mut stage = Stage::new(variant, *semantics);
        for (number, line) in &lines {
            stage.play(line).map_err(|what| failed(*number, what))?;
        }
        let last = lines.last().map_or(0, |(number, _)| *number);
        stage.finish().map_err(|what| failed(last, what))?;
    }
    Ok(semantics.len())
}

/// `1`, or `1@30s` where the resource lives for thirty seconds.
fn resource(name: &str, body: &str) -> Result<Resource, String> {
    let Some((body, seconds)) = body.split_once('@') else { return Ok(Resource::new(name, body.to_owned())) };
    let seconds = seconds.strip_suffix('s').and_then(|s| s.parse().ok()).ok_or("a lifetime is like 30s")?;
    Ok(Resource::new(name, body.to_owned()).with_ttl(Duration::from_secs(seconds)))
}
