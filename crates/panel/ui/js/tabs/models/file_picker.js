// Folders and model files of the machine that the daemon runs on.
import { html, useEffect, useState } from "../../lib.js";
import { Empty, ErrorNote, NotHere } from "../../parts/basics.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { bytes } from "../../pure/format.js";
import { ask, problemOf, segment } from "../../state/api.js";

/** @param {{ onPick: (path: string) => void, onClose: () => void }} props */
export function FilePicker({ onPick, onClose }) {
  const [folder, setFolder] = useState("");
  const [told, setTold] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  useEffect(() => {
    ask("GET", `/api/v1/files${folder ? `?folder=${segment(folder)}` : ""}`).then((answer) => { setTold(answer); setProblem(null); }).catch((error) => setProblem(problemOf(error)));
  }, [folder]);
  const entries = [...(told?.folders ?? []).map((/** @type {any} */ one) => ({ ...(typeof one === "string" ? { name: one } : one), isFolder: true })), ...(told?.files ?? [])];
  const at = told?.folder ?? told?.path ?? folder;
  const whole = (/** @type {any} */ entry) => entry.path ?? `${String(at).replace(/\/$/, "")}/${entry.name}`;
  return html`<${Dialog} title="Choose a file" onClose=${onClose}>
    <div class="row"><button class="btn slim" disabled=${!told?.parent} onClick=${() => setFolder(told.parent)}>Up</button><span class="mono clip grow">${at}</span></div>
    ${problem?.isMissing ? html`<${NotHere} what="a look into folders" />` : html`<${ErrorNote} problem=${problem} />`}
    ${told && entries.length === 0 && html`<${Empty} icon="folder" title="No folders and no models here" />`}
    <ul class="files">${entries.map((entry) => html`<li key=${entry.name}><button onClick=${() => (entry.isFolder ? setFolder(whole(entry)) : onPick(whole(entry)))}>
      <${Icon} name=${entry.isFolder ? "folder" : "models"} /><span class="grow clip">${entry.name}</span>${entry.bytes !== undefined && html`<span class="small muted num">${bytes(entry.bytes)}</span>`}
    </button></li>`)}</ul>
  <//>`;
}
