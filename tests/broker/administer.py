"""Reads a queue's description with Microsoft's SDK, and prints it as one JSON line: connection string, queue."""

import json
import sys

from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.servicebus.management import ServiceBusAdministrationClient


class Plain(RequestsTransport):
    """The SDK supports HTTPS only; the broker speaks HTTP on this machine."""

    def send(self, request, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **kwargs)


def main():
    connection, queue = sys.argv[1:]
    with ServiceBusAdministrationClient.from_connection_string(connection, retry_total=0, transport=Plain()) as client:
        try:
            seen = client.get_queue(queue)
        except ResourceNotFoundError:
            print("null")
            return
        counts = client.get_queue_runtime_properties(queue)
        print(json.dumps({
            "duplicates": seen.requires_duplicate_detection,
            "windowS": seen.duplicate_detection_history_time_window.total_seconds(),
            "lockS": seen.lock_duration.total_seconds(),
            "lifeS": seen.default_message_time_to_live.total_seconds(),
            "deliveries": seen.max_delivery_count,
            "sessions": seen.requires_session,
            "partitioned": seen.enable_partitioning,
            "messageKb": seen.max_message_size_in_kilobytes,
            "status": seen.status,
            "dead": counts.dead_letter_message_count,
        }))


main()
