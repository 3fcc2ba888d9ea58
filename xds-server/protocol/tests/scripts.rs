//! Runs the rules of the protocol that are written down in `tests/scripts`; its README says how to read them.

mod script;

use std::path::Path;

#[allow(clippy::needless_pass_by_value)] // The harness hands the text over.
fn rule(path: &Path, text: String) -> datatest_stable::Result<()> {
    let variant = path.parent().and_then(Path::file_name).and_then(|v| v.to_str()).unwrap_or_default();
    script::run(variant, &text).map_err(|failure| format!("{}:{failure}", path.display()).into())
}

datatest_stable::harness! {
    { test = rule, root = "tests/scripts", pattern = r".*\.txt$" },
}
