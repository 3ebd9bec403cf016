// What a browser does with a component: ask by the SDK, load the script, let it render.
import assert from "node:assert/strict";
import vm from "node:vm";
import { client } from "./support.mjs";

const html = await client["~ui"].getComponent("echo", "weather");
const [, style] = html.match(/<link rel="stylesheet" href="([^"]+)">/);
const [, source, onload] = html.match(/<script src="([^"]+)" onload="([^"]+)">/);
const load = async (place) => (await fetch(new URL(place, process.env.GRAPHSTEAD_URL))).text();
assert.match(await load(style), /\.weather\{color:teal\}/);

const rendered = [];
const target = { name: "target" };
const shadow = { children: [], appendChild(child) { this.children.push(child); } };
const react = { jsx: (type, props) => ({ type, props }) };
const modules = {
  "react/jsx-runtime": react,
  "@langchain/langgraph-sdk/react-ui": { useStreamContext: () => ({}) },
};
const window = {
  [Symbol.for("LGUI_REQUIRE")]: (name) => modules[name],
  [Symbol.for("LGUI_EXT_STORE")]: { respond: (...given) => rendered.push(given) },
};
const document = {
  createElement: () => target,
  getElementById: (id) => ({ id, shadowRoot: shadow }),
};
const page = vm.createContext({ window, document });
vm.runInContext(await load(source), page);
const call = onload.replaceAll("&quot;", '"').replaceAll("&#x27;", "'");
vm.runInContext(call.replace("{{shadowRootId}}", "child-shadow-1"), page);

const [[id, component, place]] = rendered;
assert.deepEqual([id, place, shadow.children], ["child-shadow-1", target, [target]]);
const { className, children } = component({ city: "Bern" }).props;
assert.deepEqual([className, children], ["weather", "Bern"]);
