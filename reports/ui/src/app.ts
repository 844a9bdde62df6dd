import { PageData } from "./decode/page";
import { h, refill } from "./dom";
import { Batch } from "./model/batch";
import type { SpeedHead } from "./model/head";
import { Run } from "./model/run";
import { fromHash, Store, toHash } from "./store";
import { batchPage } from "./views/batch/page";
import { runPage } from "./views/page";
import { pieceTabs } from "./views/tabs";

/** Opens what the page holds: the batch if there is one, else the run; or what the address asks for. */
export async function openReport(root: HTMLElement) {
  const data = new PageData(document);
  const shown = data.names.filter((name) => name !== "speed");
  const show = async (name: string) => {
    try {
      await showPiece(root, data, shown, name, show);
    } catch (error) {
      refill(root, h("p", { class: "failed", role: "alert" }, `This report cannot be shown: ${error instanceof Error ? error.message : String(error)}.`));
    }
  };
  const showAsked = () => {
    const asked = fromHash(location.hash).piece;
    return show(asked && shown.includes(asked) ? asked : (shown[0] ?? ""));
  };
  // Somebody put another address in. The viewer's own changes do not come here.
  addEventListener("hashchange", () => void showAsked());
  await showAsked();
}

async function showPiece(root: HTMLElement, data: PageData, names: string[], name: string, show: (name: string) => Promise<void>) {
  if (!name) throw new Error("there are no data in it");
  const choose = (next: string) => {
    history.replaceState(null, "", `#piece=${next}`);
    void show(next);
  };
  const tabs = names.length > 1 && pieceTabs(names, name, choose);
  const piece = await data.piece(name);
  scrollTo(0, 0);
  if (piece.head["what"] === "batch") {
    const speed = data.names.includes("speed") ? ((await data.piece("speed")).head as unknown as SpeedHead) : null;
    refill(root, tabs, batchPage(new Batch(piece), speed, names, choose));
    return;
  }
  const run = new Run(name, piece);
  const store = new Store(startLooking(run));
  refill(root, tabs, runPage(run, store, names, choose));
  keepAddress(run, store);
}

/** What is looked at first: what the address says, else the first violation, else the first fault. */
function startLooking(run: Run) {
  const said = fromHash(location.hash);
  const first = run.head.guarantees.find((one) => one.first)?.first;
  const witness = first?.witnesses.find((one) => one.msg > 0);
  const lane = said.lane !== undefined && said.lane < run.head.lanes.length ? said.lane : 0;
  return {
    piece: run.name,
    t: Math.min(said.t ?? witness?.t ?? first?.t ?? run.head.faults[0]?.since ?? 0, run.end),
    from: Math.min(said.from ?? 0, run.end - 1),
    to: Math.min(said.to ?? run.end, run.end),
    msg: said.msg ? run.messageNamed(said.msg) : 0,
    lane,
  };
}

function keepAddress(run: Run, store: Store) {
  let waiting = 0;
  store.watch(() => {
    clearTimeout(waiting);
    // Browsers allow only so many changes of the address in a while.
    waiting = window.setTimeout(() => history.replaceState(null, "", toHash(store.get(), (msg) => run.messageName(msg))), 200);
  });
}
