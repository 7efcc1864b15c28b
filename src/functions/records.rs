//! `/api/clients/{id}/finance`: a client's monthly figures. The client is mailed about writes.

use super::{
    body,
    field_reader::{Fields, digits, integer},
    finance::read,
    openapi::{ReadProblems, WriteHeaders, WriteProblems},
    problem::Problem,
    reply::{self, Reply, set},
    request::Request,
    wire::{MonthPath, PatchBody, RecordBody, RecordList, RecordReply},
    write::write,
};
use crate::{
    domain::{
        booking::{self, Command, Refusal},
        ids::ClientId,
        money::Money,
        period::{MONTHS, Period, YEARS},
        record::{Figures, FiguresPatch},
    },
    flows::book::BookContext,
};
use warp::http::StatusCode;

#[utoipa::path(
    get, path = "/api/clients/{id}/finance", tag = "finance", operation_id = "listRecords",
    summary = "A client's records, by year and month",
    description = "All of them, or those of one year, one month, or both.",
    params(
        ("id" = i64, Path, minimum = 1, description = "The client's id"),
        ("year" = Option<u16>, Query, minimum = 2000, maximum = 2100, description = "Only this year"),
        ("month" = Option<u8>, Query, minimum = 1, maximum = 12, description = "Only this month"),
    ),
    responses((status = 200, description = "The records", body = RecordList), ReadProblems)
)]
pub(super) async fn list_records(context: &BookContext, request: &Request, id: ClientId) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let year = fields.optional("year", |t| digits(t, *YEARS.start(), *YEARS.end()));
    let month = fields.optional("month", |t| digits(t, *MONTHS.start(), *MONTHS.end()));
    let (year, month) = fields.finish(Some((year, month)))?;
    let records = read(context, context.books.records(id, year, month)).await?.ok_or(Refusal::NoClient(id))?;
    let items = records.into_iter().map(RecordReply::from).collect();
    Ok(reply::json(StatusCode::OK, &RecordList { items }))
}

#[utoipa::path(
    post, path = "/api/clients/{id}/finance", tag = "finance", operation_id = "createRecord",
    summary = "Books a month's figures",
    description = "The record and the message to the client are written together or not at all. 409 if the month is booked already.",
    params(("id" = i64, Path, minimum = 1, description = "The client's id"), WriteHeaders),
    request_body = RecordBody,
    responses(
        (status = 201, description = "Booked", body = RecordReply, headers(
            ("Location" = String, description = "The record's path"),
            ("ETag" = String, description = "Its version, for If-Match"),
            ("Outbox-Message-Id" = String, description = "Id of the message that was written with it, if any"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn create_record(context: &BookContext, request: &Request, id: ClientId) -> Result<Reply, Problem> {
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let year = fields.required("year", |t| integer(t, *YEARS.start(), *YEARS.end()));
    let month = fields.required("month", |t| integer(t, *MONTHS.start(), *MONTHS.end()));
    let income_tax = fields.required("incomeTax", Money::from_json_number);
    let vat = fields.required("vat", Money::from_json_number);
    let insurance_amount = fields.required("insuranceAmount", Money::from_json_number);
    let whole = || {
        let figures = Figures { income_tax: income_tax?, vat: vat?, insurance_amount: insurance_amount? };
        Some((Period::new(year?, month?)?, figures))
    };
    let (period, figures) = fields.finish(whole())?;
    write(context, request, Command::CreateRecord(id, period, figures)).await
}

#[utoipa::path(
    get, path = "/api/clients/{id}/finance/{year}/{month}", tag = "finance", operation_id = "getRecord",
    summary = "One month's figures",
    description = "Its ETag goes into If-Match of PATCH and DELETE.",
    params(
        MonthPath,
    ),
    responses(
        (status = 200, description = "The record", body = RecordReply, headers(
            ("ETag" = String, description = "Its version, for If-Match"),
        )),
        ReadProblems
    )
)]
pub(super) async fn get_record(
    context: &BookContext,
    request: &Request,
    id: ClientId,
    period: Period,
) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let record = read(context, context.books.record(id, period)).await?.ok_or(Refusal::NoRecord(id, period))?;
    let mut reply = reply::json(StatusCode::OK, &RecordReply::from(record));
    set(&mut reply, "etag", &booking::record_etag(&record));
    Ok(reply)
}

#[utoipa::path(
    patch, path = "/api/clients/{id}/finance/{year}/{month}", tag = "finance", operation_id = "patchRecord",
    summary = "Changes one or more amounts; if nothing changes, no mail is sent",
    description = "The amounts that are not given stay. The client is mailed the figures before and after.",
    params(
        MonthPath,
        WriteHeaders,
    ),
    request_body = PatchBody,
    responses(
        (status = 200, description = "The record as it is now", body = RecordReply, headers(
            ("ETag" = String, description = "Its version, for If-Match"),
            ("Outbox-Message-Id" = String, description = "Id of the message that was written with it, if any"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn patch_record(
    context: &BookContext,
    request: &Request,
    id: ClientId,
    period: Period,
) -> Result<Reply, Problem> {
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let patch = FiguresPatch {
        income_tax: fields.optional("incomeTax", Money::from_json_number),
        vat: fields.optional("vat", Money::from_json_number),
        insurance_amount: fields.optional("insuranceAmount", Money::from_json_number),
    };
    if patch == FiguresPatch::default() && !fields.has_errors() {
        fields.wrong("", "must have at least one of incomeTax, vat and insuranceAmount");
    }
    let patch = fields.finish(Some(patch))?;
    write(context, request, Command::PatchRecord(id, period, patch)).await
}

#[utoipa::path(
    delete, path = "/api/clients/{id}/finance/{year}/{month}", tag = "finance", operation_id = "deleteRecord",
    summary = "Deletes one month's figures",
    description = "By default the client is not mailed.",
    params(
        MonthPath,
        WriteHeaders,
    ),
    responses(
        (status = 204, description = "Deleted", headers(
            ("Outbox-Message-Id" = String, description = "Id of the message that was written with it, if any"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn delete_record(
    context: &BookContext,
    request: &Request,
    id: ClientId,
    period: Period,
) -> Result<Reply, Problem> {
    write(context, request, Command::DeleteRecord(id, period)).await
}
