// The chat page in a real browser, against the server in GRAPHSTEAD_URL, from another origin.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const server = process.env.GRAPHSTEAD_URL;
const shots = process.env.SCREENSHOTS;
const TIMEOUT = { timeout: 60_000 };
let browser, site, home, gates;

before(async () => {
  gates = await mkdtemp(join(tmpdir(), "gates-"));
  const bundle = await build({
    entryPoints: ["page.jsx"], bundle: true, write: false, jsx: "automatic", format: "iife",
    define: { "process.env.NODE_ENV": '"production"' }, logLevel: "error",
  });
  const files = { "/": ["text/html", await readFile("index.html")], "/page.js": ["text/javascript", bundle.outputFiles[0].contents] };
  site = createServer((request, answer) => {
    const [type, content] = files[new URL(request.url, "http://x").pathname] ?? ["text/plain", ""];
    answer.writeHead(content ? 200 : 404, { "content-type": type }).end(content);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  home = `http://127.0.0.1:${site.address().port}/`;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});

after(async () => {
  await browser?.close();
  site?.close();
  await rm(gates, { recursive: true });
});

async function open(assistant, transport) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(TIMEOUT.timeout);
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(`${home}?${new URLSearchParams({ server, assistant, transport })}`);
  return { page, faults };
}

async function say(page, text) {
  await page.fill("input", text);
  await page.click("form button");
}

const answer = (page) => page.locator("li.ai").last();
const textIs = (page, text) => page.waitForFunction(
  (wanted) => [...document.querySelectorAll("li.ai")].at(-1)?.textContent === wanted, text, TIMEOUT,
);
const state = (page, wanted) => page.waitForFunction(
  (text) => document.getElementById("state").textContent === text, wanted, TIMEOUT,
);

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

const goneIs = (page, selector) => page.waitForFunction(
  (gone) => document.querySelector(gone) === null, selector, TIMEOUT,
);
const begun = (page) => page.waitForFunction(() => document.querySelector("li.ai")?.textContent.includes("word3"));

const WORDS = Array.from({ length: 40 }, (_, number) => `word${number} `).join("");

for (const transport of ["sse", "websocket"]) {
  test(`${transport}: tokens stream in, and a reloaded page joins the run again`, async () => {
    const { page, faults } = await open("slow_talk", transport);
    const gate = join(gates, transport);
    await say(page, `talk to me until ${gate}`);
    await begun(page);
    const part = await answer(page).textContent();
    assert.ok(part.length < WORDS.length, "it came all at once");
    await shoot(page, `${transport}-streaming`);
    await page.reload();
    await begun(page);
    await writeFile(gate, "");
    await textIs(page, WORDS);
    await state(page, "resting");
    assert.equal(await page.locator("li.human").count(), 1);
    assert.equal(await page.locator("li.ai").count(), 1);
    await shoot(page, `${transport}-rejoined`);
    assert.equal(await page.locator("#error").textContent(), "");
    assert.deepEqual(faults, []);
  });

  test(`${transport}: a question waits over a reload and is answered`, async () => {
    const { page, faults } = await open("asking", transport);
    await say(page, "write a letter");
    await page.waitForSelector(".question");
    await page.reload();
    await page.waitForSelector(".question");
    assert.match(await page.locator(".question").textContent(), /^Shall I send it\?/);
    await shoot(page, `${transport}-question`);
    await page.click(".question button");
    await textIs(page, "It was answered: yes");
    await state(page, "resting");
    await goneIs(page, ".question");
    await say(page, "another one");
    await page.waitForSelector(".question");
    assert.equal(await page.locator(".question").count(), 1);
    assert.deepEqual(faults, []);
  });
}

test("tools and their outcome are shown beside the messages", async () => {
  const { page, faults } = await open("agent", "sse");
  await say(page, "how long is tea?");
  await textIs(page, "Three letters.");
  assert.deepEqual(await page.locator("#tools li").allTextContents(), ["measure: finished"]);
  await shoot(page, "tools");
  assert.deepEqual(faults, []);
});
