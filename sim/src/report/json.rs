//! The report for programs: `report.json`. Its fields are those of [`Report`] and documented in `docs/SCENARIOS.md`.

use serde::{Deserialize, Serialize};

use super::record::Report;

/// Names the shape of the file. It changes when a field changes its meaning or goes; new fields do not change it.
pub const SCHEMA: &str = "xdslab.report/v1";

/// Why a report cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not of this shape.
    #[error("not a report: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another schema.
    #[error("a report of schema {0:?}; this program reads {SCHEMA}")]
    Schema(String),
}

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    #[serde(flatten)]
    report: Report,
}

/// The report as JSON.
///
/// # Errors
/// None that a report of a run can cause.
pub fn json(report: &Report) -> Result<String, JsonError> {
    let file = File { schema: SCHEMA.to_owned(), report: report.clone() };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Reads a report back.
///
/// # Errors
/// When it is none, or of another schema.
pub fn read_json(text: &str) -> Result<Report, JsonError> {
    let file: File = serde_json::from_str(text)?;
    if file.schema == SCHEMA { Ok(file.report) } else { Err(JsonError::Schema(file.schema)) }
}
