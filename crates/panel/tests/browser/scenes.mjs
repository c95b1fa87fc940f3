// What a user does, one scene after the other. Each throws where what should be seen is not.
import assert from "node:assert/strict";
import { PAGES } from "./visitor.mjs";

/** @param {import("./visitor.mjs").Visitor} visitor @param {import("./daemon.mjs").Daemon} daemon */
export async function firstPaint(visitor, daemon) {
  const page = await visitor.page(daemon.url);
  const seen = await page.evaluate(async () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const [shown] = performance.getEntriesByName("loadmaster-shown");
    const files = performance.getEntriesByType("resource").filter((one) => one.name.includes("/assets/"));
    const [document] = performance.getEntriesByType("navigation");
    return { first_paint_ms: Math.round(paint?.startTime ?? -1), shown_ms: Math.round(shown?.startTime ?? -1), bytes: files.reduce((sum, one) => sum + one.encodedBodySize, document.encodedBodySize), files: files.length };
  });
  await page.context().close();
  return seen;
}

/** Each page obeys the rules at each size, in light and dark. */
export async function everyPage(visitor, page, { width, height, scheme, suffix }) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  for (const name of PAGES) {
    await visitor.go(page, name);
    // Charts are loaded when they are shown first, and the rest is asked for.
    await page.waitForTimeout(name === "system" ? 1200 : 700);
    await visitor.check(page, `${name} ${suffix}`);
    await visitor.checkWidth(page, `${name} ${suffix}`);
    await visitor.picture(page, `${name}-${suffix}`);
  }
}

/** What the pages of a model's server and its log show. */
export async function serverAndLog(visitor, daemon, page) {
  await visitor.go(page, "llm");
  await page.getByRole("button", { name: "Server", exact: true }).click();
  await page.getByText("Predicted").waitFor();
  await page.getByLabel("Automatic settings").uncheck();
  const bar = page.locator("section", { hasText: "Automatic settings" }).locator(".plan");
  const planned = async (/** @type {string} */ tokens, /** @type {string} */ cache) => {
    await page.getByLabel("Context").fill(tokens);
    await bar.getByText(`cache ${cache}`).first().waitFor();
    const [part] = await bar.locator(".bar i").evaluateAll((parts, name) => parts.filter((one) => one.title.startsWith(`${name} (planned)`)).map((one) => one.getBoundingClientRect().width), "chat");
    return part ?? 0;
  };
  const [long, short] = [await planned("4096", "90.0 MiB"), await planned("1024", "22.5 MiB")];
  assert.ok(long > short && short > 0, `the bar is ${long} pixels for 4096 tokens, and ${short} for 1024`);
  // What the form cannot know to be wrong is told at its field, with the remedy below.
  visitor.expecting = true;
  await page.getByLabel("Slots").fill("257");
  await page.getByText("The server cannot take this.").waitFor();
  await page.getByText("it takes 256 at most").waitFor();
  visitor.expecting = false;
  await page.getByLabel("Slots").fill("");
  await page.getByText("The server cannot take this.").waitFor({ state: "detached" });
  await bar.getByText("cache 22.5 MiB").first().waitFor();
  await visitor.check(page, "the server of a model");
  await visitor.picture(page, "llm-server");
  await page.getByRole("button", { name: "Start with these settings" }).click();
  const by = Date.now() + 30_000;
  for (let now = null; now?.state !== "ready" || now.plan.settings.context_length !== 1024; now = await daemon.instance("chat")) {
    assert.ok(Date.now() < by, "it was not started with the context that was filled in");
    await page.waitForTimeout(100);
  }
  await page.locator("dd", { hasText: "Ready" }).waitFor();
  await page.getByRole("status").filter({ hasText: "until it is stopped" }).waitFor();
  await page.getByRole("button", { name: "Logs", exact: true }).click();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.locator(".lines .line").first().waitFor();
  await visitor.check(page, "a log");
  await visitor.picture(page, "llm-logs");
  await page.getByRole("button", { name: "Chat", exact: true }).click();
}

/** Presets are there with what fits, and a file is estimated before it is imported. */
export async function getsAModel(visitor, page, file) {
  await visitor.go(page, "models");
  const preset = page.locator('[data-preset="smollm2-135m"]');
  await preset.locator(".badge", { hasText: /^fits|^tight/ }).waitFor();
  await preset.getByText("apache-2.0").waitFor();
  await visitor.check(page, "presets");
  await visitor.picture(page, "models-presets");
  await page.getByRole("button", { name: "File", exact: true }).click();
  await page.getByLabel("Path of a file").fill(file);
  await page.getByRole("button", { name: "Estimate", exact: true }).click();
  await page.locator(".estimate").getByText("weights 92.1 MiB").waitFor();
  await visitor.check(page, "an estimate of a file");
  await visitor.picture(page, "models-estimate");
}

