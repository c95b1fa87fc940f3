// Which sizes and quantisations fit this machine.
import { html } from "../../lib.js";
import { Badge, Card, Empty, NotHere } from "../../parts/basics.js";
import { Icon } from "../../parts/icon.js";
import { bytes } from "../../pure/format.js";
import { connection, system } from "../../state/store.js";

export function Recommendations() {
  const told = system.value;
  const list = told?.recommendations;
  return html`<${Card} title="What fits here" hint="The largest language models for this machine, when other programs leave it alone.">
    ${!told && (connection.value === "open" ? html`<${NotHere} what="recommendations" />` : html`<${Empty} icon="system" title="Reading this machine" />`)}
    ${list && list.length === 0 && html`<${Empty} icon="models" title="No usual size fits"><p>Very small models may still do: see the presets on the page of models.</p><//>`}
    ${list && list.length > 0 && html`<ul class="picks">
      ${list.map((/** @type {any} */ one) => html`<li key=${one.label}>
        <${Icon} name=${one.on === "accelerators" ? "bolt" : "check"} />
        <div class="grow"><b>${one.label}</b><p class="small muted">${one.reason}</p></div>
        <div class="stack tight end">${one.bytes && html`<span class="num small">${bytes(one.bytes)}</span>`}<${Badge} tone=${one.on === "accelerators" ? "good" : ""}>${one.on === "accelerators" ? "on the GPU" : "on the CPU"}<//></div>
      </li>`)}
    </ul>`}
  <//>`;
}
