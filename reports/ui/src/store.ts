/** What is looked at. It stands in the address, so that a view can be sent to somebody. */
export interface Looking {
  /** Name of the piece: `batch`, `run-17`, `minimal-17`. */
  piece: string;
  /** The cursor. */
  t: number;
  /** The part of time that is shown. */
  from: number;
  to: number;
  /** The message whose life-line is shown, as a row of `messages` plus one, or 0. */
  msg: number;
  /** The lane that is chosen, or 0. */
  lane: number;
}

type Listener = (now: Looking, before: Looking) => void;

/** Keeps what is looked at and tells the views of each change. */
export class Store {
  #listeners: Listener[] = [];

  constructor(private now: Looking) {}

  get(): Looking {
    return this.now;
  }

  set(change: Partial<Looking>) {
    const before = this.now;
    const now = { ...before, ...change };
    if ((Object.keys(now) as (keyof Looking)[]).every((key) => now[key] === before[key])) return;
    this.now = now;
    for (const listener of this.#listeners) listener(now, before);
  }

  /** Calls the listener at each change from now on. */
  watch(listener: Listener) {
    this.#listeners.push(listener);
  }
}

/** How the address says what is looked at. */
export function toHash(looking: Looking, messageName: (msg: number) => string): string {
  const parts = [`piece=${looking.piece}`];
  if (looking.t) parts.push(`t=${Math.round(looking.t)}`);
  if (looking.to) parts.push(`zoom=${Math.round(looking.from)}-${Math.round(looking.to)}`);
  if (looking.msg) parts.push(`msg=${messageName(looking.msg)}`);
  if (looking.lane) parts.push(`lane=${looking.lane}`);
  return `#${parts.join("&")}`;
}

/** What the address says. What it does not say, or says wrongly, is left out. */
export function fromHash(hash: string): { piece?: string; t?: number; from?: number; to?: number; msg?: string; lane?: number } {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const out: ReturnType<typeof fromHash> = {};
  const whole = (text: string | null | undefined) => (text && /^\d{1,16}$/.test(text) ? Number(text) : undefined);
  const piece = said.get("piece");
  if (piece) out.piece = piece;
  const t = whole(said.get("t"));
  if (t !== undefined) out.t = t;
  const lane = whole(said.get("lane"));
  if (lane !== undefined) out.lane = lane;
  const msg = said.get("msg");
  if (msg && /^\d+\.\d+\.\d+$/.test(msg)) out.msg = msg;
  const [from, to] = (said.get("zoom") ?? "").split("-").map(whole);
  if (from !== undefined && to !== undefined && from < to) Object.assign(out, { from, to });
  return out;
}
