import { Result, TestNode } from "../support/node";

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.start();
  node.install();
});
afterAll(() => node.stop());
afterEach(() => expect(node.check("ls /dev/shm")).toBe(""));

/** Adds a step to the node's installed files; its first line is line 3 of the file. */
const addStep = (name: string, script: string): void =>
  node.write(`/usr/local/lib/smt-ha/steps/test/${name}`, `#!/bin/bash\n. "$SMT_HA/lib/step.sh"\n${script}\n`);
const run = (script: string, options?: Record<string, string>, inputs?: Record<string, string>): Result => {
  node.check("rm -rf /var/log/smt-ha");
  addStep("step", script);
  return node.step("test/step", options, inputs);
};
const log = (): string => node.read("/var/log/smt-ha/test-step.log");

const told = (cause: string, next: string): string =>
  `smt-ha: node1: step test/step failed\n  cause: ${cause}\n  next:  ${next}\n  log:   /var/log/smt-ha/test-step.log on node1\n`;
const goOn = "mend what the log says, then run 'pulumi up' again: it goes on from here";

describe("a step that works", () => {
  test("tells its progress on stderr, and all that its commands print to a log for root", () => {
    const result = run("echo chatter; echo complaint >&2; say 'half done'");

    expect(result).toEqual({ code: 0, stdout: "", stderr: "node1: test/step: half done\n" });
    expect(log()).toMatch(/^== \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\nchatter\ncomplaint\nnode1: test\/step: half done\n$/);
    expect(node.check("stat -c '%a %n' /var/log/smt-ha /var/log/smt-ha/*")).toBe(
      "700 /var/log/smt-ha\n600 /var/log/smt-ha/test-step.log\n",
    );
  });

  test("finds system commands and an English locale whatever the login's environment is", () => {
    addStep("step", 'say "$PATH $LC_ALL"');
    expect(node.run("env -i PATH=/usr/bin LC_ALL=C.UTF-8 /usr/sbin/smt-ha test/step </dev/null").stderr).toBe(
      "node1: test/step: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin C\n",
    );
  });

  test("may leave a daemon behind, which keeps neither the lock nor the connection", () => {
    expect(run("sleep 300 >/dev/null 2>&1 3>&- & say started").code).toBe(0);
    expect(node.run("timeout 5 smt-ha test/step </dev/null").code).toBe(0);
  });
});

