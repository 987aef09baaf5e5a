import * as crypto from "crypto";
import { commandLine, markOf, sections } from "../../components/stepCommand";
import { Result, TestNode } from "../support/node";

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.start();
});
afterAll(() => node.stop());
afterEach(() => expect(node.check("ls /dev/shm")).toBe(""));

/** Adds a step to the node's installed files; its first line is line 4 of the file. */
const addStep = (name: string, script: string, lanes = "first"): void =>
  node.write(
    `/usr/local/lib/smt-ha/steps/test/${name}`,
    `#!/bin/bash\n# lane: ${lanes}\n. "$SMT_HA/lib/step.sh"\n${script}\n`,
  );
const nothing = { code: 0, stdout: "", stderr: "" };
const run = (script: string, options?: Record<string, string>, inputs?: Record<string, string>): Result => {
  node.check("rm -rf /var/log/smt-ha");
  addStep("step", script);
  return node.step("test/step", options, inputs);
};
const log = (): string => node.read("/var/log/smt-ha/test-step.log");

const reported = (cause: string, fix: string): string =>
  `smt-ha: node1: step test/step failed\n  cause: ${cause}\n  fix:   ${fix}\n  log:   /var/log/smt-ha/test-step.log on node1\n`;
const refused = (step: string, cause: string, fix: string): string =>
  `smt-ha: node1: step ${step} not started\n  cause: ${cause}\n  fix:   ${fix}`;
const fromTheLog = "remove the cause that the log shows, then run 'pulumi up' again: it continues here";

describe("a step that works", () => {
  test("reports its progress on stderr, and logs the output of its commands for root", () => {
    const result = run("echo chatter; echo complaint >&2; say 'half done'");

    expect(result).toEqual({ code: 0, stdout: "", stderr: "node1: test/step: half done\n" });
    expect(log()).toMatch(/^== \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\nchatter\ncomplaint\nnode1: test\/step: half done\n$/);
    expect(node.check("stat -c '%a %n' /var/log/smt-ha /var/log/smt-ha/*")).toBe(
      "700 /var/log/smt-ha\n600 /var/log/smt-ha/test-step.log\n",
    );
  });

  test("finds system commands and an English locale in any login environment", () => {
    addStep("step", 'say "$PATH $LC_ALL"');
    expect(node.run("env -i PATH=/usr/bin LC_ALL=C.UTF-8 /usr/sbin/smt-ha test/step </dev/null").stderr).toBe(
      "node1: test/step: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin C\n",
    );
  });

  test("lets the services on its node go first", () => {
    expect(run('say "$(nice) $(sed -n "s/.* nice //p" /proc/self/autogroup)"').stderr).toMatch(/: 10 (10)?\n$/);
  });

  test("runs in a session that the kernel gave no group", () => {
    const withoutGroup = "mount --bind /run/empty /proc/$$/autogroup && mount -o remount,bind,ro /proc/$$/autogroup";
    const step = ". /usr/local/lib/smt-ha/lib/systemd.sh && yield_to_services && nice";
    expect(node.check(`touch /run/empty && ${withoutGroup} && ${step}`)).toBe("10\n");
  });

  test("may leave a daemon behind, which keeps neither the lock nor the connection", () => {
    expect(run("sleep 300 >/dev/null 2>&1 3>&- & say started").code).toBe(0);
    expect(node.run("timeout 5 smt-ha test/step </dev/null").code).toBe(0);
  });
});

