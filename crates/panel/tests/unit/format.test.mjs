import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, duration, percent, readBytes, tokens, weights } from "../../ui/js/pure/format.js";

test("bytes have three digits", () => {
  const cases = [[0, "0 B"], [999, "999 B"], [1000, "0.98 KiB"], [1536, "1.50 KiB"], [25_276_502_016, "23.5 GiB"], [512 * 2 ** 20, "512 MiB"], [1023 * 2 ** 30, "1.00 TiB"], [null, "unknown"], [Number.NaN, "unknown"]];
  for (const [value, text] of cases) assert.equal(bytes(value), text);
});

test("amounts are read as people write them", () => {
  assert.equal(readBytes("12 GiB"), 12 * 2 ** 30);
  assert.equal(readBytes("1.5g"), 1.5 * 2 ** 30);
  assert.equal(readBytes(" 700 "), 700);
  for (const wrong of ["", "many", "-3 GiB", "3 PiB", "80 %"]) assert.equal(readBytes(wrong), null);
});

test("durations get coarser", () => {
  const cases = [[0, "0 ms"], [850.4, "850 ms"], [4210, "4.2 s"], [59_400, "59 s"], [60_000, "1 min"], [200_000, "3 min 20 s"], [7_500_000, "2 h 5 min"], [null, "unknown"]];
  for (const [ms, text] of cases) assert.equal(duration(ms), text);
  assert.equal(ago(1000, 20_000), "just now");
  assert.equal(ago(0, 600_000), "10 min ago");
});

test("sizes of models", () => {
  assert.equal(weights(135_000_000), "135 M");
  assert.equal(weights(7_620_000_000), "7.6 B");
  assert.equal(tokens(32_768), "32K");
  assert.equal(tokens(2000), "2,000");
  assert.equal(percent(0.256), "26 %");
  assert.equal(percent(7), "100 %");
});
