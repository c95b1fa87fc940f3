// Lines of the daemon and its servers: by level, filtered, following.

/** @import { LogLine } from "../../types.js" */
import { html, useEffect, useMemo, useState } from "../../lib.js";
import { Card, Choice, Copy, Empty, ErrorNote, NotHere } from "../../parts/basics.js";
import { Lines } from "../../parts/lines.js";
import { clock } from "../../pure/format.js";
import { filtered } from "../../pure/lines.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { logs, topics } from "../../state/store.js";

/** Lines of before that are read when the log is opened. */
const BEFORE = 1000;

/** @param {{ model: string }} props */
export function Logs({ model }) {
  const [level, setLevel] = useState("info");
  const [text, setText] = useState("");
  const [source, setSource] = useState(model);
  const [follow, setFollow] = useState(true);
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [earlier, setEarlier] = useState(/** @type {LogLine[]} */ ([]));
  useEffect(() => {
    setProblem(null);
    ask("GET", `/api/v1/logs/${segment(source === "" ? "daemon" : source)}?level=debug&limit=${BEFORE}`)
      .then((told) => setEarlier((told.lines ?? told).map((/** @type {LogLine} */ one) => ({ ...one, model: one.model ?? (source || null) }))))
      .catch((error) => { setEarlier([]); setProblem(problemOf(error)); });
  }, [source]);
  const live = logs.value;
  const all = useMemo(() => {
    const first = live[0]?.at_ms ?? Infinity;
    return filtered(earlier.filter((one) => one.at_ms < first).concat(live), { level, text, model: source });
  }, [earlier, live, level, text, source]);
  const missing = problem?.isMissing && !topics.value.has("logs");
  return html`<${Card} title="Log" aside=${html`<div class="row">
      <${Choice} label="Whose log" value=${source} onChange=${setSource} options=${[[model, model], ["", "Daemon"]]} />
      <${Choice} label="Level" value=${level} onChange=${setLevel} options=${[["error", "Errors"], ["warn", "Warnings"], ["info", "Info"], ["debug", "All"]]} />
    </div>`}>
    <div class="stack">
      <div class="row">
        <label class="grow"><span class="sr">Filter</span><input class="input" type="search" placeholder="Filter" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
        <label class="check small"><input type="checkbox" checked=${follow} onChange=${(/** @type {any} */ event) => setFollow(event.target.checked)} />Follow</label>
        <${Copy} text=${() => all.map((one) => `${clock(one.at_ms)} ${one.level} ${one.line}`).join("\n")} />
        <button class="btn" onClick=${() => { logs.value = []; setEarlier([]); }}>Clear</button>
      </div>
      ${missing ? html`<${NotHere} what="logs" />` : problem && !problem.isMissing && html`<${ErrorNote} problem=${problem} />`}
      ${all.length === 0 && !missing ? html`<${Empty} icon="info" title="No lines"><p>${text || level !== "debug" ? "None that match the filter." : "Nothing was printed yet."}</p><//>` : null}
      ${all.length > 0 && html`<${Lines} label="Log" count=${all.length} follow=${follow} onFollow=${setFollow} line=${(/** @type {number} */ index) => {
        const one = all[index];
        return one && html`<div class=${`line ${one.level}`}><time>${clock(one.at_ms)}</time><span>${one.line}</span></div>`;
      }} />`}
      <p class="small muted num">${all.length.toLocaleString("en")} lines</p>
    </div>
  <//>`;
}
