// What a user does, one scene after the other. Each throws where what should be seen is not.
import assert from "node:assert/strict";
import { PAGES } from "./visitor.mjs";

/** @param {import("./visitor.mjs").Visitor} visitor @param {import("./daemon.mjs").Daemon} daemon */
export async function firstPaint(visitor, daemon) {
  const page = await visitor.page(daemon.url);
  const seen = await page.evaluate(async () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const files = performance.getEntriesByType("resource").filter((one) => one.name.includes("/assets/"));
    const [document] = performance.getEntriesByType("navigation");
    return { paint: paint?.startTime, bytes: files.reduce((sum, one) => sum + one.encodedBodySize, document.encodedBodySize), files: files.length };
  });
  await page.context().close();
  return seen;
}

/** Each page is there, empty or not, and obeys the rules. */
export async function everyPage(visitor, daemon, { width, height, scheme, suffix }) {
  const page = await visitor.page(daemon.url, { width, height, scheme });
  for (const name of PAGES) {
    await visitor.go(page, name);
    await page.waitForTimeout(name === "system" ? 2600 : 700);
    await visitor.check(page, `${name} ${suffix}`);
    await visitor.checkWidth(page, `${name} ${suffix}`);
    await visitor.picture(page, `${name}-${suffix}`);
  }
  await page.context().close();
}

/** A question is answered; markdown is rendered, and no word of a model becomes an element. */
export async function chat(visitor, daemon, page) {
  await visitor.go(page, "llm");
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
