"""An SMTP server for tests: keeps what it accepts as files, and fails in the ways it is told to.

Started as `smtp_server.py FOLDER PORT SECURITY [USER PASSWORD]`, where SECURITY is plain, starttls or tls. An accepted mail is
FOLDER/mails/NNNNNN.eml with its envelope in NNNNNN.json, which comes last: who reads the envelope finds the mail. What is to
fail is in FOLDER/faults.json, read anew for every command.
"""

import asyncio
import json
import os
import re
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, port, security = sys.argv[1], int(sys.argv[2]), sys.argv[3]
login = [part.encode() for part in sys.argv[4:6]]
mails = os.path.join(folder, "mails")


def write(path, content):
    with open(path + ".partial", "wb") as file:
        file.write(content)
    os.rename(path + ".partial", path)


class Faults:
    """What is to fail now, and how often it already has since the file was replaced."""

    def __init__(self):
        self.version, self.settings, self.used = None, {}, {}

    def now(self):
        path = os.path.join(folder, "faults.json")
        status = os.stat(path)
        version = (status.st_ino, status.st_mtime_ns)
        if version != self.version:
            with open(path, encoding="utf-8") as file:
                self.settings = json.load(file)
            self.version, self.used = version, {}
        return self.settings

    def take(self, name):
        """Whether a fault that happens a number of times happens now."""
        left = self.now()[name] - self.used.get(name, 0)
        self.used[name] = self.used.get(name, 0) + 1
        return left > 0


class Handler:
    def __init__(self, faults, connection):
        self.faults, self.connection = faults, connection

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.faults.now()["refuse_sender"]:
            return "550 5.7.1 this sender may not"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        pattern = self.faults.now()["refuse_recipients"]
        if pattern is not None and re.search(pattern, address):
            return f"550 5.1.1 <{address}>: no such mailbox"
        if self.faults.take("busy"):
            return "451 4.3.0 busy, come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        settings = self.faults.now()
        await asyncio.sleep(settings["delay_seconds"])
        if settings["refuse_content"]:
            return "554 5.6.0 this content is not wanted"
        if self.faults.take("cut_and_lose"):
            server.transport.abort()
            return "250 nobody hears this"
        number = sum(name.endswith(".json") for name in os.listdir(mails)) + 1
        name = os.path.join(mails, f"{number:06}")
        write(name + ".eml", envelope.original_content)
        about = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "options": envelope.mail_options,
            "encrypted": session.ssl is not None or security == "tls",
            "authenticated": bool(session.authenticated),
            "connection": self.connection,
        }
        write(name + ".json", json.dumps(about).encode())
        if self.faults.take("cut_and_keep"):
            server.transport.abort()
        return f"250 2.0.0 OK: queued as {number:06}"


def check(server, session, envelope, mechanism, data):
    ok = isinstance(data, LoginPassword) and [data.login, data.password] == login
    return AuthResult(success=ok, handled=True if ok else False)


async def main():
    faults, connections = Faults(), 0
    context = None
    if security != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem"))

    def connect():
        nonlocal connections
        connections += 1
        options = {"hostname": "testbed.example.cl", "ident": "ESMTP", "data_size_limit": 32 << 20}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if login:
            options |= {"authenticator": check, "auth_required": True, "auth_require_tls": security == "starttls"}
        return SMTP(Handler(faults, f"{os.getpid()}-{connections}"), loop=loop, **options)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        connect, "127.0.0.1", port, ssl=context if security == "tls" else None, reuse_address=True
    )
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    server.close()


asyncio.run(main())
