//! Route templates of HTTP functions: which paths a template matches, and whether two templates overlap.

use regex::{Regex, RegexBuilder};
use std::fmt;

/// A parsed route template with its prefix, such as `api/{*path:regex(^clients)}`.
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
    /// `{*rest}`: any number of segments; with a constraint, at least one.
    Rest(Option<Constraint>),
}

#[derive(Debug, Clone)]
enum Constraint {
    Integer,
    /// Ignores case and matches anywhere in the value unless anchored, as in ASP.NET.
    Pattern(Regex),
}

impl Template {
    /// Parses `route` of a function.json below `prefix`, host.json's `routePrefix`.
    ///
    /// # Errors
    /// Names the part that is invalid or not supported: constraints other than `int` and `regex(…)`, a parameter that
    /// is only a part of its segment, an optional or catch-all part before the last one.
    pub fn parse(prefix: &str, route: &str) -> Result<Self, String> {
        let text = format!("{prefix}/{route}").trim_matches('/').to_owned();
        let parts = pieces(&text).into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let open_ended = |p: &Part| matches!(p, Part::Rest(_) | Part::Optional(_));
        if parts.iter().rev().skip(1).any(open_ended) {
            return Err(format!("`{text}` is invalid: expected an optional or catch-all part only at the end"));
        }
        Ok(Self { text, parts })
    }

    /// Whether the template matches `path`: decoded, as the Azure host routes it, with its leading slash.
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

    /// Whether the template ends in a catch-all without a constraint. A forwarded path that it matches may reach another
    /// function.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Rest(None)))
    }
}

/// Whether some path may match both templates. The Azure host then selects the function whose name comes first, even
/// where the other is more specific, so no two templates of an app may overlap. A pattern is tested against literals;
/// against anything else it is assumed to match, unless their first segments differ.
#[must_use]
pub fn overlap(a: &Template, b: &Template) -> bool {
    meet(&a.parts, &b.parts)
}

fn meet(a: &[Part], b: &[Part]) -> bool {
    match (a, b) {
        ([Part::Rest(Some(constraint))], parts) | (parts, [Part::Rest(Some(constraint))]) => {
            let (ours, theirs) = (constraint.first_word(), parts.first().and_then(Part::first_word));
            // A pattern ignores the case of all letters: its `s` matches `ſ` too.
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && theirs.is_ascii()
                && !ours.eq_ignore_ascii_case(theirs)
            {
                return false;
            }
            let literals: Option<Vec<&str>> = parts.iter().map(Part::literal).collect();
            let takes = |path: &str| constraint.takes(path) || constraint.takes(&format!("{path}/"));
            literals.is_none_or(|words| !words.is_empty() && takes(&words.join("/")))
        }
        ([Part::Rest(None)], _) | (_, [Part::Rest(None)]) => true,
        // One may end where the other's optional part is absent.
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

    /// The first segment of every value that matches, where the pattern says it in plain letters: `^word$`, `^word/…`, or
    /// `^word(/…)?$` with the group up to the end. Of any other pattern nothing is assumed.
    fn first_word(&self) -> Option<&str> {
        let Self::Pattern(pattern) = self else { return None };
        let text = pattern.as_str().strip_prefix('^')?;
        let (word, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric())?);
        // Escapes hide a parenthesis, flags change what a letter means.
        if text.contains('\\') || text.contains("(?") {
            return None;
        }
        let mut depth = 0_i32;
        let mut groups_end = None;
        let mut alternative_depth = i32::MAX;
        for (at, c) in rest.char_indices() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            if c == ')' && depth == 0 {
                groups_end = groups_end.or(Some(at));
            } else if c == '|' {
                alternative_depth = alternative_depth.min(depth);
            }
        }
        let is_slash = |text: &str| text.starts_with('/') && !text[1..].starts_with(['?', '*', '{']);
        let whole = match rest.strip_prefix('(') {
            Some(group) => {
                let tail = groups_end.map(|at| &rest[at..]);
                is_slash(group) && alternative_depth > 1 && matches!(tail, Some(")$" | ")?$" | ")*$"))
            }
            None => rest == "$" || (is_slash(rest) && alternative_depth > 0),
        };
        whole.then_some(word)
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

    fn first_word(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Rest(constraint) => constraint.as_ref()?.first_word(),
            Self::Parameter(_) | Self::Optional(_) => None,
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

/// The parts between slashes. Slashes inside braces belong to a pattern.
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
            return Err(format!("`{text}` is invalid: expected a literal or one whole parameter"));
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
        .ok_or_else(|| format!("`{part}` is invalid: expected the constraint `int` or `regex(…)`, not `{text}`"))?;
    // Braces are doubled in a template.
    let pattern = pattern.replace("{{", "{").replace("}}", "}");
    let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
    built.map(Constraint::Pattern).map_err(|e| format!("`{part}` is invalid: expected a regular expression: {e}"))
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
    fn a_catch_all_matches_every_path_below_it_and_no_other() {
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
    fn a_constraint_limits_the_paths_that_match() {
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
    fn a_parameter_matches_one_segment() {
        let one = api("items/{id:int}/{name?}");
        assert!(one.matches("/api/items/7") && one.matches("/api/items/7/x"));
        assert!(!one.matches("/api/items/x") && !one.matches("/api/items") && !one.matches("/api/items/7/x/y"));
    }

    #[test]
    fn two_templates_overlap_when_a_path_matches_both() {
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
            (CLIENTS, "{*path:regex(^clients/new$)}"),
            (CLIENTS, "{*path:regex(^console|clients/new)}"),
            ("{*path:regex(^word(/a|b)?$)}", "wordb"),
            ("{*path:regex(^word(/a)?)}", "wordb"),
            ("{*path:regex(^word/?b$)}", "wordb"),
            ("{*path:regex(^word(/a)?b$)}", "wordb"),
            ("{*path:regex(^ops$)}", "opſ"),
            ("{*path:regex(^clients/$)}", "clients"),
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
            (CLIENTS, "{*path:regex(^console(/[a-z]+)?$)}"),
            (CLIENTS, "console/{file}"),
            (CLIENTS, "{*path:regex(^ops/(a|b)$)}"),
        ] {
            assert!(!overlap(&api(a), &api(b)) && !overlap(&api(b), &api(a)), "{a} and {b}");
        }
    }
}
