//! Service Bus as far as a dispatcher over REST uses it: accepts every message and records the order of arrival.

use client_organizer::http_server::{self, Limits};
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;
use warp::Filter;

#[derive(Clone, Default)]
pub struct Bus {
    seen: Arc<Mutex<Seen>>,
    more: Arc<Notify>,
}

#[derive(Default)]
struct Seen {
    /// MessageId → its first arrival (a count of all arrivals), and how often it arrived.
    ids: HashMap<String, (u64, u32)>,
    arrivals: u64,
}

impl Bus {
    /// Listens on a free port; returns the connection string for it.
    pub async fn start(&self) -> String {
        let bus = self.clone();
        let send = warp::post()
            .and(warp::path!("client-emails" / "messages"))
            .and(warp::header::<String>("brokerproperties"))
            .and(warp::body::bytes())
            .map(move |properties: String, _body| {
                let properties: Value = serde_json::from_str(&properties).unwrap();
                bus.took(properties["MessageId"].as_str().unwrap());
                warp::reply::with_status("", warp::http::StatusCode::CREATED)
            });
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = TowerToHyperService::new(warp::service(send));
        tokio::spawn(http_server::serve(listener, Limits::sharing(1), service, std::future::pending()));
        format!("Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true")
    }

    fn took(&self, id: &str) {
        let mut seen = self.seen.lock().unwrap();
        seen.arrivals += 1;
        let arrival = seen.arrivals;
        seen.ids.entry(id.to_owned()).or_insert((arrival, 0)).1 += 1;
        self.more.notify_one();
    }

    /// Different ids so far.
    pub fn distinct(&self) -> usize {
        self.seen.lock().unwrap().ids.len()
    }

    /// All arrivals, repeats included.
    pub fn arrivals(&self) -> u64 {
        self.seen.lock().unwrap().arrivals
    }

    pub async fn more(&self) {
        self.more.notified().await;
    }

    /// The first arrival of an id, as a count of all arrivals.
    pub fn first(&self, id: &str) -> Option<u64> {
        self.seen.lock().unwrap().ids.get(id).map(|(first, _)| *first)
    }
}