describe("a result", () => {
  test("reaches the program as the step's standard output, as it is", () => {
    const script = `printf '{"file":"binlog.1"}\\n-----END' | result; say done`;
    expect(run(script)).toEqual({
      code: 0,
      stdout: '{"file":"binlog.1"}\n-----END',
      stderr: "node1: test/step: done\n",
    });
  });

  test("is not given by a step that fails afterwards", () => {
    expect(run("echo early | result; fail cause fix")).toMatchObject({ code: 1, stdout: "" });
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

  test("that are required must be given", () => {
    expect(run("x=$(option device); say 'went on'")).toEqual({
      code: 1,
      stdout: "",
      stderr: reported(
        "option --device is missing",
        "run the step as the program does: pulumi preview --diff shows its command",
      ),
    });
  });

  test.each([
    ["--lun 1", "it has no option --lun"],
    ["--dev.ce x", "'--dev.ce' is not an option"],
    ["--device", "option --device has no value"],
    ["device", "'device' is not an option"],
  ])("like %s are refused before anything runs", (words, cause) => {
    addStep("step", "device=$(option device); touch /run/ran");
    expect(node.run(`smt-ha test/step ${words} </dev/null; echo $?; ls /run/ran`)).toMatchObject({
      stdout: "2\n",
      stderr: expect.stringMatching(RegExp(`^${refused("test/step", cause, ".+\n")}`)) as string,
    });
  });
});

test.each([
  ["", "NAME", "no step given"],
  ["disk/format", "disk/format", "there is no step 'disk/format'"],
  ["../install", "../install", "'../install' is not the name of a step"],
  ["/etc/passwd", "/etc/passwd", "'/etc/passwd' is not the name of a step"],
])("refuses the step '%s', and names those that there are", (words, step, cause) => {
  const { code, stderr } = node.run(`smt-ha ${words} </dev/null`);
  const text = refused(step, cause, "use one of: .*disk/partition disk/reread .*\n");
  expect([code, stderr]).toEqual([2, expect.stringMatching(RegExp(`^${text}$`))]);
});

test("refuses to work as anyone but root", () => {
  addStep("step", "touch /tmp/ran");
  const { code, stderr } = node.run("setpriv --reuid=65534 --clear-groups smt-ha test/step </dev/null");
  expect([code, stderr]).toEqual([2, refused("test/step", "only root can run it", "run it with sudo\n")]);
});

test.each([
  ["of no lane", "#!/bin/bash\n. lib\n# lane: first\n"],
  ["of a lane that is no word", "#!/bin/bash\n# lane: ../first\n"],
])("refuses a step %s", (_, script) => {
  node.write("/usr/local/lib/smt-ha/steps/test/step", script);
  const fix = "add a line '# lane: NAME' to the heading comment of /usr/local/lib/smt-ha-\\S+/steps/test/step\n";
  const { code, stderr } = node.run("smt-ha test/step </dev/null");
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(RegExp(`^${refused("test/step", "it names no lane", fix)}$`)),
  ]);
});

