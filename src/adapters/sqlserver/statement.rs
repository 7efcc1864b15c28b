//! A statement of this dialect: its file's text, with named parameters in the form that tiberius sends (`@P1`, `@P2`, …).

use std::{borrow::Cow, fmt::Write};
use tiberius::{ColumnData, IntoSql};

/// One batch and its values. Values are parameters, never part of the text: one text has one plan.
#[derive(Clone)]
pub(super) struct Statement {
    sql: Cow<'static, str>,
    values: Vec<(Cow<'static, str>, ColumnData<'static>)>,
    repeatable: bool,
    patient: bool,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), values: Vec::new(), repeatable: false, patient: false }
    }

    /// Joins several files into one batch, in this order.
    pub(super) fn of(files: &[&str]) -> Self {
        Self::new(files.join("\n"))
    }

    pub(super) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl IntoSql<'static>) -> Self {
        let name = name.into();
        debug_assert!(self.values.iter().all(|(known, _)| *known != name), "two parameters are named {name}");
        self.values.push((name, value.into_sql()));
        self
    }

    /// A write that can be repeated after its answer was lost: it recognises by a token, or by what it finds, that it
    /// was done. A batch that must know gets the parameter `@again`: 0 at first, 1 once an answer was lost.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        if self.sql.contains("@again") { self.with("again", 0) } else { self }
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    pub(super) fn again(&mut self) {
        for (name, value) in &mut self.values {
            if *name == "again" {
                *value = 1.into_sql();
            }
        }
    }

    /// Waits for a database that is away, where other statements fail at once.
    pub(super) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    pub(super) fn is_patient(&self) -> bool {
        self.patient
    }

    /// Skews the database's clock by `ms`, in seconds and milliseconds, since DATEADD takes an int.
    pub(super) fn skewed(self, skew_ms: i64) -> Self {
        let int = |number: i64| i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX });
        if self.sql.contains("@skew_s") {
            self.with("skew_s", int(skew_ms / 1000)).with("skew_ms", int(skew_ms % 1000))
        } else {
            self
        }
    }

    /// The query that is sent. A name that is not a parameter is a variable of the batch and stays.
    pub(super) fn bound(self) -> tiberius::Query<'static> {
        let sql = positional(&self.sql, &self.values);
        debug_assert!(!redeclares(&sql), "a variable of the batch has the name of a parameter: {sql}");
        let mut query = tiberius::Query::new(sql);
        for (_, value) in self.values {
            query.bind(Plain(value));
        }
        query
    }
}

struct Plain(ColumnData<'static>);

impl IntoSql<'static> for Plain {
    fn into_sql(self) -> ColumnData<'static> {
        self.0
    }
}

/// Whether the batch declares a variable that is also a parameter; the server refuses it (error 134).
fn redeclares(sql: &str) -> bool {
    const TYPES: [&str; 7] = ["int", "bigint", "datetime2", "nvarchar", "varchar", "varbinary", "TABLE"];
    sql.split("@P").skip(1).any(|after| {
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        after.strip_prefix(' ').is_some_and(|what| TYPES.iter().any(|of| what.starts_with(of)))
    })
}

/// Comments and string literals are skipped.
fn positional(sql: &str, values: &[(Cow<'static, str>, ColumnData<'static>)]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['@', '\'', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let kept = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(literal) = rest.strip_prefix('\'') {
            literal.find('\'').map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("@@") {
            2
        } else if let Some(tail) = rest.strip_prefix('@') {
            let name = &tail[..tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len())];
            let position = values.iter().position(|(known, _)| *known == name);
            if let Some(position) = position {
                // Writing into a String cannot fail.
                let _ = write!(out, "@P{}", position + 1);
                rest = &tail[name.len()..];
                continue;
            }
            1 + name.len()
        } else {
            1
        };
        out.push_str(&rest[..kept]);
        rest = &rest[kept..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_no_parameters_name() {
        assert!(redeclares("DECLARE @open int = 0, @P12 int = 0;") && redeclares("DECLARE @P1 TABLE (Seq bigint)"));
        assert!(!redeclares(
            "DECLARE @now datetime2(7) = DATEADD(millisecond, @P1, @P2); SELECT CAST(@P3 AS int), @P4"
        ));
    }

    #[test]
    fn parameters_are_numbered_while_variables_comments_and_literals_stay() {
        let values = [("id".into(), ColumnData::I64(Some(1))), ("id_2".into(), ColumnData::Bit(None))];
        let sql = "-- x: @id\nDECLARE @n int = @@ROWCOUNT - 1; SELECT '@id ''-- @id', @id_2, @id, @idx --@id";
        let expected = "-- x: @id\nDECLARE @n int = @@ROWCOUNT - 1; SELECT '@id ''-- @id', @P2, @P1, @idx --@id";
        assert_eq!(positional(sql, &values), expected);
    }
}
