import { again, Aside } from "./lab";

/**
 * What a node makes of the others, once a second: the cluster's members, and the real servers with their weights. By two
 * short programs, because the cluster's own commands take an emulated node half a second each.
 */
const look = `while :; do
  members=$(corosync-cmapctl runtime.members | sed -n 's/.*\\.\\([0-9]*\\)\\.status.*= /\\1 /p')
  [ -z "$members" ] || echo $members $(sed -n 's/ -> *\\(\\S*\\) *\\S* *\\(\\S*\\).*/\\1 \\2/p' /proc/net/ip_vs)
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
      const before = views.filter(({ time }) => time <= start).at(-1);
      return before && views.find(({ time, view }) => time > start && view !== before.view)?.time;
    });
    return times.filter((time) => time !== undefined).sort((a, b) => a - b)[0];
  }
}
