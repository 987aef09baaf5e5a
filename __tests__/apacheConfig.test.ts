import { spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "apache-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** What becomes of a file's text, and whether links are followed in /srv/www/htdocs then. */
function followLinks(text: string): { text: string; follows: boolean } {
  const file = path.join(folder, "default-server.conf");
  fs.writeFileSync(file, text);
  const script = '. "$0" && follow_links /srv/www/htdocs "$1"';
  const library = path.join(__dirname, "../files/lib/apache.sh");
  const { status, stdout } = spawnSync("bash", ["-c", script, library, file], { encoding: "utf8" });
  return { text: stdout, follows: status === 0 };
}

const section = (directory: string, options: string): string =>
  `<Directory ${directory}>\n\t# Options None is\n\t#   "None"\n\t${options}\n\tAllowOverride None\n</Directory>\n`;

test("changes the documents' section only, and nothing the second time", () => {
  const server = (options: string): string =>
    "Options None\n" +
    section('"/srv/www/cgi-bin"', "Options None") +
    section('"/srv/www/htdocs"', options) +
    section('"/srv/www/htdocs/repo"', "Options None") +
    section("/srv/www", "options none");
  const changed = { text: server("Options FollowSymLinks"), follows: true };
  expect(followLinks(server("Options None"))).toEqual(changed);
  expect(followLinks(changed.text)).toEqual(changed);
});

test.each(["Options Indexes FollowSymLinks", "Options +FollowSymLinks", "Options All"])(
  "leaves %s as it is",
  (options) => {
    const text = section('"/srv/www/htdocs"', options);
    expect(followLinks(text)).toEqual({ text, follows: true });
  },
);

test.each([
  ["other options", section('"/srv/www/htdocs"', "Options Indexes")],
  ["no options", section('"/srv/www/htdocs"', "")],
  ["no such section", section('"/srv/www/cgi-bin"', "Options FollowSymLinks")],
])("tells that links are not followed: %s", (_, text) => {
  expect(followLinks(text)).toEqual({ text, follows: false });
});
