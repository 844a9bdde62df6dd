import { bytes, count, duration, visible } from "../format";
import type { Run } from "./run";
import { eventParts, type Part } from "./words";

export type Sort = "published" | "accepted" | "kept" | "left" | "sent" | "replayed" | "missing" | "arrived" | "delivered" | "lost" | "passed" | "other";

/** A step on the way of a message. */
export interface Step {
  t: number;
  sort: Sort;
  lane: number;
  /** The other lane of what is sent or kept, or 0. */
  peer: number;
  parts: Part[];
}

const SORTS: Record<string, Sort> = {
  pub: "published",
  stream_sent: "published",
  stream_acked: "accepted",
  buffer_kept: "kept",
  buffer_refused: "lost",
  pub_refused: "lost",
  buffer_repeated: "passed",
  delivered: "delivered",
  stream_given: "delivered",
  stream_refused: "lost",
};

/** All steps of a message in order of time: what was done with it, where it went, and where its ways ended. */
export function lifeLine(run: Run, msg: number): Step[] {
  const steps: Step[] = [];
  for (const row of run.eventsOf(msg)) {
    steps.push(eventStep(run, row));
    if (run.kind(row).name === "pub") steps.push(...accepted(run, row, msg));
    if (run.kind(row).name === "buffer_kept") steps.push(...left(run, row));
  }
  const ways = new Set<string>();
  for (const row of run.crossingsOf(msg)) {
    const way = `${run.crossings.from[row]} ${run.crossings.to[row]}`;
    steps.push(...crossingSteps(run, row, ways.has(way) || fromBacklog(run, row)));
    ways.add(way);
  }
  for (const row of run.endsOf(msg)) steps.push(endStep(run, row));
  const order: Sort[] = ["published", "accepted", "kept", "sent", "replayed", "missing", "arrived", "delivered", "left", "passed", "lost", "other"];
  return steps.sort((a, b) => a.t - b.t || order.indexOf(a.sort) - order.indexOf(b.sort));
}

function eventStep(run: Run, row: number): Step {
  const { events } = run;
  return {
    t: events.t[row] as number,
    sort: SORTS[run.kind(row).name] ?? "other",
    lane: events.lane[row] as number,
    peer: events.peer[row] as number,
    parts: [aboutIt(eventParts(run, row))],
  };
}

/** A sentence in which the message is "it": the life-line is about nothing else. */
function aboutIt(parts: Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : "\u0000")).join("").replace(/(message )?\u0000/g, "it");
}

/** The first time that the publisher's node said that it has processed everything up to this message. */
function accepted(run: Run, pub: number, msg: number): Step[] {
  const { events, messages } = run;
  const flushed = run.kindNamed("pub_flushed");
  for (let row = pub; row < events.rows; row++) {
    if (events.kind[row] !== flushed || events.lane[row] !== events.lane[pub] || events.conn[row] !== events.conn[pub]) continue;
    if ((events.n[row] as number) < (messages.seq[msg - 1] as number)) continue;
    return [{ t: events.t[row] as number, sort: "accepted", lane: events.lane[pub] as number, peer: 0, parts: [`${run.laneName(events.lane[pub] as number)} knows that its node has accepted it`] }];
  }
  return [];
}

/** When a message left the buffer that it was kept in, and why. */
function left(run: Run, kept: number): Step[] {
  const { events } = run;
  const kind = run.kindNamed("buffer_left");
  const number = events.n[kept] as number;
  for (let row = kept; row < events.rows; row++) {
    if (events.kind[row] !== kind || events.lane[row] !== events.lane[kept] || events.peer[row] !== events.peer[kept]) continue;
    if (number < (events.n[row] as number) || number > (events.m[row] as number)) continue;
    const [lane, peer] = [events.lane[row] as number, events.peer[row] as number];
    const why = visible(run.text(events.text[row] as number));
    const after = duration((events.t[row] as number) - (events.t[kept] as number));
    return [{ t: events.t[row] as number, sort: "left", lane, peer, parts: [`it leaves ${run.laneName(lane)}'s buffer for ${run.laneName(peer)} after ${after}: ${why}`] }];
  }
  return [];
}

/** Whether a crossing comes out of a buffer while messages wait in it for that node. */
function fromBacklog(run: Run, row: number): boolean {
  const { crossings, spans } = run;
  const buffering = run.spanNamed("buffering");
  const t = crossings.t[row] as number;
  if (!crossings.n[row]) return false;
  for (let span = 0; span < spans.rows; span++) {
    if (spans.what[span] === buffering && spans.lane[span] === crossings.from[row] && spans.peer[span] === crossings.to[row] && (spans.since[span] as number) <= t && t <= (spans.until[span] as number)) return true;
  }
  return false;
}

/** One sending to another node. What was sent there before, or has waited, is replayed. */
function crossingSteps(run: Run, row: number, replayed: boolean): Step[] {
  const { crossings } = run;
  const [t, lane, peer, took] = [crossings.t[row] as number, crossings.from[row] as number, crossings.to[row] as number, crossings.took[row] as number];
  const number = crossings.n[row] as number;
  const parts: Part[] = [`${run.laneName(lane)} sends it to ${run.laneName(peer)}${number ? `, as number ${count(number)} of its buffer` : ""}`];
  const sent: Step = { t, sort: replayed ? "replayed" : "sent", lane, peer, parts };
  if (took === 0) return [sent, { t, sort: "missing", lane, peer, parts: [`that is not known to have arrived at ${run.laneName(peer)}`] }];
  return [sent, { t: t + took - 1, sort: "arrived", lane: peer, peer: lane, parts: [`it arrives at ${run.laneName(peer)}, after ${duration(took - 1)} on the way`] }];
}

function endStep(run: Run, row: number): Step {
  const { ends } = run;
  const cause = run.head.causes[ends.cause[row] as number];
  const lane = ends.lane[row] as number;
  const node = ends.node[row] as number;
  const who = lane ? run.laneName(lane) : "nobody";
  const gets = lane ? "does not get it" : "gets it";
  const where = node ? `, at ${run.laneName(node)}` : "";
  return { t: ends.t[row] as number, sort: cause?.lost ? "lost" : "passed", lane, peer: node, parts: [`${who} ${gets}${where}: ${cause?.words ?? "?"}`] };
}

/** A message in one sentence. */
export function summary(run: Run, msg: number, steps: Step[]): string {
  const { messages } = run;
  const subject = visible(run.text(messages.subject[msg - 1] as number));
  const got = [...new Set(steps.filter((step) => step.sort === "delivered").map((step) => run.laneName(step.lane)))];
  const lost = lostFor(run, msg);
  const parts = [`${run.laneName(run.publisher(msg))} published it on \`${subject}\`, ${bytes(messages.size[msg - 1] as number)}.`];
  if (got.length > 0) parts.push(`${list(got)} got it.`);
  for (const [why, names] of lost) parts.push(`It was lost for ${list(names)}: ${why}.`);
  if (got.length + lost.size === 0) parts.push("No delivery of it is in this file.");
  return parts.join(" ");
}

/** Who lost a message, by why. */
function lostFor(run: Run, msg: number): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const row of run.endsOf(msg)) {
    const cause = run.head.causes[run.ends.cause[row] as number];
    const lane = run.ends.lane[row] as number;
    const name = lane ? run.laneName(lane) : "everybody";
    if (!cause?.lost || out.get(cause.words)?.includes(name)) continue;
    out.set(cause.words, [...(out.get(cause.words) ?? []), name]);
  }
  return out;
}

function list(names: string[]): string {
  const shown = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

