import { firstFrom } from "./search";
import type { Run } from "./run";

/** A line of a chart: values at the chart's points of time; `null` is nothing. */
export interface Series {
  name: string;
  values: (number | null)[];
}

export interface Chart {
  /** Seconds. */
  times: number[];
  series: Series[];
}

/** More lines than this cannot be told apart. */
const MOST = 8;

/** What waits, as steps: by whom for whom, those with the most. */
export function backlog(run: Run, whats: string[], measure: "messages" | "bytes"): Chart {
  const { depths } = run;
  const wanted = new Set(whats.map((what) => run.head.depths.indexOf(what)));
  const rows = [...depths.t.keys()].filter((row) => wanted.has(depths.what[row] as number));
  const lines = new Map<string, { name: string; most: number }>();
  for (const row of rows) {
    const key = keyOf(run, row);
    const value = depths[measure][row] as number;
    const line = lines.get(key) ?? { name: backlogName(run, row), most: 0 };
    line.most = Math.max(line.most, value);
    lines.set(key, line);
  }
  const kept = [...lines].filter(([, line]) => line.most > 0).sort(([, a], [, b]) => b.most - a.most).slice(0, MOST);
  const ordered = rows.filter((row) => kept.some(([key]) => key === keyOf(run, row)));
  const times = momentsOf(ordered.map((row) => depths.t[row] as number), run.end);
  const series = kept.map(([key, line]) => ({ name: line.name, values: steps(run, ordered.filter((row) => keyOf(run, row) === key), times, measure) }));
  return { times: times.map((t) => t / 1e9), series };
}

const keyOf = ({ depths }: Run, row: number) => `${depths.what[row]} ${depths.lane[row]} ${depths.peer[row]}`;

function backlogName(run: Run, row: number): string {
  const lane = run.laneName(run.depths.lane[row] as number);
  const peer = run.depths.peer[row] as number;
  return peer ? `${lane} for ${run.laneName(peer)}` : lane;
}

/** All points of time at which something changes. Where it changes twice at once, the next nanosecond has the second value. */
function momentsOf(changes: number[], end: number): number[] {
  const all = new Set([0, end]);
  changes.forEach((t, place) => {
    all.add(t);
    if (t === changes[place - 1]) all.add(t + 1);
  });
  return [...all].sort((a, b) => a - b);
}

/** The value at each point of time: the most of those that it has at that moment, then the last of them. */
function steps(run: Run, rows: number[], times: number[], measure: "messages" | "bytes"): number[] {
  let last = 0;
  let next = 0;
  return times.map((t) => {
    let most = 0;
    let changed = false;
    while (next < rows.length && (run.depths.t[rows[next] as number] as number) <= t) {
      last = run.depths[measure][rows[next++] as number] as number;
      most = Math.max(most, last);
      changed = true;
    }
    return changed ? most : last;
  });
}

const RATES = { published: "published", delivered: "delivered", crossed: "sent between nodes", stored: "stored", given: "given by consumers", not_sent: "not sent: not connected" } as const;

/** How many messages a second, of all events. */
export function throughput(run: Run): Chart {
  const { rates } = run;
  const width = run.head.buckets.width_ns / 1e9;
  const times = [...rates.bucket].map((bucket) => (bucket + 0.5) * width);
  const series = (Object.keys(RATES) as (keyof typeof RATES)[])
    .filter((name) => rates[name].some((n) => n > 0))
    .map((name) => ({ name: RATES[name], values: [...rates[name]].map((n) => n / width) }));
  return { times, series };
}

/** Messages a second that went to another node while some were kept for it: the replay, of the events that are here. */
export function replay(run: Run): Chart {
  const { crossings, spans } = run;
  const buffering = run.spanNamed("buffering");
  const width = run.head.buckets.width_ns;
  const buckets = Math.max(run.head.buckets.count, 1);
  const lines = new Map<string, number[]>();
  for (let span = 0; span < spans.rows; span++) {
    if (spans.what[span] !== buffering) continue;
    const [lane, peer] = [spans.lane[span] as number, spans.peer[span] as number];
    const name = `${run.laneName(lane)} to ${run.laneName(peer)}`;
    const counts = lines.get(name) ?? new Array<number>(buckets).fill(0);
    lines.set(name, counts);
    for (let row = firstFrom(crossings.t, spans.since[span] as number); row < crossings.rows && (crossings.t[row] as number) <= (spans.until[span] as number); row++) {
      if (crossings.from[row] !== lane || crossings.to[row] !== peer || !crossings.n[row] || crossings.what[row] !== 0) continue;
      const bucket = Math.min(Math.floor((crossings.t[row] as number) / width), buckets - 1);
      counts[bucket] = (counts[bucket] as number) + 1;
    }
  }
  const total = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
  const series = [...lines]
    .filter(([, counts]) => total(counts) > 0)
    .sort(([, a], [, b]) => total(b) - total(a))
    .slice(0, MOST)
    .map(([name, counts]) => ({ name, values: counts.map((n) => (n * 1e9) / width) }));
  return { times: Array.from({ length: buckets }, (_, bucket) => ((bucket + 0.5) * width) / 1e9), series };
}

/** Pairs of regions between which something was delivered. */
export function latencyPairs(run: Run): { from: number; to: number; name: string; count: number }[] {
  const { latency } = run;
  const pairs = new Map<string, { from: number; to: number; name: string; count: number }>();
  for (let row = 0; row < latency.rows; row++) {
    const [from, to] = [latency.from[row] as number, latency.to[row] as number];
    const region = (place: number) => run.head.regions[place]?.name ?? "?";
    const pair = pairs.get(`${from} ${to}`) ?? { from, to, name: from === to ? `within ${region(from)}` : `${region(from)} to ${region(to)}`, count: 0 };
    pair.count += latency.count[row] as number;
    pairs.set(`${from} ${to}`, pair);
  }
  return [...pairs.values()].sort((a, b) => Number(a.from === a.to) - Number(b.from === b.to) || a.from - b.from || a.to - b.to);
}

const QUANTILES = { p50: "half within", p90: "90 of 100 within", p99: "99 of 100 within", most: "the slowest" } as const;

/** How long deliveries took, between two regions; in ns. */
export function latency(run: Run, from: number, to: number): Chart {
  const { latency } = run;
  const width = run.head.buckets.width_ns / 1e9;
  const times = Array.from({ length: Math.max(run.head.buckets.count, 1) }, (_, bucket) => (bucket + 0.5) * width);
  const series = (Object.keys(QUANTILES) as (keyof typeof QUANTILES)[]).map((name) => ({ name: QUANTILES[name], values: times.map((): number | null => null), column: latency[name] }));
  for (let row = 0; row < latency.rows; row++) {
    if (latency.from[row] !== from || latency.to[row] !== to) continue;
    for (const line of series) line.values[latency.bucket[row] as number] = Math.max(line.column[row] as number, 1);
  }
  return { times, series: series.map(({ name, values }) => ({ name, values })) };
}
