//! `/api/clients`: clients by page and by id.

use super::{
    body,
    field_reader::{Fields, digits, text},
    finance::read,
    openapi::{ReadProblems, WriteHeaders, WriteProblems},
    problem::Problem,
    reply::{self, Reply, set},
    request::Request,
    wire::{ClientBody, ClientPage, ClientReply},
    write::write,
};
use crate::{
    domain::{
        booking::{self, Command, Refusal},
        client::{ClientDraft, ClientName, Email, Nip, PostalAddress},
        ids::ClientId,
        language::Language,
    },
    flows::book::BookContext,
};
use warp::http::StatusCode;

const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 100;

#[utoipa::path(
    get, path = "/api/clients", tag = "clients", operation_id = "listClients",
    summary = "Clients by id, a page at a time",
    description = "Pass `next` as `after` to get the next page; `next` is null on the last one.",
    params(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "Clients per page; 50 by default"),
        ("after" = Option<i64>, Query, minimum = 0, description = "Only clients with a greater id"),
    ),
    responses((status = 200, description = "A page", body = ClientPage), ReadProblems)
)]
pub(super) async fn list_clients(context: &BookContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let limit = fields.optional("limit", |t| digits(t, 1, LIMIT_MAX)).unwrap_or(LIMIT);
    let after = fields.optional("after", |t| digits(t, 0, i64::MAX)).unwrap_or(0);
    let (limit, after) = fields.finish(Some((limit, after)))?;
    // One row more than the limit shows whether there is a next page.
    let rows_max = u32::try_from(limit + 1).unwrap_or(1);
    let mut clients = read(context, context.books.clients(after, rows_max)).await?;
    let page = usize::try_from(limit).unwrap_or(1);
    let more = clients.len() > page;
    clients.truncate(page);
    let next = clients.last().filter(|_| more).map(|client| client.id.0);
    let items = clients.into_iter().map(ClientReply::from).collect();
    Ok(reply::json(StatusCode::OK, &ClientPage { items, next }))
}

#[utoipa::path(
    post, path = "/api/clients", tag = "clients", operation_id = "createClient",
    summary = "Creates a client; the server assigns its id",
    description = "No mail is sent. 409 if another client has the nipNb.",
    params(WriteHeaders),
    request_body = ClientBody,
    responses(
        (status = 201, description = "Created", body = ClientReply, headers(
            ("Location" = String, description = "The client's path"),
            ("ETag" = String, description = "Its version, for If-Match"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn create_client(context: &BookContext, request: &Request) -> Result<Reply, Problem> {
    write(context, request, Command::CreateClient(draft(request)?)).await
}

#[utoipa::path(
    get, path = "/api/clients/{id}", tag = "clients", operation_id = "getClient",
    summary = "One client",
    description = "Its ETag goes into If-Match of PUT and DELETE.",
    params(("id" = i64, Path, minimum = 1, description = "The client's id")),
    responses(
        (status = 200, description = "The client", body = ClientReply, headers(
            ("ETag" = String, description = "Its version, for If-Match"),
        )),
        ReadProblems
    )
)]
pub(super) async fn get_client(context: &BookContext, request: &Request, id: ClientId) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let client = read(context, context.books.client(id)).await?.ok_or(Refusal::NoClient(id))?;
    let etag = booking::client_etag(&client);
    let mut reply = reply::json(StatusCode::OK, &ClientReply::from(client));
    set(&mut reply, "etag", &etag);
    Ok(reply)
}

#[utoipa::path(
    put, path = "/api/clients/{id}", tag = "clients", operation_id = "replaceClient",
    summary = "Replaces all fields of a client",
    description = "A body that equals the stored client changes nothing. Mails that are under way still go to the earlier address.",
    params(("id" = i64, Path, minimum = 1, description = "The client's id"), WriteHeaders),
    request_body = ClientBody,
    responses(
        (status = 200, description = "Replaced", body = ClientReply, headers(
            ("ETag" = String, description = "Its version, for If-Match"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn replace_client(context: &BookContext, request: &Request, id: ClientId) -> Result<Reply, Problem> {
    write(context, request, Command::ReplaceClient(id, draft(request)?)).await
}

#[utoipa::path(
    delete, path = "/api/clients/{id}", tag = "clients", operation_id = "deleteClient",
    summary = "Deletes a client without records; mails that are under way are still sent",
    description = "409 while the client has records.",
    params(("id" = i64, Path, minimum = 1, description = "The client's id"), WriteHeaders),
    responses(
        (status = 204, description = "Deleted", headers(
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn delete_client(context: &BookContext, request: &Request, id: ClientId) -> Result<Reply, Problem> {
    write(context, request, Command::DeleteClient(id)).await
}

fn draft(request: &Request) -> Result<ClientDraft, Problem> {
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let name = fields.required("name", |t| ClientName::parse(&text(t)?));
    let address = fields.required("address", |t| PostalAddress::parse(&text(t)?));
    let nip_nb = fields.required("nipNb", |t| Nip::parse(&text(t)?));
    let email = fields.required("email", |t| Email::parse_new(&text(t)?));
    let language = fields.optional("language", |t| Language::parse(&text(t)?));
    let whole = || Some(ClientDraft { name: name?, address: address?, nip_nb: nip_nb?, email: email?, language });
    fields.finish(whole())
}
