"""The same as book.ts, with the Python client made of the document: `python book.py <url> <keys.json>`."""

import json
import sys
from pathlib import Path

from client_organizer_client import AuthenticatedClient
from client_organizer_client.api.clients import create_client, list_clients
from client_organizer_client.api.finance import create_record, get_record
from client_organizer_client.api.operations import get_message, remedy
from client_organizer_client.models import (
    Client,
    ClientDraft,
    DryRunOfReplay,
    DryRunOfReplayAction,
    FinancialRecord,
    FinancialRecordDraft,
    Message,
    MessageSelectionType0,
    Plan,
    Problem,
)

URL, KEYS = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())["functions"]


def of(function: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=KEYS[function], prefix="", auth_header_name="x-functions-key")


books, operations = of("Finance"), of("Operations")

draft = ClientDraft(name="Żółw Py", address="ul. Prosta 1, Kraków", nip_nb="1060000062", email="py@example.pl")
client = create_client.sync(client=books, body=draft)
assert isinstance(client, Client), client

figures = FinancialRecordDraft(year=2031, month=3, income_tax=1234.56, vat=230, insurance_amount=0.1)
booked = create_record.sync_detailed(client.id, client=books, body=figures, idempotency_key="book-py")
assert booked.status_code == 201, booked
again = create_record.sync_detailed(client.id, client=books, body=figures, idempotency_key="book-py")
assert again.headers["idempotency-replayed"] == "true", again

read = get_record.sync(client.id, 2031, 3, client=books)
assert isinstance(read, FinancialRecord), read
assert (read.year, read.month, read.income_tax, read.vat, read.insurance_amount) == (2031, 3, 1234.56, 230, 0.1), read

figures.month = 13
wrong = create_record.sync_detailed(client.id, client=books, body=figures)
assert isinstance(wrong.parsed, Problem), wrong
assert isinstance(wrong.parsed.errors, list) and [error.field for error in wrong.parsed.errors] == ["month"], wrong
assert list_clients.sync_detailed(client=operations).status_code == 401

message = get_message.sync(booked.headers["outbox-message-id"], client=operations)
assert isinstance(message, Message), message
dry_run = DryRunOfReplay(
    action=DryRunOfReplayAction.REPLAY, selection=MessageSelectionType0(ids=["unknown"]), dry_run=True
)
plan = remedy.sync(client=operations, body=dry_run)
assert isinstance(plan, Plan), plan
