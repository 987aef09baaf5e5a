import { ChildProcess, spawn } from "child_process";
import { onNode, root } from "./lab";
import { realServers } from "./state";

/** A file in a repository of the service. */
const large = "/var/www/html/repo/RPMMD/lab-updates/large";

/** A slow client that downloads a file through the service address: 16 MiB in 90 seconds, or another size. */
export class Download {
  private readonly wanted: string;
  private readonly process: ChildProcess;
  private readonly sum: Promise<string>;

  constructor(mebibytes = 16) {
    this.wanted = onNode(
      "node1",
      `dd if=/dev/urandom of=${large} bs=1M count=${mebibytes} 2>/dev/null; sha256sum <${large}`,
    ).split(" ")[0];
    const url = "https://192.0.2.10/repo/RPMMD/lab-updates/large";
    this.process = spawn("lab/client", ["sh", "-c", `curl -skf --limit-rate 180k ${url} | sha256sum`], { cwd: root });
    this.sum = new Promise((resolve) => {
      this.process.stdout?.once("data", (text: Buffer) => resolve(text.toString().split(" ")[0]));
    });
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
    expect(await this.sum).toBe(this.wanted);
    onNode("node1", `rm ${large}`);
  }
}
