import * as fs from "fs";
import * as os from "os";
import * as path from "path";

/** Answers to commands, the first that fits: a pattern of `NODE COMMAND`, as bash's `case` has it, and the commands of bash. */
export type Answers = Readonly<Record<string, string>>;

/** A stack of three nodes that work; node3 holds the service address. */
const healthy: Answers = {
  "* ls *": "printf '%s\\n' firewall maintain resume update",
  "* crm_resource *VirtIP*": "echo 'resource VirtIP is running on: node3'",
  "* smt-ha *": 'echo "$node: ${command#smt-ha }: done" >&2',
  // What the next times say, then the last one again and again.
  "* cat /proc/*": 'head -n 1 boots-$node; [ "$(wc -l <boots-$node)" = 1 ] || sed -i 1d boots-$node',
  "* shutdown -r now": "printf '%s\\n' first first second >boots-$node; exit 255",
  "* crm_mon -1 --neg-locations": "echo '  * Online: [ node1 node2 node3 ]'",
};

/** The administrator's machine, with a stand-in for ssh first on the PATH of this process. */
export class FakeSsh {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-fake-"));
  private readonly before = { PATH: process.env.PATH, FAKE_SSH: process.env.FAKE_SSH };

  constructor() {
    process.env.PATH = `${path.join(__dirname, "administrator")}:${process.env.PATH}`;
    process.env.FAKE_SSH = this.directory;
    for (const node of ["node1", "node2", "node3"]) {
      fs.writeFileSync(path.join(this.directory, `boots-${node}`), "first\n");
    }
    this.answer({});
  }

  /** Changes the answers of healthy nodes. */
  answer(answers: Answers): void {
    const rules = [...Object.entries(answers), ...Object.entries(healthy)].map(
      // Spaces in a pattern are quoted, or bash would end it there.
      ([pattern, commands]) => `${pattern.replace(/ /g, "\\ ")})\n${commands}\n;;\n`,
    );
    fs.writeFileSync(path.join(this.directory, "answers"), `case "$node $command" in\n${rules.join("")}esac\n`);
  }

  /** Commands on nodes that change something, as `NODE: COMMAND`. */
  get changes(): string[] {
    return this.calls.filter((call) => /: (sudo -n )?(smt-ha|shutdown)/.test(call));
  }

  get calls(): string[] {
    return this.read("calls").split("\n").filter(Boolean);
  }

  /** A file that the stand-in has written; empty if it has not. */
  read(name: string): string {
    const file = path.join(this.directory, name);
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  }

  remove(): void {
    for (const [name, value] of Object.entries(this.before)) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
    fs.rmSync(this.directory, { recursive: true });
  }
}
