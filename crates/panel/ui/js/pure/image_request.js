// What is asked of an image model, out of the form.

/** @import { Capabilities } from "../types.js" */

/**
 * @typedef {object} Form
 * @property {string} prompt
 * @property {string} negative
 * @property {string} size `auto`, `WxH` or `custom`
 * @property {string} width
 * @property {string} height
 * @property {string} steps
 * @property {string} cfg
 * @property {string} guidance
 * @property {string} sampler
 * @property {string} scheduler
 * @property {string} seed
 * @property {string} n
 * @property {string} clipSkip
 * @property {string} strength
 * @property {string} format
 * @property {{ name: string, scale: number }[]} loras
 */

/** @type {Form} Everything left to the model. */
export const DEFAULTS = {
  prompt: "", negative: "", size: "auto", width: "512", height: "512", steps: "", cfg: "", guidance: "", sampler: "", scheduler: "",
  seed: "", n: "1", clipSkip: "", strength: "", format: "png", loras: [],
};

/** Sizes that models are made for, and what they are called. */
export const SIZES = /** @type {[string, string][]} */ ([
  ["auto", "The model's own"], ["512x512", "512 × 512"], ["768x768", "768 × 768"], ["1024x1024", "1024 × 1024"],
  ["512x768", "512 × 768 tall"], ["768x512", "768 × 512 wide"], ["1024x1536", "1024 × 1536 tall"], ["1536x1024", "1536 × 1024 wide"],
  ["256x256", "256 × 256 draft"], ["custom", "Custom"],
]);

/**
 * The body of a job, and what in the form cannot be.
 * @param {Form} form
 * @param {string} model
 * @param {string | null} image base64 of a picture to begin with
 * @param {Capabilities | null} capabilities
 * @returns {{ body: Record<string, any>, wrong: Record<string, string> }}
 */
export function requestOf(form, model, image, capabilities) {
  /** @type {Record<string, string>} */
  const wrong = {};
  /** @type {Record<string, any>} */
  const body = { kind: "image", model, prompt: form.prompt.trim(), n: Number(form.n), output_format: form.format };
  if (body["prompt"] === "") wrong["prompt"] = "Say what the image shows.";
  if (form.negative.trim() !== "") body["negative_prompt"] = form.negative.trim();
  const limits = capabilities?.limits;
  if (form.size === "custom") {
    const [width, height] = [Number(form.width), Number(form.height)];
    const multiple = limits?.multiple ?? 8;
    const whole = [width, height].every((side) => Number.isInteger(side) && side >= (limits?.min_side ?? 64) && side <= (limits?.max_side ?? 4096) && side % multiple === 0);
    if (whole) body["size"] = `${width}x${height}`;
    else wrong["size"] = `Each side from ${limits?.min_side ?? 64} to ${limits?.max_side ?? 4096}, a multiple of ${multiple}.`;
  } else if (form.size !== "auto") body["size"] = form.size;
  number("steps", form.steps, 1, limits?.max_steps ?? 1000, true);
  number("cfg_scale", form.cfg, 0, 1000, false);
  number("guidance", form.guidance, 0, 1000, false);
  number("seed", form.seed, 0, Number.MAX_SAFE_INTEGER, true);
  number("clip_skip", form.clipSkip, 0, 32, true);
  if (image !== null) number("strength", form.strength, 0, 1, false);
  if (form.sampler !== "") body["sampler"] = form.sampler;
  if (form.scheduler !== "") body["scheduler"] = form.scheduler;
  if (form.loras.length > 0) body["loras"] = form.loras;
  if (image !== null) body["image"] = image;
  return { body, wrong };

  /** @param {string} name @param {string} text @param {number} least @param {number} most @param {boolean} whole */
  function number(name, text, least, most, whole) {
    if (text.trim() === "") return;
    const value = Number(text);
    if (Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value))) body[name] = value;
    else wrong[name] = `${whole ? "A whole number" : "A number"} from ${least} to ${most}.`;
  }
}

/**
 * The form that asks for an image again that was made of `request`.
 * @param {Record<string, any>} request
 * @param {number | null} seed
 * @returns {Form}
 */
export function formOf(request, seed) {
  const size = request["size"] ?? "auto";
  const known = SIZES.some(([key]) => key === size);
  const [width = "512", height = "512"] = String(size).split("x");
  const text = (/** @type {any} */ value) => (value === null || value === undefined ? "" : String(value));
  return {
    prompt: text(request["prompt"]), negative: text(request["negative_prompt"]), size: known ? size : "custom", width, height,
    steps: text(request["steps"]), cfg: text(request["cfg_scale"]), guidance: text(request["guidance"]), sampler: text(request["sampler"]),
    scheduler: text(request["scheduler"]), seed: text(seed ?? request["seed"]), n: text(request["n"] ?? 1), clipSkip: text(request["clip_skip"]),
    strength: text(request["strength"]), format: request["output_format"] ?? "png", loras: request["loras"] ?? [],
  };
}

/** The stages of a job, in order, and what they are called. */
export const STAGES = /** @type {[string, string][]} */ ([["queued", "Waiting"], ["loading", "Loading"], ["text", "Reading the prompt"], ["sampling", "Painting"], ["decoding", "Developing"]]);
