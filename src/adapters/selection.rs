//! Which rows or mails an operator means, as the statements of either database ask for them.

use crate::domain::{
    delivery::MailState,
    ids::Spellings,
    mail_remedy::MailRemedy,
    operations::{MailFilter, MessageFilter, RemedyRequest, Selection},
    outbox::RowState,
    remedy::Remedy,
};
use serde_json::{Value, json};

/// As many rows as one request may examine of an index.
pub(super) const EXAMINED_MAX: i64 = 50_000;

/// The rows that a remedy is for.
pub(super) struct Rows {
    /// Ids or `Seq`s as a person typed them. None: the filter alone decides.
    pub texts: Option<Vec<String>>,
    /// The index that has the fewest rows to examine.
    pub path: &'static str,
    pub states: i64,
    pub filter: MessageFilter,
    pub limit: i64,
}

/// The mails that a remedy is for.
pub(super) struct Mails {
    pub texts: Option<Vec<String>>,
    pub path: &'static str,
    pub states: i64,
    pub filter: MailFilter,
    pub limit: i64,
}

impl Rows {
    pub(super) fn of(request: &RemedyRequest, remedy: Remedy) -> Self {
        let (texts, mut filter) = match &request.selection {
            Selection::Ids(texts) => (Some(texts.clone()), MessageFilter::default()),
            Selection::Messages(filter) => (filter.id.clone().map(|id| vec![id]), filter.clone()),
            Selection::Group(group) => {
                (None, MessageFilter { fingerprint: Some(group.clone()), ..MessageFilter::default() })
            }
            // The flow refuses them.
            Selection::Mails(_) | Selection::DeadLetters => (Some(Vec::new()), MessageFilter::default()),
        };
        filter.destination = request.destination.clone().or(filter.destination);
        let all = RowState::ALL.as_slice();
        let states = match filter.state {
            Some(state) => bits([state as i64]),
            // A person who names a message learns why the remedy does not fit it.
            None if texts.is_some() => bits(all.iter().map(|state| *state as i64)),
            None => bits(remedy.states().iter().map(|state| *state as i64)),
        };
        let path = match &filter {
            _ if texts.is_some() => "ids",
            MessageFilter { fingerprint: Some(_), .. } => "fingerprint",
            MessageFilter { ordering_key: Some(_), .. } => "key",
            MessageFilter { client: Some(_), .. } => "client",
            _ if states & bits([RowState::Sent as i64]) == 0 => "state",
            _ => "time",
        };
        Self { texts, path, states, filter, limit: i64::from(request.limit) + 1 }
    }

    /// The client as the rows name it.
    pub(super) fn subject(&self) -> Option<String> {
        self.filter.client.map(|number| format!("clients/{number}"))
    }
}

impl Mails {
    pub(super) fn of(request: &RemedyRequest, remedy: MailRemedy) -> Self {
        let (texts, filter) = match &request.selection {
            Selection::Ids(texts) => (Some(texts.clone()), MailFilter::default()),
            Selection::Mails(filter) => (filter.id.clone().map(|id| vec![id]), filter.clone()),
            Selection::Group(group) => (None, MailFilter { fingerprint: Some(group.clone()), ..MailFilter::default() }),
            Selection::Messages(_) | Selection::DeadLetters => (Some(Vec::new()), MailFilter::default()),
        };
        let states = match filter.state {
            Some(state) => bits([state as i64]),
            None if texts.is_some() => bits(MailState::ALL.map(|state| state as i64)),
            None => bits(remedy.states().iter().map(|state| *state as i64)),
        };
        let listed = bits([MailState::InDoubt as i64, MailState::Refused as i64]);
        let path = match &filter {
            _ if texts.is_some() => "ids",
            MailFilter { fingerprint: Some(_), .. } => "fingerprint",
            MailFilter { recipient_hash: Some(_), .. } => "recipient",
            MailFilter { client: Some(_), .. } => "client",
            _ if states & listed == states => "state",
            _ => "time",
        };
        Self { texts, path, states, filter, limit: i64::from(request.limit) + 1 }
    }

    pub(super) fn subject(&self) -> Option<String> {
        self.filter.client.map(|number| format!("clients/{number}"))
    }
}

fn bits(states: impl IntoIterator<Item = i64>) -> i64 {
    states.into_iter().fold(0, |all, state| all | 1 << state)
}

/// The texts as the statement that looks for them takes them.
pub(super) fn spelled(texts: &[String]) -> String {
    let spelled = texts.iter().enumerate().map(|(place, text)| {
        let Spellings { exact, lower, upper, seq } = Spellings::of(text);
        json!({"p": place, "e": exact, "l": lower, "u": upper, "s": seq})
    });
    Value::from(spelled.collect::<Vec<_>>()).to_string()
}

/// What was found of each text.
pub(super) struct Found {
    pub targets: Vec<String>,
    /// Texts that nothing has.
    pub missing: Vec<String>,
}

impl Found {
    /// `lines`: the place of a text, a target and its id. An id as it was typed goes before one in another case.
    pub(super) fn of(texts: &[String], lines: &[(i64, String, String)]) -> Self {
        let (mut targets, mut missing) = (Vec::new(), Vec::new());
        for (place, text) in (0_i64..).zip(texts) {
            let of_text = || lines.iter().filter(move |(at, ..)| *at == place);
            let exact = of_text().any(|(.., id)| id == text.trim());
            let before = targets.len();
            let fits = of_text().filter(|(.., id)| !exact || id == text.trim());
            targets.extend(fits.map(|(_, target, _)| target.clone()));
            if targets.len() == before && !missing.contains(text) {
                missing.push(text.clone());
            }
        }
        targets.sort_unstable();
        targets.dedup();
        Self { targets, missing }
    }
}
