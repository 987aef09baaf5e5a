import { commandLine, sections } from "../../components/stepCommand";

test("a command line can be typed by a person", () => {
  expect(commandLine("disk/partition", { device: "/dev/disk/by-path/ip-192.0.2.3:3260-lun-1", count: 2 }, "1a2b")).toBe(
    "smt-ha disk/partition --device /dev/disk/by-path/ip-192.0.2.3:3260-lun-1 --count 2 --rev 1a2b",
  );
  expect(commandLine("node/time", { servers: "it's; $(rm) `x` a" }, "1a2b")).toBe(
    "smt-ha node/time --servers 'it'\\''s; $(rm) `x` a' --rev 1a2b",
  );
  expect(commandLine("node/time", { servers: "" }, "1a2b")).toBe("smt-ha node/time --servers '' --rev 1a2b");
});

test("sections keep each text as it is, with an end of line", () => {
  expect(sections({ one: "a\n\nb", two: "c\n", empty: "" })).toBe("@@ one\na\n\nb\n@@ two\nc\n@@ empty\n\n");
  expect(() => sections({ one: "fine", two: "a\n@@ three\nb" })).toThrow(
    'the text of section two has a line that starts with "@@ "',
  );
});
