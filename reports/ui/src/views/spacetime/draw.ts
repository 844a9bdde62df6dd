import { duration, niceStep } from "../../format";
import type { Fault } from "../../model/head";
import { faultWindows, type Run } from "../../model/run";
import { arrival, density, type Visible } from "./detail";
import type { Paint } from "./paint";
import { levels, type Rows } from "./rows";
import { type Scale, xOf } from "./scale";

export const AXIS = 20;
const LEVEL = 17;
/** What did not arrive is drawn so far, not up to a lane that has nothing to do with it. */
export const STUB = 13;

const MANY_FAULTS = 8;

export interface Picture {
  run: Run;
  context: CanvasRenderingContext2D;
  rows: Rows;
  scale: Scale;
  paint: Paint;
  visible: Visible;
}

/** How high the axis and the strip of faults are. */
export function topHeight(run: Run): number {
  const most = Math.max(-1, ...faultLevels(run));
  return AXIS + (most + 1) * LEVEL + 6;
}

function faultLevels(run: Run): number[] {
  return levels(run.head.faults.map((one) => ({ since: one.since, until: run.faultUntil(one) }))).map((level) => Math.min(level, 5));
}

/** Everything that stays while only the cursor moves. */
export function drawPicture(picture: Picture) {
  const { context, scale, rows, paint } = picture;
  context.clearRect(0, 0, scale.width, rows.height);
  drawBands(picture);
  drawAxis(picture);
  drawFaults(picture);
  drawLanes(picture);
  drawSpans(picture);
  if (picture.visible.exact) drawExact(picture);
  else drawDense(picture);
  drawLosses(picture);
  context.strokeStyle = paint.line;
}

function drawBands({ context, rows, scale, paint }: Picture) {
  rows.bands.forEach((band) => {
    context.fillStyle = paint.sunk;
    context.fillRect(0, band.y + 2, scale.width, 17);
  });
}

function drawAxis({ context, scale, rows, paint }: Picture) {
  const step = niceStep(scale.to - scale.from, scale.width / 110);
  const places = Math.max(0, Math.min(9, Math.ceil(9 - Math.log10(step))));
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  for (let t = Math.ceil(scale.from / step) * step; t <= scale.to; t += step) {
    const x = Math.round(xOf(scale, t)) + 0.5;
    context.strokeStyle = paint.line;
    line(context, x, 15, x, rows.height);
    context.fillStyle = paint.quiet;
    const text = `${(t / 1e9).toFixed(places)} s`;
    const wide = context.measureText(text).width;
    context.fillText(text, Math.min(Math.max(x - wide / 2, 2), scale.width - wide - 2), 2);
  }
}

/** The strip of faults above, and below it the lanes that they are about: hatched, with edges where they can be told apart. */
function drawFaults(picture: Picture) {
  const { run, context, scale, paint } = picture;
  const level = faultLevels(run);
  const inSight = [...run.head.faults.keys()].filter((place) => {
    const fault = run.head.faults[place];
    return fault && fault.since <= scale.to && run.faultUntil(fault) >= scale.from;
  });
  const alone = inSight.length <= MANY_FAULTS;
  if (!alone) hatchWindows(picture);
  context.textBaseline = "middle";
  for (const place of inSight) {
    const fault = run.head.faults[place] as Fault;
    const left = Math.max(xOf(scale, fault.since), -2);
    const right = Math.min(xOf(scale, run.faultUntil(fault)), scale.width + 2);
    const width = Math.max(right - left, 2);
    const y = AXIS + (level[place] as number) * LEVEL;
    context.fillStyle = paint.unsure;
    context.globalAlpha = 0.22;
    context.fillRect(left, y, width, LEVEL - 3);
    context.globalAlpha = 1;
    context.strokeStyle = paint.unsure;
    context.strokeRect(left + 0.5, y + 0.5, Math.max(width - 1, 1), LEVEL - 4);
    context.fillStyle = paint.text;
    const label = `${fault.kind.replaceAll("_", " ")} ${duration(run.faultUntil(fault) - fault.since)}`;
    clippedText(context, label, Math.max(left, 0) + 4, y + (LEVEL - 3) / 2, right - Math.max(left, 0) - 8);
    if (alone) hatchFault(picture, fault, left, width, y + LEVEL - 3);
  }
}

function hatchFault({ context, rows, paint }: Picture, fault: Fault, left: number, width: number, top: number) {
  const reach = faultReach(fault, rows);
  if (!reach) return;
  context.fillStyle = paint.faultHatch;
  context.fillRect(left, reach[0] - 8, width, reach[1] - reach[0] + 16);
  context.strokeStyle = paint.unsure;
  context.setLineDash([5, 3]);
  line(context, left, top, left, reach[1] + 8);
  line(context, left + width, top, left + width, reach[1] + 8);
  context.setLineDash([]);
}

