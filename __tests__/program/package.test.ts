import * as path from "path";
import * as packageJson from "../../package.json";

const root = path.join(__dirname, "../..");

test("Pulumi runs index.ts: an export named . would be the program instead", () => {
  expect(packageJson.main).toBe("index.ts");
  expect(Object.keys(packageJson.exports)).toEqual(["./components"]);
});

test("the node-side files are found from the built components too", () => {
  const built = path.join(root, path.dirname(packageJson.exports["./components"].default));
  expect(path.join(built, "..", "files")).toBe(path.join(root, "files"));
  expect(packageJson.files).toEqual(["dist", "files"]);
});
