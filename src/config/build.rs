//! Which build this is, as `--version`, `/api/health`, the log and telemetry report it.

use std::sync::LazyLock;

/// The release, then what distinguishes two builds of it: `0.1.0+2f3a9c1d04be.release`. The commit is in what `infra/package.sh`
/// builds; features that are not deployed are named.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let features = [("local", cfg!(feature = "local")), ("failpoints", cfg!(feature = "failpoints"))];
    let features = features.into_iter().filter(|(_, built_in)| *built_in).map(|(feature, _)| feature);
    let parts: Vec<&str> =
        option_env!("CLIENT_ORGANIZER_COMMIT").into_iter().chain([profile]).chain(features).collect();
    format!("{}+{}", env!("CARGO_PKG_VERSION"), parts.join("."))
});

/// Release, commit and build settings.
#[must_use]
pub fn version() -> &'static str {
    &VERSION
}
