import { again, Aside } from "./lab";

/**
 * What a node makes of the others: each new membership as corosync logs it, and once a second the real servers with their
 * weights. It asks no daemon: corosync answers at the priority at which it has to pass the token on.
 */
const look = `journalctl --follow --lines 0 --output cat --unit corosync --grep 'Members.[0-9]+.:' &
while :; do
  echo table $(sed -n 's/ *-> *\\(\\S*\\) *\\S* *\\(\\S*\\).*/\\1 \\2/p' /proc/net/ip_vs)
  sleep 1
done 2>/dev/null`;

/** Looks through the eyes of some nodes, until it is stopped. */
export class Watch {
  private readonly eyes: readonly Aside[];

  constructor(nodes: readonly string[]) {
    // The time is this machine's: a fault may set a node's clock.
    const stamped = again('lab/ssh "$0" "$1"') + ' | while read -r view; do echo "$(date +%s%3N) $view"; done';
    this.eyes = nodes.map((node) => new Aside("bash", "-c", stamped, node, look));
  }

  /** Ends it. Gives the time (as of `Date.now()`) when the first node saw a difference after `start`; undefined if none did. */
  stop(start: number): number | undefined {
    const times = this.eyes.flatMap((eye) => {
      const views = eye
        .stop()
        .map((line) => /^(\d+) (.*)$/.exec(line)!)
        .map(([, time, view]) => ({ time: Number(time), view }));
      const before = views.filter(({ time }) => time <= start).at(-1)?.view;
      return views.find(({ time, view }) => time > start && view !== before)?.time;
    });
    return times.filter((time) => time !== undefined).sort((a, b) => a - b)[0];
  }
}
