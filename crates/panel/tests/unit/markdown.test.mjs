import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks, inlines, safe } from "../../ui/js/pure/markdown.js";

const text = (v) => ({ t: "text", v });

test("what looks like HTML is text", () => {
  const source = "<script>alert(1)</script> <img src=x onerror=alert(1)>";
  assert.deepEqual(blocks(source), [{ t: "p", c: [text(source)] }]);
});

test("links lead to the web and nowhere else", () => {
  assert.deepEqual(inlines("[a](https://example.com/x)"), [{ t: "link", href: "https://example.com/x", c: [text("a")] }]);
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "vbscript:x", " javascript:alert(1)", "//example.com", "file:///etc/passwd", "JAVASCRIPT:1", "java\nscript:1"]) {
    assert.equal(safe(bad), null, bad);
    assert.ok(!JSON.stringify(inlines(`[a](${bad})`)).includes('"link"'), bad);
  }
  assert.deepEqual(inlines("see https://example.com/a?b=1."), [text("see "), { t: "link", href: "https://example.com/a?b=1", c: [text("https://example.com/a?b=1")] }, text(".")]);
});

test("emphasis, and what is none", () => {
  assert.deepEqual(inlines("a **b *c*** d"), [text("a "), { t: "strong", c: [text("b "), { t: "em", c: [text("c")] }] }, text(" d")]);
  assert.deepEqual(inlines("snake_case_name and 2 * 3 * 4"), [text("snake_case_name and 2 * 3 * 4")]);
  assert.deepEqual(inlines("~~no~~ \\*x\\*"), [{ t: "del", c: [text("no")] }, text(" *x*")]);
  assert.deepEqual(inlines("`a **b**` ``c ` d``"), [{ t: "code", v: "a **b**" }, text(" "), { t: "code", v: "c ` d" }]);
  assert.deepEqual(inlines("**not closed"), [text("**not closed")]);
});

test("fences keep what is in them, also while they grow", () => {
  assert.deepEqual(blocks("```rust\nfn a() {}\n\n# no\n```\nafter"), [{ t: "fence", lang: "rust", v: "fn a() {}\n\n# no" }, { t: "p", c: [text("after")] }]);
  assert.deepEqual(blocks("```js\nlet a"), [{ t: "fence", lang: "js", v: "let a" }]);
});

test("headings, rules, quotes", () => {
  const found = blocks("## A b ##\n\n---\n> one\n> > two\n\ntext");
  assert.deepEqual(found.map((block) => block.t), ["heading", "rule", "quote", "p"]);
  assert.deepEqual(found[0], { t: "heading", level: 2, c: [text("A b")] });
  assert.deepEqual(found[2].c.map((block) => block.t), ["p", "quote"]);
});

test("lists within lists", () => {
  const [list] = blocks("1. one\n   - a\n   - b\n2. two\n\n3. three");
  assert.deepEqual([list.ordered, list.start, list.items.length], [true, 1, 3]);
  assert.equal(list.items[0][1].t, "list");
  assert.equal(list.items[0][1].items.length, 2);
  const [plain, after] = blocks("- a\n- b\n\nafter");
  assert.deepEqual([plain.items.length, after.t], [2, "p"]);
});

test("tables", () => {
  const [table] = blocks("| a | b |\n|---|--:|\n| 1 | x\\|y |\n| 2 |");
  assert.deepEqual(table.align, ["left", "right"]);
  assert.deepEqual(table.rows, [[[text("1")], [text("x|y")]], [[text("2")]]]);
});

test("whatever comes is read, and in good time", () => {
  const pieces = ["**", "_", "`", "[", "](", "\n", "> ", "- ", "1. ", "|", "---", "```", "<b>", "a", " ", "\\", "~~", "https://x"];
  let seed = 7;
  for (let round = 0; round < 3000; round += 1) {
    let source = "";
    for (let at = 0; at < 40; at += 1) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      source += pieces[seed % pieces.length];
    }
    assert.ok(Array.isArray(blocks(source)));
  }
  for (const nasty of ["> ".repeat(5000), "- ".repeat(5000), "[".repeat(5000), "*a ".repeat(5000), "`".repeat(5001), "| ".repeat(3000)]) {
    assert.ok(blocks(nasty).length > 0);
  }
});
