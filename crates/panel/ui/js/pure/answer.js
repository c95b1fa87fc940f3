// An answer of a chat as it grows.

/**
 * @typedef {object} Answer
 * @property {string} text
 * @property {string} reasoning
 * @property {string | null} waiting what it waits for before its first token
 * @property {number | null} firstAt when the first token came
 * @property {number} tokens
 * @property {number | null} perSecond tokens of the answer per second
 * @property {number | null} prompt tokens of the prompt
 * @property {number | null} cached tokens of the prompt that were there already
 * @property {string | null} finish why it ended
 * @property {{ message: string, remedy?: string } | null} error
 */

/** @returns {Answer} */
export function emptyAnswer() {
  return { text: "", reasoning: "", waiting: null, firstAt: null, tokens: 0, perSecond: null, prompt: null, cached: null, finish: null, error: null };
}

/**
 * The answer after one more frame.
 * @param {Answer} answer
 * @param {import("./sse.js").Frame} frame
 * @param {number} now
 * @returns {Answer}
 */
export function grown(answer, frame, now) {
  if (frame.comment !== null && frame.data === "") {
    return answer.firstAt === null ? { ...answer, waiting: frame.comment } : answer;
  }
  if (frame.data === "" || frame.data === "[DONE]") return answer;
  /** @type {any} */
  let data;
  try {
    data = JSON.parse(frame.data);
  } catch {
    return { ...answer, error: { message: "The stream could not be read.", remedy: "Ask again." } };
  }
  if (data.error) return { ...answer, waiting: null, error: data.error };
  const choice = data.choices?.[0];
  const text = choice?.delta?.content ?? "";
  const reasoning = choice?.delta?.reasoning_content ?? "";
  const next = { ...answer, text: answer.text + text, reasoning: answer.reasoning + reasoning };
  if (text || reasoning) {
    next.firstAt ??= now;
    next.waiting = null;
    next.tokens += 1;
    const seconds = (now - next.firstAt) / 1000;
    next.perSecond = seconds > 0.2 ? (next.tokens - 1) / seconds : next.perSecond;
  }
  if (choice?.finish_reason) next.finish = choice.finish_reason;
  if (data.usage) {
    next.prompt = data.usage.prompt_tokens ?? next.prompt;
    next.tokens = data.usage.completion_tokens ?? next.tokens;
    next.cached = data.usage.prompt_tokens_details?.cached_tokens ?? next.cached;
  }
  if (data.timings) {
    next.perSecond = data.timings.predicted_per_second ?? next.perSecond;
    next.prompt = data.timings.prompt_n === undefined ? next.prompt : data.timings.prompt_n + (data.timings.cache_n ?? 0);
    next.cached = data.timings.cache_n ?? next.cached;
  }
  return next;
}

/**
 * Parts reasoning that a model wrote into its answer (`<think>`) from the answer.
 * @param {string} text
 */
export function thought(text) {
  const match = /^\s*<think>([\s\S]*?)(?:<\/think>([\s\S]*))?$/.exec(text);
  return match ? { reasoning: (match[1] ?? "").trim(), text: (match[2] ?? "").trimStart() } : { reasoning: "", text };
}