describe("the mark of what a step ran with", () => {
  const marks = (): string => node.check("cat /var/lib/smt-ha/steps/test-step");
  beforeEach(() => node.check("rm -rf /var/lib/smt-ha"));

  test("is one that the program can compute, for root only", () => {
    const options = { servers: 'it\'s; $(rm) `x` \\ "a"  *', empty: "", one: "a/b" };
    const inputs = { hosts: "one\n\n  two\n", secret: "tell" };
    expect(run("for x in $(option servers) $(option empty) $(option one); do :; done", options, inputs).code).toBe(0);
    const mark = markOf(commandLine("test/step", options, "1a2b3c4d"), sections(inputs));
    expect(marks()).toBe(`${mark}\n`);
    // Others have files of their own in /var/lib/smt-ha, such as Apache's user.
    expect(node.check("stat -c %a /var/lib/smt-ha /var/lib/smt-ha/steps/*")).toBe("755\n600\n");
    expect(markOf(commandLine("test/step", options, "1a2b3c4d"), sections({ ...inputs, secret: "hush" }))).not.toBe(
      mark,
    );
    expect(markOf(commandLine("test/step", { ...options, one: "a" }, "1a2b3c4d"), sections(inputs))).not.toBe(mark);
  });

  test("stands above what the step has written, as it is when the step ends: hashes, and no text", () => {
    node.write("/etc/mixed", "theirs\nours=1\n");
    const script = `echo hush | install_file 600 /etc/whole
sed s/=1/=2/ /etc/mixed | install_file 644 /etc/mixed root:root '/^ours=/p'
echo free | install_file 644 /etc/free root:root ''
echo short | install_file 644 /etc/short
echo found >/etc/found
ours /etc/found
ours /etc/whole
echo more >>/etc/whole
rm /etc/short`;
    // Written, and as it was.
    [1, 2].forEach(() => {
      expect(run(script).code).toBe(0);
      const [mark, ...files] = marks().trimEnd().split("\n");
      expect(mark).toMatch(/^[0-9a-f]{16}$/);
      expect(files).toEqual(
        [
          ["found\n", "644:0:0", "/etc/found", "p"],
          ["ours=2\n", "644:0:0", "/etc/mixed", "/^ours=/p"],
          ["hush\nmore\n", "600:0:0", "/etc/whole", "p"],
        ].map(([text, ...more]) => [crypto.createHash("sha256").update(text).digest("hex"), ...more].join("\t")),
      );
    });
  });

  test("is gone if the step fails, or is killed", () => {
    for (const end of ["exit 1", "kill -9 $PPID"]) {
      expect(run("true").code).toBe(0);
      expect(marks()).not.toBe("");
      expect(run(end).code).not.toBe(0);
      expect(node.check("ls /var/lib/smt-ha/steps; rm -rf /dev/shm/smt-ha.*")).toBe("");
    }
  });

  test("is one for each use, where the step has more than one, and none where it only asks", () => {
    node.write(
      "/usr/local/lib/smt-ha/steps/test/uses",
      '#!/bin/bash\n# lane: first\n# use: --part\n. "$SMT_HA/lib/step.sh"\npart=$(option part)\n',
    );
    for (const part of ["one", "two"]) {
      expect(node.step("test/uses", { part }).code).toBe(0);
    }
    addStep("asks", "true", "none");
    expect(node.step("test/asks").code).toBe(0);
    expect(node.check("ls /var/lib/smt-ha/steps")).toBe("test-uses-one\ntest-uses-two\n");
  });
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
      reported("section '@@ hosts' is missing on standard input", "run the step through the program"),
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
  test("names node, step, cause, fix and log, on stderr and in the log", () => {
    const result = run("fail 'the portal does not answer' 'check its firewall'; say 'went on'");

    const text = reported("the portal does not answer", "check its firewall");
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
  ])("%s ends the step, and is reported once", (_, script) => {
    const { code, stderr } = run(`${script}; touch /run/went-on`);

    expect(code).toBe(1);
    expect(stderr.replace(/^node1: test\/step: x.*\n/m, "")).toBe(reported("no x", "make one"));
    expect(node.run("ls /run/went-on").code).toBe(2);
    expect(log()).toContain(reported("no x", "make one"));
  });

  test("that is unexpected shows line, command, exit code and the end of this run's log", () => {
    run("echo 'of another run'");
    addStep("step", "for i in $(seq 20); do echo \"line $i\"; done\nfile=/root/none; ls $file\nsay 'went on'");
    const { code, stderr } = node.step("test/step");

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^smt-ha: node1: step test\/step failed\n {2}cause: line 5: 'ls \$file' ended with exit code 2; last lines of the log:\n/,
    );
    expect(stderr).toContain(
      "         | line 20\n         | ls: cannot access '/root/none': No such file or directory\n  fix:   " +
        fromTheLog,
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
  ])("that is unexpected %s is reported as well, once", (_, script, cause) => {
    const { code, stderr } = run(script);

    expect(code).not.toBe(0);
    expect(stderr).toContain(cause);
    expect(stderr).not.toContain("went on");
    expect(stderr.match(/step test\/step failed/g)).toHaveLength(1);
    expect(stderr).toContain(`  fix:   ${fromTheLog}\n  log:   /var/log/smt-ha/test-step.log on node1\n`);
  });

  test("in a condition is none", () => {
    expect(run("if false; then say no; fi; false || say handled").stderr).toBe("node1: test/step: handled\n");
  });
});