/** Many faults on each other would hide everything: then only when something was wrong is hatched. */
function hatchWindows({ run, context, rows, scale, paint }: Picture) {
  const top = rows.bands[0]?.y ?? 0;
  context.fillStyle = paint.faultHatch;
  for (const { since, until } of faultWindows(run)) {
    const left = Math.max(xOf(scale, since), 0);
    context.fillRect(left, top, Math.max(Math.min(xOf(scale, until), scale.width) - left, 1), rows.height - top);
  }
}

/** From the topmost to the lowest lane that a fault is about. */
function faultReach(fault: Fault, rows: Rows): [number, number] | null {
  const lanes = [...fault.nodes, ...fault.pairs.flat(), ...fault.clients.map(([, lane]) => lane)];
  const ys = lanes.map((lane) => rows.y[lane] ?? -1).filter((y) => y >= 0);
  return ys.length > 0 ? [Math.min(...ys), Math.max(...ys)] : null;
}

function drawLanes({ context, rows, scale, paint }: Picture) {
  for (const row of rows.rows) {
    context.strokeStyle = row.node ? paint.strong : paint.line;
    context.lineWidth = row.node ? 1.5 : 1;
    line(context, 0, row.y, scale.width, row.y);
  }
  context.lineWidth = 1;
}

/** What was not as it should be, along the lanes: below the line what is kept, above it what is missing. */
function drawSpans(picture: Picture) {
  const { run, context, scale, rows, paint } = picture;
  const { spans } = run;
  for (let row = 0; row < spans.rows; row++) {
    const y = rows.y[run.owner(spans.lane[row] as number)] ?? -1;
    const left = xOf(scale, spans.since[row] as number);
    const right = xOf(scale, spans.until[row] as number);
    if (y < 0 || right < 0 || left > scale.width) continue;
    const width = Math.max(right - left, 1);
    switch (run.head.spans[spans.what[row] as number]) {
      case "buffering":
        context.fillStyle = paint.kept;
        context.fillRect(left, y + 4, width, 4);
        break;
      case "no_route":
        context.fillStyle = paint.bad;
        for (let x = Math.max(left, 0); x < Math.min(right, scale.width); x += 6) context.fillRect(x, y - 7, Math.min(3, right - x), 2);
        break;
      case "off":
        context.fillStyle = paint.ground;
        context.fillRect(left, y - 8, width, 16);
        context.fillStyle = paint.offHatch;
        context.fillRect(left, y - 8, width, 16);
        break;
      case "stalled":
        context.fillStyle = paint.offHatch;
        context.fillRect(left, y - 5, width, 10);
        break;
    }
  }
}

function drawExact(picture: Picture) {
  const { run, context, scale, rows, paint, visible } = picture;
  const { crossings, events } = run;
  for (const row of visible.crossings) {
    const from = rows.y[crossings.from[row] as number] ?? -1;
    const to = rows.y[crossings.to[row] as number] ?? -1;
    if (from < 0 || to < 0) continue;
    const interest = crossings.what[row] === 1;
    context.strokeStyle = interest ? paint.interest : paint.message;
    context.setLineDash(interest ? [4, 3] : []);
    const x = xOf(scale, crossings.t[row] as number);
    if (crossings.took[row] === 0) {
      const stub = from + Math.sign(to - from) * STUB;
      line(context, x, from, x + 4, stub);
      cross(context, x + 4, stub, paint.bad, 2.5);
    } else {
      arrow(context, x, from, xOf(scale, arrival(run, row)), to);
    }
  }
  context.setLineDash([]);
  for (const row of visible.events) {
    const y = rows.y[run.owner(events.lane[row] as number)] ?? -1;
    if (y < 0) continue;
    const x = xOf(scale, events.t[row] as number);
    drawEvent(context, run.kind(row).name, run.kind(row).group, x, y, paint);
    const node = endOfConnection(run, row);
    if (node && (rows.y[node] ?? -1) >= 0) {
      context.strokeStyle = run.kind(row).name === "pub" ? paint.message : paint.delivery;
      context.globalAlpha = 0.45;
      context.setLineDash([1, 2]);
      line(context, x, y, x, rows.y[node] as number);
      context.setLineDash([]);
      context.globalAlpha = 1;
    }
  }
}

/** The node at the other end of a client's connection over which a message went. */
function endOfConnection(run: Run, row: number): number {
  const kind = run.kind(row).name;
  if (kind !== "pub" && kind !== "delivered") return 0;
  return run.connections.nodeOn(run.events.lane[row] as number, run.events.conn[row] as number);
}

