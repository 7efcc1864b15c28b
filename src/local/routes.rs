//! Route templates of HTTP functions: which path belongs to which, and which two collide.

use percent_encoding::percent_decode_str;
use std::fmt;

/// A parsed template, route prefix included: `api/clients/{*rest}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter {
        integer: bool,
    },
    Optional {
        integer: bool,
    },
    /// `{*rest}`: any number of segments, none too.
    Rest,
}

impl Template {
    /// # Errors
    /// Says which part is not understood.
    pub fn parse(prefix: &str, route: &str) -> Result<Self, String> {
        let text = format!("{prefix}/{route}").trim_matches('/').to_owned();
        let parts = text.split('/').map(part).collect::<Result<Vec<_>, _>>()?;
        let open_ended = |p: &Part| matches!(p, Part::Rest | Part::Optional { .. });
        if parts.iter().rev().skip(1).any(open_ended) {
            return Err(format!("`{text}`: an optional or catch-all part must be the last one"));
        }
        Ok(Self { text, parts })
    }

    /// `path` is raw, as it came over the wire, with its leading slash.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let trimmed = path.strip_prefix('/').unwrap_or(path);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        let segments: Vec<_> = trimmed.split('/').map(|s| percent_decode_str(s).decode_utf8_lossy()).collect();
        for (at, part) in self.parts.iter().enumerate() {
            match (part, segments.get(at)) {
                (Part::Rest, _) | (Part::Optional { .. }, None) => return true,
                (_, Some(segment)) if part.takes(segment) => {}
                (Part::Literal(_) | Part::Parameter { .. } | Part::Optional { .. }, _) => return false,
            }
        }
        segments.len() == self.parts.len()
    }
}

/// Whether some path belongs to both. The Azure host then takes the function whose name comes first, whatever is
/// more specific, so no two templates of an app may overlap.
#[must_use]
pub fn overlap(a: &Template, b: &Template) -> bool {
    meet(&a.parts, &b.parts)
}

fn meet(a: &[Part], b: &[Part]) -> bool {
    match (a, b) {
        ([Part::Rest], _) | (_, [Part::Rest]) => true,
        // One may end where the other's optional part is left out.
        ([], parts) | (parts, []) => matches!(parts, [] | [Part::Optional { .. }]),
        ([x, a @ ..], [y, b @ ..]) => x.meets(y) && meet(a, b),
    }
}

impl Part {
    fn takes(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text.eq_ignore_ascii_case(segment),
            Self::Parameter { integer } | Self::Optional { integer } => {
                !segment.is_empty() && (!integer || segment.parse::<i32>().is_ok())
            }
            Self::Rest => true,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a.eq_ignore_ascii_case(b),
            (Self::Literal(text), part) | (part, Self::Literal(text)) => part.takes(text),
            (
                Self::Parameter { .. } | Self::Optional { .. } | Self::Rest,
                Self::Parameter { .. } | Self::Optional { .. } | Self::Rest,
            ) => true,
        }
    }
}

fn part(text: &str) -> Result<Part, String> {
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        if text.contains(['{', '}']) || text.is_empty() {
            return Err(format!("`{text}`: a part is a literal or one whole parameter"));
        }
        return Ok(Part::Literal(text.to_owned()));
    };
    if inner.starts_with('*') {
        return Ok(Part::Rest);
    }
    let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |i| (i, true));
    let integer = match inner.split_once(':') {
        None => false,
        Some((_, "int")) => true,
        Some((_, other)) => return Err(format!("`{text}`: the constraint `{other}` is not known here, only `int`")),
    };
    Ok(if optional { Part::Optional { integer } } else { Part::Parameter { integer } })
}

/// Whether a path, decoded as often as anyone might, holds a `.` or `..` segment by any separator. Such a path
/// could name another function once something on the way normalises it, so it goes nowhere.
#[must_use]
pub fn has_dot_segment(raw: &str) -> bool {
    let mut path = raw.as_bytes().to_vec();
    // Each round shortens the path or ends; four levels of encoding are more than any client means.
    for _ in 0..4 {
        if path.split(|b| matches!(b, b'/' | b'\\')).any(is_dots) {
            return true;
        }
        let decoded: Vec<u8> = percent_encoding::percent_decode(&path).collect();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    true
}

/// `..;x` is a parent folder to some servers.
fn is_dots(segment: &[u8]) -> bool {
    let name = segment.split(|b| *b == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(route: &str) -> Template {
        Template::parse("api", route).unwrap()
    }

    #[test]
    fn a_catch_all_takes_everything_below_it_and_nothing_beside() {
        let finance = api("clients/{*rest}");
        for path in
            ["/api/clients", "/api/clients/", "/API/Clients/7/finance", "/api/clients/a%20b", "/api/cl%69ents/1"]
        {
            assert!(finance.matches(path), "{path}");
        }
        for path in ["/api/client", "/api/clientsx", "/clients/7", "/api//clients", "/", "", "/api", "//api/clients"] {
            assert!(!finance.matches(path), "{path}");
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
        ] {
            assert!(overlap(&api(a), &api(b)) && overlap(&api(b), &api(a)), "{a} and {b}");
        }
        for (a, b) in [("clients/{*rest}", "health"), ("openapi.json", "health"), ("a/{x}", "a"), ("a/{id:int}", "a/b")]
        {
            assert!(!overlap(&api(a), &api(b)) && !overlap(&api(b), &api(a)), "{a} and {b}");
        }
    }

    #[test]
    fn dot_segments_are_seen_in_any_spelling() {
        for path in [
            "/api/../SendEmail",
            "/api/%2e%2e/SendEmail",
            "/api/%2E./SendEmail",
            "/api/clients/..%2f..%2fSendEmail",
            "/api/clients/..%5cSendEmail",
            "/api/clients\\..\\SendEmail",
            "/api/%252e%252e/SendEmail",
            "/api/./clients",
            "/api/clients/..",
            "/api/clients/..;/SendEmail",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in ["/api/openapi.json", "/api/clients/a..b", "/api/clients/...", "/api/clients/1%2f2"] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }
}
