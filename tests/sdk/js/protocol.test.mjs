import assert from "node:assert/strict";
import { test } from "node:test";
import { client, collect } from "./support.mjs";

const HELLO = { messages: [{ role: "user", content: "hello" }] };

async function within(transport, assistantId, work) {
  const thread = client.threads.stream({ assistantId, transport });
  try {
    return await work(thread);
  } finally {
    await thread.close();
  }
}

for (const transport of ["sse", "websocket"]) {
  test(`${transport}: a message arrives token by token, the state after it`, async () => {
    await within(transport, "chat", async (thread) => {
      const messages = collect(thread.messages);
      const { run_id: runId } = await thread.run.start({ input: HELLO });
      const state = await thread.output;
      const [message] = await messages;
      assert.equal(await message.text, "You said: hello");
      assert.equal(state.messages.at(-1).id, message.messageId ?? state.messages.at(-1).id);
      assert.equal((await client.runs.get(thread.threadId, runId)).status, "success");
    });
  });

  test(`${transport}: tool calls tell their input and output`, async () => {
    await within(transport, "tools", async (thread) => {
      const calls = collect(thread.toolCalls);
      await thread.run.start({ input: HELLO });
      const [call] = await calls;
      assert.equal(call.name, "count_letters");
      assert.deepEqual(call.input, { text: "hello" });
      assert.match(JSON.stringify(await call.output), /5/);
    });
  });

  test(`${transport}: a question is answered, then the run goes on`, async () => {
    await within(transport, "approval", async (thread) => {
      const first = collect(thread.values);
      await thread.run.start({ input: { request: "mail" } });
      await waitFor(() => thread.interrupts.length === 1 && thread.interrupted);
      const [asked] = thread.interrupts;
      assert.equal(asked.payload.question, "Send this?");
      const answer = { namespace: asked.namespace, interrupt_id: asked.interruptId, response: true };
      await thread.input.respond(answer);
      await waitFor(async () => (await client.threads.get(thread.threadId)).status === "idle");
      const state = await client.threads.getState(thread.threadId);
      assert.equal(state.values.result, "sent");
      await thread.close();
      assert.ok((await first).length >= 2);
    });
  });

  test(`${transport}: subgraphs and what they ask are found`, async () => {
    await within(transport, "nested", async (thread) => {
      const found = thread.subgraphs[Symbol.asyncIterator]().next();
      await thread.run.start({ input: { trail: [] } });
      const { value: inner } = await found;
      assert.equal(inner.namespace[0].split(":")[0], "inner");
      await waitFor(() => thread.interrupts.length === 1);
      assert.equal(thread.interrupts[0].namespace[0], inner.namespace[0]);
    });
  });

  test(`${transport}: custom events and all channels can be subscribed to`, async () => {
    await within(transport, "steps", async (thread) => {
      const seen = [];
      const channels = ["custom", "updates", "checkpoints", "lifecycle"];
      const subscription = await thread.subscribe({ channels });
      await thread.run.start({ input: { topic: "tea" } });
      for await (const event of subscription) {
        seen.push(event);
        if (event.method === "lifecycle" && event.params.data.event === "completed") break;
      }
      const steps = seen.filter((event) => event.method === "custom").map((event) => event.params.data.payload.step);
      assert.deepEqual(steps, ["plan", "work", "review"]);
      assert.ok(seen.some((event) => event.method === "checkpoints"));
      assert.deepEqual(seen.filter((event) => event.method === "updates").map((event) => event.params.node), steps);
    });
  });

  test(`${transport}: a failed run and a refused command are told`, async () => {
    await within(transport, "failing", async (thread) => {
      const ended = new Promise((resolve) => {
        thread.onEvent((event) => {
          if (event.method === "lifecycle" && event.params.data.event === "failed") resolve(event.params.data);
        });
      });
      await thread.run.start({ input: { message: "no luck" } });
      assert.equal((await ended).error, "no luck");
      await assert.rejects(thread.state.get({ namespace: [] }), /unknown_command|There is no command/);
    });
  });

  test(`${transport}: another client finds the same events again`, async () => {
    await within(transport, "chat", async (thread) => {
      await thread.run.start({ input: HELLO });
      await thread.output;
      const again = client.threads.stream(thread.threadId, { assistantId: "chat", transport });
      const subscription = await again.subscribe({ channels: ["messages", "lifecycle"] });
      const seen = [];
      for await (const event of subscription) {
        seen.push(event);
        if (event.params.data.event === "completed") break;
      }
      await again.close();
      assert.equal(seen.filter((event) => event.params.data.event === "content-block-delta").length, 3);
    });
  });
}

async function waitFor(check) {
  for (let tries = 0; tries < 2400; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("not within a minute");
}
