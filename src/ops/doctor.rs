//! Prints what `doctor` found, the worst last, where the eye is when it ends.

use crate::domain::{
    finding::{Finding, Level},
    printable,
};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Report<'a> {
    fine: bool,
    findings: &'a [Finding],
}

/// Answers whether nothing must be mended; false is exit code 1.
///
/// # Errors
/// A printing error.
pub fn report(findings: &[Finding], json: bool, out: &mut (dyn Write + Send)) -> Result<bool> {
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (problem, unknown) = (count(Level::Problem), count(Level::Unknown));
    let fine = problem == 0;
    if json {
        writeln!(out, "{}", printable::json(&serde_json::to_string_pretty(&Report { fine, findings })?))?;
        return Ok(fine);
    }
    for level in [Level::Fine, Level::Note, Level::Unknown, Level::Problem] {
        for one in findings.iter().filter(|one| one.level == level) {
            let line = format!("{:<8} {}: {}", level.name(), one.about, one.what);
            writeln!(out, "{}", printable::line(&line))?;
            if let Some(todo) = &one.todo {
                writeln!(out, "         → {}", printable::line(todo))?;
            }
        }
    }
    let unseen = if unknown > 0 { format!("; {unknown} thing(s) could not be looked at") } else { String::new() };
    if fine {
        writeln!(out, "nothing must be mended{unseen}")?;
    } else {
        writeln!(out, "{problem} thing(s) must be mended{unseen}")?;
    }
    Ok(fine)
}
