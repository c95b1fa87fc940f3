import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS, formOf, requestOf } from "../../ui/js/pure/image_request.js";
import { AUTOMATIC, flags, settingsOf } from "../../ui/js/pure/load_settings.js";

test("what is left empty is left to the planner", () => {
  assert.deepEqual(settingsOf(AUTOMATIC), { settings: {}, wrong: {} });
  const { settings, wrong } = settingsOf({ ...AUTOMATIC, context_length: "4096", gpu_layers: "ALL", cache_type_k: "q8_0", extra: "--no-warmup --rope-scale 2" });
  assert.deepEqual(wrong, {});
  assert.deepEqual(settings, { context_length: 4096, gpu_layers: "all", cache_type_k: "q8_0", extra: { "no-warmup": null, "rope-scale": 2 } });
});

test("what cannot be is told where it is", () => {
  const { settings, wrong } = settingsOf({ ...AUTOMATIC, context_length: "0", gpu_layers: "some", parallel: "1.5", extra: "rope" });
  assert.deepEqual(settings, {});
  assert.deepEqual(Object.keys(wrong).sort(), ["context_length", "extra", "gpu_layers", "parallel"]);
});

test("flags as on a command line", () => {
  assert.deepEqual(flags('--a=1 -b --c "two words" --d -5'), { a: 1, b: null, c: "two words", d: -5 });
  assert.deepEqual(flags("  "), {});
  assert.equal(typeof flags("a b"), "string");
});

const form = { ...DEFAULTS, prompt: " a cat " };

test("a request for an image has what was filled in and nothing else", () => {
  assert.deepEqual(requestOf(form, "painter", null, null), { body: { kind: "image", model: "painter", prompt: "a cat", n: 1, output_format: "png" }, wrong: {} });
  const full = { ...form, negative: "dog", size: "custom", width: "640", height: "512", steps: "20", cfg: "7.5", seed: "0", strength: "0.6", sampler: "euler", n: "3" };
  const { body, wrong } = requestOf(full, "painter", "AAAA", null);
  assert.deepEqual(wrong, {});
  assert.deepEqual([body.size, body.steps, body.cfg_scale, body.seed, body.strength, body.image, body.n], ["640x512", 20, 7.5, 0, 0.6, "AAAA", 3]);
  assert.ok(!("strength" in requestOf(full, "painter", null, null).body), "strength belongs to an image to begin with");
});

test("the limits of a model are told at the field", () => {
  const limits = { max_pixels: 1, max_side: 512, min_side: 64, multiple: 64, max_steps: 50, max_batch: 8 };
  const capabilities = { family: null, mode: "", samplers: [], schedulers: [], loras: [], edits: true, previews: false, limits, defaults: {} };
  const { wrong } = requestOf({ ...DEFAULTS, size: "custom", width: "100", height: "512", steps: "51", seed: "-1" }, "p", null, capabilities);
  assert.deepEqual(Object.keys(wrong).sort(), ["prompt", "seed", "size", "steps"]);
});

test("a request becomes the form that asks for it again", () => {
  const request = { prompt: "a cat", negative_prompt: "dog", n: 2, size: "640x512", steps: 4, cfg_scale: 1, sampler: "euler", output_format: "webp" };
  const again = formOf(request, 42);
  assert.deepEqual(requestOf(again, "p", null, null).body, { kind: "image", model: "p", ...request, seed: 42 });
  assert.equal(formOf({ prompt: "x", size: "512x512" }, null).size, "512x512");
});