describe("lanes", () => {
  const ended = (command: string): Promise<number | null> =>
    new Promise((resolve) => {
      const started = node.start(`exec ${command} </dev/null`);
      started.once("close", resolve);
      started.stdin?.end();
    });
  /** Starts a step that runs until /run/go exists. */
  const startSlow = (lanes: string): Promise<number | null> => {
    node.check("rm -f /run/order /run/go");
    addStep(
      "slow",
      "echo slow-begins >>/run/order; until [ -e /run/go ]; do sleep 0.05; done; echo slow-ends >>/run/order",
      lanes,
    );
    const slow = ended("smt-ha test/slow");
    node.check("until [ -e /run/order ]; do sleep 0.05; done");
    return slow;
  };

  test.each([
    ["first", "first"],
    ["first second", "second"],
    ["second", "second first"],
  ])("a step of %s and one of %s run one after the other", async (lanes, others) => {
    const slow = startSlow(lanes);
    addStep("quick", "echo quick >>/run/order", others);
    const quick = ended("smt-ha test/quick");
    // Until the second one waits for the lock.
    node.check("until grep -qx flock /proc/[0-9]*/comm; do sleep 0.05; done");
    // It has not begun its part of the log either.
    expect(node.run("ls /var/log/smt-ha/test-quick.log").code).toBe(2);
    node.check("touch /run/go");

    expect(await Promise.all([slow, quick])).toEqual([0, 0]);
    expect(node.read("/run/order")).toBe("slow-begins\nslow-ends\nquick\n");
    node.check("rm /var/log/smt-ha/test-quick.log");
  });

  test("a step that waits says so, and does not start any more when nobody reads that", async () => {
    const slow = startSlow("first");
    addStep("quick", "echo quick >>/run/order", "first");
    node.check("sed -i 's/flock -w 30 /flock -w 1 /' /usr/local/lib/smt-ha/smt-ha");
    // As for the step of an up that was killed: the connection's end closes its pipes.
    expect(node.check("smt-ha test/quick 2>&1 | true; echo ${PIPESTATUS[0]}")).toBe("141\n");
    const read = node.check("smt-ha test/quick 2>&1 | head -n 1");
    expect(read).toBe("smt-ha: node1: step test/quick waits for another step of the lane first\n");
    node.check("sed -i 's/flock -w 1 /flock -w 30 /' /usr/local/lib/smt-ha/smt-ha; touch /run/go");

    expect(await slow).toBe(0);
    expect(node.read("/run/order")).toBe("slow-begins\nslow-ends\n");
  });

  test("steps of different lanes run at the same time", async () => {
    const slow = startSlow("first second");
    addStep("quick", "echo quick >>/run/order", "third");
    expect(await ended("smt-ha test/quick")).toBe(0);
    node.check("touch /run/go");

    expect(await slow).toBe(0);
    expect(node.read("/run/order")).toBe("slow-begins\nquick\nslow-ends\n");
  });

  test("a step that starts a daemon leaves none of its locks to it", () => {
    addStep("daemon", "start() { sleep 300 >/dev/null 2>&1 3>&- & }; start; exclusively thing start", "first second");
    expect(node.step("test/daemon").code).toBe(0);
    for (const lock of node.check("ls -d /var/lock/smt-ha-*.lock /usr/local/lib/smt-ha-*").trim().split("\n")) {
      expect(node.run(`flock -n ${lock} true`)).toEqual({ code: 0, stdout: "", stderr: "" });
    }
  });
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

  test("exclusively runs commands of one name one after the other, with their input and their exit code", async () => {
    const add = "add() { local n; n=$(cat /run/count); sleep 0.1; echo $((n + $(cat))) >/run/count; }\n";
    node.write("/run/count", "0");
    for (const lane of ["first", "second", "third"]) {
      addStep(lane, `${add}for i in 1 2 3; do echo 1 | exclusively count add; done`, lane);
    }
    const runs = await Promise.all(["first", "second", "third"].map((step) => node.runAside(`smt-ha test/${step}`)));
    expect(runs).toEqual([nothing, nothing, nothing]);
    expect(node.read("/run/count")).toBe("9\n");

    expect(run('code=0; exclusively count sh -c "exit 3" || code=$?; say "code $code"').stderr).toBe(
      "node1: test/step: code 3\n",
    );
    expect(run("exclusively count sh -c 'exit 3'; say 'went on'")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cause: line \d+: .* ended with exit code 3; last/) as string,
    });
    expect(run("exclusively count fail 'no x' 'make one'; say 'went on'").stderr).toBe(reported("no x", "make one"));
  });

  test("retry waits until a command succeeds, and gives up in time with its exit code", () => {
    const tries = "tries=0; attempt() { tries=$((tries + 1)); [ $tries -ge 2 ] || return 7; }\n";
    expect(run(`${tries} retry 5 attempt; say "after $tries"`).stderr).toBe("node1: test/step: after 2\n");
    expect(run(`${tries} code=0; retry 0 attempt || code=$?; say "code $code"`).stderr).toBe(
      "node1: test/step: code 7\n",
    );
  });

  test("retry goes on although the clock is set meanwhile", () => {
    // To bash, a clock that is put forward looks the same.
    const attempt = "attempt() { tries=$((tries + 1)); SECONDS=$((SECONDS + 3600)); [ $tries -ge 2 ] || return 7; }\n";
    expect(run(`tries=0; ${attempt} retry 5 attempt; say "after $tries"`).stderr).toBe("node1: test/step: after 2\n");
  });
});