/** 200 models and 10 000 lines scroll: the longest task of the page meanwhile, in milliseconds. */
export async function scrolls(visitor, daemon) {
  const page = await visitor.page(daemon.url);
  await page.evaluate(async () => {
    // More than this machine has: put into the page's own state, where the daemon's answers would be.
    const { logs, library } = await import("/assets/js/state/store.js");
    library.value = Array.from({ length: 200 }, (_, n) => ({
      name: `model-${n}`, kind: n % 5 === 0 ? "image" : "language", state: "", origin: "", path: `/m/${n}.gguf`, bytes: n * 1e8, parts: [], format: "gguf",
      architecture: "llama", quantisation: "Q4_K_M", parameters: 7e9, context_length: 32_768, features: ["tools"], configured: false, error: null, fit: { verdict: "fits", devices: [], leaves: [], why: "" },
    }));
    logs.value = Array.from({ length: 10_000 }, (_, n) => ({ source: "chat#1", model: "chat", level: "info", at_ms: Date.now() + n, line: `a line of the log, number ${n}` }));
    globalThis.longest = 0;
    new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, one.duration); }).observe({ type: "longtask" });
  });
  await visitor.go(page, "models");
  await page.locator(".entry").nth(199).waitFor({ state: "attached" });
  await page.evaluate(() => { globalThis.longest = 0; });
  for (let at = 0; at < 30; at += 1) {
    await page.mouse.wheel(0, 500);
    await page.waitForTimeout(16);
  }
  const models = await page.evaluate(() => globalThis.longest);
  await visitor.go(page, "llm");
  await page.getByRole("button", { name: "Logs", exact: true }).click();
  await page.locator(".lines .line").first().waitFor();
  await page.locator(".lines").hover();
  await page.evaluate(() => { globalThis.longest = 0; });
  for (let at = 0; at < 60; at += 1) {
    await page.mouse.wheel(0, at < 30 ? -3000 : 3000);
    await page.waitForTimeout(16);
  }
  const lines = await page.evaluate(() => globalThis.longest);
  await page.context().close();
  return { models_ms: models, lines_ms: lines };
}

/** A question is answered; markdown is rendered, and no word of a model becomes an element. */
export async function chat(visitor, daemon, page) {
  await visitor.go(page, "llm");
  await page.getByRole("button", { name: "System prompt and sampling" }).click();
  await page.getByLabel("Most tokens").fill("96");
  await page.getByLabel("Seed").fill("7");
  await visitor.check(page, "how it answers");
  await page.getByRole("button", { name: "System prompt and sampling" }).click();
  await page.getByLabel("Your message").fill("Say <img src=x onerror=alert(1)> and **hello**.");
  await page.getByLabel("Your message").press("Enter");
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  await page.locator(".turn.model footer", { hasText: "tokens/s" }).waitFor();
  assert.equal(await page.locator(".turn img[src='x']").count(), 0, "what a user or a model writes is text");
  assert.equal((await daemon.instance("chat")).state, "ready");
  await visitor.check(page, "a chat");
}

/** While an image is painted the chat model steps aside, and it comes back; all of it is on the timeline. */
export async function imageBesideChat(visitor, daemon, page) {
  const before = (await daemon.instance("chat")).id;
  await visitor.go(page, "images");
  await page.getByLabel("Prompt", { exact: true }).fill("a lighthouse at dusk");
  await page.getByLabel("Size").selectOption("custom");
  await page.getByLabel("Width").fill("128");
  await page.getByLabel("Height").fill("128");
  await page.getByLabel("Steps").fill("4");
  await page.getByLabel("Seed").fill("42");
  await page.getByRole("button", { name: "Paint", exact: true }).click();
  await page.locator(".stages").first().waitFor();
  await page.waitForTimeout(1200);
  await visitor.picture(page, "images-painting");
  await page.locator(".gallery img").first().waitFor({ timeout: 120_000 });
  await page.locator(".gallery .picture").first().click();
  await page.locator("dialog img.large").waitFor();
  await page.waitForTimeout(400);
  await visitor.check(page, "an image, large");
  await visitor.picture(page, "images-large");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  const back = Date.now() + 60_000;
  for (;;) {
    const now = await daemon.instance("chat");
    if (now?.state === "ready" && now.id !== before) break;
    assert.ok(Date.now() < back, "the chat model did not come back");
    await page.waitForTimeout(100);
  }
  await visitor.go(page, "resources");
  await page.locator('.tile[data-model="chat"][data-state="ready"]').waitFor();
  await page.waitForTimeout(700);
  assert.ok((await page.locator(".span").count()) >= 3, "the chat model twice, and the painter");
  assert.ok((await page.locator(".marks .tick.evict").count()) >= 1, "who made room is marked");
}

/** Who kills a server sees it within a second, and what it means. */
export async function killed(visitor, daemon, page) {
  await visitor.go(page, "resources");
  const { pid } = await daemon.instance("chat");
  const at = Date.now();
  process.kill(pid, "SIGKILL");
  await page.locator('.tile[data-model="chat"][data-state="crashed"]').waitFor({ timeout: 5000 });
  const took = Date.now() - at;
  await page.getByText("ended by SIGKILL").first().waitFor();
  await visitor.check(page, "after a death");
  return took;
}

/** The daemon dies and comes back: the page says so, and goes on by itself. */
export async function reconnects(visitor, daemon, page, more) {
  visitor.expecting = true;
  await daemon.stop("SIGKILL");
  await page.getByRole("alert").filter({ hasText: "connection to the daemon was lost" }).waitFor();
  await visitor.check(page, "without a connection");
  await visitor.picture(page, "lost-connection");
  await daemon.start(more);
  await page.getByText("Connected").first().waitFor({ state: "attached", timeout: 15_000 });
  await page.locator(".banner").waitFor({ state: "detached" });
  visitor.expecting = false;
}

/** Everything can be reached without a mouse. */
export async function keyboard(visitor, daemon) {
  const page = await visitor.page(daemon.url);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
  for (let at = 0; at < 3; at += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator('[data-page="llm"]').waitFor();
  await page.context().close();
}
