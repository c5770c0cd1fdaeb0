// Opens an HTML report in Chromium as its reader would, with and without scripting, in both
// colour schemes, wide and at 320 pixels, and prints what is wrong with it as JSON.
//
//   node check.mjs report.html [folder for screenshots]
//
// Chromium is spoken to over a pipe; axe-core judges what people with disabilities meet.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [report, pictures] = process.argv.slice(2);
const address = pathToFileURL(resolve(report)).href;
const axe = readFileSync(
  fileURLToPath(new URL("node_modules/axe-core/axe.min.js", import.meta.url)),
  "utf8",
);
const AXE = { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
const SIZES = { wide: [1280, 900], narrow: [320, 640] };

const profile = mkdtempSync(join(tmpdir(), "iachygiene-browser-"));
const browser = spawn(
  process.env.CHROMIUM || "chromium",
  [
    "--headless=new",
    "--no-sandbox", // the page is ours, and jobs run as root
    "--disable-gpu",
    "--remote-debugging-pipe",
    `--user-data-dir=${profile}`,
    "about:blank",
  ],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
);
const waiting = new Map();
const listeners = new Set();
let number = 0;
let rest = "";
browser.stdio[4].on("data", (piece) => {
  const parts = (rest + piece).split("\0");
  rest = parts.pop();
  for (const message of parts.map((part) => JSON.parse(part))) {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (asked && message.error) asked.reject(new Error(JSON.stringify(message.error)));
    else if (asked) asked.resolve(message.result);
    else for (const listen of listeners) listen(message);
  }
});

function send(method, params = {}, sessionId = undefined) {
  const id = ++number;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

async function look(size, scheme, scripting) {
  const name = `${size}-${scheme}-${scripting ? "script" : "plain"}`;
  const problems = [];
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const ask = (method, params) => send(method, params, sessionId);
  let loaded;
  const done = new Promise((resolve) => (loaded = resolve));
  const listen = ({ sessionId: from, method, params }) => {
    if (from !== sessionId) return;
    if (method === "Page.loadEventFired") loaded();
    if (method === "Network.requestWillBeSent" && params.request.url !== address)
      if (!params.request.url.startsWith("data:")) problems.push(`request: ${params.request.url}`);
    if (method === "Log.entryAdded") problems.push(`${params.entry.source}: ${params.entry.text}`);
    if (method === "Runtime.exceptionThrown")
      problems.push(`exception: ${params.exceptionDetails.text}`);
  };
  listeners.add(listen);
  const [width, height] = SIZES[size];
  for (const domain of ["Page", "Network", "Log", "Runtime"]) await ask(`${domain}.enable`);
  await ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: size === "narrow" });
  await ask("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await ask("Emulation.setScriptExecutionDisabled", { value: !scripting });
  await ask("Page.navigate", { url: address });
  await done;
  const { cssContentSize } = await ask("Page.getLayoutMetrics");
  if (cssContentSize.width > width) problems.push(`the page is ${cssContentSize.width} pixels wide`);
  const { nodes } = await ask("Accessibility.getFullAXTree");
  const headings = nodes.filter((node) => node.role?.value === "heading").length;
  if (headings < 3) problems.push(`only ${headings} headings are there`);
  if (scripting) {
    const expression = `${axe};axe.run(document, ${JSON.stringify(AXE)}).then((found) => found.violations.map((one) => one.id + ": " + one.help + ": " + one.nodes.map((node) => node.target).slice(0, 3).join(" and ")))`;
    const { result, exceptionDetails } = await ask("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    problems.push(...(exceptionDetails ? [`axe: ${exceptionDetails.text}`] : result.value));
  }
  if (pictures) {
    const { data } = await ask("Page.captureScreenshot", { captureBeyondViewport: true, clip: { x: 0, y: 0, width, height: Math.min(cssContentSize.height, 4000), scale: 1 } });
    writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, "base64"));
  }
  listeners.delete(listen);
  await send("Target.closeTarget", { targetId });
  return [name, problems];
}

const found = {};
try {
  for (const size of Object.keys(SIZES))
    for (const scheme of ["light", "dark"])
      for (const scripting of [true, false]) {
        const [name, problems] = await look(size, scheme, scripting);
        found[name] = problems;
      }
} finally {
  await send("Browser.close").catch(() => {});
  browser.kill();
}
browser.on("exit", () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
console.log(JSON.stringify(found, null, 1));
process.exitCode = Object.values(found).some((problems) => problems.length) ? 1 : 0;
