// A download from a hub that cuts it: progress, pause, resume, and the model in the list.
import assert from "node:assert/strict";
import { Hub } from "./hub.mjs";

/** @param {import("./visitor.mjs").Visitor} visitor @param {import("playwright-core").Page} page @param {string} file */
export async function download(visitor, page, file) {
  const hub = await Hub.open(file);
  try {
    await visitor.go(page, "models");
    await page.getByRole("button", { name: "Address", exact: true }).click();
    await page.getByLabel("Repository or address").fill(hub.url);
    await page.getByRole("button", { name: "Estimate", exact: true }).click();
    await page.locator(".estimate").getByText("to download").waitFor();
    await page.locator(".estimate .note").waitFor();
    await visitor.picture(page, "models-address");
    await page.getByLabel("Name here").fill("brought");
    await page.getByRole("button", { name: "Download", exact: true }).click();
    const task = page.locator("section", { hasText: "Downloads" }).locator("li", { hasText: "brought" }).first();
    await task.getByText("downloading").waitFor();
    await task.getByText(/[4-9]\d\.\d MiB of/).waitFor();
    await visitor.check(page, "a download");
    await visitor.picture(page, "models-download");
    await task.getByRole("button", { name: "Pause" }).click();
    await task.getByText("paused").waitFor();
    hub.goOn();
    await task.getByRole("button", { name: "Resume" }).click();
    await task.getByText("done").waitFor({ timeout: 60_000 });
    assert.equal(hub.cuts, 1, "it was cut once, and went on");
    await page.locator(".entry", { hasText: "brought" }).waitFor();
    await visitor.picture(page, "models-brought");
  } finally {
    hub.close();
  }
}
