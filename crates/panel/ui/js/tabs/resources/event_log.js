// What happened since this page was opened: filter, clear, export.
import { html, useMemo, useState } from "../../lib.js";
import { Card, Empty } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { Lines } from "../../parts/lines.js";
import { described } from "../../pure/describe.js";
import { clock } from "../../pure/format.js";
import { events } from "../../state/store.js";

export function EventLog() {
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(true);
  const all = events.value;
  const shown = useMemo(() => all.map((one) => ({ ...one, ...described(one.event) })).filter((one) => one.text.toLowerCase().includes(text.toLowerCase())), [all, text]);
  const save = () => {
    const lines = shown.map((one) => JSON.stringify({ at: new Date(one.at).toISOString(), ...one.event })).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${lines}\n`], { type: "application/x-ndjson" }));
    link.download = "loadmaster-events.jsonl";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return html`<${Card} title="Events" hint="Since this page was opened." aside=${html`<span class="muted small num">${shown.length}</span>`}>
    <div class="stack">
      <div class="row"><label class="grow"><span class="sr">Filter events</span><input class="input" type="search" placeholder="Filter" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
        <button class="btn" disabled=${shown.length === 0} onClick=${save}><${Icon} name="download" />Export</button><button class="btn" disabled=${all.length === 0} onClick=${() => { events.value = []; }}>Clear</button></div>
      ${shown.length === 0 ? html`<${Empty} icon="clock" title=${text ? "None that match" : "Quiet so far"} />` : html`<${Lines} label="Events" count=${shown.length} follow=${follow} onFollow=${setFollow} line=${(/** @type {number} */ index) => {
        const one = shown[index];
        return one && html`<div class=${`line ${one.tone}`}><time>${clock(one.at)}</time><span>${one.text}</span></div>`;
      }} />`}
    </div>
  <//>`;
}
