import { writePart } from "../document";
import { table } from "../tables";
import { ratio, type ServiceMeasurement, sizes, typical, type Way, ways } from "./measurement";

const shown = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? "-";

/** What the clients got on each way. */
export function loadTable({ loads }: ServiceMeasurement): string {
  return table(
    ["scheme", "file", "connections", "way", "requests/s", "MiB/s", "median ms", "99 % ms", "failed"],
    loads.flatMap(({ scheme, size, connections, rounds }) =>
      (Object.keys(ways) as Way[]).flatMap((way) => {
        const own = rounds[way];
        if (!own) {
          return [];
        }
        const { requests, bytes, failed, median, slowest } = typical(own);
        return [
          [
            ...[scheme, sizes[size], String(connections), ways[way], requests.toFixed(1), (bytes / 2 ** 20).toFixed(2)],
            ...[shown(median, 2), shown(slowest, 2), String(failed)],
          ],
        ];
      }),
    ),
  );
}

/** What the balancer costs and gives. */
export function ratioTable({ loads }: ServiceMeasurement): string {
  return table(
    ["scheme", "file", "connections", "cost of a request", "median latency", "both against one"],
    loads.map(({ scheme, size, connections, rounds: { direct, one, both } }) => [
      ...[scheme, sizes[size], String(connections)],
      ...[
        // Of two of the same size, the one that takes twice as long comes half as often.
        ratio(direct, one, ({ bytes }) => bytes),
        ratio(one, direct, ({ median }) => median),
        ratio(both, one, ({ bytes }) => bytes),
      ].map((value) => shown(value, 2)),
    ]),
  );
}

/** The part of docs/performance.md on the service. */
export const served = (measurement: ServiceMeasurement): string =>
  [
    `Measured ${measurement.where}. ${measurement.director} balanced.\n`,
    loadTable(measurement),
    "What the balancer costs, and what a second server gives:\n",
    ratioTable(measurement),
  ].join("\n");

/** Writes it into docs/performance.md, and its data. */
export function writeService(measurement: ServiceMeasurement, root: string): void {
  writePart(root, "service", served(measurement), "service.json", measurement);
}
