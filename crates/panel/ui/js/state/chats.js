// Conversations, kept in this browser.
import { signal } from "../lib.js";
import { emptyAnswer, grown } from "../pure/answer.js";
import { FrameReader } from "../pure/sse.js";
import { problemOf, send } from "./api.js";
import { refreshSoon } from "./stream.js";

/** @import { Answer } from "../pure/answer.js" */
/** @typedef {{ role: "user", text: string, images: string[] } | { role: "assistant", model: string, answer: Answer, ms: number }} Turn */
/** @typedef {{ id: string, title: string, model: string, at: number, turns: Turn[] }} Conversation */
/** @typedef {{ system: string, temperature: number | null, top_p: number | null, top_k: number | null, min_p: number | null, max_tokens: number | null, seed: number | null, reasoning: "auto" | "on" | "off" }} Sampling */

const PLACE = "loadmaster.conversations";
const SAMPLING = "loadmaster.sampling";
/** Conversations that are kept. */
const MOST = 50;

/** @type {import("./store.js").Cell<Conversation[]>} */
export const conversations = signal(read(PLACE, []));
/** The id of the one that is shown; none before the first question. */
export const current = signal(/** @type {string | null} */ (conversations.peek()[0]?.id ?? null));
/** @type {import("./store.js").Cell<Sampling>} */
export const sampling = signal({ system: "", temperature: null, top_p: null, top_k: null, min_p: null, max_tokens: null, seed: null, reasoning: "auto", ...read(SAMPLING, {}) });
/** What stops the answer that is being written. */
export const writing = signal(/** @type {AbortController | null} */ (null));

/** @param {string} place @param {any} otherwise */
function read(place, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep() {
  // Pictures would fill what a browser keeps for a page; they stay as long as the page is open.
  const light = conversations.peek().slice(0, MOST).map((one) => ({
    ...one, turns: one.turns.map((turn) => (turn.role === "user" ? { ...turn, images: [] } : turn)),
  }));
  try {
    localStorage.setItem(PLACE, JSON.stringify(light));
  } catch {
    // It is full: what is shown stays shown.
  }
}

/** @param {Partial<Sampling>} change */
export function setSampling(change) {
  sampling.value = { ...sampling.peek(), ...change };
  try {
    localStorage.setItem(SAMPLING, JSON.stringify(sampling.peek()));
  } catch {
    // The same.
  }
}

/** @param {string} id @param {(one: Conversation) => Conversation} change */
function change(id, change) {
  conversations.value = conversations.peek().map((one) => (one.id === id ? change(one) : one));
}

/** @param {string} id */
export function forget(id) {
  conversations.value = conversations.peek().filter((one) => one.id !== id);
  if (current.peek() === id) current.value = null;
  keep();
}

/** A new one begins with the next question. */
export function startNew() {
  current.value = null;
}

/**
 * Asks `model`, and lets its answer grow in the conversation that is shown.
 * @param {string} model
 * @param {string} text
 * @param {string[]} images as data URLs
 */
export async function say(model, text, images) {
  let id = current.peek();
  if (id === null || !conversations.peek().some((one) => one.id === id)) {
    id = `c${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
    conversations.value = [{ id, title: text.slice(0, 60) || "Picture", model, at: Date.now(), turns: [] }, ...conversations.peek()];
    current.value = id;
  }
  change(id, (one) => ({ ...one, model, at: Date.now(), turns: [...one.turns, { role: "user", text, images }] }));
  await answer(id, model);
}

/** Asks for the last answer again. @param {string} id @param {string} model */
export async function again(id, model) {
  change(id, (one) => ({ ...one, turns: one.turns.at(-1)?.role === "assistant" ? one.turns.slice(0, -1) : one.turns }));
  await answer(id, model);
}

/** @param {string} id @param {string} model */
async function answer(id, model) {
  const controller = new AbortController();
  writing.value = controller;
  const begun = performance.now();
  const turns = conversations.peek().find((one) => one.id === id)?.turns ?? [];
  let now = emptyAnswer();
  change(id, (one) => ({ ...one, turns: [...one.turns, { role: "assistant", model, answer: now, ms: 0 }] }));
  let due = 0;
  const show = () => {
    due = 0;
    change(id, (one) => ({ ...one, turns: [...one.turns.slice(0, -1), { role: "assistant", model, answer: now, ms: performance.now() - begun }] }));
  };
  try {
    const response = await send("POST", "/v1/chat/completions", body(model, turns), { signal: controller.signal });
    refreshSoon();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const frames = new FrameReader();
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) break;
      for (const frame of frames.read(piece.value)) now = grown(now, frame, performance.now());
      // Tokens come faster than anybody reads: one change of the page for each frame of the screen.
      due ||= requestAnimationFrame(show);
    }
  } catch (error) {
    if (!controller.signal.aborted) now = { ...now, error: problemOf(error).told };
    else now = { ...now, finish: "stopped" };
  } finally {
    cancelAnimationFrame(due);
    now = { ...now, waiting: null };
    show();
    writing.value = null;
    keep();
    refreshSoon();
  }
}

/** @param {string} model @param {Turn[]} turns */
function body(model, turns) {
  const { system, reasoning, ...numbers } = sampling.peek();
  const messages = turns.flatMap(/** @returns {any[]} */ (turn) => {
    if (turn.role === "assistant") return turn.answer.text ? [{ role: "assistant", content: turn.answer.text }] : [];
    if (turn.images.length === 0) return [{ role: "user", content: turn.text }];
    const pictures = turn.images.map((url) => ({ type: "image_url", image_url: { url } }));
    return [{ role: "user", content: [...(turn.text ? [{ type: "text", text: turn.text }] : []), ...pictures] }];
  });
  const set = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null));
  return {
    model, stream: true, stream_options: { include_usage: true }, timings_per_token: false, ...set,
    ...(reasoning === "auto" ? {} : { chat_template_kwargs: { enable_thinking: reasoning === "on" } }),
    messages: system ? [{ role: "system", content: system }, ...messages] : messages,
  };
}
