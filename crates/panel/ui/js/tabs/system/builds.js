// Builds of the servers: which one is used, which others there are, and why some were rejected.

/** @import { Build, Server } from "../../types.js" */
import { html, useEffect, useState } from "../../lib.js";
import { Action, Badge, Card, Empty, ErrorNote, NotHere, Progress } from "../../parts/basics.js";
import { ask, problemOf, segment } from "../../state/api.js";
import { builds, installs } from "../../state/store.js";

/** @type {Record<string, string>} */
const NAMES = { llama: "llama-server, language models", sd: "sd-server, images" };

export function Builds() {
  const [missing, setMissing] = useState(false);
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const servers = builds.value;
  useEffect(() => {
    if (builds.peek()) return;
    ask("GET", "/api/v1/binaries").then((told) => { builds.value = told.servers; }).catch((error) => {
      const what = problemOf(error);
      if (what.isMissing) setMissing(true);
      else setProblem(what);
    });
  }, []);
  /** @param {string} method @param {string} path @param {unknown} [body] */
  const act = async (method, path, body) => {
    setProblem(null);
    const told = await ask(method, path, body);
    if (told?.id && told.state) installs.value = new Map(installs.peek()).set(told.id, told);
    const list = await ask("GET", "/api/v1/binaries");
    builds.value = list.servers;
  };
  const onError = (/** @type {unknown} */ error) => setProblem(problemOf(error));
  return html`<${Card} title="Servers" hint="Loadmaster brings the build that suits this machine, proves it with a small model, and goes back where one fails.">
    <div class="stack">
      <${ErrorNote} problem=${problem} onClose=${() => setProblem(null)} />
      ${!servers && (missing ? html`<${NotHere} what="a list of builds" />` : !problem && html`<${Empty} icon="shield" title="Looking for builds" />`)}
      ${(servers ?? []).map((server) => html`<${OneServer} key=${server.server} server=${server} act=${act} onError=${onError} />`)}
    </div>
  <//>`;
}

/** @param {{ server: Server, act: (method: string, path: string, body?: unknown) => Promise<void>, onError: (error: unknown) => void }} props */
function OneServer({ server, act, onError }) {
  const running = [...installs.value.values()].filter((task) => (task.server ?? server.server) === server.server && ["queued", "running", "verifying", "proving", "unpacking"].includes(task.state));
  const active = inUse(server);
  const rejected = server.builds.filter((build) => build.rejected);
  return html`<div class="stack inner">
    <div class="row between">
      <div><h3>${NAMES[server.server] ?? server.server}</h3><p class="small muted">${active ? `In use: ${named(active)}` : "None is installed yet."}</p></div>
      <${Action} icon="download" class="slim" run=${() => act("POST", "/api/v1/binaries/install", { server: server.server })} onError=${onError}>${active ? "Look for a newer one" : "Install"}<//>
    </div>
    ${running.map((task) => html`<div key=${task.id} class="stack tight"><span class="small">${task.step ?? task.state}: ${task.source ?? ""}</span><${Progress} label="Installation" share=${task.total ? task.bytes / task.total : null} /></div>`)}
    ${server.builds.length > 0 && html`<div class="scroll-x" tabindex="0" role="region" aria-label=${`Builds of ${server.server}`}><table>
      <thead><tr><th>Version</th><th>Variant</th><th>Origin</th><th>State</th><th class="r"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${server.builds.map((build) => html`<tr key=${build.id}>
        <td><b>${build.version ?? build.id}</b></td><td>${text(build.variant)}</td><td class="muted">${text(build.origin)}</td><td>${state(build, server)}</td>
        <td class="r"><span class="row end">
          ${build.installed === false && build.suitable !== false && html`<${Action} icon="download" class="slim ghost icon-only" label=${`Install ${named(build)}`} run=${() => act("POST", "/api/v1/binaries/install", { server: server.server, build: build.id })} onError=${onError} />`}
          ${build.installed !== false && html`<${Action} icon="shield" class="slim ghost icon-only" label=${`Verify ${named(build)}`} run=${() => act("POST", `/api/v1/binaries/${segment(build.id)}/verify`)} onError=${onError} />`}
          ${build.installed !== false && active?.id !== build.id && html`<${Action} icon="trash" class="slim ghost danger icon-only" label=${`Remove ${named(build)}`} run=${() => act("DELETE", `/api/v1/binaries/${segment(build.id)}`)} onError=${onError} />`}
        </span></td>
      </tr>`)}</tbody>
    </table></div>`}
    ${rejected.length > 0 && html`<details><summary>Why ${rejected.length} of them ${rejected.length === 1 ? "is" : "are"} not used</summary><ul class="stack tight">${rejected.map((build) => html`<li key=${build.id} class="small wrap">
      <b>${named(build)}</b>: ${build.rejected?.why}.${build.rejected?.remedy && html` <span class="muted">${build.rejected.remedy}</span>`}</li>`)}</ul></details>`}
  </div>`;
}

/** @param {Build} build @param {Server} server */
function state(build, server) {
  if (build.suitable === false) return html`<${Badge}>not for this machine<//>`;
  if (build.rejected) return html`<${Badge} tone="bad">rejected<//>`;
  if (inUse(server)?.id === build.id) return html`<${Badge} tone="good">in use<//>`;
  if (build.installed === false) return html`<${Badge}>not installed<//>`;
  return html`<${Badge}>${build.proven ? "proven" : "not proven yet"}<//>`;
}

/** The build that is used. @param {Server} server */
function inUse(server) {
  const active = server.active;
  return typeof active === "string" ? server.builds.find((build) => build.id === active) : active;
}

/** @param {Build} build */
function named(build) {
  return `${build.version ?? build.id}${build.variant ? ` (${text(build.variant)})` : ""}`;
}

/** @param {any} value a word, or an object that says what it is */
function text(value) {
  return typeof value === "string" ? value : (value?.kind ?? JSON.stringify(value ?? ""));
}
