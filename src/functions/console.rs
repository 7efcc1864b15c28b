//! The function Console: the operators' page, a few static files that hold no data and call Operations.

use super::reply::Reply;
use include_dir::{Dir, include_dir};
use warp::http::{HeaderName, HeaderValue, header};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/functions/console");

/// The page itself; its files are one segment below it, so that the page's relative links reach them and Operations.
const PAGE: &str = "index.html";

/// Nothing is loaded from elsewhere, and no text becomes a script, a style or markup: the browser enforces it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asset(&'static str);

impl Asset {
    /// The page itself.
    pub(super) const fn page() -> Self {
        Self(PAGE)
    }

    /// A file that the page loads, by its name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let mut names = FILES.files().filter_map(|file| file.path().to_str());
        names.find(|known| *known == name && *known != PAGE).map(Self)
    }

    fn media_type(self) -> &'static str {
        match self.0.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            Some(_) | None => "text/html; charset=utf-8",
        }
    }
}

pub(super) fn console(asset: Asset) -> Reply {
    let bytes = FILES.get_file(asset.0).map(include_dir::File::contents).unwrap_or_default();
    let mut reply = Reply::new(bytes.to_vec());
    for (name, value) in [
        (header::CONTENT_TYPE, asset.media_type()),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // A newer build's page must not meet an older one's modules.
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        FILES.get_file(name).and_then(include_dir::File::contents_utf8).unwrap()
    }

    #[test]
    fn only_files_of_the_page_are_found() {
        assert!(Asset::find("app.js").is_some() && Asset::find("console.css").is_some());
        for name in ["", "index.html", "App.js", "../console.rs", "app", "nothing.js"] {
            assert_eq!(Asset::find(name), None, "{name}");
        }
    }

    #[test]
    fn every_file_is_named_as_its_route_takes_it_and_opens_with_what_it_is() {
        for file in FILES.files() {
            let name = file.path().to_str().unwrap();
            let (stem, extension) = name.split_once('.').unwrap();
            assert!(stem.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            let opening = match extension {
                "js" => "// ",
                "css" => "/* ",
                "html" => "<!doctype html>",
                "svg" => "<svg ",
                other => panic!("{name} has no media type: {other}"),
            };
            assert!(text(name).starts_with(opening), "{name} does not open with a sentence");
            assert!(text(name).lines().count() <= 400, "{name} is long");
        }
    }

    /// What stored data says is shown as text and is never read as markup, code or a style. The browser enforces it too,
    /// by `POLICY`.
    #[test]
    fn no_file_turns_text_into_markup_or_loads_from_elsewhere() {
        for file in FILES.files() {
            let name = file.path().to_str().unwrap();
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "setHTML",
                "srcdoc",
                "document.write",
                "DOMParser",
                "createContextualFragment",
                "eval(",
                "Function(",
                "import(",
                "javascript:",
                "style=",
                "onclick=",
                "localStorage",
                "https://",
                "@import",
            ] {
                assert!(!text(name).contains(word), "{name} has {word}");
            }
            let elsewhere = text(name).replace("http://www.w3.org/", "");
            assert!(!elsewhere.contains("http:") && !elsewhere.contains("url("), "{name} loads from elsewhere");
        }
    }
}
