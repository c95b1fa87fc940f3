import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyAnswer, grown, thought } from "../../ui/js/pure/answer.js";
import { shown } from "../../ui/js/pure/cut.js";
import { added, filtered, MOST } from "../../ui/js/pure/lines.js";
import { FrameReader } from "../../ui/js/pure/sse.js";

const data = (value) => ({ event: "message", data: JSON.stringify(value), comment: null });

test("frames are whole however they are cut", () => {
  const stream = ": waiting, place 2 of 3: sd is painting\n\nevent: a\ndata: {\"x\":1}\ndata: more\nid: 7\n\r\ndata: [DONE]\n\n";
  for (let size = 1; size < 12; size += 1) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < stream.length; at += size) frames.push(...reader.read(stream.slice(at, at + size)));
    assert.deepEqual(frames.at(-1).data, "[DONE]", `pieces of ${size}`);
    assert.deepEqual(frames[0], { event: "message", data: "", comment: "waiting, place 2 of 3: sd is painting" });
  }
});

test("an answer grows, with its speed", () => {
  let now = emptyAnswer();
  now = grown(now, { event: "message", data: "", comment: "waiting, place 1 of 2" }, 0);
  assert.equal(now.waiting, "waiting, place 1 of 2");
  now = grown(now, data({ choices: [{ delta: { reasoning_content: "hm" } }] }), 1000);
  now = grown(now, data({ choices: [{ delta: { content: "He" } }] }), 1500);
  now = grown(now, data({ choices: [{ delta: { content: "llo" }, finish_reason: "stop" }] }), 2000);
  assert.deepEqual([now.text, now.reasoning, now.waiting, now.finish, now.perSecond], ["Hello", "hm", null, "stop", 2]);
  now = grown(now, data({ choices: [], usage: { prompt_tokens: 30, completion_tokens: 3 }, timings: { predicted_per_second: 41.5, prompt_n: 10, cache_n: 20 } }), 2001);
  assert.deepEqual([now.perSecond, now.prompt, now.cached, now.tokens], [41.5, 30, 20, 3]);
  assert.equal(grown(now, { event: "message", data: "[DONE]", comment: null }, 3000), now);
});

test("an error within a stream is one", () => {
  assert.equal(grown(emptyAnswer(), data({ error: { message: "It died", remedy: "Ask again" } }), 0).error.message, "It died");
  assert.ok(grown(emptyAnswer(), { event: "message", data: "{", comment: null }, 0).error);
});

test("reasoning in the answer is told apart, also while it grows", () => {
  assert.deepEqual(thought("<think>a\nb</think>\n\nc"), { reasoning: "a\nb", text: "c" });
  assert.deepEqual(thought("<think>still"), { reasoning: "still", text: "" });
  assert.deepEqual(thought("no <think> here"), { reasoning: "", text: "no <think> here" });
});

test("long values are cut, and say by how much", () => {
  assert.equal(shown({ length: 50_000, first: [1, 2] }), "[1, 2, … 49,998 more]");
  assert.equal(shown([1, "a"]), '[1, "a"]');
  assert.match(shown("x".repeat(700)), /… 200 more characters$/);
  assert.equal(shown(null), "none");
});

const line = (n, level = "info", model = "a") => ({ source: model === null ? "daemon" : `${model}#1`, model, level, at_ms: n, line: `line ${n}` });

test("the latest ten thousand lines are kept", () => {
  const many = Array.from({ length: MOST + 50 }, (_, n) => line(n));
  const all = added(many.slice(0, 100), many.slice(100));
  assert.deepEqual([all.length, all[0].at_ms], [MOST, 50]);
});

test("lines are filtered by level, text and source", () => {
  const all = [line(1, "error"), line(2, "debug"), line(3, "info", "b"), line(4, "warn", null)];
  const found = (wanted) => filtered(all, { level: "debug", text: "", model: null, ...wanted }).map((one) => one.at_ms);
  assert.deepEqual(found({}), [1, 2, 3, 4]);
  assert.deepEqual(found({ level: "warn" }), [1, 4]);
  assert.deepEqual(found({ model: "a" }), [1, 2]);
  assert.deepEqual(found({ model: "" }), [4]);
  assert.deepEqual(found({ text: "LINE 3" }), [3]);
});
