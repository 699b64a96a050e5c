// With nothing but a NATS client: one message asks, and what comes to the inbox is the answer.
import { connect } from "@nats-io/transport-node";

const question = process.argv[2] ?? "Name one tall mountain.";
const client = await connect({ servers: process.env.STEPWELL_NATS ?? "nats://127.0.0.1:4222" });
const subject = "request.ask.default";

const answer = await client.request(subject, JSON.stringify({ input: question }), { timeout: 120_000 });
const reply = answer.json();
console.log(reply.status === "answered" ? reply.content : reply.error);

let text = "";
const body = JSON.stringify({ input: question, stream: true });
for await (const message of await client.requestMany(subject, body, { strategy: "sentinel", maxWait: 120_000 })) {
  if (message.data.length === 0) break; // an empty message ends it
  const item = message.json();
  if ("seq" in item) text += item.text;
}
console.log(text);
await client.close();
