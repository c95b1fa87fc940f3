// Jobs of images: begun, followed, called off, forgotten.

/** @import { Job } from "../types.js" */
import { ask, segment } from "./api.js";
import { jobs, topics } from "./store.js";
import { refreshSoon } from "./stream.js";

/** @type {Map<string, EventSource>} Streams of single jobs, where the one stream does not tell of them. */
const followed = new Map();

/** Reads all jobs, and follows those that go on. */
export async function readJobs() {
  const told = await ask("GET", "/api/v1/jobs");
  /** @type {Job[]} */
  const list = told.data;
  jobs.value = new Map(list.map((job) => [job.id, job]));
  for (const job of list) follow(job);
}

/** @param {Record<string, any>} body @returns {Promise<Job>} */
export async function beginJob(body) {
  const job = await ask("POST", "/api/v1/jobs", body);
  changed(job);
  follow(job);
  refreshSoon();
  return job;
}

/** @param {string} id */
export async function cancelJob(id) {
  changed(await ask("POST", `/api/v1/jobs/${segment(id)}/cancel`));
}

/** @param {string} id */
export async function forgetJob(id) {
  await ask("DELETE", `/api/v1/jobs/${segment(id)}`);
  const left = new Map(jobs.peek() ?? []);
  left.delete(id);
  jobs.value = left;
}

/** @param {Job} job */
function changed(job) {
  jobs.value = new Map(jobs.peek() ?? []).set(job.id, job);
}

/** @param {Job} job */
function follow(job) {
  if (!["queued", "running"].includes(job.state) || followed.has(job.id) || topics.peek().has("jobs")) return;
  const source = new EventSource(`/api/v1/jobs/${segment(job.id)}/events`);
  followed.set(job.id, source);
  const over = () => {
    source.close();
    followed.delete(job.id);
    refreshSoon();
  };
  for (const name of ["snapshot", "queued", "progress", "completed", "failed", "cancelled"]) {
    source.addEventListener(name, (message) => {
      const told = JSON.parse(message.data);
      changed(told);
      if (!["queued", "running"].includes(told.state)) over();
    });
  }
  source.onerror = () => {
    // The daemon went away, or the job is over: the next connection reads all jobs again.
    over();
  };
}
