// Opens reports in headless Chromium, as people do: `node test/browser.mjs [PASSING FAILING BATCH LARGE] [--shots FOLDER]`.
// Without pages it makes its own from test/data. Any request that leaves the page, any message on the console and
// whatever axe finds serious is a failure. CHROMIUM names the browser if it is not where Debian puts it.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { dataFolder, piecesOf, withHead, writePage } from "./pages.mjs";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const OPEN_LIMIT_MS = 2000;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
let shots = null;
const failures = [];
let passed = 0;

/** A page's own name and its folder's: pages are called `report.html`. */
const label = (path) => path.split("/").slice(-2).join("/");

/** Runs a test in a page of its own that sees what goes wrong. */
async function test(name, path, options, body) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => wrong.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  await page.route("**/*", (route) => {
    if (route.request().url().startsWith("file:")) return route.continue();
    wrong.push(`request: ${route.request().url()}`);
    return route.abort();
  });
  try {
    await page.goto(pathToFileURL(path).href + (options?.hash ?? ""));
    await page.waitForSelector("main, [role=alert]");
    await body(page);
    assert.deepEqual(wrong, []);
    passed++;
    console.log(`ok   ${label(path)}: ${name}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAIL ${label(path)}: ${name}\n     ${error.message.split("\n").slice(0, 12).join("\n     ")}`);
    for (const one of wrong) console.log(`     ${one}`);
  } finally {
    await context.close();
  }
}

/** Nothing that axe calls serious or critical. */
async function accessible(page) {
  // By the debugger's own world: the page's policy lets no other script in.
  await page.evaluate(axeSource);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  assert.ok(passes.length > 15, `axe has looked at ${passes.length} rules only`);
  const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  assert.deepEqual(serious.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`).join("; ")}`), []);
}

/** How long it takes until the page stands, measured from before it is loaded. */
async function opensInTime(page) {
  const took = await page.evaluate(() => performance.now());
  console.log(`     ${label(new URL(page.url()).pathname)}: ${Math.round(took)} ms, ${Math.round(statSync(new URL(page.url().split("#")[0])).size / 1024)} KiB`);
  assert.ok(took < OPEN_LIMIT_MS, `it took ${took} ms`);
}

async function shoot(page, name, selector) {
  if (!shots) return;
  const path = join(shots, `${name}.png`);
  if (selector) await page.locator(selector).first().screenshot({ path });
  else await page.screenshot({ path, fullPage: true });
}

const views = ["verdicts", "space-time", "life-line", "topology", "log", "charts", "story", "plan"];

async function testRun(path, name) {
  await test("opens in time", path, {}, opensInTime);
  for (const colorScheme of ["light", "dark"]) {
    await test(`is accessible, ${colorScheme}`, path, { colorScheme }, async (page) => {
      await accessible(page);
      for (const view of views) await shoot(page, `${name}-${colorScheme}-${view}`, `#${view}`);
      await shoot(page, `${name}-${colorScheme}`);
    });
  }
  await test("every view holds something", path, {}, async (page) => {
    for (const view of views) {
      const box = await page.locator(`#${view}`).boundingBox();
      assert.ok(box && box.height > 60, `${view} is empty`);
    }
  });
  await test("fits a narrow screen", path, { viewport: { width: 400, height: 800 } }, async (page) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 400, `it is ${wide} wide`);
    await shoot(page, `${name}-narrow`);
  });
  await test("the keyboard moves the cursor and zooms", path, {}, walk);
  await test("the address says what is looked at", path, {}, address);
}

/** From the space-time diagram to the event before and after, nearer, and back to the whole. */
async function walk(page) {
  const stage = page.locator(".stage");
  await stage.focus();
  const part = await page.locator("#space-time .shown-part").textContent();
  // Many events may be of one moment: what is said tells them apart.
  let said = "";
  for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft"]) {
    await page.keyboard.press(key);
    await page.waitForFunction((old) => document.querySelector("#space-time .live").textContent !== old, said);
    said = await page.locator("#space-time .live").textContent();
    assert.match(said, /^\d+\.\d{9}\s*s: ./);
  }
  await page.keyboard.press("+");
  await page.waitForFunction((old) => document.querySelector("#space-time .shown-part").textContent !== old, part);
  await page.keyboard.press("0");
  await page.waitForFunction((old) => document.querySelector("#space-time .shown-part").textContent === old, part);
  const lanes = page.locator(".lanes [tabindex='0']");
  await lanes.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".lanes [aria-selected='true']").count(), 1);
  assert.equal(await page.locator(".lanes [tabindex='0']").count(), 1);
  await page.locator(".track").focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector(".track").getAttribute("aria-valuenow") === "0");
}

async function address(page) {
  await page.locator(".track").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => /t=\d+/.test(location.hash));
  const said = await page.locator(".timebar output").textContent();
  await page.reload();
  await page.waitForSelector("main");
  await page.waitForFunction((old) => document.querySelector(".timebar output").textContent === old, said);
}

