//! The forced replay: a new row with a new id beside the original.

use super::{
    db::{SqlServer, read},
    ops_record::signed,
    ops_remedies::{BEGIN, CHANGED, RECORD, done, line, selected},
    outbox::NOW,
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::{Columns, operator::Candidate},
    domain::{
        ids::MessageId,
        remedy::Remedy,
        replay::{self, Copied},
    },
    ports::{
        error::StoreResult,
        ops::{RemedyRow, RequeueRules, Selection, Signature},
    },
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tiberius::{Row, error::Error};

const ORIGINAL: &str = include_str!("sql/ops_original.sql");
const COPY: &str = include_str!("sql/ops_copy.sql");
const ACTION: &str = Remedy::Copy.action();

/// The content type, headers and payload of the original row.
type Original = (String, String, String);

pub(super) async fn copies(
    db: &SqlServer,
    what: &Selection,
    rules: &RequeueRules,
    by: &Signature,
) -> StoreResult<Vec<RemedyRow>> {
    // One event has one id: its copies for several destinations share it, as the originals did.
    let new = MessageId::fresh();
    let rows = selected(db, ACTION, what, rules.mail_queue.as_deref()).await?;
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let originals = originals(db, &seqs).await?;
    let verdicts: Vec<Result<Copied, String>> = rows
        .iter()
        .map(|row| {
            Remedy::Copy.may(&row.facts, rules.out_of_order, rules.windows.of(&row.destination))?;
            let (content_type, headers, payload) = originals.get(&row.seq).ok_or_else(|| CHANGED.to_owned())?;
            replay::copy(&row.id, &new, content_type, payload.as_bytes(), headers)
        })
        .collect();
    // Rows of one event have the same content, so they are copied in one transaction, with their records, and send the
    // payload once: it is too large to repeat per row.
    let mut alike: BTreeMap<(&Option<String>, &String), Vec<Value>> = BTreeMap::new();
    for (row, copied) in rows.iter().zip(&verdicts) {
        let Ok(copied) = copied else { continue };
        let target = format!("{} as {new}", row.target());
        alike.entry((&copied.payload, &copied.headers)).or_default().push(line(row, &target));
    }
    let mut done_seqs = BTreeSet::new();
    for ((payload, headers), table) in alike {
        let statement = Statement::of(&[NOW, BEGIN, COPY, RECORD])
            .with("rows", Value::from(table).to_string())
            .with("payload", payload.clone())
            .with("headers", headers.clone())
            .with("new_id", new.as_str().to_owned());
        let results = db.execute(ACTION, signed(statement, ACTION, by)).await?;
        done_seqs.extend(read(ACTION, done(&results))?.unwrap_or_default());
    }
    let answer = |(row, verdict): (&Candidate, Result<Copied, String>)| match verdict {
        Ok(_) if done_seqs.contains(&row.seq) => {
            RemedyRow { new_id: Some(new.as_str().to_owned()), ..row.answer(None) }
        }
        Ok(_) => row.answer(Some(CHANGED.to_owned())),
        Err(why_not) => row.answer(Some(why_not)),
    };
    Ok(rows.iter().zip(verdicts).map(answer).collect())
}

async fn originals(db: &SqlServer, seqs: &[i64]) -> StoreResult<BTreeMap<i64, Original>> {
    let seqs: Vec<Value> = seqs.iter().map(|seq| json!({"s": seq})).collect();
    let results = db.query(ACTION, Statement::new(ORIGINAL).with("seqs", Value::from(seqs).to_string())).await?;
    let original = |row: &Row| {
        let (content_type, headers) = (row.text("ContentType")?, row.text("Headers")?);
        Ok::<_, Error>((row.number("OriginalSeq")?, (content_type, headers, row.text("Payload")?)))
    };
    read(ACTION, rows::having(&results, "OriginalSeq").map(original).collect())
}
