// The library: each model with its verdict; a file imported by its path, looked into, and deleted while the file stays.
import { access } from "node:fs/promises";
import { basename } from "node:path";

/** @param {import("./visitor.mjs").Visitor} visitor @param {import("playwright-core").Page} page @param {string} file */
export async function library(visitor, page, file) {
  const name = basename(file, ".gguf");
  const entry = (/** @type {string} */ text) => page.locator(".entry", { has: page.getByRole("button", { name: text, exact: true }) });
  const fits = /^(fits|fits, others step aside|tight)$/;
  await visitor.go(page, "models");
  for (const model of ["chat", "painter"]) await entry(model).getByText(fits).waitFor();
  await page.getByText(/^\d+ models, .* on disk$/).waitFor();
  await page.getByRole("button", { name: "File", exact: true }).click();
  await page.getByLabel("Path of a file").fill(file);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(`${name} was imported.`).waitFor();
  await entry(name).getByText(fits).waitFor();
  await page.getByRole("button", { name: `Details of ${name}` }).click();
  const dialog = page.locator("dialog");
  await dialog.getByText("Essential").waitFor();
  await visitor.check(page, "what a model's file says");
  await visitor.picture(page, "models-details");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await dialog.getByText("it is not the library's").waitFor();
  await dialog.getByRole("button", { name: `Delete ${name}` }).click();
  await entry(name).waitFor({ state: "detached" });
  await access(file);
}
