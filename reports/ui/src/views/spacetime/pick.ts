import type { Picture } from "./draw";
import { arrival } from "./detail";
import { xOf } from "./scale";

export interface Picked {
  table: "events" | "crossings";
  row: number;
}

const NEAR = 7;

/** What is drawn at this point, if things are drawn one by one. */
export function pick({ run, rows, scale, visible }: Picture, x: number, y: number): Picked | null {
  if (!visible.exact) return null;
  let best: Picked | null = null;
  let nearest = NEAR;
  for (const row of visible.events) {
    const lane = rows.y[run.owner(run.events.lane[row] as number)] ?? -1;
    const far = Math.hypot(xOf(scale, run.events.t[row] as number) - x, (lane - y) * 0.7);
    if (lane >= 0 && far < nearest) [best, nearest] = [{ table: "events", row }, far];
  }
  // What lies on a lane goes before what crosses it.
  if (best) return best;
  for (const row of visible.crossings) {
    const { crossings } = run;
    const [y1, y2] = [rows.y[crossings.from[row] as number] ?? -1, rows.y[crossings.to[row] as number] ?? -1];
    if (y1 < 0 || y2 < 0) continue;
    const far = distance(x, y, xOf(scale, crossings.t[row] as number), y1, xOf(scale, arrival(run, row)), y2);
    if (far < nearest) [best, nearest] = [{ table: "crossings", row }, far];
  }
  return best;
}

/** From a point to a line between two others. */
export function distance(x: number, y: number, x1: number, y1: number, x2: number, y2: number): number {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const share = length === 0 ? 0 : Math.min(Math.max(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0), 1);
  return Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
}