describe("a result", () => {
  test("reaches the program as the step's standard output, as it is", () => {
    const script = `printf '{"file":"binlog.1"}\\n-----END' | result; say told`;
    expect(run(script)).toEqual({
      code: 0,
      stdout: '{"file":"binlog.1"}\n-----END',
      stderr: "node1: test/step: told\n",
    });
  });

  test("is not told by a step that fails afterwards", () => {
    expect(run("echo early | result; fail cause next")).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("options", () => {
  test("reach the step as they are", () => {
    const script = 'say "$(option device)|$(option servers)|$(option user nobody)|$(option empty x)"';
    const result = run(script, {
      device: "/dev/disk/by-path/ip-192.0.2.3:3260-lun-1",
      servers: "a 'b' $c *",
      empty: "",
    });
    expect(result.stderr).toBe("node1: test/step: /dev/disk/by-path/ip-192.0.2.3:3260-lun-1|a 'b' $c *|nobody|\n");
  });

  test("that are required are asked for", () => {
    expect(run("x=$(option device); say 'went on'")).toEqual({
      code: 1,
      stdout: "",
      stderr: told(
        "option --device is missing",
        "run the step as the program does: pulumi preview --diff shows its command",
      ),
    });
  });

  test.each([
    ["--lun 1", "step test/step has no option --lun"],
    ["--dev.ce x", "step test/step: '--dev.ce' is not an option"],
    ["--device", "step test/step: option --device has no value"],
    ["device", "step test/step: 'device' is not an option"],
  ])("like %s are refused before anything runs", (words, cause) => {
    addStep("step", "device=$(option device); touch /run/ran");
    expect(node.run(`smt-ha test/step ${words} </dev/null; echo $?; ls /run/ran`)).toMatchObject({
      stdout: "2\n",
      stderr: expect.stringContaining(`smt-ha: node1: ${cause}\n`) as string,
    });
  });
});

test.each([
  ["", "no step given; steps: .*disk/partition disk/reread .*"],
  ["disk/format", "unknown step 'disk/format'; steps: .*disk/partition .*"],
  ["../install", "'../install' is not the name of a step"],
  ["/etc/passwd", "'/etc/passwd' is not the name of a step"],
])("refuses the step '%s'", (words, cause) => {
  const { code, stderr } = node.run(`smt-ha ${words} </dev/null`);
  expect([code, stderr]).toEqual([2, expect.stringMatching(RegExp(`^smt-ha: node1: ${cause}`))]);
});

test("refuses to work as anyone but root", () => {
  addStep("step", "touch /tmp/ran");
  const { code, stderr } = node.run("setpriv --reuid=65534 --clear-groups smt-ha test/step </dev/null");
  expect([code, stderr]).toEqual([2, "smt-ha: node1: step test/step needs root; run it with sudo\n"]);
});

describe("inputs", () => {
  test("reach the step as texts, each under its name, for root only", () => {
    const result = run(
      'for name in hosts my.cnf-1 empty; do cp "$(input $name)" /run/got-$name; done; say "$(stat -c %a "$STEP_DIR")"',
      {},
      { hosts: "one\n\n  two # @@ no section\n@@no section\n", "my.cnf-1": "x\\ty", empty: "" },
    );

    expect(result).toEqual({ code: 0, stdout: "", stderr: "node1: test/step: 700\n" });
    expect(node.read("/run/got-hosts")).toBe("one\n\n  two # @@ no section\n@@no section\n");
    expect(node.read("/run/got-my.cnf-1")).toBe("x\\ty\n");
    expect(node.read("/run/got-empty")).toBe("\n");
  });

  test("that are missing are named", () => {
    expect(run('x=$(input hosts); say "went on"').stderr).toBe(
      told("section '@@ hosts' is missing on standard input", "run the step through the program"),
    );
    expect(run("has_input hosts && say yes || say no", {}, { hosts: "" }).stderr).toBe("node1: test/step: yes\n");
    expect(run("has_input hosts && say yes || say no").stderr).toBe("node1: test/step: no\n");
  });

  test("that are secret are nowhere else, whether the step works or fails", () => {
    const use =
      'secret=$(cat "$(input chap-secret)"); say "got $(echo "$secret" | cksum)"; cat /proc/[0-9]*/{cmdline,environ} >/run/seen\n';
    for (const end of ["", 'test "$secret" = other', "fail 'no login' 'try again'", "kill -9 $$"]) {
      const { stderr } = run(use + end, {}, { "chap-secret": "hush-hush" });
      expect(stderr).toContain("node1: test/step: got ");
      expect(stderr + log() + node.read("/run/seen").replace(/\0/g, " ")).not.toContain("hush-hush");
      expect(node.read("/run/seen")).toContain("test/step");
      expect(node.filesWith("hush-hush")).toEqual([]);
      expect(node.check("ls /dev/shm")).toBe("");
    }
  });
});

describe("a failure", () => {
  test("names node, step, cause, the next thing to do and the log, on stderr and in the log", () => {
    const result = run("fail 'the portal does not answer' 'check its firewall'; say 'went on'");

    const text = told("the portal does not answer", "check its firewall");
    expect(result).toEqual({ code: 1, stdout: "", stderr: text });
    expect(log()).toContain(text);
  });

  test.each([
    ["in a substitution", "x=$(fail 'no x' 'make one')"],
    ["in a substitution whose failure is ignored", "x=$(fail 'no x' 'make one') || true; say \"x is $x\""],
    ["two levels deep", 'inner() { fail "no x" "make one"; }; x=$(echo "$(inner)"); say "x is $x"'],
    ["that another one takes in", 'x=$(y=$(fail "no x" "make one"); echo "$y"); say "x is $x"'],
    ["at the start of a pipe", "inner() { fail 'no x' 'make one'; }; inner | cat; say 'went on'"],
    ["at the end of a pipe", "inner() { fail 'no x' 'make one'; }; echo | inner; say 'went on'"],
    ["in an argument", 'local_x() { say "$1"; }; local_x "x$(fail "no x" "make one")"; say "went on"'],
  ])("%s ends the step, and is told once", (_, script) => {
    const { code, stderr } = run(`${script}; touch /run/went-on`);

    expect(code).toBe(1);
    expect(stderr.replace(/^node1: test\/step: x.*\n/m, "")).toBe(told("no x", "make one"));
    expect(node.run("ls /run/went-on").code).toBe(2);
    expect(log()).toContain(told("no x", "make one"));
  });

  test("that nobody foresaw shows line, command, exit code and the end of this run's log", () => {
    run("echo 'of another run'");
    addStep("step", "for i in $(seq 20); do echo \"line $i\"; done\nfile=/root/none; ls $file\nsay 'went on'");
    const { code, stderr } = node.step("test/step");

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^smt-ha: node1: step test\/step failed\n {2}cause: line 4: 'ls \$file' ended with exit code 2; last lines of the log:\n/,
    );
    expect(stderr).toContain(
      "         | line 20\n         | ls: cannot access '/root/none': No such file or directory\n  next:  " + goOn,
    );
    expect(stderr.match(/ \| /g)).toHaveLength(12);
    expect(stderr).not.toContain("of another run");
  });

  test.each([
    ["in a function", "inner() { false; }; inner; say 'went on'", "'false' ended with exit code 1"],
    ["in a substitution", 'x=$(false; echo x); say "x is $x"', "'false' ended with exit code 1"],
    ["of an unset variable", 'echo "$nothing"; say "went on"', "nothing: unbound variable"],
    ["of the script's syntax", "if; then", "syntax error near unexpected token"],
    ["by a signal", "kill -9 $$", "it ended with exit code 137"],
    ["without a word", "exit 3", "it ended with exit code 3"],
  ])("that nobody foresaw %s is told as well, once", (_, script, cause) => {
    const { code, stderr } = run(script);

    expect(code).not.toBe(0);
    expect(stderr).toContain(cause);
    expect(stderr).not.toContain("went on");
    expect(stderr.match(/step test\/step failed/g)).toHaveLength(1);
    expect(stderr).toContain(`  next:  ${goOn}\n  log:   /var/log/smt-ha/test-step.log on node1\n`);
  });

  test("in a condition is none", () => {
    expect(run("if false; then say no; fi; false || say handled").stderr).toBe("node1: test/step: handled\n");
  });
});

test("two steps at once run one after the other", async () => {
  addStep(
    "slow",
    "echo slow-begins >>/run/order; until [ -e /run/go ]; do sleep 0.05; done; echo slow-ends >>/run/order",
  );
  addStep("quick", "echo quick >>/run/order");
  const ended = (command: string): Promise<number | null> =>
    new Promise((resolve) => {
      const started = node.start(`exec ${command} </dev/null`);
      started.once("close", resolve);
      started.stdin?.end();
    });

  const slow = ended("smt-ha test/slow");
  node.check("until [ -e /run/order ]; do sleep 0.05; done");
  const quick = ended("smt-ha test/quick");
  // Until the second one waits for the lock.
  node.check("until grep -qx flock /proc/[0-9]*/comm; do sleep 0.05; done");
  node.check("touch /run/go");

  expect(await Promise.all([slow, quick])).toEqual([0, 0]);
  expect(node.read("/run/order")).toBe("slow-begins\nslow-ends\nquick\n");
});

describe("what steps share", () => {
  test("install_file writes what differs, whole, with its mode, and says so", () => {
    const script = (text: string, mode: string): string =>
      `echo ${text} | install_file ${mode} /root/file; wrote /root/file && say changed || true; wrote /root/other && say other || true`;
    const wrote = "node1: test/step: wrote /root/file\nnode1: test/step: changed\n";

    expect(run(script("one", "640")).stderr).toBe(wrote);
    expect(run(script("one", "640")).stderr).toBe("");
    expect(run(script("two", "640")).stderr).toBe(wrote);
    expect(run(script("two", "600")).stderr).toBe(wrote);
    expect(node.check("cat file; stat -c %a file; ls file*")).toBe("two\n600\nfile\n");
  });

  test("retry waits until a command succeeds, and gives up in time with its exit code", () => {
    const tries = "tries=0; attempt() { tries=$((tries + 1)); [ $tries -ge 2 ] || return 7; }\n";
    expect(run(`${tries} retry 5 attempt; say "after $tries"`).stderr).toBe("node1: test/step: after 2\n");
    expect(run(`${tries} code=0; retry 0 attempt || code=$?; say "code $code"`).stderr).toBe(
      "node1: test/step: code 7\n",
    );
  });
});
