//! What `local` prints for people: each event once, nothing while idle, the mails of RetryEmail too, and the stop.

use crate::support::{backend::memory, host::executable, http_client::post_json, world::nip};
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Reads up to the line with these words, and keeps all lines.
fn until(lines: &mut impl Iterator<Item = String>, seen: &mut Vec<String>, words: &[&str]) -> String {
    for line in lines.by_ref() {
        seen.push(line.clone());
        if words.iter().all(|word| line.contains(word)) {
            return line;
        }
    }
    panic!("no line with {words:?} in {seen:#?}")
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_of_a_mail_is_printed_once_and_so_is_the_stop() {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    // A file in the place of the mails' folder: the first try fails, and RetryEmail takes the mail up.
    let mails = folder.path().join("mail");
    std::fs::write(&mails, "in the way").unwrap();
    let mut child = Command::new(executable())
        .args(["local", "--port", "0", "--root", env!("CARGO_MANIFEST_DIR"), "--data"])
        .arg(folder.path())
        .envs([("OutboxSchedule", "* * * * * *"), ("RetryEmailSchedule", "* * * * * *"), ("Breaker__BaseMs", "100")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut child = Ended(child);
    let mut seen = Vec::new();
    let listening = until(&mut lines, &mut seen, &["listening on http://127.0.0.1:"]);
    let port = listening.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    until(&mut lines, &mut seen, &["handler up: pid"]);
    let client = json!({"name": "Demo", "address": "ul. Prosta 1", "nipNb": nip(5).as_str(), "email": "a@example.pl"});
    assert_eq!(post_json(port, "/api/clients", &client).await.status, 201);
    let figures = json!({"year": 2030, "month": 3, "incomeTax": 1, "vat": 2, "insuranceAmount": 3});
    assert_eq!(post_json(port, "/api/clients/1/finance", &figures).await.status, 201);
    until(&mut lines, &mut seen, &["taken in", "outcome=parked"]);
    std::fs::remove_file(&mails).unwrap();
    until(&mut lines, &mut seen, &["taken up", "outcome=sent"]);
    let interrupted = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    seen.extend(lines);
    assert!(child.0.wait().unwrap().success());

    let with = |words: &str| seen.iter().filter(|line| line.contains(words)).count();
    for reported in ["handler up", "-> 201", "queued", "delivered", "completed", "outcome=sent", "stopping", "stopped;"]
    {
        assert_eq!(with(reported), if reported == "-> 201" { 2 } else { 1 }, "{reported}: {seen:#?}");
    }
    for silent in ["answered", "DispatchOutbox ok", "RetryEmail ok"] {
        assert_eq!(with(silent), 0, "{silent}: {seen:#?}");
    }
    assert!(seen.last().unwrap().contains(&folder.path().display().to_string()), "{seen:#?}");
    let times: Vec<&str> = seen.iter().filter_map(|line| line.get(..12)).collect();
    assert!(times.is_sorted(), "{seen:#?}");
}
