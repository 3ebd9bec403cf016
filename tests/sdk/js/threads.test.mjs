import assert from "node:assert/strict";
import { test } from "node:test";
import { client, collect, names, newThread } from "./support.mjs";

test("a thread is created, read, and not created twice", async () => {
  const thread = await client.threads.create({ metadata: { owner: "ann" } });
  assert.deepEqual((await client.threads.get(thread.thread_id)).metadata, { owner: "ann" });
  const again = { threadId: thread.thread_id };
  await assert.rejects(client.threads.create(again), { status: 409 });
  const same = await client.threads.create({ ...again, ifExists: "do_nothing" });
  assert.deepEqual(same, thread);
});

test("a run may create its thread", async () => {
  const threadId = crypto.randomUUID();
  const given = { input: { message: 1 }, ifNotExists: "create" };
  assert.deepEqual(await client.runs.wait(threadId, "echo", given), { message: 1, reply: 1 });
  assert.equal((await client.threads.get(threadId)).status, "idle");
});

test("a question interrupts the thread, and its answer goes on", async () => {
  const threadId = await newThread();
  const asked = await client.runs.wait(threadId, "approval", { input: { request: "x" } });
  assert.equal(asked.__interrupt__[0].value.question, "Send this?");
  const state = await client.threads.getState(threadId);
  assert.deepEqual(state.next, ["approve"]);
  assert.equal((await client.threads.get(threadId)).status, "interrupted");
  const command = { resume: true };
  const values = await client.runs.wait(threadId, "approval", { command });
  assert.equal(values.result, "sent");
});

test("a question is streamed, and so is what follows the answer", async () => {
  const threadId = await newThread();
  const streamMode = ["updates", "values"];
  const given = { input: { request: "x" }, streamMode };
  const parts = await collect(client.runs.stream(threadId, "approval", given));
  assert.ok(parts.at(-1).data.__interrupt__[0].id);
  const resumed = client.runs.stream(threadId, "approval", { command: { resume: false }, streamMode });
  const rest = await collect(resumed);
  assert.equal(names(rest)[1], "values");
  assert.equal(rest.at(-1).data.result, "dropped");
});

test("interrupting before a node stops there", async () => {
  const threadId = await newThread();
  const given = { input: { topic: "t" }, interruptBefore: ["work"] };
  const values = await client.runs.wait(threadId, "steps", given);
  assert.deepEqual(values.done, ["plan"]);
  assert.deepEqual((await client.runs.wait(threadId, "steps", { input: null })).done.length, 3);
});

test("assistants are found by their graph", async () => {
  const [found] = await client.assistants.search({ graphId: "steps" });
  assert.equal(found.graph_id, "steps");
  assert.deepEqual(await client.assistants.get(found.assistant_id), found);
});
