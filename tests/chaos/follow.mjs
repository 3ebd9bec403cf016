// Follow runs of `numbers` with the JavaScript SDK; print every part each of them yielded as JSON.
// Usage: follow.mjs BASE_URL STREAMS UPTO PAUSE_S
import { createRequire } from "node:module";

const { Client } = createRequire(new URL("../sdk/js/", import.meta.url))("@langchain/langgraph-sdk");
const [apiUrl, streams, upto, pauseS] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey: null });
const input = { upto: Number(upto), pause_s: Number(pauseS) };

async function follow(threadId) {
  const given = { input, streamMode: ["custom", "values"], streamResumable: true };
  const parts = [];
  for await (const part of client.runs.stream(threadId, "numbers", given)) parts.push(part);
  return parts;
}

async function one(number) {
  return follow(number % 2 ? (await client.threads.create()).thread_id : null);
}

const all = await Promise.all([...Array(Number(streams)).keys()].map(one));
process.stdout.write(JSON.stringify(all));
