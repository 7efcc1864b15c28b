//! Named points where a test stops the process and kills it; without the `failpoints` feature they are nothing.
//!
//! `FAILPOINT=<name>=<file>`: the first to reach the point makes the file, says so in one JSON line on stdout, and
//! waits for ever. Where the file exists already, nothing happens, so a restarted process goes on.

/// Is this build able to stop at points? Staging refuses such a build.
pub const BUILT_IN: bool = cfg!(feature = "failpoints");

#[cfg(feature = "failpoints")]
#[expect(clippy::disallowed_methods, reason = "a test's own switch, in builds that are never staged")]
pub async fn reach(name: &str) {
    let Ok(setting) = std::env::var("FAILPOINT") else { return };
    let Some((wanted, file)) = setting.split_once('=') else { return };
    if wanted != name || std::fs::File::create_new(file).is_err() {
        return;
    }
    println!("{}", serde_json::json!({"message": "failpoint", "point": name}));
    std::future::pending::<()>().await;
}

#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "the same shape as the real one")]
pub async fn reach(_name: &str) {}
