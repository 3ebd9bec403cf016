import assert from "node:assert/strict";
import { test } from "node:test";
import { client, collect, ended, names, newThread } from "./support.mjs";

const HI = { messages: [{ role: "user", content: "hi" }] };

test("a stream tells where its run is, then yields its events", async () => {
  const threadId = await newThread();
  const created = [];
  const onRunCreated = (where) => created.push(where);
  const given = { input: { topic: "tea" }, streamMode: ["updates", "values"], onRunCreated };
  const parts = await collect(client.runs.stream(threadId, "steps", given));
  assert.deepEqual(created, [{ run_id: parts[0].data.run_id, thread_id: threadId }]);
  const round = ["updates", "values"];
  assert.deepEqual(names(parts), ["metadata", "values", ...round, ...round, ...round]);
  assert.deepEqual(parts.at(-1).data, { topic: "tea", done: ["plan", "work", "review"] });
});

test("tokens arrive one by one", async () => {
  const given = { input: HI, streamMode: "messages-tuple" };
  const parts = await collect(client.runs.stream(null, "chat", given));
  const chunks = parts.filter((part) => part.event === "messages").map((part) => part.data[0]);
  assert.equal(chunks.map((chunk) => chunk.content).join(""), "You said: hi");
  assert.ok(chunks.length >= 3);
});

test("messages grow from partial to partial", async () => {
  const given = { input: HI, streamMode: "messages" };
  const parts = await collect(client.runs.stream(null, "chat", given));
  assert.deepEqual(names(parts).slice(0, 3), ["metadata", "messages/metadata", "messages/partial"]);
  assert.equal(parts.at(-1).data[0].content, "You said: hi");
});

test("subgraph events carry their namespace", async () => {
  const threadId = await newThread();
  const given = { input: {}, streamMode: "updates", streamSubgraphs: true };
  const parts = await collect(client.runs.stream(threadId, "nested", given));
  assert.ok(names(parts).includes("updates|inner"));
});

test("an error is the last event", async () => {
  const given = { input: { message: "no luck" } };
  const parts = await collect(client.runs.stream(null, "failing", given));
  assert.deepEqual(parts.at(-1).data, { error: "ValueError", message: "no luck" });
  assert.equal(parts.at(-1).event, "error");
});

test("a run is joined from its first event, from the middle, and at its end", async () => {
  const threadId = await newThread();
  const given = {
    input: { steps: 3, sleep_s: 0.1 }, streamMode: ["updates", "custom"], streamResumable: true,
  };
  const { run_id: runId } = await client.runs.create(threadId, "slow", given);
  const join = (lastEventId) => collect(client.runs.joinStream(threadId, runId, { lastEventId }));
  const whole = await join("-1");
  assert.equal(whole[0].event, "metadata");
  assert.deepEqual(await join(whole[2].id), whole.slice(3));
  assert.deepEqual(await join(whole.at(-1).id), []);
  assert.deepEqual(await join(undefined), []);
});

test("a joining client may ask for some of the modes", async () => {
  const threadId = await newThread();
  const given = { input: { topic: "t" }, streamMode: ["updates", "custom", "values"], streamResumable: true };
  const { run_id: runId } = await client.runs.create(threadId, "steps", given);
  await ended(threadId, runId);
  for (const streamMode of ["updates", ["updates", "custom"]]) {
    const options = { streamMode, lastEventId: "-1" };
    const seen = new Set(names(await collect(client.runs.joinStream(threadId, runId, options))));
    assert.deepEqual([...seen].sort(), [streamMode].flat().sort());
  }
});

test("a stateless run is joined by its id alone", async () => {
  const given = { input: { steps: 2, sleep_s: 0.1 }, streamResumable: true };
  const run = await client.runs.create(null, "slow", given);
  const parts = await collect(client.runs.joinStream(null, run.run_id, { lastEventId: "-1" }));
  assert.equal(parts[0].data.run_id, run.run_id);
});
