import type { Run } from "../../model/run";
import { firstFrom } from "../../model/search";
import type { Scale } from "./scale";
import { xOf } from "./scale";

/** Up to so many things are drawn one by one; more are drawn as how dense they are. */
export const EXACT = 2000;

export interface Visible {
  events: Int32Array;
  crossings: Int32Array;
  exact: boolean;
}

/** What is to be seen between two points of time: also crossings that began before. */
export function visible(run: Run, from: number, to: number, shown: (lane: number) => boolean): Visible {
  const { events, crossings } = run;
  const first = firstFrom(events.t, from);
  const eventRows: number[] = [];
  for (let row = first; row < events.rows && (events.t[row] as number) <= to; row++) {
    if (shown(events.lane[row] as number)) eventRows.push(row);
  }
  const crossingRows: number[] = [];
  for (let row = firstFrom(crossings.t, from - longest(run)); row < crossings.rows && (crossings.t[row] as number) <= to; row++) {
    if (arrival(run, row) >= from) crossingRows.push(row);
  }
  return { events: Int32Array.from(eventRows), crossings: Int32Array.from(crossingRows), exact: eventRows.length + crossingRows.length <= EXACT };
}

/** When a crossing arrived; when it was sent, if it is not known to have arrived. */
export function arrival(run: Run, row: number): number {
  const took = run.crossings.took[row] as number;
  return (run.crossings.t[row] as number) + Math.max(took - 1, 0);
}

const longestOf = new WeakMap<Run, number>();

function longest(run: Run): number {
  let most = longestOf.get(run);
  if (most === undefined) {
    most = run.crossings.took.reduce((a, b) => Math.max(a, b), 0);
    longestOf.set(run, most);
  }
  return most;
}

/** How many things each lane has in each column of pixels. */
export function density(times: Float64Array, lanes: Float64Array, rows: Int32Array, laneCount: number, scale: Scale): { counts: Uint32Array; columns: number; most: number } {
  const columns = Math.max(Math.ceil(scale.width), 1);
  const counts = new Uint32Array(laneCount * columns);
  let most = 0;
  for (const row of rows) {
    const column = Math.floor(xOf(scale, times[row] as number));
    if (column < 0 || column >= columns) continue;
    const place = (lanes[row] as number) * columns + column;
    const now = (counts[place] as number) + 1;
    counts[place] = now;
    if (now > most) most = now;
  }
  return { counts, columns, most };
}