/** Each sort of event has its own shape. */
function drawEvent(context: CanvasRenderingContext2D, kind: string, group: string, x: number, y: number, paint: Paint) {
  context.beginPath();
  if (kind === "delivered" || kind === "stream_given") {
    context.fillStyle = paint.delivery;
    context.moveTo(x - 4, y + 3.5);
    context.lineTo(x + 4, y + 3.5);
    context.lineTo(x, y - 3.5);
    context.fill();
  } else if (kind === "pub" || kind === "stream_sent") {
    context.fillStyle = paint.message;
    context.arc(x, y, 3.5, 0, 7);
    context.fill();
  } else if (group === "buffer") {
    context.fillStyle = paint.kept;
    context.fillRect(x - 2.5, y + 1, 5, 6);
  } else {
    context.strokeStyle = paint.strong;
    context.moveTo(x, y - 5);
    context.lineTo(x, y + 5);
    context.stroke();
  }
}

/** Too much to draw one by one: how dense events are, and for each pair of nodes one line a column of pixels. */
function drawDense(picture: Picture) {
  const { run, context, scale, rows, paint, visible } = picture;
  const { crossings, events } = run;
  const lanes = run.head.lanes.length;
  const seen = new Set<number>();
  context.strokeStyle = paint.message;
  context.globalAlpha = 0.14;
  context.beginPath();
  for (const row of visible.crossings) {
    const [from, to] = [crossings.from[row] as number, crossings.to[row] as number];
    const x = xOf(scale, crossings.t[row] as number);
    const key = (Math.floor(x) * lanes + from) * lanes + to;
    if (seen.has(key) || (rows.y[from] ?? -1) < 0 || (rows.y[to] ?? -1) < 0) continue;
    seen.add(key);
    context.moveTo(x, rows.y[from] as number);
    context.lineTo(xOf(scale, arrival(run, row)), rows.y[to] as number);
  }
  context.stroke();
  context.globalAlpha = 1;
  const { counts, columns, most } = density(events.t, events.lane, visible.events, lanes, scale);
  for (let lane = 1; lane < lanes; lane++) {
    const y = rows.y[lane] ?? -1;
    if (y < 0) continue;
    context.fillStyle = run.lane(lane).role === "publish" || run.lane(lane).kind === "node" ? paint.message : paint.delivery;
    for (let column = 0; column < columns; column++) {
      const n = counts[lane * columns + column] as number;
      if (n === 0) continue;
      const height = 2 + 9 * (Math.log1p(n) / Math.log1p(most));
      context.fillRect(column, y - height / 2, 1, height);
    }
  }
}

/** Where messages were lost, at whom: always drawn, one a column of pixels. */
function drawLosses({ run, context, scale, rows, paint }: Picture) {
  const { ends } = run;
  const seen = new Set<number>();
  for (let row = 0; row < ends.rows; row++) {
    const t = ends.t[row] as number;
    if (t < scale.from || t > scale.to || !run.head.causes[ends.cause[row] as number]?.lost) continue;
    const lane = run.owner((ends.lane[row] as number) || (ends.node[row] as number));
    const y = rows.y[lane] ?? -1;
    const x = xOf(scale, t);
    const key = Math.floor(x / 5) * run.head.lanes.length + lane;
    if (y < 0 || seen.has(key)) continue;
    seen.add(key);
    cross(context, x, y, paint.bad);
  }
}

export function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

export function cross(context: CanvasRenderingContext2D, x: number, y: number, colour: string, size = 3.5) {
  context.save();
  context.setLineDash([]);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  line(context, x - size, y - size, x + size, y + size);
  line(context, x - size, y + size, x + size, y - size);
  context.restore();
}

export function arrow(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number) {
  line(context, x1, y1, x2, y2);
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 8) return;
  const [dx, dy] = [((x2 - x1) / length) * 5, ((y2 - y1) / length) * 5];
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.moveTo(x2, y2);
  context.lineTo(x2 - dx - dy * 0.5, y2 - dy + dx * 0.5);
  context.lineTo(x2 - dx + dy * 0.5, y2 - dy - dx * 0.5);
  context.fill();
}

function clippedText(context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number) {
  const shown = clipped(text, width, (part) => context.measureText(part).width);
  if (shown) context.fillText(shown, x, y);
}

/** As much of a text as there is room for; nothing if that would be too little to be read. */
export function clipped(text: string, width: number, measure: (text: string) => number): string {
  if (measure(text) <= width) return text;
  for (let length = Math.min(text.length - 1, 200); length >= 3; length = Math.floor(length * 0.85)) {
    const shown = `${text.slice(0, length)}…`;
    if (measure(shown) <= width) return shown;
  }
  return "";
}
