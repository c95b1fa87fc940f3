import assert from "node:assert/strict";
import { test } from "node:test";
import { described, reason } from "../../ui/js/pure/describe.js";
import { begun, pieces, rows, withEvent, withSnapshot } from "../../ui/js/pure/lanes.js";
import { applied, modelOf, stateOf } from "../../ui/js/pure/reduce.js";
import { segments, tone, used } from "../../ui/js/pure/segments.js";

const estimate = (total) => ({ source: "computed", margin_percent: 1, devices: [{ id: "host", weights: total, kv_cache: 0, compute: 0, other: 0, total, mapped: 0 }] });
const status = (...models) => ({ models, reserved: {}, closing: false, last_event: 0, budgets: {}, holds: [{ id: "h1" }], not_returned: {} });
const idle = (id) => ({ id, kind: "text", waiting: 0, waits_for: null, instance: null });
const reserved = (instance, total) => ({ event: "reserved", instance, estimate: estimate(total) });
const state = (instance, name, failure) => ({ event: "state", instance, state: name, failure });

test("a model's life as its events tell it", () => {
  let now = status(idle("a"), idle("b#c"));
  now = applied(now, reserved("b#c#12", 7));
  assert.equal(now.models[1].instance.state, "starting");
  assert.equal(now.models[0].instance, null);
  now = applied(now, { event: "measured", instance: "b#c#12", predicted: estimate(7), actual: estimate(9) });
  now = applied(now, state("b#c#12", "ready"));
  assert.equal(now.models[1].instance.actual.devices[0].total, 9);
  assert.equal(stateOf(now.models[1]), "ready");
  now = applied(now, state("b#c#11", "crashed"));
  assert.equal(stateOf(now.models[1]), "ready", "an earlier instance is another one");
  now = applied(now, state("b#c#12", "crashed", { reason: { kind: "signal", name: "SIGKILL" } }));
  assert.equal(stateOf(now.models[1]), "crashed");
  assert.equal(applied(now, { event: "hold-released", hold: "h1" }).holds.length, 0);
  assert.equal(modelOf("b#c#12"), "b#c");
});

test("a model that waits says so before it runs", () => {
  assert.equal(stateOf({ ...idle("a"), waits_for: { what: "room" } }), "waiting");
  assert.equal(stateOf(idle("a")), "unloaded");
});

test("the timeline shows who made room for whom", () => {
  let now = begun(0);
  now = withSnapshot(now, status({ ...idle("chat"), instance: { id: "chat#1", model: "chat", state: "ready", predicted: estimate(5), actual: null } }), 100);
  now = withEvent(now, { event: "making-room", model: "painter", leaving: ["chat#1"] }, 200);
  now = withEvent(now, state("chat#1", "draining"), 200);
  now = withEvent(now, state("chat#1", "stopped"), 300);
  now = withEvent(now, reserved("painter#2", 50), 300);
  now = withEvent(now, state("painter#2", "ready"), 500);
  now = withEvent(now, state("painter#2", "crashed"), 900);
  assert.deepEqual(now.marks.map((mark) => mark.kind), ["evict", "crash"]);
  assert.match(now.marks[0].text, /painter: chat leaves/);
  const lanes = rows(now, "host", 0);
  assert.deepEqual(lanes.map((row) => [row.model, row.spans.length]), [["chat", 1], ["painter", 1]]);
  const [painter] = lanes[1].spans;
  assert.deepEqual([painter.from, painter.to, painter.end, painter.seen], [300, 900, "crashed", true]);
  const parts = pieces(painter, 400, 1400);
  assert.deepEqual(parts.map((part) => [part.state, part.left, part.width]), [["starting", 0, 0.1], ["ready", 0.1, 0.4]]);
  assert.equal(rows(now, "gpu0", 0).length, 0);
  assert.equal(rows(now, "host", 1000).length, 0, "what has ended before the window is not in it");
});

test("what a snapshot does not have any more has ended, and nothing is counted twice", () => {
  const one = { ...idle("a"), instance: { id: "a#1", model: "a", state: "ready", predicted: estimate(5), actual: null } };
  let now = withSnapshot(begun(0), status(one), 10);
  now = withSnapshot(now, status(one), 20);
  assert.equal(now.spans.length, 1);
  now = withSnapshot(now, status(idle("a")), 30);
  assert.equal(now.spans[0].to, 30);
});

test("old spans are forgotten", () => {
  let now = withEvent(begun(0), reserved("a#1", 1), 0);
  now = withEvent(now, state("a#1", "stopped"), 10);
  now = withEvent(now, reserved("b#2", 1), 3 * 3600 * 1000);
  assert.deepEqual(now.spans.map((span) => span.model), ["b"]);
});

const device = { id: "host", name: "", kind: "host", pool: "host", total: 100, free: 40, budget: null, held: 0, not_returned: 5, other: 25, ours: [{ model: "a", instance: "a#1", reserved: 31, resident: 30 }, { model: "b", instance: "b#1", reserved: 0, resident: null }] };

test("the parts of a device come to its size", () => {
  const known = new Map();
  const parts = segments(device, known);
  assert.equal(parts.reduce((sum, part) => sum + part.bytes, 0), 100);
  assert.deepEqual(parts.map((part) => part.kind), ["model", "model", "other", "lost", "free"]);
  assert.deepEqual(used(device), { ours: 30, used: 60, free: 40 });
  const unknown = segments({ ...device, free: null, other: null, ours: [], not_returned: 0 }, known);
  assert.deepEqual(unknown.map((part) => [part.kind, part.bytes]), [["free", 100]]);
});

test("a model keeps its colour", () => {
  const known = new Map();
  const first = tone(known, "a");
  tone(known, "b");
  assert.equal(tone(known, "a"), first);
  assert.notEqual(tone(known, "b"), first);
});

test("every event has words", () => {
  assert.equal(described(state("a#1", "crashed", { reason: { kind: "signal", name: "SIGKILL" } })).text, "a#1 died: ended by SIGKILL from outside");
  assert.equal(described({ event: "making-room", model: "b", leaving: ["a#1", "c#2"] }).text, "a and c make room for b");
  assert.equal(described({ event: "not-returned", device: "gpu0", bytes: 0 }).tone, "good");
  assert.equal(reason(null), "nobody knows why");
  assert.equal(reason({ reason: { kind: "something-new" } }), "something new");
});
