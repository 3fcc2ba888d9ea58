//! The table of `docs/PROTOCOL.md` names every rule, only scripts, tests and functions that are there, and every script.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Number, functions, and scripts or tests of each row.
fn rows() -> Vec<(String, Vec<String>, Vec<String>)> {
    let page = fs::read_to_string(repository().join("docs/PROTOCOL.md")).expect("docs/PROTOCOL.md");
    let quoted =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "five cells: {line}");
        (cells[1].to_owned(), quoted(cells[3]), quoted(cells[4]))
    };
    page.lines().filter(|line| line.starts_with("| R")).map(row).collect()
}

fn scripts() -> BTreeSet<String> {
    let folders =
        ["sotw", "delta"].map(|variant| repository().join("xds-server/protocol/tests/scripts").join(variant));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder of scripts"));
    files
        .map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect()
}

/// All Rust sources below a folder, as one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
    text
}

#[test]
fn every_rule_has_its_row() {
    let numbers: Vec<String> = rows().into_iter().map(|(number, _, _)| number).collect();
    let all: Vec<String> = (1..=40).map(|n| format!("R{n}")).collect();
    assert_eq!(numbers, all);
}

#[test]
fn every_row_names_what_is_there() {
    let (scripts, tests) = (scripts(), fs::read_to_string(repository().join("xds-server/tests/rules.rs")));
    let tests = tests.expect("xds-server/tests/rules.rs");
    let code = sources(&repository().join("xds-server/protocol/src"))
        + &sources(&repository().join("xds-server/src/serve"));
    for (number, functions, players) in rows() {
        assert!(!functions.is_empty() && !players.is_empty(), "{number} has a function, and is played");
        for player in &players {
            let is_there = scripts.contains(player) || tests.contains(&format!("async fn {player}("));
            assert!(is_there, "{number}: no script or test is called {player}");
        }
        for function in functions {
            let defined = [format!("fn {function}("), format!("fn {function}<"), format!("pub {function}:")];
            assert!(defined.iter().any(|d| code.contains(d)), "{number}: nothing is called {function}");
        }
        let digits = format!("{:0>2}", number.trim_start_matches('R'));
        let own = |player: &String| {
            player.starts_with(&format!("r{digits}")) || player.contains(&format!("_r{digits}"))
        };
        assert!(players.iter().any(own), "{number} has a script or a test of its own");
    }
}

#[test]
fn every_script_is_in_the_table() {
    let named: BTreeSet<String> = rows().into_iter().flat_map(|(_, _, players)| players).collect();
    let missing: Vec<_> = scripts().difference(&named).cloned().collect();
    assert_eq!(missing, Vec::<String>::new());
}
