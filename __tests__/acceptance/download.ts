import { Aside, eventually, onNode } from "./lab";
import { realServers } from "./state";

/** A file in a repository of the service. */
const large = "/var/www/html/repo/RPMMD/lab-updates/large";

/** A slow client that downloads a file through the service address: 16 MiB in 90 seconds, or another size. */
export class Download {
  private readonly wanted: string;
  private readonly aside: Aside;

  constructor(mebibytes = 16) {
    this.wanted = onNode(
      "node1",
      `dd if=/dev/urandom of=${large} bs=1M count=${mebibytes} 2>/dev/null; sha256sum <${large}`,
    ).split(" ")[0];
    const url = "https://192.0.2.10/repo/RPMMD/lab-updates/large";
    this.aside = new Aside("lab/client", "sh", "-c", `curl -skf --limit-rate 180k ${url} | sha256sum`);
  }

  /** The real server that it comes from. */
  server(): string {
    const from = realServers.find((node) =>
      onNode(node, "ss -tnH state established '( sport = :443 )' dst 192.0.2.0/24"),
    );
    if (from === undefined) {
      throw new Error("no real server has a connection of the download");
    }
    return from;
  }

  /** Waits until it ends: the client has the whole file. */
  async expectWhole(): Promise<void> {
    const [sum] = await eventually(240, () => {
      expect(this.aside.lines()).toHaveLength(1);
      return this.aside.stop();
    });
    expect(sum).toBe(`${this.wanted}  -`);
    onNode("node1", `rm ${large}`);
  }
}
