import type { Run } from "../../model/run";

export interface Row {
  lane: number;
  /** The middle. */
  y: number;
  node: boolean;
}

export interface Band {
  region: number;
  name: string;
  y: number;
  height: number;
}

export interface Rows {
  rows: Row[];
  bands: Band[];
  height: number;
  /** The middle of a lane's row by lane; that of a stream is its node's; -1 is not shown. */
  y: Float64Array;
}

const NODE = 26;
const CLIENT = 17;
const REGION = 22;

/** More clients than this make the picture too tall to be read at once. */
export const MANY_CLIENTS = 40;

/** Where each lane is: regions below each other, in each first nodes, then clients. */
export function layOut(run: Run, top: number, clients: boolean): Rows {
  const out: Rows = { rows: [], bands: [], height: 0, y: new Float64Array(run.head.lanes.length).fill(-1) };
  let at = top;
  run.head.regions.forEach((region, place) => {
    const start = at;
    at += REGION;
    for (const kind of clients ? ["node", "client"] : ["node"]) {
      run.head.lanes.forEach((lane, number) => {
        if (lane.kind !== kind || (lane.region ?? 0) !== place) return;
        const height = kind === "node" ? NODE : CLIENT;
        out.rows.push({ lane: number, y: at + height / 2, node: kind === "node" });
        out.y[number] = at + height / 2;
        at += height;
      });
    }
    out.bands.push({ region: place, name: region.name, y: start, height: at - start });
  });
  run.head.lanes.forEach((_, lane) => {
    const owner = run.owner(lane);
    if (owner !== lane) out.y[lane] = out.y[owner] ?? -1;
  });
  out.height = at + 8;
  return out;
}

/** Puts things that last into as few levels as possible, so that none lies on another. */
export function levels(things: { since: number; until: number }[]): number[] {
  const free: number[] = [];
  return things.map(({ since, until }) => {
    let level = free.findIndex((end) => end <= since);
    if (level < 0) level = free.length;
    free[level] = until;
    return level;
  });
}
