import { median, sumOf } from "../measurement";

export const schemes = ["http", "https"] as const;

/** The files that clients ask for, by their names. */
export const sizes = { small: "1 KiB", large: "100 MiB" } as const;

/** How many connections there are at a time. */
export const connectionCounts = [1, 10, 50, 200] as const;

/** The ways to the file. */
export const ways = {
  direct: "one Apache, directly",
  one: "the service, one Apache",
  both: "the service, both",
} as const;

export type Scheme = (typeof schemes)[number];
export type Size = keyof typeof sizes;
export type Way = keyof typeof ways;

/** What wrk has counted for one client, as report.lua prints it. */
export interface Count {
  /** Those that have been answered, whatever the answer. */
  readonly requests: number;
  /** All that was read, also of requests that had no end yet. */
  readonly bytes: number;
  readonly microseconds: number;
  readonly failed: number;
  /** Quantiles at equal distances, in microseconds; zeros if nothing was answered. */
  readonly latencies: readonly number[];
}

/** What clients got at one time. */
export interface Figures {
  /** In a second. */
  readonly requests: number;
  /** In a second. */
  readonly bytes: number;
  readonly failed: number;
  /** In milliseconds. Unset: nothing was answered. */
  readonly median?: number;
  readonly slowest?: number;
}

/** One kind of load, and what each round of it gave. */
export interface Load {
  readonly scheme: Scheme;
  readonly size: Size;
  readonly connections: number;
  /** By the way: `both` takes two clients, so that it has none of one connection. */
  readonly rounds: Readonly<Partial<Record<Way, readonly Figures[]>>>;
}

export interface ServiceMeasurement {
  readonly where: string;
  /** The node that balanced. */
  readonly director: string;
  readonly loads: readonly Load[];
}

/** What clients got together that ran at the same time. */
export function figuresOf(counts: readonly Count[]): Figures {
  const perSecond = (what: "requests" | "bytes"): number =>
    sumOf(counts.map((count) => (1e6 * count[what]) / count.microseconds));
  // A quantile stands for as many requests as the others of its client.
  const weighted = counts
    .filter(({ requests }) => requests > 0)
    .flatMap(({ requests, latencies }) =>
      latencies.map((latency) => ({ latency, weight: requests / latencies.length })),
    );
  const rates = {
    requests: perSecond("requests"),
    bytes: perSecond("bytes"),
    failed: sumOf(counts.map(({ failed }) => failed)),
  };
  return weighted.length > 0 ? { ...rates, median: quantile(weighted, 0.5), slowest: quantile(weighted, 0.99) } : rates;
}

/** The latency that this share of the requests does not exceed, in milliseconds. */
function quantile(points: readonly { readonly latency: number; readonly weight: number }[], share: number): number {
  const sorted = [...points].sort((a, b) => a.latency - b.latency);
  const wanted = share * sumOf(sorted.map(({ weight }) => weight));
  let seen = 0;
  return (sorted.find(({ weight }) => (seen += weight) >= wanted)?.latency ?? 0) / 1000;
}

/** The median of each figure. */
export function typical(rounds: readonly Figures[]): Figures {
  const known = (what: "median" | "slowest"): number | undefined => {
    const values = rounds.flatMap((figures) => figures[what] ?? []);
    return values.length > 0 ? median(values) : undefined;
  };
  return {
    requests: median(rounds.map(({ requests }) => requests)),
    bytes: median(rounds.map(({ bytes }) => bytes)),
    failed: sumOf(rounds.map(({ failed }) => failed)),
    median: known("median"),
    slowest: known("slowest"),
  };
}

/**
 * How many times as much one way takes or gives as another. The rounds of both alternate, so the machine's mood is in both: the
 * median of the rounds' ratios.
 *
 * @returns undefined if a round has no such figure
 */
export function ratio(
  over: readonly Figures[] | undefined,
  under: readonly Figures[] | undefined,
  figure: (figures: Figures) => number | undefined,
): number | undefined {
  const ratios = (over ?? []).flatMap((figures, round) => {
    const [above, below] = [figure(figures), under?.[round] && figure(under[round])];
    return above !== undefined && below ? above / below : [];
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}