async function testFailing(path, scheme) {
  await test(`two clicks from the red verdict to the message's life-line, ${scheme}`, path, { colorScheme: scheme }, async (page) => {
    await page.locator("header.verdict.bad .to-broken").click();
    const witness = page.locator(".violation .witnesses button.message").first();
    const name = await witness.textContent();
    await witness.click();
    await page.waitForFunction((name) => document.querySelector("#life-line h3 .mono")?.textContent === name, name);
    assert.ok((await page.locator("#life-line .step").count()) > 0);
    await page.waitForFunction(() => {
      const { top, bottom } = document.querySelector("#life-line h2").getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
    assert.equal(await page.evaluate(() => document.activeElement.id), "life-line-title");
    await page.getByRole("button", { name: "To the message" }).click();
    await page.waitForFunction((name) => location.hash.includes(`msg=${name}`) && location.hash.includes("zoom="), name);
    await shoot(page, `failing-${scheme}-message-life-line`, "#life-line");
    await shoot(page, `failing-${scheme}-message-space-time`, "#space-time");
    await accessible(page);
  });
  if (scheme === "dark") return;
  await test("the replay command is copied with one click", path, { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.getByRole("button", { name: "Copy replay" }).first().click();
    await page.waitForFunction(() => document.querySelector(".copied").textContent === "copied");
    const command = await page.locator(".command code").first().textContent();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  });
}

async function testBatch(path) {
  await test("opens in time", path, {}, opensInTime);
  for (const colorScheme of ["light", "dark"]) {
    await test(`is accessible, ${colorScheme}`, path, { colorScheme }, async (page) => {
      await accessible(page);
      await shoot(page, `batch-${colorScheme}`);
    });
  }
  await test("the keyboard goes through the seeds, and a run is a click away", path, {}, async (page) => {
    await page.locator(".seeds").focus();
    await page.keyboard.press("End");
    const last = await page.locator(".about-seed strong").textContent();
    await page.keyboard.press("Home");
    const first = await page.locator(".about-seed strong").textContent();
    assert.notEqual(first, last);
    await page.locator(".pieces button").nth(1).click();
    await page.waitForSelector("#space-time");
    await page.locator(".pieces button").first().click();
    await page.waitForSelector("#seeds");
  });
}

const HARM = "</script><img src=x onerror=alert(1)>\u202egnp.exe<b>";

/** Every text of the data tries to be markup, and to turn the direction of writing: they stay texts, and are seen. */
async function testHarmful(path) {
  await test("texts in the data stay texts", path, {}, async (page) => {
    await page.locator(".violation .witnesses button.message").first().click();
    await page.locator("#life-line .step").first().waitFor();
    assert.equal(await page.locator("#app img, #app b b, #app script").count(), 0);
    const text = await page.locator("main").textContent();
    assert.ok(text.includes("</script><img src=x onerror=alert(1)>"));
    assert.ok(text.includes("\\u202e"));
  });
}

function harmfulPieces() {
  const [run] = piecesOf(dataFolder).filter((one) => one.name.startsWith("run-"));
  const harmful = (head) => ({
    ...head,
    about: HARM,
    texts: head.texts.map((text) => (text ? `${text}${HARM}` : text)),
    lanes: head.lanes.map((lane) => ({ ...lane, name: lane.name && `${lane.name}${HARM}` })),
    regions: head.regions.map((region) => ({ ...region, name: `${region.name}${HARM}` })),
    faults: head.faults.map((fault) => ({ ...fault, text: HARM })),
    story: head.story.map((line) => ({ ...line, text: HARM })),
    plan: HARM,
  });
  return [{ name: run.name, packed: withHead(run.packed, harmful) }];
}

async function testBroken(path) {
  await test("data that cannot be read are an error that is seen", path, {}, async (page) => {
    assert.match(await page.locator("[role=alert]").textContent(), /cannot be shown/);
  });
}

async function main() {
  const given = process.argv.slice(2);
  const at = given.indexOf("--shots");
  if (at >= 0) {
    shots = resolve(given.splice(at, 2)[1]);
    mkdirSync(shots, { recursive: true });
  }
  const temporary = mkdtempSync(join(tmpdir(), "causeway-report-"));
  const pages = given.length > 0 ? given.map((path) => resolve(path)) : ownPages(temporary);
  const [passing, failing, batch, large] = pages;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  try {
    if (passing) await testRun(passing, "passing");
    if (failing) {
      await testRun(failing, "failing");
      for (const scheme of ["light", "dark"]) await testFailing(failing, scheme);
    }
    if (batch) await testBatch(batch);
    if (large) await testRun(large, "large");
    const broken = join(temporary, "broken.html");
    writePage(broken, "a &lt;/title&gt;", [{ name: "run-0", packed: Buffer.from("no data") }]);
    await testBroken(broken);
    const harmful = join(temporary, "harmful.html");
    writePage(harmful, "harm", harmfulPieces());
    await testHarmful(harmful);
  } finally {
    await browser.close();
    rmSync(temporary, { recursive: true });
  }
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

function ownPages(folder) {
  const all = piecesOf(dataFolder);
  const pages = { passing: piecesOf(join(dataFolder, "held")), failing: all.filter((one) => one.name === "run-1"), batch: all };
  return Object.entries(pages).map(([name, pieces]) => {
    const path = join(folder, `${name}.html`);
    writePage(path, name, pieces);
    return path;
  });
}

await main();
