// A list of many lines of one height, of which those are made that are seen.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";

/** The height of a line, as the style sheet has it. */
const HEIGHT = 20;
/** Lines that are made above and below what is seen. */
const AROUND = 20;

/**
 * @param {{ label: string, count: number, line: (index: number) => any, follow: boolean, onFollow: (follow: boolean) => void }} props
 */
export function Lines({ label, count, line, follow, onFollow }) {
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 340 });
  useEffect(() => {
    const box = element.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(() => setView({ top: box.scrollTop, height: box.clientHeight }));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const box = element.current;
    if (box && follow) box.scrollTop = box.scrollHeight;
  }, [count, follow]);
  const scrolled = () => {
    const box = element.current;
    if (!box) return;
    setView({ top: box.scrollTop, height: box.clientHeight });
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < HEIGHT * 2;
    if (atEnd !== follow) onFollow(atEnd);
  };
  const first = Math.max(0, Math.floor(view.top / HEIGHT) - AROUND);
  const last = Math.min(count, Math.ceil((view.top + view.height) / HEIGHT) + AROUND);
  const made = [];
  for (let index = first; index < last; index += 1) {
    made.push(html`<div class="slot" key=${index} style=${{ position: "absolute", insetInline: "0", top: `${index * HEIGHT}px` }}>${line(index)}</div>`);
  }
  return html`<div class="lines" ref=${element} onScroll=${scrolled} tabindex="0" role="log" aria-label=${label} aria-live="off">
    <div class="sizer" style=${{ height: `${count * HEIGHT}px` }}>${made}</div>
  </div>`;
}
