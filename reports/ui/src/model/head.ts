/** The heads of the pieces, as docs/report-format.md describes them. */

export interface Witness {
  event: number;
  t: number;
  text: string;
  msg: number;
}

export interface Violation {
  event: number;
  t: number;
  story: string;
  witnesses: Witness[];
}

export interface Declared {
  scope: string;
  during: string;
  within_ns: number | null;
  grace_ns: number | null;
  p99_ns: number | null;
  success_ppm: number | null;
  min_ppm: number | null;
}

export interface Guarantee {
  id: string;
  name: string;
  code: string;
  sentence: string;
  unit: string;
  timing: "always" | "eventually";
  required: boolean;
  line: number;
  declared?: Declared | null;
  status: "held" | "broken" | "not_checked";
  checked: number;
  broken: number;
  excused: number;
  unrecoverable: number;
  bound_ns: number | null;
  closest: { took_ns: number; bound_ns: number; margin_ns: number } | null;
  first: Violation | null;
  first_unrecoverable?: Violation | null;
  why_unrecoverable?: string | null;
}

export interface Link {
  name: string;
  latency_ns: number;
  jitter_ns: number;
  bandwidth: number;
}

export interface Lane {
  name: string;
  kind: "run" | "node" | "client" | "stream" | "consumer";
  region?: number;
  cluster?: string;
  role?: string;
  of?: number;
}

export interface Fault {
  id: number;
  kind: string;
  family: string;
  text: string;
  since: number;
  until: number | null;
  instant: boolean;
  nodes: number[];
  pairs: [number, number][];
  clients: [number, number][];
}

export interface Kind {
  name: string;
  group: string;
  words: string;
  n: string;
  m: string;
}

export interface Cause {
  name: string;
  words: string;
  lost: boolean;
  count: number;
  first: string;
}

export interface Snapshot {
  t: number;
  lane: number;
  phase: string;
  routes: number;
  interest: number;
  clients: number;
  counters: Record<string, number>;
}

export interface Contrast {
  what: string;
  here: number;
  there: number;
}

export interface Difference {
  seed: number;
  replay: string;
  world: Contrast[];
  events: Contrast[];
  guarantees: { name: string; checked_here: number; checked_there: number; broken_here: number }[];
}

export interface RunHead {
  version: string;
  scenario: string;
  about: string;
  seed: number;
  engine: string;
  server: string | null;
  trace_hash: string;
  verdict: string;
  end: string;
  end_words: string;
  end_ns: number;
  steps: number;
  broker_events: number;
  history_events: number;
  guarantees: Guarantee[];
  goals: { goal: string; reached: boolean }[];
  notes: string[];
  regions: { name: string; link: Link }[];
  paths: { a: number; b: number; link: Link }[];
  lanes: Lane[];
  phases: { name: string; since: number; until: number }[];
  faults: Fault[];
  snapshots: Snapshot[];
  story: { t: number; text: string }[];
  minimal: boolean;
  plan: string;
  difference: Difference | null;
  commands: { replay: string; minimise: string; explain: string; trace: string };
  buckets: { width_ns: number; count: number };
  sampling: { events: number; kept: number; around_ns: number; chance: number };
  kinds: Kind[];
  causes: Cause[];
  spans: string[];
  depths: string[];
  texts: string[];
}

export interface BatchGuarantee extends Guarantee {
  seeds_held: number;
  seeds_broken: number;
  seeds_not_checked: number;
  first_seed: number | null;
}

export interface BatchHead {
  version: string;
  scenario: string;
  file: string;
  about: string;
  engine: string;
  server: string | null;
  params: [string, string][];
  parameters: string[];
  without: string | string[];
  verdict: string;
  exit_code: number;
  seeds: string;
  seeds_run: number;
  seeds_left_out: number;
  left_out_because: string;
  notes: string[];
  digest: string;
  totals: { steps: number; broker_events: number; history_events: number; sim_ns: number };
  harness_faults: { seed: number; what: string }[];
  guarantees: BatchGuarantee[];
  goals: { goal: string; seeds: number }[];
  signatures: { words: string; seeds: number; first_seed: number; replay: string }[];
  families: string[];
  states: string[];
}

export interface SpeedHead {
  wall_ms: number;
  jobs: number;
  broker_events_per_s: number;
  sim_seconds_per_s: number;
}
