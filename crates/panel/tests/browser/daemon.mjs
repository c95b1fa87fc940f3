// A real daemon with real servers, in a home of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export class Daemon {
  #given;
  #child;
  url = "";

  /** @param {{ binary: string, home: string }} given */
  constructor(given) {
    this.#given = given;
  }

  /** Starts it; on the port that it had, where it ran before. @param {string[]} [more] */
  async start(more = []) {
    const listen = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    const begun = performance.now();
    this.#child = spawn(this.#given.binary, ["serve", "--listen", listen, ...more], {
      env: { ...process.env, LOADMASTER_HOME: this.#given.home },
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const match = /listening on (http:\/\/\S+)/.exec(line);
      if (match) {
        this.url = match[1];
        return performance.now() - begun;
      }
    }
    throw new Error("the daemon did not say where it listens");
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal) {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  /** @param {string} path @param {RequestInit} [options] */
  async json(path, options) {
    const response = await fetch(`${this.url}${path}`, options);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** @param {string} model */
  async instance(model) {
    const { models } = await this.json("/api/v1/instances");
    return models.find((one) => one.id === model)?.instance ?? null;
  }

  /** What a model would have reserved of the host. @param {string} model */
  async needs(model) {
    const plan = await this.json(`/api/v1/plan/${model}`);
    const host = plan.devices.find((device) => device.id === "host");
    return Math.ceil(host.total * (1 + plan.margin_percent / 100));
  }
}
