//! Route templates of HTTP functions: which path belongs to which, and which two collide.

use regex::{Regex, RegexBuilder};
use std::fmt;

/// A parsed template, route prefix included: `api/{*path:regex(^clients)}`.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Parameter(Option<Constraint>),
    Optional(Option<Constraint>),
    /// `{*rest}`: any number of segments; where it has a constraint, one at least.
    Rest(Option<Constraint>),
}

#[derive(Debug, Clone)]
enum Constraint {
    Integer,
    /// In any casing, and anywhere in the value unless anchored, as ASP.NET has it.
    Pattern(Regex),
}

impl Template {
    /// # Errors
    /// Says which part is not understood.
    pub fn parse(prefix: &str, route: &str) -> Result<Self, String> {
        let text = format!("{prefix}/{route}").trim_matches('/').to_owned();
        let parts = pieces(&text).into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let open_ended = |p: &Part| matches!(p, Part::Rest(_) | Part::Optional(_));
        if parts.iter().rev().skip(1).any(open_ended) {
            return Err(format!("`{text}`: an optional or catch-all part must be the last one"));
        }
        Ok(Self { text, parts })
    }

    /// `path` is decoded, as the Azure host routes it, with its leading slash.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        for (at, part) in self.parts.iter().enumerate() {
            match (part, segments.get(at)) {
                (Part::Rest(constraint), _) => {
                    let rest = path.splitn(at + 1, '/').nth(at).unwrap_or_default();
                    return constraint.as_ref().is_none_or(|c| !rest.is_empty() && c.takes(rest));
                }
                (Part::Optional(_), None) => return true,
                (_, Some(segment)) if part.takes(segment) => {}
                (Part::Literal(_) | Part::Parameter(_) | Part::Optional(_), _) => return false,
            }
        }
        segments.len() == self.parts.len()
    }

    /// A catch-all that takes whatever comes: forwarded, what it took may name another function.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Rest(None)))
    }
}

/// Whether some path belongs to both. The Azure host then takes the function whose name comes first, whatever is
/// more specific, so no two templates of an app may overlap. A pattern is tried on literals only, and else believed.
#[must_use]
pub fn overlap(a: &Template, b: &Template) -> bool {
    meet(&a.parts, &b.parts)
}

fn meet(a: &[Part], b: &[Part]) -> bool {
    match (a, b) {
        ([Part::Rest(Some(constraint))], parts) | (parts, [Part::Rest(Some(constraint))]) => {
            let literals: Option<Vec<&str>> = parts.iter().map(Part::literal).collect();
            literals.is_none_or(|words| !words.is_empty() && constraint.takes(&words.join("/")))
        }
        ([Part::Rest(None)], _) | (_, [Part::Rest(None)]) => true,
        // One may end where the other's optional part is left out.
        ([], parts) | (parts, []) => matches!(parts, [] | [Part::Optional(_)]),
        ([x, a @ ..], [y, b @ ..]) => x.meets(y) && meet(a, b),
    }
}

impl Constraint {
    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Integer => value.parse::<i32>().is_ok(),
            Self::Pattern(pattern) => pattern.is_match(value),
        }
    }
}

impl Part {
    fn takes(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text.eq_ignore_ascii_case(segment),
            Self::Parameter(constraint) | Self::Optional(constraint) => {
                !segment.is_empty() && constraint.as_ref().is_none_or(|c| c.takes(segment))
            }
            Self::Rest(_) => true,
        }
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Parameter(_) | Self::Optional(_) | Self::Rest(_) => None,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self.literal(), other.literal()) {
            (Some(text), _) => other.takes(text),
            (None, Some(text)) => self.takes(text),
            (None, None) => true,
        }
    }
}

/// What stands between slashes; those inside of braces belong to a pattern.
fn pieces(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == '/' && depth == 0
    })
    .collect()
}

fn part(text: &str) -> Result<Part, String> {
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        if text.contains(['{', '}']) || text.is_empty() {
            return Err(format!("`{text}`: a part is a literal or one whole parameter"));
        }
        return Ok(Part::Literal(text.to_owned()));
    };
    let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |i| (i, true));
    let constraint = inner.split_once(':').map(|(_, constraint)| constraint_of(text, constraint)).transpose()?;
    Ok(match (inner.starts_with('*'), optional) {
        (true, _) => Part::Rest(constraint),
        (false, true) => Part::Optional(constraint),
        (false, false) => Part::Parameter(constraint),
    })
}

