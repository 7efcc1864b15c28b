//! The rows and the breaker of the model: what each call of the store does to them.

use super::{
    outbox::{LEASE, Mode, Outbox, Rule},
    outbox_judge::{Change, Settlement},
};

/// A row claimed as often, without a settle, is a suspect; and is dead once it was claimed once more.
pub(super) const SUSPECT_CLAIMS: u8 = 2;
const CLAIMS_MAX: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RowState {
    Pending,
    Leased,
    Sent,
    Dead,
    Discarded,
}

/// Who knows a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Token {
    None,
    /// A dispatcher that died, or has ended its claim.
    Past,
    Of(usize),
}

/// How the last publish failed, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Last {
    /// Not as the next ones ask for.
    Other,
    Blocked,
    /// Cut, or without an answer.
    Unclear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub key: u8,
    pub state: RowState,
    /// Steps until it is due, or its lease ends.
    pub due: u8,
    pub token: Token,
    pub claims: u8,
    pub retries: u8,
    pub last: Last,
    /// A publish of it ended without an answer, as far as the store knows.
    pub doubt: bool,
    /// The destination accepted others since its last publish.
    pub since: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Store {
    pub rows: Vec<Row>,
    /// Steps until a probe is due. None: closed.
    pub open: Option<u8>,
    pub probe: Token,
    pub paused: bool,
    pub wrongly: Wrongly,
}

/// What must never have been done.
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Wrongly {
    pub settled: bool,
    pub reported: bool,
    pub closed: bool,
    pub claimed: bool,
    /// Not wrong: the database's clock jumped.
    pub jumped: bool,
    /// Not wrong: an operator let a row pass a later one that was published by a dispatcher which died before it settled.
    pub passed: bool,
}

impl Store {
    pub(super) fn new(keys: &[u8]) -> Self {
        let row = |key| Row {
            key,
            state: RowState::Pending,
            due: 0,
            token: Token::None,
            claims: 0,
            retries: 0,
            last: Last::Other,
            doubt: false,
            since: false,
        };
        let rows = keys.iter().map(|key| row(*key)).collect();
        Self { rows, open: None, probe: Token::None, paused: false, wrongly: Wrongly::default() }
    }

    pub(super) fn pass(&mut self, steps: u8) {
        for row in &mut self.rows {
            row.due = row.due.saturating_sub(steps);
        }
        self.open = self.open.map(|open| open.saturating_sub(steps));
        self.wrongly.jumped |= steps > 1;
    }

    pub(super) fn forget(&mut self, d: usize) {
        for token in self.rows.iter_mut().map(|row| &mut row.token).chain([&mut self.probe]) {
            if *token == Token::Of(d) {
                *token = Token::Past;
            }
        }
    }

    pub(super) fn take_probe(&mut self, model: &Outbox, d: usize) -> bool {
        let due = match self.open {
            None => false,
            Some(0) => model.keeps(Rule::AnOpenBreakerIsProbed) || self.probe != Token::None,
            Some(_) => !model.keeps(Rule::OneTakesTheProbe),
        };
        let abandoned = model.keeps(Rule::AnAbandonedProbeExpires) || self.probe == Token::None;
        if !due || self.paused || !abandoned {
            return false;
        }
        (self.probe, self.open) = (Token::Of(d), Some(LEASE));
        true
    }

    pub(super) fn give_back_probe(&mut self, d: usize) {
        if self.probe == Token::Of(d) {
            (self.probe, self.open) = (Token::None, Some(0));
        }
    }

    /// The rows that a claim may lease.
    pub(super) fn claimable(&self, model: &Outbox, d: usize, mode: Mode) -> Vec<usize> {
        let admitted = match mode {
            Mode::Batch | Mode::Suspect => self.open.is_none() || !model.keeps(Rule::OpenBreakersStopClaims),
            Mode::Probe => self.open.is_some() && self.probe == Token::Of(d),
        };
        if !admitted || self.paused {
            return Vec::new();
        }
        let head = |n: &usize| {
            let row = &self.rows[*n];
            let due = match row.state {
                RowState::Pending => row.due == 0,
                RowState::Leased if !model.keeps(Rule::ExpiredLeasesAreClaimed) => false,
                RowState::Leased => row.due == 0 || !model.keeps(Rule::LeasesAreRespected),
                RowState::Sent | RowState::Dead | RowState::Discarded => false,
            };
            let suspect = row.claims >= SUSPECT_CLAIMS;
            let fits = match mode {
                Mode::Batch => !suspect,
                Mode::Suspect => suspect,
                Mode::Probe => true,
            };
            let blocks = |earlier: &Row| match earlier.state {
                RowState::Pending | RowState::Leased => model.keeps(Rule::HeadsOnly),
                RowState::Dead => !model.keeps(Rule::DeadRowsLeaveTheLine),
                RowState::Sent | RowState::Discarded => false,
            };
            due && fits && !self.rows[..*n].iter().any(|earlier| earlier.key == row.key && blocks(earlier))
        };
        (0..self.rows.len()).filter(head).collect()
    }

