import * as fs from "fs";
import * as path from "path";
import { Aside, eventually, labFolder, onNode } from "./lab";
import { realServers } from "./state";

/** Address of lab/client, unless it is told to take another one. */
const client = "192.0.2.1";

/** A file in a repository of the service: more than the kernels on its way buffer. */
const large = "/var/www/html/repo/RPMMD/lab-updates/large";

/**
 * A client that downloads a file through the service address: slowly, in one connection, until it has lasted for some seconds
 * or is to end.
 */
export class Download {
  private readonly wanted: string;
  private readonly aside: Aside;
  private readonly hurry = path.join(labFolder, "hurry");

  constructor(seconds = 90) {
    fs.rmSync(this.hurry, { force: true });
    const make = `dd if=/dev/urandom of=${large} bs=1M count=32 2>/dev/null; sha256sum <${large}`;
    this.wanted = onNode("node1", make).split(" ")[0];
    const slowly = `for second in $(seq ${seconds}); do
      [ ! -e ${this.hurry} ] || break
      dd bs=16k count=1 iflag=fullblock status=none
      sleep 1
    done`;
    const curl = "lab/client curl -skf https://192.0.2.10/repo/RPMMD/lab-updates/large";
    this.aside = new Aside("sh", "-c", `${curl} | { ${slowly}; cat; } | sha256sum`);
  }

  /** The real server that it comes from, and the client's end of the connection. */
  connection(): string {
    for (const node of realServers) {
      const peer = onNode(node, `ss -tnH state established "( sport = :443 )" dst ${client} | awk '{ print $4 }'`);
      if (peer) {
        return `${node} ${peer}`;
      }
    }
    throw new Error("no real server has a connection of the download");
  }

  /** The real server that it comes from. */
  server(): string {
    return this.connection().split(" ")[0];
  }

  /** Ends it as fast as it can: the client has the whole file. */
  async expectWhole(): Promise<void> {
    fs.writeFileSync(this.hurry, "");
    const [sum] = await eventually(120, () => {
      expect(this.aside.lines()).toHaveLength(1);
      return this.aside.stop();
    });
    expect(sum).toBe(`${this.wanted}  -`);
    onNode("node1", `rm ${large}`);
  }
}
