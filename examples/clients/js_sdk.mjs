// The JavaScript SDK: the same conversation, question and background run as python_sdk.py.
//
//     npm install @langchain/langgraph-sdk
//     node examples/clients/js_sdk.mjs [http://127.0.0.1:8123]
import { Client } from "@langchain/langgraph-sdk";

const apiUrl = process.argv[2] ?? "http://127.0.0.1:8123";
const client = new Client({ apiUrl });

// A thread remembers: both runs below add to the same conversation.
const { thread_id } = await client.threads.create({ metadata: { from: "examples" } });
for (const content of ["good morning", "good night"]) {
  const words = client.runs.stream(thread_id, "chat", {
    input: { messages: [{ role: "user", content }] },
    streamMode: "messages-tuple",
  });
  for await (const part of words) {
    if (part.event === "messages") process.stdout.write(part.data[0].content);
  }
  console.log();
}
const state = await client.threads.getState(thread_id);
console.log("messages on the thread:", state.values.messages.length);

// A background run: it goes on whether or not anybody listens.
const background = await client.threads.create();
const run = await client.runs.create(background.thread_id, "steps", { input: { topic: "tea" } });
const values = await client.runs.join(background.thread_id, run.run_id);
console.log("steps done:", values.done.join(", "));

// A graph that stops for a person, and goes on with the answer.
const waiting = await client.threads.create();
const asked = await client.runs.wait(waiting.thread_id, "approval", {
  input: { request: "an invoice" },
});
console.log("question:", asked.__interrupt__[0].value.question);
const done = await client.runs.wait(waiting.thread_id, "approval", { command: { resume: true } });
console.log("result:", done.result);
