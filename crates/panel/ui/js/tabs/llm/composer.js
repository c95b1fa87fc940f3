// Where one writes: text, pictures for models that see, send and stop.

/** @import { ModelStatus } from "../../types.js" */
import { html, useEffect, useRef, useState } from "../../lib.js";
import { Icon } from "../../parts/icon.js";
import { say, writing } from "../../state/chats.js";
import { library } from "../../state/store.js";

/** The longest side of a picture that is sent, in pixels: models see no more, and the request stays small. */
const LONGEST = 1536;

/** @param {{ model: ModelStatus, draft: string, setDraft: (text: string) => void, tuned: boolean, setTuned: (tuned: boolean) => void, onSent: () => void }} props */
export function Composer({ model, draft, setDraft, tuned, setTuned, onSent }) {
  const [images, setImages] = useState(/** @type {string[]} */ ([]));
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const busy = writing.value !== null;
  const sees = canSee(model);
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, 220)}px`;
  }, [draft]);
  const send = () => {
    const text = draft.trim();
    if (busy || (text === "" && images.length === 0)) return;
    setDraft("");
    setImages([]);
    onSent();
    void say(model.id, text, images);
  };
  /** @param {KeyboardEvent} event */
  const key = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  /** @param {FileList | null | undefined} files */
  const attach = async (files) => {
    const pictures = [...(files ?? [])].filter((file) => file.type.startsWith("image/"));
    const urls = await Promise.all(pictures.map(scaled));
    setImages((before) => [...before, ...urls].slice(0, 6));
  };
  return html`<div class="composer">
    ${images.length > 0 && html`<div class="row">${images.map((url, index) => html`<button key=${index} class="thumb-button" aria-label=${`Remove picture ${index + 1}`} onClick=${() => setImages(images.filter((_, at) => at !== index))}><img class="thumb" src=${url} alt="" /></button>`)}</div>`}
    <div class="write">
      <label class="grow"><span class="sr">Your message</span><textarea ref=${area} rows="1" placeholder=${`Message ${model.id}`} value=${draft}
        onInput=${(/** @type {any} */ event) => setDraft(event.target.value)} onKeyDown=${key}
        onPaste=${(/** @type {ClipboardEvent} */ event) => { if (sees) void attach(event.clipboardData?.files); }}></textarea></label>
      ${sees && html`<label class="btn ghost icon-only" title="Add a picture"><span class="sr">Add a picture</span><${Icon} name="attach" /><input class="sr" type="file" accept="image/*" multiple onChange=${(/** @type {any} */ event) => { void attach(event.target.files); event.target.value = ""; }} /></label>`}
      <button class="btn ghost icon-only" aria-label="System prompt and sampling" aria-pressed=${String(tuned)} onClick=${() => setTuned(!tuned)}><${Icon} name="sliders" /></button>
      ${busy
        ? html`<button class="btn icon-only danger" aria-label="Stop" onClick=${() => writing.peek()?.abort()}><${Icon} name="stop" /></button>`
        : html`<button class="btn primary icon-only" aria-label="Send" disabled=${draft.trim() === "" && images.length === 0} onClick=${send}><${Icon} name="send" /></button>`}
    </div>
  </div>`;
}

/** Whether a model sees pictures: it says so in the library, or is loaded with a projector. @param {ModelStatus} model */
function canSee(model) {
  const known = library.value?.find((one) => one.name === model.id);
  return Boolean(known?.features?.includes("vision") || model.instance?.plan?.settings?.["mmproj"]);
}

/** A picture as a data URL, no larger than it need be. @param {File} file @returns {Promise<string>} */
async function scaled(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.9);
}
