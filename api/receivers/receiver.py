"""A receiver of Bitewing's webhooks, to begin with. Run it:  python receiver.py KEY [PORT] [DATABASE]

KEY is the endpoint's secret (whsec_...) or its public key (whpk_..., which needs the package "cryptography"). Each event is
printed as a line of JSON, once. What matters:

1. Verify before you parse, on the bytes as they came in, with the time of the attempt, in constant time.
2. An event may come twice. Its webhook-id is the same each time: what is known is answered with 204 and done no more.
3. Events may come in another order than they happened. data.sequence says which is later: of what is older than the last
   one known of the same subject, nothing is taken over. (Or fetch the subject, which is always right.)
4. Keep the event first, answer 204 then, and do the work afterwards: after 15 seconds without an answer it comes again.
"""

import base64
import hashlib
import hmac
import json
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

TOLERANCE = 300
"""Seconds that an attempt may be old. Behind a clock that is wrong, nothing verifies."""
LARGEST = 20_000


class Refused(Exception):
    """Not from Bitewing, or not as it was sent."""


def verified(key: str, headers: dict[str, str], body: bytes, *, now: float) -> dict[str, Any]:
    """The event, as Standard Webhooks 1.0 wants it verified. ``headers`` have lower-case names. Raises Refused."""
    try:
        id, timestamp, signatures = (headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        if abs(now - int(timestamp)) > TOLERANCE:
            raise Refused("too old, or from the future")
    except (KeyError, ValueError):
        raise Refused("without the headers of a webhook") from None
    content = f"{id}.{timestamp}.".encode() + body
    if not any(_signed(key, each, content) for each in signatures.split(" ")):
        raise Refused("no signature of this key")
    return json.loads(body)


def _signed(key: str, signature: str, content: bytes) -> bool:
    version, _, text = signature.partition(",")
    if version == "v1" and key.startswith("whsec_"):
        secret = base64.b64decode(key.removeprefix("whsec_"))
        mine = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(mine.encode(), text.encode())
    if version == "v1a" and key.startswith("whpk_"):
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  needed for public keys alone
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
        try:
            public.verify(base64.b64decode(text), content)
        except (InvalidSignature, ValueError):
            return False
        return True
    return False


class Events:
    """What has come, kept over restarts."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("create table if not exists event (id text primary key, sequence int, subject text, body text)")
        self._database.execute("create index if not exists event_subject on event (subject, sequence)")

    def take(self, id: str, event: dict[str, Any]) -> str:
        """``new``, ``known`` (it came before) or ``late`` (something newer of the same subject came before)."""
        data = event["data"]
        subject = f"{data['subject']['type']} {data['subject']['id']}"
        row = (id, data["sequence"], subject, json.dumps(event))
        with self._database:
            if self._database.execute("insert or ignore into event values (?, ?, ?, ?)", row).rowcount == 0:
                return "known"
        newest = self._database.execute("select max(sequence) from event where subject = ?", (subject,)).fetchone()
        return "late" if newest[0] > data["sequence"] else "new"


class Receiver(BaseHTTPRequestHandler):
    key: str
    events: Events

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        if length > LARGEST:
            return self._answer(413)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = verified(self.key, headers, body, now=time.time())
        except Refused:
            return self._answer(401)
        came = self.events.take(headers["webhook-id"], event)
        self._answer(204)
        if came != "known":
            print(json.dumps({"came": came, "event": event}), flush=True)  # noqa: T201  whoever starts it reads the port  a program of its own
        return None

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the path may hold a token."""


if __name__ == "__main__":
    Receiver.key = sys.argv[1]
    Receiver.events = Events(sys.argv[3] if len(sys.argv) > 3 else "events.db")
    server = HTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 8000), Receiver)
    print(json.dumps({"port": server.server_port}), flush=True)  # noqa: T201  whoever starts it reads the port
    server.serve_forever()
