import { visible } from "../format";
import type { Piece, Table } from "../decode/piece";
import type { Fault, Kind, Lane, RunHead } from "./head";
import { RowsBy } from "./search";

const EVENTS = ["event", "t", "kind", "lane", "peer", "msg", "conn", "text", "more", "n", "m"] as const;
const CROSSINGS = ["event", "t", "what", "from", "to", "conn", "msg", "text", "more", "n", "took"] as const;
const MESSAGES = ["client", "conn", "seq", "event", "t", "subject", "size"] as const;
const ENDS = ["msg", "lane", "cause", "t", "node", "event"] as const;
const SPANS = ["what", "lane", "peer", "fault", "since", "until"] as const;
const DEPTHS = ["t", "what", "lane", "peer", "messages", "bytes"] as const;
const RATES = ["bucket", "published", "not_sent", "crossed", "delivered", "stored", "given"] as const;
const LATENCY = ["from", "to", "bucket", "count", "least", "p50", "p90", "p99", "most"] as const;

/** One run: the head, and its tables decoded. */
export class Run {
  readonly head: RunHead;
  readonly events: Table<(typeof EVENTS)[number]>;
  readonly crossings: Table<(typeof CROSSINGS)[number]>;
  readonly messages: Table<(typeof MESSAGES)[number]>;
  readonly ends: Table<(typeof ENDS)[number]>;
  readonly spans: Table<(typeof SPANS)[number]>;
  readonly depths: Table<(typeof DEPTHS)[number]>;
  readonly rates: Table<(typeof RATES)[number]>;
  readonly latency: Table<(typeof LATENCY)[number]>;
  readonly connections: Connections;
  #eventsOf?: RowsBy;
  #crossingsOf?: RowsBy;
  #endsOf?: RowsBy;

  constructor(readonly name: string, piece: Piece) {
    this.head = { causes: [], ...piece.head } as unknown as RunHead;
    this.events = piece.table("events", EVENTS);
    this.crossings = piece.table("crossings", CROSSINGS);
    this.messages = piece.table("messages", MESSAGES);
    this.ends = piece.table("ends", ENDS);
    this.spans = piece.table("spans", SPANS);
    this.depths = piece.table("depths", DEPTHS);
    this.rates = piece.table("rates", RATES);
    this.latency = piece.table("latency", LATENCY);
    this.connections = new Connections(this);
  }

  get end(): number {
    return Math.max(this.head.end_ns, 1);
  }

  lane(lane: number): Lane {
    return this.head.lanes[lane] ?? { name: "?", kind: "run" };
  }

  laneName(lane: number): string {
    return lane === 0 ? "the run" : visible(this.lane(lane).name);
  }

  /** The node or client that a lane belongs to: streams and consumers live at nodes. */
  owner(lane: number): number {
    let at = lane;
    for (let steps = 0; steps < 3; steps++) {
      const of = this.lane(at).of;
      if (of === undefined) return at;
      at = of;
    }
    return at;
  }

  text(place: number): string {
    return this.head.texts[place] ?? "";
  }

  kind(row: number): Kind {
    return this.head.kinds[this.events.kind[row] as number] ?? { name: "?", group: "run", words: "?", n: "", m: "" };
  }

  /** The place of the kind of this name, or -1 if this run knows none. */
  kindNamed(name: string): number {
    return this.head.kinds.findIndex((kind) => kind.name === name);
  }

  spanNamed(name: string): number {
    return this.head.spans.indexOf(name);
  }

  messageName(msg: number): string {
    const { client, conn, seq } = this.messages;
    return msg > 0 && msg <= this.messages.rows ? `${client[msg - 1]}.${conn[msg - 1]}.${seq[msg - 1]}` : "?";
  }

  messageNamed(name: string): number {
    const [client, conn, seq] = name.split(".").map(Number);
    for (let row = 0; row < this.messages.rows; row++) {
      if (this.messages.seq[row] === seq && this.messages.client[row] === client && this.messages.conn[row] === conn) return row + 1;
    }
    return 0;
  }

  publisher(msg: number): number {
    const nodes = this.head.lanes.filter((lane) => lane.kind === "node").length;
    return 1 + nodes + (this.messages.client[msg - 1] ?? 0);
  }

  eventsOf(msg: number): Int32Array {
    return (this.#eventsOf ??= new RowsBy(this.events.msg, this.messages.rows + 1)).of(msg);
  }

  crossingsOf(msg: number): Int32Array {
    return (this.#crossingsOf ??= new RowsBy(this.crossings.msg, this.messages.rows + 1)).of(msg);
  }

  endsOf(msg: number): Int32Array {
    return (this.#endsOf ??= new RowsBy(this.ends.msg, this.messages.rows + 1)).of(msg);
  }

  faultUntil(fault: Fault): number {
    return fault.until ?? this.end;
  }
}

/** When anything was wrong: windows of faults, those that touch each other as one. */
export function faultWindows(run: Run): { since: number; until: number }[] {
  const out: { since: number; until: number }[] = [];
  for (const fault of [...run.head.faults].sort((a, b) => a.since - b.since)) {
    const last = out.at(-1);
    if (last && fault.since <= last.until) last.until = Math.max(last.until, run.faultUntil(fault));
    else out.push({ since: fault.since, until: run.faultUntil(fault) });
  }
  return out;
}

interface Connection {
  since: number;
  until: number;
  node: number;
  conn: number;
}

/** When each client was connected to which node, as far as the events that were kept tell. */
export class Connections {
  readonly #of = new Map<number, Connection[]>();

  constructor(run: Run) {
    const { events } = run;
    const connected = run.kindNamed("connected");
    const closed = run.kindNamed("closed");
    for (let row = 0; row < events.rows; row++) {
      const kind = events.kind[row];
      if (kind !== connected && kind !== closed) continue;
      const [lane, t, conn] = [events.lane[row] as number, events.t[row] as number, events.conn[row] as number];
      const all = this.#of.get(lane) ?? [];
      this.#of.set(lane, all);
      if (kind === connected) all.push({ since: t, until: Infinity, node: events.peer[row] as number, conn });
      else for (const one of all) if (one.conn === conn && one.until === Infinity) one.until = t;
    }
  }

  /** The node that a client is connected to at that time, or 0. */
  nodeOf(client: number, t: number): number {
    return this.#of.get(client)?.find((one) => one.since <= t && t < one.until)?.node ?? 0;
  }

  /** The node at the other end of one of a client's connections, or 0. */
  nodeOn(client: number, conn: number): number {
    return this.#of.get(client)?.find((one) => one.conn === conn)?.node ?? 0;
  }
}
