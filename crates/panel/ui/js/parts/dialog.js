// Dialogs: the browser's own, which keep the focus and close with Escape.
import { html, useEffect, useId, useRef } from "../lib.js";
import { Icon } from "./icon.js";

/** @param {{ title: string, onClose: () => void, footer?: any, children?: any }} props */
export function Dialog({ title, onClose, footer, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  /** @param {MouseEvent} event */
  const outside = (event) => {
    if (event.target === element.current) onClose();
  };
  return html`<dialog ref=${element} aria-labelledby=${id} onClose=${onClose} onClick=${outside}>
    <div class="dialog">
      <header><h2 id=${id}>${title}</h2><button class="btn ghost slim icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></header>
      <div class="body" tabindex="0" role="region" aria-label=${title}>${children}</div>
      ${footer && html`<footer>${footer}</footer>`}
    </div>
  </dialog>`;
}
