"""A stand-in for Azure Communication Services' Email REST interface, made from its public description (2023-03-31).

Nothing here was compared with the real service. Signatures are checked by Python's own hmac and hashlib.

The first argument is JSON: key (base64), token (a bearer's, or null), dedup (whether a Message-ID it has is refused
where the mail asks for that check), plan and status. plan: for a recipient a list of what to do at each of its turns,
in order; when that is used up, the mail is taken. Things to do:
  "<status> <code> <words>", with "after <seconds> " before it for a Retry-After   answer that, take nothing
  "cut"          take it, and cut the link instead of an answer
  "lose"         cut the link, take nothing
  "hang"         take it, never answer
status: for a recipient a list of what to answer when its mail is asked about, likewise; then: Succeeded if it was taken,
404 if not. "unknown" answers 404 though it was taken; "<status> <code>" and "cut" as above.
forgets: of one operation in so many (by its id) it answers a status query with 404, whatever it accepted; 0 of none.
limits: a list of [seconds, mails]: beyond so many taken within so long it answers 429 with the seconds until there is
room. One JSON line per request on stdout, the first with the port. Ends when its stdin does.

Each line of stdin is JSON:
  {"advance": ms}   moves its clock; answered by {"advanced": ms}
  {"pause": phase, "ms": n}   the next mail to come there waits for so long, after {"reached": phase} was reported; phase is
                              before (nothing was taken), after (taken, and not answered) or answered
"""

import base64
import email.utils
import hashlib
import hmac
import json
import math
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

CONFIG = json.loads(sys.argv[1])
KEY = base64.b64decode(CONFIG["key"])
PLAN = {name: list(turns) for name, turns in CONFIG.get("plan", {}).items()}
STATUS = {name: list(turns) for name, turns in CONFIG.get("status", {}).items()}
API = "api-version=2023-03-31"
FORGETS = CONFIG.get("forgets", 0)
LIMITS = CONFIG.get("limits", [])
LOCK = threading.Lock()
TELLING = threading.Lock()
skew = 0.0
pause = None
takings = []
ENDED = threading.Event()
taken = []
recipients = {}
message_ids = set()


def tell(event):
    with TELLING:
        print(json.dumps(event), flush=True)


def now():
    return time.time() + skew


def reach(phase):
    """Waits here, if the test requested it."""
    global pause
    with LOCK:
        if not pause or pause["pause"] != phase:
            return
        wait, pause = pause["ms"] / 1000, None
        tell({"reached": phase})
    time.sleep(wait)


def seconds_until_room():
    """0 where there is room for a mail."""
    waits = [0]
    for seconds, mails in LIMITS:
        recent = [at for at in takings if at > now() - seconds]
        if len(recent) >= mails:
            waits.append(recent[-mails] + seconds - now())
    return max(waits)


def fault(code, words=""):
    return {"error": {"code": code, "message": words}}


def authorised(request, body):
    """Why the request is not from the sender it names, or None."""
    given = request.headers.get("Authorization", "")
    if CONFIG.get("token") and given == "Bearer " + CONFIG["token"]:
        return None
    match = re.fullmatch(
        r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/=]+)", given
    )
    if not match:
        return "no signature"
    date, digest = request.headers.get("x-ms-date", ""), request.headers.get("x-ms-content-sha256", "")
    if base64.b64encode(hashlib.sha256(body).digest()).decode() != digest:
        return "the body is not the one that was signed"
    try:
        when = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return "no date"
    if abs(now() - when) > 300:
        return "the date is not now"
    text = "\n".join([request.command, request.path, ";".join([date, request.headers["Host"], digest])])
    expected = base64.b64encode(hmac.new(KEY, text.encode("utf-8"), hashlib.sha256).digest()).decode()
    return None if hmac.compare_digest(expected, match.group(1)) else "the signature is wrong"


