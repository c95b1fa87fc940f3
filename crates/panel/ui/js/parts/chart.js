// Charts over time with uPlot, which is loaded when the first one is shown.
import { html, useEffect, useRef } from "../lib.js";

/** @type {Promise<any> | undefined} */
let loading;

/** The module and its style sheet. */
function uplot() {
  loading ??= (async () => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = "/assets/vendor/uplot.css";
    document.head.append(link);
    return (await import("../../vendor/uplot.js")).default;
  })();
  return loading;
}

/**
 * @param {{ label: string, data: (number | null)[][], series: { label: string, color: string, fill?: boolean }[], max?: number, format: (value: number) => string, height?: number }} props
 * `data` has the seconds first; colours are names of custom properties.
 */
export function Chart({ label, data, series, max, format, height = 150 }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef(data);
  latest.current = data;
  const shape = JSON.stringify([series, max, height]);
  useEffect(() => {
    let over = false;
    /** @type {ResizeObserver | undefined} */
    let observer;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const draw = async () => {
      const UPlot = await uplot();
      const element = box.current;
      if (over || !element) return;
      plot.current?.destroy();
      plot.current = new UPlot(options(element, series, max, height, format), latest.current, element);
    };
    void draw().then(() => {
      if (over || !box.current) return;
      observer = new ResizeObserver(() => plot.current?.setSize({ width: box.current?.clientWidth ?? 300, height }));
      observer.observe(box.current);
    });
    dark.addEventListener("change", draw);
    return () => {
      over = true;
      observer?.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  return html`<figure class="chart" role="img" aria-label=${label}><div ref=${box} style=${{ height: `${height}px` }}></div></figure>`;
}

/**
 * @param {HTMLElement} element
 * @param {{ label: string, color: string, fill?: boolean }[]} series
 * @param {number | undefined} max
 * @param {number} height
 * @param {(value: number) => string} format
 */
function options(element, series, max, height, format) {
  // A canvas knows no custom properties: a probe resolves them, light-dark() too.
  const probe = document.createElement("i");
  element.append(probe);
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const [text, line] = [colour("--muted"), colour("--line")];
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: text, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
  const lines = series.map((one) => {
    const stroke = colour(one.color);
    return { label: one.label, stroke, width: 2, points: { show: false }, ...(one.fill ? { fill: faded(stroke) } : {}) };
  });
  probe.remove();
  return {
    width: element.clientWidth, height, legend: { show: false }, cursor: { show: false }, padding: [8, 4, 0, 0],
    scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, max ?? Math.max(high || 1, 1)] } },
    axes: [
      { ...axis, size: 24, grid: { show: false }, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })), space: 100 },
      { ...axis, size: 62, space: 34, ...(max ? { splits: () => [0, max / 4, max / 2, (max * 3) / 4, max] } : {}), values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(format) },
    ],
    series: [{}, ...lines],
  };
}

/** @param {string} colour */
function faded(colour) {
  return colour.startsWith("rgb(") ? colour.replace("rgb(", "rgba(").replace(")", ", 0.16)") : colour.replace(/\)$/, " / 0.16)");
}
