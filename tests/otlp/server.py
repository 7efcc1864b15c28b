"""A collector of OTLP over HTTP, read with OpenTelemetry's own protobuf classes, and of Application Insights' items.

The first argument is JSON: cert and key, for TLS; or neither. One JSON line per span, metric point and item on stdout, the first with the port. Ends when its stdin does.
"""

import gzip
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

LOCK = threading.Lock()


def report(event):
    with LOCK:
        print(json.dumps(event), flush=True)


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def spans(body):
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = attributes(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            report({
                "span": span.name,
                "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                "trace": span.trace_id.hex(),
                "id": span.span_id.hex(),
                "parent": span.parent_span_id.hex(),
                "links": [link.span_id.hex() for link in span.links],
                "error": span.status.code == Status.STATUS_CODE_ERROR,
                "attributes": attributes(span.attributes),
                "resource": resource,
                "ended": span.end_time_unix_nano >= span.start_time_unix_nano > 0,
            })


def metrics(body):
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                report({"metric": metric.name, "unit": metric.unit, "attributes": attributes(point.attributes)})


def items(body):
    envelopes = json.loads(gzip.decompress(body))
    for item in envelopes:
        report({"item": item["name"].rsplit(".", 1)[-1], "tags": item.get("tags", {}), "data": item["data"]["baseData"]})
    return json.dumps({"itemsReceived": len(envelopes), "itemsAccepted": len(envelopes), "errors": []}).encode()


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = {"/v1/traces": spans, "/v1/metrics": metrics}.get(self.path, items)(body) or b""
        self.send_response(200)
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
server.daemon_threads = True
settings = json.loads(sys.argv[1])
if "cert" in settings:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(settings["cert"], settings["key"])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
report({"port": server.server_port})
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
