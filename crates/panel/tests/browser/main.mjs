// Drives the panel in a real browser, against a real daemon with real servers. `cargo xtask integration panel` starts
// it, with what it needs in PANEL_TEST: { binary, home, chromium, out }.
import { Daemon } from "./daemon.mjs";
import { download } from "./download.mjs";
import { library } from "./library.mjs";
import * as scenes from "./scenes.mjs";
import { Visitor } from "./visitor.mjs";

const given = JSON.parse(process.env.PANEL_TEST ?? "{}");
const daemon = new Daemon(given);
const visitor = await Visitor.open(given.chromium, given.out);
let failed = false;

/** @param {string} name @param {() => Promise<unknown>} scene */
async function step(name, scene) {
  const begun = performance.now();
  const told = await scene();
  const figures = told === undefined ? "" : ` ${JSON.stringify(told)}`;
  console.log(`ok   ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)${figures}`);
}

try {
  await daemon.start();
  const [chat, painter] = [await daemon.needs("chat"), await daemon.needs("painter")];
  // Room for either of them, and not for both.
  const budget = Math.max(chat, painter) + Math.floor(Math.min(chat, painter) / 8);
  const more = ["--budget", `host=${budget} B`];
  await daemon.stop("SIGTERM");
  await step("from the start to the first meaningful paint", async () => {
    const started = await daemon.start(more);
    return { serve_ms: Math.round(started), ...(await scenes.firstPaint(visitor, daemon)) };
  });
  await step("without a mouse", () => scenes.keyboard(visitor, daemon));
  const page = await visitor.page(daemon.url);
  await step("a chat", () => scenes.chat(visitor, daemon, page));
  await step("an image while the chat model steps aside", () => scenes.imageBesideChat(visitor, daemon, page));
  for (const [suffix, width, height, scheme] of [["light", 1280, 860, "light"], ["dark", 1280, 860, "dark"], ["360", 360, 780, "light"], ["2560", 2560, 1440, "dark"]]) {
    await step(`every page, ${suffix}`, () => scenes.everyPage(visitor, page, { width, height, scheme, suffix }));
  }
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await step("a model's server and its log", () => scenes.serverAndLog(visitor, daemon, page));
  await step("presets, and an estimate before anything is brought", () => scenes.getsAModel(visitor, page, given.model));
  await step("a model is imported and deleted", () => library(visitor, page, given.model));
  await step("a download that is cut", () => download(visitor, page, given.model));
  await step("200 models and 10 000 lines scroll", () => scenes.scrolls(visitor, daemon));
  await step("a server is killed", async () => ({ shown_after_ms: await scenes.killed(visitor, daemon, page) }));
  await step("the daemon dies and comes back", () => scenes.reconnects(visitor, daemon, page, more));
  const foreign = [...visitor.hosts].filter((host) => host !== new URL(daemon.url).origin);
  if (foreign.length > 0) visitor.problems.push(`asked other hosts: ${foreign.join(", ")}`);
} catch (error) {
  failed = true;
  console.log(`FAILED ${error instanceof Error ? error.stack : error}`);
} finally {
  await visitor.close();
  await daemon.stop("SIGTERM");
}
for (const problem of new Set(visitor.problems)) console.log(`PROBLEM ${problem}`);
process.exitCode = failed || visitor.problems.length > 0 ? 1 : 0;
