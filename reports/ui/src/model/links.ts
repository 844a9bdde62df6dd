import type { Run } from "./run";

export type LinkState = "up" | "degraded" | "no_route" | "cut" | "off";

/** From the worst to the best: what is shown if several are true. */
const WORST: LinkState[] = ["off", "cut", "no_route", "degraded", "up"];

export interface LinkNow {
  a: number;
  b: number;
  state: LinkState;
  since: number;
  /** Whether that is so in one direction only. */
  oneWay: boolean;
}

export interface NodeNow {
  off: boolean;
  stalled: boolean;
}

export interface Buffering {
  lane: number;
  peer: number;
  since: number;
  messages: number;
  bytes: number;
}

/** How nodes and links are at a point of time. */
export interface Now {
  links: LinkNow[];
  nodes: Map<number, NodeNow>;
  buffering: Buffering[];
}

export function nowAt(run: Run, t: number): Now {
  const nodes = new Map<number, NodeNow>();
  run.head.lanes.forEach((lane, number) => lane.kind === "node" && nodes.set(number, { off: false, stalled: false }));
  const directions = new Map<string, { state: LinkState; since: number }>();
  const buffering: Buffering[] = [];
  const { spans } = run;
  for (let row = 0; row < spans.rows; row++) {
    const [since, until] = [spans.since[row] as number, spans.until[row] as number];
    if (since > t || (t >= until && until < run.end)) continue;
    const [lane, peer] = [spans.lane[row] as number, spans.peer[row] as number];
    const what = run.head.spans[spans.what[row] as number] ?? "";
    const node = nodes.get(lane);
    if (what === "off" && node) node.off = true;
    else if (what === "stalled" && node) node.stalled = true;
    else if (what === "buffering") buffering.push({ lane, peer, since, ...keptAt(run, lane, peer, t) });
    else if (what === "cut" || what === "degraded" || what === "no_route") worsen(directions, `${lane} ${peer}`, what, since);
  }
  return { links: linksOf(nodes, directions), nodes, buffering };
}

function worsen(directions: Map<string, { state: LinkState; since: number }>, key: string, state: LinkState, since: number) {
  const before = directions.get(key);
  if (!before || WORST.indexOf(state) < WORST.indexOf(before.state)) directions.set(key, { state, since });
}

function linksOf(nodes: Map<number, NodeNow>, directions: Map<string, { state: LinkState; since: number }>): LinkNow[] {
  const all = [...nodes.keys()];
  return all.flatMap((a, place) =>
    all.slice(place + 1).map((b): LinkNow => {
      if (nodes.get(a)?.off || nodes.get(b)?.off) return { a, b, state: "off", since: 0, oneWay: false };
      const there = directions.get(`${a} ${b}`);
      const back = directions.get(`${b} ${a}`);
      const worst = WORST.find((state) => there?.state === state || back?.state === state) ?? "up";
      return { a, b, state: worst, since: Math.min(there?.since ?? Infinity, back?.since ?? Infinity), oneWay: there?.state !== back?.state };
    }),
  );
}

/** What a node keeps for another at that time. */
function keptAt(run: Run, lane: number, peer: number, t: number): { messages: number; bytes: number } {
  const { depths } = run;
  const buffer = run.head.depths.indexOf("buffer");
  let out = { messages: 0, bytes: 0 };
  for (let row = 0; row < depths.rows && (depths.t[row] as number) <= t; row++) {
    if (depths.what[row] === buffer && depths.lane[row] === lane && depths.peer[row] === peer) {
      out = { messages: depths.messages[row] as number, bytes: depths.bytes[row] as number };
    }
  }
  return out;
}

/** Links between two regions, or within one, and how many are not up. */
export interface Bundle {
  a: number;
  b: number;
  links: number;
  /** The worst state of any of them, and how many have it. */
  state: LinkState;
  count: number;
  since: number;
}

/** Links in bundles by regions: where nodes are many, single links cannot be told apart. */
export function bundles(run: Run, now: Now): Bundle[] {
  const all = new Map<string, LinkNow[]>();
  for (const link of now.links) {
    const [a, b] = [run.lane(link.a).region ?? 0, run.lane(link.b).region ?? 0].sort((one, other) => one - other);
    const key = `${a} ${b}`;
    all.set(key, [...(all.get(key) ?? []), link]);
  }
  return [...all].map(([key, links]) => {
    const [a = 0, b = 0] = key.split(" ").map(Number);
    // A node that is off is seen at the node.
    const state = WORST.find((one) => one !== "off" && links.some((link) => link.state === one)) ?? "up";
    const such = links.filter((link) => link.state === state);
    return { a, b, links: links.length, state, count: such.length, since: Math.min(...such.map((link) => link.since)) };
  });
}
