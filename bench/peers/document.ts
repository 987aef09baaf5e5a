import { writePart } from "../document";
import { median } from "../measurement";
import { seconds } from "../picture";
import { table } from "../tables";
import { type Contender, contenders, type Peers } from "./measurement";

/** How long each took, in seconds, and how long `up` takes in comparison. */
export const peerTable = ({ took }: Peers): string =>
  table(
    ["what", "runs", "median", "`up` against it"],
    (Object.keys(contenders) as Contender[]).map((contender) => [
      contenders[contender],
      took[contender].map(seconds).join(", "),
      seconds(median(took[contender])),
      (median(took.up) / median(took[contender])).toFixed(2),
    ]),
  );

/** The part of docs/performance.md on the peers. */
export const compared = (peers: Peers): string =>
  `Measured ${peers.where}, with ${peers.ansible}. Each ran ${peers.commands} commands.\n\n${peerTable(peers)}`;

/** Writes it into docs/performance.md, and its data. */
export function writePeers(peers: Peers, root: string): void {
  writePart(root, "peers", compared(peers), "peers.json", peers);
}
