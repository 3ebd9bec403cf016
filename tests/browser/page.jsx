// A chat page: everything it shows comes from useStream.
import { useStream } from "@langchain/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const query = new URLSearchParams(location.search);
const KEY = "thread";

function Chat() {
  const [threadId, setThreadId] = useState(() => sessionStorage.getItem(KEY));
  const stream = useStream({
    apiUrl: query.get("server"),
    assistantId: query.get("assistant"),
    transport: query.get("transport"),
    threadId,
    onThreadId: (id) => {
      sessionStorage.setItem(KEY, id);
      setThreadId(id);
    },
  });
  const [text, setText] = useState("");
  const send = (event) => {
    event.preventDefault();
    void stream.submit({ messages: [{ type: "human", content: text }] });
    setText("");
  };
  return (
    <main>
      <h1>{query.get("assistant")}</h1>
      <ol id="messages">
        {stream.messages.map((message, place) => (
          <li key={message.id ?? place} className={message.getType()}>
            {message.text}
          </li>
        ))}
      </ol>
      <ul id="tools" hidden={stream.toolCalls.length === 0}>
        {stream.toolCalls.map((call) => (
          <li key={call.id}>{`${call.name}: ${call.status}`}</li>
        ))}
      </ul>
      {stream.interrupts.map((asked) => (
        <p key={asked.id} className="question">
          {String(asked.value)}
          <button onClick={() => void stream.respond("yes", { interruptId: asked.id })}>Yes</button>
        </p>
      ))}
      <form onSubmit={send}>
        <input value={text} onChange={(event) => setText(event.target.value)} placeholder="Say something" />
        <button>Send</button>
      </form>
      <footer>
        <span id="state">{stream.isLoading ? "working" : "resting"}</span>{" "}
        <span id="error">{stream.error ? String(stream.error) : ""}</span>
      </footer>
    </main>
  );
}

createRoot(document.getElementById("root")).render(<Chat />);