def malformed(mail):
    """Why the mail is not one of the description's, or None."""
    known = {"senderAddress", "recipients", "content", "replyTo", "headers", "userEngagementTrackingDisabled"}
    if set(mail) - known:
        return "unknown fields"
    if not isinstance(mail.get("senderAddress"), str) or "@" not in mail["senderAddress"]:
        return "senderAddress"
    if not all("@" in to["address"] for to in mail["recipients"]["to"]) or not mail["recipients"]["to"]:
        return "recipients"
    if not mail["content"].get("subject") or not (mail["content"].get("plainText") or mail["content"].get("html")):
        return "content"
    if not all(isinstance(value, str) for value in mail.get("headers", {}).values()):
        return "headers"
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def planned(self, turn):
        """Answers "after 5 429 Code words"; the turn may lack its beginning and its end."""
        headers = []
        if turn.startswith("after "):
            _, seconds, turn = turn.split(" ", 2)
            headers.append(("Retry-After", seconds))
        status, code, words = (turn.split(" ", 2) + ["", ""])[:3]
        if status.startswith("3"):
            headers.append(("Location", "http://127.0.0.1:9/elsewhere"))
        self.answer(int(status), fault(code, words), headers)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        why = authorised(self, body)
        event = {"method": "POST", "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}, "refused": why, "taken": False}
        if why:
            tell(event)
            return self.answer(401, fault("Unauthorized", why))
        path = urlsplit(self.path)
        if (path.path, path.query) != ("/emails:send", API):
            tell(event)
            return self.answer(404, fault("NotFound"))
        mail = event["mail"] = json.loads(body)
        bad = malformed(mail)
        operation = self.headers.get("Operation-Id", "").lower()
        if bad or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", operation):
            tell(event)
            return self.answer(400, fault("BadRequest", bad or "Operation-Id"))
        reach("before")
        with LOCK:
            wait = seconds_until_room()
            if wait > 0:
                event["limited"] = True
                tell(event)
                return self.answer(429, fault("TooManyRequests"), [("Retry-After", str(math.ceil(wait)))])
            turns = PLAN.get(mail["recipients"]["to"][0]["address"], [])
            turn = turns.pop(0) if turns else "take"
            recipients[operation] = mail["recipients"]["to"][0]["address"]
            headers = mail.get("headers", {})
            message_id = headers.get("Message-ID")
            checked = headers.get("x-ms-acsemail-validate-message-id") == "true"
            twice = CONFIG["dedup"] and checked and message_id in message_ids
            event["taken"] = turn in ("take", "cut", "hang") and not twice
            if event["taken"]:
                taken.append(operation)
                takings.append(now())
                message_ids.add(message_id)
            tell(event)
        reach("after")
        if turn == "hang":
            ENDED.wait()
            return self.cut()
        if turn in ("cut", "lose"):
            return self.cut()
        if turn != "take":
            return self.planned(turn)
        if twice:
            return self.answer(400, fault("BadRequest", "Duplicate Message-ID: a mail with it is there already."))
        where = "http://%s/emails/operations/%s?%s" % (self.headers["Host"], operation, API)
        self.answer(202, {"id": operation, "status": "Running"}, [("Operation-Location", where), ("retry-after", "30")])
        self.wfile.flush()
        reach("answered")

    def do_GET(self):
        why = authorised(self, b"")
        event = {"method": "GET", "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}, "refused": why}
        tell(event)
        if why:
            return self.answer(401, fault("Unauthorized", why))
        match = re.fullmatch(r"/emails/operations/([0-9A-Fa-f-]{36})\?" + re.escape(API), self.path)
        if not match:
            return self.answer(404, fault("NotFound"))
        operation = match.group(1).lower()
        with LOCK:
            turns = STATUS.get(recipients.get(operation), [])
            known = operation in taken and not (FORGETS and int(operation[:8], 16) % FORGETS == 0)
            turn = turns.pop(0) if turns else ("Succeeded" if known else "unknown")
        if turn == "cut":
            return self.cut()
        if turn == "unknown":
            return self.answer(404, fault("NotFound", "no such operation"))
        if turn[0].isdigit() or turn.startswith("after "):
            return self.planned(turn)
        status, _, code = turn.partition(" ")
        body = {"id": operation, "status": status}
        if code:
            body.update(fault(code, "Email was dropped after several attempts to deliver."))
        self.answer(200, body)


class Server(ThreadingHTTPServer):
    # A burst of a whole month waits in the backlog.
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that was killed takes no answer."""


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
tell({"port": server.server_address[1]})
for line in sys.stdin:
    command = json.loads(line)
    if "advance" in command:
        skew += command["advance"] / 1000
        tell({"advanced": command["advance"]})
    else:
        pause = command
ENDED.set()
server.shutdown()
