// The frame: navigation, the banner of a lost connection, and the page that is chosen.
import { computed, effect, html, signal, useEffect } from "./lib.js";
import { ErrorBoundary } from "./parts/boundary.js";
import { Icon } from "./parts/icon.js";
import { bytes } from "./pure/format.js";
import { used } from "./pure/segments.js";
import { connect } from "./state/stream.js";
import { activeDownloads, activeJobs, connection, memory, status, system } from "./state/store.js";

/** @type {{ id: string, title: string, load: () => Promise<any>, count?: { value: unknown[] } }[]} */
const PAGES = [
  { id: "system", title: "System", load: async () => (await import("./tabs/system/page.js")).System },
  { id: "models", title: "Models", load: async () => (await import("./tabs/models/page.js")).Models, count: activeDownloads },
  { id: "llm", title: "LLM", load: async () => (await import("./tabs/llm/page.js")).Llm },
  { id: "images", title: "Images", load: async () => (await import("./tabs/images/page.js")).Images, count: activeJobs },
  { id: "resources", title: "Resources", load: async () => (await import("./tabs/resources/page.js")).Resources },
];

/** How long after the first page the others are fetched, in milliseconds: then it is drawn, and they are there at once. */
const OTHERS_AFTER = 400;

/** Pages that have been fetched, by id. @type {{ value: Record<string, any>, peek(): Record<string, any> }} */
const loaded = signal({});

/** @param {string} id */
async function bring(id) {
  if (loaded.peek()[id]) return;
  const page = await PAGES.find((one) => one.id === id)?.load();
  loaded.value = { ...loaded.peek(), [id]: page };
}

/** The page that the address names: `#/models`. */
const chosen = signal(named());

function named() {
  const id = location.hash.replace(/^#\/?/, "").split("/")[0] ?? "";
  // Whoever comes for the first time, and has no model, is led to one by the page of models.
  return PAGES.some((page) => page.id === id) ? id : "system";
}

effect(() => { void bring(chosen.value); });
setTimeout(() => { for (const page of PAGES) void bring(page.id); }, OTHERS_AFTER);
addEventListener("hashchange", () => { chosen.value = named(); });
effect(() => { document.title = `${PAGES.find((page) => page.id === chosen.value)?.title ?? "Panel"} · Loadmaster`; });

const used_of_host = computed(() => {
  const host = memory.value?.devices.find((device) => device.kind === "host");
  return host ? { ...used(host), total: host.total } : null;
});

export function App() {
  const id = chosen.value;
  const Page = loaded.value[id];
  useEffect(() => { scrollTo(0, 0); }, [id]);
  useEffect(() => { if (Page) performance.mark("loadmaster-shown"); }, [Boolean(Page)]);
  return html`
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
    <div class="shell">
      <header class="rail">
        <div class="brand"><${Mark} />Loadmaster</div>
        <nav aria-label="Pages"><ul>
          ${PAGES.map((page) => html`<li key=${page.id}>
            <a href=${`#/${page.id}`} aria-current=${page.id === id ? "page" : undefined}><${Icon} name=${page.id} />${page.title}<${Count} of=${page.count} /></a>
          </li>`)}
        </ul></nav>
        <div class="rail-foot"><${Gauge} /><${Connection} /></div>
      </header>
      <div class="content">
        <${Banner} />
        <main id="main" tabindex="-1"><${ErrorBoundary} key=${id}><div class="page" data-page=${id}>${Page && html`<${Page} />`}</div><//></main>
      </div>
    </div>`;
}

function Mark() {
  return html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="var(--accent)" />
    <g fill="var(--on-accent)"><rect x="7" y="18" width="5" height="7" rx="1.6" opacity=".6" /><rect x="13.5" y="12" width="5" height="13" rx="1.6" opacity=".8" /><rect x="20" y="7" width="5" height="18" rx="1.6" /></g></svg>`;
}

/** @param {{ of?: { value: unknown[] } | undefined }} props */
function Count({ of }) {
  const number = of?.value.length ?? 0;
  return number > 0 ? html`<span class="badge accent count">${number}<span class="sr"> under way</span></span>` : null;
}

function Gauge() {
  const host = used_of_host.value;
  if (!host) return null;
  const share = (/** @type {number} */ value) => ({ width: `${(value / host.total) * 100}%` });
  return html`<div class="gauge">
    <span><span>Memory</span><span class="num">${bytes(host.used)} of ${bytes(host.total)}</span></span>
    <div class="bar slim" aria-hidden="true"><i class="c-new" style=${share(host.ours)}></i><i class="c-other" style=${share(Math.max(0, host.used - host.ours))}></i></div>
  </div>`;
}

function Connection() {
  const state = connection.value;
  const word = { open: "Connected", lost: "No connection", denied: "A token is missing" }[state] ?? "Connecting";
  const tone = { open: "good", lost: "bad", denied: "bad" }[state] ?? "busy";
  const version = system.value?.version;
  return html`<div class="conn" role="status"><span class=${`dot ${tone}`} aria-hidden="true"></span>${word}${version && html`<span class="muted">· ${version}</span>`}</div>`;
}

function Banner() {
  if (connection.value === "denied") {
    return html`<div class="banner" role="alert"><${Icon} name="shield" /><span class="grow">This daemon asks for its token. Open the link that <code>loadmaster serve</code> printed, or run <code>loadmaster panel</code> on that machine.</span></div>`;
  }
  if (connection.value === "lost") {
    return html`<div class="banner" role="alert"><span class="spin" aria-hidden="true"></span>
      <span class="grow">The connection to the daemon was lost. What is shown was true a moment ago; this page goes on by itself when the daemon is back.</span>
      <button class="btn slim" onClick=${connect}>Try now</button></div>`;
  }
  if (status.value?.closing) {
    return html`<div class="banner" role="alert"><${Icon} name="info" />The daemon is about to end: it finishes what is being answered.</div>`;
  }
  return null;
}
