"""Decodes a transfer's payload with Qpid Proton: `single` or `batch`, a file of hex in, one JSON line per message out."""

import base64
import json
import sys

from proton import Data, Message

DATA_SECTION = 0x75


def sections(payload):
    """(descriptor, value) of each section, strictly by AMQP's type system."""
    while payload:
        data = Data()
        payload = payload[data.decode(payload):]
        data.rewind()
        assert data.next() == Data.DESCRIBED, "a section is a described type"
        data.enter()
        data.next()
        descriptor = int(data.get_object())
        data.next()
        # Copied: a view of it would not outlive `data`.
        yield descriptor, bytes(data.get_binary()) if data.type() == Data.BINARY else None


def main():
    form, path = sys.argv[1:]
    with open(path, encoding="ascii") as file:
        payload = bytes.fromhex(file.read())
    # A batch holds one encoded message in each Data section; alone, the whole payload is one.
    items = [payload] if form == "single" else [value for kind, value in sections(payload) if kind == DATA_SECTION]
    for item in items:
        message = Message()
        message.decode(item)
        print(json.dumps({
            "id": message.id,
            "session": message.group_id,
            "subject": message.subject,
            "contentType": str(message.content_type),
            "properties": {str(name): value for name, value in (message.properties or {}).items()},
            "body": base64.b64encode(bytes(message.body)).decode(),
        }))


main()
