// A browser that watches itself: no error in the console, no request to another host, no violation of axe's rules.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(process.env.PANEL_TOOLS ? join(process.env.PANEL_TOOLS, "package.json") : import.meta.url);
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

export const PAGES = ["system", "models", "llm", "images", "resources"];

export class Visitor {
  #browser;
  #out;
  /** Errors that the test causes on purpose: while it holds, none is noted. */
  expecting = false;
  problems = [];
  hosts = new Set();

  /** @param {string} program @param {string} out */
  static async open(program, out) {
    const visitor = new Visitor();
    visitor.#browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--force-prefers-reduced-motion"] });
    visitor.#out = out;
    return visitor;
  }

  /** @param {string} url @param {{ width?: number, height?: number, scheme?: "light" | "dark" }} [as] */
  async page(url, { width = 1280, height = 860, scheme = "light" } = {}) {
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", bypassCSP: false });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("console", (message) => {
      if (message.type() === "error" && !this.expecting) this.problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.problems.push(`page: ${error.stack ?? error.message}`));
    page.on("request", (request) => {
      const to = new URL(request.url());
      if (to.protocol.startsWith("http")) this.hosts.add(to.origin);
    });
    await page.goto(`${url}/`);
    await page.getByText("Connected").first().waitFor({ state: "attached" });
    return page;
  }

  /** @param {import("playwright-core").Page} page @param {string} name */
  async go(page, name) {
    await page.evaluate((to) => { location.hash = `#/${to}`; }, name);
    await page.locator(`[data-page="${name}"] h1`).waitFor();
  }

  /** @param {import("playwright-core").Page} page @param {string} name */
  async picture(page, name) {
    await page.screenshot({ path: join(this.#out, `${name}.png`) });
  }

  /** The rules of WCAG 2.2 AA, and good practice. @param {import("playwright-core").Page} page @param {string} where */
  async check(page, where) {
    // The policy of the page forbids scripts from elsewhere; the driver's own world is not the page's.
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
      return violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).slice(0, 4).join(" | ")}`);
    });
    for (const one of found) this.problems.push(`axe on ${where}: ${one}`);
  }

  /** Nothing is wider than the page. @param {import("playwright-core").Page} page @param {string} where */
  async checkWidth(page, where) {
    const [inner, wide] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
    if (wide > inner) this.problems.push(`${where} is ${wide} pixels wide, and the window ${inner}`);
  }

  async close() {
    await this.#browser.close();
  }
}
