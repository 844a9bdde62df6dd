import type { Piece, Table } from "../decode/piece";
import type { BatchHead } from "./head";

const SEEDS = ["seed", "state", "signature", "steps", "sim_ns", "broker_events", "history_events", "families", "goals", "hash_high", "hash_low"] as const;
const MATRIX = ["family", "guarantee", "seeds", "checked", "broken", "seeds_broken"] as const;

/** Many seeds of one scenario. */
export class Batch {
  readonly head: BatchHead;
  readonly seeds: Table<(typeof SEEDS)[number]>;
  readonly matrix: Table<(typeof MATRIX)[number]>;

  constructor(piece: Piece) {
    this.head = piece.head as unknown as BatchHead;
    this.seeds = piece.table("seeds", SEEDS);
    this.matrix = piece.table("matrix", MATRIX);
  }

  state(row: number): string {
    return this.head.states[this.seeds.state[row] as number] ?? "?";
  }

  /** Families of faults that a seed had. */
  families(row: number): string[] {
    return this.head.families.filter((_, bit) => hasBit(this.seeds.families[row] as number, bit));
  }

  hash(row: number): string {
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    return hex(this.seeds.hash_high[row] as number) + hex(this.seeds.hash_low[row] as number);
  }

  /** The command that runs a seed again, made of that of another seed; empty if none is known. */
  replay(seed: number): string {
    const known = this.head.signatures.find((one) => /--seed \d+/.test(one.replay));
    return known ? known.replay.replace(/--seed \d+/, `--seed ${seed}`) : "";
  }
}

/** Whether a bit is set in a number that may have more than 32. */
export function hasBit(value: number, bit: number): boolean {
  return Math.floor(value / 2 ** bit) % 2 === 1;
}

/** A, B, …, Z, AA: how signatures are called for short. */
export function letters(place: number): string {
  const last = String.fromCharCode(65 + (place % 26));
  return place < 26 ? last : letters(Math.floor(place / 26) - 1) + last;
}