    /// Leases a batch, or the one row; returns which.
    pub(super) fn claim(&mut self, model: &Outbox, d: usize, mode: Mode, only: Option<usize>) -> Vec<usize> {
        let admitted = match mode {
            Mode::Batch | Mode::Suspect => self.open.is_none(),
            Mode::Probe => self.open.is_some() && self.probe == Token::Of(d),
        };
        if admitted && !self.paused {
            for row in &mut self.rows {
                let expired = row.state == RowState::Leased && row.due == 0;
                if expired && row.claims >= SUSPECT_CLAIMS + CLAIMS_MAX {
                    (row.state, row.last, row.doubt) = (RowState::Dead, Last::Unclear, true);
                    if model.keeps(Rule::DeadRowsLoseTheirToken) {
                        row.token = Token::None;
                    }
                }
            }
        }
        let mut rows = self.claimable(model, d, mode);
        if mode != Mode::Batch {
            rows.retain(|row| Some(*row) == only);
        }
        for n in &rows {
            let row = &mut self.rows[*n];
            (row.state, row.token, row.due, row.claims) = (RowState::Leased, Token::Of(d), LEASE, row.claims + 1);
        }
        self.wrongly.claimed |= !rows.is_empty() && !admitted;
        rows
    }

    /// Returns the rows to which it is news.
    pub(super) fn settle(
        &mut self,
        model: &Outbox,
        d: usize,
        rows: &[(usize, Settlement)],
        breaker: Change,
    ) -> Vec<usize> {
        let (mut news, mut tried, mut accepted) = (Vec::new(), Vec::new(), false);
        for (n, settlement) in rows {
            let row = &mut self.rows[*n];
            let ours = row.token == Token::Of(d);
            let applies = row.state == RowState::Leased && (ours || !model.keeps(Rule::TokenCheck));
            if !applies {
                continue;
            }
            self.wrongly.settled |= !ours;
            news.push(*n);
            if settlement.was_tried() {
                tried.push(*n);
            }
            accepted |= *settlement == Settlement::Sent;
            settlement.put_in(row);
            if !model.keeps(Rule::RepeatsAreRecognised) {
                row.token = Token::None;
            }
            let (key, due) = (row.key, row.due);
            if row.state == RowState::Pending && due > 0 {
                for follower in self.rows[*n + 1..].iter_mut().filter(|follower| follower.key == key) {
                    if follower.state == RowState::Pending {
                        follower.due = follower.due.max(due);
                    }
                }
            }
        }
        if accepted {
            for (n, row) in self.rows.iter_mut().enumerate() {
                row.since |= row.last != Last::Other && !tried.contains(&n);
            }
        }
        if news.is_empty() {
            return news;
        }
        let ours = self.probe == Token::Of(d);
        match breaker {
            Change::Close if ours || !model.keeps(Rule::OnlyTheProbesHolderCloses) => {
                self.wrongly.closed |= !ours;
                (self.open, self.probe) = (None, Token::None);
            }
            Change::Leave | Change::Close => {}
            Change::Open if ours => (self.open, self.probe) = (Some(1), Token::None),
            Change::Open => self.open = Some(self.open.unwrap_or(1).max(1)),
        }
        news
    }

    /// By an operator, without `--out-of-order`.
    pub(super) fn requeue(&mut self, model: &Outbox, n: usize) -> bool {
        let row = self.rows[n];
        let of_key = |other: &&(usize, &Row)| other.0 != n && other.1.key == row.key;
        let others: Vec<_> = self.rows.iter().enumerate().collect();
        let leased = others.iter().filter(of_key).any(|(_, other)| other.state == RowState::Leased);
        let went = |other: &Row| other.state == RowState::Sent || (other.doubt && model.keeps(Rule::DoubtCountsAsSent));
        let later_went = others.iter().filter(of_key).any(|(m, other)| *m > n && went(other));
        if row.state != RowState::Dead || (model.keeps(Rule::RemediesKeepTheOrder) && (leased || later_went)) {
            return false;
        }
        let row = &mut self.rows[n];
        (row.state, row.retries, row.claims) = (RowState::Pending, 0, 0);
        (row.token, row.due) = (Token::None, 0);
        true
    }

    /// By an operator.
    pub(super) fn discard(&mut self, n: usize) -> bool {
        if !matches!(self.rows[n].state, RowState::Pending | RowState::Dead) {
            return false;
        }
        let key = self.rows[n].key;
        (self.rows[n].state, self.rows[n].token) = (RowState::Discarded, Token::None);
        for follower in self.rows[n + 1..].iter_mut().filter(|follower| follower.key == key) {
            if follower.state == RowState::Pending {
                follower.due = 0;
            }
        }
        true
    }
}
