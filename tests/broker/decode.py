"""Decodes a batch transfer's payload with Qpid Proton: a file's bytes in, one JSON line per message out."""

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
        described = data.get_py_described()
        yield int(described.descriptor), described.value


def main():
    with open(sys.argv[1], "rb") as file:
        payload = file.read()
    items = [value for descriptor, value in sections(payload) if descriptor == DATA_SECTION]
    for item in items:
        message = Message()
        message.decode(bytes(item))
        print(json.dumps({
            "id": message.id,
            "session": message.group_id,
            "subject": message.subject,
            "contentType": str(message.content_type),
            "properties": {str(name): value for name, value in (message.properties or {}).items()},
            "body": base64.b64encode(bytes(message.body)).decode(),
        }))


main()
