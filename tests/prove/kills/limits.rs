//! Limits of the system on a running process: open files, memory, the size of a file; set and released.

use super::site::Site;
use crate::support::http_client;
use hyper::Method;
use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

const EXHAUSTED_FOR: Duration = Duration::from_secs(2);
const SQUEEZED_FOR: Duration = Duration::from_millis(400);
/// Requests at once that want more memory than before.
const LARGE: usize = 40;

/// The soft limit, which may be raised again. The process may be gone.
pub fn set(pid: u32, what: &str, to: &str) {
    let mut prlimit = Command::new("prlimit");
    drop(prlimit.args(["--pid", &pid.to_string(), &format!("--{what}={to}:")]).stderr(Stdio::null()).status());
}

pub fn release(pid: u32, what: &str) {
    // Where the hard limit is lower than this, the limit of before was too.
    set(pid, what, if what == "nofile" { "1024" } else { "unlimited" });
}

/// Neither host nor handler may open one more file, connection or pipe.
pub async fn descriptors(site: &Site) {
    let pids = [site.host(), site.up().await];
    for pid in pids {
        set(pid, "nofile", "3");
    }
    let port = site.port();
    let refused = async {
        let client = http_client::plain();
        http_client::exchange(&client, port, Method::GET, "/api/health", &[], "").await
    };
    let answered = tokio::time::timeout(EXHAUSTED_FOR, refused).await;
    assert!(!matches!(answered, Ok(Ok(_))), "a new connection was served without a file handle for it");
    tokio::time::sleep(EXHAUSTED_FOR).await;
    for pid in pids {
        release(pid, "nofile");
    }
}

/// The handler gets no memory beyond what it has, and large requests; it dies of that, and the next one is squeezed too.
pub async fn memory(site: &Site) {
    for _ in 0..3 {
        let pid = site.up().await;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kb = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap_or_default();
        let kb: u64 = kb.trim().trim_end_matches(" kB").parse().unwrap_or_default();
        set(pid, "data", &(kb * 1024).to_string());
        let body = format!("{{\"name\": \"{}\"}}", "x".repeat(60_000));
        let port = site.port();
        let ask = || async {
            let headers = [("content-type", "application/json")];
            let client = http_client::plain();
            drop(http_client::exchange(&client, port, Method::POST, "/api/clients", &headers, &body).await);
        };
        let all = futures::future::join_all((0..LARGE).map(|_| ask()));
        drop(tokio::time::timeout(SQUEEZED_FOR, all).await);
        release(pid, "data");
    }
    site.up().await;
    assert!(site.news().borrow().signals.contains(&ABORTED), "the handler never ran out of memory");
}

/// SIGABRT: Rust's end where memory cannot be had.
const ABORTED: i64 = 6;
