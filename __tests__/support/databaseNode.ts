import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { MysqlMasterPair } from "../../components/mysqlMasterPair";
import { type Platform, platforms } from "../../components/platform";
import type { StepArgs, StepNode } from "../../components/remoteHost";
import { commandLine, sections } from "../../components/stepCommand";
import { putDatabase, startDatabase } from "./databaseFiles";
import { succeed, TestNode } from "./node";

/** Answers that /smt is mounted: this machine's kernel need not have OCFS2. */
const grepWithMount = `#!/bin/bash
# Stand-in for grep, for what is asked about the shared file system's mount.
case "$*" in "-q  /smt ocfs2  /proc/mounts") exit 0 ;; esac
exec /usr/bin/grep "$@"
`;

/** A node with a database: MariaDB's real server, and SMT's tables in it. */
export class DatabaseNode {
  private constructor(
    readonly name: string,
    readonly address: string,
    readonly node: TestNode,
  ) {}

  static async start(number: number, shared: string): Promise<DatabaseNode> {
    const name = `node${number}`;
    const address = `192.0.2.${10 + number}`;
    const node = await TestNode.start({ name, address, shared });
    node.writeCommand("/usr/local/sbin/grep", grepWithMount);
    node.write("/run/doubles/start-mariadb", startDatabase);
    await putDatabase(node, "/var/lib/mysql", "tables");
    node.check("bash /run/doubles/start-mariadb");
    return new DatabaseNode(name, address, node);
  }

  /** Runs SQL as the database's root; rows are lines, columns are separated by tabs. */
  sql(statements: string, database = "smt"): string {
    return this.node.check(`mysql -N -B ${database}`, statements).trimEnd();
  }

  /** Stops the server as a power failure does. */
  kill(): void {
    this.node.check("kill -9 $(cat /run/mysqld/pid) && rm /run/mysqld/pid /run/mysqld/mysqld.sock; sleep 0.2");
  }

  /** Starts the server, or restarts it. */
  startServer(): void {
    this.node.check("bash /run/doubles/start-mariadb");
  }

  addClient(guid: string): void {
    this.sql(`INSERT INTO Clients (GUID) VALUES ('${guid}'); INSERT INTO Registration VALUES ('${guid}', 1)`);
  }

  clients(): string[] {
    return this.sql("SELECT GUID FROM Clients ORDER BY GUID").split("\n").filter(Boolean);
  }

  /** Waits until it has exactly these clients, for 20 seconds at most; in the server, since a client costs more than the wait. */
  async awaitClients(guids: readonly string[]): Promise<void> {
    const found = "SELECT COALESCE(GROUP_CONCAT(GUID ORDER BY GUID), '') FROM Clients";
    const statements = `DELIMITER //
      BEGIN NOT ATOMIC
        DECLARE tries INT DEFAULT 0;
        WHILE (${found}) <> '${guids.join()}' AND tries < 200 DO
          DO SLEEP(0.1);
          SET tries = tries + 1;
        END WHILE;
      END//`;
    succeed(await this.node.runAside("mysql smt", statements));
  }

  /** A field of SHOW SLAVE STATUS. */
  link(field: string): string {
    const status = this.node.check("mysql -e 'SHOW SLAVE STATUS\\G'");
    return new RegExp(`^ *${field}: (.*)$`, "m").exec(status)?.[1] ?? "";
  }
}

/** A directory that nodes share. */
export const sharedFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-shared-"));

/** A step as it was run last. */
interface Done {
  readonly command: string;
  readonly stdin: string;
  readonly stdout: string;
}

/** A step that is under way, in the place of Pulumi's resource. */
interface Running {
  readonly done: Promise<unknown>;
  readonly stdout: pulumi.Output<string>;
}

/** How an up ended. */
export interface UpResult {
  /** The steps that ran, as NODE STEP, sorted. */
  readonly ran: readonly string[];
  /** The messages of the steps that failed. */
  readonly failed: readonly string[];
  /** The messages of the other steps. */
  readonly messages: string;
}

/** A stack of the component alone: runs its steps on nodes as Pulumi would, those only that have changed. */
export class DatabaseStack {
  private readonly state = new Map<string, Done>();

  /** Forgets all steps, those of a node, or one of them, as when the node is re-created or the step is to be replaced. */
  forget(node = "", step = ""): void {
    for (const key of [...this.state.keys()].filter((done) => done.startsWith(node && `${node} database/${step}`))) {
      this.state.delete(key);
    }
  }

  /**
   * @param stopBefore a step that does not start, as if `up` was killed
   * @param plain whether the links are plain, as those of an earlier release
   */
  async up(
    nodes: readonly DatabaseNode[],
    { winner = "", password = "hush-1", stopBefore = "", plain = false } = {},
  ): Promise<UpResult> {
    let messages = "";
    const ran: string[] = [];
    const failed: string[] = [];
    let running = 0;
    let left = 0;
    let blocked = false;
    let idleSince = 0;

    const run = async (
      node: DatabaseNode,
      step: string,
      args: StepArgs,
      after: Promise<unknown>[],
    ): Promise<string> => {
      left++;
      const options = await valueOf(pulumi.all(args.options ?? {}));
      const inputs = await valueOf(pulumi.all(args.inputs ?? {}));
      await Promise.all(after);
      const key = `${node.name} ${step}`;
      const command = commandLine(step, options, "1a2b3c4d");
      const stdin = sections(inputs);
      const done = this.state.get(key);
      if (done?.command === command && done.stdin === stdin) {
        left--;
        return done.stdout;
      }
      if (step === `database/${stopBefore}`) {
        blocked = true;
        return never;
      }
      running++;
      ran.push(key);
      const { code, stdout, stderr } = await node.node.runAside(command, stdin);
      running--;
      idleSince = Date.now();
      if (code !== 0) {
        failed.push(stderr);
        // What depends on it never starts.
        blocked = true;
        return never;
      }
      left--;
      messages += stderr;
      this.state.set(key, { command, stdin, stdout });
      return stdout;
    };

    await pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({
        id: name,
        state: { ...(inputs as object), result: pulumi.secret(password) },
      }),
      call: () => ({}),
    });
    new MysqlMasterPair("databases", {
      databases: nodes.map((node) => {
        const step = (name: string, args: StepArgs, opts: { dependsOn?: readonly Running[] }): Running => {
          const after = (opts.dependsOn ?? []).map((other) => other.done);
          const done = run(node, name, args, after);
          return { done, stdout: pulumi.output(done) };
        };
        const host = { step } as unknown as StepNode["host"];
        const platform: Platform = { ...platforms.debian12, ...(plain && { plainReplication: "test" }) };
        return { node: { nodeName: node.name, address: node.address, platform, host, ready: [] }, ready: [] };
      }),
      mount: { mountPoint: "/smt", ready: [] },
      winner,
    });
    while (left > 0 && !(blocked && running === 0 && Date.now() - idleSince > 1000)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { ran: ran.sort(), failed, messages };
  }
}

const never = new Promise<string>(() => {});

const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  new Promise((resolve) => {
    output.apply(resolve);
  });
