// Markdown as models write it, read into a tree of plain objects. The tree has no HTML in it: what looks like HTML
// is text. parts/markdown.js makes elements of it.

/**
 * @typedef {(
 *   | { t: "text", v: string } | { t: "code", v: string } | { t: "break" }
 *   | { t: "strong" | "em" | "del", c: Inline[] } | { t: "link", href: string, c: Inline[] }
 * )} Inline
 */
/**
 * @typedef {(
 *   | { t: "p", c: Inline[] } | { t: "heading", level: number, c: Inline[] } | { t: "rule" }
 *   | { t: "fence", lang: string, v: string } | { t: "quote", c: Block[] }
 *   | { t: "list", ordered: boolean, start: number, items: Block[][] }
 *   | { t: "table", align: string[], head: Inline[][], rows: Inline[][][] }
 * )} Block
 */

/** Deeper quotes and lists are shown as text: nobody writes them, and a model that repeats itself might. */
const DEEPEST = 8;

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {Block[]}
 */
export function blocks(text, depth = 0) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  /** @type {Block[]} */
  const out = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const fence = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/.exec(line);
    if (line.trim() === "") {
      at += 1;
    } else if (fence) {
      const end = fenceEnd(lines, at + 1, fence[1] ?? "```");
      out.push({ t: "fence", lang: fence[2] ?? "", v: lines.slice(at + 1, end).join("\n") });
      at = end + 1;
    } else if (/^ {0,3}#{1,6}(\s|$)/.test(line)) {
      const level = (/#+/.exec(line) ?? [""])[0].length;
      out.push({ t: "heading", level, c: inlines(line.trim().slice(level).replace(/\s#+\s*$/, "").trim()) });
      at += 1;
    } else if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.push({ t: "rule" });
      at += 1;
    } else if (/^ {0,3}>/.test(line) && depth < DEEPEST) {
      const end = until(lines, at, (next) => !/^ {0,3}>/.test(next));
      const inner = lines.slice(at, end).map((next) => next.replace(/^ {0,3}> ?/, ""));
      out.push({ t: "quote", c: blocks(inner.join("\n"), depth + 1) });
      at = end;
    } else if (item(line) && depth < DEEPEST) {
      const [list, end] = listAt(lines, at, depth);
      out.push(list);
      at = end;
    } else if (isTable(lines, at)) {
      const end = until(lines, at + 2, (next) => !next.includes("|") || next.trim() === "");
      out.push(table(lines.slice(at, end)));
      at = end;
    } else {
      const end = until(lines, at + 1, (next, index) => next.trim() === "" || interrupts(lines, next, index));
      out.push({ t: "p", c: inlines(lines.slice(at, end).map((next) => next.replace(/^\s+/, "")).join("\n")) });
      at = end;
    }
  }
  return out;
}

/**
 * @param {string[]} lines
 * @param {number} from
 * @param {(line: string, index: number) => boolean} ends
 */
function until(lines, from, ends) {
  let at = from;
  while (at < lines.length && !ends(lines[at] ?? "", at)) at += 1;
  return at;
}

/**
 * @param {string[]} lines
 * @param {number} from
 * @param {string} opened
 */
function fenceEnd(lines, from, opened) {
  return until(lines, from, (line) => {
    const bare = line.trim();
    return bare.length >= opened.length && bare === (opened[0] ?? "`").repeat(bare.length);
  });
}

/**
 * @param {string[]} lines
 * @param {string} line
 * @param {number} at
 */
function interrupts(lines, line, at) {
  return /^ {0,3}(#{1,6}\s|>|`{3}|~{3})/.test(line) || item(line) !== null || isTable(lines, at);
}

/** @param {string} line */
function item(line) {
  const match = /^(\s*)([-*+]|\d{1,9}[.)])(\s+)(.*)$/.exec(line);
  if (!match) return null;
  const [, indent = "", mark = "", gap = "", rest = ""] = match;
  return { indent: indent.length, ordered: /\d/.test(mark), start: Number.parseInt(mark, 10) || 1, content: indent.length + mark.length + Math.min(gap.length, 4), rest };
}

/**
 * @param {string[]} lines
 * @param {number} from
 * @param {number} depth
 * @returns {[Block, number]}
 */
function listAt(lines, from, depth) {
  const first = item(lines[from] ?? "");
  if (!first) throw new Error("a list begins with an item");
  /** @type {Block[][]} */
  const items = [];
  let at = from;
  while (at < lines.length) {
    const next = item(lines[at] ?? "");
    if (!next || next.ordered !== first.ordered || next.indent > first.indent + 3 || next.indent < first.indent) break;
    const own = [next.rest];
    at += 1;
    while (at < lines.length) {
      const line = lines[at] ?? "";
      const indent = line.search(/\S/);
      const another = item(line);
      if (indent < 0) {
        // An empty line belongs to the item when what follows is still within it.
        const after = lines[at + 1] ?? "";
        if (after.search(/\S/) < Math.min(next.content, first.indent + 2)) break;
        own.push("");
      } else if (indent >= next.content || (another && another.indent >= first.indent + 2)) {
        own.push(line.slice(Math.min(indent, next.content)));
      } else if (another || interrupts(lines, line, at)) {
        break;
      } else {
        own.push(line.trim());
      }
      at += 1;
    }
    items.push(blocks(own.join("\n"), depth + 1));
    // A list goes on over one empty line.
    if ((lines[at] ?? "").trim() === "" && item(lines[at + 1] ?? "")?.ordered === first.ordered) at += 1;
  }
  return [{ t: "list", ordered: first.ordered, start: first.start, items }, at];
}

/**
 * @param {string[]} lines
 * @param {number} at
 */
function isTable(lines, at) {
  const rule = lines[at + 1] ?? "";
  return (lines[at] ?? "").includes("|") && /^[\s|:-]+$/.test(rule) && rule.includes("-") && rule.includes("|");
}

/** @param {string} line */
function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/**
 * @param {string[]} lines
 * @returns {Block}
 */
function table(lines) {
  const align = cells(lines[1] ?? "").map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left"));
  const head = cells(lines[0] ?? "").map(inlines);
  return { t: "table", align, head, rows: lines.slice(2).map((line) => cells(line).map(inlines)) };
}

/** What begins something within a line. */
const MARK = /(\\[\\`*_{}[\]()#+\-.!|~>])|(`+)|(\*\*|__)|(\*|_)|(~~)|(\[)|(https?:\/\/[^\s<>()]+)|( {2,}\n|\n)/g;

/**
 * @param {string} text
 * @returns {Inline[]}
 */
export function inlines(text) {
  /** @type {Inline[]} */
  const out = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) out.push({ t: "text", v: plain });
    plain = "";
  };
  /** @param {Inline} node @param {number} next */
  const put = (node, next) => {
    flush();
    out.push(node);
    at = next;
  };
  while (at < text.length) {
    MARK.lastIndex = at;
    const match = MARK.exec(text);
    if (!match) break;
    plain += text.slice(at, match.index);
    at = match.index;
    const [whole, escaped, ticks, strong, em, del, bracket, url, newline] = match;
    const after = at + whole.length;
    if (escaped) {
      plain += escaped.slice(1);
      at = after;
      continue;
    }
    if (ticks) {
      const end = text.indexOf(ticks, after);
      if (end > 0) { put({ t: "code", v: text.slice(after, end).replaceAll("\n", " ").trim() }, end + ticks.length); continue; }
    } else if (strong || del || em) {
      const mark = strong ?? del ?? em ?? "";
      const end = closing(text, after, mark, at);
      if (end > 0) {
        const kind = strong ? "strong" : del ? "del" : "em";
        put({ t: kind, c: inlines(text.slice(after, end)) }, end + mark.length);
        continue;
      }
    } else if (bracket) {
      const link = /^\[((?:[^[\]]|\[[^[\]]*\])*)\]\(\s*<?([^\s)>]*)>?(?:\s+"[^"]*")?\s*\)/.exec(text.slice(at));
      const href = link && safe(link[2] ?? "");
      if (link && href) { put({ t: "link", href, c: inlines(link[1] ?? "") }, at + link[0].length); continue; }
    } else if (url) {
      const bare = url.replace(/[.,;:!?'"]+$/, "");
      put({ t: "link", href: bare, c: [{ t: "text", v: bare }] }, at + bare.length);
      continue;
    } else if (newline) {
      put({ t: "break" }, after);
      continue;
    }
    plain += whole;
    at = after;
  }
  plain += text.slice(at);
  flush();
  return out;
}

/**
 * Where an emphasis ends that begins with `mark` before `from`; -1 where it does not.
 * @param {string} text
 * @param {number} from
 * @param {string} mark
 * @param {number} opened
 */
function closing(text, from, mark, opened) {
  if (/\s/.test(text[from] ?? " ")) return -1;
  // snake_case is no emphasis.
  if (mark.startsWith("_") && /\w/.test(text[opened - 1] ?? "")) return -1;
  for (let at = text.indexOf(mark, from); at > 0; at = text.indexOf(mark, at + 1)) {
    // Of three marks the last two close the strong part, and the first what is within it.
    while (mark.length === 2 && text[at + 2] === mark[0]) at += 1;
    const single = mark.length === 1 && text[at + 1] === mark;
    const inWord = mark.startsWith("_") && /\w/.test(text[at + mark.length] ?? "");
    if (single) at += 1;
    else if (at > from && !/\s/.test(text[at - 1] ?? " ") && !inWord) return at;
  }
  return -1;
}

/**
 * An address that may be a link, or null: of the web or of mail, and nothing that runs.
 * @param {string} href
 */
export function safe(href) {
  return /^(https?:\/\/|mailto:)[^\s]+$/i.test(href) ? href : null;
}
