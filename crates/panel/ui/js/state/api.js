// Asks the daemon. What fails is a Problem: what happened, and what to do about it.

/** @import { ApiProblem } from "../types.js" */

/** What the daemon refused, or why it could not be asked. */
export class Problem extends Error {
  /** @param {ApiProblem} told */
  constructor(told) {
    super(told.message);
    this.told = told;
  }

  /** Whether this daemon does not have what was asked for at all. */
  get isMissing() {
    return ["not_found", "not_implemented", "method_not_allowed", "jobs_disabled"].includes(this.told.code ?? "");
  }
}

/**
 * A problem of whatever was thrown.
 * @param {unknown} error
 */
export function problemOf(error) {
  if (error instanceof Problem) return error;
  return new Problem({ message: String(error instanceof Error ? error.message : error), remedy: "Reload the page; report it if it stays." });
}

/**
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
export async function refused(response) {
  const text = await response.text().catch(() => "");
  try {
    const told = JSON.parse(text).error;
    if (told?.message) return new Problem({ ...told, status: response.status });
  } catch {
    // Not ours: it is told by its status.
  }
  if (response.status === 401) {
    return new Problem({ message: "This daemon asks for its token.", remedy: "Open the link that loadmaster serve printed, or run loadmaster panel.", status: 401 });
  }
  return new Problem({ message: `The daemon answered ${response.status}.`, remedy: "Look at its log.", status: response.status });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ signal?: AbortSignal, headers?: Record<string, string> }} [options]
 * @returns {Promise<Response>}
 */
export async function send(method, path, body, options = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...options.headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem({ message: "The daemon cannot be reached.", remedy: "Start it with loadmaster serve; this page goes on by itself.", code: "unreachable" });
  }
  if (!response.ok) throw await refused(response);
  return response;
}

/**
 * The same, with the JSON of the answer.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ signal?: AbortSignal, headers?: Record<string, string> }} [options]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, options) {
  const response = await send(method, path, body, options);
  const text = await response.text();
  return text === "" ? null : JSON.parse(text);
}

/**
 * A name as one segment of a path.
 * @param {string} name
 */
export function segment(name) {
  return encodeURIComponent(name);
}
