import * as fs from "fs";

/** A process of this machine; memory in KiB. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** At most 15 characters of it, as the kernel has it. */
  readonly name: string;
  readonly resident: number;
}

/** Resident memory of Pulumi's processes, in KiB. */
export interface Memory {
  readonly total: number;
  /** The command `pulumi`. */
  readonly engine: number;
  /** Node.js with the program, and what starts it. */
  readonly program: number;
  readonly plugins: number;
}

/** The largest load at one time. Each figure is the largest of its own. */
export interface Load {
  /** SSH connections from here. */
  readonly connections: number;
  readonly memory: Memory;
}

const idle: Load = { connections: 0, memory: { total: 0, engine: 0, program: 0, plugins: 0 } };

/** How often the load is looked at, in milliseconds. */
const interval = 200;

/** Watches the load until it is told to stop. */
export function watchLoad(): () => Load {
  let peak = idle;
  const timer = setInterval(() => (peak = larger(peak, now())), interval);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

const now = (): Load => ({
  connections: connectionsOf(fs.readFileSync("/proc/net/tcp", "utf8")),
  memory: memoryOf(processes()),
});

const larger = (a: Load, b: Load): Load => ({
  connections: Math.max(a.connections, b.connections),
  memory: {
    total: Math.max(a.memory.total, b.memory.total),
    engine: Math.max(a.memory.engine, b.memory.engine),
    program: Math.max(a.memory.program, b.memory.program),
    plugins: Math.max(a.memory.plugins, b.memory.plugins),
  },
});

/** How many established connections to an sshd a text like /proc/net/tcp lists. */
export const connectionsOf = (table: string): number =>
  table.split("\n").filter((line) => /^ *\d+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:0016 01 /.test(line)).length;

/** What the processes of `pulumi`, and all that they have started, hold. */
export function memoryOf(all: readonly Process[]): Memory {
  const byPid = new Map(all.map((process) => [process.pid, process]));
  const isPulumi = (process: Process | undefined): boolean =>
    process !== undefined && (process.name.startsWith("pulumi") || isPulumi(byPid.get(process.parent)));
  const own = all.filter(isPulumi);
  const held = (of: (name: string) => boolean): number =>
    own.filter(({ name }) => of(name)).reduce((sum, { resident }) => sum + resident, 0);
  const isEngine = (name: string): boolean => name === "pulumi";
  const isPlugin = (name: string): boolean => name.startsWith("pulumi-resource");
  return {
    total: held(() => true),
    engine: held(isEngine),
    program: held((name) => !isEngine(name) && !isPlugin(name)),
    plugins: held(isPlugin),
  };
}

function processes(): Process[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
        const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
        return [
          { pid: Number(pid), parent: Number(field("PPid")), name: field("Name"), resident: Number(field("VmRSS")) },
        ];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
