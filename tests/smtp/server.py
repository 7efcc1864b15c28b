"""A third party's SMTP server (aiosmtpd) with planned faults; reports each mail as Python's `email` reads it.

The first argument is JSON: security (starttls, tls, none), cert and key, user and password (or null), and plan: per
address a list of what to do at its next commands, in order; after that everything succeeds. An address is the
recipient's, or the sender's for MAIL FROM. Entries:
  "mail 550 …", "rcpt 450 …", "data 552 …"   reply with this
  "rcpt cut", "data cut"                      cut the connection instead of a reply
  "data hang"                                 never reply
One JSON line per event on stdout, the first with the port. Ends when its stdin does.

Each line of stdin is JSON:
  {"pause": phase, "ms": n}   the next mail that reaches this phase waits for n ms, after {"reached": phase} was printed;
                              phase is before (the mail is dropped if the connection is cut meanwhile), after (accepted,
                              reply not sent) or answered
  {"quiet": n}                printed again once there is no connection
"""

import asyncio
import base64
import email
import email.policy
import json
import logging
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# It warns about what these tests provoke: logins without STARTTLS, handshakes that fail.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

CONFIG = json.loads(sys.argv[1])


def report(event):
    print(json.dumps(event), flush=True)


def parsed(content):
    message = email.message_from_bytes(content, policy=email.policy.default)
    parts = [
        {
            "type": part.get_content_type(),
            "charset": part.get_content_charset(),
            "encoding": part["Content-Transfer-Encoding"],
            "text": part.get_content(),
            "defects": [str(defect) for defect in part.defects],
        }
        for part in message.walk()
        if not part.is_multipart()
    ]
    return {
        "headers": [[name, str(value)] for name, value in message.items()],
        "type": message.get_content_type(),
        "parts": parts,
        "defects": [str(defect) for defect in message.defects],
        "ascii": content.isascii(),
        "line_max": max(len(line) for line in content.split(b"\r\n")),
        "bare": b"\n" in content.replace(b"\r\n", b""),
    }


pause = None
connections = set()


class Server(SMTP):
    def connection_made(self, transport):
        connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error):
        connections.discard(self)
        super().connection_lost(error)


async def reach(phase):
    """Waits here if the test requested it."""
    global pause
    if pause and pause["pause"] == phase:
        wait, pause = pause["ms"] / 1000, None
        report({"reached": phase})
        await asyncio.sleep(wait)


async def obey(line):
    global pause
    command = json.loads(line)
    if "quiet" in command:
        while connections:
            await asyncio.sleep(0.005)
        report(command)
    else:
        pause = command


class Handler:
    async def play(self, server, address, verb):
        """The reply planned for this command, or None. Does not return for a cut or a hang."""
        turns = CONFIG["plan"].get(address, [])
        if not turns or not turns[0].startswith(verb + " "):
            return None
        what = turns.pop(0).split(" ", 1)[1]
        if what == "cut":
            server.transport.abort()
        if what in ("cut", "hang"):
            # Cancelled when the connection is gone.
            await asyncio.Event().wait()
        return what

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return await self.play(server, address, "mail") or "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self.play(server, address, "rcpt")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        await reach("before")
        user = session.auth_data.login.decode() if session.auth_data else None
        encrypted = server.transport.get_extra_info("cipher") is not None
        report({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "user": user, "encrypted": encrypted,
            "hello": session.host_name, "peer": session.peer[1], "mail": parsed(envelope.content),
            "raw": base64.b64encode(envelope.content).decode(),
        })
        await reach("after")
        # After the reply was written, which happens once this has returned.
        asyncio.get_running_loop().call_later(0.002, lambda: asyncio.ensure_future(reach("answered")))
        return await self.play(server, envelope.rcpt_tos[0], "data") or "250 2.0.0 OK queued as 4711"


def authenticate(server, session, envelope, mechanism, data):
    fine = isinstance(data, LoginPassword) and data == LoginPassword(CONFIG["user"].encode(), CONFIG["password"].encode())
    return AuthResult(success=fine, handled=False, auth_data=data)


async def main():
    loop = asyncio.get_running_loop()
    tls = None
    if CONFIG["security"] != "none":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CONFIG["cert"], CONFIG["key"])
    starttls = CONFIG["security"] == "starttls"
    login = CONFIG["user"] is not None

    def protocol():
        return Server(
            Handler(), hostname="mail.test", loop=loop,
            tls_context=tls if starttls else None, require_starttls=starttls,
            auth_required=login, auth_require_tls=starttls, authenticator=authenticate,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=None if starttls else tls)
    report({"port": server.sockets[0].getsockname()[1]})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await obey(line)
    # Otherwise the loop would wait for connections that hang.
    os._exit(0)


asyncio.run(main())
