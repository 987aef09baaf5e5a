import { TestNode } from "../support/node";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(() => node.stop());

const lib = "/usr/local/lib/smt-ha";
const install = (folder = "smt-ha-files-test"): string => node.check(`bash ${folder}/files/install debian12`);
const installed = (): string => node.check(`readlink ${lib}`).trim();

test("puts the files under a directory that their content names, for root to change, and the command in the PATH", () => {
  expect(installed()).toMatch(/^\/usr\/local\/lib\/smt-ha-\d+-\d+-debian12$/);
  expect(node.check(`diff -r -x platform.sh smt-ha-files-test/files ${lib}/`)).toBe("");
  expect(node.check(`readlink ${lib}/platform.sh`)).toBe("platform/debian12.sh\n");
  expect(node.check(`find ${installed()} ! -type l -perm /022 -o ! -user root -o ! -group root`)).toBe("");
  expect(node.check("readlink /usr/sbin/smt-ha")).toBe(`${lib}/smt-ha\n`);
  expect(node.run("smt-ha </dev/null").stderr).toContain("cause: no step given");
});

test("changes nothing when the files are there already", () => {
  const state = "find /usr/local/lib /usr/sbin/smt-ha -printf '%p %i %T@ %l\\n' | sort";
  const before = node.check(state);
  install();
  expect(node.check(`${state} | grep -v '^/usr/sbin/smt-ha '`)).toBe(
    before
      .split("\n")
      .filter((line) => !line.startsWith("/usr/sbin/smt-ha "))
      .join("\n"),
  );
});

test.each([
  ["a changed file", "echo '# changed' >>next/files/lib/step.sh"],
  ["a new file", "touch next/files/steps/node/new"],
  ["a renamed file", "mv next/files/steps/node/time next/files/steps/node/timing"],
  ["a removed file", "rm next/files/steps/node/time"],
])("%s swaps the directory as a whole, and keeps the one before it for what still runs", (_, change) => {
  const first = installed();
  node.check(`cp -R smt-ha-files-test next; ${change}`);
  install("next");

  const second = installed();
  expect(second).not.toBe(first);
  expect(node.check(`diff -r -x platform.sh next/files ${second}`)).toBe("");
  expect(node.check(`ls -d ${lib}-*`)).toBe([first, second].sort().join("\n") + "\n");

  node.check("cp -R next third; echo '# again' >>third/files/lib/step.sh");
  install("third");
  expect(node.check(`ls -d ${lib}-*`)).toBe([second, installed()].sort().join("\n") + "\n");
});

test("keeps a copy from which a step still runs", async () => {
  const copies = [installed()];
  let last = "smt-ha-files-test";
  const next = (comment: string): void => {
    node.check(`cp -R ${last} ${comment}; echo '# ${comment}' >>${comment}/files/lib/step.sh`);
    install(comment);
    copies.push(installed());
    last = comment;
  };
  node.write(
    `${lib}/steps/test/slow`,
    "#!/bin/bash\n# lane: test\ntouch /run/begun; until [ -e /run/go ]; do sleep 0.05; done\n",
  );
  const slow = node.runAside("smt-ha test/slow </dev/null");
  node.check("until [ -e /run/begun ]; do sleep 0.05; done");

  next("second");
  next("third");
  expect(node.check(`ls -d ${lib}-*`)).toBe([...copies].sort().join("\n") + "\n");

  node.check("touch /run/go");
  expect((await slow).code).toBe(0);
  next("fourth");
  expect(node.check(`ls -d ${lib}-*`)).toBe(copies.slice(2).sort().join("\n") + "\n");
});

test("a run that was killed at any point is finished by the next one", () => {
  const revision = installed();
  for (const interrupted of [
    `rm ${lib}; rm -r ${revision}/steps`,
    `rm ${lib}; ln -s ${revision} ${lib}.new`,
    `rm ${lib}; ln -s /nowhere ${lib}.new`,
    "rm /usr/sbin/smt-ha",
  ]) {
    node.check(interrupted);
    install();
    expect(installed()).toBe(revision);
    expect(node.check(`diff -r -x platform.sh smt-ha-files-test/files ${lib}/`)).toBe("");
    expect(node.check("ls /usr/local/lib | grep '^smt-ha'")).toBe(`smt-ha\n${revision.split("/").pop()}\n`);
    expect(node.run("smt-ha </dev/null").code).toBe(2);
  }
});

test("removes older copies from the login user's home, and nothing else", () => {
  node.check("mkdir -p smt-ha-files-old/files smt-ha-other; cp -R smt-ha-files-test smt-ha-files-new");
  install("smt-ha-files-new");
  expect(node.check("ls -d smt-ha-*")).toBe("smt-ha-files-new\nsmt-ha-other\n");
});

test("refuses an unknown platform before it changes anything", () => {
  const first = installed();
  const { code, stderr } = node.run("bash smt-ha-files-test/files/install sles9");
  expect(code).toBe(2);
  expect(stderr).toBe(
    "smt-ha: node1: files not installed\n  cause: unknown platform 'sles9'\n" +
      "  fix:   set platform to one of: debian12 sles11 sles12\n",
  );
  expect(installed()).toBe(first);
});
