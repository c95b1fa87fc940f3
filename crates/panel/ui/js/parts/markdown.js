// Elements of a tree of markdown. Text becomes text nodes: whatever a model writes, it cannot script.

/** @import { Block, Inline } from "../pure/markdown.js" */
import { html, h, useMemo } from "../lib.js";
import { blocks } from "../pure/markdown.js";
import { Copy } from "./basics.js";

/** @param {{ text: string }} props */
export function Markdown({ text }) {
  const tree = useMemo(() => blocks(text), [text]);
  return html`<div class="md">${tree.map(block)}</div>`;
}

/** @param {Block} node @param {number} key @returns {any} */
function block(node, key) {
  switch (node.t) {
    case "p": return html`<p key=${key}>${node.c.map(inline)}</p>`;
    // Headings of an answer are below those of the page.
    case "heading": return h(`h${Math.min(6, node.level + 2)}`, { key }, node.c.map(inline));
    case "rule": return html`<hr key=${key} />`;
    case "quote": return html`<blockquote key=${key}>${node.c.map(block)}</blockquote>`;
    case "list": {
      const items = node.items.map((item, index) => html`<li key=${index}>${item.length === 1 && item[0]?.t === "p" ? item[0].c.map(inline) : item.map(block)}</li>`);
      return node.ordered ? html`<ol key=${key} start=${node.start}>${items}</ol>` : html`<ul key=${key}>${items}</ul>`;
    }
    case "fence": return html`<div class="fence" key=${key}>
      <div class="row between"><span class="muted small">${node.lang || "text"}</span><${Copy} slim text=${() => node.v} /></div>
      <pre tabindex="0"><code>${node.v}</code></pre>
    </div>`;
    case "table": return html`<div class="scroll-x" key=${key} tabindex="0" role="region" aria-label="Table"><table>
      <thead><tr>${node.head.map((cell, index) => html`<th key=${index} style=${{ textAlign: node.align[index] }}>${cell.map(inline)}</th>`)}</tr></thead>
      <tbody>${node.rows.map((row, index) => html`<tr key=${index}>${row.map((cell, at) => html`<td key=${at} style=${{ textAlign: node.align[at] }}>${cell.map(inline)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
    default: return null;
  }
}

/** @param {Inline} node @param {number} key @returns {any} */
function inline(node, key) {
  switch (node.t) {
    case "text": return node.v;
    case "code": return html`<code key=${key}>${node.v}</code>`;
    case "break": return html`<br key=${key} />`;
    case "link": return html`<a key=${key} href=${node.href} target="_blank" rel="noopener noreferrer nofollow">${node.c.map(inline)}</a>`;
    default: return h(node.t, { key }, node.c.map(inline));
  }
}
