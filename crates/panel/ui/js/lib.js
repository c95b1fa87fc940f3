// What the panel is built with, in one place. The modules come by `cargo xtask vendor-ui`.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { h, render, Fragment } from "../vendor/preact.js";
export { useEffect, useLayoutEffect, useRef, useState, useMemo, useId } from "../vendor/preact-hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect } from "../vendor/signals.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
