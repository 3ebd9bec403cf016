// A client of the server under test, and small readers of streams.
import { Client } from "@langchain/langgraph-sdk";

export const client = new Client({ apiUrl: process.env.GRAPHSTEAD_URL, apiKey: null });

export async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

export const names = (parts) => parts.map((part) => part.event.split(":")[0]);

export async function newThread() {
  return (await client.threads.create()).thread_id;
}

export async function ended(threadId, runId) {
  for (let tries = 0; tries < 2400; tries += 1) {
    const { status } = await client.runs.get(threadId, runId);
    if (status !== "pending" && status !== "running") return status;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`run ${runId} does not end`);
}
