import * as crypto from "crypto";
import { type AbstractProgram, type Config, nodesIn, type Operation, type Placeholder, variable } from "./plan";
import { runProgram } from "./program";

/** Runs the program against steps that answer with placeholders. They come back where the program passes a result on to another step. */
export async function abstractProgram(config: Config): Promise<AbstractProgram> {
  const servers = nodesIn(config).filter(({ role }) => role === "smt");
  const operations: Operation[] = [];
  const placeholders: Placeholder[] = [];
  await runProgram(config, (operation) => {
    operations.push(operation);
    const { name, node } = operation;
    const stdout = `hostvars["${node}"]["${variable(name)}"].stdout`;
    const placeholder = (text: string, expression: string): string => {
      placeholders.push({ text, expression });
      return text;
    };
    /** A field of a result in JSON. */
    const field = (key: string, text = token(name, key)): string =>
      placeholder(text, `(${stdout} | from_json)["${key}"] | trim`);
    const results: Readonly<Record<string, () => string>> = {
      "certificate-authority": () => placeholder(pem(name), `${stdout} | trim`),
      "certificate-request": () => placeholder(pem(name), `${stdout} | trim`),
      "certificate-sign": () =>
        servers
          .map(({ name: server }) => {
            const signed = `${stdout}.split("@@ ${server}")[1].split("@@ ")[0] | trim`;
            return `@@ ${server}\n${placeholder(pem(name, server), signed)}\n`;
          })
          .join(""),
      "database-configure": () =>
        JSON.stringify({ id: field("id"), certificate: field("certificate", pem(name, "certificate")) }),
      // On machines that are new.
      "database-survey": () => '{"member":false}',
      "database-offer": () => JSON.stringify({ dump: field("dump") }),
      "database-seed": () =>
        JSON.stringify({ file: field("file"), position: Number(field("position", String(number(name)))) }),
      "database-replicate": () => JSON.stringify({ marker: field("marker") }),
    };
    return Promise.resolve(results[name.slice(node.length + 1)]?.() ?? "");
  });
  return { operations, placeholders };
}

const digest = (...words: readonly string[]): string =>
  crypto.createHash("sha256").update(words.join("\0")).digest("hex");

/** A text that is nowhere else. */
const token = (...words: readonly string[]): string => digest(...words).slice(0, 32);
const pem = (...words: readonly string[]): string =>
  `-----BEGIN CERTIFICATE-----\n${token(...words)}\n-----END CERTIFICATE-----`;
/** A number that is nowhere else. */
const number = (name: string): number => 1e15 + parseInt(digest(name).slice(0, 12), 16);
