import * as fs from "fs";
import * as path from "path";
import { expectFailure, inLab, killWhen, labFolder, must, report, root, run, type Run, runWith, upWith } from "./lab";
import { lunDevice, sharedTarget } from "./state";

/** The lab's SAN with two more LUNs: one too small, and one with somebody's data. */
const smallLun = 8;
export const foreignLun = 9;
export const foreignImage = path.join(labFolder, "foreign.img");

/** Adds a LUN to the lab's target; tgtd's control socket is in the lab's directory. */
function addLun(lun: number, image: string): void {
  const socket = path.relative(root, path.join(labFolder, "run", "tgtd.socket"));
  const device = `--mode logicalunit --op new --tid 1 --lun ${lun} -b ${image}`;
  inLab(`TGT_IPC_SOCKET=${socket} tgtadm --lld iscsi ${device}`);
}

const hash = (file: string): string => must("sha256sum", file).split(" ")[0];

/** Runs a step on node1 as `up` does, without the half minute that an `up` takes to come to it. */
const step = (command: string, input = ""): Run => runWith(input, "lab/ssh", "node1", `smt-ha ${command}`);

/** Logs node1 in to the lab's SAN, with the right CHAP secret. */
const login = (target: string, lun: number): Run =>
  step(
    `iscsi/login --portal 192.0.2.3:3260 --target ${target} --device ${lunDevice(lun, target)} ` +
      "--initiator iqn.2016-04.com.open-iscsi:smtha.node1 --chap-user smt-ha",
    "@@ chap-secret\nlab-only-secret\n",
  );

/** `up` fails, or is killed, again and again on its way; each time nothing is lost and the next `up` goes on. */
export function interruptions(): void {
  describe("an up that does not get through", () => {
    beforeAll(() => {
      must("lab/up");
      const small = path.join(labFolder, "small.img");
      must("truncate", "-s", "64M", small);
      must("truncate", "-s", "2G", foreignImage);
      must("mkfs.ext4", "-q", "-L", "precious", foreignImage);
      addLun(smallLun, small);
      addLun(foreignLun, foreignImage);
    });

    test("killed while the machines are cloned", async () => {
      await killWhen(() => /node\d/.test(run("lab/vcenter", "list").output), "make", "up");
    });

    test("wrong portal: named, after the machines of the killed run were re-created", () => {
      const { code, output } = upWith("portal", { "smt-ha:portal": "192.0.2.3:3261" });
      expect(code).not.toBe(0);
      expectFailure(output, "iscsi/login", /portal 192\.0\.2\.3:3261 does not answer/);
    });

    test("wrong target: named, with what the portal offers", () => {
      const { code, output } = login("iqn.2026-01.lab.smt-ha:other", 1);
      expect(code).not.toBe(0);
      expectFailure(
        output,
        "iscsi/login",
        /does not offer target iqn\.2026-01\.lab\.smt-ha:other/,
        /it offers: iqn\.2026-01\.lab\.smt-ha:shared/,
      );
    });

    test("wrong CHAP secret: named, and not shown", () => {
      const { code, output } = upWith("chap", { "smt-ha:chapSecret": "wrong-secret" });
      expect(code).not.toBe(0);
      expectFailure(output, "iscsi/login", /wrong CHAP user or secret/);
    });

    test("a LUN that is not there", () => {
      const { code, output } = login(sharedTarget, 77);
      expect(code).not.toBe(0);
      expectFailure(output, "iscsi/login", /has no LUN 77; it has: /);
    });

    test("a LUN that is too small", () => {
      const { code, output } = step(
        `disk/partition --device ${lunDevice(smallLun)} --cluster smtha --id 0 --adopt no --wipe no`,
      );
      expect(code).not.toBe(0);
      expectFailure(output, "disk/partition", /has 64 MiB; at least 1024 MiB are needed/);
    });

    test("a LUN with somebody's data: named, and not a byte is changed", () => {
      const before = hash(foreignImage);
      const { code, output } = upWith("foreign", { "smt-ha:lun": foreignLun });
      expect(code).not.toBe(0);
      expectFailure(output, "disk/partition", /it holds ext4 'precious'/, /pulumi config set wipeSharedDisk true/);
      expect(hash(foreignImage)).toBe(before);
    });

    test("killed while steps run", async () => {
      const states = path.join(labFolder, "pulumi", ".pulumi", "stacks", "smt-ha", "dev.json");
      await killWhen(() => fs.readFileSync(states, "utf8").includes("node1-disk-partition"), "make", "up");
      // A kill can leave such a file empty, and Pulumi then reads the state no more.
      expect(fs.readdirSync(path.dirname(states)).filter((name) => name.endsWith(".attrs"))).toEqual([]);
    });

    test("and the next one goes through", () => {
      const { code, output, seconds } = run("make", "up");
      report("up after all that", `${seconds} s`);
      expect(output).toContain("sbdDevice");
      expect(code).toBe(0);
    });
  });
}
