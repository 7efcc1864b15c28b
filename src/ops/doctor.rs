//! Prints the findings of `doctor`, the worst last, next to the prompt.

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

/// Prints the findings. False if one is a problem: exit code 1.
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
    let unseen = if unknown > 0 { format!("; {unknown} check(s) could not be made") } else { String::new() };
    if fine {
        writeln!(out, "no problems{unseen}")?;
    } else {
        writeln!(out, "{problem} problem(s) to fix{unseen}")?;
    }
    Ok(fine)
}
