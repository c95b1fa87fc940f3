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
  /** @type {{ name: string, path: string, kind: string, bytes: number | null }[]} */
  const entries = (told?.entries ?? []).filter((/** @type {any} */ entry) => !entry.name.startsWith("."));
  return html`<${Dialog} title="Choose a file" onClose=${onClose}>
    <div class="row"><button class="btn slim" disabled=${!told?.parent} onClick=${() => setFolder(told.parent)}>Up</button><span class="mono clip grow">${told?.folder ?? folder}</span></div>
    ${problem?.isMissing ? html`<${NotHere} what="a look into folders" />` : html`<${ErrorNote} problem=${problem} />`}
    ${told && entries.length === 0 && html`<${Empty} icon="folder" title="No folders and no models here" />`}
    <ul class="files">${entries.map((entry) => html`<li key=${entry.name}><button onClick=${() => (entry.kind === "folder" ? setFolder(entry.path) : onPick(entry.path))}>
      <${Icon} name=${entry.kind === "folder" ? "folder" : "models"} /><span class="grow clip">${entry.name}</span>${entry.bytes !== null && html`<span class="small muted num">${bytes(entry.bytes)}</span>`}
    </button></li>`)}</ul>
  <//>`;
}
