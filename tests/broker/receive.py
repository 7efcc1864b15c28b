"""Receives a queue's messages with Microsoft's SDK and prints each as one JSON line: connection string, queue, how many."""

import base64
import json
import sys

from azure.servicebus import ServiceBusClient


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def main():
    connection, queue, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
        with client.get_queue_receiver(queue) as receiver:
            while wanted > 0:
                received = receiver.receive_messages(max_message_count=wanted, max_wait_time=30)
                if not received:
                    sys.exit("no message came within 30 s")
                for message in received:
                    properties = message.application_properties or {}
                    print(json.dumps({
                        "id": message.message_id,
                        "session": message.session_id,
                        "subject": message.subject,
                        "contentType": message.content_type,
                        "correlationId": message.correlation_id,
                        "liveMs": message.time_to_live and message.time_to_live.total_seconds() * 1000,
                        "enqueueAt": message.scheduled_enqueue_time_utc and message.scheduled_enqueue_time_utc.isoformat(),
                        "properties": {text(name): text(value) for name, value in properties.items()},
                        "body": base64.b64encode(b"".join(message.body)).decode(),
                    }))
                    receiver.complete_message(message)
                wanted -= len(received)


main()
