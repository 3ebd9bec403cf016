import assert from "node:assert/strict";
import { test } from "node:test";
import { client, ended, newThread } from "./support.mjs";

test("a background run ends as success", async () => {
  const threadId = await newThread();
  const run = await client.runs.create(threadId, "echo", { input: { message: "hi" } });
  assert.equal(run.status, "pending");
  assert.equal(await ended(threadId, run.run_id), "success");
  assert.deepEqual((await client.threads.get(threadId)).values, { message: "hi", reply: "hi" });
});

test("create tells where the run is", async () => {
  const threadId = await newThread();
  const created = [];
  const onRunCreated = (where) => created.push(where);
  const run = await client.runs.create(threadId, "echo", { input: {}, onRunCreated });
  assert.deepEqual(created, [{ run_id: run.run_id, thread_id: threadId }]);
});

test("wait returns the last values", async () => {
  const values = await client.runs.wait(null, "steps", { input: { topic: "tea" } });
  assert.deepEqual(values, { topic: "tea", done: ["plan", "work", "review"] });
});

test("wait throws what the graph raised", async () => {
  const failed = client.runs.wait(null, "failing", { input: { message: "no luck" } });
  await assert.rejects(failed, { message: "ValueError: no luck" });
});

test("wait returns what the graph raised on request", async () => {
  const given = { input: { message: "no luck" }, raiseError: false };
  const answer = await client.runs.wait(null, "failing", given);
  assert.deepEqual(answer, { __error__: { error: "ValueError", message: "no luck" } });
});

test("join waits for a run", async () => {
  const threadId = await newThread();
  const input = { steps: 2, sleep_s: 0.1 };
  const run = await client.runs.create(threadId, "slow", { input });
  assert.equal((await client.runs.join(threadId, run.run_id)).count, 2);
});

test("a batch answers in the order of its items", async () => {
  const items = [0, 1, 2, 3, 4].map((n) => ({
    assistantId: "echo", input: { message: n }, metadata: { n },
  }));
  const runs = await client.runs.createBatch(items);
  assert.deepEqual(runs.map((run) => run.metadata.n), [0, 1, 2, 3, 4]);
});

test("a batch with one bad item is refused whole", async () => {
  const items = [{ assistantId: "echo", input: {} }, { assistantId: "no_such_graph" }];
  await assert.rejects(client.runs.createBatch(items), { status: 422 });
});

test("reject refuses a second run on a busy thread", async () => {
  const threadId = await newThread();
  const input = { steps: 600, sleep_s: 0.1 };
  const run = await client.runs.create(threadId, "slow", { input });
  const second = client.runs.create(threadId, "echo", { input: {}, multitaskStrategy: "reject" });
  await assert.rejects(second, { status: 409 });
  assert.match((await client.runs.get(threadId, run.run_id)).status, /pending|running/);
  await client.runs.cancel(threadId, run.run_id);
  assert.equal(await ended(threadId, run.run_id), "interrupted");
});

test("an unknown thread is a 404", async () => {
  const unknown = client.runs.create(crypto.randomUUID(), "echo", { input: {} });
  await assert.rejects(unknown, { status: 404 });
});
