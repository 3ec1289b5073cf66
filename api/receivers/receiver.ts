/* A receiver of Bitewing's webhooks, to begin with. Run it:  node receiver.ts KEY [PORT]   (Node 23.6 or newer; else tsc first)

KEY is the endpoint's secret (whsec_...) or its public key (whpk_...). Each event is printed as a line of JSON, once.
What matters:

1. Verify before you parse, on the bytes as they came in, with the time of the attempt, in constant time.
2. An event may come twice. Its webhook-id is the same each time: what is known is answered with 204 and done no more.
3. Events may come in another order than they happened. data.sequence says which is later: of what is older than the last
   one known of the same subject, nothing is taken over. (Or fetch the subject, which is always right.)
4. Keep the event first, answer 204 then, and do the work afterwards: after 15 seconds without an answer it comes again.

This one remembers in memory what it has seen; keep that in your database instead. */

import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** Seconds that an attempt may be old. Behind a clock that is wrong, nothing verifies. */
const TOLERANCE = 300;
const LARGEST = 20_000;
/** What stands before the 32 bytes of an ed25519 key in the form that Node reads. */
const ED25519 = Buffer.from("302a300506032b6570032100", "hex");

type Event = {
  type: string;
  timestamp: string;
  data: {
    id: string;
    sequence: number;
    kind: string;
    at: string;
    subject: { type: string; id: string };
    organization_id: string | null;
    changed: string[];
    changes: Record<string, { from: unknown; to: unknown }>;
  };
};

/** The event, as Standard Webhooks 1.0 wants it verified; null when it is not from Bitewing, or not as it was sent. */
function verified(key: string, headers: IncomingHttpHeaders, body: Buffer, now: number): Event | null {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") return null;
  if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE) return null;
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  if (!signatures.split(" ").some((each) => isSigned(key, each, content))) return null;
  return JSON.parse(body.toString("utf8")) as Event;
}

function isSigned(key: string, signature: string, content: Buffer): boolean {
  const comma = signature.indexOf(",");
  const version = signature.slice(0, comma);
  const theirs = Buffer.from(signature.slice(comma + 1), "base64");
  if (version === "v1" && key.startsWith("whsec_")) {
    const mine = createHmac("sha256", Buffer.from(key.slice("whsec_".length), "base64")).update(content).digest();
    return theirs.length === mine.length && timingSafeEqual(theirs, mine);
  }
  if (version === "v1a" && key.startsWith("whpk_")) {
    const raw = Buffer.from(key.slice("whpk_".length), "base64");
    const publicKey = createPublicKey({ key: Buffer.concat([ED25519, raw]), format: "der", type: "spki" });
    return theirs.length === 64 && verify(null, content, publicKey, theirs);
  }
  return false;
}

const seen = new Set<string>();
const newest = new Map<string, number>();

/** "new", "known" (it came before) or "late" (something newer of the same subject came before). */
function take(id: string, event: Event): "new" | "known" | "late" {
  if (seen.has(id)) return "known";
  seen.add(id);
  const subject = `${event.data.subject.type} ${event.data.subject.id}`;
  const last = newest.get(subject) ?? 0;
  newest.set(subject, Math.max(last, event.data.sequence));
  return last > event.data.sequence ? "late" : "new";
}

async function read(request: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LARGEST) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const [key, port] = process.argv.slice(2);
if (key === undefined) throw new Error("node receiver.ts KEY [PORT]");

const server = createServer(async (request, response) => {
  const body = await read(request);
  if (body === null) return void response.writeHead(413).end();
  const event = verified(key, request.headers, body, Date.now() / 1000);
  if (event === null) return void response.writeHead(401).end();
  const came = take(String(request.headers["webhook-id"]), event);
  response.writeHead(204).end();
  if (came !== "known") console.log(JSON.stringify({ came, event }));
});
server.listen(port === undefined ? 8000 : Number(port), "127.0.0.1", () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
