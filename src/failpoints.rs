//! Named points where a test stops the process and kills it. Without the `failpoints` feature they do nothing.
//!
//! `FAILPOINT=<name>=<file>`: the first task that reaches the point creates the file, writes one JSON line to stdout,
//! and waits for ever. If the file exists already, nothing happens, so a restarted process goes on.

/// Whether this build can stop at failpoints. Staging refuses such a build.
pub const BUILT_IN: bool = cfg!(feature = "failpoints");

/// Stops here for ever if `FAILPOINT` names this point and its file does not exist yet.
#[cfg(feature = "failpoints")]
#[expect(clippy::disallowed_methods, reason = "a switch for tests, in builds that are never staged")]
pub async fn reach(name: &str) {
    let Ok(setting) = std::env::var("FAILPOINT") else { return };
    let Some((wanted, file)) = setting.split_once('=') else { return };
    if wanted != name || std::fs::File::create_new(file).is_err() {
        return;
    }
    println!("{}", serde_json::json!({"message": "failpoint", "point": name}));
    std::future::pending::<()>().await;
}

/// Does nothing: this build has no failpoints.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "the same shape as the real one")]
pub async fn reach(_name: &str) {}