fn constraint_of(part: &str, text: &str) -> Result<Constraint, String> {
    if text == "int" {
        return Ok(Constraint::Integer);
    }
    let pattern = text.strip_prefix("regex(").and_then(|t| t.strip_suffix(')'));
    let pattern = pattern
        .ok_or_else(|| format!("`{part}`: the constraint `{text}` is not known here, only `int` and `regex(…)`"))?;
    // Braces are doubled in a template.
    let pattern = pattern.replace("{{", "{").replace("}}", "}");
    let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
    built.map(Constraint::Pattern).map_err(|e| format!("`{part}`: the pattern is invalid: {e}"))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: &str = "{*path:regex(^clients(/[A-Za-z0-9/-]*)?$)}";

    fn api(route: &str) -> Template {
        Template::parse("api", route).unwrap()
    }

    #[test]
    fn a_catch_all_takes_everything_below_it_and_nothing_beside() {
        let finance = api("clients/{*rest}");
        assert!(finance.is_open() && !api("clients/{id}").is_open());
        for path in
            ["/api/clients", "/api/clients/", "/API/Clients/7/finance", "/api/clients/a b", "/api/clients/..\\..\\x"]
        {
            assert!(finance.matches(path), "{path}");
        }
        for path in ["/api/client", "/api/clientsx", "/clients/7", "/api//clients", "/", "", "/api", "//api/clients"] {
            assert!(!finance.matches(path), "{path}");
        }
    }

    #[test]
    fn a_constraint_lets_only_its_own_paths_through() {
        let finance = api(CLIENTS);
        assert!(!finance.is_open());
        for path in ["/api/clients", "/api/clients/", "/API/Clients/7/finance/2026/3", "/api/clients/-1"] {
            assert!(finance.matches(path), "{path}");
        }
        for path in [
            "/api",
            "/api/",
            "/api/health",
            "/api/clientsx",
            "/api/clients/..\\..\\SendEmail",
            "/api/clients\\7",
            "/api/clients/..%2f..%2fSendEmail",
            "/api/clients/a.b",
            "/api/clients/a b",
            "/api/clients/?",
            "/api//clients",
        ] {
            assert!(!finance.matches(path), "{path}");
        }
        let doubled = api("{code:regex(^[a-z]{{2}}$)}/x");
        assert!(doubled.matches("/api/pl/x") && !doubled.matches("/api/pol/x"));
        for wrong in ["{a:regex(()}", "{a:guid}", "{a:regex(x}", "{a", "a{b}"] {
            assert!(Template::parse("api", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parameters_take_one_segment_each() {
        let one = api("items/{id:int}/{name?}");
        assert!(one.matches("/api/items/7") && one.matches("/api/items/7/x"));
        assert!(!one.matches("/api/items/x") && !one.matches("/api/items") && !one.matches("/api/items/7/x/y"));
    }

    #[test]
    fn two_templates_overlap_when_a_path_belongs_to_both() {
        for (a, b) in [
            ("{*path}", "clients/{*rest}"),
            ("clients/{id}", "clients/new"),
            ("clients", "CLIENTS"),
            ("clients", "clients/{*rest}"),
            ("a/{x?}", "a"),
            ("a/{x}/c", "a/b/{y}"),
            (CLIENTS, "clients/new"),
            (CLIENTS, "{id}"),
            (CLIENTS, "{*rest}"),
        ] {
            assert!(overlap(&api(a), &api(b)) && overlap(&api(b), &api(a)), "{a} and {b}");
        }
        for (a, b) in [
            ("clients/{*rest}", "health"),
            ("openapi.json", "health"),
            ("a/{x}", "a"),
            ("a/{id:int}", "a/b"),
            (CLIENTS, "health"),
            (CLIENTS, "openapi.json"),
        ] {
            assert!(!overlap(&api(a), &api(b)) && !overlap(&api(b), &api(a)), "{a} and {b}");
        }
    }
}
