// Pictograms, drawn for the panel on a grid of 24.
import { html } from "../lib.js";

/** @type {Record<string, string>} */
const PATHS = {
  system: "M5 7a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2zM9 9h6v6H9zM9 2v3M15 2v3M9 19v3M15 19v3M2 9h3M2 15h3M19 9h3M19 15h3",
  models: "M12 3l8 4.5v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
  llm: "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zM8 10h8M8 13h5",
  images: "M5 4h14a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM3 16l5-5 5 5 3-3 5 4M15.500 8.500h.01",
  resources: "M4 6h9M16 6h4M4 12h4M11 12h9M4 18h12M19 18h1",
  play: "M7 4.500v15l12-7.500z",
  stop: "M6 6h12v12H6z",
  pause: "M8 5v14M16 5v14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.500l4.500 4.500L19 7.500",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8h.01",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  refresh: "M20 6v5h-5M4 18v-5h5M19 11a7 7 0 0 0-12-4L4 10M5 13a7 7 0 0 0 12 4l3-3",
  send: "M12 19V5M6 11l6-6 6 6",
  sliders: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  shield: "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2.500 2.500L16 10",
  bolt: "M13 2L5 14h6l-1 8 8-12h-6z",
  folder: "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
  sparkle: "M12 3l2 6 6 3-6 2-2 7-2-7-6-2 6-3z",
  attach: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a1.800 1.800 0 0 1-2.500-2.500L14.500 8",
  brain: "M12 5a3 3 0 0 0-6 0 3.500 3.500 0 0 0-2 6 3.500 3.500 0 0 0 2 6 3 3 0 0 0 6 1zM12 5a3 3 0 0 1 6 0 3.500 3.500 0 0 1 2 6 3.500 3.500 0 0 1-2 6 3 3 0 0 1-6 1zM12 5v13",
};

/** @param {{ name: string, label?: string }} props */
export function Icon({ name, label }) {
  const shape = html`<path d=${PATHS[name] ?? PATHS["info"]} />`;
  return label
    ? html`<svg class="icon" viewBox="0 0 24 24" role="img" aria-label=${label}>${shape}</svg>`
    : html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${shape}</svg>`;
}
